"""The direct solve of `vidcolor.color.solve`, baked into a table that is quick to look up."""

from __future__ import annotations

import functools
import threading

import cv2
import numpy as np
import numpy.typing as npt

from vidcolor.color.solve import solve_chroma
from vidcolor.color.table_cache import keep_table, read_table
from vidcolor.frames import ColorTags

FloatArray = npt.NDArray[np.float32]
IndexArray = npt.NDArray[np.integer]

LUMA_NODES = 65
"""Solved values of Y′, evenly over 0…1. On random displayable colours 33 of them give a mean
error of 0.24 and a 99th percentile of 3.2 of an 8-bit code, 65 give 0.19 and 2.7."""

AB_NODES = 65
"""Solved values of a* and of b*, evenly over ±`AB_LIMIT`; the middle one is exactly 0."""

AB_LIMIT = 110.0
"""Largest |a*| or |b*| in the table. All of sRGB lies inside (−86…98 and −108…94), and a
narrower table is a finer one: ±128 would interpolate over cells 16 % wider."""

LUMA_LEVELS = (LUMA_NODES - 1) * 7 + 1
"""Y′ levels in the baked table, 6 interpolated between each two solved ones. Finer than
8-bit codes, and `LUMA_LEVELS` × `AB_NODES` = 29185 rows are under `REMAP_LIMIT`."""

CHECKED_NODES = 160
"""Values of a table from the cache that are solved again. The solver's arrays then hold three times
as many numbers, and up to 500 numpy does not let go of the interpreter: it need not wait for other
threads to get it back."""

CHECK_TOLERANCE = 1e-5
"""Largest difference at which they are the same; 0.003 of an 8-bit code."""

REMAP_LIMIT = 32766
"""Most rows or columns, of table and of result, that `cv2.remap` can address."""


class ChromaTable:
    """Y′, a*, b* → Cb, Cr for one matrix and one set of primaries.

    65 × 65 × 65 × 2 values are solved and stored as two tall pictures: 65 columns for a*,
    and 65 rows of b* for each of 449 levels of Y′, the levels between the solved ones
    interpolated. One bilinear `cv2.remap` per plane is then a trilinear look-up with Y′
    rounded to 1/448.

    Its error against `solve_chroma`, in 8-bit codes, BT.709: mean 0.11 and 99th percentile
    1.2 over uniformly random input, most of which no display can show; 0.19 and 2.7 over
    uniformly random R′G′B′; 0.01 to 0.13 and 0.1 to 1.8 over photographs. At 10 and 12 bits it is
    the same share of the range, so 4 and 16 times as many codes: invisible, but not exact to
    the code. The largest errors, up to 28 codes, are at the edge of the gamut, where the direct
    solve has a kink, or even jumps: some rays of constant hue leave the gamut and re-enter it.
    """

    def __init__(self, atlas: FloatArray) -> None:
        self._atlas = atlas

    @classmethod
    def build(cls, tags: ColorTags) -> ChromaTable:
        """The table for resolved ``tags``, solved the first time and then remembered.

        A later process takes it from the user's cache, see Note [A table from the cache]. While one
        thread builds it, others wait.
        """
        with _building:
            return _build(tags.matrix, tags.primaries)

    def chroma(self, luma01: FloatArray, ab: FloatArray) -> FloatArray:
        """Look up Cb and Cr.

        Parameters
        ----------
        luma01:
            (h, w) Y′; clipped to 0…1. Neither side above `REMAP_LIMIT`.
        ab:
            (2, h, w) CIE a* and b*; beyond ±`AB_LIMIT` shortened at the same hue.

        Returns
        -------
        (2, h, w) float32 Cb and Cr, −0.5…0.5.
        """
        return self.look_up(self.first_rows(luma01), self.coordinates(ab))

    def coordinates(self, ab: FloatArray) -> FloatArray:
        """Where ``ab`` is in a slice of the table: (2, ...) columns and rows, 0…64.

        The map is linear inside the limit, so it may be applied before upsampling ab.

        Raises
        ------
        ValueError
            If a value is not finite.
        """
        if not np.isfinite(ab).all():
            raise ValueError("ab holds values that are not finite; the network's output is broken")
        longest = np.maximum(np.abs(ab[0]), np.abs(ab[1]))
        shortened = ab * (AB_LIMIT / np.maximum(longest, AB_LIMIT))
        coordinates = shortened * ((AB_NODES - 1) / (2 * AB_LIMIT)) + (AB_NODES - 1) / 2
        return np.asarray(coordinates, np.float32)

    def first_rows(self, luma01: npt.NDArray[np.floating]) -> FloatArray:
        """First table row of the level next to ``luma01``; any shape."""
        level = np.rint(np.clip(luma01, 0.0, 1.0) * (LUMA_LEVELS - 1))
        return np.asarray(level * AB_NODES, np.float32)

    def look_up(
        self, first_rows: FloatArray, coordinates: FloatArray, out: FloatArray | None = None
    ) -> FloatArray:
        """Bilinear look-up of both planes.

        Parameters
        ----------
        first_rows:
            (h, w) from `first_rows`.
        coordinates:
            (2, h, w) from `coordinates`; its second plane is overwritten.
        out:
            (2, h, w) to fill; None makes one.
        """
        if out is None:
            out = np.empty_like(coordinates)
        columns, rows = coordinates
        np.add(rows, first_rows, out=rows)
        for plane, picture in zip(out, self._atlas, strict=True):
            # Row 64 of a slice is followed by row 0 of the next, which then has weight 0.
            cv2.remap(picture, columns, rows, cv2.INTER_LINEAR, plane, cv2.BORDER_REPLICATE)
        return out


_building = threading.Lock()


@functools.cache
def _build(matrix: int, primaries: int) -> ChromaTable:
    tags = ColorTags(matrix=matrix, primaries=primaries, transfer=1, full_range=True)
    name = f"chroma-{matrix}-{primaries}"
    solved = read_table(name)
    if solved is None or not _is_of(tags, solved):
        solved = _solve(tags, *np.indices(_shape()))
        keep_table(name, solved)
    return ChromaTable(_interpolate_levels(solved))


def _shape() -> tuple[int, int, int]:
    """Nodes by level, row = b*, column = a*."""
    return LUMA_NODES, AB_NODES, AB_NODES


def _solve(tags: ColorTags, level: IndexArray, row: IndexArray, column: IndexArray) -> FloatArray:
    """(2, ...) chroma of the nodes with these numbers, each (...)."""
    luma = np.linspace(0.0, 1.0, LUMA_NODES)
    ab = np.linspace(-AB_LIMIT, AB_LIMIT, AB_NODES)
    return solve_chroma(luma[level], np.stack((ab[column], ab[row])), tags).astype(np.float32)


def _is_of(tags: ColorTags, solved: FloatArray) -> bool:
    """Whether ``solved`` is what `_solve` makes of its nodes, as far as some of them tell."""
    if solved.shape != (2, *_shape()) or solved.dtype != np.float32:
        return False
    numbers = np.linspace(0, LUMA_NODES * AB_NODES**2 - 1, CHECKED_NODES).astype(int)
    level, row, column = np.unravel_index(numbers, _shape())
    again = _solve(tags, level, row, column)
    return bool((np.abs(solved[:, level, row, column] - again) <= CHECK_TOLERANCE).all())


def _interpolate_levels(solved: FloatArray) -> FloatArray:
    """(2, 65, 65, 65) -> (2, 449 · 65, 65)"""
    position = np.linspace(0.0, LUMA_NODES - 1, LUMA_LEVELS)
    below = np.minimum(position.astype(int), LUMA_NODES - 2)
    weight = (position - below)[:, None, None].astype(np.float32)
    levels = solved[:, below] * (1 - weight) + solved[:, below + 1] * weight
    return np.ascontiguousarray(levels.reshape(2, LUMA_LEVELS * AB_NODES, AB_NODES))
