"""The two fields of an interlaced frame: lines 0, 2 … are the top field, 1, 3 … the bottom field.

Note [Combs]
    Where something moves between the two fields, neighbouring lines differ and every second line
    agrees. So in cells of `CELL` pixels the difference of lines from the mean of their neighbours
    is compared with that from the mean of the lines two away. Grain makes both the same, detail
    makes the second larger, combs the first. It looks at one frame and at nothing else.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from vidcolor.frames import Plane

CELL = 16
"""Pixels along each side."""

COMB_RATIO = 2.0
"""By this much neighbouring lines differ more than lines two apart, in a combed cell."""

COMB_LEAST = 3.0
"""And by so many 8-bit codes more, on average over the cell."""

COMBED_SHARE = 0.001
"""Of the cells, and one at least, that are combed where the fields show two moments."""

_LEAST_SIDE = 8
"""Pixels; smaller pictures have no combs to speak of."""


def has_combs(luma: Plane, bit_depth: int) -> bool:
    """Whether the two fields show different moments; see Note [Combs].

    Parameters
    ----------
    luma:
        (H, W) code values.
    """
    if min(luma.shape) < _LEAST_SIDE:
        return False
    codes = luma if bit_depth == 8 else (luma >> (bit_depth - 8)).astype(np.uint8)
    # Lines 2 … H − 3, which have two neighbours on both sides.
    lines = codes[2:-2]
    next_to = _cells(cv2.absdiff(lines, _mean(codes[1:-3], codes[3:-1])))
    two_apart = _cells(cv2.absdiff(lines, _mean(codes[:-4], codes[4:])))
    combed = next_to > COMB_RATIO * two_apart + COMB_LEAST
    return bool(combed.sum() >= max(1, COMBED_SHARE * combed.size))


def _mean(one: Plane, other: Plane) -> Plane:
    mean: Plane = cv2.addWeighted(one, 0.5, other, 0.5, 0)
    return mean


def _cells(plane: Plane) -> npt.NDArray[np.float32]:
    """Means over cells of about `CELL` × `CELL`."""
    size = max(1, plane.shape[1] // CELL), max(1, plane.shape[0] // CELL)
    # Columns first and in whole codes: the frame is large, what is left of it small.
    columns = cv2.resize(plane, (size[0], plane.shape[0]), interpolation=cv2.INTER_AREA)
    cells = cv2.resize(columns.astype(np.float32), size, interpolation=cv2.INTER_AREA)
    return np.asarray(cells, np.float32)


def whole_from_field(luma: Plane, first_line: int) -> Plane:
    """A whole picture of one field: the other's lines are the means of those around them.

    Parameters
    ----------
    luma:
        (H, W) codes.
    first_line:
        0 for the top field, 1 for the bottom field.
    """
    whole = luma.copy()
    own, other = luma[first_line::2], whole[1 - first_line :: 2]
    if len(own) and len(other):
        padded = np.concatenate([own[:1], own, own[-1:]])
        # With the top field first the line above the n-th other one is the n-th own one.
        above = padded[1 - first_line :][: len(other)]
        below = padded[2 - first_line :][: len(other)]
        other[...] = _mean(above, below)
    return whole
