"""Threads joined by queues that are bounded in bytes.

A film runs through a chain of stages, each a generator in its own thread. A slow stage fills
the queue before it and so slows down the ones upstream; memory stays bounded whatever the
film's length. The first exception stops every stage, all threads are joined, and it is raised
in the calling thread.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeVar

QUEUE_LIMIT_BYTES = 48 * 2**20
"""Each queue holds this much, or one item if that is larger."""

R = TypeVar("R")

_WAKE_UP_S = 0.1
"""How often the calling thread looks for a signal, and calls back for progress."""


class _StoppedError(Exception):
    """Another stage failed or the run was cancelled; this stage just ends."""


class ByteQueue:
    """A first-in first-out queue that holds at most ``limit`` bytes (at least one item)."""

    def __init__(
        self,
        stop: threading.Event,
        size_of: Callable[[Any], int],
        limit: int = QUEUE_LIMIT_BYTES,
    ) -> None:
        self._stop = stop
        self._size_of = size_of
        self._limit = limit
        self._items: deque[Any] = deque()
        self._bytes = 0
        self._closed = False
        self._changed = threading.Condition()
        self.peak_bytes = 0
        """Most bytes it ever held."""

    def put(self, item: Any) -> None:
        """Append ``item``, waiting until it fits."""
        size = self._size_of(item)
        with self._changed:
            while self._items and self._bytes + size > self._limit:
                self._wait()
            self._items.append(item)
            self._bytes += size
            self.peak_bytes = max(self.peak_bytes, self._bytes)
            self._changed.notify_all()

    def close(self) -> None:
        """No more items will come."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def __iter__(self) -> Iterator[Any]:
        while True:
            with self._changed:
                while not self._items and not self._closed:
                    self._wait()
                if not self._items:
                    return
                item = self._items.popleft()
                self._bytes -= self._size_of(item)
                self._changed.notify_all()
            yield item

    def wake(self) -> None:
        """Let waiting threads see that the run has stopped."""
        with self._changed:
            self._changed.notify_all()

    def _wait(self) -> None:
        if self._stop.is_set():
            raise _StoppedError
        self._changed.wait(timeout=1.0)
        if self._stop.is_set():
            raise _StoppedError


@dataclass
class StageClock:
    """Busy seconds by name, waiting for other stages excluded. One thread per name."""

    seconds: dict[str, float] = field(default_factory=dict)

    def add(self, name: str, seconds: float) -> None:
        """Count ``seconds`` of work under ``name``."""
        self.seconds[name] = self.seconds.get(name, 0.0) + seconds

    def timed(self, name: str, items: Iterable[Any]) -> Iterator[Any]:
        """Pass ``items`` on, counting the time it takes to produce each."""
        iterator = iter(items)
        while True:
            begin = time.perf_counter()
            try:
                item = next(iterator)
            except StopIteration:
                return
            finally:
                self.add(name, time.perf_counter() - begin)
            yield item

    def call(self, name: str, function: Callable[..., R], *args: Any) -> R:
        """``function(*args)``, its time counted under ``name``."""
        begin = time.perf_counter()
        try:
            return function(*args)
        finally:
            self.add(name, time.perf_counter() - begin)


Stage = Callable[[Iterator[Any]], Iterable[Any]]
"""A generator function from the items of the stage before to its own."""


def run_stages(
    source: Iterable[Any],
    stages: dict[str, Stage],
    *,
    size_of: Callable[[Any], int],
    cancel: threading.Event,
    tick: Callable[[], None],
) -> None:
    """Run ``source`` through ``stages``, each in its own thread, until all are done.

    Parameters
    ----------
    source:
        Iterated in the first thread.
    stages:
        By name, in order. What the last one yields is dropped.
    size_of:
        Bytes that an item between two stages keeps alive.
    cancel:
        Set it to stop early; ``run_stages`` then returns after joining every thread.
    tick:
        Called in the calling thread about ten times a second.

    Raises
    ------
    BaseException
        Whatever a stage raised first.
    """
    stop = threading.Event()
    failures: list[BaseException] = []
    queues = [ByteQueue(stop, size_of) for _ in stages]

    def halt() -> None:
        stop.set()
        for queue in queues:
            queue.wake()

    def work(items: Iterable[Any], out: ByteQueue | None) -> None:
        try:
            for item in items:
                if out is not None:
                    out.put(item)
                if stop.is_set():
                    break
        except _StoppedError:
            pass
        except BaseException as error:  # carried to the calling thread
            failures.append(error)
            halt()
        finally:
            if out is not None:
                out.close()

    threads = [threading.Thread(target=work, args=(source, queues[0]), name="vidcolor-reader")]
    for position, (name, stage) in enumerate(stages.items()):
        out = queues[position + 1] if position + 1 < len(queues) else None
        items = stage(iter(queues[position]))
        threads.append(threading.Thread(target=work, args=(items, out), name=f"vidcolor-{name}"))
    try:
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            threads[-1].join(_WAKE_UP_S)
            if not threads[-1].is_alive():
                for thread in threads:
                    thread.join(_WAKE_UP_S)
            if cancel.is_set():
                halt()
            tick()
    finally:
        halt()
        for thread in threads:
            if thread.ident is not None:
                thread.join()
    if failures:
        raise failures[0]
