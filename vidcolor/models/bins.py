"""The 313 in-gamut ab bins: the classes of a colour classifier.

The a*b* plane is cut into a grid of 10 units; 313 cells hold colours that sRGB can show. The
table is the published one (`pts_in_hull`) of Zhang, Isola and Efros, "Colorful Image
Colorization", https://arxiv.org/abs/1603.08511, in its order: ascending a*, then b*.
"""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor

BIN_SPACING = 10
"""Distance in CIE units between neighbouring bins."""

_B_RANGES: dict[int, tuple[int, int]] = {
    -90: (50, 90),
    -80: (20, 90),
    -70: (0, 90),
    -60: (-20, 90),
    -50: (-30, 100),
    -40: (-40, 100),
    -30: (-50, 100),
    -20: (-50, 100),
    -10: (-60, 100),
    0: (-70, 100),
    10: (-80, 90),
    20: (-80, 90),
    30: (-90, 90),
    40: (-100, 90),
    50: (-100, 80),
    60: (-110, 80),
    70: (-110, 80),
    80: (-110, 70),
    90: (-110, 70),
    100: (-90, 0),
}
"""For each a*, the first and last b* of its row; every row is contiguous."""

AB_BINS: Tensor = torch.tensor(
    [
        (float(a), float(b))
        for a, (first, last) in _B_RANGES.items()
        for b in range(first, last + 1, BIN_SPACING)
    ]
)
"""(313, 2) float32, the (a*, b*) centres of the bins. Treat as constant."""

NUM_BINS = len(AB_BINS)
"""313."""

GRAY_BIN = 120
"""Index of the bin at (0, 0)."""

NUM_NEIGHBORS = 5
"""Bins that share the weight of one colour in `soft_encode` (Zhang et al., section 2.2)."""

NEIGHBOR_SIGMA = 5.0
"""Standard deviation in CIE units of the weights of those bins (Zhang et al., section 2.2)."""

ANNEALED_MEAN_TEMPERATURE = 0.38
"""Between the mean (1, washed out) and the mode (0, spotty); Zhang et al., section 2.3."""

_CELLS = 1024
"""Cells that a CPU decodes at once without gradients: 1.3 MB of float32 stay in its cache, which
is several times faster than one pass over a batch."""

_TABLE_LIMIT = 110
"""Colours beyond ± this are looked up at the limit; sRGB stays within 108."""


@cache
def _bins_on(device: torch.device) -> Tensor:
    """`AB_BINS` on ``device``, copied once."""
    with torch.inference_mode(False):  # else it could never take part in training
        return AB_BINS.to(device)


@cache
def _neighbor_table(device: torch.device) -> Tensor:
    """(221 * 221, 5) int64: nearest bins of every whole (a*, b*) within ± `_TABLE_LIMIT`.

    Rounding to whole units can swap the fifth and sixth neighbour where they are about equally
    far, and so would weigh about the same.
    """
    with torch.inference_mode(False):  # else it could never take part in training
        axis = torch.arange(-_TABLE_LIMIT, _TABLE_LIMIT + 1, dtype=torch.float32)
        points = torch.cartesian_prod(axis, axis)
        nearest = [
            torch.cdist(points[start : start + 4096], AB_BINS)
            .topk(NUM_NEIGHBORS, dim=1, largest=False)
            .indices
            for start in range(0, len(points), 4096)  # bounds the memory of the distances
        ]
        return torch.cat(nearest).to(device)


def soft_encode(ab: Tensor) -> tuple[Tensor, Tensor]:
    """Spread each colour over its five nearest bins.

    Parameters
    ----------
    ab:
        (N, 2, h, w) floating point, CIE units.

    Returns
    -------
    indices:
        (N, 5, h, w) int64, the bins, nearest first up to the table's resolution.
    weights:
        (N, 5, h, w) float32, Gaussian in the distance (σ = 5), summing to 1.
    """
    ab = ab.float()
    n, _, h, w = ab.shape
    side = 2 * _TABLE_LIMIT + 1
    cell = (ab + _TABLE_LIMIT).round_().clamp_(0, side - 1).long()
    indices = _neighbor_table(ab.device)[cell[:, 0] * side + cell[:, 1]]  # (N, h, w, 5)
    offsets = _bins_on(ab.device)[indices] - ab.permute(0, 2, 3, 1).unsqueeze(3)
    squared = offsets.square().sum(-1)
    # Softmax is the normalised Gaussian, and cannot underflow far outside the bins.
    weights = torch.softmax(squared * (-0.5 / NEIGHBOR_SIGMA**2), dim=-1)
    shape = (n, NUM_NEIGHBORS, h, w)
    return indices.permute(0, 3, 1, 2).reshape(shape), weights.permute(0, 3, 1, 2).reshape(shape)


def bin_histogram(indices: Tensor, weights: Tensor) -> Tensor:
    """Share of each bin in each picture, from `soft_encode`'s answer: (N, 313), rows sum to 1."""
    histogram = weights.new_zeros(len(weights), NUM_BINS)
    histogram.scatter_add_(1, indices.flatten(1), weights.flatten(1))
    return histogram / histogram.sum(dim=1, keepdim=True)


def decode(
    logits: Tensor, temperature: float = ANNEALED_MEAN_TEMPERATURE, tilt: float = 0.0
) -> Tensor:
    """Annealed mean of the bins, Σ softmax(logits / T + tilt · chroma of bin) · bin.

    Parameters
    ----------
    logits:
        (N, 313, h, w), any floating type; channels_last is fastest.
    temperature:
        1 gives the plain mean; smaller is nearer to the likeliest bin.
    tilt:
        Per CIE unit of chroma: above 0 colourful bins count more, below 0 less (exponential
        tilting, under which the mean chroma of the bins grows with ``tilt``).

    Returns
    -------
    Tensor
        (N, 2, h, w) float32, CIE units, differentiable.
    """
    if not temperature > 0:
        raise ValueError(f"temperature must be above 0, not {temperature}")
    # (N, 313, h, w) -> (N·h·w, 313), a view when the logits are channels_last.
    flat = logits.permute(0, 2, 3, 1).reshape(-1, NUM_BINS)
    with torch.autocast(logits.device.type, enabled=False):
        # A tracer would take the number of cells, and so of passes, for a constant.
        is_traced = torch.jit.is_tracing()  # type: ignore[attr-defined, no-untyped-call]
        if is_traced or (torch.is_grad_enabled() and logits.requires_grad):
            scores = flat.float() * (1.0 / temperature)
            if tilt:
                scores = scores + tilt * _bins_on(logits.device).norm(dim=1)
            means = torch.softmax(scores, dim=-1) @ _bins_on(logits.device)
        else:
            means = _mean_colors(flat, temperature, tilt)
    n, _, h, w = logits.shape
    return means.reshape(n, h, w, 2).permute(0, 3, 1, 2)


def _mean_colors(logits: Tensor, temperature: float, tilt: float) -> Tensor:
    """(cells, 313) -> (cells, 2) without gradients, through one small buffer.

    In float32: half-precision softmax over 313 classes is too coarse.
    """
    table = _bins_on(logits.device)
    chroma = tilt * table.norm(dim=1)
    means = torch.empty(len(logits), 2, device=logits.device)
    step = _CELLS if logits.device.type == "cpu" else len(logits)
    buffer = torch.empty(min(step, len(logits)), NUM_BINS, device=logits.device)
    for start in range(0, len(logits), step):
        part = logits[start : start + step]
        scores = buffer[: len(part)].copy_(part).mul_(1.0 / temperature)
        if tilt:
            scores += chroma
        torch.mm(torch.softmax(scores, dim=-1), table, out=means[start : start + step])
    return means


def smooth_prior(prior: Tensor, sigma: float = NEIGHBOR_SIGMA) -> Tensor:
    """Spread an empirical distribution over neighbouring bins (Zhang et al., section 2.2).

    Parameters
    ----------
    prior:
        (313,) non-negative.
    sigma:
        Gaussian standard deviation, CIE units.

    Returns
    -------
    Tensor
        (313,) float32, sums to 1.
    """
    bins = _bins_on(prior.device)
    kernel = torch.exp(torch.cdist(bins, bins).square() * (-0.5 / sigma**2))
    smooth = (kernel / kernel.sum(dim=0, keepdim=True)) @ prior.float()
    return smooth / smooth.sum()


def rebalancing_weights(prior: Tensor, lam: float = 0.5) -> Tensor:
    """Weight of each bin that lifts rare colours: w ∝ ((1 − λ)·p + λ/Q)⁻¹ with Σ p·w = 1.

    Zhang et al., equation 4. Sum of ``prior`` need not be 1.

    Parameters
    ----------
    prior:
        (313,) non-negative, how often each bin occurs in the training pictures.
    lam:
        0 weighs by the inverse frequency, 1 not at all.

    Returns
    -------
    Tensor
        (313,) float32.
    """
    p = prior.float() / prior.float().sum()
    weights = 1.0 / ((1.0 - lam) * p + lam / len(p))
    return weights / (p * weights).sum()
