"""`vidcolor.comparison.picture`: two pictures in one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from vidcolor.color import Rgb8
from vidcolor.comparison.picture import Arrangement, ascii_label, compose, fitted, names_of


def noise(height: int, width: int, seed: int) -> Rgb8:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3)).astype(np.uint8)


@pytest.mark.parametrize(
    ("width", "height", "axis"), [(64, 48, 1), (1920, 1080, 1), (854, 480, 1), (120, 50, 0)]
)
def test_side_shows_both_whole(width: int, height: int, axis: int) -> None:
    first, second = noise(height, width, 1), noise(height, width, 2)
    whole = compose(first, second, Arrangement("side"))
    np.testing.assert_array_equal(whole, np.concatenate((first, second), axis=axis))


def test_split_shows_the_left_of_one_and_the_right_of_the_other() -> None:
    first, second = noise(40, 100, 1) // 2, noise(40, 100, 2) // 2
    whole = compose(first, second, Arrangement("split", 0.3))
    np.testing.assert_array_equal(whole[:, :29], first[:, :29])
    np.testing.assert_array_equal(whole[:, 31:], second[:, 31:])
    assert (whole[:, 29:31] == 255).all()


@pytest.mark.parametrize(("position", "shown"), [(0.0, 1), (1.0, 0)])
def test_a_divider_at_the_edge_shows_one_picture_alone(position: float, shown: int) -> None:
    pictures = noise(40, 100, 1), noise(40, 100, 2)
    labels = ("", "")
    whole = compose(*pictures, Arrangement("split", position, labels))
    np.testing.assert_array_equal(whole, pictures[shown])


def test_the_pictures_themselves_are_not_drawn_on() -> None:
    first, second = noise(200, 300, 1), noise(200, 300, 2)
    copies = first.copy(), second.copy()
    compose(first, second, Arrangement("split", 0.0, ("one", "two")))
    compose(first, second, Arrangement("side", 0.5, ("one", "two")))
    np.testing.assert_array_equal((first, second), copies)


def test_pictures_of_two_sizes() -> None:
    with pytest.raises(ValueError, match=r"resize one"):
        compose(noise(40, 60, 1), noise(40, 61, 2), Arrangement())


@pytest.mark.parametrize("layout", ["side", "split"])
@pytest.mark.parametrize("size", [(240, 320), (200, 480)])
def test_each_part_has_its_label(layout: str, size: tuple[int, int]) -> None:
    grey = np.full((*size, 3), 120, np.uint8)
    bare = compose(grey, grey, Arrangement(layout))  # type: ignore[arg-type]
    whole = compose(grey, grey, Arrangement(layout, 0.5, ("film.mp4", "x")))  # type: ignore[arg-type]
    rows, columns = np.nonzero((whole != bare).any(axis=-1))
    assert whole[rows, columns].max() > 200  # letters
    assert whole[rows, columns].min() < 60  # on a darker ground
    if layout == "side" and size[1] > 1.8 * size[0]:
        parts = [rows < size[0], rows >= size[0]]
        begins = [columns[part].min() for part in parts]
    else:
        middle = bare.shape[1] // 2
        parts = [columns < middle, columns >= middle]
        begins = [columns[parts[0]].min(), columns[parts[1]].min() - middle]
    wide, narrow = (np.ptp(columns[part]) for part in parts)
    assert wide > 3 * narrow / 2
    assert max(begins) < 10


@pytest.mark.parametrize("width", [500, 120, 60, 12])
def test_a_label_stays_in_its_part(width: int) -> None:
    grey = np.full((100, 500, 3), 120, np.uint8)
    name = "a_name_that_is_far_too_long_for_a_small_part.mp4"
    whole = compose(grey, grey, Arrangement("split", width / 500, (name, "")))
    _, columns = np.nonzero((whole != 120).any(axis=-1))
    divider = (columns >= width - 1) & (columns <= width)
    is_whole = width == 500
    assert (columns[~divider] < width - 4).all()
    assert bool(divider.any()) != is_whole
    assert bool((~divider).any()) == (width > 12)


def test_a_label_that_is_shortened_keeps_both_its_ends() -> None:
    grey = np.full((100, 400, 3), 120, np.uint8)

    def drawn(name: str) -> Rgb8:
        return compose(grey, grey, Arrangement("split", 0.3, (name, "")))[:, :118]

    long = "winter_holland_in_the_year_1930.color.mp4"
    assert (drawn(long) == drawn(long.replace("year", "land"))).all()
    assert (drawn(long) != drawn(long.replace("mp4", "mkv"))).any()
    assert (drawn(long) != drawn(long.replace("winter", "summer"))).any()


def test_a_picture_that_is_too_low_for_a_label() -> None:
    grey = np.full((16, 300, 3), 120, np.uint8)
    assert (compose(grey, grey, Arrangement("side", 0.5, ("a", "b"))) == 120).all()


def test_fine_patterns_become_grey_when_they_shrink() -> None:
    pattern = np.zeros((60, 60, 3), np.uint8)
    pattern[::2, ::2] = pattern[1::2, 1::2] = 200
    assert (fitted(pattern, 30, 30) == 100).all()


def test_only_ascii_is_drawn() -> None:
    assert ascii_label("Café Müller ½.mp4") == "Cafe Muller 1?2.mp4"
    assert ascii_label("東京\n\x1b[1m\udce9") == "???" + "?[1m?"


def test_names_that_are_the_same_get_their_folders() -> None:
    assert names_of(Path("a/one.mp4"), Path("b/two.mp4")) == ("one.mp4", "two.mp4")
    assert names_of(Path("a/one.mp4"), Path("b/one.mp4")) == ("a/one.mp4", "b/one.mp4")


@pytest.mark.parametrize("size", [(30, 20), (120, 90), (60, 20)])
def test_fitted_keeps_what_is_where(size: tuple[int, int]) -> None:
    picture = np.zeros((40, 60, 3), np.uint8)
    picture[:20, :30] = (200, 100, 50)
    other = fitted(picture, *size)
    assert other.shape == (size[1], size[0], 3)
    corner = other[: size[1] // 2 - 5, : size[0] // 2 - 5]
    assert (corner == (200, 100, 50)).all()
    assert (other[:, size[0] // 2 + 5 :] == 0).all()
    assert fitted(picture, 60, 40) is picture
