"""What the chroma of a source holds."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from vidcolor.frames import ColorTags, EncodeTarget, Frame, PixelLayout
from vidcolor.source_color import FrameColor, SourceColor, frame_color, kept_chroma

SHAPE = (48, 64)


def frame(cb: np.ndarray, cr: np.ndarray, bits: int = 8) -> Frame:
    dtype = np.uint8 if bits == 8 else np.uint16
    chroma = tuple(np.rint((128 + plane) * 2 ** (bits - 8)).astype(dtype) for plane in (cb, cr))
    return Frame(0, np.full((96, 128), 90, dtype), 0, Fraction(1, 24), chroma=chroma)


def plane(value: float) -> np.ndarray:
    return np.full(SHAPE, value, float)


RAMP = np.linspace(0, 1, SHAPE[1])[None].repeat(SHAPE[0], 0)
TITLE = (np.abs(RAMP - 0.5) < 0.05).astype(float)
NOISE = np.random.default_rng(0).normal(0, 3, (2, *SHAPE))


@pytest.mark.parametrize("bits", [8, 10])
@pytest.mark.parametrize(
    ("cb", "cr", "expected"),
    [
        (plane(0), plane(0), SourceColor.NEUTRAL),
        (NOISE[0], NOISE[1], SourceColor.NEUTRAL),  # tape noise
        (plane(2), plane(-2), SourceColor.NEUTRAL),  # a cast nobody sees
        (plane(-8), plane(10), SourceColor.TINTED),
        (-20 * RAMP - 1, 25 * RAMP + 1, SourceColor.TINTED),  # toned: only the darks
        (plane(-40) + NOISE[0] / 3, plane(30) + NOISE[1] / 3, SourceColor.TINTED),
        (40 * RAMP - 20, plane(0), SourceColor.COLORED),  # blue on one side, yellow on the other
        (30 * RAMP, 30 * (1 - RAMP), SourceColor.COLORED),
        (plane(0), 60 * TITLE, SourceColor.COLORED),  # one red thing is no tint,
        (NOISE[0] / 2, 60 * TITLE + NOISE[1] / 2, SourceColor.COLORED),  # with noise or without
    ],
)
def test_neutral_tinted_or_coloured(
    bits: int, cb: np.ndarray, cr: np.ndarray, expected: SourceColor
) -> None:
    assert frame_color(frame(cb, cr, bits), bits).color is expected


def test_without_chroma_and_tiny() -> None:
    grey = Frame(0, np.zeros((4, 4), np.uint8), 0, Fraction(1, 24))
    assert frame_color(grey, 8) == FrameColor(SourceColor.NEUTRAL, is_clear=False)
    tiny = frame(np.zeros((1, 1)), np.zeros((1, 1)))
    assert frame_color(tiny, 8) == FrameColor(SourceColor.NEUTRAL, is_clear=False)


@pytest.mark.parametrize("bits", [8, 10])
@pytest.mark.parametrize(
    ("contrast", "is_clear"), [(0.0, False), (0.1, False), (0.5, True), (1.0, True)]
)
def test_a_frame_that_shows_little_is_not_clear(bits: int, contrast: float, is_clear: bool) -> None:
    luma = np.linspace(16, 16 + 219 * contrast, 128)[None].repeat(96, 0) * 2 ** (bits - 8)
    dtype = np.uint8 if bits == 8 else np.uint16
    shown = Frame(0, luma.astype(dtype), 0, Fraction(1, 24))
    assert frame_color(shown, bits).is_clear is is_clear


def target(width: int, height: int, bits: int) -> EncodeTarget:
    return EncodeTarget(width, height, PixelLayout("f", bits, (1, 1)), ColorTags(1, 1, 1, False))


def test_chroma_that_fits_is_handed_through() -> None:
    own = frame(plane(5), plane(-5))
    assert own.chroma is not None
    cb, cr = kept_chroma(own, 8, target(128, 96, 8))
    assert cb is own.chroma[0]
    assert cr is own.chroma[1]


def test_chroma_is_scaled_and_widened() -> None:
    cb, cr = kept_chroma(frame(plane(5), plane(-5)), 8, target(64, 48, 10))
    assert cb.shape == cr.shape == (24, 32)
    assert (cb == 133 << 2).all()
    assert (cr == 123 << 2).all()
