"""``vidcolor shots`` as a user types it."""

from __future__ import annotations

import json
import os
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.cli.conftest import Program
from tests.synthetic import make_film
from vidcolor.temporal.shot_list import read_shot_list


@pytest.fixture
def film(tmp_path: Path) -> Path:
    return make_film(tmp_path / "film.mkv", frames=30, cuts=(12,))


def test_the_list_is_shown_and_saved_beside_the_film(vidcolor: Program, film: Path) -> None:
    result = vidcolor("shots", film)
    assert result.exit_code == 0, result.stderr
    rows = [line.split() for line in result.stdout.splitlines() if line.split()[-1:] == ["cut"]]
    assert rows == [["2", "0.500", "s", "0.749", "s", "cut"]]
    saved = read_shot_list(film.with_name("film.shots.toml"))
    assert saved.film == "film.mkv"
    assert [shot.begins for shot in saved.shots] == ["start", "cut"]
    again = vidcolor("shots", film)
    assert again.exit_code == 20
    assert "--overwrite" in again.stderr
    assert vidcolor("shots", film, "--overwrite", "-q").stdout == ""


def test_a_table_and_a_sheet(vidcolor: Program, film: Path, tmp_path: Path) -> None:
    table, sheet = tmp_path / "shots.csv", tmp_path / "shots.png"
    result = vidcolor("shots", film, "-o", table, "--sheet", sheet, "--progress", "json")
    assert result.exit_code == 0, result.stderr
    *events, last = [json.loads(line) for line in result.stdout.splitlines()]
    assert [event["shots"]["done"] for event in events] == [25, 1, 2]
    assert [shot["begins"] for shot in last["result"]["listed"]["shots"]] == ["start", "cut"]
    assert len(read_shot_list(table).shots) == 2
    assert cv2.imread(str(sheet)) is not None
    assert not film.with_name("film.shots.toml").exists()


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (["-o", "list.txt"], 40, "a shot list ends in .toml or .csv"),
        (["--sheet", "sheet.jpg"], 40, "the sheet is a PNG"),
        (["-o", "nowhere/list.toml"], 22, "nowhere does not exist"),
        (["--rate", "24"], 40, "--rate is for image sequences"),
    ],
)
def test_what_cannot_be(
    vidcolor: Program, film: Path, options: list[str], code: int, message: str
) -> None:
    result = vidcolor("shots", film, *options)
    assert result.exit_code == code
    (line,) = result.stderr.strip().splitlines()
    assert message in line


def test_a_wrong_film(vidcolor: Program, tmp_path: Path) -> None:
    result = vidcolor("shots", tmp_path / "none.mkv")
    assert result.exit_code == 3
    assert not list(tmp_path.iterdir())


def test_a_film_that_does_not_begin_at_zero(vidcolor: Program, tmp_path: Path) -> None:
    film = make_film(tmp_path / "late.mkv", frames=30, cuts=(12,), start_pts=100_000)
    result = vidcolor("shots", film, "--sheet", tmp_path / "sheet.png")
    assert result.exit_code == 0, result.stderr
    starts = [shot.start_s for shot in read_shot_list(tmp_path / "late.shots.toml").shots]
    assert starts == pytest.approx([0, 0.5], abs=0.002)
    sheet = cv2.imread(str(tmp_path / "sheet.png"))
    assert sheet is not None
    assert sheet[20:100].std() > 5


def test_names_that_are_not_unicode(
    vidcolor: Program, checkpoint: Path, film: Path, tmp_path: Path
) -> None:
    odd = film.rename(Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.mkv")))
    assert vidcolor("shots", odd, "-q").exit_code == 0
    made = odd.with_suffix(".shots.toml")
    assert read_shot_list(made).film == "caf?.mkv"
    result = vidcolor("run", odd, "--checkpoint", checkpoint, "--shots", made, "-q")
    assert result.exit_code == 0, result.stderr


def test_the_sheet_never_replaces_a_picture_of_the_sequence(
    vidcolor: Program, tmp_path: Path
) -> None:
    for number in range(6):
        cv2.imwrite(str(tmp_path / f"s_{number:03d}.png"), np.full((48, 64), 90, np.uint8))
    before = (tmp_path / "s_003.png").read_bytes()
    sheet = ("--sheet", tmp_path / "s_003.png", "--overwrite")
    result = vidcolor("shots", tmp_path / "s_%03d.png", *sheet)
    assert result.exit_code == 21
    assert (tmp_path / "s_003.png").read_bytes() == before
