"""``vidcolor verify`` as a user types it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Program, error_line
from tests.synthetic import make_film, run_ffmpeg


@pytest.fixture
def colored(color: Program, film: Path) -> Path:
    """12 frames with sound, coloured, and a report."""
    result = color("--report", film)
    assert result.exit_code == 0, result.stderr
    output = film.with_name("old.color.mp4")
    assert str(output.with_name("old.color.mp4.vidcolor.json")) in result.stdout
    return output


def test_a_film_that_is_kept(vidcolor: Program, film: Path, colored: Path) -> None:
    result = vidcolor("verify", film, colored, "--progress", "none")
    assert result.exit_code == 0, result.stderr
    assert result.stderr == ""
    lines = result.stdout.splitlines()
    assert lines[0] == f"{film} → {colored}"
    rows = {line[:24].strip(): line[24:].split() for line in lines[1:]}
    assert rows["frames"][:2] == ["same", "12"]
    assert rows["luma"][0] == "close"
    assert "report: output file" in result.stdout
    assert "vidcolor 0.1.0, colours by network untrained" in result.stdout
    assert lines[-1].split()[:2] == ["verdict", "kept:"]


def test_one_that_is_not(vidcolor: Program, film: Path, colored: Path, tmp_path: Path) -> None:
    other = tmp_path / "silent.mp4"
    run_ffmpeg("-i", str(colored), "-map", "0:v", "-c", "copy", str(other))
    result = vidcolor("verify", film, other, "--progress", "none")
    assert result.exit_code == 29
    assert "see streams" in error_line(result)
    assert result.stdout.splitlines()[-1].split() == ["verdict", "NOT", "KEPT"]
    quiet = vidcolor("verify", film, other, "-q")
    assert (quiet.exit_code, quiet.stdout) == (29, "")


def test_json(vidcolor: Program, film: Path, colored: Path) -> None:
    result = vidcolor("verify", film, colored, "--json")
    (line,) = result.stdout.splitlines()
    found = json.loads(line)["verification"]
    assert found["is_kept"] is True
    assert found["frames"] == 12
    assert found["report"].endswith("old.color.mp4.vidcolor.json")
    assert {point["name"] for point in found["points"]} >= {"frames", "times", "luma", "tags"}
    strict = vidcolor("verify", film, colored, "--json", "--least-psnr", "90")
    assert strict.exit_code == 29
    assert json.loads(strict.stdout)["verification"]["is_kept"] is False


@pytest.mark.usefixtures("film")
@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["old.mp4", "missing.mkv"], 3),
        (["missing.mkv", "old.mp4"], 3),
        (["old.mp4", "old.mp4", "--report", "missing.json"], 3),
        (["old.mp4", "old.mp4", "--rate", "24"], 40),
        (["old.mp4", "old.mp4", "--start", "90"], 40),
        (["old.mp4", "old.mp4", "--duration", "0"], 40),
        (["old.mp4", "film.avi"], 40),
        (["old.mp4"], 2),
    ],
)
def test_what_is_wrong(vidcolor: Program, tmp_path: Path, arguments: list[str], code: int) -> None:
    make_film(tmp_path / "film.avi", codec="mpeg4", frames=2)
    names = [str(tmp_path / a) if "." in a else a for a in arguments]
    result = vidcolor("verify", *names, "--progress", "none")
    assert result.exit_code == code
    if code != 2:
        assert error_line(result)


def test_limits_are_those_of_the_run(vidcolor: Program, film: Path, colored: Path) -> None:
    few = vidcolor("verify", film, colored, "-q", "--limit", "max_frames=11")
    assert few.exit_code == 13
    assert "--limit max_frames=N" in error_line(few)
    report = colored.with_name(f"{colored.name}.vidcolor.json")
    content = json.loads(report.read_text())
    content["settings"]["limits"] = {"max_frames": 11}
    report.write_text(json.dumps(content))
    assert vidcolor("verify", film, colored, "-q").exit_code == 13
    raised = vidcolor("verify", film, colored, "-q", "--limit", "max_frames=12")
    assert raised.exit_code == 0, raised.stderr
    del content["settings"]["limits"]
    report.write_text(json.dumps(content))
    assert vidcolor("verify", film, colored, "-q").exit_code == 0
