"""All shots of a film: cuts, dissolves and fades together."""

from __future__ import annotations

from array import array
from collections import deque

import numpy as np
import numpy.typing as npt

from vidcolor.temporal.dissolves import Transition, TransitionFinder
from vidcolor.temporal.shot_list import Shot
from vidcolor.temporal.shots import ShotDetector


class ShotFinder:
    """Streaming; besides a few frames it keeps the time of each.

    Examples
    --------
    >>> import numpy as np
    >>> finder = ShotFinder()
    >>> finder.push(np.full((48, 64), 128, np.uint8), time_s=0.0)
    >>> finder.finish()
    [Shot(start_s=0.0, begins='start', transition_s=0.0)]
    """

    def __init__(self) -> None:
        self._cuts = ShotDetector()
        self._transitions = TransitionFinder()
        self._undecided: deque[npt.NDArray[np.uint8]] = deque()
        self._times = array("d")
        self._cut_frames: list[int] = []
        self._gradual: list[Transition] = []

    def push(self, luma: npt.NDArray[np.uint8], time_s: float) -> None:
        """Take the next frame.

        Parameters
        ----------
        luma:
            (h, w) uint8 code values, a few hundred pixels wide at most.
        time_s:
            When it is shown.
        """
        self._undecided.append(luma)
        self._times.append(time_s)
        for index, is_cut in self._cuts.push(luma):
            self._decide(index, is_cut)

    def finish(self) -> list[Shot]:
        """The film's shots, by time; none of a film without frames."""
        for index, is_cut in self._cuts.flush():
            self._decide(index, is_cut)
        self._gradual += self._transitions.flush()
        starts = {0: Shot(self._times[0], "start")} if self._times else {}
        for change in self._gradual:
            length = self._times[change.last] - self._times[change.first]
            start = self._times[change.middle]
            starts[change.middle] = Shot(start, change.kind, round(length, 6))
        for cut in self._cut_frames:
            # The steepest frame of a fade may look like a cut.
            if not any(c.first - 1 <= cut <= c.last + 1 for c in self._gradual):
                starts[cut] = Shot(self._times[cut], "cut")
        return [starts[index] for index in sorted(starts)]

    @property
    def frames(self) -> int:
        """Pushed so far."""
        return len(self._times)

    def _decide(self, index: int, is_cut: bool) -> None:
        self._gradual += self._transitions.push(self._undecided.popleft(), is_cut=is_cut)
        if is_cut and index:
            self._cut_frames.append(index)
