"""Carries colours from one frame, the keyframe, to the other frames of its shot.

Note [Two ways to a keyframe]
    Where the motion from frame to frame can be followed without a break, the composed motion says
    exactly which place of the keyframe a cell shows. It drifts, so each step is corrected by
    matching the frame with the keyframe itself, starting from the composed motion. Where
    it breaks (something was hidden, has left and come back, or is new) cells are compared by the
    network's own features with all cells of the keyframe, wherever they are: non-local means over
    features, as in exemplar-based colorization (He et al. 2018, https://arxiv.org/abs/1807.06587).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from vidcolor.temporal.flow import (
    FLOW_CONTRAST,
    FLOW_CONTRAST_FLOOR,
    FLOW_SHORT_SIDE_LEAST,
    identity_position,
    sample,
)

Array = npt.NDArray[np.float32]

CARRY_SHORT_SIDE = 192
"""Pixels of the picture that motion is followed on."""

ROUND_TRIP = 1.0
"""Distance in pixels between a place and where going one frame back and forth ends, at which
the thread of motion is as good as lost."""

LUMA_ERROR = 0.5
"""Root mean square difference from the keyframe over 5 × 5 pixels, in standard deviations of the
picture, at which confidence is one half."""

FARTHEST_CORRECTION = 4.0
"""Pixels by which a match with the keyframe itself may differ from the composed motion."""

BETTER_MATCH = 0.9
"""Share of the composed motion's luma error that a correction must stay below."""

FEATURE_TEMPERATURE = 0.02
"""Of the softmax over cosine similarities."""

LEAST_SIMILARITY, SURE_SIMILARITY = 0.2, 0.5
"""Cosine similarities of the best match at which its colours begin to count, and count fully."""

MOST_CELLS = 2400
"""Whose features are compared, each with each: memory and time grow with the square."""

LEAST_MATCHED_SHARE = 0.5
"""Of the cells that match, so many must carry a colour; a few in a crowd are chance."""


@dataclass(frozen=True, slots=True, eq=False)
class Place:
    """Where the cells of a frame are in the keyframe, by motion."""

    position: Array
    """(h, w, 2) absolute x, y in cells."""
    confidence: Array
    """(h, w) 0…1."""


class MotionThread:
    """Follows the motion away from a keyframe, frame by frame, in either direction.

    Parameters
    ----------
    keyframe:
        (H, W) uint8 luma code values.
    grid:
        (rows, columns) of the ab cells.
    """

    def __init__(self, keyframe: npt.NDArray[np.uint8], grid: tuple[int, int]) -> None:
        self._dis = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
        self._grid = grid
        self._keyframe = self._last = _normalised(keyframe)
        self._identity = identity_position(*self._keyframe.shape)
        self._to_keyframe = self._identity
        self._unbroken = np.ones(self._keyframe.shape, np.float32)

    def follow(self, luma: npt.NDArray[np.uint8]) -> Place:
        """The next frame, away from the keyframe.

        Parameters
        ----------
        luma:
            Of the keyframe's size.
        """
        here = _normalised(luma)
        back = self._dis.calc(here, self._last, None)
        onward = self._dis.calc(self._last, here, None)
        position = self._identity + back
        apart = np.square(sample(onward, position) + back).sum(axis=2) / ROUND_TRIP**2
        self._unbroken = sample(self._unbroken, position) * np.minimum(1, 2 / (1 + apart**2))
        self._to_keyframe = sample(self._to_keyframe, position)
        self._last = here
        self._correct(here)
        return self._place(here)

    def _correct(self, here: npt.NDArray[np.uint8]) -> None:
        """See Note [Two ways to a keyframe]."""
        composed = np.asarray(self._to_keyframe - self._identity, np.float32)
        matched = self._identity + self._dis.calc(here, self._keyframe, composed.copy())
        error_before = cv2.blur(self._luma_error(here, self._to_keyframe), (7, 7))
        error_after = cv2.blur(self._luma_error(here, matched), (7, 7))
        moved = np.sqrt(np.square(matched - self._to_keyframe).sum(axis=2))
        better = (error_after < BETTER_MATCH * error_before) & (moved < FARTHEST_CORRECTION)
        share = cv2.blur(better.astype(np.float32), (5, 5))[..., None]
        self._to_keyframe = np.asarray(
            self._to_keyframe + (matched - self._to_keyframe) * share, np.float32
        )

    def _luma_error(self, here: npt.NDArray[np.uint8], position: Array) -> Array:
        return np.asarray(np.abs(sample(self._keyframe.astype(np.float32), position) - here))

    def _place(self, here: npt.NDArray[np.uint8]) -> Place:
        height, width = here.shape
        position = self._to_keyframe
        change = (sample(self._keyframe.astype(np.float32), position) - here) / FLOW_CONTRAST
        error = cv2.blur(np.square(change - np.median(change)), (5, 5)) / LUMA_ERROR**2
        x, y = cv2.split(position)
        inside = (x > 0) & (x < width - 1) & (y > 0) & (y < height - 1)
        confidence = self._unbroken * inside / (1 + np.square(error))
        rows, columns = self._grid
        size = (columns, rows)
        # Centres of pixels to centres of cells.
        scale = np.array([columns / width, rows / height], np.float32)
        cells = cv2.resize(position, size, interpolation=cv2.INTER_AREA)
        return Place(
            np.asarray((cells + 0.5) * scale - 0.5, np.float32),
            np.asarray(
                cv2.resize(confidence.astype(np.float32), size, interpolation=cv2.INTER_AREA)
            ),
        )


@dataclass(frozen=True, slots=True, eq=False)
class Features:
    """What a network sees in each cell, for comparing cells of different frames."""

    vectors: Array
    """(h · w, C), each of length 1."""
    size: tuple[int, int]
    """(rows, columns)."""

    @classmethod
    def of(cls, planes: Array) -> Features:
        """Of (C, h, w) features; averaged where there are more than `MOST_CELLS`."""
        channels, rows, columns = planes.shape
        if rows * columns > MOST_CELLS:
            scale = math.sqrt(MOST_CELLS / (rows * columns))
            rows, columns = max(1, round(rows * scale)), max(1, round(columns * scale))
            planes = np.stack(
                [cv2.resize(p, (columns, rows), interpolation=cv2.INTER_AREA) for p in planes]
            )
        vectors = planes.reshape(channels, -1).T
        lengths = np.sqrt(np.square(vectors).sum(axis=1, keepdims=True))
        return cls(np.ascontiguousarray(vectors / np.maximum(lengths, 1e-6)), (rows, columns))


@dataclass(frozen=True, slots=True, eq=False)
class Paint:
    """Colours that are wanted in the cells of a frame."""

    ab: Array
    """(2, h, w) CIE a*, b*; of no meaning where ``weight`` is 0."""
    weight: Array
    """(h, w) 0…1: how much of the automatic colours they replace."""

    def over(self, below: Paint) -> Paint:
        """Both, this one painted over ``below``."""
        under = below.weight * (1 - self.weight)
        weight = np.asarray(self.weight + under, np.float32)
        ab = (self.ab * self.weight + below.ab * under) / np.maximum(weight, 1e-6)
        return Paint(np.asarray(ab, np.float32), weight)


def carry(paint: Paint, place: Place, keyframe: Features | None, here: Features | None) -> Paint:
    """``paint`` of the keyframe as another frame of the shot gets it.

    Parameters
    ----------
    paint:
        Of the keyframe.
    place:
        Of the frame's cells in the keyframe.
    keyframe, here:
        Features of both; None goes by motion alone.
    """
    moved = sample(_premultiplied(paint), place.position) * place.confidence[..., None]
    if keyframe is None or here is None:
        return _as_paint(moved)
    matched = _matched(paint, keyframe, here) * (1 - place.confidence)[..., None]
    return _as_paint(moved + matched)


def _matched(paint: Paint, keyframe: Features, here: Features) -> Array:
    """(h, w, 3) premultiplied paint of the cells that look alike, see Note."""
    similar = here.vectors @ keyframe.vectors.T
    best = similar.max(axis=1, keepdims=True)
    shares = np.exp((similar - best) / FEATURE_TEMPERATURE)
    shares /= shares.sum(axis=1, keepdims=True)
    rows, columns = keyframe.size
    cells = cv2.resize(_premultiplied(paint), (columns, rows), interpolation=cv2.INTER_AREA)
    found = shares @ cells.reshape(-1, 3)
    weight = found[:, 2:]
    likely = np.clip((weight - LEAST_MATCHED_SHARE) / (1 - LEAST_MATCHED_SHARE), 0, 1)
    sure = np.clip((best - LEAST_SIMILARITY) / (SURE_SIMILARITY - LEAST_SIMILARITY), 0, 1)
    found *= likely * sure / np.maximum(weight, 1e-6)
    picture = found.reshape(*here.size, 3).astype(np.float32)
    height, width = paint.weight.shape
    return np.asarray(cv2.resize(picture, (width, height), interpolation=cv2.INTER_LINEAR))


def _premultiplied(paint: Paint) -> Array:
    """(h, w, 3): weighted a*, weighted b*, weight."""
    a, b = paint.ab * paint.weight
    return np.asarray(cv2.merge([a, b, paint.weight]), np.float32)


def _as_paint(premultiplied: Array) -> Paint:
    a, b, weight = cv2.split(premultiplied)
    safe = np.maximum(weight, 1e-6)
    ab = np.stack([a / safe, b / safe]) * (weight > 0)
    return Paint(np.asarray(ab, np.float32), np.asarray(np.clip(weight, 0, 1), np.float32))


def _normalised(luma: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Smaller, with the contrast that flow is measured at."""
    height, width = luma.shape
    short = min(height, width)
    scale = max(FLOW_SHORT_SIDE_LEAST, min(CARRY_SHORT_SIDE, short)) / short
    size = max(1, round(width * scale)), max(1, round(height * scale))
    shrink = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    small = cv2.resize(luma, size, interpolation=shrink).astype(np.float32)
    gain = FLOW_CONTRAST / max(FLOW_CONTRAST_FLOOR, float(small.std()))
    return np.asarray(np.clip(128 + gain * (small - small.mean()), 0, 255), np.uint8)
