"""What every command has around it: logging, signals, and one line for an error."""

from __future__ import annotations

import logging
import signal
import threading
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import FrameType

import typer

from vidcolor.cli.console import one_line, plain, print_error, stderr
from vidcolor.cli.signals import leave_terminal, stopping_signals
from vidcolor.errors import Interrupted, OutputFolderError, VidcolorError

log = logging.getLogger("vidcolor.cli")

_log_files: list[logging.Handler] = []
# Errors are handed to these alone: on stderr an error has its own line.

CONSOLE_LEVELS = {-1: logging.ERROR, 0: logging.WARNING, 1: logging.INFO, 2: logging.DEBUG}
"""Lowest level that reaches stderr, by verbosity: -1 is ``-q``, 1 ``-v``, 2 ``-vv``."""

FILE_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"
"""Lines of ``--log-file``; it always holds everything, down to DEBUG."""

BUG_LINE = (
    "internal error: {kind}: {text}; this is a bug in vidcolor, please report it with the "
    "command you ran (-v shows the traceback)"
)
"""What an exception that nobody foresaw becomes."""


@contextmanager
def session(verbosity: int = 0, log_file: Path | None = None) -> Iterator[None]:
    """Run a command's body: set up logging and turn any exception into an exit code.

    Raises
    ------
    typer.Exit
        With the error's exit code, after its line was written to stderr.
    """
    with ExitStack() as stack:
        try:
            stack.enter_context(_logging(verbosity, log_file))
            stack.enter_context(_terminate_raises())
            yield
        except (typer.Exit, typer.Abort, BrokenPipeError):
            raise
        except KeyboardInterrupt:
            raise typer.Exit(report_failure(Interrupted(signal.SIGINT))) from None
        except Exception as error:
            raise typer.Exit(report_failure(error)) from None


def report_failure(error: Exception, about: str = "") -> int:
    """Write one line about ``error`` to stderr; the traceback goes to the log.

    Parameters
    ----------
    about:
        The file it happened to, for a line that does not name it itself.

    Returns
    -------
    The exit code that belongs to it.
    """
    leave_terminal()  # an error about a terminal that is gone must not hide this one
    expected = isinstance(error, VidcolorError)
    text = str(error) if expected else BUG_LINE.format(kind=type(error).__name__, text=error)
    line = text if Path(about).name in text else f"{about}: {text}"
    print_error(line)
    for note in notes_of(error):
        stderr().print(plain(f"vidcolor: {note}"), soft_wrap=True)
    record = log.makeRecord(
        log.name, logging.ERROR, __file__, 0, "%s (exit code %d)", (line, exit_code(error)), None
    )
    for handler in _log_files:
        handler.handle(record)
    for note in notes_of(error):
        log.debug("%s", note)
    log.log(logging.DEBUG if expected else logging.INFO, "traceback", exc_info=error)
    return exit_code(error)


def notes_of(error: BaseException) -> list[str]:
    """What was added to ``error`` on its way, such as what is kept of the work."""
    return list(getattr(error, "__notes__", ()))


def exit_code(error: Exception) -> int:
    """The process's exit code for ``error``; 1 for one that nobody foresaw."""
    if isinstance(error, Interrupted):
        return error.signal_exit_code
    return error.exit_code if isinstance(error, VidcolorError) else 1


class _ConsoleHandler(logging.Handler):
    """Log lines through rich's console, which keeps a live progress bar whole."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            label = record.levelname.lower()
            text = plain(f"vidcolor: {label}: {record.getMessage()}", _STYLES.get(label, ""))
            stderr().print(text, soft_wrap=True)
            if record.exc_info:
                trace = logging.Formatter().formatException(record.exc_info)
                for line in trace.splitlines():
                    stderr().print(plain(line), soft_wrap=True)
        except Exception:
            self.handleError(record)


_STYLES = {"warning": "yellow", "error": "red", "debug": "dim"}


class _FileFormatter(logging.Formatter):
    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802  (logging's name)
        return one_line(super().formatMessage(record))


@contextmanager
def _logging(verbosity: int, log_file: Path | None) -> Iterator[None]:
    level = CONSOLE_LEVELS[max(-1, min(2, verbosity))]
    console = _ConsoleHandler(level)
    # Other libraries' warnings mean nothing to somebody who colours a film.
    console.addFilter(lambda record: verbosity > 0 or record.name.startswith("vidcolor"))
    to_file = [] if log_file is None else [_file_handler(log_file)]
    handlers = [console, *to_file]
    ours, root = logging.getLogger("vidcolor"), logging.getLogger()
    before = ours.level
    ours.setLevel(logging.DEBUG if log_file is not None else level)
    for handler in handlers:
        root.addHandler(handler)
    _log_files.extend(to_file)
    with warnings.catch_warnings():
        logging.captureWarnings(True)
        try:
            yield
        finally:
            logging.captureWarnings(False)
            ours.setLevel(before)
            for handler in handlers:
                root.removeHandler(handler)
                handler.close()
            del _log_files[len(_log_files) - len(to_file) :]


def _file_handler(path: Path) -> logging.Handler:
    try:
        handler = logging.FileHandler(path, encoding="utf-8")
    except OSError as error:
        raise OutputFolderError(
            f"cannot write the log file {path}: {error.strerror}; choose another --log-file"
        ) from error
    handler.setFormatter(_FileFormatter(FILE_FORMAT))
    return handler


@contextmanager
def _terminate_raises() -> Iterator[None]:
    """Let SIGTERM and SIGHUP end the command the way Ctrl-C does, with clean-up on the way out."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(number: int, _frame: FrameType | None) -> None:
        leave_terminal()
        raise Interrupted(number)

    numbers = [number for number in stopping_signals() if number != signal.SIGINT]
    before = {number: signal.signal(number, stop) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
