"""``--progress json``: what a program that drives vidcolor reads on stdout."""

from __future__ import annotations

import signal
from types import TracebackType
from typing import Any, Self

import typer

from vidcolor.cli.console import print_json
from vidcolor.cli.session import exit_code, notes_of
from vidcolor.errors import Interrupted


class Events:
    """One object to a line, of which ``end`` is the last however the command ends.

    A context manager around everything that can fail; it lets every exception through.

    Parameters
    ----------
    active:
        False (no ``--progress json``) prints nothing at all.
    """

    def __init__(self, active: bool) -> None:
        self.active = active
        self.films = 0
        """Films of the command line, as far as it has been read."""
        self._colored = 0
        self._failed = 0
        self._stopped = 0
        self._codes: list[int] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if isinstance(error, KeyboardInterrupt):
            error = Interrupted(signal.SIGINT)
        if isinstance(error, Exception) and not isinstance(error, typer.Exit | typer.Abort):
            # It ended the whole command, not a film: an unknown preset, say.
            self._print("error", source=None, **_told(error))
            self._codes.insert(0, exit_code(error))  # it is the process's
        self._end()

    def plan(self, source: str, output: object, plan: object) -> None:
        """``--dry-run`` would do this."""
        self._print("plan", source=source, output=output, plan=plan)

    def summary(self, report: dict[str, Any]) -> None:
        """A film is done."""
        self._colored += 1
        self._print("summary", **report)

    def error(self, source: str, error: Exception) -> None:
        """A film failed, or was stopped."""
        if isinstance(error, Interrupted):
            self._stopped += 1
            self._codes.insert(0, exit_code(error))
        else:
            self._failed += 1
            self._codes.append(exit_code(error))
        self._print("error", source=source, **_told(error))

    def _end(self) -> None:
        begun = self._colored + self._failed + self._stopped
        self._print(
            "end",
            colored=self._colored,
            failed=self._failed,
            stopped=self._stopped,
            not_started=self.films - begun,
            exit_code=self._codes[0] if self._codes else 0,
        )

    def _print(self, event: str, **fields: Any) -> None:
        if self.active:
            print_json({"event": event, **fields})


def _told(error: Exception) -> dict[str, Any]:
    return {"message": str(error), "notes": notes_of(error), "exit_code": exit_code(error)}
