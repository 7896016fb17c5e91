"""The chain of threads: order, back-pressure, failures, cancelling."""

import math
import threading
import time

import pytest

from tests.threads import stages_running
from vidcolor import stages as stages_module
from vidcolor.errors import StalledError
from vidcolor.stages import ByteQueue, StageClock, is_stalled, run_stages


def chain(source, stages, cancel=None, tick=lambda: None, stall_s=math.inf):
    cancel = cancel or threading.Event()
    run_stages(source, stages, size_of=lambda _: 1, cancel=cancel, tick=tick, stall_s=stall_s)


def test_items_pass_every_stage_in_order():
    seen = []

    def double(items):
        for item in items:
            yield 2 * item

    def collect(items):
        for item in items:
            seen.append(item)
            yield None

    chain(range(500), {"double": double, "collect": collect})
    assert seen == [2 * i for i in range(500)]
    assert not stages_running()


def test_a_stage_may_hold_items_back_and_flush_them():
    seen = []

    def hold_all(items):
        yield from list(items)

    def collect(items):
        for item in items:
            seen.append(item)
            yield None

    chain(range(10), {"hold": hold_all, "collect": collect})
    assert seen == list(range(10))


@pytest.mark.parametrize("failing", ["source", "middle", "last"])
def test_the_first_failure_stops_and_joins_every_stage(failing):
    def source():
        for item in range(10_000_000):
            if failing == "source" and item == 5:
                raise KeyError("source")
            yield item

    def stage(name):
        def run(items):
            for item in items:
                if failing == name and item == 5:
                    raise KeyError(name)
                yield item

        return run

    with pytest.raises(KeyError, match=failing):
        chain(source(), {"middle": stage("middle"), "last": stage("last")})
    assert not stages_running()


def test_cancel_joins_every_stage_without_an_error():
    cancel = threading.Event()
    ticks = []

    def endless():
        number = 0
        while True:
            yield number
            number += 1

    def slow(items):
        for item in items:
            time.sleep(0.001)
            yield item

    def tick():
        ticks.append(1)
        cancel.set()

    chain(endless(), {"slow": slow}, cancel, tick)
    assert ticks
    assert not stages_running()


def test_a_queue_never_holds_more_than_its_limit_but_takes_one_large_item():
    queue = ByteQueue(threading.Event(), size_of=lambda item: item, limit=100)
    taken = []

    def consume():
        for item in queue:
            time.sleep(0.0005)
            taken.append(item)

    consumer = threading.Thread(target=consume)
    consumer.start()
    sizes = [40] * 50 + [250] + [10] * 30
    for size in sizes:
        queue.put(size)
    queue.close()
    consumer.join()
    assert taken == sizes
    # 250 alone exceeds the limit and is taken all the same, alone.
    assert queue.peak_bytes == 250


def test_the_clock_counts_by_name():
    clock = StageClock()
    assert list(clock.timed("produce", iter([1, 2]))) == [1, 2]
    assert clock.call("work", lambda x: x + 1, 1) == 2
    with pytest.raises(ZeroDivisionError):
        clock.call("work", lambda: 1 / 0)
    assert set(clock.seconds) == {"produce", "work"}
    assert all(seconds > 0 for seconds in clock.seconds.values())


def test_a_thread_that_cannot_start_leaves_none_behind(monkeypatch):
    start = threading.Thread.start
    started = []

    def fail_second(self):
        started.append(self)
        if len(started) == 2:
            raise RuntimeError("can't start new thread")
        start(self)

    monkeypatch.setattr(threading.Thread, "start", fail_second)
    with pytest.raises(RuntimeError, match="can't start"):
        chain(range(10**9), {"middle": lambda items: items})
    assert not stages_running()


def test_a_stalled_stage_is_named_and_left_behind(monkeypatch):
    monkeypatch.setattr(stages_module, "PATIENCE_S", 0.0)
    released = threading.Event()

    def stuck(items):
        for _ in items:
            released.wait()
            yield None

    try:
        with pytest.raises(StalledError, match=r"'stuck' has not moved for 0\.05 s.*--limit"):
            chain(range(3), {"stuck": stuck, "last": lambda items: items}, stall_s=0.05)
        assert is_stalled()
    finally:
        released.set()
        join_all()
    assert not is_stalled()


def test_a_stage_that_stalls_while_others_are_stopped_is_noticed_too(monkeypatch):
    monkeypatch.setattr(stages_module, "PATIENCE_S", 0.0)
    released, begun = threading.Event(), threading.Event()

    def stuck(items):
        for item in items:
            begun.set()
            released.wait()
            yield item

    def tick():
        begun.wait()
        raise KeyError("a signal")

    try:
        with pytest.raises(StalledError, match="stuck"):
            chain(range(3), {"stuck": stuck}, tick=tick, stall_s=0.05)
    finally:
        released.set()
        join_all()


@pytest.mark.parametrize("why", ["another stage failed", "cancelled"])
def test_a_stage_that_stalls_does_not_hide_why_the_others_end(monkeypatch, why):
    monkeypatch.setattr(stages_module, "PATIENCE_S", 0.0)
    released, begun, cancel = threading.Event(), threading.Event(), threading.Event()

    def stuck():
        yield 0
        begun.set()
        released.wait()

    def last(items):
        for _ in items:
            begun.wait()
            if why == "cancelled":
                cancel.set()
            else:
                raise KeyError("the disk is full")
            yield None

    try:
        if why == "cancelled":
            chain(stuck(), {"last": last}, cancel, stall_s=0.05)
        else:
            with pytest.raises(KeyError, match="the disk is full"):
                chain(stuck(), {"last": last}, cancel, stall_s=0.05)
        assert is_stalled()
    finally:
        released.set()
        join_all()


def test_what_counts_as_a_sign_of_life(monkeypatch):
    """Whatever a slow stage does but for one piece of work that never ends."""
    post = stages_module._Post("reader")
    monkeypatch.setattr(stages_module._own, "post", post, raising=False)
    queue, clock = ByteQueue(threading.Event(), size_of=lambda _: 1), StageClock()
    for act in (
        stages_module.sign_of_life,
        lambda: queue.put("item"),
        lambda: next(iter(queue)),
        lambda: clock.call("decode", int, 3),
        lambda: list(clock.timed("decode", range(2))),
    ):
        post.busy_since = 0.0
        act()
        assert post.busy_since > 0.0


def test_a_stage_that_waits_is_not_busy(monkeypatch):
    post = stages_module._Post("network")
    monkeypatch.setattr(stages_module._own, "post", post, raising=False)
    queue = ByteQueue(threading.Event(), size_of=lambda _: 1)
    seen = []
    wait = queue._changed.wait

    def waiting(timeout):  # noqa: ARG001
        seen.append(post.busy_since)
        queue._items.append("item")
        return wait(0)

    monkeypatch.setattr(queue._changed, "wait", waiting)
    post.busy_since = 1.0
    assert next(iter(queue)) == "item"
    assert seen == [None]
    assert post.busy_since is not None


def test_a_program_that_was_stopped_for_a_while_has_not_stalled(monkeypatch):
    """As by Ctrl-Z, over lunch; by a clock of ours."""
    now, go_on, ticks = [0.0], threading.Event(), []
    monkeypatch.setattr(stages_module.time, "monotonic", lambda: now[0])

    def busy(items):
        for item in items:
            go_on.wait(30)
            yield item

    def tick():
        ticks.append(now[0])
        if len(ticks) == 2:
            now[0] += 3600
        if len(ticks) == 4:
            go_on.set()

    chain(range(3), {"busy": busy}, tick=tick, stall_s=60.0)
    assert len(ticks) >= 4


_threads_before: set[threading.Thread] = set()


@pytest.fixture(autouse=True)
def _remember_threads():
    """Those of other tests, such as a network's pool, may live on."""
    _threads_before.clear()
    _threads_before.update(threading.enumerate())


def join_all():
    for thread in set(threading.enumerate()) - _threads_before:
        thread.join(60)
        assert not thread.is_alive()
