"""Titles and leaders: pictures in films that have no colours to guess.

A network that only ever saw photographs gives them colours all the same. Shown now and then in
training, with neutral as the truth, they teach it to leave such pictures alone.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

Card = npt.NDArray[np.uint8]
"""(size, size, 3), neutral."""

Luma = npt.NDArray[np.uint8]
"""(size, size)."""

_LETTERS = "EEEETTTAAAOOIINNSSHHRRDDLLUCMFWYGPBVK"
_FONTS = (
    cv2.FONT_HERSHEY_SIMPLEX,
    cv2.FONT_HERSHEY_DUPLEX,
    cv2.FONT_HERSHEY_COMPLEX,
    cv2.FONT_HERSHEY_TRIPLEX,
    cv2.FONT_HERSHEY_SCRIPT_COMPLEX,
)


def draw_card(size: int, rng: np.random.Generator) -> Card:
    """A title (mostly) or a leader, other with each draw from ``rng``; ``size`` px a side."""
    luma = _background(size, rng)
    if rng.random() < 0.7:
        _write(luma, rng)
    else:
        _draw_leader(luma, rng)
    luma = np.asarray(cv2.GaussianBlur(luma, (0, 0), rng.uniform(0.4, 1.2)), np.uint8)
    return np.repeat(luma[..., None], 3, axis=2)


def _background(size: int, rng: np.random.Generator) -> Luma:
    """Plain, brighter on one side or in the middle; dark more often than not."""
    level = rng.uniform(5, 70) if rng.random() < 0.7 else rng.uniform(70, 235)
    y, x = np.mgrid[-1 : 1 : size * 1j, -1 : 1 : size * 1j].astype(np.float32)
    slope = rng.uniform(-0.2, 0.2, 2)
    vignette = rng.uniform(0, 0.5) * (x * x + y * y) / 2
    shade = (1 + slope[0] * x + slope[1] * y) * (1 - vignette)
    return np.asarray(np.clip(np.rint(level * shade), 0, 255), np.uint8)


def _contrasting(luma: Luma, rng: np.random.Generator) -> float:
    """A level that is read on ``luma``."""
    mean = round(float(luma.mean()))
    return float(rng.integers(mean + 80, 256) if mean < 128 else rng.integers(0, mean - 80))


def _write(luma: Luma, rng: np.random.Generator) -> None:
    """One to six lines of text, perhaps in a frame."""
    size, ink = len(luma), _contrasting(luma, rng)
    lines = int(rng.integers(1, 7))
    font = int(rng.choice(_FONTS))
    scale = size / 128 * rng.uniform(0.3, 1.0)
    thickness = int(rng.integers(1, 3))
    step = scale * rng.uniform(26, 38)
    y = size / 2 - step * (lines - 1) / 2 + rng.uniform(-0.1, 0.2) * size
    for line in range(lines):
        words = ["".join(rng.choice(list(_LETTERS), rng.integers(1, 9))) for _ in range(3)]
        text = " ".join(words[: rng.integers(1, 4)])
        text = text if rng.random() < 0.5 else text.lower()
        (width, height), _ = cv2.getTextSize(text, font, scale, thickness)
        place = round((size - width) / 2), round(y + line * step + height / 2)
        cv2.putText(luma, text, place, font, scale, ink, thickness, cv2.LINE_AA)
    if rng.random() < 0.3:
        margin = round(size * rng.uniform(0.03, 0.12))
        cv2.rectangle(luma, (margin, margin), (size - margin, size - margin), ink, thickness)


def _draw_leader(luma: Luma, rng: np.random.Generator) -> None:
    """A number in circles over a cross, with the hand that sweeps round."""
    size, ink = len(luma), _contrasting(luma, rng)
    middle = (size // 2, size // 2)
    thickness = max(1, size // 64)
    if rng.random() < 0.7:
        angle = int(rng.integers(0, 360))
        shade = float(luma.mean() * rng.uniform(0.5, 0.9))
        cv2.ellipse(luma, middle, (size, size), -90, 0, angle, shade, -1)
    for radius in rng.uniform(0.25, 0.48, int(rng.integers(0, 3))):
        cv2.circle(luma, middle, round(size * radius), ink, thickness, cv2.LINE_AA)
    if rng.random() < 0.7:
        cv2.line(luma, (0, size // 2), (size, size // 2), ink, 1)
        cv2.line(luma, (size // 2, 0), (size // 2, size), ink, 1)
    text, scale = str(rng.integers(0, 13)), size / 128 * rng.uniform(1.5, 3.5)
    (width, height), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_DUPLEX, scale, 3 * thickness)
    place = (size - width) // 2, (size + height) // 2
    cv2.putText(luma, text, place, cv2.FONT_HERSHEY_DUPLEX, scale, ink, 3 * thickness, cv2.LINE_AA)
