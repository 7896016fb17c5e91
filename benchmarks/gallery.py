"""Pictures to look at: nobody chose them.

    python benchmarks/gallery.py --photos VAL --film FILMS --output DIR [--count 24]

Every n-th photograph of a folder (pictures or tar shards), grey, coloured and as it is; and of
every film a strip of frames at even distances, before and after `vidcolor run` (its first
seconds). Writes ``photos-NN.jpg``, six photographs to a sheet, and ``FILM.jpg``.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import av
import cv2
import numpy as np
from common import films_in

from vidcolor.colorizer import Colorizer
from vidcolor.config import NetworkSettings, load_preset, override
from vidcolor.evaluation.colorings import Grey, Network
from vidcolor.evaluation.pictures import PhotoFiles
from vidcolor.evaluation.protocols import luma_subject
from vidcolor.jobs.run import color_film

TILE_HEIGHT = 224
"""Pixels of a photograph in a sheet."""

TILE_WIDTH = 300
"""At most; wider ones are made smaller."""

ROWS = 6
"""Photographs to a sheet."""

FRAMES, FRAME_WIDTH = 6, 320
"""Of a film, and pixels of each."""


def fitted(rgb: np.ndarray) -> np.ndarray:
    """In a tile, on grey."""
    height, width = rgb.shape[:2]
    scale = min(TILE_HEIGHT / height, TILE_WIDTH / width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    tile = np.full((TILE_HEIGHT, TILE_WIDTH, 3), 128, np.uint8)
    y, x = (TILE_HEIGHT - size[1]) // 2, (TILE_WIDTH - size[0]) // 2
    tile[y : y + size[1], x : x + size[0]] = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA)
    return tile


def photo_row(rgb: np.ndarray, index: int, colorizer: Colorizer) -> np.ndarray:
    """Grey, coloured, true."""
    subject = luma_subject(rgb)
    shown = [
        np.rint(255 * subject.show(coloring.ab(subject, index))).clip(0, 255).astype(np.uint8)
        for coloring in (Grey(), Network("network", colorizer))
    ]
    return np.hstack([fitted(picture) for picture in (*shown, rgb)])


def strip(film: Path) -> np.ndarray:
    """Frames at even distances, side by side."""
    with av.open(str(film)) as container:
        count = sum(1 for packet in container.demux(video=0) if packet.size)
    wanted = set(np.linspace(0, max(0, count - 1), FRAMES).astype(int).tolist())
    tiles = []
    with av.open(str(film)) as container:
        for index, frame in enumerate(container.decode(video=0)):
            if index in wanted:
                rgb = frame.to_ndarray(format="rgb24")
                height = round(FRAME_WIDTH * rgb.shape[0] / rgb.shape[1])
                tiles.append(cv2.resize(rgb, (FRAME_WIDTH, height), interpolation=cv2.INTER_AREA))
    return np.hstack(tiles)


def write(path: Path, rgb: np.ndarray) -> None:
    """As JPEG."""
    path.write_bytes(cv2.imencode(".jpg", cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR))[1].tobytes())
    print(path)


def main() -> None:
    """Write the sheets."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--photos", type=Path, required=True, help="folder of photographs")
    parser.add_argument("--film", type=Path, help="folder of films")
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--count", type=int, default=24, help="photographs")
    parser.add_argument("--seconds", type=float, default=8, help="of each film")
    parser.add_argument("--checkpoint", default="default")
    options = parser.parse_args()
    options.output.mkdir(parents=True, exist_ok=True)
    colorizer = Colorizer(NetworkSettings(checkpoint=options.checkpoint))
    source = PhotoFiles(options.photos, options.count)
    photos = [source.decode(file) for file in source.files]
    rows = [
        photo_row(photo, index, colorizer)
        for index, photo in enumerate(photos)
        if photo is not None
    ]
    for first in range(0, len(rows), ROWS):
        write(
            options.output / f"photos-{first // ROWS + 1:02d}.jpg",
            np.vstack(rows[first : first + ROWS]),
        )
    for film in films_in(options.film) if options.film else ():
        with tempfile.TemporaryDirectory() as scratch:
            settings = override(
                load_preset("film"), {"duration_s": options.seconds, "keep_partial": True}
            )
            before, after = Path(scratch) / "grey.mkv", Path(scratch) / "color.mkv"
            for output, strength in ((before, 0.0), (after, 1.0)):
                changes = {"look.strength": strength}
                color_film(film, output, override(settings, changes), colorizer=colorizer)
            write(options.output / f"{film.stem}.jpg", np.vstack([strip(before), strip(after)]))


if __name__ == "__main__":
    main()
