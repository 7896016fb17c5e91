"""`vidcolor.temporal.carry`: colours stay with what they were painted on."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from tests.temporal.scenes import COLUMNS, ROWS, grain, pan
from vidcolor.temporal.carry import MOST_CELLS, Features, MotionThread, Paint, Place, carry
from vidcolor.temporal.flow import identity_position

GRID = (ROWS, COLUMNS)
STEP = 2
"""Pixels per frame; a cell is 4."""


def sure(shape: tuple[int, int] = GRID) -> Place:
    return Place(identity_position(*shape), np.ones(shape, np.float32))


def lost(shape: tuple[int, int] = GRID) -> Place:
    return Place(identity_position(*shape), np.zeros(shape, np.float32))


@pytest.mark.parametrize("damaged", [False, True])
def test_follows_a_pan_without_drifting(damaged: bool) -> None:
    frames = pan(1, 25, step=STEP, disc=False).luma
    if damaged:
        frames = grain(frames)
    thread = MotionThread(frames[0], GRID)
    for luma in frames[1:]:
        place = thread.follow(luma)
    # The wall has moved 48 px = 12 cells to the left: what is here was 12 cells to the right.
    inner = np.s_[4:-4, 4 : COLUMNS - 16]
    moved = (place.position - identity_position(*GRID))[inner]
    assert np.median(moved[..., 0]) == pytest.approx(12, abs=0.3)
    assert np.median(moved[..., 1]) == pytest.approx(0, abs=0.3)
    assert np.median(place.confidence[inner]) > 0.7
    assert place.confidence[:, -8:].mean() < 0.2  # has come into view


def test_no_confidence_after_a_cut() -> None:
    thread = MotionThread(pan(1, 1).luma[0], GRID)
    assert thread.follow(pan(2, 1).luma[0]).confidence.mean() < 0.3


def test_what_was_lost_stays_lost() -> None:
    here = pan(1, 3, step=0, disc=False).luma
    thread = MotionThread(here[0], GRID)
    thread.follow(pan(2, 1).luma[0])
    assert thread.follow(here[1]).confidence.mean() < 0.3


def painted(weight: float = 1.0) -> Paint:
    """Red on the left half."""
    ab = np.zeros((2, *GRID), np.float32)
    ab[0, :, : COLUMNS // 2] = 40
    share = np.zeros(GRID, np.float32)
    share[:, : COLUMNS // 2] = weight
    return Paint(ab, share)


def test_by_motion_alone() -> None:
    carried = carry(painted(0.5), sure(), None, None)
    np.testing.assert_allclose(carried.weight, painted(0.5).weight)
    assert carried.ab[0][carried.weight > 0] == pytest.approx(40, abs=1e-3)
    assert not carry(painted(), lost(), None, None).weight.any()


def test_what_looks_alike_is_found_anywhere() -> None:
    rows, columns = 8, 16
    generator = np.random.default_rng(0)
    kinds = generator.normal(size=(2, 24)).astype(np.float32)
    left_is_first = np.zeros((rows, columns), int)
    left_is_first[:, columns // 2 :] = 1
    keyframe = Features.of(kinds[left_is_first].transpose(2, 0, 1))
    swapped = Features.of(kinds[1 - left_is_first].transpose(2, 0, 1))
    carried = carry(painted(), lost(), keyframe, swapped)
    right, left = np.s_[:, COLUMNS // 2 + 4 :], np.s_[:, : COLUMNS // 2 - 4]
    assert carried.weight[right].min() > 0.99
    assert carried.ab[0][right] == pytest.approx(40, abs=0.1)
    assert not carried.weight[left].any()
    # Where motion is sure, likeness has no say.
    np.testing.assert_allclose(carry(painted(), sure(), keyframe, swapped).weight, painted().weight)


def test_strangers_get_nothing() -> None:
    generator = np.random.default_rng(0)
    first, second = (generator.normal(size=(64, 8, 16)).astype(np.float32) for _ in range(2))
    everywhere = Paint(np.full((2, *GRID), 30, np.float32), np.ones(GRID, np.float32))
    carried = carry(everywhere, lost(), Features.of(first), Features.of(np.abs(second)))
    itself = carry(everywhere, lost(), Features.of(first), Features.of(first))
    assert itself.weight.min() > 0.99
    assert carried.weight.mean() < 0.6


def test_small_pictures() -> None:
    luma = cv2.resize(pan(1, 1).luma[0], (48, 32))
    thread = MotionThread(luma, (8, 12))
    place = thread.follow(luma)
    assert np.abs(place.position - identity_position(8, 12)).max() < 0.05
    assert place.confidence[1:-1, 1:-1].min() > 0.9


def test_many_cells_are_averaged() -> None:
    planes = np.random.default_rng(0).normal(size=(8, 96, 160)).astype(np.float32)
    features = Features.of(planes)
    assert len(features.vectors) == features.size[0] * features.size[1] <= MOST_CELLS * 1.05
    assert features.size[1] / features.size[0] == pytest.approx(160 / 96, rel=0.05)
    np.testing.assert_allclose(np.linalg.norm(features.vectors, axis=1), 1, rtol=1e-4)


def test_paint_over_paint() -> None:
    half = Paint(np.full((2, 1, 1), 40, np.float32), np.full((1, 1), 0.5, np.float32))
    below = Paint(np.full((2, 1, 1), -20, np.float32), np.full((1, 1), 1.0, np.float32))
    both = half.over(below)
    assert both.weight[0, 0] == 1
    assert both.ab[0, 0, 0] == pytest.approx(10)
