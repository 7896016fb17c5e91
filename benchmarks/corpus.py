"""Every film in some folders through one preset, compared with its source by plain PyAV.

    python benchmarks/corpus.py --data DIR [--data DIR …] [--preset archive] [--keep OUT]

Prints a table: frames in and out, frames whose decoded luma equals the source's, the largest
difference of presentation times, whether each track of sound has the same packets, and what the
run noted; or the one-line error and its exit code, after checking that no output was left.
Decoding both files here shares no code with vidcolor's own verification.
"""

from __future__ import annotations

import argparse
import datetime
import sys
import tempfile
import warnings
from collections.abc import Iterator
from fractions import Fraction
from itertools import zip_longest
from pathlib import Path

import av
import numpy as np
from common import machine, print_table

from vidcolor.colorizer import Colorizer
from vidcolor.config import load_preset, override
from vidcolor.errors import VidcolorError
from vidcolor.jobs.run import color_film


def main_video(path: Path) -> int:
    """Which of the video streams, counted from 0, is coloured."""
    with av.open(str(path), metadata_errors="replace") as container:
        return container.streams.video.index(container.streams.best("video"))


def lumas(path: Path, number: int) -> Iterator[tuple[Fraction, np.ndarray]]:
    """(seconds, luma codes) of every frame of a video stream."""
    with av.open(str(path), metadata_errors="replace") as container:
        stream = container.streams.video[number]
        for packet in container.demux(stream):
            try:
                frames = packet.decode()
            except av.FFmpegError:
                continue
            for frame in frames:
                plane = frame.planes[0]
                size = 1 if frame.format.components[0].bits == 8 else 2
                rows = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)
                luma = rows[: plane.height, : plane.width * size].copy()
                yield (frame.pts or 0) * frame.time_base, luma


def sounds(path: Path) -> list[list[bytes]]:
    """Payloads of the packets of each track of sound, those that an edit list hides left out."""
    with av.open(str(path), metadata_errors="replace") as container:
        tracks: dict[int, list[bytes]] = {s.index: [] for s in container.streams.audio}
        for packet in container.demux(*container.streams.audio) if tracks else ():
            if packet.size and not packet.is_discard:
                tracks[packet.stream.index].append(bytes(packet))
        return list(tracks.values())


def compare(source: Path, output: Path) -> tuple[int, int, Fraction]:
    """Frames with equal luma, frames compared, largest time difference in seconds."""
    equal = count = 0
    largest = Fraction(0)
    number = main_video(source)
    for before, after in zip_longest(lumas(source, number), lumas(output, number)):
        count += 1
        if before is None or after is None:
            continue
        largest = max(largest, abs(before[0] - after[0]))
        equal += before[1].shape == after[1].shape and np.array_equal(before[1], after[1])
    return equal, count, largest


def row(source: Path, folder: Path, preset: str, colorizer: Colorizer) -> list[str]:
    """One film's line of the table."""
    settings = override(load_preset(preset), {"overwrite": True, "allow_drop": True})
    suffix = ".mkv" if preset == "archive" else source.suffix
    output = folder / f"{source.stem}{suffix}"
    if suffix not in (".mp4", ".mov", ".mkv"):
        output = output.with_suffix(".mkv")
    try:
        report = color_film(source, output, settings, colorizer=colorizer)
    except VidcolorError as error:
        left = sorted(path.name for path in folder.glob(f"*{source.stem}*"))
        assert not left, f"left behind: {left}"
        return [source.name, "–", "–", "–", "–", f"exit {error.exit_code}: {error}"]
    equal, count, largest = compare(source, output)
    before, after = sounds(source), sounds(output)
    same = sum(a == b for a, b in zip(before, after, strict=False))
    return [
        source.name,
        f"{report.frames_in} → {report.frames_out}",
        f"{report.luma_identical}",
        f"{equal} of {count}",
        f"{1000 * float(largest):.3f} ms; {same} of {len(before)} tracks",
        "; ".join(report.notices) or "–",
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, action="append", required=True)
    parser.add_argument("--preset", default="archive")
    parser.add_argument("--checkpoint", default="default")
    parser.add_argument("--keep", type=Path, help="leave the coloured films in this folder")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    print(f"{datetime.date.today()}, {machine()}\n`{' '.join(['python', *sys.argv])}`\n")
    network = override(
        load_preset(options.preset), {"network.checkpoint": options.checkpoint}
    ).network
    colorizer = Colorizer(network)
    rows = []
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        for data in options.data:
            for source in sorted(path for path in data.iterdir() if path.is_file()):
                rows.append(row(source, folder, options.preset, colorizer))
                print(rows[-1], file=sys.stderr, flush=True)
    header = [
        "film",
        "frames in → out",
        "luma into the encoder",
        "luma equal after decoding",
        "time difference; sound packets equal",
        "notices or error",
    ]
    print_table(header, rows)


if __name__ == "__main__":
    main()
