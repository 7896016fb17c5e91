"""Frames of the same time, compared."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from vidcolor.errors import Interrupted
from vidcolor.frames import ColorTags, EncodeTarget, Frame, PixelLayout
from vidcolor.verification.luma import LumaComparison, compare_luma

TICK = Fraction(1, 1000)

SOURCE_TICK = Fraction(1, 24)

TARGET = EncodeTarget(8, 6, PixelLayout("yuv420p", 8, (1, 1)), ColorTags(1, 1, 1, False))

PICTURES = np.random.default_rng(0).integers(16, 236, (6, 6, 8)).astype(np.uint8)


def frames(
    numbers: Sequence[int], base: Fraction = SOURCE_TICK, pictures: Any = PICTURES
) -> list[Frame]:
    """Pictures at 24 per second, in ticks of ``base``."""
    return [
        Frame(index, pictures[n], round(n * SOURCE_TICK / base), base, duration=1)
        for index, n in enumerate(numbers)
    ]


def compare(source: list[Frame], output: list[Frame], **changes: Any) -> LumaComparison:
    given = {"target": TARGET, "source_depth": 8, "output_tick": TICK, "tick": lambda _: None}
    return compare_luma(source, output, **{**given, **changes})


def test_the_same() -> None:
    found = compare(frames(range(6)), frames(range(6), TICK))
    assert (found.frames, found.identical, found.missing, found.extra) == (6, 6, 0, 0)
    assert found.psnr_db == found.worst_psnr_db == math.inf
    assert found.worst_frame is None
    assert list(found.source_pts) == [0, 1, 2, 3, 4, 5]
    assert found.source_end_pts == 6
    assert found.source_hashes.total() == found.output_hashes.total()


@pytest.mark.parametrize(
    ("source", "output", "missing", "extra"),
    [
        ([0, 1, 2, 3], [0, 2, 3], 1, 0),
        ([0, 2, 3], [0, 1, 2, 3], 0, 1),
        ([1, 2], [0, 1, 2, 3, 4], 0, 3),
        ([0, 1, 2], [3, 4], 3, 2),
        ([0, 1], [], 2, 0),
    ],
)
def test_frames_that_are_not_in_both(
    source: list[int], output: list[int], missing: int, extra: int
) -> None:
    found = compare(frames(source), frames(output, TICK))
    assert (found.missing, found.extra) == (missing, extra)
    assert found.identical == found.frames == len(set(source) & set(output))
    assert (len(found.source_pts), found.output_frames) == (len(source), len(output))


def test_what_differs() -> None:
    other = PICTURES.copy()
    other[2, 0, 0] += 4
    other[4] += 1
    found = compare(frames(range(6)), frames(range(6), TICK, other))
    assert (found.identical, found.largest_difference) == (4, 4)
    assert found.worst_psnr_db == pytest.approx(20 * math.log10(255))
    assert found.worst_frame == 4
    assert found.psnr_db == pytest.approx(10 * math.log10(255**2 * 48 * 6 / (16 + 48)))
    assert "4 of 6 frames identical" in found.as_text()


def test_other_depths() -> None:
    wide = replace(TARGET, layout=PixelLayout("yuv420p10le", 10, (1, 1)), luma_shift=2)
    shifted = PICTURES.astype(np.uint16) << 2
    found = compare(frames(range(6)), frames(range(6), TICK, shifted), target=wide)
    assert (found.identical, found.bit_depth) == (6, 10)
    found = compare(frames(range(6), pictures=shifted + 1), frames(range(6)), source_depth=10)
    assert (found.identical, found.largest_difference, found.bit_depth) == (0, 1, 10)


def test_another_size_is_compared_scaled() -> None:
    small = replace(TARGET, width=4, height=3)
    flat = np.full((1, 6, 8), 99, np.uint8)
    found = compare(
        frames([0], pictures=flat), frames([0], pictures=flat[:, ::2, ::2]), target=small
    )
    assert found.identical == 1
    wide = flat.astype(np.uint16) << 2
    shallow = frames([0], pictures=flat[:, ::2, ::2])
    found = compare(frames([0], pictures=wide), shallow, target=small, source_depth=10)
    assert (found.identical, found.bit_depth) == (1, 10)


def test_it_can_be_stopped() -> None:
    def stop(pts: int) -> None:
        if pts == 2:
            raise Interrupted

    with pytest.raises(Interrupted):
        compare(frames(range(6)), frames(range(6), TICK), tick=stop)
