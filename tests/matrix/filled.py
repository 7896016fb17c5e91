"""Sources with sound, subtitles and files in them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.matrix.bitmaps import write_pgs
from tests.matrix.case import Maker
from tests.matrix.making import by_ffmpeg, remuxed
from tests.matrix.parts import write_chapters, write_srt


def with_file(
    name: str, write: Callable[[Path], Path], file: str, *maps: str, **options: Any
) -> Maker:
    """A film with a second input; PGS does not say how long it is shown."""
    given_input = {"fix_sub_duration": None} if options.get("c__s") == "dvdsub" else {}
    given = {"inputs": [(file, given_input)], "maps": maps, "before": [write], **options}
    return by_ffmpeg(name, **given)


def with_words(name: str, text: str, **options: Any) -> Maker:
    """A film with two tracks of text, one of them German and forced."""
    return with_file(
        name,
        write_srt,
        "words.srt",
        *("1:0", "1:0"),
        c__s=text,
        metadata__s__s__0="language=eng",
        metadata__s__s__1="language=ger",
        disposition__s__0="default",
        **{"disposition__s__1": "forced", **options},
    )


def with_pgs(name: str, form: str, **options: Any) -> Maker:
    """A film with subtitles that are pictures."""
    return with_file(name, write_pgs, "subtitles.sup", "1:0", c__s=form, size="96x64", **options)


def with_chapters(
    name: str, write: Callable[[Path], Path] = write_chapters, **options: Any
) -> Maker:
    """A film with two chapters and three tags, or with those of ``write``."""
    arguments = ("-i", "{source}", "-i", "{folder}/chapters.txt", "-map", "0", "-map_metadata", "1")
    plain = by_ffmpeg(name, **options)
    return remuxed(plain, name, *arguments, "-c", "copy", before=[write])


def with_attachment(name: str, write: Callable[[Path], Path], file: str, kind: str) -> Maker:
    """A film with a file in it."""
    arguments = ("-i", "{source}", "-c", "copy", "-attach", f"{{folder}}/{file}")
    tags = ("-metadata:s:t", f"mimetype={kind}", "-metadata:s:t", f"filename={file}")
    return remuxed(by_ffmpeg(name), name, *arguments, *tags, before=[write])


def with_flags(name: str, text: str = "srt") -> Maker:
    """A film with two tracks of sound and two of text, all marked differently."""
    return with_words(
        name,
        text,
        sound=("aac", "aac"),
        disposition__a__0="default+original",
        disposition__a__1="comment+visual_impaired",
        disposition__s__1="forced+hearing_impaired",
    )
