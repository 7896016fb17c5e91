"""What colours the source has in each shot, decided once per shot while frames stream by.

Note [Who decides what a shot is]
    The first `DECIDING_FRAMES` clear frames of a shot vote. Frames that show little have no say
    as long as there may be clear ones: a shot in colour that fades in from black begins without
    chroma. They wait, at most `MOST_WAITING` of them, and then go on as frames of a shot without
    colours of its own, which for black makes no difference; the shot stays undecided. Only where
    all that wait agree in showing a tint or colours, that decides.

    Votes come from fixed frames, so that neither batches nor the rest of the film change them.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Collection
from typing import Any, Generic, TypeVar

from vidcolor.source_color import FrameColor, SourceColor

DECIDING_FRAMES = 4
"""What most of these are, the shot is."""

MOST_WAITING = 16
"""Frames that are held back while their shot is undecided."""

_Item = TypeVar("_Item")


class SourceShots(Generic[_Item]):
    """Streaming decision for each shot whether the source's own chroma stays.

    See Note [Who decides what a shot is].

    Parameters
    ----------
    kept:
        Shots of these keep their chroma.

    Examples
    --------
    >>> shots: SourceShots[str] = SourceShots({SourceColor.COLORED})
    >>> colored = FrameColor(SourceColor.COLORED, is_clear=True)
    >>> shots.push("first frame", 0, colored, time_s=0.0)
    []
    >>> shots.flush()
    [('first frame', True)]
    """

    def __init__(self, kept: Collection[SourceColor]) -> None:
        self._kept = kept
        self._shot: int | None = None
        self._start_s = 0.0
        self._color: SourceColor | None = None
        self._votes: list[SourceColor] = []
        self._waiting: deque[tuple[_Item, FrameColor]] = deque()
        self._counts: Counter[SourceColor] = Counter()
        self._first_s: dict[SourceColor, float] = {}
        self._colored_s: float | None = None

    def push(
        self, item: _Item, shot: int, color: FrameColor, time_s: float
    ) -> list[tuple[_Item, bool]]:
        """Take the next frame; return those decided, each with whether it keeps its chroma.

        Parameters
        ----------
        item:
            What is handed back.
        shot:
            Number of its shot; another one begins a shot.
        time_s:
            From the film's beginning, for `notices`.
        """
        done = []
        if shot != self._shot:
            done = self._end_shot()
            self._shot, self._start_s = shot, time_s
        if color.color is SourceColor.COLORED and self._colored_s is None:
            self._colored_s = time_s
        self._waiting.append((item, color))
        if self._color is None:
            self._vote(color)
        return done + self._released()

    def flush(self) -> list[tuple[_Item, bool]]:
        """The last frames of the film."""
        return self._end_shot()

    def settle(self, next_shot: int) -> list[tuple[_Item, bool]]:
        """All frames so far, because a segment ends here.

        Parameters
        ----------
        next_shot:
            Of the next frame. If it is the same shot, the votes so far stay.
        """
        if next_shot != self._shot:
            return self._end_shot()
        keeps = self._decision() in self._kept
        done = [(item, keeps) for item, _ in self._waiting]
        self._waiting.clear()
        return done

    @property
    def state(self) -> dict[str, Any]:
        """What `restore` needs after `settle` or `flush`, as JSON can hold it."""
        return {
            "shot": self._shot,
            "start_s": self._start_s,
            "color": self._color and self._color.name,
            "votes": [vote.name for vote in self._votes],
            "counts": {color.name: count for color, count in self._counts.items()},
            "first_s": {color.name: time_s for color, time_s in self._first_s.items()},
            "colored_s": self._colored_s,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on where another, with the same ``kept``, was when it gave `state`."""
        self._shot, self._start_s = state["shot"], state["start_s"]
        self._color = SourceColor[state["color"]] if state["color"] else None
        self._votes = [SourceColor[vote] for vote in state["votes"]]
        self._counts = Counter({SourceColor[k]: count for k, count in state["counts"].items()})
        self._first_s = {SourceColor[k]: time_s for k, time_s in state["first_s"].items()}
        self._colored_s = state["colored_s"]

    def _vote(self, color: FrameColor) -> None:
        if color.is_clear:
            self._votes.append(color.color)
        if len(self._votes) == DECIDING_FRAMES:
            self._color = _majority(self._votes)
        elif len(self._waiting) > MOST_WAITING:
            self._color = self._unclear_decision()

    def _decision(self) -> SourceColor:
        """With what is known."""
        if self._color is not None:
            return self._color
        if self._votes:
            return _majority(self._votes)
        return self._unclear_decision() or SourceColor.NEUTRAL

    def _unclear_decision(self) -> SourceColor | None:
        """What the waiting frames agree in, if it is a tint or colours."""
        colors = {color.color for _, color in self._waiting}
        return colors.pop() if len(colors) == 1 and SourceColor.NEUTRAL not in colors else None

    def _released(self) -> list[tuple[_Item, bool]]:
        count = len(self._waiting)
        if self._color is None:
            count = max(0, count - MOST_WAITING)
        keeps = self._color in self._kept
        return [(self._waiting.popleft()[0], keeps) for _ in range(count)]

    def _end_shot(self) -> list[tuple[_Item, bool]]:
        if self._shot is None:
            return []
        self._color = self._decision()
        self._counts[self._color] += 1
        self._first_s.setdefault(self._color, self._start_s)
        done = self._released()
        self._shot, self._color, self._votes = None, None, []
        return done

    def notices(self) -> list[str]:
        """What a user should know, after `flush`."""
        found = []
        if count := self._counts[SourceColor.COLORED]:
            at = self._at(SourceColor.COLORED, count)
            found.append(
                f"{at}, are in colour and keep their own colours"
                if SourceColor.COLORED in self._kept
                else f"the source is in colour ({at}): its own colours are replaced, only its luma "
                "is used; --keep-color-shots leaves such shots as they are"
            )
        elif self._colored_s is not None:
            found.append(
                f"the source is in colour (first seen at {self._colored_s:.2f} s, in a shot that "
                "begins without colours): its own colours are replaced, only its luma is used; "
                "in a list of shots (vidcolor shots) that part can be a shot of its own"
            )
        if count := self._counts[SourceColor.TINTED]:
            at = self._at(SourceColor.TINTED, count)
            found.append(
                f"{at}, are tinted and keep their tint"
                if SourceColor.TINTED in self._kept
                else f"{at}, are tinted: the tint is replaced; --keep-tint leaves them as they are"
            )
        return found

    def _at(self, color: SourceColor, count: int) -> str:
        return f"{count} of {self._counts.total()} shots, first at {self._first_s[color]:.2f} s"


def _majority(votes: list[SourceColor]) -> SourceColor:
    """What most are; of equals the first."""
    return Counter(votes).most_common(1)[0][0]
