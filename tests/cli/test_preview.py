"""``vidcolor preview`` as a user types it."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.cli.conftest import Program, error_line
from tests.synthetic import make_film
from vidcolor.contact_sheet import GAP, TILE_WIDTH
from vidcolor.errors import InputLimitError


@pytest.fixture
def film(tmp_path: Path) -> Path:
    return make_film(tmp_path / "film.mkv", frames=30, cuts=(12,), width=96, height=64)


def test_before_and_after(vidcolor: Program, film: Path, untrained_checkpoint: Path) -> None:
    result = vidcolor("preview", film, "--at", "0.7", "--checkpoint", untrained_checkpoint)
    assert result.exit_code == 0, result.stderr
    picture = cv2.imread(str(film.with_name("film.preview.png")))
    assert picture is not None
    assert picture.shape == (64, 2 * 96, 3)
    before, after = picture[:, :96].astype(int), picture[:, -96:].astype(int)
    assert (before.max(axis=2) == before.min(axis=2)).all()
    assert (after.max(axis=2) - after.min(axis=2)).mean() > 5


def test_the_look_is_used(vidcolor: Program, film: Path, untrained_checkpoint: Path) -> None:
    options = ("--checkpoint", untrained_checkpoint, "--look", "strength=0", "-q")
    assert vidcolor("preview", film, "--at", "0.7", *options).exit_code == 0
    picture = cv2.imread(str(film.with_name("film.preview.png")))
    assert picture is not None
    assert (picture.max(axis=2) == picture.min(axis=2)).all()


@pytest.mark.parametrize("listed", [False, True])
def test_a_picture_of_each_shot(
    vidcolor: Program, film: Path, tmp_path: Path, checkpoint: Path, listed: bool
) -> None:
    shots = tmp_path / "list.csv"
    shots.write_text("start,strength\n0,1\n0.2,0\n0.5,1\n99,1\n")
    given = ("--shots", shots) if listed else ()
    sheet = tmp_path / "sheet.png"
    result = vidcolor(
        "preview", film, "--contact-sheet", "-o", sheet, "--checkpoint", checkpoint, *given
    )
    assert result.exit_code == 0, result.stderr
    picture = cv2.imread(str(sheet))
    assert picture is not None
    assert picture.shape[1] == (3 if listed else 2) * (TILE_WIDTH + GAP) + GAP


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        ([], 40, "either --at TIME or --contact-sheet"),
        (["--at", "1", "--contact-sheet"], 40, "either --at TIME or --contact-sheet"),
        (["--at", "60"], 40, "60 s is outside"),
        (["--at", "1", "-o", "p.jpg"], 40, "a preview is a PNG"),
        (["--at", "1", "--look", "warmt=3"], 40, "did you mean 'warmth'?"),
        (["--at", "1", "--look", "warmth=300"], 40, "--look: warmth = '300' is not allowed"),
        (["--at", "1", "--shots", "none.toml"], 40, "cannot read the shot list none.toml"),
    ],
)
def test_what_cannot_be(
    vidcolor: Program, film: Path, options: list[str], code: int, message: str
) -> None:
    result = vidcolor("preview", film, *options)
    assert result.exit_code == code
    assert message in error_line(result)
    assert not film.with_name("film.preview.png").exists()


def test_a_picture_of_the_film_is_spared(
    vidcolor: Program, tmp_path: Path, checkpoint: Path
) -> None:
    picture = np.full((48, 64), 90, np.uint8)
    for number in range(3):
        cv2.imwrite(str(tmp_path / f"s_{number:04d}.png"), picture)
    before = (tmp_path / "s_0001.png").read_bytes()
    result = vidcolor(
        "preview",
        tmp_path / "s_%04d.png",
        "--rate",
        "24",
        "--at",
        "0",
        "--overwrite",
        "-o",
        tmp_path / "s_0001.png",
        "--checkpoint",
        checkpoint,
    )
    assert result.exit_code == 21
    assert (tmp_path / "s_0001.png").read_bytes() == before


def test_the_limits_of_a_preset_hold(vidcolor: Program, film: Path, tmp_path: Path) -> None:
    preset = tmp_path / "small.toml"
    preset.write_text("[limits]\nmax_frames = 4\n")
    result = vidcolor("preview", film, "--at", "0.7", "--preset", preset)
    assert result.exit_code == InputLimitError.exit_code
    assert "allow more with --limit max_frames=N" in error_line(result)
