"""Steadies the colours of a film's frames, and of both fields of those that have two."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Iterator
from dataclasses import replace

from vidcolor.stages import StageClock
from vidcolor.temporal.smooth import SmoothedAb, TemporalSmoother
from vidcolor.work import Work


class Steadying:
    """The stage behind the network.

    Parameters
    ----------
    radius:
        Frames to either side that have a say; see `TemporalSmoother`.
    bit_depth:
        Of luma.
    clock:
        Is told how long it takes.
    """

    def __init__(self, radius: int, bit_depth: int, clock: StageClock) -> None:
        self._smoother = TemporalSmoother(radius)
        self._bit_depth = bit_depth
        self._clock = clock

    @property
    def overlap(self) -> tuple[int, int]:
        """`TemporalSmoother.overlap`."""
        return self._smoother.overlap

    def steady(self, works: Iterator[Work]) -> Iterator[tuple[Work, SmoothedAb]]:
        """Each frame with what the smoother says of it, or of its earlier field.

        That of the later field becomes the frame's ``later_ab``.
        """
        waiting: deque[Work] = deque()
        earlier: SmoothedAb | None = None
        cut_in_frame = False
        for item in self._smoothed(works, waiting):
            if earlier is None:
                # A shot that began with the later field before begins, in whole frames, here.
                earlier = replace(item, is_cut=item.is_cut or cut_in_frame)
                cut_in_frame = False
                if waiting[0].later is not None:
                    continue
            else:
                waiting[0].later_ab, cut_in_frame = item.ab, item.is_cut
            yield waiting.popleft(), earlier
            earlier = None
        if waiting:
            raise RuntimeError(f"{len(waiting)} frames were lost while smoothing")

    def _smoothed(self, works: Iterator[Work], waiting: deque[Work]) -> Iterator[SmoothedAb]:
        """One for each picture that the network saw, in order; their frames join ``waiting``."""
        smoother, clock = self._smoother, self._clock
        count = itertools.count()
        for work in works:
            waiting.append(work)
            is_cut = work.listed.is_cut if work.listed else None
            pictures = [(work.small, work.ab, is_cut, work.weight)]
            if work.later is not None:
                pictures.append((work.later, work.later_ab, False if work.listed else None, None))
            for small, ab, begins, weight in pictures:
                luma = small.luma_u8(self._bit_depth)
                yield from clock.call(
                    "temporal", smoother.push, next(count), luma, ab, begins, weight
                )
        yield from clock.call("temporal", smoother.flush)
