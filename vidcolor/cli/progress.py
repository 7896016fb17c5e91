"""How far a run is: a bar on a terminal, a line now and then elsewhere, or JSON."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal

from vidcolor.cli.console import clock, one_line, plain, print_json, stderr
from vidcolor.cli.films import Job
from vidcolor.cli.signals import leave_terminal

if TYPE_CHECKING:
    from rich.progress import Progress

    from vidcolor.report import ProgressEvent

Mode = Literal["auto", "json", "none"]

LINE_INTERVAL_S = 10.0
"""A log file or a build server gets one line this often."""

JSON_INTERVAL_S = 0.5
"""A program that reads along gets an object this often."""


class Reporter:
    """Shows nothing; base of those that do."""

    @contextmanager
    def film(self, job: Job) -> Iterator[Callable[[ProgressEvent], None] | None]:  # noqa: ARG002
        """Yield what the engine is to call back while ``job`` runs."""
        yield None


class BarReporter(Reporter):
    """A live bar on stderr, gone when the film is done."""

    @contextmanager
    def film(self, job: Job) -> Iterator[Callable[[ProgressEvent], None] | None]:
        """See `Reporter.film`."""
        with bar() as shown:
            task = shown.add_task("", total=None, name=one_line(job.source), note="opening")

            def show(event: ProgressEvent) -> None:
                total, done = extent(event)
                shown.update(task, total=total, completed=done, note=note(event))

            yield show


def bar() -> Progress:
    """A live bar on stderr; a task has the fields ``name`` and ``note``."""
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn
    from rich.table import Column

    class Bar(Progress):
        # Of a job in the background, nobody tells when its terminal is closed.
        def update(self, *args: Any, **changes: Any) -> None:
            leave_terminal()
            super().update(*args, **changes)

        def stop(self) -> None:
            leave_terminal()
            super().stop()

    return Bar(
        TextColumn("{task.fields[name]}", markup=False, table_column=Column(no_wrap=True, ratio=1)),
        BarColumn(bar_width=20),
        TaskProgressColumn(),
        TextColumn("{task.fields[note]}", markup=False, table_column=Column(no_wrap=True)),
        console=stderr(),
        transient=True,
        expand=True,
    )


class LineReporter(Reporter):
    """One plain line on stderr every `LINE_INTERVAL_S`."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now

    @contextmanager
    def film(self, job: Job) -> Iterator[Callable[[ProgressEvent], None] | None]:
        """See `Reporter.film`."""
        due = self._now() + LINE_INTERVAL_S

        def show(event: ProgressEvent) -> None:
            nonlocal due
            if self._now() < due:
                return
            due = self._now() + LINE_INTERVAL_S
            total, done = extent(event)
            share = f" ({100 * done / total:.0f}%)" if total else ""
            stderr().print(plain(f"{job.source}:{share} {note(event)}"), soft_wrap=True)

        yield show


class JsonReporter(Reporter):
    """Objects with ``"event": "progress"`` on stdout, one to a line."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now

    @contextmanager
    def film(self, job: Job) -> Iterator[Callable[[ProgressEvent], None] | None]:
        """See `Reporter.film`."""
        due = self._now()

        def show(event: ProgressEvent) -> None:
            nonlocal due
            if self._now() < due:
                return
            due = self._now() + JSON_INTERVAL_S
            fields = {name: getattr(event, name) for name in JSON_FIELDS}
            print_json({"event": "progress", "source": job.source, **fields})

        yield show


JSON_FIELDS = (
    "stage",
    "frames_done",
    "frames_total",
    "time_s",
    "duration_s",
    "fps",
    "eta_s",
    "shot",
)
"""What a progress object says, besides ``event`` and ``source``; documented in usage.md."""


def choose_reporter(mode: Mode, quiet: bool) -> Reporter:
    """The reporter for ``--progress`` on this stderr."""
    if mode == "json":
        return JsonReporter()
    if mode == "none" or quiet:
        return Reporter()
    return BarReporter() if sys.stderr.isatty() else LineReporter()


def extent(event: ProgressEvent) -> tuple[float | None, float]:
    """(total, done) of the film, in frames, or in seconds when the header counts none.

    A header may promise fewer frames than there are; the bar then stays full.
    """
    if event.frames_total:
        return float(event.frames_total), float(min(event.frames_done, event.frames_total))
    if event.duration_s:
        return event.duration_s, min(event.time_s, event.duration_s)
    return None, float(event.frames_done)


def note(event: ProgressEvent) -> str:
    """What stands beside the bar."""
    if event.stage == "verify":
        return f"{event.frames_done} frames done, checking the finished file"
    if event.stage == "carry":
        return "carrying edits through their shots"
    if event.stage == "render":
        return "rendering what has changed"
    if event.stage == "find":
        return f"{event.frames_done} frames done, finding the place"
    if event.stage == "recover":
        return "taking back what an earlier run was joining"
    if event.stage == "join":
        return f"{event.frames_done} frames done, writing the file"
    shot = "" if event.stage == "compare" else f"  shot {event.shot}"
    return (
        f"{event.frames_done}/{event.frames_total or '?'} frames  {event.fps:.1f} fps  "
        f"{clock(event.eta_s)} left{shot}"
    )
