"""The colours that a frame already has: none, the one hue of a tinted print, or all of them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import cv2
import numpy as np

from vidcolor.frames import EncodeTarget, Frame, Plane

COLORED_STRENGTH = 5.0
"""Distance of chroma from neutral, in 8-bit codes, that a twentieth of a frame in colour passes.
The noise of tapes has been averaged out by then, their faint large blotches stay below."""

TINTED_STRENGTH = 4.0
"""The same for a frame of one hue."""

ONE_HUE_STRAY = 2.0
"""8-bit codes. Chroma that differs from one line through neutral by less than this (root mean
square) has one hue, if it lies on one side of neutral."""

ONE_HUE_SIDE = 0.97
"""Share of the samples with chroma that lie on the same side."""

ONE_HUE_SHARE = 0.25
"""Of all samples, that have chroma: one red title does not make a tinted print."""

CLEAR_CONTRAST = 64.0
"""8-bit codes between the darkest and the brightest twentieth of a frame. Below it, the frame shows
little: black, or a picture that is only beginning to fade in, whose chroma is small too."""

_CELLS = 16
"""Chroma is looked at averaged to so many cells along each side."""

_SAMPLES = 8
"""Of a cell, along each side, that are averaged."""


class SourceColor(Enum):
    """What the chroma of a frame or shot holds."""

    NEUTRAL = "black and white"
    TINTED = "tinted"
    COLORED = "in colour"


@dataclass(frozen=True, slots=True)
class FrameColor:
    """What one frame says about its shot."""

    color: SourceColor
    is_clear: bool
    """It shows enough for its chroma to be judged; see `CLEAR_CONTRAST`."""


def frame_color(frame: Frame, bit_depth: int) -> FrameColor:
    """Look at the planes of one frame; without chroma it is neutral.

    Parameters
    ----------
    bit_depth:
        Of the planes' code values.
    """
    step = float(1 << (bit_depth - 8))
    darkest, brightest = np.percentile(_sampled(frame.luma), (5, 95)) / step
    is_clear = bool(brightest - darkest >= CLEAR_CONTRAST)
    if frame.chroma is None:
        return FrameColor(SourceColor.NEUTRAL, is_clear)
    neutral = float(1 << (bit_depth - 1))
    # (2, n), 8-bit codes
    chroma = np.stack([(_sampled(plane) - neutral) / step for plane in frame.chroma])
    strength = float(np.percentile(np.abs(chroma).max(axis=0), 95))
    color = SourceColor.COLORED if strength > COLORED_STRENGTH else SourceColor.NEUTRAL
    if strength > TINTED_STRENGTH and _has_one_hue(chroma):
        color = SourceColor.TINTED
    return FrameColor(color, is_clear)


def _sampled(plane: Plane) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    rows, columns = (max(1, size // (_CELLS * _SAMPLES)) for size in plane.shape)
    some = np.ascontiguousarray(plane[::rows, ::columns], np.float32)
    size = min(_CELLS, some.shape[1]), min(_CELLS, some.shape[0])
    cells = cv2.resize(some, size, interpolation=cv2.INTER_AREA)
    return np.asarray(cells, np.float64).ravel()


def _has_one_hue(chroma: np.ndarray[tuple[int, int], np.dtype[np.float64]]) -> bool:
    values, vectors = np.linalg.eigh(chroma @ chroma.T / chroma.shape[1])
    along = vectors[:, 1] @ chroma
    strong = along[np.abs(along) > ONE_HUE_STRAY]
    if len(strong) < ONE_HUE_SHARE * len(along):
        return False
    side = max((strong > 0).mean(), (strong < 0).mean())
    return bool(values[0] < ONE_HUE_STRAY**2 and side > ONE_HUE_SIDE)


def kept_chroma(frame: Frame, bit_depth: int, target: EncodeTarget) -> tuple[Plane, Plane]:
    """The source's own chroma as the encoder gets it.

    The planes themselves where size and depth agree; else scaled, and widened as luma is.

    Parameters
    ----------
    frame:
        With chroma.
    bit_depth:
        Of the source.
    """
    assert frame.chroma is not None
    shift = target.layout.bit_depth - bit_depth
    cb, cr = (_fitted(plane, target.chroma_size, shift) for plane in frame.chroma)
    return cb, cr


def _fitted(plane: Plane, size: tuple[int, int], shift: int) -> Plane:
    height, width = plane.shape
    if (width, height) != size:
        shrinks = size[0] <= width and size[1] <= height
        method = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
        plane = cv2.resize(plane, size, interpolation=method)
    if shift > 0:
        plane = np.left_shift(plane.astype(np.uint16), shift)
    return plane
