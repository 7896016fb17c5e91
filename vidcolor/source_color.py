"""The colours that a source already has: none, the one hue of a tinted print, or all of them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
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
"""Share of the samples on the same side."""

DECIDING_FRAMES = 4
"""From the start of a shot; what most of them are, the shot is."""

_CELLS = 16
"""Chroma is looked at averaged to so many cells along each side."""

_SAMPLES = 8
"""Of a cell, along each side, that are averaged."""


class SourceColor(Enum):
    """What the chroma of a frame or shot holds."""

    NEUTRAL = "black and white"
    TINTED = "tinted"
    COLORED = "in colour"


def source_color(frame: Frame, bit_depth: int) -> SourceColor:
    """Look at the chroma of one frame."""
    if frame.chroma is None:
        return SourceColor.NEUTRAL
    neutral, step = float(1 << (bit_depth - 1)), float(1 << (bit_depth - 8))
    planes = [(_sampled(plane) - neutral) / step for plane in frame.chroma]
    chroma = np.stack(planes)  # (2, n) 8-bit codes
    strength = float(np.percentile(np.abs(chroma).max(axis=0), 95))
    if strength > TINTED_STRENGTH and _has_one_hue(chroma):
        return SourceColor.TINTED
    return SourceColor.COLORED if strength > COLORED_STRENGTH else SourceColor.NEUTRAL


def _sampled(plane: Plane) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    rows, columns = (max(1, size // (_CELLS * _SAMPLES)) for size in plane.shape)
    some = np.ascontiguousarray(plane[::rows, ::columns], np.float32)
    size = min(_CELLS, some.shape[1]), min(_CELLS, some.shape[0])
    cells = cv2.resize(some, size, interpolation=cv2.INTER_AREA)
    return np.asarray(cells, np.float64).ravel()


def _has_one_hue(chroma: np.ndarray[tuple[int, int], np.dtype[np.float64]]) -> bool:
    values, vectors = np.linalg.eigh(chroma @ chroma.T / chroma.shape[1])
    along = vectors[:, 1] @ chroma
    side = max((along > 0).mean(), (along < 0).mean())
    return bool(values[0] < ONE_HUE_STRAY**2 and side > ONE_HUE_SIDE)


def majority(frames: list[SourceColor]) -> SourceColor:
    """What most are; of equals the first."""
    return Counter(frames).most_common(1)[0][0]


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


@dataclass(slots=True)
class SourceShots:
    """Counts what the shots of a film are."""

    counts: Counter[SourceColor] = field(default_factory=Counter)
    first_s: dict[SourceColor, float] = field(default_factory=dict)
    seen_s: dict[SourceColor, float] = field(default_factory=dict)
    """Time of the first frame."""

    def add(self, color: SourceColor, start_s: float) -> None:
        """One more shot."""
        self.counts[color] += 1
        self.first_s.setdefault(color, start_s)

    def see(self, color: SourceColor, time_s: float) -> None:
        """One frame, whatever its shot is taken for: one that fades in may be taken for neutral."""
        if color is not SourceColor.NEUTRAL:
            self.seen_s.setdefault(color, time_s)

    def notices(self, *, keeps_color: bool, keeps_tint: bool) -> list[str]:
        """What a user should know."""
        total = self.counts.total()
        found = []
        if count := self.counts[SourceColor.COLORED]:
            at = f"{count} of {total} shots, first at {self.first_s[SourceColor.COLORED]:.2f} s"
            found.append(
                f"{at}, are in colour and keep their own colours"
                if keeps_color
                else f"the source is in colour ({at}): its own colours are replaced, only its luma "
                "is used; --keep-color-shots leaves such shots as they are"
            )
        elif SourceColor.COLORED in self.seen_s:
            found.append(
                f"the source is in colour (first seen at {self.seen_s[SourceColor.COLORED]:.2f} s, "
                "not where its shot begins): its own colours are replaced, only its luma is used"
            )
        if count := self.counts[SourceColor.TINTED]:
            at = f"{count} of {total} shots, first at {self.first_s[SourceColor.TINTED]:.2f} s"
            found.append(
                f"{at}, are tinted and keep their tint"
                if keeps_tint
                else f"{at}, are tinted: the tint is replaced; --keep-tint leaves them as they are"
            )
        return found
