"""Colour hints: points and scribbles that say what colour something has, as a file to edit.

::

    [[hint]]
    x = 412
    y = 230
    color = "#7a3b2e"

    [[hint]]
    points = [[30, 40], [90, 44], [140, 60]]
    color = "auto"
    radius = 6

Places are pixels of the whole picture as it is shown, the right way up (a film's with square
pixels): (0, 0) is the middle of the pixel above on the left. ``radius`` is in the same pixels.
``time``, in seconds from the film's beginning, says which frame of a film is meant; a photo
needs none. ``auto`` keeps the automatic colours at that place, whatever other hints spread. A
later hint paints over an earlier one. In CSV the columns are those names; scribbles (``points``)
are for TOML only.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from vidcolor.color import luma_from_codes, rgb_to_lab, upsample_ab
from vidcolor.color.spread import spread_change
from vidcolor.errors import SettingsError
from vidcolor.frames import Plane
from vidcolor.tables import TableFormat, finite

DEFAULT_RADIUS = 0.01
"""Of a hint that gives none: share of the picture's short side."""

GRID_SHORT_SIDE = 128
"""Most cells along the short side of the grid on which hints are spread."""

GRID_MOST_CELLS = 4 * GRID_SHORT_SIDE**2
"""Of that grid; reached by pictures four times as long as wide."""

AUTO = "auto"
"""In place of a colour: as the network has it."""

_FORMAT = TableFormat(
    kind="hints file",
    row="hint",
    columns=("time", "x", "y", "points", "color", "radius"),
    numbers=("time", "x", "y", "radius"),
    least='x, y and color = "#rrggbb"',
    advice="write one as docs/usage.md shows",
)

Point = tuple[float, float]
"""(x, y) in pixels."""

FloatArray = npt.NDArray[np.floating]


@dataclass(frozen=True, slots=True)
class Hint:
    """What colour is wanted where."""

    points: tuple[Point, ...]
    """One for a disc, several for a scribble that joins them."""
    ab: tuple[float, float] | None
    """CIE a* and b*; None keeps the automatic ones."""
    radius: float | None = None
    """Of the disc, or half the scribble's width, in pixels; None is `DEFAULT_RADIUS`."""
    time_s: float | None = None
    """Seconds from the film's beginning; None in a photo."""


@dataclass(frozen=True, slots=True)
class HintList:
    """The hints of one picture or film, at least one."""

    name: str
    """Of the file, for messages."""
    hints: tuple[Hint, ...]

    def check_inside(self, width: int, height: int) -> None:
        """Find hints that a picture of this size has no place for.

        Raises
        ------
        SettingsError
            Naming the first of them.
        """
        for number, hint in enumerate(self.hints, 1):
            for point in hint.points:
                for axis, value, size in zip("xy", point, (width, height), strict=True):
                    if not 0 <= value <= size - 1:
                        raise SettingsError(
                            f"{self.name}: hint {number}: {axis} = {value:g} is outside the "
                            f"picture of {width}×{height} pixels; allowed are 0…{size - 1}"
                        )


def read_hints(path: Path) -> HintList:
    """Read a hints file.

    Raises
    ------
    SettingsError
        If it cannot be read, or naming what is wrong with which hint.
    """
    _, rows = _FORMAT.read(path)
    return HintList(
        str(path), tuple(_hint(f"{path}: hint {n}", row) for n, row in enumerate(rows, 1))
    )


def ab_of_code(code: str) -> tuple[float, float]:
    """CIE a* and b* of an sRGB colour ``#rrggbb``.

    They are those of that very colour. Put on a picture they keep its own luma, so that a dark
    colour on a bright place looks paler than the code, and a bright one on a dark place stronger.
    """
    import torch

    rgb = torch.tensor(list(bytes.fromhex(code[1:])), dtype=torch.float64) / 255
    _, a, b = rgb_to_lab(rgb.view(3, 1, 1)).flatten().tolist()
    return a, b


def apply_hints(
    hints: Sequence[Hint],
    ab: npt.NDArray[np.float32],
    luma: Plane,
    bit_depth: int,
    full_range: bool,
) -> npt.NDArray[np.float32]:
    """Automatic colours, changed as the hints want it; see `vidcolor.color.spread`.

    Parameters
    ----------
    hints:
        Inside the picture; none give back ``ab`` itself.
    ab:
        (2, h, w) CIE a* and b* that cover the picture.
    luma:
        (H, W) code values.

    Returns
    -------
    (2, h', w') that cover the picture, neither coarser than ``ab`` nor than the grid of hints.
    """
    if not hints:
        return ab
    size = luma.shape[1], luma.shape[0]
    width, height = grid = _grid(*size)
    small = cv2.resize(luma, grid, interpolation=cv2.INTER_AREA)
    luma01 = luma_from_codes(small, bit_depth, full_range)
    change = spread_change(luma01, *paint(hints, upsample_ab(ab, grid), size))
    finer = max(width, ab.shape[2]), max(height, ab.shape[1])
    return upsample_ab(ab, finer) + upsample_ab(change, finer)


def paint(
    hints: Sequence[Hint], ab: npt.NDArray[np.float32], size: tuple[int, int]
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.bool_]]:
    """The change that hints want, and the cells where they want one.

    Parameters
    ----------
    ab:
        (2, h, w) that the change is counted from.
    size:
        (width, height) of the picture that it covers.

    Returns
    -------
    (2, h, w) float32, and (h, w); each hint marks at least one cell, and scribbles have no gaps.
    """
    height, width = ab.shape[1:]
    # Cell centres in pixels, centres on centres as in `upsample_ab`.
    x = ((np.arange(width) + 0.5) * size[0] / width - 0.5)[None, :]
    y = ((np.arange(height) + 0.5) * size[1] / height - 0.5)[:, None]
    half_cell = np.hypot(size[0] / width, size[1] / height) / 2
    wanted = np.zeros_like(ab)
    given = np.zeros((height, width), bool)
    for hint in hints:
        radius = DEFAULT_RADIUS * min(size) if hint.radius is None else hint.radius
        ends = itertools.pairwise(hint.points) if len(hint.points) > 1 else [hint.points * 2]
        for begin, end in ends:
            # A little more, for a point that is as far from four cells.
            near = _distance(x, y, begin, end) <= max(radius, half_cell) * 1.000001
            color = ab[:, near] if hint.ab is None else np.array(hint.ab, np.float32)[:, None]
            wanted[:, near] = color - ab[:, near]
            given |= near
    return wanted, given


def _distance(x: FloatArray, y: FloatArray, begin: Point, end: Point) -> FloatArray:
    """(h, w) from each cell to the line from ``begin`` to ``end``, in pixels."""
    dx, dy = end[0] - begin[0], end[1] - begin[1]
    x, y = x - begin[0], y - begin[1]
    along = np.clip((x * dx + y * dy) / max(dx * dx + dy * dy, 1e-12), 0, 1)
    return np.hypot(x - along * dx, y - along * dy)


def _grid(width: int, height: int) -> tuple[int, int]:
    """Columns and rows of the grid for a picture; never more than its pixels."""
    scale = min(
        1.0, GRID_SHORT_SIDE / min(width, height), (GRID_MOST_CELLS / (width * height)) ** 0.5
    )
    return max(1, round(width * scale)), max(1, round(height * scale))


def _hint(where: str, row: dict[str, Any]) -> Hint:
    radius = _number(where, row, "radius", "pixels, such as 6")
    if radius is not None and radius <= 0:
        raise SettingsError(
            f"{where}: radius = {radius:g} is not above 0; leave it out for a small disc"
        )
    time_s = _number(where, row, "time", "seconds, such as 12.345")
    return Hint(_points(where, row), _color(where, row.get("color")), radius, time_s)


def _color(where: str, code: Any) -> tuple[float, float] | None:
    if code == AUTO:
        return None
    if isinstance(code, str) and re.fullmatch(r"#[0-9a-fA-F]{6}", code):
        return ab_of_code(code)
    raise SettingsError(
        f'{where}: color = {code!r} is no colour; write "#rrggbb", such as "#7a3b2e", or '
        f'"{AUTO}" to keep the automatic one'
    )


def _points(where: str, row: dict[str, Any]) -> tuple[Point, ...]:
    if "points" not in row:
        if "x" not in row or "y" not in row:
            raise SettingsError(
                f"{where} has no place; write x and y, or points = [[x, y], [x, y]] for a scribble"
            )
        x, y = (_number(where, row, axis, "pixels, such as 120") for axis in "xy")
        assert x is not None
        assert y is not None
        return ((x, y),)
    if "x" in row or "y" in row:
        raise SettingsError(f"{where} has both points and x, y; keep one of them")
    points = row["points"]
    pairs = [_pair(point) for point in points] if isinstance(points, list) else []
    if not pairs or None in pairs:
        raise SettingsError(
            f"{where}: points = {points!r} is no line; write points = [[x, y], [x, y]], in pixels"
        )
    return tuple(pair for pair in pairs if pair is not None)


def _pair(point: Any) -> Point | None:
    if not isinstance(point, list) or len(point) != 2:
        return None
    x, y = finite(point[0]), finite(point[1])
    return None if x is None or y is None else (x, y)


def _number(where: str, row: dict[str, Any], key: str, wanted: str) -> float | None:
    """None where the row has no such key."""
    if key not in row:
        return None
    value = finite(row[key])
    if value is None:
        raise SettingsError(f"{where}: {key} = {row[key]!r} is no number of {wanted}")
    return value
