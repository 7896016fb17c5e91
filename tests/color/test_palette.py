from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vidcolor.color.palette import MOST_GAIN, Palette, palette_between


def colors(seed: int, mean: tuple[float, float], spread: tuple[float, float]) -> np.ndarray:
    generator = np.random.default_rng(seed)
    turned = np.array([[0.8, -0.6], [0.6, 0.8]])
    return (
        turned @ (generator.normal(size=(2, 4000)) * np.array(spread)[:, None])
        + np.array(mean)[:, None]
    )


@given(seed=st.integers(0, 50), a=st.floats(-30, 30), b=st.floats(-30, 30))
def test_mean_and_spread_become_those_wanted(seed: int, a: float, b: float) -> None:
    own, wanted = colors(seed, (5, -8), (12, 20)), colors(seed + 1, (a, b), (25, 10))
    changed = palette_between(own, wanted).apply(own[:, None].astype(np.float32))[:, 0]
    np.testing.assert_allclose(changed.mean(axis=1), wanted.mean(axis=1), atol=0.01)
    np.testing.assert_allclose(np.cov(changed), np.cov(wanted), rtol=0.05, atol=6)


def test_its_own_palette_changes_nothing() -> None:
    own = colors(0, (5, 5), (10, 10))
    palette = palette_between(own, own)
    assert palette.matrix == pytest.approx((1, 0, 0, 1), abs=1e-5)
    assert palette.offset == pytest.approx((0, 0), abs=1e-4)


def test_what_is_nearly_grey_is_not_blown_up() -> None:
    grey, vivid = np.zeros((2, 100)), colors(0, (0, 0), (40, 40))
    matrix = np.array(palette_between(grey, vivid).matrix).reshape(2, 2)
    assert np.linalg.eigvalsh(matrix).max() <= MOST_GAIN + 1e-6


def test_identity() -> None:
    ab = np.random.default_rng(0).normal(size=(2, 3, 4)).astype(np.float32)
    np.testing.assert_array_equal(Palette().apply(ab), ab)
