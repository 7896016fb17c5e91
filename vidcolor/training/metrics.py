"""Numbers by which a run is watched, and the choice of the decoding."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from vidcolor.color import lab_to_rgb, lightness_from_luma, rgb_to_luma


@dataclass(frozen=True, slots=True)
class ColorScores:
    """Means over the pictures of a set."""

    psnr_rgb: float
    """PSNR in dB of R′G′B′ 0…1 with the photo's own luma kept; mean of the pictures' values."""
    psnr_ab: float
    """PSNR in dB of a*, b* at the network's stride, against a range of 220."""
    colorfulness: float
    """Hasler and Süsstrunk's M3 (2003) of the coloured pictures, signed variant, 0…255 scale."""
    colorfulness_truth: float
    """The same of the photographs."""
    psnr_grey: float
    """``psnr_rgb`` of leaving the pictures grey."""

    @property
    def colorfulness_ratio(self) -> float:
        """Share of the photographs' colourfulness that the coloured pictures have."""
        return self.colorfulness / max(self.colorfulness_truth, 1e-6)

    def as_dict(self) -> dict[str, float]:
        """All values by name."""
        return {**asdict(self), "colorfulness_ratio": self.colorfulness_ratio}


def color_at_constant_luma(luma: Tensor, ab: Tensor) -> Tensor:
    """R′G′B′ with the given luma and, nearly, the given colour.

    A quick stand-in for `vidcolor.color`'s exact solve: the colour difference R′G′B′ − Y′ is
    taken at L*(grey) and added to the true Y′, then clipped.

    Parameters
    ----------
    luma:
        (N, 1, H, W) Y′ 0…1.
    ab:
        (N, 2, h, w) CIE units; upsampled bilinearly.

    Returns
    -------
    Tensor
        (N, 3, H, W), 0…1.
    """
    ab = F.interpolate(ab.float(), luma.shape[-2:], mode="bilinear", align_corners=False)
    rgb = lab_to_rgb(torch.cat((lightness_from_luma(luma), ab), dim=1)).clamp(0, 1)
    return (rgb + luma - rgb_to_luma(rgb)).clamp(0, 1)


def colorfulness(rgb: Tensor) -> Tensor:
    """(N,) colourfulness of (N, 3, H, W) R′G′B′ 0…1.

    M3 of Hasler and Süsstrunk 2003, "Measuring colourfulness in natural images", on the signed
    opponent channels and the 0…255 scale.
    """
    red, green, blue = (rgb * 255).unbind(1)
    opponents = torch.stack((red - green, (red + green) / 2 - blue), dim=1).flatten(2)
    spread = opponents.var(dim=2, correction=0).sum(dim=1).sqrt()
    offset = opponents.mean(dim=2).square().sum(dim=1).sqrt()
    return spread + 0.3 * offset


class ScoreKeeper:
    """Adds up the scores of batch after batch."""

    def __init__(self) -> None:
        self._sums = torch.zeros(5, dtype=torch.float64)
        self._count = 0

    def add(self, rgb: Tensor, ab: Tensor, target: Tensor) -> None:
        """Score predicted ``ab`` (N, 2, h, w) against photographs (N, 3, H, W) and their ab."""
        luma = rgb_to_luma(rgb)
        colored = color_at_constant_luma(luma, ab)
        per_picture = torch.stack(
            (
                _psnr((colored - rgb).square(), 1.0),
                _psnr((ab.float() - target).square(), 220.0),
                colorfulness(colored),
                colorfulness(rgb),
                _psnr((luma - rgb).square(), 1.0),
            )
        )
        self._sums += per_picture.sum(dim=1).cpu().double()
        self._count += len(rgb)

    def scores(self) -> ColorScores:
        """Means over everything added."""
        return ColorScores(*(self._sums / max(self._count, 1)).tolist())


def _psnr(squared_error: Tensor, peak: float) -> Tensor:
    mean = squared_error.mean(dim=(1, 2, 3)).clamp(min=1e-10)
    decibels: Tensor = 20 * math.log10(peak) - 10 * torch.log10(mean)
    return decibels


class Decoding(NamedTuple):
    """How `FilmNet` makes ab of its bins."""

    temperature: float
    gain: float
    tilt: float = 0.0

    def __str__(self) -> str:
        tilt = f", tilt {self.tilt:g}" if self.tilt else ""
        return f"{self.temperature:g} × {self.gain:g}{tilt}"


def choose_decoding(by_decoding: dict[Decoding, ColorScores], min_colorfulness: float) -> Decoding:
    """The decoding with the best PSNR among those that are colourful enough.

    If none reaches ``min_colorfulness`` (a share of the truth's), the most colourful one.
    """
    enough = {
        decoding: scores
        for decoding, scores in by_decoding.items()
        if scores.colorfulness_ratio >= min_colorfulness
    }
    if enough:
        return max(enough, key=lambda d: enough[d].psnr_rgb)
    return max(by_decoding, key=lambda d: by_decoding[d].colorfulness_ratio)
