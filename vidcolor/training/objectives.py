"""How each kind of network is trained: what it answers in training, what that answer costs, and
which colours it means."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from torch import Tensor, nn

from vidcolor.errors import SettingsError
from vidcolor.models.base import ColorNetwork, Prediction
from vidcolor.models.filmnet import FilmNet, TrainingOutput
from vidcolor.training.losses import ColorLoss, RegressionLoss
from vidcolor.training.recipe import LossRecipe


class Objective(nn.Module, ABC):
    """One kind of training; ``losses`` and ``ab`` read what ``respond`` returned."""

    @abstractmethod
    def respond(self, network: ColorNetwork, L: Tensor) -> Any:
        """The network's answer to (N, 1, H, W) L* 0…100, with gradients."""

    @abstractmethod
    def losses(self, response: Any, target: Tensor, step: int = 0) -> dict[str, Tensor]:
        """``loss`` and, under other names, its parts; scalars.

        Parameters
        ----------
        target:
            (N, 2, h, w) true ab at the network's stride, CIE units.
        step:
            Keys what is drawn anew in each step.
        """

    @abstractmethod
    def ab(self, response: Any, network: ColorNetwork) -> Tensor:
        """(N, 2, h, w) float32, CIE units."""


class BinObjective(Objective):
    """For `FilmNet`: classes, residual and histogram; see `ColorLoss`."""

    def __init__(self, recipe: LossRecipe, prior: Tensor) -> None:
        super().__init__()
        self.loss = ColorLoss(recipe, prior)

    def respond(self, network: ColorNetwork, L: Tensor) -> TrainingOutput:
        """See `Objective.respond`."""
        assert isinstance(network, FilmNet)
        return network.forward_train(L)

    def losses(self, response: TrainingOutput, target: Tensor, step: int = 0) -> dict[str, Tensor]:
        """See `Objective.losses`."""
        losses = self.loss(response, target, step)
        return {
            "loss": losses.total,
            "loss_classes": losses.classes,
            "loss_huber": losses.huber,
            "loss_histogram": losses.histogram,
        }

    def ab(self, response: TrainingOutput, network: ColorNetwork) -> Tensor:
        """See `Objective.ab`."""
        assert isinstance(network, FilmNet)
        return network.decode(response.logits, response.residual)


class ClassObjective(Objective):
    """For networks whose `Prediction` has logits over the 313 bins and nothing else to learn."""

    def __init__(self, recipe: LossRecipe, prior: Tensor) -> None:
        super().__init__()
        self.loss = ColorLoss(recipe, prior)

    def respond(self, network: ColorNetwork, L: Tensor) -> Prediction:
        """See `Objective.respond`."""
        prediction: Prediction = network(L)
        return prediction

    def losses(self, response: Prediction, target: Tensor, step: int = 0) -> dict[str, Tensor]:
        """See `Objective.losses`."""
        assert response.logits is not None
        return {"loss": self.loss.classes_alone(response.logits, target, step)}

    def ab(self, response: Prediction, network: ColorNetwork) -> Tensor:
        """See `Objective.ab`."""
        del network
        return response.ab


class RegressionObjective(Objective):
    """For networks that predict ab itself."""

    def __init__(self, recipe: LossRecipe) -> None:
        super().__init__()
        self.loss = RegressionLoss(recipe)

    def respond(self, network: ColorNetwork, L: Tensor) -> Prediction:
        """See `Objective.respond`."""
        prediction: Prediction = network(L)
        return prediction

    def losses(self, response: Prediction, target: Tensor, step: int = 0) -> dict[str, Tensor]:
        """See `Objective.losses`."""
        del step
        return {"loss": self.loss(response.ab, target)}

    def ab(self, response: Prediction, network: ColorNetwork) -> Tensor:
        """See `Objective.ab`."""
        del network
        return response.ab


HAVE_BINS = ("filmnet", "eccv16")
"""Architectures that can be trained with ``loss.kind = bins``."""


def make_objective(architecture: str, recipe: LossRecipe, prior: Tensor) -> Objective:
    """The objective for a network and a recipe.

    Parameters
    ----------
    architecture:
        Registry name of the network.
    prior:
        (313,) how often each bin occurs in the training photos.

    Raises
    ------
    SettingsError
        If the network cannot be trained that way.
    """
    if architecture == "ddcolor":
        raise SettingsError(
            "ddcolor can be run but not trained here; choose a recipe of another network"
        )
    if recipe.kind != "bins":
        return RegressionObjective(recipe)
    if architecture not in HAVE_BINS:
        raise SettingsError(
            f"loss.kind = 'bins' needs a network with ab bins ({', '.join(HAVE_BINS)}), "
            f"not {architecture!r}; set loss.kind to mse, l1 or huber"
        )
    if architecture == FilmNet.architecture:
        return BinObjective(recipe, prior)
    return ClassObjective(recipe, prior)
