"""Where a film is divided into segments."""

from __future__ import annotations


class SegmentPlanner:
    """Streaming: a segment begins at the first cut after ``least_s``, or else after ``most_s``.

    The plan follows from the film's times and cuts alone, so that a run which was interrupted
    divides the rest as it would have been divided.

    Parameters
    ----------
    least_s, most_s:
        Seconds that a segment lasts at least and at most.

    Examples
    --------
    >>> planner = SegmentPlanner(least_s=2, most_s=4)
    >>> [planner.begins_segment(t, is_cut=t in (1, 3)) for t in range(9)]
    [False, False, False, True, False, False, False, True, False]
    """

    def __init__(self, least_s: float, most_s: float) -> None:
        self._least_s, self._most_s = least_s, most_s
        self._start_s: float | None = None

    def begins_segment(self, time_s: float, *, is_cut: bool) -> bool:
        """Whether a new segment begins with the next frame, shown at ``time_s``.

        The first frame of a film, or of what is left of it, begins none: nothing ends there.
        """
        if self._start_s is None:
            self._start_s = time_s
            return False
        length = time_s - self._start_s
        begins = length >= self._most_s or (is_cut and length >= self._least_s)
        if begins:
            self._start_s = time_s
        return begins
