"""Dissolves and fades, found on small luma as frames stream by.

Note [What a dissolve looks like]
    While one picture dissolves into another, frame t is ``(1 − α) A + α B`` with α rising evenly
    from 0 to 1: as points in the space of all pictures, the frames march along the straight line
    from A to B. With D = B − A, each frame between has a *progress* p = ⟨y − A, D⟩ / |D|², which
    rises evenly, and a *stray* |y − A|² / |D|² − p², which is small; before and after, progress
    stands still. A camera that pans from A to B also ends far from where it began, but takes no
    straight line there: a picture half way has nothing in common with either end, and its stray
    is about ¾. And where A and B are unrelated their even blend has half the variance of either;
    a picture that moves keeps its own.

    Every window of the frames at hand is judged that way, for each of a few lengths, and a window
    that no overlapping one beats is a dissolve. All inner products come from one small Gram
    matrix. Windows with a cut in them are left out: across a cut progress jumps.

    A picture that fades to black and another that comes up from it march along two lines that
    meet where there is no contrast left. A stretch of frames without contrast, entered and left
    without a cut, is therefore a fade. A few blank frames with the same picture on either side
    are damage: a splice, a flash.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
import numpy.typing as npt

LENGTHS = (6, 8, 10, 12, 14, 16, 20, 24, 28, 32, 40)
"""Frames of a dissolve that are tried; one between two of these is found by either."""

MAX_LENGTH = LENGTHS[-1]
"""Frames."""

SHORT_SIDE = 24
"""Pixels of the thumbnails: small, so that motion within A and B matters little."""

FLAT_CONTRAST = 5.0
"""Standard deviation in 8-bit code values below which a thumbnail shows nothing."""

FADING_CONTRAST = 15.0
"""A cut into or out of a flat stretch from a frame with less contrast than this is the steepest
part of a fade, which grain makes look like a cut."""

DAMAGE_FRAMES = 5
"""A stretch without contrast that is shorter than this may be damage inside a shot."""

SAME_PICTURE = 0.8
"""Correlation from which the pictures on either side of a stretch are the same."""

LEAST_CHANGE = 1.0
"""Distance between the ends, each brought to a contrast of 1: unrelated pictures are √2 apart."""

MOST_UNEVEN = 0.3
"""Distance of progress from an even rise."""

LEAST_BALANCE = 0.3
"""Contrast of the flatter end over that of the other: below it, something fades to black."""

STILL_FRAMES = 4
"""Frames of the same shots around a dissolve, in which progress should stand still."""

STRAY_WEIGHT, DIP_WEIGHT, MOVING_WEIGHT = 1.5, 1.0, 0.5
"""How much each counts against a window; see `_score`. With `LEAST_SCORE`, chosen on six reels of
60 transitions that were spliced from real films and given grain and exposure flicker."""

LEAST_SCORE = 0.65
"""Of a dissolve; a perfect one has √2."""

_Thumbnail = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Transition:
    """A gradual change of shot."""

    kind: Literal["dissolve", "fade"]
    first: int
    """First frame that shows both shots, or nothing."""
    last: int
    """Last such frame, inclusive."""

    @property
    def middle(self) -> int:
        """The frame that is taken for the first of the new shot."""
        return (self.first + self.last + 1) // 2


@dataclass(frozen=True, slots=True)
class _Window:
    """Frames ``start`` and ``end`` are the last of A and the first of B."""

    score: float
    start: int
    end: int

    def overlaps(self, other: _Window) -> bool:
        return self.start < other.end and other.start < self.end


class TransitionFinder:
    """Streaming search for dissolves and fades; memory and delay are bounded.

    See Note [What a dissolve looks like].

    Examples
    --------
    >>> import numpy as np
    >>> finder = TransitionFinder()
    >>> finder.push(np.full((48, 64), 128, np.uint8), is_cut=True), finder.flush()
    ([], [])
    """

    def __init__(self) -> None:
        self._start()

    def _start(self) -> None:
        self._count = 0
        self._recent: deque[_Thumbnail] = deque(maxlen=MAX_LENGTH + 2 + 2 * STILL_FRAMES)
        self._cut = 0
        self._windows: list[_Window] = []
        self._settled = 0
        self._flat_since: int | None = None
        self._flat_after_cut = False
        self._last_seen: _Thumbnail | None = None

    def push(self, luma: npt.NDArray[np.uint8], *, is_cut: bool) -> list[Transition]:
        """Take the next frame; return the transitions that have become certain.

        Parameters
        ----------
        luma:
            (h, w) uint8 code values.
        is_cut:
            Whether the frame is the first after a cut; see `ShotDetector`.
        """
        index = self._count
        thumbnail = _thumbnail(luma)
        found = self._watch_flatness(index, thumbnail, is_cut)
        if is_cut:
            self._cut = index
            self._recent.clear()
        self._recent.append(thumbnail)
        self._count += 1
        self._windows += self._windows_ending(index - STILL_FRAMES)
        return found + self._settle(index - STILL_FRAMES - MAX_LENGTH)

    def flush(self) -> list[Transition]:
        """The last transitions of the film. The finder then starts a new one."""
        found = self._settle(self._count)
        self._start()
        return found

    def _watch_flatness(self, index: int, thumbnail: _Thumbnail, is_cut: bool) -> list[Transition]:
        seen, contrast = self._last_seen, _contrast(thumbnail)
        if contrast < FLAT_CONTRAST:
            if self._flat_since is None:
                self._flat_since = index
                is_steep = is_cut and seen is not None and _contrast(seen) >= FADING_CONTRAST
                self._flat_after_cut = seen is None or is_steep
            return []
        since, self._flat_since, self._last_seen = self._flat_since, None, thumbnail
        is_steep = is_cut and contrast >= FADING_CONTRAST
        if since is None or is_steep or self._flat_after_cut:
            return []
        if index - since < DAMAGE_FRAMES and _are_alike(seen, thumbnail):
            return []
        return [Transition("fade", since, index - 1)]

    def _windows_ending(self, end: int) -> list[_Window]:
        """Windows whose B begins with frame ``end``."""
        first = self._count - len(self._recent)
        pictures = np.stack(self._recent) if self._recent else np.empty((0, 1), np.float32)
        if end - first < LENGTHS[0] + 1:
            return []
        gram = (pictures @ pictures.T).astype(np.float64) / pictures.shape[1]
        windows = []
        for length in LENGTHS:
            start = end - length - 1
            if start < first + STILL_FRAMES:
                break
            score = _score(gram, start - first, end - first)
            if score >= LEAST_SCORE:
                windows.append(_Window(score, start, end))
        return windows

    def _settle(self, until: int) -> list[Transition]:
        """Judge the windows that end before frame ``until``: what overlaps them is known by now."""
        found = []
        for window in self._windows:
            if not self._settled <= window.end < until:
                continue
            rivals = (other for other in self._windows if other.overlaps(window))
            if max(rivals, key=lambda w: (w.score, -w.start, -w.end)) == window:
                found.append(Transition("dissolve", window.start + 1, window.end - 1))
        self._settled = max(self._settled, until)
        self._windows = [w for w in self._windows if w.end + MAX_LENGTH + 1 >= until]
        return found


def _score(gram: npt.NDArray[np.float64], start: int, end: int) -> float:
    """How much frames ``start`` … ``end`` look like a dissolve; 0 where they do not.

    There must be `STILL_FRAMES` more to either side.

    Parameters
    ----------
    gram:
        Mean products of the pictures' code values about their means.
    """
    contrast = np.sqrt(np.diag(gram)[start : end + 1])
    ends = sorted((contrast[0], contrast[-1]))
    if contrast.min() < FLAT_CONTRAST or ends[0] < LEAST_BALANCE * ends[1]:
        return 0.0
    correlation = gram[start, end] / (contrast[0] * contrast[-1])
    # Not above that of unrelated pictures: opposites are a pattern that moves.
    change = float(np.sqrt(2 - 2 * np.clip(correlation, 0, 1)))
    if change < LEAST_CHANGE:
        return 0.0
    squared = gram[start, start] + gram[end, end] - 2 * gram[start, end]
    progress = (gram[:, end] - gram[:, start] - gram[start, end] + gram[start, start]) / squared
    even = np.arange(1, end - start) / (end - start)
    inside = slice(start + 1, end)
    uneven = np.abs(progress[inside] - even)
    if uneven.max() > MOST_UNEVEN:
        return 0.0
    distance = np.diag(gram) - 2 * gram[:, start] + gram[start, start]
    stray = (distance[inside] / squared - progress[inside] ** 2).mean()
    third = (end - start) // 3
    dip = np.square(contrast[third:-third]).mean() / np.square(contrast[[0, -1]]).mean() - 0.5
    moving = abs(progress[start - STILL_FRAMES]) + abs(progress[end + STILL_FRAMES] - 1)
    likeness = max(0.0, 1 - STRAY_WEIGHT * stray) * (1 - DIP_WEIGHT * max(0.0, dip))
    return float(change * likeness * (1 - uneven.mean()) - MOVING_WEIGHT * moving)


def _thumbnail(luma: npt.NDArray[np.uint8]) -> _Thumbnail:
    """Flat array of ``luma``'s code values, made small, about their mean."""
    height, width = luma.shape
    scale = min(1.0, SHORT_SIDE / min(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    small = cv2.resize(luma, size, interpolation=cv2.INTER_AREA).astype(np.float32)
    flat: _Thumbnail = (small - small.mean(dtype=np.float64)).astype(np.float32).ravel()
    return flat


def _are_alike(first: _Thumbnail | None, second: _Thumbnail) -> bool:
    if first is None:
        return False
    together = float((first * second).mean(dtype=np.float64))
    return together >= SAME_PICTURE * _contrast(first) * _contrast(second)


def _contrast(thumbnail: _Thumbnail) -> float:
    return float(np.sqrt(np.square(thumbnail).mean(dtype=np.float64)))
