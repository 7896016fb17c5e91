"""``--progress json`` ends with ``end``, whatever happens."""

from __future__ import annotations

import pytest
import typer

from tests.cli.conftest import events as parsed
from vidcolor.cli.events import Events
from vidcolor.errors import Interrupted, NotMediaError, SettingsError


def run(error: BaseException | None, active: bool = True) -> None:
    with Events(active) as told:
        told.films = 3
        told.error("a.mp4", NotMediaError("a.mp4 is text"))
        if error is not None:
            raise error


@pytest.mark.parametrize(
    ("error", "code"),
    [(SettingsError("no"), 40), (KeyboardInterrupt(), 130), (Interrupted(15), 143)],
)
def test_what_ends_the_command_has_an_object_too(
    capsys: pytest.CaptureFixture[str], error: BaseException, code: int
) -> None:
    with pytest.raises(type(error)):
        run(error)
    first, last, end = parsed(capsys.readouterr().out)
    assert (first["event"], first["source"], first["exit_code"]) == ("error", "a.mp4", 6)
    assert (last["event"], last["source"], last["exit_code"]) == ("error", None, code)
    assert (end["event"], end["failed"], end["not_started"]) == ("end", 1, 2)
    assert end["exit_code"] == code


@pytest.mark.parametrize("error", [None, typer.Exit(6)])
def test_an_exit_is_no_failure_of_its_own(
    capsys: pytest.CaptureFixture[str], error: Exception | None
) -> None:
    if error is None:
        run(None)
    else:
        with pytest.raises(typer.Exit):
            run(error)
    _, end = parsed(capsys.readouterr().out)
    assert (end["event"], end["failed"], end["exit_code"]) == ("end", 1, 6)


def test_a_stopped_film_is_no_failed_one(capsys: pytest.CaptureFixture[str]) -> None:
    with Events(True) as told:
        told.films = 4
        told.error("a.mp4", NotMediaError("a.mp4 is text"))
        told.error("b.mp4", Interrupted(15))
    *_, end = parsed(capsys.readouterr().out)
    assert end == {
        "event": "end",
        "colored": 0,
        "failed": 1,
        "stopped": 1,
        "not_started": 2,
        "exit_code": 143,
    }


def test_without_json_nothing_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    run(None, active=False)
    assert capsys.readouterr().out == ""
