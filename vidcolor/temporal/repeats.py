"""Frames that show what an earlier frame showed: pull-down, held drawings, titles, freeze frames.

They get the earlier frame's colours and need not go through the network. Film scans and lossy
codecs leave no two frames alike to the bit, so frames are compared by the means of small cells, in
which grain and coding noise average out and the smallest motion does not.
"""

from __future__ import annotations

import cv2
import numpy as np

from vidcolor.frames import Plane

CELL = 8
"""Pixels of the network's picture a side."""

LARGEST_CHANGE = 1.5
"""Code values of 8 bits by which no cell of a repeat differs from the frame it repeats. Frames
that a pull-down doubled differ by up to 1 after a lossy codec, a slowly moving picture by more
than 2."""

PERIOD = 8
"""Each frame whose index is a multiple of this is new whatever it shows, so that what a frame
repeats depends on no frames before that one."""


class RepeatFinder:
    """Says of each frame of a film, in order, whether it repeats the last that did not.

    Parameters
    ----------
    bit_depth:
        Significant bits of the pictures, 8…16.
    """

    def __init__(self, bit_depth: int) -> None:
        self._limit = LARGEST_CHANGE * 2 ** (bit_depth - 8)
        self._cells: np.ndarray | None = None

    def is_repeat(self, index: int, codes: Plane) -> bool:
        """Whether it is.

        Parameters
        ----------
        index:
            0-based number of the frame in the film. Begin with a multiple of `PERIOD`.
        codes:
            (h, w) luma codes of the picture that the network sees.
        """
        height, width = codes.shape
        size = max(1, width // CELL), max(1, height // CELL)
        cells = cv2.resize(codes.astype(np.float32), size, interpolation=cv2.INTER_AREA)
        may_repeat = index % PERIOD and self._cells is not None
        if may_repeat and float(np.abs(cells - self._cells).max()) <= self._limit:
            return True
        self._cells = cells
        return False
