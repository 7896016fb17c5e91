"""What every command has around it."""

from __future__ import annotations

import logging
import os
import signal
import warnings
from pathlib import Path

import pytest
import typer

from vidcolor.cli.session import session
from vidcolor.errors import DeviceError, Interrupted, NotMediaError

log = logging.getLogger("vidcolor.somewhere")


def fail(error: BaseException, verbosity: int = 0, log_file: Path | None = None) -> int:
    with pytest.raises(typer.Exit) as caught, session(verbosity, log_file):
        raise error
    return caught.value.exit_code


def test_a_known_error_is_one_line_and_its_code(capsys: pytest.CaptureFixture[str]) -> None:
    assert fail(NotMediaError("a.mp4 is text")) == NotMediaError.exit_code
    assert capsys.readouterr() == ("", "vidcolor: error: a.mp4 is text\n")


def test_a_subclass_has_its_own_code() -> None:
    assert fail(DeviceError("no cuda")) == 41


def test_an_unforeseen_error_asks_to_report_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert fail(ZeroDivisionError("division by zero")) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("vidcolor: error: internal error: ZeroDivisionError: division by zero;")
    assert "report" in line


@pytest.mark.parametrize(
    ("error", "verbosity", "shown"),
    [
        (NotMediaError("text"), 1, False),
        (NotMediaError("text"), 2, True),
        (ValueError("bug"), 0, False),
        (ValueError("bug"), 1, True),
    ],
)
def test_when_the_traceback_is_shown(
    capsys: pytest.CaptureFixture[str], error: Exception, verbosity: int, shown: bool
) -> None:
    fail(error, verbosity)
    assert ("Traceback" in capsys.readouterr().err) is shown


def test_the_log_file_has_everything(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "run.log"
    with session(0, path):
        log.debug("found %d shots", 3)
    fail(NotMediaError("text"), 0, path)
    text = path.read_text("utf-8")
    assert "DEBUG vidcolor.somewhere: found 3 shots" in text
    assert "ERROR vidcolor.cli: text (exit code 6)" in text
    assert "Traceback" in text
    assert "found" not in capsys.readouterr().err


def test_a_log_file_that_cannot_be_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(typer.Exit) as caught, session(0, tmp_path / "none" / "run.log"):
        pytest.fail("the body must not run")
    assert caught.value.exit_code == 22
    assert "choose another --log-file" in capsys.readouterr().err


@pytest.mark.parametrize(("verbosity", "seen"), [(-1, 0), (0, 1), (1, 2), (2, 3)])
def test_what_verbosity_shows(
    capsys: pytest.CaptureFixture[str], verbosity: int, seen: int
) -> None:
    with session(verbosity):
        log.warning("batch halved")
        log.info("opened")
        log.debug("details")
    assert len(capsys.readouterr().err.splitlines()) == seen


def test_other_libraries_are_heard_only_when_asked(capsys: pytest.CaptureFixture[str]) -> None:
    for verbosity, heard in ((0, False), (1, True)):
        with session(verbosity), warnings.catch_warnings():
            warnings.simplefilter("always")
            warnings.warn("old name", DeprecationWarning, stacklevel=1)
        assert ("old name" in capsys.readouterr().err) is heard


def test_control_characters_do_not_reach_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    with session():
        log.warning("title is %s", "a\x1b[2J\nb [red]c[/red]")
    fail(NotMediaError("\x1b]0;owned\x07.mp4\nis text"))
    first, second = capsys.readouterr().err.splitlines()
    assert first == r"vidcolor: warning: title is a\x1b[2J\nb [red]c[/red]"
    assert second == r"vidcolor: error: \x1b]0;owned\x07.mp4\nis text"


def test_ctrl_c_and_sigterm_have_their_codes() -> None:
    assert fail(KeyboardInterrupt()) == 130
    assert fail(Interrupted(signal.SIGTERM)) == 143


def test_sigterm_stops_the_body() -> None:
    reached = []

    def body() -> None:
        with session():
            os.kill(os.getpid(), signal.SIGTERM)
            reached.append("after the signal")

    with pytest.raises(typer.Exit) as caught:
        body()
    assert (caught.value.exit_code, reached) == (143, [])


def test_everything_is_put_back() -> None:
    ours, root = logging.getLogger("vidcolor"), logging.getLogger()
    before = (ours.level, list(root.handlers), signal.getsignal(signal.SIGTERM))
    fail(ValueError("bug"), 2)
    assert (ours.level, list(root.handlers), signal.getsignal(signal.SIGTERM)) == before
