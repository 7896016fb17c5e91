"""Draw what a few hints in one frame do for a shot: docs/edit_example.jpg.

    python examples/edit_example.py docs/edit_example.jpg

The first shot of the sample film, coloured as it is (upper row) and with the hints of
``coffee_hints.toml``, which are given for one second into it (lower row).
"""

from __future__ import annotations

import argparse
import runpy
import tempfile
from pathlib import Path

import cv2
import numpy as np

from vidcolor.config import load_preset, override
from vidcolor.jobs.run import color_film
from vidcolor.media.reader import FilmReader
from vidcolor.photographs.film_frames import frame_to_rgb

HERE = Path(__file__).parent

FRAMES = (0, 24, 47)
"""Of the shot, at 24 per second."""

WIDTH = 400
"""Of each picture, in pixels."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("output", type=Path)
    options = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        film = Path(folder) / "sample.mp4"
        runpy.run_path(str(HERE / "sample_film.py"))["write_film"](film)
        for hints in (None, str(HERE / "coffee_hints.toml")):
            changes = {"hints": hints, "duration_s": 2.0, "overwrite": True}
            colored = Path(folder) / "colored.mp4"
            color_film(film, colored, override(load_preset("film"), changes))
            with FilmReader(colored) as reader:
                video = reader.info.video
                pictures = [frame_to_rgb(f, video, 360) for f in reader if f.index in FRAMES]
            rows.append(np.hstack([picture for picture in pictures if picture is not None]))
    both = np.vstack(rows)
    height = round(both.shape[0] * WIDTH * len(FRAMES) / both.shape[1])
    small = cv2.resize(both, (WIDTH * len(FRAMES), height), interpolation=cv2.INTER_AREA)
    quality = [cv2.IMWRITE_JPEG_QUALITY, 85]
    if not cv2.imwrite(str(options.output), cv2.cvtColor(small, cv2.COLOR_RGB2BGR), quality):
        raise SystemExit(f"cannot write {options.output}")
    print(f"{options.output}: {small.shape[1]}×{small.shape[0]}")


if __name__ == "__main__":
    main()
