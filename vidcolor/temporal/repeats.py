"""Frames that show what an earlier frame showed: pull-down, held drawings, titles, freeze frames.

They get the earlier frame's colours and need not go through the network. Film scans and lossy
codecs leave no two frames alike to the bit, so frames are compared by the means of small cells, in
which grain and coding noise average out and the smallest motion does not.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from vidcolor.frames import Plane

Cells = npt.NDArray[np.floating]
"""(rows, columns) means of cells."""

CELL = 8
"""Pixels of the network's picture a side."""

LARGEST_CHANGE = 1.5
"""Code values of 8 bits by which no cell of a repeat differs from the frame it repeats. Of a
driving shot in which a pull-down had doubled every fourth frame, coded by x264 at CRF 18, 19.5 % of
the frames were within 1 and 20.1 % within 2 of the one before."""

PERIOD = 8
"""At every multiple of this a repeat of more than one frame ends whatever is shown, so that what a
frame repeats depends on few frames before it, and a drift is not carried along."""

LEAD = 2
"""Frames before a multiple of `PERIOD` from which on reading must begin."""


class RepeatFinder:
    """Says of each frame of a film, in order, whether it repeats the last that did not.

    Parameters
    ----------
    bit_depth:
        Significant bits of the pictures, 8…16.
    """

    def __init__(self, bit_depth: int) -> None:
        self._limit = LARGEST_CHANGE * 2 ** (bit_depth - 8)
        self._last: Cells | None = None
        self._last_is_like_its_last = False
        self._new: Cells | None = None

    @staticmethod
    def begin(index: int) -> int:
        """The frame to begin with for the same answers from ``index`` on as for the whole film."""
        return max(0, index // PERIOD * PERIOD - LEAD)

    def is_repeat(self, index: int, codes: Plane) -> bool:
        """Whether it is.

        Parameters
        ----------
        index:
            0-based number of the frame in the film.
        codes:
            (h, w) luma codes of the picture that the network sees.
        """
        height, width = codes.shape
        size = max(1, width // CELL), max(1, height // CELL)
        cells = cv2.resize(codes.astype(np.float32), size, interpolation=cv2.INTER_AREA)
        is_like_last = self._alike(cells, self._last)
        may_repeat = index % PERIOD or not self._last_is_like_its_last
        is_repeat = bool(is_like_last and may_repeat and self._alike(cells, self._new))
        if not is_repeat:
            self._new = cells
        self._last, self._last_is_like_its_last = cells, is_like_last
        return is_repeat

    def _alike(self, cells: Cells, others: Cells | None) -> bool:
        return others is not None and float(np.abs(cells - others).max()) <= self._limit
