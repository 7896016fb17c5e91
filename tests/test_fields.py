"""`vidcolor.fields`: combs, and pictures made whole from one field."""

from __future__ import annotations

import numpy as np
import pytest

from tests.synthetic import luma_picture, woven
from vidcolor.fields import has_combs, whole_from_field


@pytest.mark.parametrize("bits", [8, 10, 12])
@pytest.mark.parametrize("size", [(128, 96), (321, 241)])
def test_what_moves_between_fields_has_combs(size: tuple[int, int], bits: int) -> None:
    now, then = (luma_picture(index, *size, bits) for index in (0, 4))
    assert has_combs(woven(now, then), bits)
    assert has_combs(woven(now, then, "bff"), bits)
    assert not has_combs(now, bits)


def test_a_small_thing_that_moves_is_enough() -> None:
    now = np.full((576, 720), 60, np.uint8)
    then = now.copy()
    now[200:260, 300:330] = 180
    then[200:260, 306:336] = 180
    assert has_combs(woven(now, then), 8)


def test_grain_lines_and_detail_are_no_combs() -> None:
    rng = np.random.default_rng(1)
    picture = luma_picture(0, 320, 240)
    grainy = np.clip(picture + rng.normal(0, 20, picture.shape), 0, 255).astype(np.uint8)
    assert not has_combs(grainy, 8)
    lined = picture.copy()
    lined[60], lined[100], lined[:, 50] = 235, 16, 235
    assert not has_combs(lined, 8)
    assert not has_combs(rng.integers(0, 256, (240, 320), np.uint8), 8)


def test_pictures_too_small_to_judge() -> None:
    comb = np.zeros((7, 64), np.uint8)
    comb[::2] = 255
    assert not has_combs(comb, 8)
    assert has_combs(np.tile(comb[:2], (4, 1)), 8)


@pytest.mark.parametrize("height", [1, 2, 5, 6])
@pytest.mark.parametrize("first_line", [0, 1])
def test_a_field_made_whole(height: int, first_line: int) -> None:
    rows = np.array([10, 200, 30, 100, 50, 250][:height], np.uint8)
    whole = whole_from_field(np.repeat(rows[:, None], 3, axis=1), first_line)
    expected = rows.astype(float)
    for line in range(1 - first_line, height, 2):
        around = [rows[n] for n in (line - 1, line + 1) if 0 <= n < height]
        if around:
            expected[line] = np.mean(around)
    np.testing.assert_allclose(whole[:, 0], expected, atol=0.5)


def test_the_given_picture_is_not_changed() -> None:
    luma = luma_picture(0, 64, 48, 10)
    before = luma.copy()
    assert whole_from_field(luma, 0).dtype == np.uint16
    np.testing.assert_array_equal(luma, before)
