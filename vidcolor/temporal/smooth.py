"""Steady colours: each frame's ab averaged with its neighbours' along motion.

Note [Parallel-in-time doubling]
    Let ``S[0][t] = w (ab, 1)`` be a frame's own colours and weight (1, unless its colours are
    less certain than others'), and L[0][t] the link from frame t to its neighbour t−1 with
    confidence c. Then::

        S[k+1][t] = S[k][t] + c[k][t] · fetch(L[k][t], S[k][t − 2^k])
        L[k+1][t] = L[k][t] followed by L[k][t − 2^k]

    sums 2^k frames after k steps, each weighted by the product of the confidences on the way
    to it. The same towards the future; both hold the frame itself, so the mean over
    ±(2^k − 1) frames is ``(S_past + S_future − S[0]) / (W_past + W_future − w)``.

    The support is finite: a result depends on the frames within the radius, in the same shot,
    and on no others, however the film was cut into pieces. A recursive filter would carry
    every earlier frame along, and smears what it carries.

Note [Chroma lost to averaging]
    Where neighbouring frames disagree about a colour, their mean is paler than each of them. Each
    averaged frame is therefore scaled by one number, so that its chroma (root mean square) is
    that of the frames it was averaged from. One number for the picture, because a gain per
    cell brings back colours just where they were least certain: that was tried, and costs more
    colour error for less colourfulness.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from vidcolor.temporal.flow import Array, FlowEstimator, FlowPicture, MotionLink
from vidcolor.temporal.shots import ShotDetector

RADII = (0, 1, 3, 7, 15)
"""Frames to either side that can be averaged: 2^k − 1 for k doubling steps."""

LEAST_CONFIDENCE = 0.5
"""Mean confidence of a link below which two neighbours share nothing, cut or not: no colour
passes. Links across cuts lie far below, links within a shot, also a whip pan's, far above."""


GAIN_LIMIT = 1.25
"""Most that an averaged frame is scaled by; see Note [Chroma lost to averaging]. Colours that
flip from frame to frame are nobody's to bring back."""


@dataclass(frozen=True, slots=True, eq=False)
class SmoothedAb:
    """Steadied colours of one frame."""

    index: int
    """As given to `TemporalSmoother.push`."""
    ab: Array
    """(2, h, w) CIE a*, b*; with radius 0 the array that was pushed."""
    is_cut: bool
    """First frame of a shot."""
    shot_index: int
    """0-based count of cuts seen by this smoother."""


@dataclass(frozen=True, slots=True, eq=False)
class _Pending:
    """A frame that waits for the shot detector."""

    index: int
    ab: Array
    weight: Array | None
    picture: FlowPicture | None


class TemporalSmoother:
    """Streaming smoother with its own shot detection; see Note [Parallel-in-time doubling].

    Frames go in one at a time and come out in the same order, `delay` frames late. Memory is
    bounded by the radius.

    Parameters
    ----------
    radius:
        One of `RADII`; 0 passes colours through and still finds shots.

    Raises
    ------
    ValueError
        If ``radius`` is none of `RADII`.
    """

    def __init__(self, radius: int = 7) -> None:
        if radius not in RADII:
            raise ValueError(f"radius {radius} is not one of {', '.join(map(str, RADII))}")
        self._radius = radius
        self._detector = ShotDetector()
        self._estimator = FlowEstimator()
        self._pending: deque[_Pending] = deque()
        self._window: _ShotWindow | None = None
        self._shots = 0

    @property
    def delay(self) -> int:
        """Frames that must be pushed after a frame before it comes out."""
        return ShotDetector.LOOK_AHEAD + self._radius

    @property
    def overlap(self) -> tuple[int, int]:
        """Frames (before, after) a piece of a film that make its results those of the whole."""
        return ShotDetector.LOOK_BEHIND + self._radius, self.delay

    def push(
        self,
        index: int,
        luma: npt.NDArray[np.uint8],
        ab: npt.NDArray[np.float32],
        is_cut: bool | None = None,
        weight: Array | None = None,
    ) -> list[SmoothedAb]:
        """Take the next frame; return the frames whose window is now complete, in order.

        Parameters
        ----------
        index:
            The caller's number of the frame, handed back with its result.
        luma:
            (h, w) uint8 code values, the small picture that the network sees.
        ab:
            (2, rows, columns) float32 CIE a*, b*, covering the same picture. Kept, not copied,
            until it comes out: do not write to it.
        is_cut:
            Whether the frame begins a shot, for those who know; None finds out. The same choice
            for all frames of a film.
        weight:
            (rows, columns) above 0: how much the frame's own colours count against its neighbours',
            which count 1 each. None is 1 everywhere. With radius 0 it has no say.

        Raises
        ------
        ValueError
            If a shape or type is wrong, or changes between frames.
        """
        if ab.ndim != 3 or ab.shape[0] != 2 or ab.dtype != np.float32:
            raise ValueError(f"ab must be (2, h, w) float32, not {ab.dtype}{ab.shape}")
        if self._pending and self._pending[-1].ab.shape != ab.shape:
            raise ValueError(
                f"ab changed its shape from {self._pending[-1].ab.shape} to {ab.shape}"
            )
        if weight is not None and weight.shape != ab.shape[1:]:
            raise ValueError(f"weight must be {ab.shape[1:]}, not {weight.shape}")
        decisions = self._detector.push(luma) if is_cut is None else [(index, is_cut)]
        picture = self._estimator.prepare(luma, ab.shape[1:]) if self._radius else None
        self._pending.append(_Pending(index, ab, weight, picture))
        return [done for _, is_cut in decisions for done in self._advance(is_cut)]

    def flush(self) -> list[SmoothedAb]:
        """Return the last frames of the film. The smoother can then be used for another."""
        smoothed = [done for _, is_cut in self._detector.flush() for done in self._advance(is_cut)]
        smoothed += self._end_shot()
        self._shots = 0
        return smoothed

    def _advance(self, is_cut: bool) -> list[SmoothedAb]:
        """Move the oldest pending frame, now decided, into its shot's window."""
        smoothed = self._end_shot() if is_cut else []
        if self._window is None:
            self._window = _ShotWindow(self._radius, self._estimator, self._shots)
            self._shots += 1
        return smoothed + self._window.push(self._pending.popleft())

    def _end_shot(self) -> list[SmoothedAb]:
        window, self._window = self._window, None
        return window.finish() if window else []


class _ShotWindow:
    """The frames of one shot that still have a say, and what has been computed from them."""

    def __init__(self, radius: int, estimator: FlowEstimator, shot_index: int) -> None:
        self._radius = radius
        self._levels = RADII.index(radius)
        self._estimator = estimator
        self._shot_index = shot_index
        self._waiting: deque[_Pending] = deque()
        self._count = 0
        self._done = 0
        self._last_picture: FlowPicture | None = None
        self._past = _Direction(-1, self._levels)
        self._future = _Direction(+1, self._levels)
        self._chroma: dict[int, float] = {}
        self._joined: set[int] = set()  # frames with a link to the one before

    def push(self, frame: _Pending) -> list[SmoothedAb]:
        """Take the shot's next frame; return those whose window is complete."""
        self._waiting.append(frame)
        if frame.picture is not None:
            self._add(frame, frame.picture)
        self._count += 1
        return list(self._emit_until(self._count - self._radius))

    def finish(self) -> list[SmoothedAb]:
        """The remaining frames, whose window the shot's end cuts short."""
        return list(self._emit_until(self._count))

    def _add(self, frame: _Pending, picture: FlowPicture) -> None:
        here = self._count
        ab = frame.ab
        weight = np.ones_like(ab[0]) if frame.weight is None else frame.weight
        # (2, h, w) -> (h, w, 3): a* and b*, weighted, and the weight, as cv2.remap wants them
        own = cv2.merge([ab[0] * weight, ab[1] * weight, weight])
        self._past.sums[0][here] = self._future.sums[0][here] = own
        self._chroma[here] = _rms_chroma(ab)
        if self._last_picture is not None:
            onward, back = self._estimator.link(self._last_picture, picture)
            if min(onward.confidence.mean(), back.confidence.mean()) >= LEAST_CONFIDENCE:
                self._future.links[0][here - 1], self._past.links[0][here] = onward, back
                self._joined.add(here)
            else:
                self._future.links[0][here - 1] = self._past.links[0][here] = None
        self._last_picture = picture

    def _emit_until(self, end: int) -> Iterator[SmoothedAb]:
        while self._done < end:
            frame, here = self._waiting.popleft(), self._done
            ab = self._average(here) if self._radius else frame.ab
            yield SmoothedAb(frame.index, ab, is_cut=here == 0, shot_index=self._shot_index)
            self._done += 1

    def _average(self, here: int) -> Array:
        own = self._past.sums[0][here]
        total = self._past.sum(self._levels, here) + self._future.sum(self._levels, here) - own
        self._past.forget(here)
        self._future.forget(here)
        a, b, weight = cv2.split(total)
        mean: Array = np.stack([a / weight, b / weight])
        mean *= np.float32(self._gain(here, mean))
        return mean

    def _gain(self, here: int, mean: Array) -> float:
        """See Note [Chroma lost to averaging]."""
        first = last = here
        while first in self._joined and here - first < self._radius:
            first -= 1
        while last + 1 in self._joined and last - here < self._radius:
            last += 1
        frames = range(first, last + 1)
        before = math.fsum(self._chroma[index] for index in frames) / len(frames)
        after = _rms_chroma(mean)
        oldest = here - self._radius
        self._chroma.pop(oldest, None)
        self._joined.discard(oldest)
        return min(GAIN_LIMIT, max(1.0, before / after)) if after > 0 else 1.0


class _Direction:
    """Sums and links of a shot towards the past (step −1) or the future (+1), each made once."""

    def __init__(self, step: int, levels: int) -> None:
        self._step = step
        self.sums: list[dict[int, Array]] = [{} for _ in range(levels + 1)]
        self.links: list[dict[int, MotionLink | None]] = [{} for _ in range(levels)]

    def sum(self, level: int, here: int) -> Array:
        """S[level][here], (h, w, 3): weighted a*, b* and their weight."""
        known = self.sums[level]
        if here not in known:
            near = self.sum(level - 1, here)
            link = self._link(level - 1, here)
            if link is None:
                known[here] = near
            else:
                far = link.fetch(self.sum(level - 1, here + self._leap(level - 1)))
                known[here] = near + cv2.merge([link.confidence] * 3) * far
        return known[here]

    def _link(self, level: int, here: int) -> MotionLink | None:
        """L[level][here]; None where it would leave the shot."""
        known = self.links[level]
        if here not in known:
            near = self._link(level - 1, here) if level else None
            far = self._link(level - 1, here + self._leap(level - 1)) if near else None
            known[here] = near.then(far) if near and far else None
        return known[here]

    def _leap(self, level: int) -> int:
        return self._step << level

    def forget(self, here: int) -> None:
        """Drop what no frame after ``here`` can ask for."""
        for level, (sums, links) in enumerate(zip(self.sums, [*self.links, {}], strict=True)):
            oldest = here + 1 - (1 << level if self._step < 0 else 0)
            for known in (sums, links):
                for index in [index for index in known if index < oldest]:
                    del known[index]


def _rms_chroma(ab: Array) -> float:
    """Root mean square length of ab, CIE units."""
    return math.sqrt(np.square(ab).sum(axis=0).mean(dtype=np.float64))
