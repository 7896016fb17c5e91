"""Points with the true colour on photographs: how much nearer do they bring the picture?

    python benchmarks/hints.py --data PHOTOS [--photos 50] [--siggraph17 FILE]

Evenly spaced photographs get 0 to 50 points at random places (seeded; more points include the
fewer), each with the mean true ab of its disc. Mean ΔE00 over pixels, then over photographs, luma
kept, of

* the checkpoint's automatic colours, changed by the hints: what ``vidcolor image --hints`` does;
* the same spreading from grey, with next to no fading: what the points alone can do;
* with ``--siggraph17``, a trained SIGGRAPH17 network that gets the points as its hints.
"""

from __future__ import annotations

import argparse
import datetime
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np
import torch
from common import machine, print_table

from vidcolor.color import lightness_table, luma_from_rgb_codes
from vidcolor.color.spread import spread_change
from vidcolor.colorizer import Colorizer
from vidcolor.config import NetworkSettings
from vidcolor.evaluation.measures import color_difference, to_lab
from vidcolor.evaluation.pictures import PhotoFiles
from vidcolor.evaluation.protocols import luma_subject
from vidcolor.hints import DEFAULT_RADIUS, Hint, apply_hints, paint

COUNTS = (0, 1, 2, 5, 10, 20, 50)
"""Points on a photograph."""

NO_FADE = 1e-6
"""Instead of `vidcolor.color.spread.FADE`: parts without a point of their own get a colour too."""

Method = Callable[[np.ndarray, Sequence[Hint]], np.ndarray]
"""From luma (H, W) and hints to ab (2, h, w)."""


def true_hints(lab: np.ndarray, seed: int) -> list[Hint]:
    """As many as the largest of `COUNTS`, with the colours of an L*a*b* picture (3, H, W)."""
    rng = np.random.default_rng(seed)
    height, width = lab.shape[1:]
    rows, columns = np.mgrid[:height, :width]
    radius = max(1.0, DEFAULT_RADIUS * min(height, width))
    hints = []
    for _ in range(max(COUNTS)):
        y, x = int(rng.integers(height)), int(rng.integers(width))
        disc = np.hypot(columns - x, rows - y) <= radius
        a, b = lab[1:, disc].mean(axis=1)
        hints.append(Hint(((x, y),), (float(a), float(b))))
    return hints


def on_automatic(colorizer: Colorizer) -> Method:
    """Hints change what the checkpoint makes."""
    remembered: dict[int, np.ndarray] = {}

    def ab(luma: np.ndarray, hints: Sequence[Hint]) -> np.ndarray:
        if id(luma) not in remembered:
            remembered.clear()
            remembered[id(luma)] = colorizer.predict_plane(luma)
        return apply_hints(hints, remembered[id(luma)], luma, 8, full_range=True)

    return ab


def from_grey(luma: np.ndarray, hints: Sequence[Hint]) -> np.ndarray:
    """Hints alone."""
    grey = np.zeros((2, *luma.shape), np.float32)
    if not hints:
        return grey
    return spread_change(luma / 255, *paint(hints, grey, luma.shape[::-1]), fade=NO_FADE)


def by_network(checkpoint: str) -> Method:
    """Hints go into a network that takes them."""
    colorizer = Colorizer(NetworkSettings(checkpoint=checkpoint, device="cpu"))
    if colorizer.info.architecture != "siggraph17":
        sys.exit(f"{checkpoint} is a {colorizer.info.architecture}, not a siggraph17")
    step = colorizer.rules.multiple_of

    def ab(luma: np.ndarray, hints: Sequence[Hint]) -> np.ndarray:
        scale = colorizer.short_side / min(luma.shape)
        height, width = (max(step, round(side * scale / step) * step) for side in luma.shape)
        small = cv2.resize(lightness_table(8, True)[luma], (width, height))
        wanted, given = paint(hints, np.zeros((2, height, width), np.float32), luma.shape[::-1])
        # (3, h, w): a*, b*, mask -> (1, 3, h, w)
        tensor = torch.from_numpy(np.concatenate((wanted, given[None].astype(np.float32))))[None]
        with torch.inference_mode():
            predicted = colorizer.by_torch.network(torch.from_numpy(small)[None, None], tensor).ab
        return predicted[0].float().numpy()

    return ab


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--photos", type=int, default=50)
    parser.add_argument("--checkpoint", default="default")
    parser.add_argument("--siggraph17", metavar="FILE")
    options = parser.parse_args()
    print(f"{datetime.date.today()}, {machine()}\n`{parser.prog} --photos {options.photos}`\n")
    colorizer = Colorizer(NetworkSettings(checkpoint=options.checkpoint, device="cpu"))
    methods: dict[str, Method] = {
        f"hints on {colorizer.info.name}": on_automatic(colorizer),
        "hints from grey": from_grey,
    }
    if options.siggraph17:
        methods["hints into siggraph17"] = by_network(options.siggraph17)
    errors = {name: np.zeros(len(COUNTS)) for name in methods}
    seconds = dict.fromkeys(methods, 0.0)
    photos = PhotoFiles(options.data, options.photos)
    measured = 0
    for index, file in enumerate(photos.files):
        rgb = photos.decode(file)
        if rgb is None:
            continue
        measured += 1
        subject = luma_subject(rgb)
        luma = luma_from_rgb_codes(rgb, 8)
        hints = true_hints(subject.truth_lab, index)
        for name, method in methods.items():
            for column, count in enumerate(COUNTS):
                begin = time.perf_counter()
                ab = method(luma, hints[:count])
                seconds[name] += (time.perf_counter() - begin) * (count == max(COUNTS))
                shown = to_lab(subject.show(ab))
                errors[name][column] += color_difference(subject.truth_lab, shown).mean()
    rows = [
        [name, *(f"{e / measured:.2f}" for e in errors[name]), f"{seconds[name] / measured:.2f}"]
        for name in methods
    ]
    print(f"ΔE00, mean of {measured} photographs, by the number of points:\n")
    print_table(["", *map(str, COUNTS), "s/photo"], rows)


if __name__ == "__main__":
    main()
