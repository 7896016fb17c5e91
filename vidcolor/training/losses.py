"""What networks are trained to minimise."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice

import torch
import torch.nn.functional as F
from torch import Tensor

from vidcolor.color import rgb_to_lab
from vidcolor.models import bins
from vidcolor.models.filmnet import TrainingOutput
from vidcolor.photographs.photos import PhotoSet
from vidcolor.training.batches import central_square
from vidcolor.training.recipe import LossRecipe

PRIOR_SIZE = 64
"""Side in pixels of the pictures that the prior is counted on; ab is then averaged by 4."""


DRAWN_CHROMA = 0.05
"""Mean ab below this is no photograph (those without colour are left out) but a drawn card."""

AB_SCALE = 110.0
"""CIE units; a* and b* of sRGB stay within ±108."""


@dataclass(slots=True)
class Losses:
    """Scalars of one batch, each before its weight."""

    classes: Tensor
    """Rebalanced soft-label cross-entropy, nats."""
    huber: Tensor
    """Huber loss of the decoded mean + residual, ab units."""
    histogram: Tensor
    """Cross-entropy of the picture's histogram, nats."""
    total: Tensor
    """Weighted sum."""


def ab_target(rgb: Tensor, stride: int) -> Tensor:
    """Area-averaged a*, b* of clean photographs.

    Parameters
    ----------
    rgb:
        (N, 3, H, W) R′G′B′ 0…1.
    stride:
        Pixels per output cell: 1 or an even number.

    Returns
    -------
    Tensor
        (N, 2, H/stride, W/stride), CIE units.
    """
    if stride == 1:
        return rgb_to_lab(rgb)[:, 1:]
    # The first half of the averaging is on R′G′B′, as in any resize: a quarter of the work.
    half = F.avg_pool2d(rgb, 2)
    return F.avg_pool2d(rgb_to_lab(half)[:, 1:], stride // 2)


@torch.no_grad()
def count_prior(photos: PhotoSet, count: int, stride: int) -> Tensor:
    """How often each bin occurs in at most ``count`` photos: (313,), sums to 1, not smoothed."""
    total = torch.zeros(bins.NUM_BINS)
    crops = (torch.from_numpy(central_square(p, PRIOR_SIZE)) for p in photos.spaced(count))
    while chunk := list(islice(crops, 64)):
        rgb = torch.stack(chunk).permute(0, 3, 1, 2).float() / 255
        indices, weights = bins.soft_encode(ab_target(rgb, stride))
        total += bins.bin_histogram(indices, weights).sum(dim=0)
    return total / total.sum()


class ColorLoss(torch.nn.Module):
    """Cross-entropy over the ab bins, Huber on the decoded colour, histogram side task.

    Rare colours are lifted by class rebalancing (Zhang et al. 2016, section 2.2,
    https://arxiv.org/abs/1603.08511); pictures with hardly any colour count less, because a
    faded photograph says nothing about what its things look like.

    Parameters
    ----------
    recipe:
        Weights of the parts.
    prior:
        (313,) how often each bin occurs in the training photos.
    """

    rebalance: Tensor

    def __init__(self, recipe: LossRecipe, prior: Tensor) -> None:
        super().__init__()
        self._recipe = recipe
        weights = bins.rebalancing_weights(bins.smooth_prior(prior), recipe.rebalance)
        self.register_buffer("rebalance", weights)

    def forward(self, output: TrainingOutput, target: Tensor, step: int = 0) -> Losses:
        """Losses of one batch.

        Parameters
        ----------
        output:
            What the network said.
        target:
            (N, 2, h, w) true ab at the network's stride.
        step:
            Picks which cells count when ``cell_step`` is above 1.
        """
        per_picture = self.picture_weights(target)
        output, target = self._thin(output, target, step)
        indices, weights = bins.soft_encode(target)
        # (N, 313, h, w) -> (N, h, w, 313), float32: see bins.decode.
        scores = output.logits.permute(0, 2, 3, 1).float()
        log_p = torch.log_softmax(scores, dim=-1)
        classes = self._cross_entropy(log_p, indices, weights, per_picture)
        mean = (log_p.exp() @ bins.AB_BINS.to(log_p)).permute(0, 3, 1, 2)
        huber = self._huber(mean + output.residual, target, per_picture)
        histogram = self._histogram(output.global_logits, indices, weights, per_picture)
        total = classes + self._recipe.huber * huber + self._recipe.histogram * histogram
        return Losses(classes, huber, histogram, total)

    def classes_alone(self, logits: Tensor, target: Tensor, step: int = 0) -> Tensor:
        """The rebalanced cross-entropy of (N, 313, h, w) logits, nats."""
        per_picture = self.picture_weights(target)
        rows, columns = self._cells(step)
        indices, weights = bins.soft_encode(target[:, :, rows, columns])
        scores = logits[:, :, rows, columns].permute(0, 2, 3, 1).float()
        log_p = torch.log_softmax(scores, dim=-1)
        return self._cross_entropy(log_p, indices, weights, per_picture)

    def picture_weights(self, target: Tensor) -> Tensor:
        """(N,) weights with mean 1, lower for photographs with hardly any colour."""
        chroma = target.square().sum(dim=1).sqrt().mean(dim=(1, 2))
        share = (chroma / self._recipe.grey_chroma).clamp(self._recipe.grey_weight, 1.0)
        share = torch.where(chroma < DRAWN_CHROMA, 1.0, share)
        return share / share.mean()

    def _thin(
        self, output: TrainingOutput, target: Tensor, step: int
    ) -> tuple[TrainingOutput, Tensor]:
        # Neighbouring cells say nearly the same, and the softmax over all of them would cost half
        # as much as the network: keep every n-th row and column, another set each step.
        rows, columns = self._cells(step)
        thin = output._replace(
            logits=output.logits[:, :, rows, columns],
            residual=output.residual[:, :, rows, columns],
        )
        return thin, target[:, :, rows, columns]

    def _cells(self, step: int) -> tuple[slice, slice]:
        """The rows and columns that count in ``step``."""
        n = self._recipe.cell_step
        return slice(step % n, None, n), slice(step // n % n, None, n)

    def _cross_entropy(
        self, log_p: Tensor, indices: Tensor, weights: Tensor, per_picture: Tensor
    ) -> Tensor:
        # (N, 5, h, w) -> (N, h, w, 5)
        picked = log_p.gather(-1, indices.permute(0, 2, 3, 1))
        entropy = -(picked * weights.permute(0, 2, 3, 1)).sum(dim=-1)
        nearest = indices[:, 0]
        return (entropy * self.rebalance[nearest] * per_picture[:, None, None]).mean()

    def _huber(self, ab: Tensor, target: Tensor, per_picture: Tensor) -> Tensor:
        # smooth_l1 is Huber divided by delta: far errors count by their distance.
        error = F.smooth_l1_loss(ab, target, beta=self._recipe.huber_delta, reduction="none")
        return (error * per_picture[:, None, None, None]).mean()

    def _histogram(
        self, logits: Tensor, indices: Tensor, weights: Tensor, per_picture: Tensor
    ) -> Tensor:
        truth = bins.bin_histogram(indices, weights)
        entropy = -(truth * torch.log_softmax(logits.float(), dim=-1)).sum(dim=-1)
        return (entropy * per_picture).mean()


class RegressionLoss(torch.nn.Module):
    """Mean squared, absolute or Huber error of ab / 110, where most networks' tanh ends.

    Parameters
    ----------
    recipe:
        ``kind`` and, for Huber, ``huber_delta``.
    """

    def __init__(self, recipe: LossRecipe) -> None:
        super().__init__()
        self._kind = recipe.kind
        self._delta = recipe.huber_delta / AB_SCALE

    def forward(self, ab: Tensor, target: Tensor) -> Tensor:
        """Mean over both (N, 2, h, w), CIE units."""
        ab, target = ab.float() / AB_SCALE, target / AB_SCALE
        if self._kind == "mse":
            return F.mse_loss(ab, target)
        if self._kind == "l1":
            return F.l1_loss(ab, target)
        return F.huber_loss(ab, target, delta=self._delta)
