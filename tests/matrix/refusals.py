"""Rows of the matrix that are refused because of what the file is, and what still is not."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tests.matrix.case import NO_TAGS, Case, Maker
from tests.matrix.making import by_ffmpeg, by_pyav


def cut(make: Maker, share: float) -> Maker:
    """The first part of another source's bytes."""

    def make_it(folder: Path) -> Path:
        path = make(folder)
        data = path.read_bytes()
        path.write_bytes(data[: int(len(data) * share)])
        return path

    return make_it


def damaged(make: Maker) -> Maker:
    """Another source with noise in its middle."""

    def make_it(folder: Path) -> Path:
        path = make(folder)
        data = bytearray(path.read_bytes())
        middle = len(data) // 2
        data[middle : middle + 300] = np.random.default_rng(1).bytes(300)
        path.write_bytes(data)
        return path

    return make_it


def text(name: str, words: str) -> Maker:
    """A file of words under a film's name."""

    def make_it(folder: Path) -> Path:
        path = folder / name
        path.write_text(words)
        return path

    return make_it


def two_sizes(folder: Path) -> Path:
    """A transport stream whose picture changes its size."""
    parts = [
        by_ffmpeg(f"{size}.ts", codec="mpeg2video", qscale__v="2", size=size)(folder)
        for size in ("64x48", "96x64")
    ]
    path = folder / "a.ts"
    path.write_bytes(b"".join(part.read_bytes() for part in parts))
    for part in parts:
        part.unlink()
    return path


CASES = (
    Case(
        "refused-text",
        "a text called .mp4",
        text("a.mp4", "no film\n" * 50),
        ".mp4",
        refused=(6, "is not a film in a known container"),
    ),
    Case("refused-empty", "0 bytes", text("a.mkv", ""), refused=(5, "has 0 bytes")),
    Case(
        "refused-playlist",
        "an HLS playlist called .mp4",
        text("a.mp4", "#EXTM3U\nfile.ts\n"),
        ".mp4",
        refused=(7, "is an M3U or HLS playlist"),
    ),
    Case(
        "refused-sound-only",
        "sound, cover art, no picture",
        by_pyav("a.mp4", frames=0, audio=1),
        ".mp4",
        refused=(9, "has no video, only audio"),
    ),
    Case(
        "refused-cut-mp4",
        "the second half is missing",
        cut(by_ffmpeg("a.mp4"), 0.5),
        ".mp4",
        refused=(11, "is cut off"),
    ),
    Case(
        "refused-cut-mkv",
        "the second half is missing",
        cut(by_ffmpeg("a.mkv", frames=50), 0.5),
        refused=(11, "bytes are missing"),
    ),
    Case(
        "partial-cut-avi",
        "the second half is missing, --keep-partial",
        cut(
            by_ffmpeg(
                "a.avi",
                codec="mjpeg",
                pix_fmt="yuvj420p",
                tags="range=pc",
                frames=50,
                qscale__v="2",
            ),
            0.5,
        ),
        options=("--keep-partial",),
        pixels="yuvj420p",
        luma="other",
        changes={"primaries": NO_TAGS, "transfer": NO_TAGS},
        told=("the file is cut off", "the source ends early", "are tinted"),
    ),
    Case(
        "refused-size-change",
        "64×48, then 96×64",
        two_sizes,
        refused=(14, "the picture changes from 64×48"),
    ),
    Case(
        "damaged-ffv1-mkv",
        "noise in the middle",
        damaged(by_ffmpeg("a.mkv", codec="ffv1", pix_fmt="gray")),
        preset="archive",
        luma="other",
        told=("1 packets could not be decoded",),
    ),
)
