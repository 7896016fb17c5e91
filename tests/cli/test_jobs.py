"""``vidcolor jobs``, and what ``run`` says about work that is kept."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests.cli.conftest import Program, error_line
from tests.jobs.test_folder import FACTS, finish_segment, stop
from tests.synthetic import make_film
from vidcolor.errors import Interrupted
from vidcolor.jobs.folder import Job, find_jobs


def test_nothing_is_unfinished(vidcolor: Program, tmp_path: Path) -> None:
    assert "nothing unfinished" in vidcolor("jobs", "list", tmp_path).stdout
    assert json.loads(vidcolor("jobs", "list", tmp_path, "--json").stdout) == {"jobs": []}
    assert vidcolor("jobs", "clean", tmp_path).stdout == ""


def test_list_and_clean(vidcolor: Program, tmp_path: Path) -> None:
    stop(tmp_path / "out.mkv", ArithmeticError(), frames=7)
    with Job("film.mkv", tmp_path / "running.mkv", FACTS) as running:
        finish_segment(running.segments)
        shown = vidcolor("jobs", "list", tmp_path).stdout.splitlines()
        assert [line.split()[:2] for line in shown] == [["out.mkv", "7"], ["running.mkv", "5"]]
        assert ["running now" in line for line in shown] == [False, True]
        (first, _) = json.loads(vidcolor("jobs", "list", tmp_path, "--json").stdout)["jobs"]
        assert first["output"] == str(tmp_path / "out.mkv")
        cleaned = vidcolor("jobs", "clean", tmp_path).stdout
        assert "deleted: " in cleaned
        assert "left alone, it is running" in cleaned
        assert [path for path in tmp_path.iterdir() if path.is_dir()] == [running.folder]


def test_a_folder_that_is_not_there(vidcolor: Program, tmp_path: Path) -> None:
    for command in ("list", "clean"):
        result = vidcolor("jobs", command, tmp_path / "no")
        assert result.exit_code == 3
        assert "cannot be read" in error_line(result)


@pytest.fixture
def short(tmp_path: Path) -> Path:
    path = tmp_path / "short.toml"
    path.write_text("[segments]\nleast_s = 0.4\nmost_s = 0.5\n")
    return path


def test_an_interrupted_run_says_how_to_go_on_and_does(
    color: Program, tmp_path: Path, short: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    film = make_film(tmp_path / "film.mkv", frames=36, width=128, height=96)

    def interrupt(*_: object) -> None:
        raise Interrupted

    with monkeypatch.context() as patch:
        patch.setattr("vidcolor.engine.verify_any", interrupt)
        stopped = color(film, "--preset", short)
    assert stopped.exit_code == 130
    said = stopped.stderr.splitlines()
    assert said[0].startswith("vidcolor: error: stopped;")
    assert "36 coloured frames are kept: the same command goes on after them" in said[1]
    resumed = color(film, "--preset", short)
    assert resumed.exit_code == 0
    assert "going on after 36 frames of an earlier run" in resumed.stderr
    assert "36 in, 36 out, 36 of them by an interrupted run" in resumed.stdout
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "film.color.mkv",
        "film.mkv",
        "short.toml",
    ]


def test_a_run_that_was_killed_at_its_very_end(
    color: Program,
    vidcolor: Program,
    tmp_path: Path,
    short: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its output is whole: that is what is listed, and the next run deletes the rest."""
    film = make_film(tmp_path / "film.mkv", frames=16)
    with monkeypatch.context() as patch:
        patch.setattr("vidcolor.jobs.folder.Job._leave", lambda job: job._lock.release())
        assert color(film, "--preset", short).exit_code == 0
    assert "the output is whole; left over" in vidcolor("jobs", "list", tmp_path).stdout
    again = color(film, "--preset", short)
    assert again.exit_code == 20
    assert find_jobs(tmp_path) == []


def test_to_begin_anew(
    color: Program, tmp_path: Path, short: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    film = make_film(tmp_path / "film.mkv", frames=16)
    with monkeypatch.context() as patch:
        patch.setattr("vidcolor.engine.verify_any", lambda *_: os.fspath(3))  # type: ignore[arg-type]
        assert color(film, "--preset", short).exit_code == 1
    assert [job.frames for job in find_jobs(tmp_path)] == [16]
    anew = color(film, "--preset", short, "--no-resume")
    assert anew.exit_code == 0
    assert "going on" not in anew.stderr
