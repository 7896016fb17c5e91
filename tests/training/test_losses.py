from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.photographs.made import photograph
from vidcolor.color import rgb_to_lab
from vidcolor.models import bins
from vidcolor.models.filmnet import TrainingOutput
from vidcolor.photographs.photos import PhotoSet
from vidcolor.training.losses import ColorLoss, ab_target, count_prior
from vidcolor.training.recipe import LossRecipe

UNIFORM = torch.ones(bins.NUM_BINS) / bins.NUM_BINS
RECIPE = LossRecipe(cell_step=1)


def _output(ab: Tensor, residual: float = 0.0, certainty: float = 30.0) -> TrainingOutput:
    """A network that is sure of the nearest bin of ``ab`` (N, 2, h, w)."""
    nearest = torch.cdist(ab.permute(0, 2, 3, 1), bins.AB_BINS).argmin(dim=-1)
    logits = certainty * torch.nn.functional.one_hot(nearest, bins.NUM_BINS).float()
    return TrainingOutput(
        logits.permute(0, 3, 1, 2),
        torch.full_like(ab, residual),
        torch.zeros(len(ab), bins.NUM_BINS),
    )


def _flat(a: float, b: float, count: int = 2) -> Tensor:
    return torch.tensor([a, b], dtype=torch.float32).view(1, 2, 1, 1).expand(count, 2, 8, 8).clone()


def test_the_target_is_the_mean_colour_of_each_cell() -> None:
    rgb = torch.from_numpy(photograph(1, 32, 32)).permute(2, 0, 1)[None].float() / 255
    target = ab_target(rgb, 4)
    exact = torch.nn.functional.avg_pool2d(rgb_to_lab(rgb)[:, 1:], 4)
    assert target.shape == (1, 2, 8, 8)
    # Half of the averaging is on R′G′B′, which differs only where colours meet.
    torch.testing.assert_close(target, exact, atol=1.0, rtol=0)


def test_grey_has_a_neutral_target() -> None:
    grey = torch.rand(1, 1, 16, 16).expand(1, 3, 16, 16)
    torch.testing.assert_close(ab_target(grey, 4), torch.zeros(1, 2, 4, 4), atol=1e-3, rtol=0)


def test_the_right_colour_costs_less_than_a_wrong_one() -> None:
    loss = ColorLoss(RECIPE, UNIFORM)
    target = _flat(40, 30)
    right, wrong = loss(_output(target), target), loss(_output(_flat(-40, 30)), target)
    assert right.huber < 0.01
    assert right.classes < wrong.classes
    assert right.total < wrong.total


def test_huber_is_linear_far_away_and_sees_the_residual() -> None:
    loss = ColorLoss(RECIPE, UNIFORM)
    target = _flat(40, 30)
    off_by_ten = loss(_output(target, residual=10.0), target).huber
    # smooth_l1 with beta 5: |10| − 5/2
    torch.testing.assert_close(off_by_ten, torch.tensor(7.5), atol=0.01, rtol=0)


def test_the_total_is_the_weighted_sum() -> None:
    recipe = LossRecipe(huber=0.3, histogram=0.7)
    losses = ColorLoss(recipe, UNIFORM)(_output(_flat(0, 10), residual=2.0), _flat(10, 10))
    expected = losses.classes + 0.3 * losses.huber + 0.7 * losses.histogram
    torch.testing.assert_close(losses.total, expected)


def test_rare_colours_weigh_more() -> None:
    prior = torch.full((bins.NUM_BINS,), 1e-4)
    prior[bins.GRAY_BIN] = 1.0
    loss = ColorLoss(RECIPE, prior)
    assert loss.rebalance.argmin() == bins.GRAY_BIN
    unsure = TrainingOutput(
        torch.zeros(1, bins.NUM_BINS, 8, 8), torch.zeros(1, 2, 8, 8), torch.zeros(1, bins.NUM_BINS)
    )
    vivid, grey = loss(unsure, _flat(60, 50, 1)), loss(unsure, _flat(0, 0, 1))
    assert vivid.classes > 3 * grey.classes


def test_pictures_with_hardly_any_colour_count_less() -> None:
    target = torch.cat((_flat(0.5, 0, 1), _flat(30, 0, 1)))
    weights = ColorLoss(RECIPE, UNIFORM).picture_weights(target)
    torch.testing.assert_close(weights.mean(), torch.tensor(1.0))
    torch.testing.assert_close(weights[0] / weights[1], torch.tensor(RECIPE.grey_weight))


def test_drawn_cards_count_in_full() -> None:
    white = rgb_to_lab(torch.ones(1, 3, 8, 8))[:, 1:]
    target = torch.cat((white, _flat(30, 0, 1)))
    weights = ColorLoss(RECIPE, UNIFORM).picture_weights(target)
    torch.testing.assert_close(weights, torch.ones(2))


def test_a_thinned_loss_uses_every_cell_in_turn() -> None:
    loss = ColorLoss(LossRecipe(cell_step=2), UNIFORM)
    target = _flat(20, 20)
    output = _output(target)
    output.logits.requires_grad_()
    for step in range(4):
        loss(output, target, step).classes.backward()
    grad = output.logits.grad
    assert grad is not None
    assert grad.abs().sum(dim=1).gt(0).all()


def test_thinning_changes_a_uniform_picture_nothing() -> None:
    target = _flat(20, -20)
    output = _output(_flat(0, 0))
    full = ColorLoss(LossRecipe(cell_step=1), UNIFORM)(output, target)
    thin = ColorLoss(LossRecipe(cell_step=2), UNIFORM)(output, target, 3)
    torch.testing.assert_close(thin.total, full.total)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_loss_is_finite_for_extreme_logits(dtype: torch.dtype) -> None:
    logits = torch.randn(2, bins.NUM_BINS, 8, 8, dtype=dtype) * 1e4
    output = TrainingOutput(logits, torch.zeros(2, 2, 8, 8), logits[:, :, 0, 0])
    assert ColorLoss(RECIPE, UNIFORM)(output, _flat(5, 5)).total.isfinite()


def test_the_prior_counts_the_colours_of_the_photos() -> None:
    red = np.zeros((40, 40, 3), np.uint8)
    red[..., 0] = 200
    prior = count_prior(PhotoSet([red, red], ["r", "r"]), 10, stride=4)
    torch.testing.assert_close(prior.sum(), torch.tensor(1.0))
    ab = rgb_to_lab(torch.from_numpy(red[:1, :1]).permute(2, 0, 1).float() / 255)[1:].flatten()
    nearest = torch.cdist(ab[None], bins.AB_BINS).argmin()
    assert prior.argmax() == nearest
    assert (prior > 0).sum() == bins.NUM_NEIGHBORS
