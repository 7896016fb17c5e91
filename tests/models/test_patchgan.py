from __future__ import annotations

import itertools

import pytest
import torch

from vidcolor.models.patchgan import RECEPTIVE_FIELD, PatchGAN


def test_verdicts_for_a_picture_of_256() -> None:
    verdicts = PatchGAN()(torch.zeros(1, 1, 256, 256), torch.zeros(1, 2, 256, 256))
    assert verdicts.shape == (1, 1, 30, 30)


def test_a_verdict_sees_seventy_pixels() -> None:
    judge = PatchGAN().double().eval()
    ab = torch.zeros(1, 2, 256, 256, dtype=torch.double, requires_grad=True)
    judge(torch.full((1, 1, 256, 256), 50.0, dtype=torch.double), ab)[0, 0, 15, 15].backward()
    assert ab.grad is not None
    seen = ab.grad.abs().sum(dim=(0, 1)) > 0
    for axis in (0, 1):
        (where,) = torch.nonzero(seen.any(dim=axis), as_tuple=True)
        assert int(where.max() - where.min()) + 1 == RECEPTIVE_FIELD == 70


def test_parameters() -> None:
    widths = (3, 64, 128, 256, 512, 1)
    weights = sum(16 * i * o for i, o in itertools.pairwise(widths))
    biases, norms = 64 + 1, 2 * (128 + 256 + 512)
    assert sum(p.numel() for p in PatchGAN().parameters()) == weights + biases + norms


def test_the_verdict_depends_on_the_grey_picture() -> None:
    judge = PatchGAN().eval()
    ab = torch.zeros(1, 2, 64, 64)
    dark, bright = (judge(torch.full((1, 1, 64, 64), L), ab) for L in (10.0, 90.0))
    assert not torch.allclose(dark, bright)


def test_a_picture_without_a_verdict_is_refused() -> None:
    judge = PatchGAN().eval()
    assert judge(torch.zeros(1, 1, 24, 64), torch.zeros(1, 2, 24, 64)).shape == (1, 1, 1, 6)
    with pytest.raises(ValueError, match=r"at least 24 px.*not \(1, 1, 23, 64\)"):
        judge(torch.zeros(1, 1, 23, 64), torch.zeros(1, 2, 23, 64))
