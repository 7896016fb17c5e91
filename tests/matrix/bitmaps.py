"""Presentation graphics (PGS, the subtitles of Blu-ray discs), made from nothing.

The format: ``PG``, a 90 kHz time twice, a kind and a length, then the segment. A picture is a
presentation (0x16), its window (0x17), a palette (0x14), an object of run lengths (0x15) and an
end (0x80). Source: libavcodec/pgssubdec.c.
"""

from __future__ import annotations

import struct
from pathlib import Path

SHOWN_S = ((0.04, 0.16), (0.2, 0.32))
"""From when to when each subtitle is shown."""

CANVAS = (96, 64)
"""Width and height of the film that they are made for."""

_BOX = (16, 8)


def write_pgs(folder: Path) -> Path:
    """``subtitles.sup``: two white boxes, one after the other."""
    segments = b""
    for number, (begin, end) in enumerate(SHOWN_S):
        segments += _shown(2 * number, begin) + _cleared(2 * number + 1, end)
    path = folder / "subtitles.sup"
    path.write_bytes(segments)
    return path


def _segment(time_s: float, kind: int, content: bytes) -> bytes:
    ticks = round(90_000 * time_s)
    return struct.pack(">2sIIBH", b"PG", ticks, ticks, kind, len(content)) + content


def _presentation(number: int, time_s: float, objects: bytes, count: int) -> bytes:
    state = 0x80 if count else 0  # an epoch begins, or goes on
    head = struct.pack(">HHBHBBBB", *CANVAS, 0x10, number, state, 0, 0, count)
    return _segment(time_s, 0x16, head + objects)


def _window(time_s: float) -> bytes:
    return _segment(time_s, 0x17, struct.pack(">BBHHHH", 1, 0, 8, 40, *_BOX))


def _shown(number: int, time_s: float) -> bytes:
    placed = struct.pack(">HBBHH", 0, 0, 0, 8, 40)
    palette = struct.pack(">BB5B", 0, 0, 1, 235, 128, 128, 255)
    line = bytes([0, 0x80 | _BOX[0], 1, 0, 0])  # a run of colour 1, end of line
    runs = line * _BOX[1]
    size = struct.pack(">I", len(runs) + 4)[1:]
    picture = struct.pack(">HBB3sHH", 0, 0, 0xC0, size, *_BOX) + runs
    return (
        _presentation(number, time_s, placed, 1)
        + _window(time_s)
        + _segment(time_s, 0x14, palette)
        + _segment(time_s, 0x15, picture)
        + _segment(time_s, 0x80, b"")
    )


def _cleared(number: int, time_s: float) -> bytes:
    return _presentation(number, time_s, b"", 0) + _window(time_s) + _segment(time_s, 0x80, b"")
