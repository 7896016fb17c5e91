"""`vidcolor.color.lab` against scikit-image and against its own inverse."""

from __future__ import annotations

import numpy as np
import pytest
import skimage.color
import torch

from vidcolor.color import (
    lab_to_rgb,
    lightness_from_luma,
    linear_to_srgb,
    rgb_to_lab,
    rgb_to_luma,
    srgb_to_linear,
)

# scikit-image rounds its RGB → XYZ matrix and its white to five and six digits.
SKIMAGE_LAB_TOLERANCE = 0.02
# The same in dark R′G′B′, where the sRGB curve is steepest.
SKIMAGE_RGB_TOLERANCE = 2e-3


def test_srgb_curve_has_the_values_of_the_standard() -> None:
    coded = torch.tensor([0.0, 0.04045, 0.5, 1.0], dtype=torch.float64)
    linear = torch.tensor([0.0, 0.0031308, 0.21404114, 1.0], dtype=torch.float64)
    torch.testing.assert_close(srgb_to_linear(coded), linear, atol=1e-7, rtol=0)


def test_srgb_curve_inverts() -> None:
    x = torch.linspace(-0.2, 1.4, 1001, dtype=torch.float64)
    # The standard's constants leave a gap of 3e-8 where line and curve meet.
    torch.testing.assert_close(linear_to_srgb(srgb_to_linear(x)), x, atol=1e-6, rtol=0)


def test_lab_agrees_with_scikit_image() -> None:
    rgb = torch.rand(2, 3, 16, 24, dtype=torch.float64)
    lab = rgb_to_lab(rgb).permute(0, 2, 3, 1).numpy()
    reference = skimage.color.rgb2lab(rgb.permute(0, 2, 3, 1).numpy())
    np.testing.assert_allclose(lab, reference, atol=SKIMAGE_LAB_TOLERANCE)


def test_rgb_from_lab_agrees_with_scikit_image() -> None:
    lab = rgb_to_lab(torch.rand(3, 16, 24, dtype=torch.float64))
    reference = skimage.color.lab2rgb(lab.permute(1, 2, 0).numpy())
    np.testing.assert_allclose(
        lab_to_rgb(lab).permute(1, 2, 0).numpy(), reference, atol=SKIMAGE_RGB_TOLERANCE
    )


@pytest.mark.parametrize(
    ("dtype", "tolerance"),
    [(torch.float64, 1e-12), (torch.float32, 2e-5)],  # a few units of each type's rounding
)
def test_lab_round_trip(dtype: torch.dtype, tolerance: float) -> None:
    rgb = torch.rand(2, 3, 8, 8, dtype=dtype)
    torch.testing.assert_close(lab_to_rgb(rgb_to_lab(rgb)), rgb, atol=tolerance, rtol=0)


def test_lab_outside_the_gamut_is_not_clipped() -> None:
    lab = torch.tensor([50.0, 120.0, -120.0], dtype=torch.float64).view(3, 1, 1)
    rgb = lab_to_rgb(lab)
    assert rgb.min() < 0 or rgb.max() > 1
    torch.testing.assert_close(rgb_to_lab(rgb), lab, atol=1e-9, rtol=0)


@pytest.mark.parametrize("shape", [(3, 4, 5), (2, 3, 4, 5), (2, 6, 3, 4, 5)])
def test_shapes_and_types_are_kept(shape: tuple[int, ...]) -> None:
    rgb = torch.rand(shape)
    assert rgb_to_lab(rgb).shape == shape
    assert lab_to_rgb(rgb_to_lab(rgb)).dtype == torch.float32
    assert rgb_to_luma(rgb).shape == (*shape[:-3], 1, *shape[-2:])


def test_greys_have_no_chroma_and_their_own_luma() -> None:
    grey = torch.linspace(0, 1, 256, dtype=torch.float64).view(1, 1, 256).expand(3, 1, 256)
    lab = rgb_to_lab(grey)
    assert lab[1:].abs().max() < 1e-10
    torch.testing.assert_close(rgb_to_luma(grey), grey[:1], atol=1e-15, rtol=0)
    torch.testing.assert_close(lightness_from_luma(grey[:1]), lab[:1], atol=1e-10, rtol=0)


def test_luma_of_the_primaries_are_the_weights() -> None:
    primaries = torch.eye(3, dtype=torch.float64).view(3, 3, 1)
    luma = rgb_to_luma(primaries).flatten().tolist()
    assert luma == pytest.approx([0.2126, 0.7152, 0.0722])


def test_lightness_clips_luma() -> None:
    lightness = lightness_from_luma(torch.tensor([-0.1, 0.0, 1.0, 1.2]))
    torch.testing.assert_close(lightness, torch.tensor([0.0, 0.0, 100.0, 100.0]), atol=1e-4, rtol=0)


def test_gradients_are_finite_at_black_and_right_elsewhere() -> None:
    black = torch.zeros(3, 1, 1, dtype=torch.float64, requires_grad=True)
    rgb_to_lab(black).sum().backward()
    assert black.grad is not None
    assert torch.isfinite(black.grad).all()
    rgb = (torch.rand(3, 2, 2, dtype=torch.float64) * 0.8 + 0.1).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: lab_to_rgb(rgb_to_lab(x) + 1.0), (rgb,))
