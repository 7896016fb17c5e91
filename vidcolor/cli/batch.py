"""Colours films one after another, going on after one that fails."""

from __future__ import annotations

import signal
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from vidcolor.cli.console import jsonable, print_json
from vidcolor.cli.films import Job, UnfinishedFiles, settle_output
from vidcolor.cli.progress import Mode, choose_reporter
from vidcolor.cli.session import exit_code, report_failure
from vidcolor.cli.signals import stop_on_signals
from vidcolor.cli.summary import Outcome, print_outcomes, print_report
from vidcolor.config import RunSettings
from vidcolor.errors import Interrupted, SettingsError

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
    """

    def __init__(
        self,
        jobs: Sequence[Job],
        settings: RunSettings,
        rate: str | None,
        progress: Mode,
        quiet: bool,
    ) -> None:
        self._jobs = jobs
        self._settings = settings
        self._rate = rate
        self._json = progress == "json"
        self._quiet = quiet
        self._written: set[Path] = set()
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
        colorizer = self._load() if len(self._jobs) > 1 else None
        outcomes: list[Outcome] = []
        for job in self._jobs:
            outcome = self._attempt(job, colorizer)
            outcomes.append(outcome)
            self._show(outcome)
            if isinstance(outcome.error, Interrupted):
                break
        errors = [outcome.error for outcome in outcomes if outcome.error is not None]
        stopped = [error for error in errors if isinstance(error, Interrupted)]
        code = exit_code((stopped or errors)[0]) if errors else 0
        self._show_all(outcomes, code)
        return code

    def _load(self) -> Colorizer:
        """Once for all films; the first film of a single run is checked before this is done."""
        from vidcolor.colorizer import Colorizer

        return Colorizer(self._settings.network)

    def _attempt(self, job: Job, colorizer: Colorizer | None) -> Outcome:
        try:
            return Outcome(job, report=self._color(job, colorizer))
        except KeyboardInterrupt:
            return Outcome(job, error=Interrupted(signal.SIGINT))
        except Exception as error:
            return Outcome(job, error=error)

    def _color(self, job: Job, colorizer: Colorizer | None) -> RunReport:
        self._look_at(job)
        output = settle_output(job, self._settings)
        if output in self._written:
            raise SettingsError(
                f"{output} was just written for another film of the same name; "
                "colour this one alone, with its own -o"
            )
        from vidcolor.engine import color_film

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
                )
            except Interrupted:
                # The engine knows only that it was cancelled, not by which signal.
                raise Interrupted(stop.signal_number) from None
        self._written.add(output)
        return report

    @staticmethod
    def _look_at(job: Job) -> None:
        """Find a wrong path before the seconds that loading torch takes."""
        from vidcolor.media.probe import check_input_path, is_sequence_pattern

        if not is_sequence_pattern(job.source):
            check_input_path(job.source)

    def _show(self, outcome: Outcome) -> None:
        if outcome.error is not None:
            several = len(self._jobs) > 1
            code = report_failure(outcome.error, about=outcome.job.source if several else "")
            if self._json:
                about = {"source": outcome.job.source, "message": str(outcome.error)}
                print_json({"event": "error", **about, "exit_code": code})
        elif self._json:
            print_json({"event": "summary", **jsonable(outcome.report)})
        elif not self._quiet:
            assert outcome.report is not None
            print_report(outcome.report)

    def _show_all(self, outcomes: Sequence[Outcome], code: int) -> None:
        not_started = len(self._jobs) - len(outcomes)
        if self._json:
            failed = sum(outcome.error is not None for outcome in outcomes)
            counts = {"colored": len(outcomes) - failed, "failed": failed}
            print_json({"event": "end", **counts, "not_started": not_started, "exit_code": code})
        elif len(self._jobs) > 1 and not self._quiet:
            print_outcomes(outcomes, not_started)
