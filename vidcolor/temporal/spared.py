"""Which frames are spared the network: those that repeat the one before, and those between two that
it sees, which get the colours of an earlier one along motion.

Motion is measured from the last frame that the network saw, not from neighbour to neighbour, so
that its errors do not add up.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from vidcolor.frames import Plane
from vidcolor.temporal.flow import Array, FlowEstimator, FlowPicture, MotionLink
from vidcolor.temporal.repeats import PERIOD, RepeatFinder

LEAST_CONFIDENCE = 0.7
"""Least mean confidence of a link that is followed. The true colours of eight clips, carried to all
but every eighth frame, were 0.75 units of ab off at 0.8, 1.03 at 0.7 and 1.30 at 0.5; 32, 23 and
17 % of the frames were not carried. (The share of cells below 0.5 says the same: it correlates
with the mean by -0.999.)"""

LEAST_WEIGHT = 0.05
"""What a carried cell counts in the average over time, however little its motion is trusted: where
all frames around are carried there must be something to average."""


@dataclass(frozen=True, slots=True, eq=False)
class AbSource:
    """Where a frame's ab comes from."""

    is_repeat: bool = False
    """The frame before, as it is."""
    link: MotionLink | None = None
    """The last frame that the network saw, along this."""

    @property
    def is_network(self) -> bool:
        """Neither."""
        return not self.is_repeat and self.link is None


NETWORK = AbSource()


class AbSourceFinder:
    """Says of each frame of a film, in order, where its ab comes from.

    Parameters
    ----------
    bit_depth:
        Significant bits of the pictures, 8…16.
    every:
        Of the frames that are no repeats the network sees one in so many at least: 1, 2, 4 or 8.
        With more than 1, nothing reaches across a multiple of `PERIOD`.
    skip_repeats:
        Look for repeats.
    """

    def __init__(self, bit_depth: int, every: int = 1, *, skip_repeats: bool = True) -> None:
        self._bit_depth = bit_depth
        self._every = every
        self._skip_repeats = skip_repeats
        self._estimator = FlowEstimator()
        self._forget()

    def _forget(self) -> None:
        self._repeats = RepeatFinder(self._bit_depth)
        self._seen: FlowPicture | None = None
        """The last frame that the network saw."""
        self._carried = 0
        """Frames since then that were carried."""

    def begin(self, index: int) -> int:
        """The frame to begin with for the same answers from ``index`` on as for the whole film."""
        if self._every == 1:
            return RepeatFinder.begin(index)
        return max(0, index // PERIOD * PERIOD)

    def find(
        self,
        index: int,
        codes: Plane,
        grid: tuple[int, int],
        is_cut: bool = False,
        needs_network: bool = False,
    ) -> AbSource:
        """Where the next frame's ab comes from.

        Parameters
        ----------
        index:
            0-based number of the frame in the film.
        codes:
            (h, w) luma codes of the picture that the network sees.
        grid:
            (rows, columns) of ab.
        is_cut:
            It is known to begin a shot: nothing is carried into it.
        needs_network:
            It goes through the network whatever it shows.
        """
        carries = self._every > 1
        if carries and (is_cut or index % PERIOD == 0):
            self._forget()
        is_repeat = self._skip_repeats and self._repeats.is_repeat(index, codes)
        if is_repeat and not needs_network:
            return AbSource(is_repeat=True)
        if not carries:
            return NETWORK
        luma = (codes >> (self._bit_depth - 8)).astype(np.uint8)
        picture = self._estimator.prepare(luma, grid)
        if self._seen is not None and self._carried < self._every - 1 and not needs_network:
            link, _ = self._estimator.link(picture, self._seen)
            if link.confidence.mean() >= LEAST_CONFIDENCE:
                self._carried += 1
                return AbSource(link=link)
        self._seen, self._carried = picture, 0
        return NETWORK


def carried_ab(ab: Array, link: MotionLink) -> tuple[Array, Array]:
    """(2, h, w) ``ab`` of the frame that ``link`` ends in, moved to the one that it starts in, and
    what its cells (h, w) count in the average over time."""
    moved = link.fetch(cv2.merge([ab[0], ab[1]]))
    weight = np.maximum(link.confidence, np.float32(LEAST_WEIGHT))
    return np.stack(cv2.split(moved)), weight
