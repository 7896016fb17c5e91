"""How progress is shown."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from vidcolor.cli.films import Job
from vidcolor.cli.progress import (
    JSON_INTERVAL_S,
    LINE_INTERVAL_S,
    BarReporter,
    JsonReporter,
    LineReporter,
    Reporter,
    choose_reporter,
    extent,
    note,
)
from vidcolor.report import ProgressEvent

JOB = Job("film.mp4", Path("film.color.mp4"))


def event(**changes: object) -> ProgressEvent:
    values: dict[str, object] = {
        "stage": "color",
        "frames_done": 50,
        "frames_total": 200,
        "time_s": 2.0,
        "duration_s": 8.0,
        "fps": 24.96,
        "eta_s": 3725.4,
        "shot": 3,
    }
    return ProgressEvent(**(values | changes))  # type: ignore[arg-type]


def test_the_note_says_where_the_run_is() -> None:
    assert note(event()) == "50/200 frames  25.0 fps  1:02:05 left  shot 3"
    assert note(event(frames_total=None, eta_s=None)).startswith("50/? frames")
    assert "checking the finished file" in note(event(stage="verify"))
    assert "finding the place" in note(event(stage="find"))
    assert note(event(stage="compare")) == "50/200 frames  25.0 fps  1:02:05 left"
    assert "writing the file" in note(event(stage="join"))


def test_extent_is_in_frames_else_in_seconds_else_unknown() -> None:
    assert extent(event()) == (200.0, 50.0)
    assert extent(event(frames_total=None)) == (8.0, 2.0)
    assert extent(event(frames_total=None, duration_s=None)) == (None, 50.0)


def test_a_header_that_promised_too_little_leaves_the_bar_full() -> None:
    assert extent(event(frames_done=201)) == (200.0, 200.0)
    assert extent(event(frames_total=None, time_s=9.0)) == (8.0, 8.0)


def test_a_line_only_now_and_then(capsys: pytest.CaptureFixture[str]) -> None:
    now = [0.0]
    with LineReporter(lambda: now[0]).film(JOB) as show:
        assert show is not None
        for second in range(25):
            now[0] = float(second)
            show(event(frames_done=second))
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 24 // LINE_INTERVAL_S
    assert lines[0].startswith("film.mp4: (5%) 10/200 frames")


def test_json_lines(capsys: pytest.CaptureFixture[str]) -> None:
    now = [0.0]
    with JsonReporter(lambda: now[0]).film(JOB) as show:
        assert show is not None
        show(event())
        now[0] = JSON_INTERVAL_S / 2
        show(event(frames_done=51))
        now[0] = JSON_INTERVAL_S
        show(event(frames_done=52, eta_s=None))
    first, second = map(json.loads, capsys.readouterr().out.splitlines())
    assert first["event"] == "progress"
    assert (first["source"], first["frames_done"], first["stage"]) == ("film.mp4", 50, "color")
    assert (second["frames_done"], second["eta_s"]) == (52, None)


def test_the_bar_takes_every_event_and_a_hostile_name() -> None:
    with BarReporter().film(Job("[bold]\x1b[2J.mp4", Path("out.mp4"))) as show:
        assert show is not None
        show(event(frames_total=None, duration_s=None))
        show(event())
        show(event(stage="verify"))


def test_a_bar_looks_whether_its_terminal_is_still_there(monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[int] = []
    monkeypatch.setattr("vidcolor.cli.progress.leave_terminal", lambda: looked.append(1))
    with BarReporter().film(JOB) as show:
        assert show is not None
        show(event())
        assert looked
        looked.clear()
    assert looked


@pytest.mark.parametrize(
    ("mode", "quiet", "terminal", "kind"),
    [
        ("auto", False, True, BarReporter),
        ("auto", False, False, LineReporter),
        ("auto", True, True, Reporter),
        ("none", False, True, Reporter),
        ("json", False, True, JsonReporter),
        ("json", True, False, JsonReporter),
    ],
)
def test_the_choice(
    monkeypatch: pytest.MonkeyPatch, mode: str, quiet: bool, terminal: bool, kind: type[Reporter]
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: terminal)
    assert type(choose_reporter(mode, quiet)) is kind  # type: ignore[arg-type]
