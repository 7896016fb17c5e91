"""Threads joined by queues that are bounded in bytes.

A film runs through a chain of stages, each a generator in its own thread. A slow stage fills
the queue before it and so slows down the ones upstream; memory stays bounded whatever the
film's length. The first exception stops every stage, all threads are joined, and it is raised
in the calling thread.

Note [Watchdog]
    Every stage is either waiting for its neighbours, at a queue, or busy. One that is busy for
    longer than a limit without any sign of life has stalled: a disk or network drive that does
    not answer, a device that hangs. Signs of life are an item taken or put, and each piece of work
    that a `StageClock` counts, so that a stage which drops a million frames to find its place
    is alive. No thread can be ended from outside: a stalled one is left behind, which is why they
    are daemons, and whatever it holds must not be touched any more.
"""

from __future__ import annotations

import math
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeVar

from vidcolor.errors import StalledError

QUEUE_LIMIT_BYTES = 48 * 2**20
"""Each queue holds this much, or one item if that is larger."""

ASLEEP_S = 10.0
"""If nobody looked for so long, the whole program was stopped, as by Ctrl-Z: what no stage could do
meanwhile is not held against it."""

PATIENCE_S = 5.0
"""How long the others are given to end when one has stalled."""

R = TypeVar("R")

_WAKE_UP_S = 0.1
"""How often the calling thread looks for a signal, and calls back for progress."""


class _Post:
    """Where a stage is: what it is called, and since when it is busy."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.busy_since: float | None = None
        """None while it waits for another stage, has not begun or has ended."""


_own = threading.local()
_given_up: weakref.WeakSet[threading.Thread] = weakref.WeakSet()


def sign_of_life(*, waits: bool = False) -> None:
    """Of the stage in whose thread this is called; see Note [Watchdog]."""
    post: _Post | None = getattr(_own, "post", None)
    if post is not None:
        post.busy_since = None if waits else time.monotonic()


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
        sign_of_life()

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
            sign_of_life()
            yield item

    def wake(self) -> None:
        """Let waiting threads see that the run has stopped."""
        with self._changed:
            self._changed.notify_all()

    def _wait(self) -> None:
        if self._stop.is_set():
            raise _StoppedError
        sign_of_life(waits=True)
        self._changed.wait(timeout=1.0)
        sign_of_life()
        if self._stop.is_set():
            raise _StoppedError


@dataclass
class StageClock:
    """Busy seconds by name, waiting for other stages excluded. One thread per name."""

    seconds: dict[str, float] = field(default_factory=dict)

    def add(self, name: str, seconds: float) -> None:
        """Count ``seconds`` of work under ``name``."""
        self.seconds[name] = self.seconds.get(name, 0.0) + seconds
        sign_of_life()

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
    stall_s: float = math.inf,
) -> None:
    """Run ``source`` through ``stages``, each in its own thread, until all are done.

    Parameters
    ----------
    source:
        Iterated in the first thread, which is called ``reader``.
    stages:
        By name, in order. What the last one yields is dropped.
    size_of:
        Bytes that an item between two stages keeps alive.
    cancel:
        Set it to stop early; ``run_stages`` then returns after joining every thread but those that
        have stalled, see `is_stalled`.
    tick:
        Called in the calling thread about ten times a second.
    stall_s:
        Seconds after which a busy stage without a sign of life is given up; see Note [Watchdog].

    Raises
    ------
    StalledError
        If one was, and neither failed another nor was ``cancel`` set; its thread then still runs.
    BaseException
        Whatever a stage raised first; a stalled stage's thread may still run, see `is_stalled`.
    """
    stop = threading.Event()
    failures: list[BaseException] = []
    queues = [ByteQueue(stop, size_of) for _ in stages]

    def halt() -> None:
        stop.set()
        for queue in queues:
            queue.wake()

    def work(items: Iterable[Any], out: ByteQueue | None, post: _Post) -> None:
        _own.post = post
        sign_of_life()
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
            post.busy_since = None

    threads: dict[_Post, threading.Thread] = {}
    awake_since = looked = time.monotonic()

    def add(name: str, items: Iterable[Any], out: ByteQueue | None) -> None:
        post = _Post(name)
        threads[post] = threading.Thread(
            target=work, args=(items, out, post), name=f"vidcolor-{name}", daemon=True
        )

    def running() -> list[threading.Thread]:
        return [thread for thread in threads.values() if thread.is_alive()]

    def watch() -> None:
        nonlocal awake_since, looked
        now = time.monotonic()
        if now - looked > ASLEEP_S:
            awake_since = now
        looked, latest = now, now - stall_s
        if awake_since > latest:
            return
        stalled = [
            post
            for post, thread in threads.items()
            if thread.is_alive()
            and (since := post.busy_since) is not None
            and since < now - stall_s
        ]
        if not stalled:
            return
        _given_up.update(threads[post] for post in stalled)
        halt()
        patience = time.monotonic() + PATIENCE_S
        for post, thread in threads.items():
            if post not in stalled and thread.is_alive():
                thread.join(max(0.0, patience - time.monotonic()))
        raise StalledError(
            f"the stage {stalled[0].name!r} has not moved for {stall_s:g} s: the disk, network "
            "drive or device that it uses may have stopped answering; run again when it answers, "
            "or allow more time with --limit stall_s=N"
        )

    add("reader", source, queues[0])
    for position, (name, stage) in enumerate(stages.items()):
        out = queues[position + 1] if position + 1 < len(queues) else None
        add(name, stage(iter(queues[position])), out)
    try:
        try:
            for thread in threads.values():
                thread.start()
            while alive := running():
                alive[-1].join(_WAKE_UP_S)
                if cancel.is_set():
                    halt()
                tick()
                watch()
        finally:
            halt()
            while alive := running():
                alive[-1].join(_WAKE_UP_S)
                watch()
    except StalledError:
        # What the user did or what failed before is the news, not who is late to end for it.
        if not failures and not cancel.is_set():
            raise
    if failures:
        raise failures[0]


def is_stalled() -> bool:
    """Whether a stage that was given up still runs, so that the program cannot end as usual."""
    return any(thread.is_alive() for thread in _given_up)
