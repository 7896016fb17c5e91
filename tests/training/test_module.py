from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from tests.photographs.made import photograph, quick_recipe
from vidcolor.color import lightness_from_luma, rgb_to_luma
from vidcolor.models import bins
from vidcolor.models.filmnet import FilmNet
from vidcolor.training.batches import PhotoBatch
from vidcolor.training.losses import ab_target
from vidcolor.training.module import (
    ColorModule,
    parameter_groups,
    rate_curve,
    unit_rgb,
    update_average,
)
from vidcolor.training.recipe import OptimizerRecipe


@pytest.fixture
def module() -> ColorModule:
    prior = torch.ones(bins.NUM_BINS) / bins.NUM_BINS
    return ColorModule(FilmNet(), quick_recipe(**{"degradation.clean": 0.0}), prior)


@pytest.fixture
def batch() -> PhotoBatch:
    photos = [torch.from_numpy(photograph(seed, 64, 64)) for seed in range(4)]
    return PhotoBatch(torch.stack(photos), step=0)


def test_the_rate_warms_up_and_falls() -> None:
    recipe = OptimizerRecipe(warmup_steps=10, final_share=0.1)
    shares = [rate_curve(recipe, 100)(step) for step in range(100)]
    assert shares[0] == pytest.approx(0.1)
    assert shares[9] == shares[10] == pytest.approx(1.0)
    assert shares[10:] == sorted(shares[10:], reverse=True)
    assert shares[-1] == pytest.approx(0.1, abs=0.01)


def test_without_warm_up_the_rate_begins_at_its_peak() -> None:
    assert rate_curve(OptimizerRecipe(warmup_steps=0), 10)(0) == 1.0


def test_the_encoder_learns_slower_and_biases_do_not_decay() -> None:
    network = FilmNet()
    recipe = OptimizerRecipe(rate=1e-3, encoder_rate=1e-4, weight_decay=0.05)
    groups = parameter_groups(network, recipe, "encoder.")
    assert sum(len(group["params"]) for group in groups) == len(list(network.parameters()))
    by_id = {id(p): group for group in groups for p in group["params"]}
    for name, parameter in network.named_parameters():
        group = by_id[id(parameter)]
        assert group["lr"] == (1e-4 if name.startswith("encoder.") else 1e-3)
        assert group["weight_decay"] == (0.05 if parameter.ndim > 1 else 0.0)


def test_a_rate_of_nothing_freezes_the_encoder() -> None:
    recipe = quick_recipe(**{"optimizer.encoder_rate": 0.0})
    network = ColorModule(FilmNet(), recipe, torch.ones(bins.NUM_BINS)).network
    groups = parameter_groups(network, recipe.optimizer, "encoder.")
    trained = {id(p) for group in groups for p in group["params"]}
    names = {name for name, p in network.named_parameters() if id(p) not in trained}
    assert names == {name for name, _ in network.named_parameters() if name.startswith("encoder.")}


def test_a_frozen_encoder_keeps_its_statistics(batch: PhotoBatch) -> None:
    recipe = quick_recipe(**{"optimizer.encoder_rate": 0.0})
    module = ColorModule(FilmNet(), recipe, torch.ones(bins.NUM_BINS))
    module.train()
    network = module.network
    before = copy.deepcopy(network.state_dict())
    lightness, _ = module.prepare(batch, degraded=False)
    module.objective.respond(network, lightness)
    changed = {n for n, value in network.state_dict().items() if not torch.equal(value, before[n])}
    assert changed
    assert not {name for name in changed if name.startswith("encoder.")}


def test_the_average_follows_weights_and_statistics() -> None:
    network = nn.Sequential(nn.Conv2d(1, 2, 1), nn.BatchNorm2d(2))
    average = copy.deepcopy(network)
    before = average[0].weight.clone()
    with torch.no_grad():
        network[0].weight.add_(1.0)
        network[1].running_mean.add_(1.0)
        network[1].num_batches_tracked.add_(5)
    update_average(average, network, decay=0.9, step=10_000)
    torch.testing.assert_close(average[0].weight, before + 0.1)
    torch.testing.assert_close(average[1].running_mean, torch.full((2,), 0.1))
    assert average[1].num_batches_tracked == 5


def test_early_steps_move_the_average_further() -> None:
    network = nn.Linear(1, 1, bias=False)
    average = copy.deepcopy(network)
    with torch.no_grad():
        network.weight.copy_(average.weight + 1.0)
    before = average.weight.clone()
    update_average(average, network, decay=0.999, step=0)
    torch.testing.assert_close(average.weight, before + 0.9)


def test_training_mode_never_reaches_the_average(module: ColorModule) -> None:
    module.train()
    assert module.network.training
    assert not any(part.training for part in module.average.modules())


def test_only_the_input_is_degraded(module: ColorModule, batch: PhotoBatch) -> None:
    rgb = unit_rgb(batch.rgb)
    clean, target = module.prepare(batch, degraded=False)
    assert torch.equal(clean, lightness_from_luma(rgb_to_luma(rgb)))
    assert torch.equal(target, ab_target(rgb, 4))
    film, film_target = module.prepare(batch, degraded=True)
    assert film.shape == clean.shape
    assert not torch.allclose(film, clean)
    inside = film_target != 0
    torch.testing.assert_close(film_target[inside], target[inside], atol=60, rtol=1)


def test_under_a_black_border_the_target_is_neutral(batch: PhotoBatch) -> None:
    prior = torch.ones(bins.NUM_BINS) / bins.NUM_BINS
    effects = {f"degradation.{name}": 0.0 for name in ("clean", "spectral", "curve", "blur")}
    recipe = quick_recipe(**effects, **{"degradation.border": 1.0})
    module = ColorModule(FilmNet(), recipe, prior)
    lightness, target = module.prepare(batch, degraded=True)
    black = nn.functional.max_pool2d(lightness, 4) < 8
    assert black.any()
    assert target.norm(dim=1, keepdim=True)[black].median() < 1.0


def test_the_loss_reaches_every_weight(module: ColorModule, batch: PhotoBatch) -> None:
    lightness, target = module.prepare(batch, degraded=True)
    # Feature-wise modulation begins at zero, which would hide what lies behind it.
    for stage in (module.network.stage16, module.network.stage8):
        assert stage.film is not None
        nn.init.normal_(stage.film.weight, std=0.1)
    module.train()
    response = module.objective.respond(module.network, lightness)
    module.objective.losses(response, target)["loss"].backward()
    silent = [
        name
        for name, parameter in module.network.named_parameters()
        if parameter.grad is None or not parameter.grad.abs().sum() > 0
    ]
    assert silent == []
    assert all(p.grad is None for p in module.average.parameters())
