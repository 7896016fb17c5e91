"""Precision and recall of the shots that `vidcolor shots` finds, on reels with known changes.

    python benchmarks/shots.py --data CLIPS FILMS [--reels 10]

Splices pieces of real films, colour or not, into reels of 60 changes each: cuts, dissolves (8 to
32 frames), fades through black (10 to 24 frames each way), and flashes of one or two frames, which
change nothing. Every reel is then given exposure flicker, grain and gate weave. Pieces lie between
the cuts that are found in the films as they are; leaders have none long enough. The finder's
constants were chosen on other reels of the same films.
"""

from __future__ import annotations

import argparse
import datetime
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
from common import films_in, machine, print_table

from vidcolor.luma import small_luma
from vidcolor.media.reader import FilmReader
from vidcolor.temporal.shot_finder import ShotFinder
from vidcolor.temporal.shots import ShotDetector

WIDTH, HEIGHT = 256, 144
CHANGES = 60
SHORTEST_PIECE = 75
"""Frames."""
TOLERANCE = {"cut": 1, "dissolve": 2, "fade": 2}
"""Frames outside the change within which its middle may be found."""

Luma = np.ndarray
"""(H, W) or (frames, H, W) 8-bit codes."""


@dataclass
class Change:
    """Frames ``first`` … ``last`` of a reel."""

    kind: str
    first: int
    last: int


@dataclass
class Reel:
    """A film whose changes are known."""

    frames: list[Luma] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    last: int = 0
    """End of the last change."""

    def cut(self, piece: list[Luma]) -> None:
        """Go on with another shot."""
        self._note("cut", len(self.frames), len(self.frames))
        self.frames += piece

    def dissolve(self, piece: list[Luma], length: int) -> None:
        """The last ``length`` frames blend into the first of ``piece``."""
        first = len(self.frames) - length
        for index in range(length):
            share = (index + 1) / (length + 1)
            here = self.frames[first + index]
            self.frames[first + index] = (1 - share) * here + share * piece[index]
        self._note("dissolve", first, len(self.frames) - 1)
        self.frames += piece[length:]

    def fade(self, piece: list[Luma], length: int) -> None:
        """Down to black in ``length`` frames, and up again in as many."""
        first = len(self.frames) - length
        for index in range(length):
            level = 1 - (index + 1) / length
            self.frames[first + index] = 16 + (self.frames[first + index] - 16) * level
            piece[index] = 16 + (piece[index] - 16) * (index + 1) / length
        self._note("fade", first, len(self.frames) + length - 1)
        self.frames += piece

    def flash(self, rng: np.random.Generator) -> None:
        """One or two bright frames since the last change, which change nothing."""
        first, end = self.last + 8, len(self.frames) - 10
        if end > first:
            at = int(rng.integers(first, end))
            for index in range(int(rng.integers(1, 3))):
                self.frames[at + index] = self.frames[at + index] + rng.uniform(60, 140)

    def _note(self, kind: str, first: int, last: int) -> None:
        self.changes.append(Change(kind, first, last))
        self.last = last


def pieces(films: list[Path]) -> Iterator[tuple[str, Luma]]:
    """Stretches without a cut, by film."""
    for film in films:
        frames, cuts = [], [0]
        detector = ShotDetector()
        with FilmReader(film, keep_partial=True) as reader:
            for frame in reader:
                luma = small_luma(frame, reader.info.video.layout.bit_depth)
                cuts += [index for index, is_cut in detector.push(luma) if is_cut and index]
                frames.append(filled(luma))
        cuts += [index for index, is_cut in detector.flush() if is_cut and index]
        for first, end in zip(cuts, [*cuts[1:], len(frames)], strict=True):
            if end - first >= SHORTEST_PIECE:
                yield film.name, np.stack(frames[first + 1 : end - 1])


def filled(luma: Luma) -> Luma:
    """Scaled to fill 256×144."""
    height, width = luma.shape
    scale = max(WIDTH / width, HEIGHT / height)
    size = max(WIDTH, round(width * scale)), max(HEIGHT, round(height * scale))
    large = cv2.resize(luma, size, interpolation=cv2.INTER_LINEAR)
    top, left = (size[1] - HEIGHT) // 2, (size[0] - WIDTH) // 2
    return large[top : top + HEIGHT, left : left + WIDTH]


def make_reel(sources: list[tuple[str, Luma]], seed: int) -> Reel:
    """A reel of `CHANGES` changes; neighbouring shots come from different films."""
    rng = np.random.default_rng(seed)
    name, frames = piece(sources, rng, "")
    reel = Reel(frames)
    while len(reel.changes) < CHANGES:
        kind = rng.choice(["cut", "cut", "dissolve", "dissolve", "fade", "flash"])
        if kind == "flash":
            reel.flash(rng)
            continue
        name, frames = piece(sources, rng, name)
        room = min(len(reel.frames) - reel.last, len(frames)) - 10
        if kind == "cut" or room < 10:
            reel.cut(frames)
        elif kind == "dissolve":
            reel.dissolve(frames, min(int(rng.integers(8, 33)), room))
        else:
            reel.fade(frames, min(int(rng.integers(10, 25)), room))
    return reel


def piece(
    sources: list[tuple[str, Luma]], rng: np.random.Generator, other_than: str
) -> tuple[str, list[Luma]]:
    """45 to 110 frames of a film."""
    others = [source for source in sources if source[0] != other_than]
    name, frames = others[rng.integers(len(others))]
    length = int(rng.integers(45, min(111, len(frames) + 1)))
    first = int(rng.integers(len(frames) - length + 1))
    return name, list(frames[first : first + length].astype(np.float32))


def damaged(frames: list[Luma], seed: int) -> Iterator[Luma]:
    """As old film: exposure ±5 %, grain of 3 codes, up to 1 px of gate weave."""
    rng = np.random.default_rng(seed)
    for frame in frames:
        shift = np.float32([[1, 0, rng.uniform(-1, 1)], [0, 1, rng.uniform(-1, 1)]])
        weaving = cv2.warpAffine(frame, shift, (WIDTH, HEIGHT), borderMode=cv2.BORDER_REPLICATE)
        noisy = weaving * (1 + rng.normal(0, 0.05)) + rng.normal(0, 3, frame.shape)
        yield np.clip(np.rint(noisy), 0, 255).astype(np.uint8)


def count_hits(found: list[tuple[str, float]], reel: Reel, kind: str) -> tuple[int, int, int]:
    """(right, found, there); each change counts once."""
    left = [change for change in reel.changes if change.kind == kind]
    there, right = len(left), 0
    times = [time for name, time in found if name == kind]
    slack = TOLERANCE[kind]
    for time in times:
        for change in left:
            if change.first - slack <= time <= change.last + slack:
                left.remove(change)
                right += 1
                break
    return right, len(times), there


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, nargs="+", required=True, help="folders of films")
    parser.add_argument("--reels", type=int, default=10)
    parser.add_argument("--seed", type=int, default=100, help="of the first reel")
    options = parser.parse_args()
    sources = list(pieces([film for folder in options.data for film in films_in(folder)]))
    if len({film for film, _ in sources}) < 2:
        parser.error(f"--data: shots of {SHORTEST_PIECE} frames from two films are needed")
    totals = {kind: np.zeros(3, int) for kind in TOLERANCE}
    frames = 0
    for seed in range(options.seed, options.seed + options.reels):
        reel = make_reel(sources, seed)
        finder = ShotFinder()
        for index, luma in enumerate(damaged(reel.frames, seed)):
            finder.push(luma, float(index))
        found = [(shot.begins, shot.start_s) for shot in finder.finish()]
        frames += finder.frames
        for kind, total in totals.items():
            total += count_hits(found, reel, kind)
    print(f"{datetime.date.today()}, {machine()}")
    print(f"`shots.py --reels {options.reels}`: {frames} frames from {len(sources)} pieces\n")
    rows = []
    for kind, (right, found_count, there) in totals.items():
        precision, recall = right / max(1, found_count), right / max(1, there)
        f1 = 2 * right / max(1, found_count + there)
        rows.append([kind, str(there), f"{precision:.3f}", f"{recall:.3f}", f"{f1:.3f}"])
    print_table(["change", "number", "precision", "recall", "F1"], rows)


if __name__ == "__main__":
    main()
