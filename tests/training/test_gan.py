from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.photographs.made import write_photo_shards
from vidcolor.models.checkpoint import load_checkpoint
from vidcolor.training.export import LAST_CHECKPOINT
from vidcolor.training.gan import GanModule
from vidcolor.training.recipe import Recipe, load_recipe
from vidcolor.training.run import run_training


def gan_recipe(**changes: Any) -> Recipe:
    """Alpha against the real discriminator: small enough for a test."""
    small = {
        "network.architecture": "alpha",
        "max_steps": 6,
        "precision": "32-true",
        "checkpoint_steps": 2,
        "log_steps": 1,
        "phases": [{"share": 1.0, "size": 32, "batch": 2}],
        "validation.every_steps": 3,
        "validation.photos": 2,
        "validation.pictures": 2,
        "validation.size": 32,
        "gan.pretrain_share": 0.34,
        "loss.prior_photos": 4,
    }
    return load_recipe("train-unet-gan", {**small, **changes})


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_photo_shards(tmp_path_factory.mktemp("photos"))


def train(shards: Path, output: Path, recipe: Recipe, **arguments: Any) -> dict[int, float]:
    losses: dict[int, float] = {}
    run_training(
        recipe,
        [shards],
        output,
        device="cpu",
        on_progress=lambda progress: losses.update({progress.step: progress.loss}),
        **arguments,
    )
    return losses


def rows(output: Path) -> list[dict[str, str]]:
    (path,) = output.glob("log/from-step-000000/metrics.csv")
    with path.open(newline="") as file:
        return [row for row in csv.DictReader(file) if row["loss"]]


@pytest.fixture(scope="module")
def straight(shards: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict]:
    output = tmp_path_factory.mktemp("gan")
    return output, train(shards, output, gan_recipe())


def test_the_discriminator_joins_after_the_pretraining(straight: tuple[Path, dict]) -> None:
    judged = [bool(row["loss_discriminator"]) for row in rows(straight[0])]
    assert judged == [False, False, True, True, True, True]


def test_both_learn(straight: tuple[Path, dict]) -> None:
    state = torch.load(straight[0] / LAST_CHECKPOINT, weights_only=True)
    assert state["global_step"] == 6  # the discriminator's steps are not counted
    generator, discriminator = state["optimizer_states"]
    assert {int(s["step"]) for s in generator["state"].values()} == {6}
    assert {int(s["step"]) for s in discriminator["state"].values()} == {4}


def test_the_weights_are_the_generators(straight: tuple[Path, dict]) -> None:
    loaded = load_checkpoint(straight[0] / "unet-gan.safetensors")
    assert loaded.info.architecture == "alpha"
    assert "recipe" in loaded.info.training


def test_decoded_bins_can_be_judged_too(
    shards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And what the discriminator says reaches the layer that gives the logits."""
    gradients: list[float] = []
    judge = GanModule._adversarial

    def judged(module: Any, *pictures: torch.Tensor) -> torch.Tensor:
        loss = judge(module, *pictures)
        weight = module.network.logits.weight
        (gradient,) = torch.autograd.grad(loss, weight, retain_graph=True)
        gradients.append(float(gradient.abs().max()))
        return loss

    monkeypatch.setattr(GanModule, "_adversarial", judged)
    changes = {
        "network.architecture": "filmnet",
        "loss.kind": "bins",
        "phases": [{"share": 1.0, "size": 96, "batch": 2}],
        "max_steps": 2,
        "gan.pretrain_share": 0.0,
    }
    train(shards, tmp_path, gan_recipe(**changes))
    first, _ = rows(tmp_path)
    assert float(first["loss_classes"]) > 0
    assert float(first["loss_adversarial"]) > 0
    assert len(gradients) == 2
    assert min(gradients) > 0


def test_a_resumed_run_is_the_same_run(
    shards: Path, straight: tuple[Path, dict], tmp_path: Path
) -> None:
    before = train(shards, tmp_path / "run", gan_recipe(), stop_after=4)
    after = train(shards, tmp_path / "run", gan_recipe(), resume=True)
    assert {**before, **after} == straight[1]
