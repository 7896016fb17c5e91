"""What ``--network-every`` saves, and what colours lose by it.

    python benchmarks/carried.py --clips DIR [--frames 48] [--smooth 7]

Each colour clip is greyed and coloured with the network seeing every frame, and every second,
fourth and eighth. CIEDE2000, colourfulness and flicker are those of ``vidcolor evaluate --film``,
at a short side of 240 px. The time is that of the network's stage, in which motion is measured too.
"""

from __future__ import annotations

import argparse
import datetime
import sys
import tempfile
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import get_args

import av
import numpy as np
from common import films_in, machine, print_table
from repeats import write_grey

from vidcolor.colorizer import Colorizer
from vidcolor.config import NetworkSettings, load_preset, override
from vidcolor.evaluation.film_measures import FilmMeter, FilmScores, luma_codes, motion_between
from vidcolor.evaluation.measures import Rgb, resized, unit
from vidcolor.jobs.run import color_film
from vidcolor.temporal import ShotDetector

SHORT_SIDE = 240

STEPS = get_args(NetworkSettings.model_fields["every"].annotation)


def frames_of(film: Path, most: int) -> list[np.ndarray]:
    """(H, W, 3) R′G′B′ codes."""
    with av.open(str(film)) as container:
        return [f.to_ndarray(format="rgb24") for f in islice(container.decode(video=0), most)]


def small(frames: list[np.ndarray]) -> Iterator[Rgb]:
    for frame in frames:
        height, width = frame.shape[:2]
        scale = SHORT_SIDE / min(height, width)
        yield resized(unit(frame), round(width * scale), round(height * scale))


def scores(truth: list[Rgb], shown: list[np.ndarray], cuts: list[bool]) -> FilmScores:
    meter, shot = FilmMeter(), -1
    for index, (true, colored) in enumerate(zip(truth, small(shown), strict=True)):
        shot += cuts[index]
        motion = None if cuts[index] else motion_between(truth[index - 1], true)
        meter.add(true, colored, shot, motion)
    return meter.summary()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--clips", type=Path, required=True)
    parser.add_argument("--frames", type=int, default=48)
    parser.add_argument("--smooth", type=int, default=7)
    options = parser.parse_args()
    print(f"{datetime.date.today()}, {machine()}\n`{' '.join(['python', *sys.argv])}`\n")
    colorizer = Colorizer()
    header = ["clip", "every", "seen by the network", "carried", "repeated", "network, ms/frame"]
    header += ["ΔE00", "colourfulness", "flicker"]
    rows, numbers = [], []
    for clip in films_in(options.clips):
        frames = frames_of(clip, options.frames)
        height, width = (side // 2 * 2 for side in frames[0].shape[:2])
        truth = list(small([frame[:height, :width] for frame in frames]))
        detector = ShotDetector()
        decisions = [each for true in truth for each in detector.push(luma_codes(true))]
        cuts = [is_cut for _, is_cut in decisions + detector.flush()]
        for every in STEPS:
            with tempfile.TemporaryDirectory() as folder:
                grey, output = Path(folder) / "grey.mp4", Path(folder) / "out.mkv"
                write_grey(frames, grey)
                changes = {"network.every": every, "temporal.radius": options.smooth}
                settings = override(load_preset("film"), changes)
                report = color_film(grey, output, settings, colorizer=colorizer)
                found = scores(truth, frames_of(output, options.frames), cuts)
            carried = report.frames_carried / report.frames_out
            repeated = report.frames_repeated / report.frames_out
            shares = [1 - carried - repeated, carried, repeated]
            assert found.flicker is not None
            measured = [found.delta_e, found.colorfulness, found.flicker]
            numbers.append((every, *shares, report.stage_ms["network"], *measured))
            rows.append([clip.stem, *cells(numbers[-1])])
            print(" | ".join(rows[-1]), file=sys.stderr)
    for every in STEPS:
        mean = np.mean([row for row in numbers if row[0] == every], axis=0)
        rows.append(["all", *cells((every, *mean[1:]))])
    print_table(header, rows)


def cells(numbers: tuple[float, ...]) -> list[str]:
    every, seen, carried, repeated, ms, delta_e, colorfulness, flicker = numbers
    shares = [f"{share:.0%}" for share in (seen, carried, repeated)]
    measured = [f"{delta_e:.2f}", f"{colorfulness:.1f}", f"{flicker:.3f}"]
    return [f"{every}", *shares, f"{ms:.1f}", *measured]


if __name__ == "__main__":
    main()
