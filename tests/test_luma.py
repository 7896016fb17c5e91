"""What the encoder gets as luma, and what counts as a coloured source."""

from __future__ import annotations

import zlib
from fractions import Fraction

import numpy as np
import pytest

from vidcolor.frames import ColorTags, EncodeTarget, Frame, PixelLayout
from vidcolor.luma import COLORED_SPREAD, chroma_spread, is_colored, luma_crc, target_luma

RAMP = np.arange(64, dtype=np.uint8).reshape(8, 8)


def target(width: int, height: int, bit_depth: int = 8, luma_shift: int = 0) -> EncodeTarget:
    layout = PixelLayout("a format", bit_depth, (1, 1))
    return EncodeTarget(width, height, layout, ColorTags(1, 1, 1, False), luma_shift)


class TestTargetLuma:
    def test_the_same_plane_where_nothing_differs(self):
        assert target_luma(RAMP, target(8, 8)) is RAMP

    def test_more_bits_are_an_exact_shift(self):
        wide = target_luma(RAMP, target(8, 8, bit_depth=10, luma_shift=2))
        assert wide.dtype == np.uint16
        np.testing.assert_array_equal(wide >> 2, RAMP)
        assert not (wide & 3).any()

    def test_another_size_is_an_average(self):
        half = target_luma(RAMP, target(4, 4))
        assert half.shape == (4, 4)
        assert half[0, 0] == pytest.approx(RAMP[:2, :2].mean(), abs=0.5)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_the_checksum_is_of_packed_rows(dtype):
    plane = np.arange(96, dtype=dtype).reshape(8, 12)
    assert luma_crc(plane[:, :7]) == zlib.crc32(plane[:, :7].tobytes())
    assert luma_crc(plane) != luma_crc(plane ^ 1)


class TestIsColored:
    @pytest.mark.parametrize("bit_depth", [8, 10])
    @pytest.mark.parametrize(("off", "colored"), [(0, False), (5, False), (8, True)])
    def test_distance_from_neutral_in_eight_bit_codes(self, bit_depth, off, colored):
        assert 5 < COLORED_SPREAD < 8
        dtype = np.uint8 if bit_depth == 8 else np.uint16
        neutral = np.full((16, 16), 128 << bit_depth - 8, dtype)
        tinted = neutral + dtype(off << bit_depth - 8)
        assert chroma_spread(tinted, bit_depth) == off
        frame = Frame(0, neutral, 0, Fraction(1, 24), chroma=(neutral, tinted))
        assert is_colored(frame, bit_depth) is colored

    def test_a_frame_without_chroma_is_not(self):
        assert not is_colored(Frame(0, RAMP, 0, Fraction(1, 24)), 8)
