"""That neither the batch nor where a film is divided changes a byte of its chroma.

    python benchmarks/identical.py --film FILM [--frames 240]

Colours a film's frames with batches of 1 and of 16, whole and in five pieces that each see only as
many frames around them as the smoother asks for, and prints the SHA-256 of all chroma planes.
"""

from __future__ import annotations

import argparse
import datetime
import hashlib
import itertools
import sys
import tempfile
from pathlib import Path

import numpy as np
from common import machine, print_table

from vidcolor.color import ChromaRenderer
from vidcolor.colorizer import LEAST_FRAMES_TO_COMPILE, Colorizer
from vidcolor.config import NetworkSettings, load_preset
from vidcolor.frames import EncodeTarget
from vidcolor.luma import target_luma
from vidcolor.media.output import plan_any
from vidcolor.media.reader import FilmReader
from vidcolor.temporal import TemporalSmoother


def small_pictures(
    film: Path, most: int, batch: int
) -> tuple[list[np.ndarray], list[np.ndarray], list[np.ndarray], EncodeTarget]:
    """Luma, small luma and ab of the film's first frames, and how they would be encoded."""
    settings = load_preset("film")
    lumas, pictures = [], []
    with FilmReader(film) as reader, tempfile.TemporaryDirectory() as scratch:
        video = reader.info.video
        target = plan_any(reader.info, settings, Path(scratch) / "out.mkv").target
        colorizer = Colorizer(NetworkSettings(batch_size=batch))
        grid = colorizer.grid(video.width, video.height, video.sample_aspect_ratio, video.rotation)
        colorizer.compile(grid, LEAST_FRAMES_TO_COMPILE)
        size = colorizer.fix_batch(grid)
        depth, full_range = video.layout.bit_depth, target.color.full_range
        for frame in itertools.islice(reader, most):
            pictures.append(colorizer.shrink(frame.luma, grid, depth, full_range))
            lumas.append(target_luma(frame.luma, target).copy())
    ab = []
    for start in range(0, len(pictures), size):
        ab += colorizer.predict([picture.lightness for picture in pictures[start : start + size]])
    return lumas, [picture.luma_u8(depth) for picture in pictures], ab, target


def steadied(small: list[np.ndarray], ab: list[np.ndarray], pieces: int) -> list[np.ndarray]:
    """The ab of all frames, made in so many pieces."""
    bounds = np.linspace(0, len(ab), pieces + 1).astype(int)
    result: list[np.ndarray] = []
    for first, end in itertools.pairwise(bounds):
        smoother = TemporalSmoother()
        before, after = smoother.overlap
        begin, stop = max(0, first - before), min(len(ab), end + after)
        done = []
        for index in range(begin, stop):
            done += smoother.push(index, small[index], ab[index])
        done += smoother.flush()
        result += [item.ab for item in done if first <= item.index < end]
    return result


def main() -> None:
    """Print the table; fail if the sums differ."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--film", type=Path, required=True)
    parser.add_argument("--frames", type=int, default=240)
    options = parser.parse_args()
    rows = []
    for batch in (1, 16):
        lumas, small, ab, target = small_pictures(options.film, options.frames, batch)
        renderer = ChromaRenderer(target)
        for pieces in (1, 5):
            digest = hashlib.sha256()
            for luma, colors in zip(lumas, steadied(small, ab, pieces), strict=True):
                for plane in renderer.render(luma, colors):
                    digest.update(plane.tobytes())
            rows.append([str(batch), str(pieces), digest.hexdigest()])
    print(f"{datetime.date.today()}, {machine()}")
    print(f"`identical.py`: {options.film.name}, {len(lumas)} frames\n")
    print_table(["batch", "pieces", "SHA-256 of all Cb and Cr"], rows)
    if len({row[-1] for row in rows}) > 1:
        sys.exit("the chroma differs")


if __name__ == "__main__":
    main()
