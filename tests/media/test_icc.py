"""`vidcolor.media.icc`."""

from __future__ import annotations

import io
import logging

import numpy as np
import pytest
from PIL import Image, ImageCms

from tests.media.icc_profiles import (
    ADOBE_RGB_TO_D50,
    gamma_curve,
    gray_profile,
    parametric_curve,
    rgb_profile,
    srgb_curve,
    table_curve,
)
from vidcolor.media.icc import gray_to_srgb, rgb16_to_srgb, srgb_profile, to_srgb_8bit

CODES = {8: np.arange(256, dtype=np.uint8), 16: np.arange(65536, dtype=np.uint16)}


def srgb_encoded(linear: np.ndarray) -> np.ndarray:
    curve = 1.055 * np.maximum(linear, 0.0031308) ** (1 / 2.4) - 0.055
    return np.where(linear <= 0.0031308, 12.92 * linear, curve)


@pytest.mark.parametrize("bit_depth", CODES)
@pytest.mark.parametrize(
    ("curve", "linear"),
    [
        (gamma_curve(1.8), lambda x: x ** (round(1.8 * 256) / 256)),
        (table_curve([0.0, 0.1, 0.4, 1.0]), lambda x: np.interp(x * 3, range(4), [0, 0.1, 0.4, 1])),
        (table_curve([]), lambda x: x),
        (parametric_curve(0, 2.5), lambda x: x**2.5),
        (parametric_curve(1, 2, 1.25, -0.25), lambda x: np.maximum(1.25 * x - 0.25, 0) ** 2),
        (
            parametric_curve(2, 2, 1.25, -0.25, 0.125),
            lambda x: np.maximum(1.25 * x - 0.25, 0) ** 2 + 0.125,
        ),
        (
            parametric_curve(4, 2, 0.75, 0.25, 0.125, 0.25, 0.0, 0.0),
            lambda x: np.where(x >= 0.25, (0.75 * x + 0.25) ** 2, 0.125 * x),
        ),
    ],
    ids=["gamma", "table", "identity", "para0", "para1", "para2", "para4"],
)
def test_grey_profiles_are_converted(bit_depth, curve, linear) -> None:  # type: ignore[no-untyped-def]
    codes = CODES[bit_depth].reshape(16, -1)
    white = 2**bit_depth - 1
    expected = np.clip(srgb_encoded(np.clip(linear(codes / white), 0, 1)), 0, 1) * white
    converted = gray_to_srgb(codes, bit_depth, gray_profile(curve))
    assert converted.dtype == codes.dtype
    # Profiles hold 16-bit fractions, which the steep dark end of sRGB's curve magnifies.
    np.testing.assert_allclose(converted, expected, atol=0.51 + (15 if bit_depth == 16 else 0))


@pytest.mark.parametrize(
    "profile",
    [
        gray_profile(srgb_curve()),
        rgb_profile(ADOBE_RGB_TO_D50, srgb_curve()),
        gray_profile(table_curve(np.linspace(0, 1, 4096) ** 2.2 * 0 + 1)[:40]),
        b"no profile",
        srgb_profile()[:200],
    ],
    ids=["srgb", "rgb-on-grey", "cut-table", "garbage", "cut"],
)
def test_grey_stays_as_stored_under_srgb_and_unusable_profiles(profile: bytes) -> None:
    codes = CODES[16].reshape(16, -1)
    assert gray_to_srgb(codes, 16, profile) is codes


def test_unusable_profiles_are_reported(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        gray_to_srgb(CODES[8].reshape(16, 16), 8, b"no profile")
    assert "profile is ignored" in caplog.text


def test_16_bit_rgb_agrees_with_little_cms() -> None:
    profile = rgb_profile(ADOBE_RGB_TO_D50, gamma_curve(2.19921875))
    rgb = np.random.default_rng(0).integers(40, 216, (40, 50, 3)).astype(np.uint8)
    theirs = ImageCms.profileToProfile(
        Image.fromarray(rgb),
        ImageCms.ImageCmsProfile(io.BytesIO(profile)),
        ImageCms.createProfile("sRGB"),
        renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
    )
    ours = rgb16_to_srgb(rgb.astype(np.uint16) * 257, profile)
    difference = np.abs(ours / 257 - np.asarray(theirs).astype(float))
    # Little CMS rounds to 8 bits on the way; colours outside sRGB are clipped by both.
    assert np.quantile(difference, 0.99) < 1.5
    assert np.abs(ours / 257 - rgb).max() > 10


def test_16_bit_srgb_stays_as_stored() -> None:
    to_d50 = np.array(
        [[0.43607, 0.38506, 0.14308], [0.22249, 0.71687, 0.06061], [0.01392, 0.09708, 0.71410]]
    )
    rgb = np.random.default_rng(0).integers(0, 65536, (4, 5, 3)).astype(np.uint16)
    assert rgb16_to_srgb(rgb, rgb_profile(to_d50, srgb_curve())) is rgb
    assert rgb16_to_srgb(rgb, b"no profile") is rgb


def test_8_bit_srgb_stays_as_stored() -> None:
    image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (4, 5, 3)).astype(np.uint8))
    assert to_srgb_8bit(image, srgb_profile()) is image


def test_8_bit_other_spaces_are_converted() -> None:
    image = Image.new("RGB", (4, 4), (200, 60, 60))
    converted = to_srgb_8bit(image, rgb_profile(ADOBE_RGB_TO_D50, gamma_curve(2.19921875)))
    red, green, _ = converted.getpixel((0, 0))  # type: ignore[misc]
    assert red > 220  # Adobe's red is stronger than sRGB's
    assert abs(green - 60) < 12


def test_8_bit_with_a_broken_profile_is_read_as_srgb(caplog: pytest.LogCaptureFixture) -> None:
    image = Image.new("RGB", (4, 4), (200, 60, 60))
    assert to_srgb_8bit(image, b"no profile").getpixel((0, 0)) == (200, 60, 60)
    assert "profile is ignored" in caplog.text


def test_our_profile_is_always_the_same_and_opens() -> None:
    assert srgb_profile() == srgb_profile()
    assert "sRGB" in ImageCms.getProfileDescription(io.BytesIO(srgb_profile()))
