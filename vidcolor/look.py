"""What a user may change about the colours, applied to ab before it becomes chroma."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from vidcolor.color.palette import Palette
from vidcolor.config import ShotLook

FloatArray = npt.NDArray[np.float32]

MID_LIGHTNESS = 50.0
"""L* at which neither shadows nor highlights have a say."""

CEILING_KNEE = 0.75
"""Share of the ceiling below which chroma is left as it is."""

SKIN_HUE = 48.0
"""Degrees, atan2(b*, a*): the median over 300 faces of UTKFace."""

SKIN_HUE_WIDTH = 30.0
"""Degrees to either side at which a colour no longer counts as skin. In those faces 5 % of the
pixels lie below 23° and 5 % above 69°."""


@dataclass(frozen=True, slots=True)
class Look:
    """A change of CIE a* and b*; luma is never touched.

    In this order: palette, warmth and tint, gains, skin guard, ceiling. The values mean what they
    do in `vidcolor.config.LookSettings`.
    """

    strength: float = 1.0
    shadows: float = 1.0
    highlights: float = 1.0
    warmth: float = 0.0
    tint: float = 0.0
    skin_guard: float = 0.0
    max_chroma: float | None = None
    palette: Palette | None = None
    palette_share: float = 1.0

    @classmethod
    def from_settings(cls, settings: ShotLook, palette: Palette | None = None) -> Look:
        """The look that a preset, the command line or a shot list asks for.

        Parameters
        ----------
        palette:
            What ``settings.palette`` means for the shot.
        """
        names = {field.name for field in fields(cls)} - {"palette"}
        return cls(**{name: getattr(settings, name) for name in names}, palette=palette)

    def apply(self, ab: FloatArray, lightness: FloatArray) -> FloatArray:
        """Changed ab, same shape; the very same array where there is nothing to change.

        Parameters
        ----------
        ab:
            (2, h, w) float32 CIE a* and b*.
        lightness:
            (H, W) float32 L* 0…100 of the same picture at any size.
        """
        if self == _NOTHING:
            return ab
        height, width = ab.shape[1:]
        lightness = cv2.resize(lightness, (width, height), interpolation=cv2.INTER_AREA)
        # 0 at L* = 50, −1 at black, 1 at white.
        side = np.clip(lightness / MID_LIGHTNESS - 1, -1, 1)
        changed = ab
        if self.palette is not None:
            changed = ab + (self.palette.apply(ab) - ab) * np.float32(self.palette_share)
        if self.warmth or self.tint:
            # Black and white stay neutral.
            changed = _shifted(changed, self.tint, self.warmth, 1 - np.square(side))
        if (self.shadows, self.highlights) != (1.0, 1.0):
            ends = np.where(side < 0, self.shadows, self.highlights)
            changed = changed * (1 + (ends - 1) * np.square(side))
        if self.strength != 1.0:
            changed = changed * np.float32(self.strength)
        if self.skin_guard:
            share = self.skin_guard * _likeness_to_skin(ab)
            changed = changed + (ab - changed) * share
        if self.max_chroma is not None:
            changed = _below(changed, self.max_chroma)
        return np.asarray(changed, np.float32)


_NOTHING = Look()


def mixed(ab: FloatArray, lightness: FloatArray, looks: list[tuple[Look, float]]) -> FloatArray:
    """ab under several looks at once, by their weights, as inside a dissolve.

    Parameters
    ----------
    looks:
        With weights that add up to 1.
    """
    if len(looks) == 1:
        return looks[0][0].apply(ab, lightness)
    parts = [look.apply(ab, lightness) * np.float32(weight) for look, weight in looks]
    return np.asarray(np.sum(parts, axis=0), np.float32)


def _shifted(ab: FloatArray, a: float, b: float, share: Any) -> FloatArray:
    return np.asarray(ab + np.array([a, b], np.float32)[:, None, None] * share, np.float32)


def _likeness_to_skin(ab: FloatArray) -> FloatArray:
    """(h, w) 0…1 by hue; 1 at `SKIN_HUE`."""
    hue = np.degrees(np.arctan2(ab[1], ab[0]))
    apart = np.minimum(np.abs(hue - SKIN_HUE) / SKIN_HUE_WIDTH, 1)
    return np.asarray(np.square(np.cos(apart * (np.pi / 2))) * ab.any(axis=0), np.float32)


def _below(ab: FloatArray, ceiling: float) -> FloatArray:
    """Chroma bent smoothly so that none exceeds ``ceiling``; hue stays."""
    chroma = np.hypot(ab[0], ab[1])
    knee = CEILING_KNEE * ceiling
    room = ceiling - knee
    bent = knee + room * np.tanh((chroma - knee) / room)
    factor = np.where(chroma > knee, bent / np.maximum(chroma, 1e-6), 1.0)
    return np.asarray(ab * factor, np.float32)
