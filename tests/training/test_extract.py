from __future__ import annotations

import csv
import threading
from pathlib import Path

import cv2
import pytest

from tests.synthetic import make_film
from vidcolor.errors import (
    InputNotFoundError,
    Interrupted,
    OutputExistsError,
    OutputFolderError,
    PhotoSetError,
    UnsupportedColorError,
)
from vidcolor.training.extract import MANIFEST, ExtractSettings, extract_frames
from vidcolor.training.library import load_library
from vidcolor.training.recipe import DataRecipe

HALF = ExtractSettings(per_shot=2, split=0.5, min_shot_frames=4)


def reel(path: Path, shots: int = 8, length: int = 12, **changes: object) -> Path:
    cuts = tuple(range(length, shots * length, length))
    film = {"frames": shots * length, "cuts": cuts, "colorful": True, **changes}
    return make_film(path, width=96, height=64, **film)


def manifest(folder: Path) -> list[dict[str, str]]:
    with (folder / MANIFEST).open(newline="") as file:
        return list(csv.DictReader(file))


def test_every_picture_is_listed_with_its_place_in_the_film(tmp_path):
    film = reel(tmp_path / "film.mkv")
    report = extract_frames([film], tmp_path / "set", HALF)
    rows = manifest(tmp_path / "set")
    assert (report.films, report.frames_read) == (1, 96)
    assert len(rows) == report.train + report.val > 0
    pictures = sorted((tmp_path / "set").rglob("*.png"))
    assert [str(p.relative_to(tmp_path / "set")) for p in pictures] == sorted(
        row["file"] for row in rows
    )
    for row in rows:
        assert int(row["frame"]) // 12 == int(row["shot"])
        assert float(row["time_s"]) == pytest.approx(int(row["frame"]) / 24, abs=1e-3)
        assert cv2.imread(str(tmp_path / "set" / row["file"])).shape == (64, 96, 3)


def test_no_shot_is_both_trained_and_validated_on(tmp_path):
    report = extract_frames([reel(tmp_path / "film.mkv")], tmp_path / "set", HALF)
    assert report.train > 0
    assert report.val > 0
    shots = {
        split: {row["shot"] for row in manifest(tmp_path / "set") if row["split"] == split}
        for split in ("train", "val")
    }
    assert not shots["train"] & shots["val"]
    library = load_library([tmp_path / "set"], DataRecipe())
    assert (len(library.train), len(library.val)) == (report.train, report.val)


def test_the_choice_is_always_the_same(tmp_path):
    film = reel(tmp_path / "film.mkv")
    for name in ("one", "two"):
        extract_frames([film], tmp_path / name, HALF)
    assert manifest(tmp_path / "one") == manifest(tmp_path / "two")


def test_the_same_film_twice_gives_nothing_new(tmp_path):
    first = reel(tmp_path / "film.mkv")
    (tmp_path / "copy").mkdir()
    second = tmp_path / "copy" / "film.mkv"
    second.write_bytes(first.read_bytes())
    once = extract_frames([first], tmp_path / "once", HALF)
    twice = extract_frames([first, second], tmp_path / "twice", HALF)
    assert (twice.train, twice.val) == (once.train, once.val)
    assert twice.left_out["duplicate"] >= once.train + once.val


def test_short_shots_are_left_out(tmp_path):
    film = reel(tmp_path / "film.mkv")
    settings = ExtractSettings(min_shot_frames=13)
    with pytest.raises(PhotoSetError, match=r"none of 96 frames .*8 short"):
        extract_frames([film], tmp_path / "set", settings)


@pytest.mark.parametrize("pix_fmt", ["yuv420p", "gray"])
def test_a_black_and_white_film_is_an_error(tmp_path, pix_fmt):
    film = reel(tmp_path / "film.mkv", colorful=False, codec="ffv1", pix_fmt=pix_fmt)
    with pytest.raises(PhotoSetError, match=r"grey.*films in colour"):
        extract_frames([film], tmp_path / "set", HALF)
    assert not (tmp_path / "set" / MANIFEST).exists()


def test_a_folder_in_use_is_left_alone(tmp_path):
    folder = tmp_path / "set"
    folder.mkdir()
    (folder / "mine.txt").write_text("mine")
    with pytest.raises(OutputExistsError, match="not empty"):
        extract_frames([reel(tmp_path / "film.mkv")], folder, HALF)
    assert [path.name for path in folder.iterdir()] == ["mine.txt"]


def test_a_file_in_the_folders_place(tmp_path):
    (tmp_path / "set").write_text("a file")
    with pytest.raises(OutputFolderError, match="cannot make the folder"):
        extract_frames([reel(tmp_path / "film.mkv")], tmp_path / "set", HALF)


def test_a_missing_film(tmp_path):
    with pytest.raises(InputNotFoundError, match="nowhere"):
        extract_frames([tmp_path / "nowhere.mkv"], tmp_path / "set", HALF)


def test_stopped(tmp_path):
    cancel = threading.Event()
    with pytest.raises(Interrupted):
        extract_frames(
            [reel(tmp_path / "film.mkv")],
            tmp_path / "set",
            HALF,
            cancel=cancel,
            on_progress=lambda *_: cancel.set(),
        )
    assert not (tmp_path / "set" / MANIFEST).exists()


def test_a_film_that_cannot_be_read_does_not_spoil_the_others(tmp_path):
    bad = tmp_path / "bad.mkv"
    bad.write_text("not a film")
    report = extract_frames([bad, reel(tmp_path / "film.mkv")], tmp_path / "set", HALF)
    assert (report.films, list(report.failed)) == (1, [str(bad)])
    assert len(manifest(tmp_path / "set")) == report.train + report.val > 0


def test_of_a_film_that_is_cut_off_the_rest_is_used(tmp_path):
    film = reel(tmp_path / "film.mkv", shots=20)
    film.write_bytes(film.read_bytes()[: film.stat().st_size // 2])
    report = extract_frames([film], tmp_path / "set", HALF)
    assert 0 < report.frames_read < 240
    assert manifest(tmp_path / "set")


def test_a_failed_start_does_not_block_the_folder(tmp_path):
    with pytest.raises(InputNotFoundError):
        extract_frames([tmp_path / "typo.mkv"], tmp_path / "set", HALF)
    extract_frames([reel(tmp_path / "film.mkv")], tmp_path / "set", HALF)
    assert manifest(tmp_path / "set")


def test_a_film_in_rgb_is_refused_and_not_called_grey(tmp_path):
    film = reel(tmp_path / "film.mkv", codec="ffv1", pix_fmt="bgr0")
    with pytest.raises(UnsupportedColorError, match=r"bgr0.*yuv444p"):
        extract_frames([film], tmp_path / "set", HALF)
