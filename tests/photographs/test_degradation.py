from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.photographs.made import photograph
from vidcolor.color import rgb_to_luma
from vidcolor.photographs import degradation
from vidcolor.photographs.degradation import DegradationRecipe, FilmDegradation

EFFECTS = tuple(name for name in DegradationRecipe.model_fields if name != "clean")


def _recipe(**probabilities: float) -> DegradationRecipe:
    return DegradationRecipe(**{"clean": 0.0, **dict.fromkeys(EFFECTS, 0.0), **probabilities})


@pytest.fixture
def rgb() -> Tensor:
    photos = np.stack([photograph(seed, 64, 48) for seed in range(8)])
    return torch.from_numpy(photos).permute(0, 3, 1, 2).float() / 255


def _rng() -> np.random.Generator:
    return np.random.default_rng(4)


def test_clean_pictures_are_exactly_the_luma(rgb: Tensor) -> None:
    luma, inside = FilmDegradation(_recipe(clean=1.0, grain=1.0), seed=1)(rgb, step=0)
    assert torch.equal(luma, rgb_to_luma(rgb).clamp(0, 1))
    assert inside.eq(1).all()


def test_the_same_step_gives_the_same_film(rgb: Tensor) -> None:
    recipe = DegradationRecipe()
    first, _ = FilmDegradation(recipe, seed=1)(rgb, step=5)
    again, _ = FilmDegradation(recipe, seed=1)(rgb, step=5)
    other_step, _ = FilmDegradation(recipe, seed=1)(rgb, step=6)
    other_seed, _ = FilmDegradation(recipe, seed=2)(rgb, step=5)
    assert torch.equal(first, again)
    assert not torch.equal(first, other_step)
    assert not torch.equal(first, other_seed)


@pytest.mark.parametrize("effect", EFFECTS)
def test_every_effect_changes_pictures_and_stays_in_range(effect: str, rgb: Tensor) -> None:
    luma, _ = FilmDegradation(_recipe(**{effect: 1.0}), seed=3)(rgb, step=0)
    assert luma.shape == (8, 1, 48, 64)
    assert luma.isfinite().all()
    assert luma.min() >= 0
    assert luma.max() <= 1
    changed = (luma - rgb_to_luma(rgb)).abs().amax(dim=(1, 2, 3)) > 1 / 255
    assert changed.float().mean() >= 0.5


def test_grey_stays_grey_under_every_emulsion() -> None:
    grey = torch.linspace(0, 1, 64).expand(20, 3, 8, 64)
    luma = degradation.emulsion_luma(grey, _rng())
    torch.testing.assert_close(luma, grey[:, :1], atol=1e-4, rtol=0)


def test_most_emulsions_that_are_blind_to_red_darken_it() -> None:
    rng = _rng()
    weights = np.stack([degradation._emulsion(rng) for _ in range(2000)])
    weights /= weights.sum(axis=1, keepdims=True)
    blind = (weights[:, 0] < 0.1).mean()
    assert 0.28 < blind < 0.38  # orthochromatic and blue-sensitive: 25 % + 8 %
    assert 0.04 < (weights[:, 0] > 0.45).mean() < 0.2


def test_a_border_is_black_and_belongs_to_no_picture() -> None:
    bright = torch.full((30, 1, 64, 64), 0.9)
    luma, inside = degradation.border(bright, _rng())
    assert luma[inside == 0].max() <= 0.08
    torch.testing.assert_close(luma[inside == 1], bright[inside == 1])
    assert inside[:, :, 24:40, 24:40].eq(1).all()
    assert (inside[:, :, 0, 0] < 1).any()


def test_blur_keeps_the_mean_and_follows_sigma() -> None:
    point = torch.zeros(2, 1, 33, 33)
    point[:, :, 16, 16] = 1
    blurred = degradation.gaussian_blur(point, torch.tensor([0.5, 1.5]))
    torch.testing.assert_close(blurred.sum(dim=(1, 2, 3)), torch.ones(2))
    offsets = torch.arange(33.0) - 16
    spread = (blurred.sum(dim=2).squeeze(1) * offsets**2).sum(dim=1).sqrt()
    # Sampling and cutting a Gaussian changes its width a little.
    torch.testing.assert_close(spread, torch.tensor([0.5, 1.5]), atol=0.05, rtol=0)


def test_grain_is_strongest_in_the_midtones() -> None:
    def noise(level: float) -> float:
        flat = torch.full((6, 1, 64, 64), level)
        grained = degradation.grain(flat, _rng(), torch.Generator().manual_seed(1))
        return float((grained - flat).std())

    assert noise(0.5) > 2 * noise(0.0)
    assert noise(0.5) > 2 * noise(1.0)


def test_the_cosine_transform_is_orthonormal() -> None:
    basis = torch.from_numpy(degradation._DCT).flatten(1)
    torch.testing.assert_close(basis @ basis.T, torch.eye(64), atol=1e-5, rtol=0)


def test_blocks_keep_flat_pictures_nearly_flat() -> None:
    flat = torch.full((4, 1, 32, 32), 0.5)
    blocked = degradation.dct_blocks(flat, _rng())
    # The mean is quantised in steps of at most 1.6 · 16 / 8 code values.
    torch.testing.assert_close(blocked, flat, atol=1.7 / 255, rtol=0)


@pytest.mark.parametrize(
    "effect", [degradation.film_curve, degradation.vignette, degradation.blur, degradation.shrink]
)
def test_effects_leave_their_input_alone(
    effect: Callable[[Tensor, np.random.Generator], Tensor], rgb: Tensor
) -> None:
    luma = rgb_to_luma(rgb)
    before = luma.clone()
    effect(luma, _rng())
    assert torch.equal(luma, before)


@pytest.mark.parametrize("side", [16, 24, 32])
def test_small_pictures_can_be_degraded(side: int) -> None:
    rgb = torch.rand(20, 3, side, side)
    recipe = DegradationRecipe(clean=0.0, blur=1.0)
    luma, _ = FilmDegradation(recipe, seed=1)(rgb, 0)
    assert luma.shape == (20, 1, side, side)
    assert luma.isfinite().all()
