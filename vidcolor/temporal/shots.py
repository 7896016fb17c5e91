"""Where one shot ends and the next begins, found on small luma as frames stream by.

Note [Why not PySceneDetect]
    Its detectors (0.7.2) were tried on frames of our own, on reels of known cuts that were spliced
    from real films and then damaged: exposure flicker, grain, gate weave, dirt, flashes.

    A flickering lamp moves every pixel and is a cut to both; normalising the luma first
    cures that, but not flashes, nor damage on top of damage. Both also remember their last
    cut for as long as the film runs (the shortest shot is counted from there), so that a film
    worked on in segments could get other shots than in one run. Ours looks at a fixed number
    of frames around each one and at nothing else.

Note [The gap]
    Every pair of neighbouring frames has a *gap*: the smallest difference between any of the
    three frames before and any of the three from here on. Across a cut all nine pairs differ.
    Across a flash, a splice mark or a torn frame some pair leaps over the damage and is alike.
    A cut is a gap that is large by itself and against the usual gap on both sides of it, so
    that neither a running crowd nor a whip pan is cut to pieces. Frames held for several
    exposures (animation, pull-down) have no gap at all and are left out of "usual".
"""

from __future__ import annotations

import statistics
from collections import deque

import cv2
import numpy as np
import numpy.typing as npt

THUMBNAIL_SHORT_SIDE = 48
"""Pixels; at this size grain and gate weave have averaged out, a change of picture has not."""

CONTRAST_FLOOR = 6.0
"""Code values of 8 bits. A picture with less contrast than this is not stretched further,
or the grain of black leader would look like a new picture in every frame."""

OUTLIER_LIMIT = 2.5
"""Standard deviations at which a thumbnail is clipped: a scratch counts, but not for more."""

CUT_GAP = 0.5
"""Least gap of a cut, in standard deviations of the picture. Two unrelated pictures differ by
about 2/√π = 1.13 (mean of |x−y| for two normal variables), by about 0.7 where the same black
bars cover a quarter of each; the fastest hand-held clip tried stayed below 0.47, and a blurred
whip pan reached 0.62, which `CUT_RATIO` holds back."""

CUT_RATIO = 1.7
"""A cut's gap is at least this many times the usual gap before it, and after it."""

REACH = 3
"""Frames compared on each side of a gap; a flash may last one frame less."""

NEIGHBORS = 3
"""Gaps on each side that tell what is usual; with `MIN_SHOT_LENGTH` 4 they hold no other cut."""

MIN_SHOT_LENGTH = 4
"""Frames. Nothing is a cut so soon after a frame that might have been one."""

HELD_FRAME_GAP = 0.01
"""Gaps below this are between two copies of one frame."""

_Thumbnail = npt.NDArray[np.float32]


class ShotDetector:
    """Streaming cut detection with a fixed look-ahead and no longer memory than it states.

    See Note [The gap]. Dissolves and fades are not cuts.

    Examples
    --------
    >>> import numpy as np
    >>> detector = ShotDetector()
    >>> grey = np.full((48, 64), 128, np.uint8)
    >>> detector.push(grey), detector.flush()
    ([], [(0, True)])
    """

    LOOK_AHEAD = NEIGHBORS + REACH - 1
    """Frames after a frame that must be seen before it is decided."""

    LOOK_BEHIND = MIN_SHOT_LENGTH - 1 + NEIGHBORS + REACH
    """Frames before a frame that can have a say in its decision."""

    def __init__(self) -> None:
        self._start()

    def _start(self) -> None:
        self._count = 0
        self._decided = 0
        self._shape: tuple[int, ...] | None = None
        self._recent: deque[_Thumbnail] = deque(maxlen=2 * REACH - 1)
        self._distances: dict[int, list[float]] = {}
        self._gaps: dict[int, float] = {}
        self._candidates: deque[int] = deque(maxlen=MIN_SHOT_LENGTH)

    def push(self, luma: npt.NDArray[np.uint8]) -> list[tuple[int, bool]]:
        """Take the next frame; say what has become certain.

        Parameters
        ----------
        luma:
            (h, w) uint8 code values, the small picture that the network sees.

        Returns
        -------
        ``(index, is_cut)`` of each frame now decided, in order; ``is_cut`` means that it is
        the first of a new shot, which frame 0 always is. `LOOK_AHEAD` frames late.

        Raises
        ------
        ValueError
            If the picture is not 2-D uint8, or its shape changes between frames.
        """
        self._check(luma)
        thumbnail = _thumbnail(luma)
        self._distances[self._count] = [_distance(thumbnail, old) for old in reversed(self._recent)]
        self._recent.append(thumbnail)
        self._count += 1
        return self._decide_until(self._count - self.LOOK_AHEAD)

    def flush(self) -> list[tuple[int, bool]]:
        """Decide the last frames, from what there is. The detector then starts a new film."""
        decisions = self._decide_until(self._count)
        self._start()
        return decisions

    def _check(self, luma: npt.NDArray[np.uint8]) -> None:
        if luma.ndim != 2 or luma.dtype != np.uint8 or not luma.size:
            raise ValueError(f"luma must be (h, w) uint8, not {luma.dtype}{luma.shape}")
        if self._shape not in (None, luma.shape):
            raise ValueError(f"luma changed its shape from {self._shape} to {luma.shape}")
        self._shape = luma.shape

    def _decide_until(self, end: int) -> list[tuple[int, bool]]:
        decisions = []
        while self._decided < end:
            index = self._decided
            decisions.append((index, index == 0 or self._is_cut(index)))
            self._distances.pop(index - NEIGHBORS, None)
            self._gaps.pop(index - NEIGHBORS, None)
            self._decided += 1
        return decisions

    def _is_cut(self, index: int) -> bool:
        gap = self._gap(index)
        if gap < CUT_GAP:
            return False
        before = self._usual_gap(range(max(1, index - NEIGHBORS), index))
        after = self._usual_gap(range(index + 1, min(self._count, index + 1 + NEIGHBORS)))
        if gap < CUT_RATIO * max(before, after):
            return False
        too_soon = any(index - candidate < MIN_SHOT_LENGTH for candidate in self._candidates)
        self._candidates.append(index)
        return not too_soon

    def _usual_gap(self, indices: range) -> float:
        gaps = [gap for gap in map(self._gap, indices) if gap > HELD_FRAME_GAP]
        return statistics.median(gaps) if gaps else 0.0

    def _gap(self, index: int) -> float:
        """Smallest difference across the boundary between ``index - 1`` and ``index``."""
        if index not in self._gaps:
            self._gaps[index] = min(
                self._distances[index + after][before + after]
                for before in range(min(REACH, index))
                for after in range(min(REACH, self._count - index))
            )
        return self._gaps[index]


def _thumbnail(luma: npt.NDArray[np.uint8]) -> _Thumbnail:
    """``luma`` made small, without its mean, its slow shading and its contrast."""
    height, width = luma.shape
    scale = min(1.0, THUMBNAIL_SHORT_SIDE / min(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    small = cv2.resize(luma, size, interpolation=cv2.INTER_AREA).astype(np.float32)
    window = min(small.shape) | 1
    small -= cv2.blur(small, (window, window), borderType=cv2.BORDER_REPLICATE)
    mean, deviation = (float(value[0, 0]) for value in cv2.meanStdDev(small))
    small = (small - mean) / max(CONTRAST_FLOOR, deviation)
    clipped: _Thumbnail = np.clip(small, -OUTLIER_LIMIT, OUTLIER_LIMIT)
    return clipped


def _distance(first: _Thumbnail, second: _Thumbnail) -> float:
    return float(cv2.norm(first, second, cv2.NORM_L1)) / first.size
