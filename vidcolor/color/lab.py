"""Torch colour maths: sRGB, luma and CIE L*a*b*, for training and for networks.

All functions work on float32 or float64 tensors of any device and are differentiable
everywhere; those of single values work on NumPy's arrays too. The white is D65 and the primaries
are those of sRGB (= BT.709). Torch is imported where it is needed: ``vidcolor run`` and others
need this package, but not torch, which takes longer to load than some of them run.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import numpy.typing as npt

from vidcolor.color.primaries import luma_weights, rgb_to_relative_xyz

if TYPE_CHECKING:
    from torch import Tensor

Values = TypeVar("Values", "Tensor", "npt.NDArray[np.float64]")

BT709 = 1
"""H.273's code point of the BT.709 matrix and primaries, shared by sRGB."""

LAB_EPSILON = (6 / 29) ** 3
"""Relative XYZ below which CIE L*a*b*'s cube root becomes a line (CIE 15:2004, 8.2.1)."""

LAB_SLOPE = (29 / 6) ** 2 / 3
"""Slope of that line."""


def srgb_to_linear(x: Values) -> Values:
    """sRGB's electro-optical curve, elementwise; negative values follow the linear part.

    Source: IEC 61966-2-1:1999, 5.2.
    """
    curve = ((x.clip(min=0.04045) + 0.055) / 1.055) ** 2.4
    return _choose(x <= 0.04045, x / 12.92, curve)


def linear_to_srgb(x: Values) -> Values:
    """Inverse of `srgb_to_linear`, elementwise."""
    curve = 1.055 * x.clip(min=0.0031308) ** (1 / 2.4) - 0.055
    return _choose(x <= 0.0031308, x * 12.92, curve)


def rgb_to_luma(rgb: Tensor) -> Tensor:
    """Y′ of non-linear R′G′B′ with the weights of BT.709.

    Parameters
    ----------
    rgb:
        (*, 3, H, W) sRGB-coded, 0…1.

    Returns
    -------
    (*, 1, H, W), 0…1.

    Source: Rec. ITU-R BT.709-6, item 3.2.
    """
    weights = rgb.new_tensor(luma_weights(BT709)).view(3, 1, 1)
    return (rgb * weights).sum(dim=-3, keepdim=True)


def lightness_from_luma(luma01: Values) -> Values:
    """CIE L* (0…100) of the grey pixel with luma ``luma01``, clipped to 0…1.

    This is what every network sees, in training as in use: see Note [Constant-luma
    chroma] in `vidcolor.color.solve`.
    """
    luminance = srgb_to_linear(luma01.clip(0.0, 1.0))
    return 116.0 * _lab_f(luminance) - 16.0


def rgb_to_lab(rgb: Tensor) -> Tensor:
    """Non-linear sRGB to CIE L*a*b*.

    Parameters
    ----------
    rgb:
        (*, 3, H, W) sRGB-coded, 0…1.

    Returns
    -------
    (*, 3, H, W): L* 0…100, a* and b* about −110…110. Greys have a* = b* = 0.

    Source: CIE 15:2004, 8.2.1, with D65.
    """
    import torch

    matrix = rgb.new_tensor(_rgb_to_xyz())
    # (3, 3) · (*, 3, H, W) -> (*, 3, H, W), XYZ over that of white
    xyz = torch.einsum("ij,...jhw->...ihw", matrix, srgb_to_linear(rgb))
    fx, fy, fz = _lab_f(xyz).unbind(dim=-3)
    return torch.stack((116.0 * fy - 16.0, 500.0 * (fx - fy), 200.0 * (fy - fz)), dim=-3)


def lab_to_rgb(lab: Tensor) -> Tensor:
    """CIE L*a*b* to non-linear sRGB; out-of-gamut colours leave 0…1, nothing is clipped.

    Parameters
    ----------
    lab:
        (*, 3, H, W): L* 0…100, a*, b*.

    Returns
    -------
    (*, 3, H, W) sRGB-coded.
    """
    import torch

    lightness, a, b = lab.unbind(dim=-3)
    fy = (lightness + 16.0) / 116.0
    xyz = _lab_f_inverse(torch.stack((fy + a / 500.0, fy, fy - b / 200.0), dim=-3))
    matrix = lab.new_tensor(np.linalg.inv(_rgb_to_xyz()))
    return linear_to_srgb(torch.einsum("ij,...jhw->...ihw", matrix, xyz))


@functools.cache
def _rgb_to_xyz() -> npt.NDArray[np.float64]:
    return rgb_to_relative_xyz(BT709)


def _lab_f(t: Values) -> Values:
    root = t.clip(min=LAB_EPSILON) ** (1 / 3)
    return _choose(t > LAB_EPSILON, root, LAB_SLOPE * t + 4 / 29)


def _lab_f_inverse(f: Tensor) -> Tensor:
    return _choose(f > 6 / 29, f**3, (f - 4 / 29) / LAB_SLOPE)


def _choose(condition: Any, values: Values, others: Values) -> Values:
    """``values`` where ``condition`` holds, ``others`` elsewhere."""
    if isinstance(values, np.ndarray):
        return np.where(condition, values, others)
    return values.where(condition, others)
