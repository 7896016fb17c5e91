"""Ways from the network's ab cells to the chroma grid: error near luma edges, and cost.

    python benchmarks/upsampling.py --data CLIPS

Frames of colour clips at a short side of 480 px; ab is that of the checkpoint, and the true colours
averaged to the same cells (the most that any network could give). Errors are mean distances in ab,
CIE units, within 4 px of luma edges and everywhere; the time is for one frame, one thread.

* bilinear: what vidcolor does, `vidcolor.color.upsample_ab`;
* joint bilateral, 3×3 cells: Kopf et al. 2007, https://doi.org/10.1145/1276377.1276497, weights by
  distance (σ 0.6 cells) and by luma (σ 8-bit codes as given);
* guided: He and Sun 2015, https://arxiv.org/abs/1505.00996, the coefficients found on the cells;
* guided detail: bilinear, plus those coefficients times what luma has beyond its own cells.
"""

from __future__ import annotations

import argparse
import datetime
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from common import films_in, machine, print_table

from vidcolor.color import luma_from_rgb_codes, upsample_ab
from vidcolor.colorizer import Colorizer
from vidcolor.config import NetworkSettings
from vidcolor.evaluation.measures import to_lab, unit
from vidcolor.media.reader import FilmReader
from vidcolor.photographs.film_frames import frame_to_rgb

SHORT_SIDE = 480
EDGE_PX = 4

Plane = np.ndarray
"""(H, W) float32."""

Upsampling = Callable[[Plane, Plane, np.ndarray], np.ndarray]
"""From luma (H, W), luma in cells (h, w) and ab (2, h, w) to ab (2, H, W)."""


@dataclass
class Sample:
    """One frame."""

    luma: Plane
    cells: Plane
    """Luma averaged to the ab cells."""
    predicted: np.ndarray
    """(2, h, w), by the network."""
    averaged: np.ndarray
    """(2, h, w), the truth."""
    truth: np.ndarray
    """(2, H, W)."""
    near: np.ndarray
    """(H, W) within `EDGE_PX` of a luma edge."""


def read_samples(folder: Path, indices: list[int], checkpoint: str) -> list[Sample]:
    """Some frames of each clip."""
    colorizer = Colorizer(NetworkSettings(checkpoint=checkpoint))
    samples = []
    for film in films_in(folder):
        with FilmReader(film, keep_partial=True) as reader:
            for index, frame in enumerate(reader):
                if index in indices:
                    rgb = frame_to_rgb(frame, reader.info.video, SHORT_SIDE)
                    assert rgb is not None
                    samples.append(make_sample(rgb, colorizer))
                if index == max(indices):
                    break
    return samples


def make_sample(rgb: np.ndarray, colorizer: Colorizer) -> Sample:
    """From an (H, W, 3) uint8 picture."""
    luma = luma_from_rgb_codes(rgb, 8)
    height, width = luma.shape
    small = colorizer.shrink(luma, colorizer.grid(width, height), 8, full_range=True)
    predicted = colorizer.predict([small.lightness])[0]
    size = predicted.shape[:0:-1]
    truth = to_lab(unit(rgb))[1:]
    edges = cv2.Canny(cv2.GaussianBlur(luma, (0, 0), 1.5), 40, 90)
    return Sample(
        luma.astype(np.float32),
        shrunk(small.codes.astype(np.float32), size),
        predicted,
        np.stack([shrunk(plane, size) for plane in truth]),
        truth,
        cv2.dilate(edges, np.ones((2 * EDGE_PX + 1,) * 2)) > 0,
    )


def shrunk(plane: Plane, size: tuple[int, ...]) -> Plane:
    """Area-averaged."""
    return cv2.resize(plane, size, interpolation=cv2.INTER_AREA)


def enlarged(plane: Plane, like: Plane) -> Plane:
    """Bilinear."""
    return cv2.resize(plane, like.shape[::-1], interpolation=cv2.INTER_LINEAR)


def mean_around(plane: Plane) -> Plane:
    """Of 3×3 cells."""
    return cv2.blur(plane, (3, 3), borderType=cv2.BORDER_REPLICATE)


def bilinear(luma: Plane, cells: Plane, ab: np.ndarray) -> np.ndarray:
    """Luma has no say."""
    del cells
    return upsample_ab(ab, luma.shape[::-1])


def guided(epsilon: float, *, detail: bool) -> Upsampling:
    """A line from luma to ab in each 3×3 cells; ``epsilon``, code values squared, flattens it."""

    def upsample(luma: Plane, cells: Plane, ab: np.ndarray) -> np.ndarray:
        mean = mean_around(cells)
        variance = mean_around(cells * cells) - mean * mean
        planes = []
        for plane in ab:
            own = mean_around(plane)
            slope = (mean_around(cells * plane) - mean * own) / (variance + epsilon)
            if detail:
                beyond = luma - enlarged(cells, luma)
                planes.append(enlarged(plane, luma) + enlarged(slope, luma) * beyond)
            else:
                offset = mean_around(own - slope * mean)
                planes.append(enlarged(mean_around(slope), luma) * luma + enlarged(offset, luma))
        return np.stack(planes)

    return upsample


def joint_bilateral(sigma: float) -> Upsampling:
    """A mean of 3×3 cells, of which those with a similar luma count most."""

    def upsample(luma: Plane, cells: Plane, ab: np.ndarray) -> np.ndarray:
        places = [
            (np.arange(size) + 0.5) * count / size - 0.5
            for size, count in zip(luma.shape, cells.shape, strict=True)
        ]
        nearest = [np.rint(place).astype(int) for place in places]
        total, weights = np.zeros((2, *luma.shape), np.float32), np.zeros_like(luma)
        for step in np.ndindex(3, 3):
            rows, columns = (
                np.clip(near + s - 1, 0, count - 1)
                for near, s, count in zip(nearest, step, cells.shape, strict=True)
            )
            along, across = (
                np.exp(-np.square(place - near - s + 1) / (2 * 0.6**2))
                for place, near, s in zip(places, nearest, step, strict=True)
            )
            difference = luma - cells[rows][:, columns]
            weight = np.outer(along, across) * np.exp(-np.square(difference) / (2 * sigma**2))
            total += (weight * ab[:, rows][:, :, columns]).astype(np.float32)
            weights += weight.astype(np.float32)
        return total / np.maximum(weights, 1e-6)

    return upsample


WAYS: dict[str, Upsampling] = {
    "bilinear": bilinear,
    "joint bilateral, σ 15": joint_bilateral(15),
    "joint bilateral, σ 30": joint_bilateral(30),
    "guided, ε 100": guided(100, detail=False),
    "guided, ε 300": guided(300, detail=False),
    "guided detail, ε 100": guided(100, detail=True),
    "guided detail, ε 300": guided(300, detail=True),
}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of colour clips")
    parser.add_argument("--frames", type=int, nargs="+", default=[5, 30], help="of each clip")
    parser.add_argument("--checkpoint", default="default")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    samples = read_samples(options.data, options.frames, options.checkpoint)
    print(f"{datetime.date.today()}, {machine()}")
    print(f"`upsampling.py`: {len(samples)} frames, short side {SHORT_SIDE} px\n")
    rows = []
    for name, upsample in WAYS.items():
        errors = []
        begin = time.perf_counter()
        shown = [upsample(s.luma, s.cells, s.predicted) for s in samples]
        milliseconds = 1000 * (time.perf_counter() - begin) / len(samples)
        for sample, predicted in zip(samples, shown, strict=True):
            oracle = upsample(sample.luma, sample.cells, sample.averaged)
            pair = [np.hypot(*(ab - sample.truth)) for ab in (predicted, oracle)]
            errors.append([v for e in pair for v in (e[sample.near].mean(), e.mean())])
        rows.append([name, *(f"{v:.2f}" for v in np.mean(errors, axis=0)), f"{milliseconds:.1f}"])
    header = ["", "network, at edges", "network, all", "truth, at edges", "truth, all", "ms"]
    print_table(header, rows)


if __name__ == "__main__":
    main()
