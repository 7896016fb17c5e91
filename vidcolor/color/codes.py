"""Between code values and Y′CbCr or R′G′B′ numbers."""

from __future__ import annotations

from typing import cast

import cv2
import numpy as np
import numpy.typing as npt

from vidcolor.color.lab import BT709
from vidcolor.color.primaries import luma_weights
from vidcolor.frames import Plane

FloatArray = npt.NDArray[np.float32]


def neutral_code(bit_depth: int) -> int:
    """The code of Cb = Cr = 0."""
    return 1 << (bit_depth - 1)


def code_type(bit_depth: int) -> type[np.uint8] | type[np.uint16]:
    """The type that holds code values of this depth: `numpy.uint8` up to 8 bits."""
    return np.uint8 if bit_depth <= 8 else np.uint16


def chroma_codes(chroma: FloatArray, bit_depth: int, full_range: bool) -> Plane:
    """Codes of Cb or Cr, rounded, clipped to the legal range.

    Parameters
    ----------
    chroma:
        (h, w) −0.5…0.5.

    Returns
    -------
    (h, w) uint8 for 8 bits, uint16 above.

    Source: ITU-T H.273, equations 23 to 25 (limited: 16…240 at 8 bits; full: 0…255).
    """
    span = 2**bit_depth - 1 if full_range else 224 << (bit_depth - 8)
    middle = neutral_code(bit_depth)
    legal = np.clip(chroma, -0.5, 0.5)
    if bit_depth == 8:
        # Saturates to 0…255, which is all that full range needs.
        return cast(Plane, cv2.convertScaleAbs(legal, alpha=span, beta=middle))
    codes = cv2.addWeighted(legal, span, legal, 0, middle, dtype=cv2.CV_16U)
    return cast(Plane, np.minimum(codes, 2**bit_depth - 1) if full_range else codes)


def luma_from_rgb_codes(rgb: npt.NDArray[np.generic], bit_depth: int) -> Plane:
    """Full-range Y′ codes of R′G′B′ codes, with the weights of BT.709.

    R = G = B gives exactly that value.

    Parameters
    ----------
    rgb:
        (H, W, 3) uint8 or uint16.
    bit_depth:
        8 for uint8; 9…16 for uint16.

    Returns
    -------
    (H, W) of the same type.
    """
    expected = code_type(bit_depth)
    if rgb.ndim != 3 or rgb.shape[2] != 3 or rgb.dtype != expected:
        raise ValueError(
            f"rgb must be (H, W, 3) {expected.__name__} for {bit_depth} bits, "
            f"not {rgb.dtype}{rgb.shape}"
        )
    weights = np.array([luma_weights(BT709)], np.float64)
    return cast(Plane, cv2.transform(np.ascontiguousarray(rgb), weights))


def rgb_from_luma_chroma(
    luma01: FloatArray, cb: FloatArray, cr: FloatArray, matrix: int = BT709
) -> FloatArray:
    """R′G′B′ of Y′CbCr. Where it would leave 0…1, chroma is shortened and luma kept.

    Parameters
    ----------
    luma01:
        (H, W) Y′, 0…1.
    cb, cr:
        (H, W) −0.5…0.5.
    matrix:
        MatrixCoefficients of `vidcolor.color.primaries.LUMA_WEIGHTS`.

    Returns
    -------
    (H, W, 3) float32, 0…1; its luma is ``luma01`` within float32 rounding.

    Source: ITU-T H.273, equations 38 to 40, inverted. R′G′B′ − Y′ is linear in Cb and Cr,
    so one factor per pixel brings all three into range without touching Y′.
    """
    kr, kg, kb = luma_weights(matrix)
    red = cr * np.float32(2 * (1 - kr))
    blue = cb * np.float32(2 * (1 - kb))
    green = red * np.float32(-kr / kg) + blue * np.float32(-kb / kg)
    factor = _fitting_factor(luma01, red, green, blue)
    rgb = np.empty((*luma01.shape, 3), np.float32)
    for channel, difference in enumerate((red, green, blue)):
        np.multiply(difference, factor, out=difference)
        np.add(difference, luma01, out=rgb[..., channel])
    return np.clip(rgb, 0.0, 1.0, out=rgb)


def _fitting_factor(
    luma01: FloatArray, red: FloatArray, green: FloatArray, blue: FloatArray
) -> FloatArray:
    """Largest factor ≤ 1 that keeps luma + factor · difference inside 0…1 in all channels."""
    tiny = np.float32(1e-12)
    highest = np.maximum(np.maximum(red, green), blue)
    lowest = np.minimum(np.minimum(red, green), blue)
    headroom = (1 - luma01) / np.maximum(highest, tiny)
    footroom = luma01 / np.maximum(-lowest, tiny)
    return np.minimum(np.minimum(headroom, footroom), np.float32(1))
