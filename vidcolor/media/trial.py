"""Asks libav whether a container can hold a stream, by writing a small file into memory.

What a muxer takes is decided at three moments: when the stream is added, when the header is
written, and for some codecs only at the trailer, which needs a packet to have been written. A
film must not fail at its end, so all three are tried before it begins.
"""

from __future__ import annotations

import contextlib
import functools
import io
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import av
from av.stream import Discard, Disposition

MAX_TRIED_PACKETS = 400
"""Packets that are read to find the first ones; sound lies beside its picture."""

MAX_TRIED_BYTES = 64 * 2**20
"""The same in bytes: a second film may have large packets."""

DEFAULT_LAYOUTS = {
    1: "mono",
    2: "stereo",
    3: "2.1",
    4: "4.0",
    5: "5.0",
    6: "5.1",
    7: "6.1",
    8: "7.1",
}
"""What so many channels usually are (libav's av_channel_layout_default)."""

_BIBLIOGRAPHIC = {
    **{"sqi": "alb", "hye": "arm", "eus": "baq", "mya": "bur", "zho": "chi", "ces": "cze"},
    **{"nld": "dut", "fra": "fre", "kat": "geo", "deu": "ger", "ell": "gre", "isl": "ice"},
    **{"mkd": "mac", "mri": "mao", "msa": "may", "fas": "per", "ron": "rum", "slk": "slo"},
    **{"bod": "tib", "cym": "wel"},
}
# The languages that ISO 639-2 gives two codes: terminology to bibliography.

OTHER_LANGUAGE_CODES = {
    **_BIBLIOGRAPHIC,
    **{old: new for new, old in _BIBLIOGRAPHIC.items()},
    "swe": "sve",
}
"""Another code for the same language. MOV's muxer knows those of QuickTime only, which mixes
both sets of ISO 639-2 and has one of its own for Swedish."""


def first_packets(container: Any, film: int) -> dict[int, Any]:
    """The first packet of each stream but ``film``, as far as they come early, by index.

    Reading stops as soon as all sound and pictures are found; subtitles may come much later.
    """
    container.streams[film].discard = Discard.all
    wanted = {s.index for s in container.streams if s.type in ("audio", "video")} - {film}
    found: dict[int, Any] = {}
    size = 0
    # A damaged film is the reader's business. PyAV raises IndexError at the end of a file in
    # which a stream has appeared late.
    with contextlib.suppress(av.FFmpegError, IndexError):
        for count, packet in enumerate(container.demux() if wanted else ()):
            if packet.size and packet.stream_index != film:
                found.setdefault(packet.stream_index, packet)
            size += packet.size
            enough = count >= MAX_TRIED_PACKETS or size >= MAX_TRIED_BYTES
            if enough or wanted <= found.keys():
                break
    return found


def add_copy(container: Any, template: Any) -> Any:
    """Add a stream to an output that takes the packets of ``template`` as they are.

    Raises
    ------
    ValueError
        If the container is known not to hold the codec.
    """
    copy = container.add_stream_from_template(template, opaque=True)
    if template.type == "audio":
        # Matroska and AVI do not say which channels PCM has; MP4 must.
        layout = template.codec_context.layout
        usual = DEFAULT_LAYOUTS.get(layout.nb_channels)
        if usual is not None and layout.name == f"{layout.nb_channels} channels":
            copy.codec_context.layout = usual
    return copy


def can_hold(muxer: str, stream: Any, packet: Any | None = None) -> bool:
    """Whether ``muxer`` writes a file with a copy of ``stream``.

    Parameters
    ----------
    muxer:
        libav's name.
    stream:
        Of an open input container.
    packet:
        One of its packets, used up by the trial; without it only the header is tried.
    """
    container = av.open(io.BytesIO(), "w", format=muxer)
    try:
        copy = add_copy(container, stream)
        copy.disposition = stream.disposition
        container.start_encoding()
        if packet is not None:
            packet.stream = copy
            packet.pts = packet.dts = 0
            container.mux(packet)
            container.close()
    except (ValueError, av.FFmpegError):
        return False
    finally:
        # A trailer without packets may be refused; nobody will read it.
        with contextlib.suppress(ValueError, av.FFmpegError):
            container.close()
    return True


def holds_encoder(muxer: str, codec: str) -> bool:
    """Whether ``muxer`` can carry what encoder ``codec`` makes."""
    with av.open(io.BytesIO(), "w", format=muxer) as container:
        try:
            container.add_stream(codec, rate=24)
        except ValueError:
            return False
    return True


@functools.cache
def held_language(muxer: str, language: str) -> str | None:
    """The code under which ``muxer`` keeps ``language``; None if it keeps it under none.

    Parameters
    ----------
    muxer:
        libav's name.
    language:
        As the source has it, usually of ISO 639-2.
    """
    if muxer == "matroska":
        return language
    usual = language.lower()
    for code in (language, usual, OTHER_LANGUAGE_CODES.get(usual)):
        if code and read_back(muxer, {}, {"language": code})[1].get("language") == code:
            return code
    return None


def lost_tags(muxer: str, tags: Mapping[str, str]) -> tuple[str, ...]:
    """The names of those ``tags`` of a file that ``muxer`` leaves out."""
    if muxer == "matroska" or not tags:
        return ()
    kept = {key.lower() for key in read_back(muxer, dict(tags), {})[0]}
    return tuple(key for key in tags if key.lower() not in kept)


@functools.cache
def holds_mark(muxer: str, mark: str) -> bool:
    """Whether ``muxer`` keeps a mark of sound and subtitles, such as ``comment``."""
    disposition = Disposition[mark]
    return bool(disposition & read_back(muxer, {}, {}, disposition)[2])


def read_back(
    muxer: str,
    tags: dict[str, str],
    stream_tags: dict[str, str],
    disposition: Disposition = Disposition.default,
) -> tuple[dict[str, str], dict[str, str], Disposition]:
    """Tags of a file and of its stream, and its marks, after one turn through ``muxer``."""
    memory = io.BytesIO()
    with av.open(memory, "w", format=muxer) as container:
        stream: Any = container.add_stream("pcm_s16le", rate=48_000, layout="mono")
        container.metadata.update(tags)
        stream.metadata.update(stream_tags)
        stream.disposition = disposition
        packet = av.Packet(bytes(2))
        packet.pts = packet.dts = 0
        packet.duration, packet.time_base = 1, Fraction(1, 48_000)
        packet.stream = stream
        container.mux(packet)
    memory.seek(0)
    with av.open(memory) as container:
        read = container.streams[0]
        return dict(container.metadata), dict(read.metadata), Disposition(read.disposition)
