"""From a frame's luma and its small ab planes to the chroma planes of the encoder."""

from __future__ import annotations

from typing import cast

import cv2
import numpy as np
import numpy.typing as npt

from vidcolor.color.codes import chroma_codes, code_type, neutral_code
from vidcolor.color.sampling import luma_on_chroma_grid, siting_shift, upsample_ab
from vidcolor.color.table import ChromaTable
from vidcolor.color.tags import luma_from_codes
from vidcolor.frames import EncodeTarget, Plane


class ChromaRenderer:
    """Makes Cb and Cr for one film. Holds the table; use one per thread.

    The result depends on nothing but the arguments. Every call returns new planes, so
    they may wait in a queue while the next ones are made.
    """

    def __init__(self, target: EncodeTarget) -> None:
        """Build the table for ``target``, see `ChromaTable.build`.

        Raises
        ------
        ValueError
            If the target has no chroma planes.
        """
        if target.layout.subsampling is None:
            raise ValueError(f"no chroma to render in {target.layout.name}")
        self._target = target
        self._subsampling = target.layout.subsampling
        self._table = ChromaTable.build(target.color)
        self._rows_of_code = self._bake_rows()
        self._chroma = np.empty((2, *target.chroma_size[::-1]), np.float32)

    def render(self, luma: Plane, ab: npt.NDArray[np.float32]) -> tuple[Plane, Plane]:
        """Cb and Cr codes for one frame.

        Parameters
        ----------
        luma:
            (height, width) codes of the target's size and bit depth.
        ab:
            (2, h, w) float32 CIE a* and b* over the whole picture; all zero gives neutral
            codes everywhere.

        Returns
        -------
        Two planes of ``target.chroma_size``, of the type of ``luma``.

        Raises
        ------
        ValueError
            If ``luma`` does not fit the target, or ``ab`` is not finite.
        """
        self._check(luma)
        if not ab.any():
            return self._neutral(), self._neutral()
        grid = luma_on_chroma_grid(luma, self._subsampling, self._target.color.chroma_location)
        return self._looked_up(grid, self._coordinates(luma, ab))

    def render_fields(
        self, luma: Plane, top: npt.NDArray[np.float32], bottom: npt.NDArray[np.float32]
    ) -> tuple[Plane, Plane]:
        """Cb and Cr codes for one interlaced frame, whose chroma lines alternate as luma's do.

        Parameters
        ----------
        luma:
            As for `render`.
        top, bottom:
            (2, h, w) ab of each field, over the whole picture; the same array if both show the
            same moment.

        Returns
        -------
        As `render`. Chroma lines 0, 2 … depend on the top field alone, 1, 3 … on the bottom one.
        A picture one line high has a top field only.

        Raises
        ------
        ValueError
            As `render`.
        """
        if len(luma) == 1:
            return self.render(luma, top)
        self._check(luma)
        if not (top.any() or bottom.any()):
            return self._neutral(), self._neutral()
        coordinates = self._coordinates(luma, top)
        if bottom is not top:
            coordinates[:, 1::2] = self._coordinates(luma, bottom)[:, 1::2]
        grid = np.empty(self._target.chroma_size[::-1], luma.dtype)
        for first_line in (0, 1):
            lines = grid[first_line::2]
            field = cast(Plane, np.ascontiguousarray(luma[first_line::2]))
            location = self._target.color.chroma_location
            means = luma_on_chroma_grid(field, self._subsampling, location, first_line)
            lines[...] = means[: len(lines)]
        return self._looked_up(grid, coordinates)

    def _coordinates(self, luma: Plane, ab: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Of the table, for every chroma sample."""
        location = self._target.color.chroma_location
        pixels_per_cell = (luma.shape[1] / ab.shape[2], luma.shape[0] / ab.shape[1])
        return upsample_ab(
            self._table.coordinates(ab),
            self._target.chroma_size,
            siting_shift(self._subsampling, location, pixels_per_cell),
        )

    def _looked_up(self, grid: Plane, coordinates: npt.NDArray[np.float32]) -> tuple[Plane, Plane]:
        chroma = self._table.look_up(self._first_rows(grid), coordinates, self._chroma)
        cb, cr = (self._codes(plane) for plane in chroma)
        return cb, cr

    def _first_rows(self, grid: Plane) -> npt.NDArray[np.float32]:
        if grid.dtype == np.uint8:
            return np.asarray(cv2.LUT(grid, self._rows_of_code), np.float32)
        # Decoders may leave bits above the depth set in damaged frames: clip, do not fail.
        return np.take(self._rows_of_code, grid, mode="clip")

    def _codes(self, plane: npt.NDArray[np.float32]) -> Plane:
        color = self._target.color
        return chroma_codes(plane, self._target.layout.bit_depth, color.full_range)

    def _neutral(self) -> Plane:
        depth = self._target.layout.bit_depth
        width, height = self._target.chroma_size
        return cast(Plane, np.full((height, width), neutral_code(depth), code_type(depth)))

    def _bake_rows(self) -> npt.NDArray[np.float32]:
        depth = self._target.layout.bit_depth
        codes = np.arange(2**depth)
        luma01 = luma_from_codes(codes, depth, self._target.color.full_range)
        return self._table.first_rows(luma01)

    def _check(self, luma: Plane) -> None:
        target = self._target
        dtype = np.dtype(code_type(target.layout.bit_depth))
        if luma.shape != (target.height, target.width) or luma.dtype != dtype:
            raise ValueError(
                f"luma must be {dtype}({target.height}, {target.width}), "
                f"not {luma.dtype}{luma.shape}"
            )
