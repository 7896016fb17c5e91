from __future__ import annotations

import pytest
import torch

from vidcolor.errors import SettingsError
from vidcolor.models import bins, create
from vidcolor.models.base import Prediction
from vidcolor.training.losses import AB_SCALE, ab_target
from vidcolor.training.objectives import (
    BinObjective,
    ClassObjective,
    RegressionObjective,
    make_objective,
)
from vidcolor.training.recipe import LossRecipe

PRIOR = torch.ones(bins.NUM_BINS) / bins.NUM_BINS


@pytest.mark.parametrize(
    ("architecture", "kind", "expected"),
    [
        ("filmnet", "bins", BinObjective),
        ("eccv16", "bins", ClassObjective),
        ("filmnet", "mse", RegressionObjective),
        ("alpha", "mse", RegressionObjective),
        ("siggraph17", "huber", RegressionObjective),
    ],
)
def test_each_network_gets_its_kind(architecture: str, kind: str, expected: type) -> None:
    assert type(make_objective(architecture, LossRecipe(kind=kind), PRIOR)) is expected


@pytest.mark.parametrize(
    ("architecture", "kind", "message"),
    [("alpha", "bins", "set loss.kind to mse, l1 or huber"), ("ddcolor", "mse", "not trained")],
)
def test_what_cannot_be_trained_says_what_can(architecture: str, kind: str, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        make_objective(architecture, LossRecipe(kind=kind), PRIOR)


@pytest.mark.parametrize(
    ("kind", "expected"), [("mse", 0.2**2), ("l1", 0.2), ("huber", 0.5 * 0.2**2)]
)
def test_regression_is_in_units_of_the_tanh(kind: str, expected: float) -> None:
    objective = make_objective("alpha", LossRecipe(kind=kind, huber_delta=AB_SCALE), PRIOR)
    target = torch.zeros(1, 2, 4, 4)
    loss = objective.losses(Prediction(target + 0.2 * AB_SCALE), target)["loss"]
    assert loss.item() == pytest.approx(expected, rel=1e-5)


def test_huber_turns_linear_at_its_delta() -> None:
    objective = make_objective("alpha", LossRecipe(kind="huber", huber_delta=11.0), PRIOR)
    target = torch.zeros(1, 2, 4, 4)
    near, far, farther = (
        objective.losses(Prediction(target + distance), target)["loss"].item()
        for distance in (11.0, 44.0, 55.0)
    )
    assert farther - far == pytest.approx(2 * near, rel=1e-4)


def test_classes_prefer_the_truth() -> None:
    objective = make_objective("eccv16", LossRecipe(cell_step=1), PRIOR)
    target = torch.full((1, 2, 4, 4), 20.0)
    right, wrong = (
        50.0 * torch.nn.functional.one_hot(index.expand(1, 4, 4), bins.NUM_BINS).permute(0, 3, 1, 2)
        for index in (
            (torch.tensor([20.0, 20.0]) == bins.AB_BINS).all(1).nonzero()[0],
            torch.tensor([bins.GRAY_BIN]),
        )
    )
    good, bad = (
        objective.losses(Prediction(target, logits.float()), target)["loss"].item()
        for logits in (right, wrong)
    )
    assert good < bad


@pytest.mark.parametrize("architecture", ["filmnet", "eccv16", "alpha"])
def test_answers_train_and_mean_colours(architecture: str) -> None:
    torch.manual_seed(0)
    network = create(architecture)
    kind = "mse" if architecture == "alpha" else "bins"
    objective = make_objective(architecture, LossRecipe(kind=kind), PRIOR)
    rgb = torch.rand(2, 3, 32, 32)
    target = ab_target(rgb, network.stride)
    response = objective.respond(network, torch.rand(2, 1, 32, 32) * 100)
    objective.losses(response, target)["loss"].backward()
    assert any(p.grad is not None and p.grad.abs().sum() > 0 for p in network.parameters())
    assert objective.ab(response, network).shape == target.shape
