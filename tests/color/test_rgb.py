"""`vidcolor.color.rgb`: whole pictures as 8-bit R′G′B′ and back."""

from __future__ import annotations

import numpy as np
import pytest

from vidcolor.color import (
    luma_from_codes,
    neutral_code,
    planes_from_rgb,
    rgb_from_luma_chroma,
    rgb_from_planes,
)
from vidcolor.color.primaries import LUMA_WEIGHTS
from vidcolor.errors import UnsupportedColorError
from vidcolor.frames import ColorTags, EncodeTarget, PixelLayout, Plane

DEPTHS = [8, 10, 12, 16]


def tags(matrix: int = 1, *, full_range: bool = False, location: int = 1) -> ColorTags:
    return ColorTags(matrix, 1, 1, full_range, location)


def target(width: int, height: int, color: ColorTags) -> EncodeTarget:
    return EncodeTarget(width, height, PixelLayout("yuv420p", 8, (1, 1)), color)


def filled(shape: tuple[int, int], code: int, bit_depth: int = 8) -> Plane:
    return np.full(shape, code, np.uint8 if bit_depth == 8 else np.uint16)


@pytest.mark.parametrize("bit_depth", DEPTHS)
@pytest.mark.parametrize("full_range", [False, True])
def test_black_white_and_beyond_of_a_grey_film(bit_depth: int, full_range: bool) -> None:
    top = 2**bit_depth - 1
    black, white = (0, top) if full_range else (16 << (bit_depth - 8), 235 << (bit_depth - 8))
    luma = np.array([[0, black, white, top]]).astype(filled((1, 1), 0, bit_depth).dtype)
    rgb = rgb_from_planes(luma, None, bit_depth, (0, 0), tags(full_range=full_range))
    assert rgb.dtype == np.uint8
    assert (rgb == np.array([0, 0, 255, 255])[:, None]).all()


@pytest.mark.parametrize("matrix", LUMA_WEIGHTS)
@pytest.mark.parametrize("full_range", [False, True])
@pytest.mark.parametrize("bit_depth", DEPTHS)
def test_agrees_with_the_solve_that_colours(matrix: int, full_range: bool, bit_depth: int) -> None:
    """Mild colours, which fit into R′G′B′, by two ways that share only the weights."""
    random = np.random.default_rng(matrix)
    middle, swing = neutral_code(bit_depth), 20 << (bit_depth - 8)
    dtype = filled((1, 1), 0, bit_depth).dtype
    luma = random.integers(5 * swing, 7 * swing, (9, 7)).astype(dtype)
    cb, cr = random.integers(middle - swing, middle + swing, (2, 9, 7)).astype(dtype)
    rgb = rgb_from_planes(luma, (cb, cr), bit_depth, (0, 0), tags(matrix, full_range=full_range))
    span = 2**bit_depth - 1 if full_range else 224 << (bit_depth - 8)
    luma01 = luma_from_codes(luma, bit_depth, full_range).astype(np.float32)
    unit = [((plane.astype(np.float32) - middle) / span) for plane in (cb, cr)]
    expected = 255 * rgb_from_luma_chroma(luma01, *unit, matrix)
    np.testing.assert_allclose(rgb, expected, atol=0.51)


def test_the_matrix_counts() -> None:
    planes = filled((2, 2), 126), (filled((2, 2), 128), filled((2, 2), 180))
    by_709 = rgb_from_planes(*planes, 8, (0, 0), tags(1))
    by_601 = rgb_from_planes(*planes, 8, (0, 0), tags(6))
    assert by_709[0, 0, 0] > by_601[0, 0, 0] + 5  # red: 1.5748 against 1.402


def test_a_matrix_without_weights_is_refused() -> None:
    with pytest.raises(UnsupportedColorError, match="matrix coefficients 8"):
        rgb_from_planes(filled((2, 2), 100), None, 8, (0, 0), tags(8))


@pytest.mark.parametrize("location", [0, 1, 2, 3])
@pytest.mark.parametrize("shape", [(8, 12), (7, 11)])
def test_a_colour_ramp_survives_subsampling(location: int, shape: tuple[int, int]) -> None:
    """A ramp of Cr that goes through the chroma grid and back stays where it was."""
    height, width = shape
    color = tags(location=location)
    ramp = 70.0 + 10 * np.arange(width)
    rgb = np.stack([np.tile(ramp, (height, 1))] + [filled(shape, 128)] * 2, axis=-1)
    picture = np.rint(rgb).astype(np.uint8)
    luma, cb, cr = planes_from_rgb(picture, target(width, height, color))
    assert cb.shape == cr.shape == (-(-height // 2), -(-width // 2))
    back = rgb_from_planes(luma, (cb, cr), 8, (1, 1), color).astype(int)
    inner = (slice(None), slice(2, -3), 0)
    # Rounding to chroma codes makes up to 2; half a pixel off would be 4.
    assert np.abs(back[inner] - picture[inner]).max() <= 2


def test_the_siting_is_honoured() -> None:
    """Chroma that sits on the left luma sample is seen further left than if it sat between."""
    luma = filled((2, 8), 126)
    cr = np.array([[128, 128, 180, 180]], np.uint8)
    left, center = (
        rgb_from_planes(luma, (filled((1, 4), 128), cr), 8, (1, 1), tags(location=place))
        for place in (1, 2)
    )
    assert left[0, 3, 0] > center[0, 3, 0] + 5


@pytest.mark.parametrize("full_range", [False, True])
def test_a_grey_film_keeps_its_luma_to_the_code(full_range: bool) -> None:
    color = tags(full_range=full_range)
    codes = np.arange(256) if full_range else np.arange(16, 236)
    luma = np.tile(codes.astype(np.uint8), (2, 1))
    rgb = rgb_from_planes(luma, None, 8, (0, 0), color)
    again, cb, cr = planes_from_rgb(rgb, target(luma.shape[1], 2, color))
    assert (again == luma).all()
    assert (cb == 128).all()
    assert (cr == 128).all()
