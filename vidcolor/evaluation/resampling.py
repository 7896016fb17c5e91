"""Bootstrap intervals: how much a figure depends on which pictures happened to be measured."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

_PERCENTILES = (2.5, 97.5)


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure with its 95 % interval."""

    value: float
    low: float
    high: float


class Resampler:
    """Percentile bootstrap over pictures (Efron 1979, "Bootstrap methods").

    Parameters
    ----------
    count:
        Pictures.
    draws:
        Resamples.
    seed:
        The same seed gives the same intervals, and pairs the resamples of different figures.
    """

    def __init__(self, count: int, draws: int = 1000, seed: int = 1) -> None:
        rng = np.random.default_rng(seed)
        chosen = rng.integers(0, count, (draws, count))
        # (draws, count): how often each picture is drawn; a mean over draws is one product.
        self._times = np.stack([np.bincount(row, minlength=count) for row in chosen]) / count

    def estimate(self, values: Array, figure: Callable[[Array], Array]) -> Estimate:
        """``figure`` of the pictures' mean ``values``.

        Parameters
        ----------
        values:
            (count, k), one row to a picture.
        figure:
            Maps means (n, k) to figures (n,).
        """
        value = float(figure(values.mean(axis=0, keepdims=True))[0])
        low, high = np.percentile(figure(self._times @ values), _PERCENTILES)
        return Estimate(value, float(low), float(high))

    def mean(self, values: Array) -> Estimate:
        """Mean of (count,) values."""
        return self.estimate(values[:, None], lambda means: means[:, 0])
