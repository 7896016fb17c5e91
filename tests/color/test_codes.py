"""`vidcolor.color.codes`: code values."""

from __future__ import annotations

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from vidcolor.color import (
    chroma_codes,
    luma_from_rgb_codes,
    luma_range,
    neutral_code,
    rgb_from_luma_chroma,
)
from vidcolor.color.primaries import LUMA_WEIGHTS
from vidcolor.frames import Plane

DEPTHS = [8, 9, 10, 12, 14, 16]
unit = st.floats(0, 1, width=32)
half = st.floats(-0.5, 0.5, width=32)


@pytest.mark.parametrize("bit_depth", DEPTHS)
@pytest.mark.parametrize("full_range", [False, True])
def test_chroma_codes_at_the_ends_and_in_the_middle(bit_depth: int, full_range: bool) -> None:
    codes = chroma_codes(np.array([[-0.9, -0.5, 0, 0.5, 0.9]], np.float32), bit_depth, full_range)
    assert codes.dtype == (np.uint8 if bit_depth == 8 else np.uint16)
    middle = neutral_code(bit_depth)
    if full_range:
        # ±0.5 · 255 + 128 = 0.5 … 255.5; the upper one is clipped
        assert codes[0, 0] in (0, 1)
        assert codes[0, 4] == 2**bit_depth - 1
    else:
        assert codes[0, 0] == 16 << (bit_depth - 8)
        assert codes[0, 4] == 240 << (bit_depth - 8)
    assert codes[0, 2] == middle
    assert codes[0, 0] == codes[0, 1]
    assert codes[0, 3] == codes[0, 4]


@pytest.mark.parametrize("bit_depth", DEPTHS)
@given(chroma=hnp.arrays(np.float32, (3, 4), elements=half))
def test_chroma_codes_are_the_nearest(bit_depth: int, chroma: np.ndarray) -> None:
    codes = chroma_codes(chroma, bit_depth, full_range=False)
    exact = chroma.astype(float) * (224 << (bit_depth - 8)) + (128 << (bit_depth - 8))
    np.testing.assert_allclose(codes, exact, atol=0.51)


@pytest.mark.parametrize("bit_depth", DEPTHS)
def test_grey_pixels_keep_their_value(bit_depth: int) -> None:
    dtype = np.uint8 if bit_depth == 8 else np.uint16
    values = np.arange(2**bit_depth).astype(dtype).reshape(-1, 64)
    luma = luma_from_rgb_codes(np.stack((values,) * 3, axis=-1), bit_depth)
    assert luma.dtype == dtype
    np.testing.assert_array_equal(luma, values)


def test_luma_is_weighted_by_bt709() -> None:
    rgb = np.random.default_rng(0).integers(0, 65536, (40, 50, 3)).astype(np.uint16)
    exact = rgb.astype(float) @ LUMA_WEIGHTS[1]
    np.testing.assert_allclose(luma_from_rgb_codes(rgb, 16), exact, atol=0.51)


@pytest.mark.parametrize(
    ("rgb", "bit_depth"),
    [
        (np.zeros((4, 4), np.uint8), 8),
        (np.zeros((4, 4, 4), np.uint8), 8),
        (np.zeros((4, 4, 3), np.uint16), 8),
        (np.zeros((4, 4, 3), np.uint8), 10),
    ],
)
def test_luma_of_anything_but_rgb_is_refused(rgb: Plane, bit_depth: int) -> None:
    with pytest.raises(ValueError, match=r"must be \(H, W, 3\)"):
        luma_from_rgb_codes(rgb, bit_depth)


@pytest.mark.parametrize("matrix", LUMA_WEIGHTS)
@given(
    luma=hnp.arrays(np.float32, (3, 5), elements=unit),
    cb=hnp.arrays(np.float32, (3, 5), elements=half),
    cr=hnp.arrays(np.float32, (3, 5), elements=half),
)
def test_rgb_is_in_range_and_has_the_luma(
    matrix: int, luma: np.ndarray, cb: np.ndarray, cr: np.ndarray
) -> None:
    rgb = rgb_from_luma_chroma(luma, cb, cr, matrix)
    assert rgb.dtype == np.float32
    assert rgb.min() >= 0
    assert rgb.max() <= 1
    np.testing.assert_allclose(rgb @ np.array(LUMA_WEIGHTS[matrix]), luma, atol=1e-6)


def test_rgb_that_fits_is_the_plain_inverse() -> None:
    rgb = np.random.default_rng(0).random((20, 30, 3)).astype(np.float32)
    luma = (rgb @ np.array(LUMA_WEIGHTS[1])).astype(np.float32)
    cb, cr = (rgb[..., 2] - luma) / np.float32(1.8556), (rgb[..., 0] - luma) / np.float32(1.5748)
    np.testing.assert_allclose(rgb_from_luma_chroma(luma, cb, cr), rgb, atol=2e-6)


@pytest.mark.parametrize(("matrix", "colorspace"), [(1, "ITU709"), (6, "ITU601")])
@pytest.mark.parametrize("full_range", [False, True])
def test_swscale_reads_our_codes_as_we_mean_them(
    matrix: int, colorspace: str, full_range: bool
) -> None:
    """A second opinion, independent of ours, on weights, ranges and the order of planes."""
    rng = np.random.default_rng(0)
    # 8×8 blocks, so that no chroma filter can matter.
    rgb = np.kron(rng.uniform(0.05, 0.95, (4, 6, 3)), np.ones((8, 8, 1))).astype(np.float32)
    kr, _, kb = LUMA_WEIGHTS[matrix]
    luma = (rgb @ np.array(LUMA_WEIGHTS[matrix])).astype(np.float32)
    black, white = luma_range(8, full_range)
    planes = [
        np.rint(luma * (white - black) + black).astype(np.uint8),
        chroma_codes((rgb[..., 2] - luma) / np.float32(2 - 2 * kb), 8, full_range),
        chroma_codes((rgb[..., 0] - luma) / np.float32(2 - 2 * kr), 8, full_range),
    ]
    frame = av.VideoFrame.from_ndarray(np.stack(planes), format="yuv444p")
    decoded = frame.reformat(
        format="rgb24",
        src_colorspace=colorspace,
        src_color_range="JPEG" if full_range else "MPEG",
        dst_color_range="JPEG",
    ).to_ndarray()
    np.testing.assert_allclose(decoded, rgb * 255, atol=3)
