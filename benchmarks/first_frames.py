"""Are first frames of shots worse for being steadied? Measured on many of them.

    python benchmarks/first_frames.py --data CLIPS [--frames 160] [--step 3]

A clip has one first frame, which may be easier or harder than others by chance. So each clip,
greyed and flickering as in steadiness.py, is begun anew at every third frame: what the smoother
makes of the first frame of such a shot is compared with the frame as the network gave it, and with
the same frame in the middle of its shot. Errors are CIEDE2000 against the true colours; intervals
are 95 % ones of the mean over clips, by bootstrap over the frames of each.
"""

from __future__ import annotations

import argparse
import datetime
from pathlib import Path

import numpy as np
from common import machine, print_table
from steadiness import DEFAULT_RADIUS, Ab, as_film, color, read_clips, smoothed

from vidcolor.evaluation.measures import color_difference, to_lab
from vidcolor.evaluation.protocols import Subject, luma_subject
from vidcolor.temporal import TemporalSmoother

DRAWS = 2000
"""Of the bootstrap."""


def error(subject: Subject, ab: Ab) -> float:
    """Mean CIEDE2000 of a frame with these colours."""
    return float(color_difference(subject.truth_lab, to_lab(subject.show(ab))).mean())


def ratios(errors: np.ndarray) -> np.ndarray:
    """Of (frames, 3) errors, raw, first and in the middle: the last two's means ÷ raw's."""
    means = errors.mean(axis=0)
    return np.asarray(means[1:] / means[0])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of colour clips")
    parser.add_argument("--frames", type=int, default=160, help="of each clip, at most")
    parser.add_argument("--step", type=int, default=3, help="frames from one start to the next")
    parser.add_argument("--checkpoint", default="default")
    options = parser.parse_args()
    reach = TemporalSmoother(DEFAULT_RADIUS).delay + 1
    clips, truths = read_clips(options.data, options.frames)
    small, raw = color(list(as_film(truths)), options.checkpoint)
    by_clip: dict[str, np.ndarray] = {}
    for clip in clips:
        whole = smoothed(small[clip.first : clip.end], raw[clip.first : clip.end], DEFAULT_RADIUS)
        rows = []
        for start in range(clip.first, clip.end - reach, options.step):
            part = slice(start, start + reach)
            begun = smoothed(small[part], raw[part], DEFAULT_RADIUS)[0]
            subject = luma_subject(truths[start])
            three = (raw[start], begun, whole[start - clip.first])
            rows.append([error(subject, ab) for ab in three])
        by_clip[clip.name] = np.array(rows)
    rng = np.random.default_rng(0)
    draws = [
        np.mean([ratios(rng.choice(errors, len(errors))) for errors in by_clip.values()], axis=0)
        for _ in range(DRAWS)
    ]
    low, high = np.percentile(draws, (2.5, 97.5), axis=0)
    print(f"{datetime.date.today()}, {machine()}")
    print(f"`first_frames.py --frames {options.frames} --step {options.step}`\n")
    table = [
        [name, str(len(errors)), *(f"{ratio:.3f}" for ratio in ratios(errors))]
        for name, errors in by_clip.items()
    ]
    means = np.mean([ratios(errors) for errors in by_clip.values()], axis=0)
    spans = [f"{m:.3f} ({a:.3f}…{b:.3f})" for m, a, b in zip(means, low, high, strict=True)]
    table.append(["mean over clips", str(sum(map(len, by_clip.values()))), *spans])
    print_table(["clip", "starts", "first frame ΔE00 ÷ raw", "same frame, mid-shot ÷ raw"], table)


if __name__ == "__main__":
    main()
