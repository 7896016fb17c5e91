"""What steady colours cost a frame: smoothing, upsampling, and the chroma table.

    python benchmarks/steadying_cost.py [--width 1920 --height 1080] [--film FILM]

Milliseconds of one thread each, as a run uses them, on the pictures of a film (without one, a slow
pan over a photo). Smoothing holds the optical flow both ways between neighbours and the averages;
upsampling brings ab to the chroma grid; the table turns ab and luma into Cb and Cr.
"""

from __future__ import annotations

import argparse
import datetime
import statistics
import tempfile
import time
from pathlib import Path

import cv2
from common import machine, make_source, print_table

from vidcolor.color import ChromaRenderer, upsample_ab
from vidcolor.colorizer import Colorizer
from vidcolor.config import load_preset
from vidcolor.luma import target_luma
from vidcolor.media.output import plan_any
from vidcolor.media.reader import FilmReader
from vidcolor.temporal import RADII, TemporalSmoother

SHIFT = (0.1, 0.0)
"""Cells: chroma that is sited left, so that nothing is left out."""


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--width", type=int, default=1920)
    parser.add_argument("--height", type=int, default=1080)
    parser.add_argument("--film", type=Path, help="whose pictures to use, scaled")
    parser.add_argument("--frames", type=int, default=120)
    parser.add_argument("--threads", type=int, default=cv2.getNumThreads(), help="of OpenCV")
    options = parser.parse_args()
    cv2.setNumThreads(options.threads)
    settings = load_preset("film")
    with tempfile.TemporaryDirectory() as scratch:
        source = make_source(
            Path(scratch) / "film.mp4", options.width, options.height, options.frames, options.film
        )
        with FilmReader(source) as reader:
            target = plan_any(reader.info, settings, Path(scratch) / "out.mp4").target
            colorizer = Colorizer(settings.network)
            grid = colorizer.grid(options.width, options.height)
            lumas, small, ab = [], [], []
            for frame in reader:
                picture = colorizer.shrink(frame.luma, grid, 8, full_range=False)
                ab += colorizer.predict([picture.lightness])
                small.append(picture.luma_u8(8))
                lumas.append(target_luma(frame.luma, target).copy() if len(lumas) < 8 else None)
    rows = []
    for radius in RADII[1:]:
        smoother = TemporalSmoother(radius)
        times = []
        for index, (luma, colors) in enumerate(zip(small, ab, strict=True)):
            begin = time.perf_counter()
            smoother.push(index, luma, colors)
            times.append(1000 * (time.perf_counter() - begin))
        warm = times[2 * smoother.delay :]
        rows.append([f"--smooth {radius}", f"{statistics.mean(warm):.2f}"])
    renderer = ChromaRenderer(target)
    shown = [(luma, colors) for luma, colors in zip(lumas, ab, strict=True) if luma is not None]
    upsampling, whole = [], []
    for luma, colors in shown * 4:
        begin = time.perf_counter()
        upsample_ab(colors, target.chroma_size, SHIFT)
        between = time.perf_counter()
        renderer.render(luma, colors)
        upsampling.append(1000 * (between - begin))
        whole.append(1000 * (time.perf_counter() - between))
    rows.append(["upsampling", f"{statistics.mean(upsampling):.2f}"])
    table = statistics.mean(whole) - statistics.mean(upsampling)
    rows.append(["chroma table, luma on the chroma grid", f"{table:.2f}"])
    print(f"{datetime.date.today()}, {machine()}")
    size = f"{options.width}x{options.height}, {len(small)} frames"
    print(f"`steadying_cost.py`: {size}, OpenCV with {cv2.getNumThreads()} threads\n")
    print_table(["", "ms/frame"], rows)


if __name__ == "__main__":
    main()
