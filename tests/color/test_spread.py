"""`vidcolor.color.spread`."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vidcolor.color import spread
from vidcolor.color.spread import FADE, HINT_WEIGHT, LUMA_SIGMA, spread_change

RED = np.array([50.0, 30.0], np.float32)


def two_tones(height: int = 24, width: int = 40, step: float = 0.3) -> npt.NDArray[np.float64]:
    luma = np.full((height, width), 0.4)
    luma[:, width // 2 :] += step
    return luma


def wanted_at(
    shape: tuple[int, ...], *cells: tuple[int, int]
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.bool_]]:
    """`RED` in ``cells``; elsewhere nonsense that must not be looked at."""
    wanted = np.full((2, *shape), 1e6, np.float32)
    given = np.zeros(shape, bool)
    for cell in cells:
        wanted[:, *cell] = RED
        given[cell] = True
    return wanted, given


def test_a_change_fills_its_area_and_stays_behind_the_edge() -> None:
    luma = two_tones()
    change = spread_change(luma, *wanted_at(luma.shape, (12, 5), (12, 6)))
    assert (change[0, :, :20] > 0.7 * RED[0]).all()
    assert np.abs(change[:, :, 20:]).max() < 1e-3
    np.testing.assert_allclose(change[:, 12, 5], RED, rtol=0.01)


def test_a_faint_edge_lets_more_through_than_a_strong_one() -> None:
    behind = []
    for step in (0.0, 3 * LUMA_SIGMA, 5 * LUMA_SIGMA):
        luma = two_tones(step=step)
        behind.append(spread_change(luma, *wanted_at(luma.shape, (12, 5)))[0, 12, 30])
    assert behind[0] > 1.2 * behind[1]
    assert behind[1] > 5 * behind[2]


def test_a_change_fades_and_more_so_with_more_pull() -> None:
    luma = np.full((20, 60), 0.5)
    near_and_far = {}
    for fade in (FADE, 30 * FADE):
        change = spread_change(luma, *wanted_at(luma.shape, (10, 4)), fade=fade)[0, 10]
        assert (np.diff(change[4:]) < 0).all()
        near_and_far[fade] = change[8] / change[4], change[55] / change[4]
    assert near_and_far[FADE][1] > 0.25  # it carries far
    assert near_and_far[30 * FADE][1] < 0.1 * near_and_far[FADE][1]


def test_a_pinned_place_keeps_what_it_has() -> None:
    luma = np.full((20, 60), 0.5)
    wanted, given = wanted_at(luma.shape, (10, 4), *((row, 40) for row in range(20)))
    free = spread_change(luma, *wanted_at(luma.shape, (10, 4)))
    wanted[:, :, 40] = 0
    pinned = spread_change(luma, wanted, given)
    assert np.abs(pinned[:, :, 40:]).max() < 0.01 * free[0, 10, 45]
    assert pinned[0, 10, 10] > 0.7 * free[0, 10, 10]


def test_it_is_the_minimum() -> None:
    """Against the energy written down pixel by pixel: no step from the solution lowers it."""
    rng = np.random.default_rng(0)
    luma = rng.uniform(0.4, 0.5, (5, 6))
    wanted, given = wanted_at(luma.shape, (1, 1), (3, 4))

    def energy(change: npt.NDArray[np.float64]) -> float:
        total = FADE / luma.size * np.square(change).sum()
        total += HINT_WEIGHT * np.square((change - wanted)[:, given]).sum()
        for r in np.ndindex(luma.shape):
            for s in np.ndindex(luma.shape):
                if r < s and max(abs(r[0] - s[0]), abs(r[1] - s[1])) == 1:
                    weight = np.exp(-((luma[r] - luma[s]) ** 2) / (2 * LUMA_SIGMA**2))
                    total += weight * np.square(change[:, *r] - change[:, *s]).sum()
        return float(total)

    best = spread_change(luma, wanted, given).astype(np.float64)
    lowest = energy(best)
    for _ in range(20):
        assert energy(best + rng.normal(0, 0.1, best.shape)) > lowest


@given(
    height=st.integers(1, 9),
    width=st.integers(1, 9),
    seed=st.integers(0, 99),
    contrast=st.sampled_from([0.0, 0.05, 1.0]),
)
def test_any_picture_stays_between_nothing_and_what_is_wanted(
    height: int, width: int, seed: int, contrast: float
) -> None:
    rng = np.random.default_rng(seed)
    luma = contrast * rng.random((height, width))
    cell = int(rng.integers(height)), int(rng.integers(width))
    wanted, given = wanted_at(luma.shape, cell)
    change = spread_change(luma, wanted, given)
    assert change.shape == (2, height, width)
    assert change.dtype == np.float32
    assert change.min() >= -1e-3
    assert (change <= RED[:, None, None] * 1.0001).all()
    np.testing.assert_allclose(change[:, *cell], RED, rtol=0.02)
    np.testing.assert_array_equal(spread_change(luma, wanted, given), change)


def test_nothing_wanted_is_no_change() -> None:
    luma = two_tones()
    assert not spread_change(luma, *wanted_at(luma.shape)).any()


def test_turning_the_picture_turns_the_change() -> None:
    luma = np.random.default_rng(0).uniform(0.4, 0.5, (12, 17))
    wanted, given = wanted_at(luma.shape, (3, 4))
    change = spread_change(luma, wanted, given)
    turned = spread_change(luma[::-1].T, wanted[:, ::-1].transpose(0, 2, 1), given[::-1].T)
    np.testing.assert_allclose(turned, change[:, ::-1].transpose(0, 2, 1), rtol=1e-4, atol=1e-4)


def test_wider_ties_carry_over_edges(monkeypatch: pytest.MonkeyPatch) -> None:
    luma = two_tones(step=0.15)
    before = spread_change(luma, *wanted_at(luma.shape, (12, 5)))[0, 12, 30]
    monkeypatch.setattr(spread, "LUMA_SIGMA", 3 * LUMA_SIGMA)
    assert spread_change(luma, *wanted_at(luma.shape, (12, 5)))[0, 12, 30] > 5 * before + 1
