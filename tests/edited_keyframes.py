"""A folder of two keyframes, of which one was edited."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from vidcolor.references import KEYFRAME_LIST, ORIGINALS, Keyframe, keyframe_list

WIDTH, HEIGHT = 96, 64
RED = (200, 60, 60)


def write_png(path: Path, rgb: np.ndarray) -> None:
    path.parent.mkdir(exist_ok=True, parents=True)
    assert cv2.imwrite(str(path), cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR))


def plain(color: tuple[int, int, int] = (128, 128, 128)) -> np.ndarray:
    return np.full((HEIGHT, WIDTH, 3), color, np.uint8)


def make_folder(folder: Path) -> Path:
    """The first is red in its left half, the second is as it was."""
    half = plain()
    half[:, : WIDTH // 2] = RED
    for name, rgb in (("a.png", half), ("b.png", plain())):
        write_png(folder / name, rgb)
        write_png(folder / ORIGINALS / name, plain())
    keyframes = [
        Keyframe(folder / "a.png", 0.5, 0.0, 1.0),
        Keyframe(folder / "b.png", 1.2, 1.0, 1.5),
    ]
    (folder / KEYFRAME_LIST).write_text(keyframe_list("film.mkv", keyframes))
    return folder
