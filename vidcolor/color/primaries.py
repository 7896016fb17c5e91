"""Luma weights and primaries of the colour spaces that a film may be tagged with."""

from __future__ import annotations

import functools

import numpy as np
import numpy.typing as npt

from vidcolor.errors import UnsupportedColorError

_BT601_LUMA = (0.299, 0.587, 0.114)

LUMA_WEIGHTS: dict[int, tuple[float, float, float]] = {
    1: (0.2126, 0.7152, 0.0722),
    4: (0.30, 0.59, 0.11),
    5: _BT601_LUMA,
    6: _BT601_LUMA,
    7: (0.212, 0.701, 0.087),
    9: (0.2627, 0.6780, 0.0593),
}
"""(Kr, Kg, Kb) per MatrixCoefficients: BT.709, FCC, BT.601 (625 and 525 lines), SMPTE 240M,
BT.2020 non-constant luminance. Source: ITU-T H.273, table 4."""

_D65 = (0.3127, 0.3290)
_ILLUMINANT_C = (0.310, 0.316)
_DCI_WHITE = (0.314, 0.351)

CHROMATICITIES: dict[int, tuple[tuple[float, float], ...]] = {
    1: ((0.640, 0.330), (0.300, 0.600), (0.150, 0.060), _D65),
    4: ((0.67, 0.33), (0.21, 0.71), (0.14, 0.08), _ILLUMINANT_C),
    5: ((0.64, 0.33), (0.29, 0.60), (0.15, 0.06), _D65),
    6: ((0.630, 0.340), (0.310, 0.595), (0.155, 0.070), _D65),
    7: ((0.630, 0.340), (0.310, 0.595), (0.155, 0.070), _D65),
    8: ((0.681, 0.319), (0.243, 0.692), (0.145, 0.049), _ILLUMINANT_C),
    9: ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046), _D65),
    11: ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060), _DCI_WHITE),
    12: ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060), _D65),
    22: ((0.630, 0.340), (0.295, 0.605), (0.155, 0.077), _D65),
}
"""CIE xy of red, green, blue and white per ColourPrimaries. Source: ITU-T H.273, table 2."""


def luma_weights(matrix: int) -> tuple[float, float, float]:
    """(Kr, Kg, Kb), which add up to 1.

    Raises
    ------
    UnsupportedColorError
        If ``matrix`` is not in `LUMA_WEIGHTS`.
    """
    if matrix not in LUMA_WEIGHTS:
        known = ", ".join(str(code) for code in LUMA_WEIGHTS)
        raise UnsupportedColorError(
            f"matrix coefficients {matrix} are not supported ({known} are); "
            "convert the film to BT.709 first"
        )
    return LUMA_WEIGHTS[matrix]


@functools.cache
def rgb_to_relative_xyz(primaries: int) -> npt.NDArray[np.float64]:
    """The (3, 3) matrix from linear RGB to X/Xw, Y/Yw, Z/Zw; white maps to (1, 1, 1).

    CIE L*a*b* needs nothing but these ratios. For the few primaries whose white is not
    D65 they amount to a von Kries adaptation in XYZ: the picture's own white stays neutral.

    Raises
    ------
    UnsupportedColorError
        If ``primaries`` is not in `CHROMATICITIES`.

    Source: SMPTE RP 177-1993, 3.3 (scale the primaries so that they add up to white).
    """
    if primaries not in CHROMATICITIES:
        known = ", ".join(str(code) for code in CHROMATICITIES)
        raise UnsupportedColorError(
            f"colour primaries {primaries} are not supported ({known} are); "
            "convert the film to BT.709 first"
        )
    xyz = np.array([[x / y, 1.0, (1 - x - y) / y] for x, y in CHROMATICITIES[primaries]]).T
    rgb, white = xyz[:, :3], xyz[:, 3]
    matrix: npt.NDArray[np.float64] = rgb * np.linalg.solve(rgb, white) / white[:, None]
    matrix.flags.writeable = False
    return matrix
