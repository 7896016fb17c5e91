"""What looks and edits make of a segment: where that is the same, its work can be kept."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from fractions import Fraction

from vidcolor.references import Edit, edits_digest
from vidcolor.temporal.shot_looks import ShotLooks


class Changes:
    """The looks and edits of a film.

    Parameters
    ----------
    origin_s:
        The film's beginning, on the clock of its pts.
    """

    def __init__(
        self, looks: ShotLooks, edits: Sequence[Edit], time_base: Fraction, origin_s: float
    ) -> None:
        self._looks = looks
        self._edits = edits
        self._time_base = time_base
        self._origin_s = origin_s

    def key(self, pts: Sequence[int]) -> str:
        """Of frames in a row, at least one; differs where any of them may be rendered otherwise."""
        times = [float(one * self._time_base) - self._origin_s for one in pts]
        looks: list[tuple[int, str]] = []
        for index, time_s in enumerate(times):
            now = repr(self._looks.at(time_s))
            if not looks or looks[-1][1] != now:
                looks.append((index, now))
        edits = [
            edit
            for edit in self._edits
            if edit.keyframe.start_s <= times[-1] and times[0] < edit.keyframe.end_s
        ]
        content = repr(looks) + edits_digest(edits)
        return hashlib.sha256(content.encode()).hexdigest()[:16]
