from __future__ import annotations

import itertools

import cv2
import numpy as np
import pytest

from tests.temporal.scenes import COLUMNS, HEIGHT, ROWS, WIDTH, Luma, exposure_flicker, grain, pan
from vidcolor.temporal.flow import FlowEstimator, MotionLink

GRID = (ROWS, COLUMNS)
INNER = np.s_[4:-4, 4:-4]


def links(first: Luma, second: Luma) -> tuple[MotionLink, MotionLink]:
    """Links from the first into the second frame, and back."""
    estimator = FlowEstimator()
    return estimator.link(estimator.prepare(first, GRID), estimator.prepare(second, GRID))


def displacement(link: MotionLink) -> tuple[float, float]:
    """Median x, y away from the border, in cells."""
    y, x = np.mgrid[:ROWS, :COLUMNS]
    moved = link.position - np.dstack([x, y])
    return float(np.median(moved[INNER][..., 0])), float(np.median(moved[INNER][..., 1]))


def test_follows_a_pan_both_ways() -> None:
    luma = pan(1, 2, step=6, disc=False).luma
    onward, back = links(*luma)
    # The wall moves 6 px to the left, and a cell is 4 px.
    assert displacement(onward) == pytest.approx((-1.5, 0), abs=0.1)
    assert displacement(back) == pytest.approx((1.5, 0), abs=0.1)
    assert np.median(onward.confidence[INNER]) > 0.95
    assert np.median(back.confidence[INNER]) > 0.95


def test_a_still_frame_links_to_itself() -> None:
    frame = pan(1, 1).luma[0]
    onward, _ = links(frame, frame)
    assert displacement(onward) == (0, 0)
    assert onward.confidence.min() > 0.999


@pytest.mark.parametrize("damage", [exposure_flicker, grain])
def test_exposure_and_grain_leave_confidence(damage) -> None:  # type: ignore[no-untyped-def]
    onward, _ = links(*damage(pan(1, 2, step=2, disc=False).luma))
    assert displacement(onward) == pytest.approx((-0.5, 0), abs=0.1)
    assert np.median(onward.confidence[INNER]) > 0.85


def test_no_confidence_between_strangers() -> None:
    onward, back = links(pan(1, 1).luma[0], pan(2, 1).luma[0])
    assert np.mean(onward.confidence) < 0.35
    assert np.mean(back.confidence) < 0.35


def test_no_confidence_in_what_appears() -> None:
    frame = pan(1, 1, disc=False).luma[0]
    visited = frame.copy()
    cv2.circle(visited, (64, 48), 20, 240, -1)
    _, back = links(frame, visited)
    y, x = np.mgrid[:ROWS, :COLUMNS]
    appeared = np.hypot(x - 15.5, y - 11.5) < 4
    assert back.confidence[appeared].mean() < 0.2
    assert np.median(back.confidence[np.hypot(x - 15.5, y - 11.5) > 7]) > 0.95


def test_no_confidence_outside_the_picture() -> None:
    onward, _ = links(*pan(1, 2, step=8, disc=False).luma)
    x = onward.position[..., 0]
    assert (x < -0.5).any()
    assert not onward.confidence[(x < -0.5) | (x > COLUMNS - 0.5)].any()


def test_following_two_links_is_one_longer_link() -> None:
    luma = pan(1, 3, step=4, disc=False).luma
    estimator = FlowEstimator()
    a, b, c = (estimator.prepare(frame, GRID) for frame in luma)
    composed = estimator.link(a, b)[0].then(estimator.link(b, c)[0])
    assert displacement(composed) == pytest.approx((-2, 0), abs=0.1)
    assert composed.confidence.max() <= 1


def test_fetch_moves_cells() -> None:
    y, x = np.mgrid[:ROWS, :COLUMNS].astype(np.float32)
    link = MotionLink(np.dstack([x + 1, y]), np.ones(GRID, np.float32))
    assert np.array_equal(link.fetch(x)[:, :-1], x[:, 1:])
    assert np.array_equal(link.fetch(np.dstack([x, y]))[..., 1], y)


@pytest.mark.parametrize("shape", [(1, 1), (2, 9), (11, 11), (HEIGHT, 6), (256, 455)])
def test_any_size(shape: tuple[int, int]) -> None:
    luma = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    onward, back = links(luma, luma)
    for link in (onward, back):
        assert link.position.shape == (*GRID, 2)
        assert link.confidence.shape == GRID
        assert np.isfinite(link.position).all()
        assert ((link.confidence >= 0) & (link.confidence <= 1)).all()


def test_a_blank_picture_is_trusted() -> None:
    blank = np.full((HEIGHT, WIDTH), 90, np.uint8)
    onward, _ = links(blank, blank)
    assert onward.confidence.min() == 1


@pytest.mark.parametrize("shape", [(16, 300), (32, 44), (48, 64), (80, 80), (144, 192)])
def test_a_link_does_not_depend_on_earlier_ones(shape: tuple[int, int]) -> None:
    """OpenCV's DIS changes its parameters when a picture is too small for its pyramid."""
    rng = np.random.default_rng(0)
    wide = rng.integers(0, 256, (shape[0], shape[1] + 8), dtype=np.uint8)
    wide = cv2.GaussianBlur(wide, (0, 0), 2)
    frames = [np.ascontiguousarray(wide[:, i : i + shape[1]]) for i in range(4)]
    grid = (max(1, shape[0] // 4), max(1, shape[1] // 4))
    used = FlowEstimator()
    pictures = [used.prepare(frame, grid) for frame in frames]
    for first, second in itertools.pairwise(pictures):
        for link, fresh in zip(
            used.link(first, second), FlowEstimator().link(first, second), strict=True
        ):
            np.testing.assert_array_equal(link.position, fresh.position)
            np.testing.assert_array_equal(link.confidence, fresh.confidence)
