"""Make the grey copy of a modern photograph look like old film.

Only the network's input is degraded; its colour target stays that of the clean photograph,
except under a black border, which belongs to no picture and gets a neutral target.

The effects follow what published restorers simulate: grain, dust, blur, JPEG blocks and
rescaling (Wan et al. 2022, "Bringing Old Films Back to Life", https://arxiv.org/abs/2203.17276)
and the emulsion's spectral response (Luo et al. 2021, "Time-Travel Rephotography",
https://arxiv.org/abs/2012.12261). Strengths were chosen by eye for pictures of 96 to 256 px.
"""

from __future__ import annotations

import math

import cv2
import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor

from vidcolor.color import linear_to_srgb, rgb_to_luma, srgb_to_linear

_STREAM = 3
"""Key that keeps these random numbers apart from those of the batches."""

_BLUR_RADIUS = 5
"""Taps to either side of the Gaussian kernels; enough for sigma ≤ 2 px."""

_JPEG_LUMA_TABLE = np.array(
    [
        [16, 11, 10, 16, 24, 40, 51, 61],
        [12, 12, 14, 19, 26, 58, 60, 55],
        [14, 13, 16, 24, 40, 57, 69, 56],
        [14, 17, 22, 29, 51, 87, 80, 62],
        [18, 22, 37, 56, 68, 109, 103, 77],
        [24, 35, 55, 64, 81, 104, 113, 92],
        [49, 64, 78, 87, 103, 121, 120, 101],
        [72, 92, 95, 98, 112, 100, 103, 99],
    ],
    np.float32,
)
"""Luminance quantisation of ITU-T T.81, table K.1, in code values 0…255."""


class DegradationRecipe(BaseModel):
    """How the input is made to look like old film; the colour target stays clean.

    Probabilities are per picture; each effect draws its own.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    clean: float = Field(default=0.3, ge=0, le=1)
    """Pictures that nothing is done to."""
    spectral: float = Field(default=0.6, ge=0, le=1)
    """Emulsion response other than BT.709 luma."""
    curve: float = Field(default=0.7, ge=0, le=1)
    """H&D curve: gamma, gain, offset, toe and shoulder."""
    blur: float = Field(default=0.3, ge=0, le=1)
    """Gaussian blur."""
    shrink: float = Field(default=0.15, ge=0, le=1)
    """Down and up again."""
    vignette: float = Field(default=0.25, ge=0, le=1)
    """Darker corners."""
    border: float = Field(default=0.08, ge=0, le=1)
    """Black borders or a rounded gate."""
    grain: float = Field(default=0.5, ge=0, le=1)
    """Grain, strongest in the midtones."""
    dust: float = Field(default=0.15, ge=0, le=1)
    """Dust specks and vertical scratches."""
    blocks: float = Field(default=0.15, ge=0, le=1)
    """8 × 8 DCT quantisation."""


_Rng = np.random.Generator


class FilmDegradation:
    """Batched film look, a pure function of (seed, step) and the pictures.

    Parameters
    ----------
    recipe:
        Probability of each effect.
    seed:
        The run's seed.
    """

    def __init__(self, recipe: DegradationRecipe, seed: int) -> None:
        self._recipe = recipe
        self._seed = seed

    def __call__(self, rgb: Tensor, step: int, rank: int = 0) -> tuple[Tensor, Tensor]:
        """Degraded luma of ``rgb`` and where the picture is.

        Parameters
        ----------
        rgb:
            (N, 3, H, W) float32 R′G′B′ 0…1; H and W multiples of 8.
        step, rank:
            Key the random numbers.

        Returns
        -------
        luma:
            (N, 1, H, W) float32 Y′ 0…1.
        inside:
            (N, 1, H, W) float32: 0 under a black border, 1 elsewhere.
        """
        rng = np.random.default_rng([self._seed, _STREAM, step, *([rank] if rank else [])])
        noise = torch.Generator(rgb.device).manual_seed(int(rng.integers(2**62)))
        dirty = rng.random(len(rgb)) >= self._recipe.clean
        luma = rgb_to_luma(rgb)
        inside = torch.ones_like(luma)

        def picked(probability: float) -> Tensor:
            chosen = np.flatnonzero(dirty & (rng.random(len(rgb)) < probability))
            return torch.from_numpy(chosen).to(rgb.device)

        if len(rows := picked(self._recipe.spectral)):
            luma[rows] = emulsion_luma(rgb[rows], rng)
        for effect, probability in (
            (film_curve, self._recipe.curve),
            (vignette, self._recipe.vignette),
            (blur, self._recipe.blur),
            (shrink, self._recipe.shrink),
        ):
            if len(rows := picked(probability)):
                luma[rows] = effect(luma[rows], rng)
        if len(rows := picked(self._recipe.grain)):
            luma[rows] = grain(luma[rows], rng, noise)
        if len(rows := picked(self._recipe.dust)):
            luma[rows] = dust(luma[rows], rng)
        if len(rows := picked(self._recipe.border)):
            luma[rows], inside[rows] = border(luma[rows], rng)
        if len(rows := picked(self._recipe.blocks)):
            luma[rows] = dct_blocks(luma[rows], rng)
        return luma.clamp_(0, 1), inside


def _column(values: npt.NDArray[np.float64], like: Tensor) -> Tensor:
    # (N,) -> (N, 1, 1, 1)
    return torch.from_numpy(values).to(like).view(-1, 1, 1, 1)


def emulsion_luma(rgb: Tensor, rng: _Rng) -> Tensor:
    """Grey as film of a random emulsion would see (N, 3, H, W) R′G′B′: (N, 1, H, W).

    60 % panchromatic with random weights, 25 % orthochromatic (blind to red), 8 % blue-sensitive,
    7 % panchromatic behind a red or yellow filter; mixed in linear light.
    """
    weights = np.stack([_emulsion(rng) for _ in range(len(rgb))])
    weights /= weights.sum(axis=1, keepdims=True)
    per_channel = torch.from_numpy(weights).to(rgb)
    mixed = torch.einsum("nchw,nc->nhw", srgb_to_linear(rgb), per_channel)
    return linear_to_srgb(mixed[:, None].clamp_(0, 1))


def _emulsion(rng: _Rng) -> npt.NDArray[np.float64]:
    kind = rng.random()
    if kind < 0.60:  # panchromatic
        low, high = (0.15, 0.3, 0.1), (0.4, 0.7, 0.4)
    elif kind < 0.85:  # orthochromatic
        low, high = (0.0, 0.4, 0.3), (0.08, 0.6, 0.6)
    elif kind < 0.93:  # blue-sensitive
        low, high = (0.0, 0.0, 0.8), (0.03, 0.15, 1.0)
    else:  # behind a red or yellow filter
        low, high = (0.5, 0.1, 0.0), (0.9, 0.5, 0.05)
    return rng.uniform(low, high)


def film_curve(luma: Tensor, rng: _Rng) -> Tensor:
    """Contrast of negative, print and scan: gamma, toe and shoulder, gain, offset."""
    count = len(luma)
    gamma = _column(np.exp(rng.uniform(math.log(0.6), math.log(1.7), count)), luma)
    shoulder = _column(rng.uniform(-0.3, 0.5, count), luma)
    gain = _column(rng.uniform(0.8, 1.2, count), luma)
    offset = _column(rng.uniform(-0.06, 0.08, count), luma)
    curved = luma.clamp(min=1e-4) ** gamma
    s_shaped = curved * curved * (3 - 2 * curved)
    return (gain * torch.lerp(curved, s_shaped, shoulder) + offset).clamp(0, 1)


def vignette(luma: Tensor, rng: _Rng) -> Tensor:
    """Corners up to 45 % darker, around a point near the middle."""
    count = len(luma)
    x, y = _coordinates(luma)
    center_x = _column(rng.uniform(-0.2, 0.2, count), luma)
    center_y = _column(rng.uniform(-0.2, 0.2, count), luma)
    radius = ((x - center_x) ** 2 + (y - center_y) ** 2) / 2
    return luma * (1 - _column(rng.uniform(0, 0.45, count), luma) * radius.clamp(max=1))


def _coordinates(like: Tensor) -> tuple[Tensor, Tensor]:
    """x (1, 1, 1, W) and y (1, 1, H, 1), −1…1."""
    height, width = like.shape[-2:]
    x = torch.linspace(-1, 1, width, device=like.device)
    y = torch.linspace(-1, 1, height, device=like.device)
    return x.view(1, 1, 1, -1), y.view(1, 1, -1, 1)


def gaussian_blur(pictures: Tensor, sigma: Tensor) -> Tensor:
    """Blur (N, 1, H, W), each picture with its own ``sigma`` (N,) in pixels."""
    taps = torch.arange(-_BLUR_RADIUS, _BLUR_RADIUS + 1, device=pictures.device)
    kernel = torch.exp(-(taps**2) / (2 * sigma.view(-1, 1) ** 2))
    kernel = (kernel / kernel.sum(dim=1, keepdim=True)).to(pictures.dtype)
    count = len(pictures)
    # One convolution with a group per picture: (N, 1, H, W) -> (1, N, H, W).
    padded = F.pad(pictures.transpose(0, 1), (_BLUR_RADIUS,) * 4, mode="reflect")
    across = F.conv2d(padded, kernel.view(count, 1, 1, -1), groups=count)
    return F.conv2d(across, kernel.view(count, 1, -1, 1), groups=count).transpose(0, 1)


def blur(luma: Tensor, rng: _Rng) -> Tensor:
    """Soft lens or bad print: sigma up to 1/100 of the picture, at most 2 px."""
    largest = min(2.0, max(0.3, luma.shape[-1] / 100))
    sigma = torch.from_numpy(rng.uniform(0.3, largest, len(luma))).to(luma)
    return gaussian_blur(luma, sigma)


def shrink(luma: Tensor, rng: _Rng) -> Tensor:
    """Down by one random factor of 0.45…0.9 and up again."""
    size = luma.shape[-2:]
    scale = float(rng.uniform(0.45, 0.9))
    small_size = [max(8, round(side * scale)) for side in size]
    small = F.interpolate(luma, small_size, mode="bilinear", antialias=True)
    return F.interpolate(small, size, mode="bilinear")


def grain(luma: Tensor, rng: _Rng, generator: torch.Generator) -> Tensor:
    """Spatially correlated noise of 1…9 code values, strongest in the midtones."""
    count = len(luma)
    white = torch.randn(luma.shape, generator=generator, device=luma.device, dtype=luma.dtype)
    sigma = torch.from_numpy(rng.uniform(0.35, 1.0, count)).to(luma)
    clumped = gaussian_blur(white, sigma)
    clumped = clumped / clumped.std(dim=(2, 3), keepdim=True).clamp(min=1e-6)
    strength = _column(rng.uniform(1, 9, count) / 255, luma)
    return luma + strength * (0.3 + 2.8 * luma * (1 - luma)) * clumped


def dust(luma: Tensor, rng: _Rng) -> Tensor:
    """Specks and vertical scratches, darker or brighter than the picture."""
    height, width = luma.shape[-2:]
    marks = np.zeros((len(luma), height, width), np.float32)
    for mark in marks:
        for _ in range(int(rng.integers(0, 8))):
            center = (int(rng.integers(width)), int(rng.integers(height)))
            axes = (int(rng.integers(1, 3)), int(rng.integers(1, 4)))
            tone = float(rng.choice((-1.0, 1.0)) * rng.uniform(0.3, 1))
            cv2.ellipse(mark, center, axes, float(rng.uniform(0, 180)), 0, 360, tone, -1)
        for _ in range(int(rng.integers(0, 3))):
            x, top = int(rng.integers(width)), int(rng.integers(height))
            bottom = (x + int(rng.integers(-2, 3)), int(rng.integers(top, height + 1)))
            tone = float(rng.choice((-1.0, 1.0)) * rng.uniform(0.1, 0.7))
            cv2.line(mark, (x, top), bottom, tone, 1)
    drawn = torch.from_numpy(marks)[:, None].to(luma)
    towards = (drawn > 0).to(luma)
    return torch.lerp(luma, towards, drawn.abs())


def border(luma: Tensor, rng: _Rng) -> tuple[Tensor, Tensor]:
    """Black around the picture, with straight or rounded corners; and where the picture is."""
    count = len(luma)
    x, y = _coordinates(luma)
    half_w = _column(rng.uniform(0.82, 1.02, count), luma)
    half_h = _column(rng.uniform(0.88, 1.02, count), luma)
    radius = _column(rng.uniform(0, 0.35, count), luma)
    # Signed distance to a rounded rectangle, negative inside.
    dx, dy = x.abs() - half_w + radius, y.abs() - half_h + radius
    outside = torch.hypot(dx.clamp(min=0), dy.clamp(min=0))
    distance = outside + torch.maximum(dx, dy).clamp(max=0) - radius
    inside = (0.5 - distance * luma.shape[-1] / 4).clamp(0, 1)
    black = _column(rng.uniform(0, 0.08, count), luma)
    return torch.lerp(black.expand_as(luma), luma, inside), inside


def _dct_basis() -> npt.NDArray[np.float32]:
    """(64, 8, 8) orthonormal DCT-II basis pictures."""
    k, n = np.arange(8)[:, None], np.arange(8)[None]
    rows = np.cos(math.pi * (2 * n + 1) * k / 16) * np.sqrt(np.where(k == 0, 1 / 8, 2 / 8))
    outer = rows[:, None, :, None] * rows[None, :, None, :]  # (8, 8) -> (8, 8, 8, 8)
    return np.asarray(outer.reshape(64, 8, 8), np.float32)


_DCT = _dct_basis()
"""Basis of the 8 × 8 cosine transform, ITU-T T.81 A.3.3."""


def dct_blocks(luma: Tensor, rng: _Rng) -> Tensor:
    """Blocks of strong JPEG or old video compression: the scale of table K.1 is 0.2…1.6."""
    basis = torch.from_numpy(_DCT).to(luma)[:, None]
    table = torch.from_numpy(_JPEG_LUMA_TABLE / 255).to(luma).view(1, 64, 1, 1)
    steps = table * _column(rng.uniform(0.2, 1.6, len(luma)), luma)
    coefficients = F.conv2d(luma, basis, stride=8)
    quantised = torch.round(coefficients / steps) * steps
    return F.conv_transpose2d(quantised, basis, stride=8)
