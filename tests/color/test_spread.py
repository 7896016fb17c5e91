"""`vidcolor.color.spread`."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from hypothesis import given
from hypothesis import strategies as st

from vidcolor.color.spread import FADE, HINT_WEIGHT, LUMA_SIGMA, _minimum, spread_change

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


def hold(luma: npt.NDArray[np.float64], *cells: tuple[int, int]) -> npt.NDArray[np.float64]:
    _, given = wanted_at(luma.shape, *cells)
    return _minimum(luma, np.ones((1, *luma.shape)), given, FADE)[0]


def test_a_faint_edge_lets_more_through_than_a_strong_one() -> None:
    behind = [
        hold(two_tones(step=step * LUMA_SIGMA), (12, 5), (12, 6))[12, 30] for step in (0, 3, 5)
    ]
    assert behind[0] > 1.2 * behind[1]
    assert behind[1] > 3 * behind[2]


def test_a_change_carries_far_and_ends() -> None:
    luma = np.full((20, 120), 0.5)
    wanted, given = wanted_at(luma.shape, *((row, 4) for row in range(8, 12)))
    change = spread_change(luma, wanted, given)[0, 10]
    assert (change[:15] > 0.9 * RED[0]).all()
    assert (np.diff(change[4:]) <= 1e-5).all()
    assert not change[100:].any()
    farther = spread_change(luma, wanted, given, fade=FADE / 10)[0, 10]
    assert farther[60] > change[60] + 0.3 * RED[0]


def test_a_pinned_place_keeps_what_it_has() -> None:
    luma = np.full((20, 60), 0.5)
    line = [(row, 4) for row in range(20)]
    free = spread_change(luma, *wanted_at(luma.shape, *line))
    wanted, given = wanted_at(luma.shape, *line, *((row, 15) for row in range(20)))
    wanted[:, :, 15] = 0
    pinned = spread_change(luma, wanted, given)
    assert (free[0, :, 15:18] > 0.8 * RED[0]).all()
    assert np.abs(pinned[:, :, 15:]).max() < 0.001 * RED[0]
    assert (pinned[0, :, :6] > 0.7 * RED[0]).all()


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

    best = _minimum(luma, wanted.astype(np.float64), given, FADE)
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
