"""The Lightning module: one step, the averaged weights, validation."""

from __future__ import annotations

import copy
import math
import sys
from collections.abc import Callable
from typing import Any

import lightning
import numpy as np
import torch
from torch import Tensor, nn

from vidcolor.color import lightness_from_luma, rgb_to_luma
from vidcolor.models.base import ColorNetwork
from vidcolor.photographs.degradation import FilmDegradation
from vidcolor.training.batches import PhotoBatch
from vidcolor.training.losses import ab_target
from vidcolor.training.metrics import ScoreKeeper
from vidcolor.training.objectives import make_objective
from vidcolor.training.recipe import OptimizerRecipe, Recipe

_DROPOUT = 4
"""Key that keeps the network's own random numbers apart from the other streams."""

VAL_SETS = ("val", "val_film", "held_out")
"""Validation sets: clean, the same degraded like film, and sources never trained on."""


class ColorModule(lightning.LightningModule):  # type: ignore[misc]  # lightning is not followed
    """Trains a colour network and keeps an average of its weights.

    The average is a submodule, so that Lightning's checkpoints hold it and a resumed run
    goes on exactly where it stopped.

    Parameters
    ----------
    network:
        What is trained.
    recipe:
        The run.
    prior:
        (313,) how often each ab bin occurs in the training photos.
    """

    def __init__(self, network: ColorNetwork, recipe: Recipe, prior: Tensor) -> None:
        super().__init__()
        self.network = network
        if recipe.optimizer.encoder_rate == 0:
            freeze(network, recipe.network.encoder_parameters)
        self.average = copy.deepcopy(network).requires_grad_(False).eval()
        self.recipe = recipe
        self.objective = make_objective(network.architecture, recipe.loss, prior)
        self._degrade = FilmDegradation(recipe.degradation, recipe.seed)
        self._keepers: dict[str, ScoreKeeper] = {}
        self._val_losses: list[tuple[float, int]] = []
        self._step = 0
        self.hours_trained = 0.0
        self.latest_scores: dict[str, dict[str, float]] = {}

    def train(self, mode: bool = True) -> ColorModule:
        """As usual, but the average and frozen batch norms never leave eval mode."""
        super().train(mode)
        self.average.eval()
        for part in self.network.modules():
            own = list(part.parameters(recurse=False))
            if isinstance(part, nn.BatchNorm2d) and not any(p.requires_grad for p in own):
                part.eval()
        return self

    def transfer_batch_to_device(
        self, batch: PhotoBatch, device: torch.device, dataloader_idx: int
    ) -> PhotoBatch:
        """Move a batch; Lightning cannot know our type."""
        del dataloader_idx
        return PhotoBatch(batch.rgb.to(device, non_blocking=True), batch.step, batch.rank)

    def training_step(self, batch: PhotoBatch, batch_idx: int) -> Tensor | dict[str, Tensor]:
        """Loss of one batch."""
        del batch_idx
        self.begin_step(batch)
        lightness, target = self.prepare(batch, degraded=True)
        response = self.objective.respond(self.network, lightness)
        losses = self.objective.losses(response, target, batch.step)
        self.log_losses(losses, batch)
        return losses["loss"]

    def begin_step(self, batch: PhotoBatch) -> None:
        """Key what is drawn from torch's global generator (dropout, drop-path) by the step."""
        self._step = batch.step
        share = [batch.rank] if batch.rank else []
        key = np.random.SeedSequence([self.recipe.seed, _DROPOUT, batch.step, *share])
        torch.manual_seed(int(key.generate_state(1, np.uint64)[0] >> 1))

    def log_losses(self, losses: dict[str, Tensor], batch: PhotoBatch) -> None:
        """Log scalars by name."""
        for name, value in losses.items():
            self.log(name, value.detach(), batch_size=len(batch.rgb))

    def prepare(self, batch: PhotoBatch, *, degraded: bool) -> tuple[Tensor, Tensor]:
        """What the network sees and what it should say.

        Returns
        -------
        lightness:
            (N, 1, H, W) L* 0…100 of the (degraded) luma.
        target:
            (N, 2, H/s, W/s) ab of the clean photographs; neutral under a black border.
        """
        with torch.no_grad(), torch.autocast(batch.rgb.device.type, enabled=False):
            rgb = unit_rgb(batch.rgb)
            target = ab_target(rgb, self.network.stride)
            if not degraded:
                return lightness_from_luma(rgb_to_luma(rgb)), target
            luma, inside = self._degrade(rgb, batch.step, batch.rank)
            shown = nn.functional.avg_pool2d(inside, self.network.stride)
            return lightness_from_luma(luma), target * shown

    def optimizer_step(self, *args: Any, **kwargs: Any) -> None:
        """Step, then let the average follow, before any callback can save a checkpoint."""
        super().optimizer_step(*args, **kwargs)
        self.follow()

    def follow(self) -> None:
        """Let the average follow the weights by one step."""
        decay = self.recipe.optimizer.average_decay
        update_average(self.average, self.network, decay, self._step)

    def on_validation_epoch_start(self) -> None:
        """Begin counting."""
        self._keepers = {name: ScoreKeeper() for name in VAL_SETS}
        self._val_losses = []

    def validation_step(self, batch: PhotoBatch, batch_idx: int, dataloader_idx: int = 0) -> None:
        """Score the averaged weights on one batch; the first set also as film.

        Where several processes train, each scores all of it: the sets are small, and so the
        scores do not depend on how many there are.
        """
        del batch_idx
        name = "val" if dataloader_idx == 0 else "held_out"
        self._score(name, batch, degraded=False)
        if name == "val":
            self._score("val_film", batch, degraded=True)

    def _score(self, name: str, batch: PhotoBatch, *, degraded: bool) -> None:
        lightness, _ = self.prepare(batch, degraded=degraded)
        rgb = unit_rgb(batch.rgb)
        target = ab_target(rgb, self.network.stride)
        response = self.objective.respond(self.average, lightness)
        loss = self.objective.losses(response, target)["loss"]
        if name == "val":
            self._val_losses.append((float(loss), len(rgb)))
        with torch.autocast(rgb.device.type, enabled=False):
            self._keepers[name].add(rgb, self.objective.ab(response, self.average), target)
        self.log(
            f"{name}_loss",
            loss,
            batch_size=len(rgb),
            add_dataloader_idx=False,
            on_epoch=True,
            sync_dist=True,
        )

    def on_validation_epoch_end(self) -> None:
        """Log the means; lower the rate where ``plateau`` says so."""
        if self.recipe.optimizer.schedule == "plateau":
            pictures = sum(count for _, count in self._val_losses)
            mean = sum(loss * count for loss, count in self._val_losses) / pictures
            self.lr_schedulers().step(mean)
        for name, keeper in self._keepers.items():
            scores = keeper.scores().as_dict()
            if scores["colorfulness_truth"] == 0.0:
                continue  # an empty set
            self.latest_scores[name] = scores
            for key in ("psnr_rgb", "psnr_ab", "colorfulness_ratio"):
                self.log(f"{name}_{key}", scores[key], sync_dist=True)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Keep what the final metadata needs."""
        checkpoint["vidcolor"] = {
            "recipe": self.recipe.model_dump(mode="json"),
            "hours_trained": self.hours_trained,
            "latest_scores": self.latest_scores,
        }

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Take it back."""
        self.hours_trained = checkpoint["vidcolor"]["hours_trained"]
        self.latest_scores = checkpoint["vidcolor"]["latest_scores"]

    def configure_optimizers(self) -> Any:
        """The recipe's optimizer and the rate over time."""
        recipe = self.recipe.optimizer
        groups = parameter_groups(self.network, recipe, self.recipe.network.encoder_parameters)
        optimizer = make_optimizer(groups, recipe)
        schedule: dict[str, Any] = {
            "scheduler": torch.optim.lr_scheduler.LambdaLR(
                optimizer, rate_curve(recipe, self.recipe.max_steps)
            ),
            "interval": "step",
        }
        if recipe.schedule == "plateau":
            schedule = {
                "scheduler": torch.optim.lr_scheduler.ReduceLROnPlateau(
                    optimizer, factor=recipe.plateau_factor, patience=recipe.plateau_patience
                ),
                # Never stepped by Lightning, which would do so only after the checkpoint that
                # belongs to a validation is written.
                "interval": "step",
                "frequency": sys.maxsize,
                "monitor": "val_loss",
            }
        return {"optimizer": optimizer, "lr_scheduler": schedule}


def unit_rgb(rgb_u8: Tensor) -> Tensor:
    """(N, H, W, 3) uint8 -> (N, 3, H, W) float32, 0…1."""
    return rgb_u8.permute(0, 3, 1, 2).float() / 255


def rate_curve(recipe: OptimizerRecipe, max_steps: int) -> Callable[[int], float]:
    """Learning rate by step, as a share of the peak: linear warm-up, then half a cosine or the
    peak."""

    def share(step: int) -> float:
        if step < recipe.warmup_steps:
            return (step + 1) / recipe.warmup_steps
        if recipe.schedule != "cosine":
            return 1.0
        passed = (step - recipe.warmup_steps) / max(1, max_steps - recipe.warmup_steps)
        cosine = 0.5 + 0.5 * math.cos(math.pi * min(1.0, passed))
        return recipe.final_share + (1 - recipe.final_share) * cosine

    return share


def make_optimizer(groups: list[dict[str, Any]], recipe: OptimizerRecipe) -> torch.optim.Optimizer:
    """torch's optimizer of the recipe's name over `parameter_groups`."""
    if recipe.kind == "adamw":
        return torch.optim.AdamW(groups, lr=recipe.rate, betas=recipe.betas)
    undecayed = [{**group, "weight_decay": 0.0} for group in groups]
    if recipe.kind == "adam":
        return torch.optim.Adam(undecayed, lr=recipe.rate, betas=recipe.betas)
    return torch.optim.RMSprop(undecayed, lr=recipe.rate, alpha=recipe.betas[1])


def freeze(network: nn.Module, prefix: str | None) -> None:
    """Let the parameters whose names begin with ``prefix`` be; None is none of them."""
    for name, parameter in network.named_parameters():
        if prefix is not None and name.startswith(prefix):
            parameter.requires_grad_(False)


def parameter_groups(
    network: nn.Module, recipe: OptimizerRecipe, encoder_prefix: str | None
) -> list[dict[str, Any]]:
    """The optimizer's groups: the encoder slower, biases and norms without decay; frozen
    parameters in none."""
    groups: dict[tuple[bool, bool], list[nn.Parameter]] = {}
    for name, parameter in network.named_parameters():
        if not parameter.requires_grad:
            continue
        is_encoder = encoder_prefix is not None and name.startswith(encoder_prefix)
        groups.setdefault((is_encoder, parameter.ndim > 1), []).append(parameter)
    return [
        {
            "params": parameters,
            "lr": recipe.encoder_rate if is_encoder else recipe.rate,
            "weight_decay": recipe.weight_decay if decays else 0.0,
        }
        for (is_encoder, decays), parameters in groups.items()
    ]


@torch.no_grad()
def update_average(average: nn.Module, network: nn.Module, decay: float, step: int) -> None:
    """Move ``average`` towards ``network``; early steps move it further.

    The decay grows as (1 + step) / (10 + step) up to ``decay``, so that the initial weights are
    soon forgotten. Batch-norm statistics are averaged alike; counters are copied.
    """
    keep = min(decay, (1 + step) / (10 + step))
    mine, theirs = average.state_dict(), network.state_dict()
    for name, value in mine.items():
        if value.is_floating_point():
            value.lerp_(theirs[name], 1 - keep)
        else:
            value.copy_(theirs[name])
