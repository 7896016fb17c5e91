"""Whether what leaves the picture for two seconds comes back with the same colours.

    python benchmarks/returning.py --data CLIPS

A window over the left half of a clip's first frame pans to the right half, stays there for two
seconds and pans back; every frame has exposure flicker and grain of its own. Prints how far the
colours of the left half are from those before it left, beside a window that never moved.
"""

from __future__ import annotations

import argparse
import datetime
from pathlib import Path

import cv2
import numpy as np
from common import films_in, machine, print_table
from steadiness import DEFAULT_RADIUS, HEIGHT, WIDTH, as_film, color, smoothed

from vidcolor.media.reader import FilmReader
from vidcolor.photographs.film_frames import frame_to_rgb

STAY, PAN, AWAY = 24, 12, 48
"""Frames, at 24 per second: before and after, on the way, and away."""

GAPS = (0, PAN)
"""Frames after the return is complete at which colours are compared."""


def scene(film: Path) -> np.ndarray:
    """(HEIGHT, 2 · WIDTH, 3) uint8 from the middle of the clip's first frame."""
    with FilmReader(film, keep_partial=True) as reader:
        rgb = frame_to_rgb(next(iter(reader)), reader.info.video, 2 * HEIGHT)
    assert rgb is not None
    height = round(rgb.shape[0] * 2 * WIDTH / rgb.shape[1])
    wide = cv2.resize(rgb, (2 * WIDTH, max(HEIGHT, height)), interpolation=cv2.INTER_AREA)
    top = (wide.shape[0] - HEIGHT) // 2
    return wide[top : top + HEIGHT]


def windows(picture: np.ndarray, *, moves: bool) -> list[np.ndarray]:
    """What the camera sees."""
    way = np.rint(np.linspace(0, WIDTH, PAN + 2)[1:-1]).astype(int)
    left = [0] * STAY + [*way] + [WIDTH] * AWAY + [*way[::-1]] + [0] * STAY
    return [picture[:, x : x + WIDTH] for x in (left if moves else [0] * len(left))]


def change(picture: np.ndarray, checkpoint: str, *, moves: bool) -> dict[str, list[float]]:
    """Mean distance in ab from the last frame before leaving, by way and gap."""
    small, raw = color(list(as_film(windows(picture, moves=moves))), checkpoint)
    back = STAY + 2 * PAN + AWAY
    ways = {"raw": raw, f"--smooth {DEFAULT_RADIUS}": smoothed(small, raw, DEFAULT_RADIUS)}
    return {
        name: [float(np.hypot(*(ab[back + gap] - ab[STAY - 1])).mean()) for gap in GAPS]
        for name, ab in ways.items()
    }


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of colour clips")
    parser.add_argument("--checkpoint", default="default")
    options = parser.parse_args()
    scenes = [scene(film) for film in films_in(options.data)]
    print(f"{datetime.date.today()}, {machine()}")
    print(f"`returning.py`: {len(scenes)} scenes; mean distance in ab, CIE units\n")
    rows = []
    for moves, what in ((True, "left and came back"), (False, "never left")):
        found = [change(picture, options.checkpoint, moves=moves) for picture in scenes]
        for name in found[0]:
            means = np.mean([one[name] for one in found], axis=0)
            rows.append([f"{what}, {name}", *(f"{mean:.2f}" for mean in means)])
    print_table(["", *(f"{gap} frames after the return" for gap in GAPS)], rows)


if __name__ == "__main__":
    main()
