"""``vidcolor keyframes`` as a user types it, and the run that uses the folder."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.cli.conftest import Program, error_line
from tests.synthetic import make_film
from vidcolor.references import KEYFRAME_LIST, ORIGINALS, read_keyframes


@pytest.fixture
def film(tmp_path: Path) -> Path:
    return make_film(tmp_path / "film.mkv", frames=30, cuts=(12,), width=96, height=64)


@pytest.fixture
def folder(vidcolor: Program, film: Path, checkpoint: Path) -> Path:
    result = vidcolor("keyframes", film, "--checkpoint", checkpoint)
    assert result.exit_code == 0, result.stderr
    assert "2 keyframes written" in result.stdout
    return film.with_name("film.keyframes")


def test_a_picture_of_each_shot_and_its_original(folder: Path) -> None:
    first, second = read_keyframes(folder, "film.mkv")
    assert (first.start_s, second.start_s) == pytest.approx((0, 0.5), abs=0.002)
    assert first.time_s == pytest.approx(0.25, abs=0.05)
    for keyframe in (first, second):
        assert keyframe.file.read_bytes() == keyframe.original.read_bytes()
        picture = cv2.imread(str(keyframe.file))
        assert picture is not None
        assert picture.shape == (64, 96, 3)


def test_an_edit_is_carried_by_run_and_preview(
    vidcolor: Program, color: Program, film: Path, folder: Path, checkpoint: Path
) -> None:
    picture = cv2.imread(str(folder / "shot-0002.png"))
    assert picture is not None
    picture[:, :48] = (40, 40, 220)  # B, G, R
    cv2.imwrite(str(folder / "shot-0002.png"), picture)
    result = color(film, "--references", folder)
    assert result.exit_code == 0, result.stderr
    assert "have edited colours" in result.stdout
    options = ("--references", folder, "--checkpoint", checkpoint, "-q", "--overwrite")
    reds = []
    for time_s in ("0.25", "0.875"):
        assert vidcolor("preview", film, "--at", time_s, *options).exit_code == 0
        shown = cv2.imread(str(film.with_name("film.preview.png")))
        assert shown is not None
        left = shown[:, 96:140].astype(int)
        reds.append(np.mean(left[..., 2] - left[..., 0]))
    assert reds[1] > reds[0] + 20


def test_edited_pictures_are_not_overwritten(
    vidcolor: Program, film: Path, folder: Path, checkpoint: Path
) -> None:
    before = (folder / KEYFRAME_LIST).read_bytes()
    result = vidcolor("keyframes", film, "--checkpoint", checkpoint)
    assert result.exit_code == 20
    assert "may hold edited pictures" in error_line(result)
    assert (folder / KEYFRAME_LIST).read_bytes() == before


def test_nothing_edited(color: Program, film: Path, folder: Path) -> None:
    result = color(film, "--references", folder)
    assert result.exit_code == 40
    assert "none of the 2 pictures" in error_line(result)
    assert not film.with_name("film.color.mkv").exists()


def test_references_are_for_one_film(color: Program, film: Path, folder: Path) -> None:
    other = make_film(film.with_name("other.mkv"), frames=3)
    result = color(film, other, "--references", folder)
    assert result.exit_code == 40
    assert "is for one film, not for 2" in error_line(result)


def test_a_list_is_used(vidcolor: Program, film: Path, checkpoint: Path, tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_text("start\n0\n0.2\n0.4\n77\n")
    folder = tmp_path / "listed"
    options = ("--shots", tmp_path / "list.csv", "-o", folder, "--checkpoint", checkpoint, "-q")
    result = vidcolor("keyframes", film, *options)
    assert result.exit_code == 0, result.stderr
    assert [keyframe.start_s for keyframe in read_keyframes(folder, "film.mkv")] == [0, 0.2, 0.4]
    assert len(list((folder / ORIGINALS).iterdir())) == 3


def test_what_fails_leaves_nothing(vidcolor: Program, tmp_path: Path, checkpoint: Path) -> None:
    film = make_film(tmp_path / "film.mkv", frames=30, width=96, height=64)
    film.write_bytes(film.read_bytes()[:3000])
    result = vidcolor("keyframes", film, "--checkpoint", checkpoint)
    assert result.exit_code != 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["film.mkv"]


@pytest.mark.parametrize("option", ["--references", "--hints"])
def test_a_dry_run_looks_at_edits(color: Program, film: Path, tmp_path: Path, option: str) -> None:
    result = color(film, "--dry-run", option, tmp_path / "none.toml")
    assert result.exit_code == 40
    assert "none.toml" in error_line(result)
