"""The chroma that gives a pixel of known luma the wanted hue: the direct solve.

Note [Constant-luma chroma]
---------------------------
A black-and-white film *is* a Y′ plane, so colouring must not change Y′. A network
predicts CIE a* and b*. Putting its L* input back beside them and converting Lab → RGB →
Y′CbCr gives another Y′ than the film's, because a coloured pixel and the grey pixel
with the same Y′ differ in L*: pure blue has Y′ = 0.07 but L* = 32, and grey with
Y′ = 0.07 has L* = 6. So the film's Y′ is kept, and L* is what is solved for: find the L*
at which (L*, a*, b*) has exactly luma Y′, then read off Cb and Cr.

Often no displayable colour has this Y′ and this (a*, b*); then (a*, b*) is shrunk
towards grey, at the same hue and the same Y′, until R′G′B′ fits into 0…1. Black and
white end without any chroma.

R′G′B′ goes through the sRGB curve for every SDR transfer. BT.709's and BT.2020's own
curve describes cameras; pictures are graded on displays of about gamma 2.2–2.4, and the
networks learnt from sRGB photographs, whose L* is made with the same curve.

Primaries are the film's own: a player that reads the tags then shows the wanted (a*, b*).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from vidcolor.color.lab import LAB_SLOPE
from vidcolor.color.primaries import luma_weights, rgb_to_relative_xyz
from vidcolor.frames import ColorTags

Array = npt.NDArray[np.float64]

GAMUT_TOLERANCE = 1e-6
"""How far R′G′B′ may leave 0…1 and still count as displayable; 0.004 of a 12-bit code."""

_NEWTON_STEPS = 10
_LIGHTNESS_TOLERANCE = 1e-5
_SHRINK_STEPS = 16
# Pixels solved at once: their temporaries fit into a core's cache.
_CHUNK = 16384


def solve_chroma(
    luma01: npt.NDArray[np.floating], ab: npt.NDArray[np.floating], tags: ColorTags
) -> Array:
    """Cb and Cr of the colour with luma ``luma01`` and, as far as possible, CIE ``ab``.

    The reference that `ChromaTable` is baked from; see Note [Constant-luma chroma].

    Parameters
    ----------
    luma01:
        (...) Y′; clipped to 0…1.
    ab:
        (2, ...) CIE a* and b*.
    tags:
        Resolved tags; only matrix and primaries are used.

    Returns
    -------
    (2, ...) float64 Cb and Cr, −0.5…0.5.
    """
    space = _Space.of(tags)
    luma = np.clip(np.asarray(luma01, np.float64), 0.0, 1.0).ravel()
    a, b = np.asarray(ab, np.float64).reshape(2, -1)
    chroma = np.empty((2, luma.size))
    for start in range(0, luma.size, _CHUNK):
        part = slice(start, start + _CHUNK)
        chroma[:, part] = _solve(space, luma[part], a[part], b[part])
    # Exactly, not only to within rounding.
    chroma[:, (luma == 0.0) | (luma == 1.0) | ((a == 0.0) & (b == 0.0))] = 0.0
    return chroma.reshape(2, *np.shape(luma01))


def _solve(space: _Space, luma: Array, a: Array, b: Array) -> Array:
    lightness = space.solve_lightness(luma, a, b, luma * 100.0)
    rgb = space.rgb(lightness, a, b)
    outside = np.flatnonzero(~_fits(rgb, luma, space))
    rgb[:, outside] = _shrink(space, luma[outside], a[outside], b[outside])
    return space.chroma(rgb, luma)


def _shrink(space: _Space, luma: Array, a: Array, b: Array) -> Array:
    """R′G′B′ of the most colourful displayable pixels on the way from (a, b) to grey."""
    low, high = np.zeros_like(luma), np.ones_like(luma)
    lightness = luma * 100.0
    for _ in range(_SHRINK_STEPS):
        scale = (low + high) / 2
        lightness = space.solve_lightness(luma, a * scale, b * scale, lightness)
        fits = _fits(space.rgb(lightness, a * scale, b * scale), luma, space)
        low, high = np.where(fits, scale, low), np.where(fits, high, scale)
    lightness = space.solve_lightness(luma, a * low, b * low, lightness)
    return space.rgb(lightness, a * low, b * low)


def _fits(rgb: Array, luma: Array, space: _Space) -> npt.NDArray[np.bool_]:
    """Whether R′G′B′ is displayable and really has the luma: there may be no such L*."""
    inside = (rgb >= -GAMUT_TOLERANCE) & (rgb <= 1 + GAMUT_TOLERANCE)
    exact = np.abs(space.luma_weights @ rgb - luma) < GAMUT_TOLERANCE
    return np.asarray(inside.all(axis=0) & exact)


@dataclass(frozen=True)
class _Space:
    """CIE Lab → R′G′B′ → Y′CbCr of one matrix and one set of primaries."""

    luma_weights: Array
    xyz_to_rgb: Array

    @classmethod
    def of(cls, tags: ColorTags) -> _Space:
        inverse = np.linalg.inv(rgb_to_relative_xyz(tags.primaries))
        return cls(np.array(luma_weights(tags.matrix)), inverse.astype(np.float64))

    def solve_lightness(self, luma: Array, a: Array, b: Array, guess: Array) -> Array:
        """The L* in 0…100 that gives ``luma``: Newton's method, kept inside a bracket."""
        lightness = guess.copy()
        moving = np.arange(luma.size)
        low, high = np.zeros_like(luma), np.full_like(luma, 100.0)
        for _ in range(_NEWTON_STEPS):
            last, wanted = lightness[moving], luma[moving]
            value, slope = self._luma_and_slope(last, a[moving], b[moving])
            below = value < wanted
            low, high = np.where(below, last, low), np.where(below, high, last)
            newton = last + (wanted - value) / np.maximum(slope, 1e-9)
            inside = (newton >= low) & (newton <= high)
            lightness[moving] = here = np.where(inside, newton, (low + high) / 2)
            still = np.abs(here - last) >= _LIGHTNESS_TOLERANCE
            moving, low, high = moving[still], low[still], high[still]
            if not moving.size:
                break
        return lightness

    def rgb(self, lightness: Array, a: Array, b: Array) -> Array:
        """(3, n) R′G′B′, not clipped."""
        return self._rgb_and_slope(lightness, a, b)[0]

    def chroma(self, rgb: Array, luma: Array) -> Array:
        """(2, n) Cb and Cr. Source: ITU-T H.273, equations 38 to 40."""
        kr, _, kb = self.luma_weights
        return np.stack(((rgb[2] - luma) / (2 * (1 - kb)), (rgb[0] - luma) / (2 * (1 - kr))))

    def _luma_and_slope(self, lightness: Array, a: Array, b: Array) -> tuple[Array, Array]:
        rgb, slope = self._rgb_and_slope(lightness, a, b)
        return self.luma_weights @ rgb, self.luma_weights @ slope

    def _rgb_and_slope(self, lightness: Array, a: Array, b: Array) -> tuple[Array, Array]:
        """R′G′B′ and its derivative by L*, both (3, n)."""
        fy = (lightness + 16.0) / 116.0
        f = np.stack((fy + a / 500.0, fy, fy - b / 200.0))
        on_curve = f > 6 / 29
        squared = f * f
        xyz = np.where(on_curve, squared * f, (f - 4 / 29) / LAB_SLOPE)
        xyz_slope = np.where(on_curve, 3 * squared, 1 / LAB_SLOPE) / 116.0
        linear, linear_slope = self.xyz_to_rgb @ xyz, self.xyz_to_rgb @ xyz_slope
        # The sRGB curve and its slope, as in `linear_to_srgb`.
        clamped = np.maximum(linear, 0.0031308)
        power = 1.055 * clamped ** (1 / 2.4)
        is_line = linear <= 0.0031308
        rgb = np.where(is_line, 12.92 * linear, power - 0.055)
        rgb_slope = linear_slope * np.where(is_line, 12.92, power / (2.4 * clamped))
        return rgb, rgb_slope
