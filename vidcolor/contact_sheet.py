"""A sheet of small labelled pictures."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

TILE_WIDTH, TILE_HEIGHT = 192, 108
"""Pixels that a picture of the sheet fits into."""

LABEL_HEIGHT = 18
"""Pixels below each picture for its label."""

SHEET_COLUMNS = 6
"""Pictures side by side."""

GAP = 6
"""Pixels between pictures."""

Picture = npt.NDArray[np.uint8]
"""(H, W) grey or (H, W, 3) R′G′B′."""


def fitted(picture: Picture, aspect: float) -> Picture:
    """``picture`` as large as fits a tile, shown with ``aspect``, width / height."""
    width = min(TILE_WIDTH, max(1, round(TILE_HEIGHT * aspect)))
    height = min(TILE_HEIGHT, max(1, round(TILE_WIDTH / aspect)))
    return np.asarray(cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA), np.uint8)


def labelled(picture: Picture, label: str) -> Picture:
    """A tile: a picture that fits it, centred, and ASCII below."""
    tile = np.zeros((TILE_HEIGHT + LABEL_HEIGHT, TILE_WIDTH, *picture.shape[2:]), np.uint8)
    height, width = picture.shape[:2]
    y, x = (TILE_HEIGHT - height) // 2, (TILE_WIDTH - width) // 2
    tile[y : y + height, x : x + width] = picture
    baseline = (2, TILE_HEIGHT + LABEL_HEIGHT - 5)
    white = (255, 255, 255)
    cv2.putText(tile, label, baseline, cv2.FONT_HERSHEY_SIMPLEX, 0.38, white, 1, cv2.LINE_AA)
    return tile


def sheet_of(tiles: Sequence[Picture]) -> Picture:
    """At least one tile, all grey or all in colour, in rows of `SHEET_COLUMNS`."""
    columns = min(SHEET_COLUMNS, len(tiles))
    rows = math.ceil(len(tiles) / columns)
    height, width = tiles[0].shape[:2]
    size = (rows * (height + GAP) + GAP, columns * (width + GAP) + GAP)
    sheet = np.zeros((*size, *tiles[0].shape[2:]), np.uint8)
    for tile, (row, column) in zip(
        tiles, itertools.product(range(rows), range(columns)), strict=False
    ):
        y, x = GAP + row * (height + GAP), GAP + column * (width + GAP)
        sheet[y : y + height, x : x + width] = tile
    return sheet


def clock(seconds: float) -> str:
    """H:MM:SS.mmm, for labels."""
    minutes, rest = divmod(max(0.0, seconds), 60)
    return f"{int(minutes) // 60}:{int(minutes) % 60:02d}:{rest:06.3f}"
