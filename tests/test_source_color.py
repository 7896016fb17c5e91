"""What the chroma of a source holds."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from vidcolor.frames import ColorTags, EncodeTarget, Frame, PixelLayout
from vidcolor.source_color import (
    SourceColor,
    SourceShots,
    kept_chroma,
    majority,
    source_color,
)

SHAPE = (48, 64)


def frame(cb: np.ndarray, cr: np.ndarray, bits: int = 8) -> Frame:
    dtype = np.uint8 if bits == 8 else np.uint16
    chroma = tuple(np.rint((128 + plane) * 2 ** (bits - 8)).astype(dtype) for plane in (cb, cr))
    return Frame(0, np.full((96, 128), 90, dtype), 0, Fraction(1, 24), chroma=chroma)


def plane(value: float) -> np.ndarray:
    return np.full(SHAPE, value, float)


RAMP = np.linspace(0, 1, SHAPE[1])[None].repeat(SHAPE[0], 0)
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
    ],
)
def test_neutral_tinted_or_coloured(
    bits: int, cb: np.ndarray, cr: np.ndarray, expected: SourceColor
) -> None:
    assert source_color(frame(cb, cr, bits), bits) is expected


def test_without_chroma_and_tiny() -> None:
    grey = Frame(0, np.zeros((4, 4), np.uint8), 0, Fraction(1, 24))
    assert source_color(grey, 8) is SourceColor.NEUTRAL
    assert source_color(frame(np.zeros((1, 1)), np.zeros((1, 1))), 8) is SourceColor.NEUTRAL


def test_the_majority_of_frames_decides() -> None:
    n, t, c = SourceColor.NEUTRAL, SourceColor.TINTED, SourceColor.COLORED
    assert majority([n, c, c]) is c
    assert majority([t, c, t, c]) is t
    assert majority([n]) is n


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


def test_what_a_user_is_told() -> None:
    shots = SourceShots()
    assert shots.notices(keeps_color=False, keeps_tint=False) == []
    for color, start in (
        (SourceColor.NEUTRAL, 0.0),
        (SourceColor.COLORED, 2.5),
        (SourceColor.TINTED, 4.0),
        (SourceColor.COLORED, 9.0),
    ):
        shots.add(color, start)
    replaced = shots.notices(keeps_color=False, keeps_tint=False)
    assert replaced[0].startswith("the source is in colour (2 of 4 shots, first at 2.50 s)")
    assert replaced[1].startswith("1 of 4 shots, first at 4.00 s, are tinted: the tint is replaced")
    faded = SourceShots()
    faded.add(SourceColor.NEUTRAL, 0.0)
    faded.see(SourceColor.COLORED, 0.5)
    (notice,) = faded.notices(keeps_color=True, keeps_tint=False)
    assert notice.startswith("the source is in colour (first seen at 0.50 s")
    kept = shots.notices(keeps_color=True, keeps_tint=True)
    assert "keep their own colours" in kept[0]
    assert "keep their tint" in kept[1]
