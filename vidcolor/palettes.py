"""What a reference picture's palette means for each shot of a film."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np

from vidcolor.color import rgb_to_lab
from vidcolor.color.palette import Palette, palette_between
from vidcolor.config import LookSettings
from vidcolor.keyframes import Keyframes
from vidcolor.media.images import read_rgb
from vidcolor.temporal.film_shots import FilmShots
from vidcolor.temporal.shot_list import Shot

PICTURE_SIDE = 128
"""Pixels of the short side at which a picture's colours are counted."""


def wanted_palettes(film: LookSettings, shots: list[Shot]) -> dict[Shot, str]:
    """The path of each shot's picture, of those that are to have one."""
    paths = {shot: dict(shot.look).get("palette", film.palette) for shot in shots}
    return {shot: str(path) for shot, path in paths.items() if path is not None}


def shot_palettes(
    film: LookSettings, found: FilmShots, keyframes: Keyframes
) -> dict[Shot, Palette]:
    """By shot. The colours that it maps are those of the frame in the middle of the shot.

    Parameters
    ----------
    found:
        The film's shots.
    keyframes:
        Of the film.

    Raises
    ------
    InputError
        If a picture cannot be read.
    """
    spans = dict(found.spans)
    paths = wanted_palettes(film, list(spans))
    pictures = {path: _ab_of(Path(path)) for path in sorted(set(paths.values()))}
    middles = [(shot.start_s + spans[shot]) / 2 for shot in paths]
    frames = zip(paths.items(), keyframes.walk(middles), strict=True)
    return {
        shot: palette_between(frame.ab.reshape(2, -1), pictures[path])
        for (shot, path), frame in frames
    }


def _ab_of(path: Path) -> Any:
    import torch

    rgb = read_rgb(path)
    height, width = rgb.shape[:2]
    scale = min(1.0, PICTURE_SIDE / min(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    small = np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA))
    lab = rgb_to_lab(torch.from_numpy(small).permute(2, 0, 1)[None].float() / 255)
    return lab[0, 1:].reshape(2, -1).double().numpy()
