"""How far coloured pictures are from the true ones, and how colourful they are.

Everything is computed in floating point on values of 0…1. Published code that subtracts uint8
arrays wraps around and prints 28 dB for 22 (research code of several video colorizers does).
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt
import torch
from skimage.color import deltaE_ciede2000
from skimage.metrics import structural_similarity

from vidcolor.color import rgb_to_lab
from vidcolor.models import bins

Rgb = npt.NDArray[np.float32]
"""(H, W, 3) sRGB R′G′B′, 0…1."""

Lab = npt.NDArray[np.float32]
"""(3, H, W) CIE L*a*b*, D65."""

AUC_LARGEST_ERROR = 150.0
"""CIE units: where the sweep of thresholds ends (Zhang et al. 2016, section 3.2)."""

_WHITE = {"uint8": 255, "uint16": 65535}

LEAST_MSE = 1e-10
"""Smaller errors count as this: 100 dB."""


def unit(picture: npt.NDArray[np.generic]) -> Rgb:
    """Codes or values of a picture as float32, 0…1.

    Raises
    ------
    TypeError
        For anything but uint8, uint16 and floating point.
    """
    white = _WHITE.get(picture.dtype.name)
    if white is not None:
        return picture.astype(np.float32) / np.float32(white)
    if np.issubdtype(picture.dtype, np.floating):
        return picture.astype(np.float32)
    raise TypeError(f"pictures are uint8, uint16 or floating point, not {picture.dtype}")


def to_lab(rgb: Rgb) -> Lab:
    """CIE L*a*b* of a picture."""
    tensor = torch.from_numpy(np.ascontiguousarray(rgb)).permute(2, 0, 1)[None]
    return np.asarray(rgb_to_lab(tensor)[0].numpy(), np.float32)


def mean_squared_error(truth: npt.NDArray[np.generic], shown: npt.NDArray[np.generic]) -> float:
    """Over all samples of two pictures, as values of 0…1."""
    return float(np.mean(np.square(unit(truth) - unit(shown), dtype=np.float64)))


def psnr(mse: float) -> float:
    """dB against a peak of 1; at most 100."""
    return float(-10 * np.log10(max(mse, LEAST_MSE)))


def ssim(truth: Rgb, shown: Rgb) -> float:
    """Mean structural similarity over R′, G′ and B′ (Wang et al. 2004, 7 × 7 uniform window, as
    scikit-image computes it); the window shrinks to fit pictures below 7 px."""
    window = min(7, *(side - 1 + side % 2 for side in truth.shape[:2]))
    if window < 3:
        return float(np.array_equal(truth, shown))
    return float(
        structural_similarity(truth, shown, win_size=window, channel_axis=2, data_range=1.0)
    )


def color_difference(truth: Lab, shown: Lab) -> npt.NDArray[np.float32]:
    """(H, W) CIEDE2000 differences."""
    return np.asarray(deltaE_ciede2000(truth, shown, channel_axis=0), np.float32)


def colorfulness(rgb: Rgb, *, absolute: bool = False) -> float:
    """M3 of Hasler and Süsstrunk 2003, "Measuring colourfulness in natural images", 0…255 scale.

    Parameters
    ----------
    absolute:
        Take the opponent channels' absolute values first, as the code of DDColor and ColorMNet
        does; the paper's are signed. The two differ on pictures with opposite hues.
    """
    red, green, blue = (np.asarray(rgb[..., i], np.float64) * 255 for i in range(3))
    opponents = np.stack((red - green, (red + green) / 2 - blue))
    if absolute:
        opponents = np.abs(opponents)
    spread = np.sqrt(opponents.var(axis=(1, 2)).sum())
    offset = np.sqrt(np.square(opponents.mean(axis=(1, 2))).sum())
    return float(spread + 0.3 * offset)


def cast_ratio(lab: Lab) -> float:
    """|mean ab| / mean |ab|: 0 where colours balance, 1 where all have one hue; 0 for grey."""
    chroma = np.hypot(lab[1], lab[2]).mean(dtype=np.float64)
    if chroma < 1e-3:
        return 0.0
    return float(np.hypot(lab[1].mean(dtype=np.float64), lab[2].mean(dtype=np.float64)) / chroma)


def nearest_bins(lab: Lab) -> npt.NDArray[np.int64]:
    """(H, W) index of the ab bin nearest to each pixel."""
    indices, _ = bins.soft_encode(torch.from_numpy(lab[None, 1:]))
    return np.asarray(indices[0, 0].numpy(), np.int64)


def bin_counts(nearest: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """(313,) pixels per ab bin."""
    return np.bincount(nearest.ravel(), minlength=bins.NUM_BINS).astype(np.float64)


def within_threshold(truth: Lab, shown: Lab) -> npt.NDArray[np.float32]:
    """(H, W) each pixel's share of the area under the curve of ab errors.

    Zhang et al. 2016, section 3.2: the share of pixels whose ab is within a threshold of the
    truth, integrated over thresholds of 0…150 and normalised. The mean of this is that area:
    a pixel with the error e is within all thresholds above e.
    """
    error = np.hypot(truth[1] - shown[1], truth[2] - shown[2])
    return np.asarray(np.clip(1 - error / np.float32(AUC_LARGEST_ERROR), 0, 1), np.float32)


def js_divergence(first: npt.NDArray[np.float64], second: npt.NDArray[np.float64]) -> float:
    """Jensen–Shannon divergence of two histograms, nats: 0 for the same, ln 2 for disjoint ones."""
    p, q = first / first.sum(), second / second.sum()
    middle = (p + q) / 2

    def relative_entropy(part: npt.NDArray[np.float64]) -> float:
        there = part > 0
        return float((part[there] * np.log(part[there] / middle[there])).sum())

    return (relative_entropy(p) + relative_entropy(q)) / 2


@dataclass(frozen=True, slots=True)
class PictureScores:
    """One picture against its truth."""

    mse: float
    """Of R′G′B′ 0…1."""
    psnr: float
    """dB."""
    ssim: float
    delta_e: float
    """Mean CIEDE2000."""
    delta_e_p90: float
    """90th percentile of CIEDE2000 over the pixels."""
    auc: float
    """Area under the curve of ab errors, 0…1; see `within_threshold`."""
    colorfulness: float
    """Signed; see `colorfulness`."""
    colorfulness_absolute: float
    cast: float
    """See `cast_ratio`."""


def score_picture(truth: Rgb, shown: Rgb, truth_lab: Lab, shown_lab: Lab) -> PictureScores:
    """All measures that need one picture alone."""
    mse = mean_squared_error(truth, shown)
    difference = color_difference(truth_lab, shown_lab)
    return PictureScores(
        mse=mse,
        psnr=psnr(mse),
        ssim=ssim(truth, shown),
        delta_e=float(difference.mean(dtype=np.float64)),
        delta_e_p90=float(np.percentile(difference, 90)),
        auc=float(within_threshold(truth_lab, shown_lab).mean(dtype=np.float64)),
        colorfulness=colorfulness(shown),
        colorfulness_absolute=colorfulness(shown, absolute=True),
        cast=cast_ratio(shown_lab),
    )


def resized(picture: npt.NDArray[np.float32], width: int, height: int) -> npt.NDArray[np.float32]:
    """(h, w) or (h, w, C) stretched to another size: area average down, bilinear up."""
    shrinks = picture.shape[0] * picture.shape[1] >= width * height
    method = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(picture, (width, height), interpolation=method), np.float32)
