"""Colours films one after another, going on after one that fails."""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from typing import TYPE_CHECKING

from vidcolor.cli.console import jsonable
from vidcolor.cli.events import Events
from vidcolor.cli.films import (
    Job,
    UnfinishedFiles,
    check_film,
    check_spares_inputs,
    settle_output,
)
from vidcolor.cli.narration import tell_report, tell_start
from vidcolor.cli.progress import Mode, choose_reporter
from vidcolor.cli.session import exit_code, report_failure
from vidcolor.cli.signals import stop_on_signals
from vidcolor.cli.summary import Outcome, print_outcomes, print_report, report_rows
from vidcolor.config import RunSettings
from vidcolor.errors import Interrupted, SettingsError, StdoutClosedError

if TYPE_CHECKING:
    from vidcolor.colorizer import Colorizer
    from vidcolor.report import RunReport


class Batch:
    """The films of one command line.

    Parameters
    ----------
    jobs:
        At least one.
    rate:
        Frames per second, if they are image sequences.
    progress, quiet:
        What is shown while they run and afterwards.
    events:
        Told how each film went.
    resume:
        Go on with what an interrupted run has left.
    """

    def __init__(
        self,
        jobs: Sequence[Job],
        settings: RunSettings,
        rate: str | None,
        progress: Mode,
        quiet: bool,
        events: Events,
        *,
        resume: bool = True,
    ) -> None:
        self._jobs = jobs
        self._settings = settings
        self._rate = rate
        self._quiet = quiet
        self._events = events
        self._resume = resume
        self._written: set[str] = set()
        self._reporter = choose_reporter(progress, quiet)

    def run(self) -> int:
        """Colour every film.

        Returns
        -------
        0, or the exit code of the first film that failed; of the signal after Ctrl-C.

        Raises
        ------
        CheckpointError, DeviceError
            With several films: none of them could have been coloured.
        """
        from vidcolor import stages

        colorizer = self._load() if len(self._jobs) > 1 else None
        outcomes: list[Outcome] = []
        for job in self._jobs:
            outcome = self._attempt(job, colorizer)
            outcomes.append(outcome)
            self._show(outcome)
            # A stuck thread may still hold the network that all films share.
            if isinstance(outcome.error, Interrupted | StdoutClosedError) or stages.is_stalled():
                break
        errors = [outcome.error for outcome in outcomes if outcome.error is not None]
        stopped = [error for error in errors if isinstance(error, Interrupted)]
        code = exit_code((stopped or errors)[0]) if errors else 0
        if len(self._jobs) > 1 and not self._quiet and not self._events.active:
            print_outcomes(outcomes, len(self._jobs) - len(outcomes))
        return code

    def _load(self) -> Colorizer:
        """Once for all films; the first film of a single run is checked before this is done."""
        from vidcolor.colorizer import Colorizer

        return Colorizer(self._settings.network, deferred=True)

    def _attempt(self, job: Job, colorizer: Colorizer | None) -> Outcome:
        from vidcolor.media.safety import limits_in_force

        try:
            with limits_in_force(self._settings.limits):
                return Outcome(job, report=self._color(job, colorizer))
        except KeyboardInterrupt:
            return Outcome(job, error=Interrupted(signal.SIGINT))
        except Exception as error:
            return Outcome(job, error=error)

    def _color(self, job: Job, colorizer: Colorizer | None) -> RunReport:
        check_film(job.source)
        output = settle_output(job, self._settings)
        check_spares_inputs(output, [other.source for other in self._jobs if other != job])
        place = os.path.realpath(output)
        if place in self._written:
            raise SettingsError(
                f"{output} was just written for another film of the same name; "
                "colour this one alone, with its own -o"
            )
        from vidcolor.jobs.run import color_film

        tell_start(job.source, output)
        unfinished = UnfinishedFiles(output)
        with stop_on_signals(unfinished.delete) as stop, self._reporter.film(job) as on_progress:
            try:
                report = color_film(
                    job.source,
                    output,
                    self._settings,
                    on_progress=on_progress,
                    cancel=stop.event,
                    rate=self._rate,
                    colorizer=colorizer,
                    resume=self._resume,
                )
            except Interrupted as stopped:
                # The engine knows only that it was cancelled, not by which signal.
                stopped.signal_number = stop.signal_number
                raise
        self._written.add(place)
        return report

    def _show(self, outcome: Outcome) -> None:
        if outcome.error is not None:
            several = len(self._jobs) > 1
            report_failure(outcome.error, about=outcome.job.source if several else "")
            self._events.error(outcome.job.source, outcome.error)
            return
        assert outcome.report is not None
        tell_report(outcome.report, report_rows(outcome.report))
        if self._events.active:
            self._events.summary(jsonable(outcome.report))
        elif not self._quiet:
            print_report(outcome.report)
