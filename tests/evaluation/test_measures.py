from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.photographs.made import photograph
from vidcolor.evaluation import measures as m
from vidcolor.models import bins


def test_uint8_differences_do_not_wrap_around() -> None:
    """Subtracting uint8 arrays gives 246 for 0 - 10 and 10 for 10 - 0; squared in uint8, 100."""
    truth = np.zeros((8, 8, 3), np.uint8)
    shown = np.full((8, 8, 3), 200, np.uint8)
    wrong = ((truth - shown) ** 2).mean()  # the trap: 56² % 256
    assert wrong == 64
    assert m.mean_squared_error(truth, shown) == pytest.approx((200 / 255) ** 2)
    assert m.psnr(m.mean_squared_error(truth, shown)) == pytest.approx(2.11, abs=0.01)


@given(st.integers(0, 255), st.integers(0, 255))
def test_errors_are_symmetric(a: int, b: int) -> None:
    first, second = np.full((2, 2, 3), a, np.uint8), np.full((2, 2, 3), b, np.uint8)
    expected = ((a - b) / 255) ** 2
    assert m.mean_squared_error(first, second) == pytest.approx(expected, rel=1e-5, abs=1e-9)
    assert m.mean_squared_error(second, first) == pytest.approx(expected, rel=1e-5, abs=1e-9)


def test_codes_of_both_depths_are_the_same_values() -> None:
    eight = photograph(1)
    assert m.mean_squared_error(eight, eight.astype(np.uint16) * 257) < 1e-12
    with pytest.raises(TypeError, match="int32"):
        m.unit(eight.astype(np.int32))


def test_no_error_is_100_db() -> None:
    assert m.psnr(0.0) == pytest.approx(100)


def test_ssim_of_the_same_picture_and_of_noise() -> None:
    picture = m.unit(photograph(1))
    noise = np.random.default_rng(1).random(picture.shape, np.float32)
    assert m.ssim(picture, picture) == pytest.approx(1)
    assert m.ssim(picture, noise) < 0.2
    tiny = picture[:2, :2]
    assert m.ssim(tiny, tiny) == 1.0


def test_color_difference_is_ciede2000() -> None:
    # Sharma et al. 2005, table 1, pairs 1, 17 and 25.
    pairs = [
        ((50, 2.6772, -79.7751), (50, 0, -82.7485), 2.0425),
        ((50, 2.5, 0), (73, 25, -18), 27.1492),
        ((60.2574, -34.0099, 36.2677), (60.4626, -34.1751, 39.4387), 1.2644),
    ]
    for first, second, expected in pairs:
        a, b = (np.array(lab, np.float32).reshape(3, 1, 1) for lab in (first, second))
        assert m.color_difference(a, b)[0, 0] == pytest.approx(expected, abs=2e-3)


def test_colorfulness_by_hand() -> None:
    # Half red, half green: rg = ±255, yb = 127.5 everywhere.
    picture = np.zeros((2, 2, 3), np.float32)
    picture[0, :, 0] = picture[1, :, 1] = 1
    assert m.colorfulness(picture) == pytest.approx(255 + 0.3 * 127.5)
    # With absolute values rg does not vary, but has a mean of 255.
    expected = 0.3 * math.hypot(255, 127.5)
    assert m.colorfulness(picture, absolute=True) == pytest.approx(expected)
    assert m.colorfulness(np.full((3, 3, 3), 0.4, np.float32)) == pytest.approx(0, abs=1e-4)


def test_cast_ratio() -> None:
    lab = np.zeros((3, 4, 4), np.float32)
    assert m.cast_ratio(lab) == 0
    lab[1] = 20
    assert m.cast_ratio(lab) == pytest.approx(1)
    lab[1, :2] = -20
    assert m.cast_ratio(lab) == pytest.approx(0, abs=1e-6)


def test_the_area_under_the_curve_is_what_a_sweep_gives() -> None:
    rng = np.random.default_rng(3)
    truth = (rng.random((3, 20, 20), np.float32) - 0.5) * 150
    shown = (rng.random((3, 20, 20), np.float32) - 0.5) * 150
    error = np.hypot(*(truth - shown)[1:])
    thresholds = np.linspace(0, 150, 15001)
    swept = np.mean([(error <= threshold).mean() for threshold in thresholds])
    assert m.within_threshold(truth, shown).mean() == pytest.approx(swept, abs=1e-3)


def test_js_divergence() -> None:
    a, b = np.array([1.0, 1.0, 0.0]), np.array([0.0, 0.0, 5.0])
    assert m.js_divergence(a, a) == 0
    assert m.js_divergence(a, b) == pytest.approx(math.log(2))
    # By hand: p = (1, 0), q = (½, ½), middle (¾, ¼).
    expected = (math.log(4 / 3) + 0.5 * math.log(2 / 3) + 0.5 * math.log(2)) / 2
    assert m.js_divergence(np.array([2.0, 0.0]), np.array([3.0, 3.0])) == pytest.approx(expected)


def test_bins_of_a_picture() -> None:
    lab = np.zeros((3, 2, 3), np.float32)
    lab[1, 0, 0] = 41.0  # nearest to a* = 40, b* = 0
    nearest = m.nearest_bins(lab)
    assert nearest[1, 1] == bins.GRAY_BIN
    assert bins.AB_BINS[nearest[0, 0]].tolist() == [40.0, 0.0]
    counts = m.bin_counts(nearest)
    assert counts.shape == (bins.NUM_BINS,)
    assert counts.sum() == 6
    assert counts[bins.GRAY_BIN] == 5


def test_all_scores_of_the_truth_itself() -> None:
    truth = m.unit(photograph(4))
    lab = m.to_lab(truth)
    scores = m.score_picture(truth, truth, lab, lab)
    assert (scores.mse, scores.delta_e, scores.auc) == (0, 0, 1)
    assert scores.ssim == pytest.approx(1)
    assert scores.colorfulness > 5
