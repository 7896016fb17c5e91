"""How steady colours are, against raw frames and simpler ways to steady them.

    python benchmarks/steadiness.py --data CLIPS [--frames 40] [--plot DIR]

Colour clips are made small, greyed, given exposure flicker and grain, joined to one film, coloured
frame by frame and then steadied: by an exponential average, by a mean over time without motion, and
by vidcolor's smoother with each radius. The colours are put on the true luma, so that only they are
compared with the truth. Prints means over the clips, and each clip for the default radius.
"""

from __future__ import annotations

import argparse
import datetime
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from common import films_in, machine, print_table

from vidcolor.color import luma_from_rgb_codes
from vidcolor.colorizer import Colorizer
from vidcolor.config import NetworkSettings
from vidcolor.evaluation.film_measures import (
    CDC_GAPS,
    FilmMeter,
    FilmScores,
    FrameScores,
    Motion,
    luma_codes,
    motion_between,
)
from vidcolor.evaluation.measures import to_lab
from vidcolor.evaluation.protocols import Subject, luma_subject
from vidcolor.media.reader import FilmReader
from vidcolor.photographs.film_frames import frame_to_rgb
from vidcolor.temporal import RADII, TemporalSmoother

WIDTH, HEIGHT = 448, 256
"""Of the joined film."""

FLICKER, GRAIN = 0.05, 5.0
"""Standard deviations of exposure (its logarithm) and of grain (8-bit codes)."""

EMA_KEEP = 0.8
"""Share of the exponential average that stays from frame to frame."""

DEFAULT_RADIUS = 7

EDGE_PX = 4
"""Pixels on either side of a luma edge that count as its surroundings."""

TRUTH = "true colours"

Ab = np.ndarray
"""(frames, 2, h, w)."""


@dataclass
class Clip:
    """Frames ``first`` … ``end - 1`` of the joined film."""

    name: str
    first: int
    end: int


@dataclass
class Scores:
    """One clip, coloured one way."""

    film: FilmScores
    edge_error: float
    """Mean distance in ab near luma edges, CIE units."""
    first_error: float
    """CIEDE2000 of the clip's first frame."""
    frames: list[FrameScores]


def read_clips(folder: Path, most: int) -> tuple[list[Clip], list[np.ndarray]]:
    """Clips and the true frames, (HEIGHT, WIDTH, 3) uint8, of all of them in a row."""
    clips: list[Clip] = []
    frames: list[np.ndarray] = []
    for film in films_in(folder):
        first = len(frames)
        with FilmReader(film, keep_partial=True) as reader:
            for frame in reader:
                if len(frames) - first == most:
                    break
                rgb = frame_to_rgb(frame, reader.info.video, HEIGHT)
                assert rgb is not None
                frames.append(cv2.resize(rgb, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA))
        clips.append(Clip(film.stem, first, len(frames)))
    return clips, frames


def as_film(frames: list[np.ndarray]) -> Iterator[np.ndarray]:
    """Luma of each frame as an old film would show it."""
    rng = np.random.default_rng(0)
    for rgb in frames:
        luma = luma_from_rgb_codes(rgb, 8).astype(np.float32) * np.exp(rng.normal(0, FLICKER))
        noisy = luma + rng.normal(0, GRAIN, luma.shape)
        yield np.clip(np.rint(noisy), 0, 255).astype(np.uint8)


def color(lumas: list[np.ndarray], checkpoint: str) -> tuple[list[np.ndarray], Ab]:
    """The small luma that each frame was coloured from, and its ab."""
    colorizer = Colorizer(NetworkSettings(checkpoint=checkpoint))
    grid = colorizer.grid(WIDTH, HEIGHT)
    batch = colorizer.fix_batch(grid)
    small = [colorizer.shrink(luma, grid, 8, full_range=True) for luma in lumas]
    ab = []
    for start in range(0, len(small), batch):
        ab += colorizer.predict([picture.lightness for picture in small[start : start + batch]])
    return [picture.luma_u8(8) for picture in small], np.stack(ab)


def smoothed(small: list[np.ndarray], ab: Ab, radius: int) -> Ab:
    """By vidcolor's smoother, which finds the cuts itself."""
    smoother = TemporalSmoother(radius)
    done = [
        item
        for index, (luma, colors) in enumerate(zip(small, ab, strict=True))
        for item in smoother.push(index, luma, colors)
    ]
    return np.stack([item.ab for item in done + smoother.flush()])


def averaged(ab: Ab, clips: list[Clip]) -> Ab:
    """An exponential average in each clip."""
    result = ab.copy()
    for clip in clips:
        for index in range(clip.first + 1, clip.end):
            result[index] = EMA_KEEP * result[index - 1] + (1 - EMA_KEEP) * ab[index]
    return result


def mean_in_place(ab: Ab, clips: list[Clip], radius: int) -> Ab:
    """The mean over time in each clip, without motion."""
    result = np.empty_like(ab)
    for clip in clips:
        for index in range(clip.first, clip.end):
            first, end = max(clip.first, index - radius), min(clip.end, index + radius + 1)
            result[index] = ab[first:end].mean(axis=0)
    return result


class Judge:
    """Measures one clip, coloured one way."""

    def __init__(self) -> None:
        self._meter = FilmMeter()
        self._frames: list[FrameScores] = []
        self._edges: list[float] = []

    def add(self, frame: Frame, shown: np.ndarray) -> None:
        """Count the next frame, coloured, 0…1."""
        self._frames.append(self._meter.add(frame.truth, shown, 0, frame.motion))
        if frame.near_edges.any():
            error = np.hypot(*(to_lab(shown) - frame.subject.truth_lab)[1:])
            self._edges.append(float(error[frame.near_edges].mean()))

    def scores(self) -> Scores:
        """The whole clip."""
        first = self._frames[0].delta_e
        return Scores(self._meter.summary(), float(np.mean(self._edges)), first, self._frames)


@dataclass
class Frame:
    """What all ways of colouring a frame are compared with."""

    subject: Subject
    motion: Motion | None
    near_edges: np.ndarray
    """(H, W) true within `EDGE_PX` of a luma edge."""

    @property
    def truth(self) -> np.ndarray:
        """(H, W, 3) 0…1."""
        return self.subject.truth


def true_frames(clip: Clip, truths: list[np.ndarray]) -> Iterator[Frame]:
    """The clip's frames."""
    previous = None
    for rgb in truths[clip.first : clip.end]:
        subject = luma_subject(rgb)
        motion = None if previous is None else motion_between(previous, subject.truth)
        edges = cv2.Canny(luma_codes(subject.truth), 60, 120)
        near = cv2.dilate(edges, np.ones((2 * EDGE_PX + 1,) * 2)) > 0
        yield Frame(subject, motion, near)
        previous = subject.truth


def judge(clip: Clip, truths: list[np.ndarray], ways: dict[str, Ab]) -> dict[str, Scores]:
    """Scores of each way, and of the true colours."""
    judges = {name: Judge() for name in (TRUTH, *ways)}
    for index, frame in enumerate(true_frames(clip, truths), clip.first):
        judges[TRUTH].add(frame, frame.truth)
        for name, ab in ways.items():
            judges[name].add(frame, frame.subject.show(ab[index]))
    return {name: judge.scores() for name, judge in judges.items()}


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of colour clips")
    parser.add_argument("--frames", type=int, default=40, help="of each clip, at most")
    parser.add_argument("--checkpoint", default="default")
    parser.add_argument("--plot", type=Path, help="folder for a plot over time of the first clip")
    options = parser.parse_args()
    if options.frames < max(CDC_GAPS) + 1:
        parser.error(f"--frames {options.frames} is too few: CDC needs {max(CDC_GAPS) + 1}")
    clips, truths = read_clips(options.data, options.frames)
    small, raw = color(list(as_film(truths)), options.checkpoint)
    ways = {"raw": raw, "exponential average": averaged(raw, clips)}
    ways["mean without motion, ±7"] = mean_in_place(raw, clips, DEFAULT_RADIUS)
    ways |= {f"--smooth {radius}": smoothed(small, raw, radius) for radius in RADII[1:]}
    judged = [judge(clip, truths, ways) for clip in clips]
    truth = [by_name[TRUTH] for by_name in judged]
    scores = {name: [by_name[name] for by_name in judged] for name in ways}
    print(f"{datetime.date.today()}, {machine()}")
    print(f"`steadiness.py --frames {options.frames}`: {len(truths)} frames, {len(clips)} clips\n")
    rows = [[name, *row(found, scores["raw"], truth)] for name, found in scores.items()]
    print_table(["mean over clips", *HEADER], rows)
    print()
    chosen = zip(clips, scores[f"--smooth {DEFAULT_RADIUS}"], scores["raw"], truth, strict=True)
    rows = [[clip.name, *row([one], [before], [true])] for clip, one, before, true in chosen]
    print_table([f"--smooth {DEFAULT_RADIUS}", *HEADER], rows)
    if options.plot is not None:
        plot(options.plot, clips[0], truth[0], {k: v[0] for k, v in scores.items()})


HEADER = [
    "flicker",
    "against raw",
    "CDC − truth's",
    "warp error ÷ truth's",
    "ΔE00 ÷ raw",
    "colourfulness ÷ raw",
    "edge error ÷ raw",
    "first frame ΔE00 ÷ raw",
]


def row(found: list[Scores], raw: list[Scores], truth: list[Scores]) -> list[str]:
    """Means over clips of what is measured."""

    def ratio(value: Callable[[Scores], float], other: list[Scores]) -> float:
        pairs = zip(found, other, strict=True)
        return float(np.mean([value(one) / value(two) for one, two in pairs]))

    flicker = float(np.mean([one.film.flicker for one in found]))
    pairs = list(zip(found, truth, strict=True))
    cdc = float(np.mean([one.film.cdc - true.film.cdc for one, true in pairs]))
    return [
        f"{flicker:.3f}",
        f"{100 * (ratio(lambda s: s.film.flicker, raw) - 1):+.0f} %",
        f"{1000 * cdc:+.2f}e-3",
        f"{ratio(lambda s: s.film.warp_error, truth):.3f}",
        f"{ratio(lambda s: s.film.delta_e, raw):.3f}",
        f"{ratio(lambda s: s.film.colorfulness, raw):.3f}",
        f"{ratio(lambda s: s.edge_error, raw):.3f}",
        f"{ratio(lambda s: s.first_error, raw):.3f}",
    ]


def plot(folder: Path, clip: Clip, truth: Scores, scores: dict[str, Scores]) -> None:
    """Flicker over time, before and after."""
    from matplotlib.figure import Figure

    figure = Figure((7, 3), layout="constrained")
    axes = figure.subplots()
    shown = {"raw": scores["raw"], "--smooth 7": scores["--smooth 7"], TRUTH: truth}
    for name, one in shown.items():
        axes.plot([frame.flicker for frame in one.frames[1:]], label=name)
    axes.set(xlabel="frame", ylabel="change of ab along motion", title=clip.name)
    axes.set_ylim(bottom=0)
    axes.legend(loc="upper right")
    folder.mkdir(parents=True, exist_ok=True)
    figure.savefig(folder / f"steadiness-{clip.name}.svg")


if __name__ == "__main__":
    main()
