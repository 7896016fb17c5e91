"""`vidcolor.color.tags` and `vidcolor.color.primaries`."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import skimage.color

from vidcolor.color import lightness_table, luma_range, resolve_tags
from vidcolor.color.primaries import CHROMATICITIES, LUMA_WEIGHTS, rgb_to_relative_xyz
from vidcolor.errors import UnsupportedColorError
from vidcolor.frames import UNSPECIFIED, ColorTags

NOTHING_STATED = ColorTags(UNSPECIFIED, UNSPECIFIED, UNSPECIFIED, full_range=False)


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((640, 480), (6, 6, 6)),
        ((1024, 576), (6, 6, 6)),
        ((1026, 576), (1, 1, 1)),
        ((720, 578), (1, 1, 1)),
        ((1920, 1080), (1, 1, 1)),
    ],
)
def test_nothing_stated_is_decided_by_size(
    size: tuple[int, int], expected: tuple[int, int, int]
) -> None:
    tags = resolve_tags(NOTHING_STATED, *size)
    assert (tags.matrix, tags.primaries, tags.transfer) == expected
    assert tags.guessed == ("matrix", "primaries", "transfer")


@pytest.mark.parametrize(
    ("stated", "expected", "guessed"),
    [
        ({"matrix": 9}, (9, 9, 14), ("primaries", "transfer")),
        ({"matrix": 5}, (5, 5, 6), ("primaries", "transfer")),
        ({"primaries": 9}, (9, 9, 14), ("matrix", "transfer")),
        ({"matrix": 6, "primaries": 1}, (6, 1, 6), ("transfer",)),
        ({"transfer": 13}, (1, 1, 13), ("matrix", "primaries")),
    ],
)
def test_what_is_stated_stays_and_decides(
    stated: dict[str, int], expected: tuple[int, int, int], guessed: tuple[str, ...]
) -> None:
    tags = resolve_tags(dataclasses.replace(NOTHING_STATED, **stated), 1920, 1080)
    assert (tags.matrix, tags.primaries, tags.transfer) == expected
    assert tags.guessed == guessed


def test_complete_tags_are_returned_as_they_are() -> None:
    tags = ColorTags(6, 1, 13, full_range=True, chroma_location=2)
    assert resolve_tags(tags, 1920, 1080) is tags


def test_earlier_guesses_are_kept_and_not_repeated() -> None:
    tags = dataclasses.replace(NOTHING_STATED, guessed=("full_range", "matrix"))
    assert resolve_tags(tags, 64, 48).guessed == ("full_range", "matrix", "primaries", "transfer")


@pytest.mark.parametrize("transfer", [16, 18])
def test_hdr_is_refused_unless_allowed(transfer: int) -> None:
    tags = ColorTags(9, 9, transfer, full_range=False)
    with pytest.raises(UnsupportedColorError, match="--allow-hdr"):
        resolve_tags(tags, 3840, 2160)
    assert resolve_tags(tags, 3840, 2160, allow_hdr=True) is tags


@pytest.mark.parametrize("matrix", [0, 3, 8, 10, 14])
def test_unsupported_matrix_is_refused_with_its_number(matrix: int) -> None:
    with pytest.raises(UnsupportedColorError, match=f"coefficients {matrix} .*9 are"):
        resolve_tags(ColorTags(matrix, 1, 1, full_range=False), 64, 48)


def test_unsupported_primaries_are_refused() -> None:
    with pytest.raises(UnsupportedColorError, match="primaries 10 "):
        resolve_tags(ColorTags(1, 10, 1, full_range=False), 64, 48)


@pytest.mark.parametrize("matrix", LUMA_WEIGHTS)
def test_luma_weights_add_up_to_one(matrix: int) -> None:
    assert sum(LUMA_WEIGHTS[matrix]) == pytest.approx(1.0, abs=1e-12)


@pytest.mark.parametrize("primaries", CHROMATICITIES)
def test_white_is_white_in_all_primaries(primaries: int) -> None:
    np.testing.assert_allclose(rgb_to_relative_xyz(primaries) @ np.ones(3), 1.0, atol=1e-12)


def test_bt2020_matrix_is_the_published_one() -> None:
    # Rec. ITU-R BT.2087-0, equation M2 (rounded to four digits there).
    published = np.array(
        [[0.6370, 0.1446, 0.1689], [0.2627, 0.6780, 0.0593], [0.0, 0.0281, 1.0610]]
    )
    white = np.array([0.3127 / 0.3290, 1.0, (1 - 0.3127 - 0.3290) / 0.3290])
    np.testing.assert_allclose(rgb_to_relative_xyz(9) * white[:, None], published, atol=1e-4)


@pytest.mark.parametrize("bit_depth", [8, 10, 12])
@pytest.mark.parametrize("full_range", [False, True])
def test_lightness_table(bit_depth: int, full_range: bool) -> None:
    table = lightness_table(bit_depth, full_range)
    black, white = luma_range(bit_depth, full_range)
    assert table.shape == (2**bit_depth,)
    assert table.dtype == np.float32
    assert (table[: black + 1] == 0).all()
    np.testing.assert_allclose(table[white:], 100, atol=1e-4)
    assert (np.diff(table[black : white + 1]) > 0).all()
    grey = (black + white) // 2
    pixel = np.full((1, 1, 3), (grey - black) / (white - black))
    assert table[grey] == pytest.approx(skimage.color.rgb2lab(pixel)[0, 0, 0], abs=0.01)


def test_luma_range_is_video_range() -> None:
    assert luma_range(8, full_range=False) == (16, 235)
    assert luma_range(10, full_range=False) == (64, 940)
    assert luma_range(10, full_range=True) == (0, 1023)
