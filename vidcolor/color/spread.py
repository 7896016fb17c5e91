"""Spreads a change of colour from where it is wanted over everything of a similar luma."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import sparse
from scipy.sparse.linalg import splu

FloatArray = npt.NDArray[np.float32]

LUMA_SIGMA = 0.03
"""Luma difference (Y′ 0…1) of neighbours at which the tie between them has fallen to e^−½.

Larger lets colours leak over faint edges, smaller keeps them out of texture."""

FADE = 1.0
"""Pull towards no change, per cell, as a share of 1 / number of cells.

In an even area a change fades to 1/e over √(3 / FADE) ≈ 1.7 times the picture's mean side, so it
carries far; where an edge ties two areas with less than this pull, nothing gets across."""

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
    """The change d of a* and b* that is as wanted where it is given, alike for neighbours of
    similar luma, and nothing far from there.

    It minimises, with one direct solve,

        Σ w_rs (d_r − d_s)² + `HINT_WEIGHT` · Σ_given (d_r − wanted_r)² + fade / cells · Σ d_r²

    over the pairs r, s of 8-connected neighbours, w_rs = exp(−(Y′_r − Y′_s)² / 2 `LUMA_SIGMA`²).

    Source: Levin, Lischinski and Weiss 2004, "Colorization using Optimization",
    https://doi.org/10.1145/1015706.1015780, whose weights and premise these are. Two things differ.
    Their equation 1 squares each pixel's distance from the mean of its neighbours; it overshoots
    and was worse when measured. The energy above makes each pixel that mean, never leaves the
    range of what is wanted and 0, and is that of Grady's random walker (2006,
    https://doi.org/10.1109/TPAMI.2006.233). And the last term is ours: what is spread is a change.

    Parameters
    ----------
    luma01:
        (h, w) Y′, 0…1. The time grows faster than the number of cells: 0.3 s for 192 × 288.
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
    height, width = luma01.shape
    cells = height * width
    ties = _ties(luma01.astype(np.float64))
    pull = HINT_WEIGHT * given.ravel()
    own = np.asarray(ties.sum(axis=1)).ravel() + pull + fade / cells
    system = (sparse.diags_array(own) - ties).tocsc()
    # Symmetric and positive definite, so that no pivoting is needed.
    factors = splu(
        system,
        permc_spec="MMD_AT_PLUS_A",
        diag_pivot_thresh=0.0,
        options={"SymmetricMode": True},
    )
    # (2, h, w) -> (cells, 2)
    right = (pull * wanted.reshape(2, cells).astype(np.float64)).T
    change = factors.solve(np.ascontiguousarray(right))
    return np.ascontiguousarray(change.T.reshape(2, height, width), np.float32)


def _ties(luma: npt.NDArray[np.float64]) -> sparse.csr_array:
    """(cells, cells) symmetric weights between neighbours."""
    index = np.arange(luma.size).reshape(luma.shape)
    ones = np.concatenate([index[one].ravel() for one, _ in _NEIGHBORS])
    others = np.concatenate([index[other].ravel() for _, other in _NEIGHBORS])
    difference = (luma.ravel()[ones] - luma.ravel()[others]) / LUMA_SIGMA
    weights = np.exp(-np.square(difference) / 2)
    half = sparse.coo_array((weights, (ones, others)), shape=(luma.size, luma.size)).tocsr()
    return half + half.T
