from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from vidcolor.evaluation.resampling import Resampler


def test_the_interval_is_that_of_scipy() -> None:
    values = np.random.default_rng(1).normal(10, 3, 60)
    ours = Resampler(60, draws=4000).mean(values)
    theirs = stats.bootstrap((values,), np.mean, n_resamples=4000, method="percentile")
    assert ours.value == pytest.approx(values.mean())
    assert ours.low == pytest.approx(theirs.confidence_interval.low, abs=0.1)
    assert ours.high == pytest.approx(theirs.confidence_interval.high, abs=0.1)


def test_a_figure_of_sums() -> None:
    pairs = np.array([[1.0, 2.0], [3.0, 2.0]])
    ratio = Resampler(2).estimate(pairs, lambda means: means[:, 0] / means[:, 1])
    assert ratio.value == pytest.approx(1.0)
    assert (ratio.low, ratio.high) == (0.5, 1.5)


def test_the_same_every_time() -> None:
    values = np.arange(20.0)
    assert Resampler(20).mean(values) == Resampler(20).mean(values)
    assert Resampler(20, seed=2).mean(values) != Resampler(20).mean(values)
