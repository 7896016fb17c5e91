"""Adversarial training: a PatchGAN judges whether colours belong to a picture.

Isola et al. 2017, "Image-to-Image Translation with Conditional Adversarial Networks",
https://arxiv.org/abs/1611.07004, sections 3.1 and 3.3: non-saturating binary cross-entropy,
the discriminator's halved, one step each.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from vidcolor.models.base import ColorNetwork
from vidcolor.models.patchgan import PatchGAN
from vidcolor.training.batches import PhotoBatch
from vidcolor.training.module import ColorModule, make_optimizer, parameter_groups, rate_curve
from vidcolor.training.recipe import Recipe


class GanModule(ColorModule):
    """A `ColorModule` with a discriminator; see `GanRecipe`.

    Only the generator's optimizer goes through Lightning, whose ``global_step`` counts every
    step of every optimizer that does.
    """

    def __init__(self, network: ColorNetwork, recipe: Recipe, prior: Tensor) -> None:
        super().__init__(network, recipe, prior)
        assert recipe.gan is not None
        self.automatic_optimization = False
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(recipe.seed)
            self.discriminator = PatchGAN()
        self._gan = recipe.gan
        self._pretrain_steps = round(recipe.gan.pretrain_share * recipe.max_steps)

    def training_step(self, batch: PhotoBatch, batch_idx: int) -> dict[str, Tensor]:
        """One step of the discriminator, then one of the generator."""
        del batch_idx
        self.begin_step(batch)
        L, target = self.prepare(batch, degraded=True)
        response = self.objective.respond(self.network, L)
        losses = self.objective.losses(response, target, batch.step)
        if batch.step < self._pretrain_steps:
            self._step_generator(losses["loss"])
        else:
            ab = self.objective.ab(response, self.network)
            size = target.shape[-2:]
            shown = L if L.shape[-2:] == size else F.interpolate(L, size=size, mode="area")
            losses |= self._step_discriminator(shown, ab, target)
            losses["loss_adversarial"] = self._adversarial(shown, ab)
            self._step_generator(losses["loss_adversarial"] + self._gan.content * losses["loss"])
        self.log_losses(losses, batch)
        return {"loss": losses["loss"].detach()}

    def _step_discriminator(self, L: Tensor, ab: Tensor, target: Tensor) -> dict[str, Tensor]:
        optimizer = self.trainer.optimizers[1]
        real = self.discriminator(L, target)
        fake = self.discriminator(L, ab.detach())
        loss = 0.5 * (_judged(real, self._gan.real_label) + _judged(fake, 0.0))
        optimizer.zero_grad()
        self.manual_backward(loss)
        optimizer.step()
        return {
            "loss_discriminator": loss,
            "judged_real": real.detach().float().sigmoid().mean(),
            "judged_fake": fake.detach().float().sigmoid().mean(),
        }

    def _adversarial(self, L: Tensor, ab: Tensor) -> Tensor:
        self.discriminator.requires_grad_(False)
        loss = _judged(self.discriminator(L, ab), 1.0)
        self.discriminator.requires_grad_(True)
        return loss

    def _step_generator(self, loss: Tensor) -> None:
        optimizer = self.optimizers()[0]
        optimizer.zero_grad()
        self.manual_backward(loss)
        self.clip_gradients(
            optimizer,
            gradient_clip_val=self.recipe.optimizer.clip,
            gradient_clip_algorithm="norm",
        )
        optimizer.step()
        self.lr_schedulers().step()
        self.follow()

    def configure_optimizers(self) -> Any:
        """The generator's optimizer and rate, and Adam for the discriminator."""
        recipe = self.recipe.optimizer
        groups = parameter_groups(self.network, recipe, self.recipe.network.encoder_parameters)
        generator = make_optimizer(groups, recipe)
        discriminator = torch.optim.Adam(
            self.discriminator.parameters(), lr=self._gan.rate, betas=recipe.betas
        )
        schedule = torch.optim.lr_scheduler.LambdaLR(
            generator, rate_curve(recipe, self.recipe.max_steps)
        )
        return [generator, discriminator], [schedule]


def _judged(logits: Tensor, label: float) -> Tensor:
    """Binary cross-entropy of a map of verdicts that should all be ``label``."""
    logits = logits.float()
    return F.binary_cross_entropy_with_logits(logits, torch.full_like(logits, label))
