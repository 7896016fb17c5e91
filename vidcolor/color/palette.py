"""Another picture's palette: the linear map that gives colours its mean and spread."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

SPREAD_FLOOR = 2.0
"""CIE units of standard deviation that every picture is taken to have: what is nearly grey has no
spread to speak of."""

MOST_GAIN = 3.0
"""Largest stretch in any direction of the ab plane."""


@dataclass(frozen=True, slots=True)
class Palette:
    """ab → M·ab + t."""

    matrix: tuple[float, float, float, float] = (1.0, 0.0, 0.0, 1.0)
    """Row by row."""
    offset: tuple[float, float] = (0.0, 0.0)
    """CIE units."""

    def apply(self, ab: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """(2, h, w) CIE a*, b*."""
        matrix = np.array(self.matrix, np.float32).reshape(2, 2)
        offset = np.array(self.offset, np.float32)[:, None, None]
        return np.asarray(np.einsum("ij,jhw->ihw", matrix, ab) + offset, np.float32)


def palette_between(colors: npt.NDArray[np.floating], wanted: npt.NDArray[np.floating]) -> Palette:
    """The map that gives ``colors`` the mean and covariance of ``wanted``, moving them least.

    Parameters
    ----------
    colors, wanted:
        (2, n) and (2, m) CIE a*, b*.

    Source: Pitié and Kokaram 2007, "The linear Monge-Kantorovitch linear colour mapping for
    example-based colour transfer", equation 10; here with a least spread and a largest gain.
    """
    own, other = _covariance(colors), _covariance(wanted)
    root = _power(own, 0.5)
    back = _power(own, -0.5)
    matrix = back @ _power(root @ other @ root, 0.5) @ back
    gains, axes = np.linalg.eigh(matrix)
    matrix = axes @ np.diag(np.minimum(gains, MOST_GAIN)) @ axes.T
    offset = wanted.mean(axis=1) - matrix @ colors.mean(axis=1)
    a, b, c, d = (round(float(value), 6) for value in matrix.ravel())
    return Palette((a, b, c, d), (round(float(offset[0]), 6), round(float(offset[1]), 6)))


def _covariance(ab: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
    centred = ab - ab.mean(axis=1, keepdims=True)
    return np.asarray(centred @ centred.T / ab.shape[1] + SPREAD_FLOOR**2 * np.eye(2), np.float64)


def _power(matrix: npt.NDArray[np.float64], exponent: float) -> npt.NDArray[np.float64]:
    values, axes = np.linalg.eigh(matrix)
    return np.asarray(axes @ np.diag(values**exponent) @ axes.T)
