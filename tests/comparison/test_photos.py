"""`vidcolor.comparison.photos`: two photos in one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vidcolor.comparison.photos import compare_photos
from vidcolor.comparison.picture import Arrangement
from vidcolor.errors import OutputExistsError, OutputIsInputError, SettingsError

RNG = np.random.default_rng(3)
GREY = RNG.integers(0, 256, (40, 60)).astype(np.uint8)
COLOR = RNG.integers(0, 256, (40, 60, 3)).astype(np.uint8)


@pytest.fixture
def photos(tmp_path: Path) -> tuple[Path, Path]:
    paths = tmp_path / "grey.png", tmp_path / "color.tif"
    for path, picture in zip(paths, (GREY, COLOR), strict=True):
        Image.fromarray(picture).save(path)
    return paths


@pytest.mark.parametrize("suffix", ["png", "webp", "tif"])
def test_grey_beside_colour(photos: tuple[Path, Path], tmp_path: Path, suffix: str) -> None:
    output = tmp_path / f"both.{suffix}"
    compare_photos(*photos, output, Arrangement())
    found = np.asarray(Image.open(output).convert("RGB"))
    np.testing.assert_array_equal(found[:, :60], np.dstack([GREY] * 3))
    np.testing.assert_array_equal(found[:, 60:], COLOR)


def test_the_second_gets_the_size_of_the_first(tmp_path: Path) -> None:
    small, large = tmp_path / "small.png", tmp_path / "large.png"
    Image.new("RGB", (30, 20), (10, 20, 30)).save(small)
    Image.new("RGB", (90, 70), (200, 100, 50)).save(large)
    compare_photos(small, large, tmp_path / "both.png", Arrangement())
    found = np.asarray(Image.open(tmp_path / "both.png"))
    assert found.shape == (20, 60, 3)
    assert (found[:, 30:] == (200, 100, 50)).all()


def test_neither_photo_is_ever_replaced(photos: tuple[Path, Path], tmp_path: Path) -> None:
    before = [path.read_bytes() for path in photos]
    for path in photos:
        with pytest.raises(OutputIsInputError):
            compare_photos(*photos, path, Arrangement(), overwrite=True)
    assert [path.read_bytes() for path in photos] == before
    (tmp_path / "both.png").touch()
    with pytest.raises(OutputExistsError, match="--overwrite"):
        compare_photos(*photos, tmp_path / "both.png", Arrangement())
    compare_photos(*photos, tmp_path / "both.png", Arrangement(), overwrite=True)
    assert (tmp_path / "both.png").stat().st_size


def test_a_suffix_that_is_no_picture(photos: tuple[Path, Path], tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"picks no picture format; choose \.png"):
        compare_photos(*photos, tmp_path / "both.mp4", Arrangement())
