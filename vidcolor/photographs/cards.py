"""Titles, leaders and charts: pictures in films that have no colours to guess.

A network that only ever saw photographs gives them colours all the same. Shown now and then in
training, with neutral as the truth, they teach it to leave such pictures alone.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

Card = npt.NDArray[np.uint8]
"""(size, size, 3), neutral."""

Luma = npt.NDArray[np.float32]
"""(size, size), 0…255."""

_LETTERS = "EEEETTTAAAOOIINNSSHHRRDDLLUCMFWYGPBVK"
_FONTS = (
    cv2.FONT_HERSHEY_SIMPLEX,
    cv2.FONT_HERSHEY_DUPLEX,
    cv2.FONT_HERSHEY_COMPLEX,
    cv2.FONT_HERSHEY_TRIPLEX,
    cv2.FONT_HERSHEY_SCRIPT_COMPLEX,
)


def draw_card(size: int, rng: np.random.Generator) -> Card:
    """A title, a leader or a chart, another with each draw from ``rng``; ``size`` px a side."""
    kind = rng.choice(("title", "leader", "chart"), p=(0.5, 0.35, 0.15))
    if kind == "title":
        luma = _background(size, rng, dark=0.7)
        _write(luma, rng)
    elif kind == "leader":
        luma = _background(size, rng, dark=0.2)
        _draw_leader(luma, rng)
    else:
        luma = _draw_chart(size, rng)
    blurred = cv2.GaussianBlur(luma, (0, 0), rng.uniform(0.4, 1.2))
    codes = np.clip(np.rint(blurred), 0, 255).astype(np.uint8)
    return np.repeat(codes[..., None], 3, axis=2)


def _background(size: int, rng: np.random.Generator, dark: float) -> Luma:
    """Plain, brighter on one side or in the middle; dark with probability ``dark``."""
    level = rng.uniform(5, 70) if rng.random() < dark else rng.uniform(70, 235)
    y, x = np.mgrid[-1 : 1 : size * 1j, -1 : 1 : size * 1j].astype(np.float32)
    slope = rng.uniform(-0.2, 0.2, 2)
    vignette = rng.uniform(0, 0.6) * (x * x + y * y) / 2
    shade = (1 + slope[0] * x + slope[1] * y) * (1 - vignette)
    return np.asarray(np.clip(level * shade, 0, 255), np.float32)


def _contrasting(luma: Luma, rng: np.random.Generator) -> float:
    """A level that is read on ``luma``."""
    mean = float(luma.mean())
    return float(rng.uniform(mean + 80, 255) if mean < 128 else rng.uniform(0, mean - 80))


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
        _put_text(luma, text, (size / 2, y + line * step), (font, scale, thickness), ink)
    if rng.random() < 0.3:
        margin = round(size * rng.uniform(0.03, 0.12))
        cv2.rectangle(luma, (margin, margin), (size - margin, size - margin), ink, thickness)


def _put_text(
    luma: Luma,
    text: str,
    middle: tuple[float, float],
    style: tuple[int, float, int],
    ink: float,
) -> None:
    """Write ``text`` about ``middle`` (x, y) in a font, its scale and a thickness."""
    (width, height), _ = cv2.getTextSize(text, *style)
    place = round(middle[0] - width / 2), round(middle[1] + height / 2)
    font, scale, thickness = style
    # On codes, because float pictures have no smooth lines.
    mask = np.zeros(luma.shape, np.uint8)
    cv2.putText(mask, text, place, font, scale, 255, thickness, cv2.LINE_AA)
    _paint(luma, mask, ink)


def _paint(luma: Luma, mask: npt.NDArray[np.uint8], level: float | Luma) -> None:
    share = mask.astype(np.float32) / 255
    luma += share * (level - luma)


def _draw_leader(luma: Luma, rng: np.random.Generator) -> None:
    """A number in rings over a cross, with the hand that sweeps round and darkens its half."""
    size = len(luma)
    x, y = (round(size * rng.uniform(0.42, 0.58)) for _ in range(2))
    zoom = size * rng.uniform(0.8, 1.3)
    ground = float(luma.mean())
    ink = ground * rng.uniform(0.1, 0.5) if ground > 70 else rng.uniform(ground + 60, 255)
    if rng.random() < 0.85:
        swept = np.zeros(luma.shape, np.uint8)
        angle = float(rng.uniform(0, 360))
        cv2.ellipse(swept, (x, y), (2 * size, 2 * size), -90, 0, angle, 255, -1, cv2.LINE_AA)
        if rng.random() < 0.3:
            swept = 255 - swept
        _paint(luma, swept, luma * np.float32(rng.uniform(0.25, 0.85)))
    marks = np.zeros(luma.shape, np.uint8)
    ring = max(1, round(zoom * rng.uniform(0.008, 0.03)))
    for radius in rng.uniform(0.28, 0.48, int(rng.integers(0, 3))):
        cv2.circle(marks, (x, y), round(zoom * radius), 255, ring, cv2.LINE_AA)
    _paint(luma, marks, rng.uniform(ground, 255) if rng.random() < 0.6 else ink)
    if rng.random() < 0.8:
        cross = np.zeros(luma.shape, np.uint8)
        width = max(1, round(zoom * rng.uniform(0.002, 0.015)))
        cv2.line(cross, (0, y), (size, y), 255, width)
        cv2.line(cross, (x, 0), (x, size), 255, width)
        _paint(luma, cross, ink * rng.uniform(0.3, 1.0))
    style = (
        int(rng.choice(_FONTS[:3])),
        zoom / 128 * rng.uniform(1.8, 3.8),
        max(2, round(zoom * rng.uniform(0.02, 0.09))),
    )
    _put_text(luma, str(rng.integers(0, 13)), (x, y), style, ink)


def _draw_chart(size: int, rng: np.random.Generator) -> Luma:
    """Steps of grey, a checkerboard, or the rays of a focus chart."""
    y, x = np.mgrid[0 : 1 : size * 1j, 0 : 1 : size * 1j].astype(np.float32)
    low, high = sorted(rng.uniform(0, 255, 2))
    high = max(high, low + 60)
    count = int(rng.integers(2, 13))
    kind = rng.integers(0, 3)
    if kind == 0:
        along = x if rng.random() < 0.5 else y
        share = np.minimum(np.floor(along * count), count - 1) / (count - 1)
    elif kind == 1:
        share = (np.floor(x * count) + np.floor(y * count)) % 2
    else:
        share = np.arctan2(y - 0.5, x - 0.5) * (2 * count / np.pi) % 2 < 1
    return np.asarray(low + (high - low) * share, np.float32)
