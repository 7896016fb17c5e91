"""A large scan coloured as a still: time by step, peak memory, luma kept.

python benchmarks/stills.py [--megapixels 24]
"""

from __future__ import annotations

import argparse
import datetime
import json
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from common import machine, measure, peak_rss_mb, print_table


def colorize(source: Path, output: Path) -> None:
    """Colour ``source``; prints JSON."""
    from vidcolor.color import luma_from_rgb_codes
    from vidcolor.colorizer import Colorizer
    from vidcolor.config import NetworkSettings
    from vidcolor.look import Look
    from vidcolor.media.images import read_image, write_image
    from vidcolor.stills import color_still

    begin = time.perf_counter()
    colorizer = Colorizer(NetworkSettings(device="cpu"))
    loaded = time.perf_counter()
    still = read_image(source)
    read = time.perf_counter()
    rgb = color_still(still, colorizer.predict_plane, Look())
    colored = time.perf_counter()
    write_image(output, rgb, still)
    written = time.perf_counter()
    luma = luma_from_rgb_codes(rgb, still.bit_depth).astype(np.int32)
    print(
        json.dumps(
            {
                "load the checkpoint": loaded - begin,
                "read": read - loaded,
                "colour": colored - read,
                "write": written - colored,
                "peak_rss_mb": peak_rss_mb(),
                "luma": int(np.abs(luma - still.luma).max()),
            }
        )
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--megapixels", type=float, default=24)
    parser.add_argument("--child", nargs=2, type=Path, metavar=("SOURCE", "OUTPUT"))
    options = parser.parse_args()
    if options.child:
        colorize(*options.child)
        return
    import cv2
    from skimage import data

    print(f"{datetime.date.today()}, {machine()}\n`{' '.join(['python', *sys.argv])}`\n")
    side = round((options.megapixels * 1e6 / 1.5) ** 0.5)
    photo = cv2.cvtColor(data.astronaut(), cv2.COLOR_RGB2GRAY)
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "scan.jpg"
        cv2.imwrite(str(source), cv2.resize(photo, (round(side * 1.5), side)))
        run = measure(Path(__file__), "--child", str(source), str(Path(folder) / "color.jpg"))
    luma = run.result.pop("luma")
    peak = run.result.pop("peak_rss_mb")
    print_table(["step", "seconds"], [[name, f"{s:.2f}"] for name, s in run.result.items()])
    after_start = run.result["read"] + run.result["colour"] + run.result["write"]
    print(f"\nafter start-up {after_start:.2f} s, peak RSS {peak:.0f} MB, ", end="")
    print(f"largest luma change {luma} code(s)")


if __name__ == "__main__":
    main()
