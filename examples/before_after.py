"""Make the picture at the top of the README with the default checkpoint.

    python examples/before_after.py docs/before_after.jpg

Above, photographs that ship inside scikit-image (public domain and CC0), turned to grey; below,
what vidcolor makes of those grey pictures alone.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np
from skimage import data

from vidcolor import Colorizer, colorize_image

HEIGHT = 256
"""Pixels of each photograph's height."""
GAP = 6
"""White pixels between the photographs."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("output", type=Path)
    output = parser.parse_args().output
    colorizer = Colorizer()
    pairs = []
    for name in ("astronaut", "coffee", "chelsea"):
        photo = getattr(data, name)()
        width = round(photo.shape[1] * HEIGHT / photo.shape[0])
        small = cv2.resize(photo, (width, HEIGHT), interpolation=cv2.INTER_AREA)
        grey = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY)
        pairs.append(before_and_after(grey, output.parent / f".{name}.png", colorizer))
    gap = np.full((pairs[0].shape[0], GAP, 3), 255, np.uint8)
    row = np.hstack([part for pair in pairs for part in (pair, gap)][:-1])
    cv2.imwrite(str(output), row, [cv2.IMWRITE_JPEG_QUALITY, 88])


def before_and_after(grey: np.ndarray, scratch: Path, colorizer: Colorizer) -> np.ndarray:
    """(2·H, W, 3) BGR: ``grey`` above what it becomes. ``scratch`` is written and deleted."""
    cv2.imwrite(str(scratch), grey)
    colored = colorize_image(scratch, colorizer=colorizer, overwrite=True)
    try:
        return np.vstack([cv2.cvtColor(grey, cv2.COLOR_GRAY2BGR), cv2.imread(str(colored))])
    finally:
        scratch.unlink()
        colored.unlink()


if __name__ == "__main__":
    main()
