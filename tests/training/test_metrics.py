from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from tests.photographs.made import photograph
from vidcolor.color import rgb_to_lab, rgb_to_luma
from vidcolor.training.metrics import (
    ColorScores,
    Decoding,
    ScoreKeeper,
    choose_decoding,
    color_at_constant_luma,
    colorfulness,
)


def _rgb(count: int = 3) -> Tensor:
    # Muted, so that no colour leaves the gamut when its luma is kept.
    photos = np.stack([photograph(seed, 32, 32) for seed in range(count)])
    full = torch.from_numpy(photos).permute(0, 3, 1, 2).float() / 255
    return 0.3 + 0.4 * full


def test_true_colours_give_the_photo_back() -> None:
    rgb = _rgb()
    colored = color_at_constant_luma(rgb_to_luma(rgb), rgb_to_lab(rgb)[:, 1:])
    torch.testing.assert_close(rgb_to_luma(colored), rgb_to_luma(rgb), atol=0.002, rtol=0)
    # L*(grey) is not quite the photo's L*, so the stand-in is near, not exact.
    assert (colored - rgb).square().mean() < 1e-3


def test_no_colour_gives_grey() -> None:
    luma = rgb_to_luma(_rgb())
    grey = color_at_constant_luma(luma, torch.zeros(3, 2, 8, 8))
    torch.testing.assert_close(grey, luma.expand(-1, 3, -1, -1), atol=1e-4, rtol=0)


def test_colorfulness_follows_the_published_formula() -> None:
    rgb = _rgb(1)
    red, green, blue = (rgb[0] * 255).double().numpy()
    rg, yb = red - green, (red + green) / 2 - blue
    expected = np.hypot(rg.std(), yb.std()) + 0.3 * np.hypot(rg.mean(), yb.mean())
    np.testing.assert_allclose(colorfulness(rgb).item(), expected, rtol=1e-5)
    assert colorfulness(torch.full((1, 3, 8, 8), 0.5)).item() == 0


def test_scores_are_means_over_pictures_however_they_are_batched() -> None:
    rgb = _rgb(3)
    target = torch.nn.functional.avg_pool2d(rgb_to_lab(rgb)[:, 1:], 4)
    ab = target + 10
    together, apart = ScoreKeeper(), ScoreKeeper()
    together.add(rgb, ab, target)
    for index in range(3):
        part = slice(index, index + 1)
        apart.add(rgb[part], ab[part], target[part])
    for name, value in together.scores().as_dict().items():
        np.testing.assert_allclose(apart.scores().as_dict()[name], value, rtol=1e-5)
    # 220² / 10² is 26.85 dB
    np.testing.assert_allclose(together.scores().psnr_ab, 26.848, atol=0.01)


def test_true_colours_score_better_than_grey() -> None:
    rgb = _rgb()
    target = torch.nn.functional.avg_pool2d(rgb_to_lab(rgb)[:, 1:], 4)
    keeper = ScoreKeeper()
    keeper.add(rgb, target, target)
    scores = keeper.scores()
    assert scores.psnr_rgb > scores.psnr_grey + 5
    assert 0.7 < scores.colorfulness_ratio < 1.1


def _scores(psnr: float, colorful: float) -> ColorScores:
    return ColorScores(psnr, 0.0, colorful, 1.0, 0.0)


def test_the_best_psnr_among_the_colourful_enough_is_chosen() -> None:
    vivid, middle, pale = Decoding(0.2, 1.0), Decoding(1.0, 1.3), Decoding(1.0, 1.0)
    by_decoding = {
        vivid: _scores(22.0, 0.9),
        middle: _scores(23.0, 0.7),
        pale: _scores(24.0, 0.5),
    }
    assert choose_decoding(by_decoding, 0.65) == middle
    assert choose_decoding(by_decoding, 0.0) == pale
    assert choose_decoding(by_decoding, 2.0) == vivid
    assert str(middle) == "1 × 1.3"
