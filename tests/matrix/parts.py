"""Files that sources are made of: subtitles, covers, fonts, chapters, packets of data."""

from __future__ import annotations

from pathlib import Path

from tests.synthetic import run_ffmpeg

CHAPTERS = """;FFMETADATA1
title=Reel one
artist=Somebody
comment=A note
[CHAPTER]
TIMEBASE=1/1000
START=0
END=160
title=First
[CHAPTER]
TIMEBASE=1/1000
START=160
END=400
title=Zweites, mit Umlaut: ä
"""


def write_srt(folder: Path) -> Path:
    """``words.srt``: two lines."""
    path = folder / "words.srt"
    path.write_text(
        "1\n00:00:00,040 --> 00:00:00,160\nFirst line\n\n"
        "2\n00:00:00,200 --> 00:00:00,320\nSecond, with <i>italics</i> ä\n\n"
    )
    return path


def write_chapters(folder: Path) -> Path:
    """``chapters.txt``: two chapters and three tags of the file."""
    path = folder / "chapters.txt"
    path.write_text(CHAPTERS)
    return path


def write_bare_chapters(folder: Path) -> Path:
    """``chapters.txt``: two chapters without titles, the first not from the film's beginning."""
    path = folder / "chapters.txt"
    lines = [line for line in CHAPTERS.splitlines() if "=" not in line or line[0].isupper()]
    path.write_text("\n".join(lines).replace("START=0", "START=80") + "\n")
    return path


def write_font(folder: Path) -> Path:
    """``font.ttf``, which is none."""
    path = folder / "font.ttf"
    path.write_bytes(b"not a font" * 20)
    return path


def write_cover(folder: Path) -> Path:
    """``cover.png``."""
    path = folder / "cover.png"
    run_ffmpeg("-f", "lavfi", "-i", "testsrc=s=32x32:d=0.04", "-frames:v", "1", str(path))
    return path


def write_jpeg_cover(folder: Path) -> Path:
    """``cover.jpg``."""
    path = folder / "cover.jpg"
    run_ffmpeg("-f", "lavfi", "-i", "testsrc=s=32x32:d=0.04", "-frames:v", "1", str(path))
    return path
