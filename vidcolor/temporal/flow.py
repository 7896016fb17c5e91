"""Motion between two frames of one shot, and how far it can be trusted.

Vectors are measured on luma of at most 144 px short side and kept on the coarser grid of the
ab cells, as absolute positions, so that following a link is one ``cv2.remap``.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float32]

FLOW_SHORT_SIDE = 144
"""Pixels of the picture that motion is measured on; finer costs more and moves ab no better."""

FLOW_SHORT_SIDE_LEAST = 96
"""Smaller pictures are enlarged to this. Below 91 px OpenCV's DIS has no pyramid level to work
on; it then changes its own parameters for good, so that results depend on earlier calls, and
crashes on narrow pictures."""

FLOW_CONTRAST = 48.0
"""Standard deviation, in 8-bit code values, that luma is normalised to around 128."""

FLOW_CONTRAST_FLOOR = 4.0
"""Code values; a picture with less contrast is not stretched further."""

PHOTOMETRIC_TOLERANCE = 0.3
"""Luma difference, in standard deviations of the picture, at which confidence is one half."""

ROUND_TRIP_TOLERANCE = 1.0
"""Distance in ab cells between a place and where going there and back ends, at which
confidence is one half."""


@dataclass(frozen=True, slots=True, eq=False)
class MotionLink:
    """Where each ab cell of one frame is found in another frame."""

    position: Array
    """(h, w, 2) absolute x, y in cells of the other frame."""
    confidence: Array
    """(h, w) 0…1."""

    def fetch(self, cells: Array) -> Array:
        """The other frame's ``cells``, (h, w) or (h, w, C), moved to where they are here."""
        return sample(cells, self.position)

    def then(self, onward: MotionLink) -> MotionLink:
        """This link followed by ``onward``, which starts in the frame that this one ends in."""
        return MotionLink(
            position=self.fetch(onward.position),
            confidence=self.confidence * self.fetch(onward.confidence),
        )


@dataclass(frozen=True, slots=True, eq=False)
class FlowPicture:
    """One frame's luma, prepared once for the flow to both of its neighbours."""

    luma_u8: npt.NDArray[np.uint8]
    """Normalised, at most 144 px short side."""
    cells: Array
    """(h, w) on the ab grid, in standard deviations."""


class FlowEstimator:
    """Dense inverse search flow both ways between neighbours.

    Kroeger et al., "Fast Optical Flow using Dense Inverse Search", 2016,
    https://arxiv.org/abs/1603.03590. Not for use from several threads at once.
    """

    def __init__(self) -> None:
        self._dis = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST)

    def prepare(self, luma: npt.NDArray[np.uint8], grid: tuple[int, int]) -> FlowPicture:
        """Normalise a frame.

        Parameters
        ----------
        luma:
            (h, w) uint8 code values.
        grid:
            (rows, columns) of the ab cells, which cover the same picture.
        """
        height, width = luma.shape
        short = min(height, width)
        scale = max(FLOW_SHORT_SIDE_LEAST, min(FLOW_SHORT_SIDE, short)) / short
        size = max(1, round(width * scale)), max(1, round(height * scale))
        shrink = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        small = cv2.resize(luma, size, interpolation=shrink)
        mean, deviation = (float(value[0, 0]) for value in cv2.meanStdDev(small))
        gain = 1.0 / max(FLOW_CONTRAST_FLOOR, deviation)
        codes = 128 + FLOW_CONTRAST * gain * (np.arange(256) - mean)
        normal = cv2.LUT(small, np.clip(codes, 0, 255).astype(np.uint8))
        cells = cv2.resize(small, grid[::-1], interpolation=cv2.INTER_AREA).astype(np.float32)
        return FlowPicture(normal, (cells - mean) * gain)

    def link(self, first: FlowPicture, second: FlowPicture) -> tuple[MotionLink, MotionLink]:
        """Links from the cells of ``first`` into ``second``, and from ``second`` into ``first``."""
        there = self._cell_flow(first, second)
        back = self._cell_flow(second, first)
        return (
            _trusted_link(first.cells, second.cells, there, back),
            _trusted_link(second.cells, first.cells, back, there),
        )

    def _cell_flow(self, here: FlowPicture, there: FlowPicture) -> Array:
        """(rows, columns, 2) displacement in ab cells from ``here`` to ``there``."""
        flow = self._dis.calc(here.luma_u8, there.luma_u8, None)
        rows, columns = here.cells.shape
        height, width = here.luma_u8.shape
        # (h, w, 2) px -> (rows, columns, 2) px -> cells
        flow = cv2.resize(flow, (columns, rows), interpolation=cv2.INTER_LINEAR)
        x, y = cv2.split(flow)
        cell_flow: Array = cv2.merge([x * (columns / width), y * (rows / height)])
        return cell_flow


def _trusted_link(here: Array, there: Array, flow: Array, flow_back: Array) -> MotionLink:
    """A link with a confidence of 0 outside the picture, and lower where luma or the way back
    disagree. Both falls are ``1 / (1 + x⁴)``: flat for grain, which averages out, then steep."""
    rows, columns = here.shape
    position = identity_position(rows, columns) + flow
    x, y = cv2.split(position)
    flow_x, flow_y = cv2.split(flow)
    back_x, back_y = cv2.split(sample(flow_back, position))
    luma_change = sample(there, position) - here
    luma_error = np.square((luma_change - np.median(luma_change)) / PHOTOMETRIC_TOLERANCE)
    round_trip = np.square(back_x + flow_x) + np.square(back_y + flow_y)
    round_trip /= ROUND_TRIP_TOLERANCE**2
    confidence = 1 / ((1 + np.square(luma_error)) * (1 + np.square(round_trip)))
    inside = (x > -0.5) & (x < columns - 0.5) & (y > -0.5) & (y < rows - 0.5)
    return MotionLink(position, confidence * inside)


def sample(cells: Array, position: Array) -> Array:
    """(h, w) or (h, w, C) ``cells`` at absolute x, y (H, W, 2), bilinear, edges repeated."""
    moved: Array = cv2.remap(
        cells, position, None, interpolation=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return moved


@lru_cache(maxsize=8)
def identity_position(rows: int, columns: int) -> Array:
    """(rows, columns, 2) x, y of each cell's own place. Shared: do not write to it."""
    y, x = np.mgrid[:rows, :columns].astype(np.float32)
    return np.dstack([x, y])
