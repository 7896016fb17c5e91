"""The stage that gives each frame its ab, by the network where that is needed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from vidcolor.colorizer import AbPlanes, Colorizer, NetworkGrid
from vidcolor.config import NetworkSettings
from vidcolor.stages import StageClock
from vidcolor.temporal.flow import Array
from vidcolor.temporal.spared import AbSourceFinder, carried_ab
from vidcolor.work import Work

BATCH_LIMIT_BYTES = 256 * 2**20
"""Frames that wait for the network's batch to fill up keep no more memory than this."""


class Prediction:
    """Fills in ``ab`` of a film's frames, and of their later fields.

    Parameters
    ----------
    colorizer:
        The network.
    grid:
        Of the small pictures.
    bit_depth:
        Of their codes.
    settings:
        Say which frames are spared the network.
    clock:
        Counts the time under ``network``.
    """

    def __init__(
        self,
        colorizer: Colorizer,
        grid: NetworkGrid,
        bit_depth: int,
        settings: NetworkSettings,
        clock: StageClock,
    ) -> None:
        self._colorizer = colorizer
        self._grid = grid
        self._clock = clock
        self._cells = grid.height // colorizer.stride, grid.width // colorizer.stride
        self._finder = AbSourceFinder(bit_depth, settings.every, skip_repeats=settings.skip_repeats)
        self._seen: AbPlanes | None = None
        """Of the last frame that the network saw."""
        self._last: tuple[AbPlanes | None, Array | None] = None, None
        """ab and weight of the last frame."""

    def begin(self, index: int) -> int:
        """The frame to begin with for the same ab from ``index`` on as for the whole film."""
        return self._finder.begin(index)

    def predict(self, works: Iterator[Work]) -> Iterable[Work]:
        """Pass on all frames with their ab; frames wait until the network has a whole batch."""
        size = self._colorizer.fix_batch(self._grid)
        batch: list[Work] = []
        for work in works:
            self._find_source(work)
            batch.append(work)
            new = sum(work.ab_from.is_network for work in batch)
            if new == size or sum(work.nbytes for work in batch) > BATCH_LIMIT_BYTES:
                self._fill_in(batch)
                yield from batch
                batch = []
        if batch:
            self._fill_in(batch)
            yield from batch

    def _find_source(self, work: Work) -> None:
        work.ab_from = self._clock.call(
            "network",
            self._finder.find,
            work.frame.index,
            work.small.codes,
            self._cells,
            work.listed is not None and work.listed.is_cut,
            work.later is not None,
        )

    def _fill_in(self, batch: list[Work]) -> None:
        """Every frame's ab."""
        new = [work for work in batch if work.ab_from.is_network]
        pictures = [work.small.lightness for work in new]
        pictures += [work.later.lightness for work in new if work.later is not None]
        turns = self._grid.quarter_turns
        predicted = iter(self._clock.call("network", self._colorizer.predict, pictures, turns))
        for work in batch:
            if work.ab_from.link is not None:
                assert self._seen is not None
                self._last = self._clock.call("network", carried_ab, self._seen, work.ab_from.link)
            elif not work.ab_from.is_repeat:
                self._seen = next(predicted)
                self._last = self._seen, None
            work.ab, work.weight = self._last
        for work in new:
            if work.later is not None:
                work.later_ab = next(predicted)
