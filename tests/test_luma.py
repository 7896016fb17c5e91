"""What the encoder gets as luma, and small pictures of it."""

from __future__ import annotations

import hashlib
import zlib
from fractions import Fraction
from typing import Any

import cv2
import numpy as np
import pytest

from vidcolor.frames import ColorTags, EncodeTarget, Frame, PixelLayout
from vidcolor.luma import (
    SMALL_SHORT_SIDE,
    FrameHashes,
    LumaHashes,
    area_averaged,
    luma_crc,
    luma_sha256,
    small_luma,
    target_luma,
)

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


class TestAreaAveraged:
    @pytest.mark.parametrize(("dtype", "scale"), [(np.uint8, 1), (np.uint16, 16)])
    @pytest.mark.parametrize(("height", "width"), [(1080, 1920), (540, 960), (301, 500), (96, 96)])
    def test_is_the_mean_of_areas(self, height: int, width: int, dtype: Any, scale: int) -> None:
        rng = np.random.default_rng(0)
        coarse = rng.integers(0, 256, (height // 60 + 1, width // 60 + 1)).astype(np.uint8)
        plane = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
        plane = plane.astype(dtype) * dtype(scale)
        averaged = area_averaged(plane, 96, 64)
        assert averaged.dtype == dtype
        exact = cv2.resize(plane.astype(np.float32), (96, 64), interpolation=cv2.INTER_AREA)
        difference = np.abs(averaged - exact)
        assert difference.mean() < scale
        assert difference.max() < 8 * scale

    def test_enlarges(self) -> None:
        assert area_averaged(RAMP, 20, 6).shape == (6, 20)
        assert area_averaged(RAMP, 16, 16).min() == RAMP.min()

    def test_halving_ends_at_odd_sides(self) -> None:
        plane = np.random.default_rng(0).integers(0, 256, (8 * 27, 8 * 25)).astype(np.uint8)
        halved = plane
        for _ in range(3):
            size = halved.shape[1] // 2, halved.shape[0] // 2
            halved = cv2.resize(halved, size, interpolation=cv2.INTER_AREA)
        expected = cv2.resize(halved, (5, 5), interpolation=cv2.INTER_AREA)
        np.testing.assert_array_equal(area_averaged(plane, 5, 5), expected)


@pytest.mark.parametrize("bit_depth", [8, 10, 12])
def test_small_luma_has_eight_bits_and_keeps_its_shape(bit_depth):
    dtype = np.uint8 if bit_depth == 8 else np.uint16
    plane = np.full((288, 512), 200 << (bit_depth - 8), dtype)
    small = small_luma(Frame(0, plane, 0, Fraction(1, 24)), bit_depth)
    assert small.dtype == np.uint8
    assert small.shape == (SMALL_SHORT_SIDE, 256)
    assert (small == 200).all()
    assert small_luma(Frame(0, plane[:40, :60], 0, Fraction(1, 24)), bit_depth).shape == (40, 60)


class TestHashes:
    @pytest.mark.parametrize("dtype", ["u1", "<u2", ">u2"])
    def test_of_a_plane(self, dtype: str) -> None:
        wide = np.arange(48, dtype=dtype).reshape(6, 8)
        packed = np.arange(48, dtype=dtype.replace(">", "<")).reshape(6, 8)[:, :5].copy()
        assert luma_sha256(wide[:, :5]) == hashlib.sha256(packed.tobytes()).digest()

    def test_parts_are_joined(self) -> None:
        digests = [luma_sha256(RAMP + index) for index in range(5)]
        whole, first, joined = FrameHashes(), FrameHashes(), FrameHashes()
        for digest in digests:
            whole.append(digest)
        for digest in digests[:2]:
            first.append(digest)
        joined.extend_hex(first.hex())
        joined.extend_hex(whole.hex(2))
        assert list(joined) == list(whole) == digests
        assert joined[-1] == digests[-1]
        assert joined[1:3] == digests[1:3]
        lines = "".join(digest.hex() + "\n" for digest in digests)
        assert joined.total() == whole.total() == hashlib.sha256(lines.encode()).hexdigest()
        assert first.total() != whole.total()
        with pytest.raises(IndexError):
            joined[5]


@pytest.mark.parametrize("changes", [False, True])
def test_a_run_that_goes_on_has_the_hashes_of_the_whole(changes: bool) -> None:
    planes = [RAMP + index for index in range(5)]
    whole, first = LumaHashes(changes=changes), LumaHashes(changes=changes)
    states = []
    for number, plane in enumerate(planes):
        encoded = plane << 1 if changes else plane
        whole.append(plane, encoded)
        if number < 3:
            first.append(plane, encoded)
            states.append(first.take_state())
    again = LumaHashes(changes=changes)
    for state in states:
        again.restore(state)
    for plane in planes[3:]:
        again.append(plane, plane << 1 if changes else plane)
    assert list(again.decoded) == list(whole.decoded) == [luma_sha256(plane) for plane in planes]
    assert list(again.encoded) == list(whole.encoded)
    assert (again.encoded is again.decoded) is not changes
    assert again.take_state()["source_luma"] == whole.decoded.hex(3)  # only what is new
