"""``vidcolor run --dry-run``."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Program, error_line, events
from tests.synthetic import make_fields
from vidcolor.cli import dry_run
from vidcolor.errors import Interrupted


def test_a_dry_run_writes_nothing(color: Program, film: Path) -> None:
    result = color("--dry-run", film, "--crf", "20")
    assert (result.exit_code, result.stderr) == (0, "")
    for said in ("old.color.mp4", "libx264", "crf=20", "64×48 yuv420p", "#1 audio: copied"):
        assert said in result.stdout
    assert [p.name for p in film.parent.iterdir()] == ["old.mp4"]


def test_a_dry_run_as_json(color: Program, film: Path) -> None:
    result = color("--dry-run", "--progress", "json", film)
    plan, end = events(result.stdout)
    assert (plan["event"], plan["plan"]["codec"]) == ("plan", "libx264")
    assert (end["event"], end["not_started"], end["exit_code"]) == ("end", 1, 0)
    assert plan["output"] == str(film.with_name("old.color.mp4"))


def test_a_dry_run_has_an_error_object_for_each_film(color: Program, tmp_path: Path) -> None:
    result = color("--dry-run", "--progress", "json", tmp_path / "a.mp4", tmp_path / "b.mp4")
    seen = [(event["event"], event["exit_code"]) for event in events(result.stdout)]
    assert seen == [("error", 3), ("error", 3), ("end", 3)]


def test_a_dry_run_finds_what_would_fail(color: Program, vidcolor: Program, film: Path) -> None:
    film.with_name("old.color.mp4").touch()
    assert color("--dry-run", film).exit_code == 20
    film.with_name("old.color.mp4").rename(film.with_name("old.color.mp4.vidcolor.json"))
    assert color("--dry-run", film).exit_code == 0
    assert color("--dry-run", "--report", film).exit_code == 20
    result = vidcolor("run", "--dry-run", film, "--checkpoint", "none.safetensors")
    assert result.exit_code == 30


def test_a_signal_ends_a_dry_run(
    color: Program, film: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: object) -> None:
        raise Interrupted(15)

    monkeypatch.setattr(dry_run, "_plan", stop)
    result = color("--dry-run", "--progress", "json", film, film)
    assert result.exit_code == 143
    error_line(result)
    assert [event["event"] for event in events(result.stdout)] == ["error", "end"]


def test_the_encoder_is_tried_in_a_folder_that_does_not_stay(
    color: Program, film: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    assert color("--dry-run", film).exit_code == 0
    assert not list(temporary.iterdir())
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "none"))
    result = color("--dry-run", film)
    assert result.exit_code == 22
    assert "set TMPDIR" in error_line(result)


def test_fields_are_found_in_a_dry_run_too(color: Program, tmp_path: Path) -> None:
    film = make_fields(tmp_path / "film.mkv")
    for mode, said in (("auto", "each field of combed"), ("bwdif", "deinterlaced by bwdif")):
        result = color("--dry-run", film, "--deinterlace", mode)
        assert result.exit_code == 0
        assert said in " ".join(result.stdout.split())
    assert "field first" not in color("--dry-run", film, "--deinterlace", "off").stdout
