"""Spreads a change of colour from where it is wanted over everything of a similar luma."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from scipy import sparse

FloatArray = npt.NDArray[np.float32]

LUMA_SIGMA = 0.03
"""Luma difference (Y′ 0…1) of neighbours at which the tie between them has fallen to e^−½.

Larger lets colours leak over faint edges, smaller keeps them out of texture."""

FADE = 10.0
"""Pull towards no change, per cell, as a share of 1 / number of cells.

In an even area the hold of a long scribble falls to 1/e over √(3 / FADE) ≈ 0.55 times the picture's
mean side, that of a point sooner; where an edge ties two areas with less than this pull, nothing
gets across. Lower carries farther, and leaks more."""

NO_HOLD, FULL_HOLD = 0.2, 0.6
"""A cell that hints hold less than the first is not changed, more than the second changed in full.

Without these ends an edit is half-hearted in its own object and a haze over its surroundings."""

HINT_WEIGHT = 1000.0
"""Pull towards the wanted change, where a tie to a neighbour of the same luma pulls with 1."""

_ALL, _FIRST, _REST = slice(None), slice(None, -1), slice(1, None)
_NEIGHBORS = (
    ((_ALL, _FIRST), (_ALL, _REST)),  # left, right
    ((_FIRST, _ALL), (_REST, _ALL)),  # above, below
    ((_FIRST, _FIRST), (_REST, _REST)),
    ((_FIRST, _REST), (_REST, _FIRST)),
)
"""Of each pair of neighbours the one, and the other: eight around a cell, each pair once."""


def spread_change(
    luma01: npt.NDArray[np.floating],
    wanted: FloatArray,
    given: npt.NDArray[np.bool_],
    fade: float = FADE,
) -> FloatArray:
    """The change of a* and b* that is as wanted where it is given, alike for neighbours of
    similar luma, and nothing far from there.

    One direct solve finds the d that minimises

        Σ w_rs (d_r − d_s)² + `HINT_WEIGHT` · Σ_given (d_r − wanted_r)² + fade / cells · Σ d_r²

    over the pairs r, s of 8-connected neighbours, w_rs = exp(−(Y′_r − Y′_s)² / 2 `LUMA_SIGMA`²).
    The same with 1 for ``wanted`` is the hold u, 0…1, that the hints have on each cell. The change
    is d / u, a mean of what is wanted nearby, times a smooth step of u.

    Source: Levin, Lischinski and Weiss 2004, "Colorization using Optimization",
    https://doi.org/10.1145/1015706.1015780, whose premise this is, and whose weights, with one σ
    for all pixels. What differs: their equation 1 squares each pixel's distance from the mean of
    its neighbours, which overshoots and was worse when measured (docs/experiments.md); the energy
    above makes each pixel that mean and is that of Grady's random walker (2006,
    https://doi.org/10.1109/TPAMI.2006.233). The last term and the hold are ours, because what is
    spread is a change and must end somewhere.

    Parameters
    ----------
    luma01:
        (h, w) Y′, 0…1.
    wanted:
        (2, h, w) change of CIE a* and b*; looked at where ``given``.
    given:
        (h, w).
    fade:
        Above 0; see `FADE`.

    Returns
    -------
    (2, h, w) float32, the same each time.
    """
    # (3, h, w): wanted a* and b*, and 1
    targets = np.concatenate((wanted, np.ones_like(wanted[:1])))
    solved = _minimum(luma01.astype(np.float64), targets.astype(np.float64), given, fade)
    hold = solved[2]
    step = np.clip((hold - NO_HOLD) / (FULL_HOLD - NO_HOLD), 0, 1)
    smooth = step * step * (3 - 2 * step)
    return np.asarray(solved[:2] * (smooth / np.maximum(hold, NO_HOLD)), np.float32)


def _minimum(
    luma: npt.NDArray[np.float64],
    targets: npt.NDArray[np.float64],
    given: npt.NDArray[np.bool_],
    fade: float,
) -> npt.NDArray[np.float64]:
    """(K, h, w) for K planes of targets, each by itself."""
    # Loaded here: only films and photos with hints or edited keyframes need it.
    from scipy import sparse
    from scipy.sparse.linalg import splu

    ties = _ties(luma)
    pull = HINT_WEIGHT * given.ravel()
    own = np.asarray(ties.sum(axis=1)).ravel() + pull + fade / luma.size
    # Symmetric and positive definite, so that no pivoting is needed.
    factors = splu(
        (sparse.diags_array(own) - ties).tocsc(),
        permc_spec="MMD_AT_PLUS_A",
        diag_pivot_thresh=0.0,
        options={"SymmetricMode": True},
    )
    # (K, h, w) -> (cells, K)
    solved = factors.solve(np.ascontiguousarray((pull * targets.reshape(-1, luma.size)).T))
    return np.asarray(solved.T.reshape(targets.shape))


def _ties(luma: npt.NDArray[np.float64]) -> sparse.csr_array:
    """(cells, cells) symmetric weights between neighbours."""
    from scipy import sparse

    index = np.arange(luma.size).reshape(luma.shape)
    ones = np.concatenate([index[one].ravel() for one, _ in _NEIGHBORS])
    others = np.concatenate([index[other].ravel() for _, other in _NEIGHBORS])
    difference = (luma.ravel()[ones] - luma.ravel()[others]) / LUMA_SIGMA
    weights = np.exp(-np.square(difference) / 2)
    half = sparse.coo_array((weights, (ones, others)), shape=(luma.size, luma.size)).tocsr()
    return half + half.T
