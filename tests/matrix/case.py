"""What a row of the media matrix says: a source, what is done with it, what must come out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

Maker = Callable[[Path], Path]
"""Writes a source into a folder and returns its path."""

Luma = Literal["exact", "close", "other"]
"""How the output's luma goes with the source's, as the ffmpeg program decodes both.

``exact``: every code is the same. ``close``: a lossy encoder, at least 35 dB. ``other``: not
compared, because it is scaled, or damage that decoders paint over as they like.
"""

NO_RANGE = "no colour range tag"
NO_TAGS = "not tagged in the source"
CHAPTER_TRACK = "chapter titles, written anew"
TIMECODE_TRACK = "written anew from its tag"
ODD_SIDE = "has an odd side"


@dataclass(frozen=True)
class Case:
    """One row.

    What differs from the source is listed in ``changes``, each with a part of the notice that
    says so; what is not listed must be the same. Notices that go with no difference are in
    ``told``. There must be no other.
    """

    name: str
    says: str
    """What is special about the source."""
    make: Maker
    to: str = ".mkv"
    """Suffix of the output."""
    preset: str = "exact"
    """Shipped, or ``exact``: ``film`` with x264 and x265 lossless."""
    options: tuple[str, ...] = ()
    """More options of ``vidcolor run``."""
    film: int = 0
    """Which stream is coloured."""
    out_film: int | None = None
    """Its number in the output, if that is another."""
    pixels: str = "yuv420p"
    """Pixel format of the output."""
    luma: Luma = "exact"
    dropped: tuple[int, ...] = ()
    """Streams that the output lacks; each needs an entry ``stream N`` in ``changes``."""
    changes: Mapping[str, str] = field(default_factory=dict)
    told: tuple[str, ...] = ()
    documented: Mapping[str, str] = field(default_factory=dict)
    """What differs without a notice, each with the words of docs/formats.md that say so."""
    refused: tuple[int, str] | None = None
    """Exit code and a part of the error line."""
    unwrap: Mapping[int, str] = field(default_factory=dict)
    """Bitstream filters, by stream, that make packets comparable."""
