"""Puts two pictures into one: beside each other, or the left of one and the right of the other."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import cv2
import numpy as np

from vidcolor.color import Rgb8

Layout = Literal["side", "split"]
"""``side``: both whole, next to or above each other. ``split``: one picture, divided."""

WIDEST_BESIDE = 1.8
"""Width over height up to which pictures stand next to each other, wider ones one above the other.
On a screen of 16:9 both are largest that way; 1.8 lets rounded sizes of 16:9 pass."""

DIVIDER_SHARE = 1 / 640
"""Width of the divider as a share of the picture's; at least 2 px."""

LABEL_SHARE = 1 / 30
"""Height of a label's letters as a share of the picture's short side; at least 10 px."""

_FONT = cv2.FONT_HERSHEY_SIMPLEX
_LEAST_LETTERS = 10
_WHITE = (255, 255, 255)
_SHADE = 0.35  # of the picture that is left under a label


@dataclass(frozen=True, slots=True)
class Arrangement:
    """How two pictures are shown."""

    layout: Layout = "side"
    position: float = 0.5
    """Where ``split`` divides the picture, 0…1 of its width."""
    labels: tuple[str, str] | None = None
    """What is written into each; None is nothing."""


def compose(first: Rgb8, second: Rgb8, arrangement: Arrangement) -> Rgb8:
    """One picture of two.

    Parameters
    ----------
    first, second:
        (H, W, 3); `fitted` gives the second the first's size.

    Returns
    -------
    (H, W, 3) for ``split``; (H, 2·W, 3) or, for wide pictures, (2·H, W, 3) for ``side``.

    Raises
    ------
    ValueError
        If the sizes differ.
    """
    if first.shape != second.shape:
        raise ValueError(f"pictures are {first.shape} and {second.shape}; resize one")
    height, width = first.shape[:2]
    if arrangement.layout == "side":
        axis = 0 if width > WIDEST_BESIDE * height else 1
        whole = np.concatenate((first, second), axis=axis)
        parts = np.split(whole, 2, axis=axis)  # views
    else:
        column = round(arrangement.position * width)
        whole = np.concatenate((first[:, :column], second[:, column:]), axis=1)
        parts = [whole[:, :column], whole[:, column:]]
    for part, label in zip(parts, arrangement.labels or (), strict=False):
        _draw_label(part, label, min(height, width))
    if arrangement.layout == "split" and 0 < column < width:
        half = max(1, round(width * DIVIDER_SHARE / 2))
        whole[:, max(0, column - half) : column + half] = 255
    return whole


def fitted(picture: Rgb8, width: int, height: int) -> Rgb8:
    """``picture`` at another size; itself where it has it already."""
    if picture.shape[:2] == (height, width):
        return picture
    shrinks = width * height < picture.shape[0] * picture.shape[1]
    way = cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(picture, (width, height), interpolation=way), np.uint8)


def names_of(first: Path, second: Path) -> tuple[str, str]:
    """Labels for two files: their names, with their folders where the names are the same."""
    if first.name != second.name:
        return first.name, second.name
    a, b = (path.absolute() for path in (first, second))
    return f"{a.parent.name}/{a.name}", f"{b.parent.name}/{b.name}"


def ascii_label(text: str) -> str:
    """``text`` in the letters that can be drawn: accents go, what is left becomes ``?``."""
    plain = (c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
    return "".join(c if c.isascii() and c.isprintable() else "?" for c in plain)


def _draw_label(part: Rgb8, text: str, short_side: int) -> None:
    """Write ``text`` into the upper left corner, shortened to fit; nothing where that is too
    little."""
    letters = max(_LEAST_LETTERS, round(short_side * LABEL_SHARE))
    scale = cv2.getFontScaleFromHeight(_FONT, letters, 1)
    thickness = max(1, round(letters / 14))
    pad = letters // 2
    shown = _shortened(ascii_label(text), part.shape[1] - 4 * pad, scale, thickness)
    (width, height), below = cv2.getTextSize(shown, _FONT, scale, thickness)
    bottom, right = 2 * pad + height + below, 3 * pad + width
    if not shown or bottom + pad > part.shape[0]:
        return
    box = part[pad : bottom + pad, pad:right]
    box[...] = cv2.convertScaleAbs(box, alpha=_SHADE)
    line = (2 * pad, 2 * pad + height)
    drawn = np.ascontiguousarray(part[: bottom + pad])
    cv2.putText(drawn, shown, line, _FONT, scale, _WHITE, thickness, cv2.LINE_AA)
    part[: bottom + pad] = drawn


def _shortened(text: str, width: int, scale: float, thickness: int) -> str:
    """``text``, without its middle where it would be wider; the ends tell names apart."""
    kept, shown = len(text), text
    while shown and cv2.getTextSize(shown, _FONT, scale, thickness)[0][0] > width:
        kept -= 1
        tail = kept // 2
        shown = f"{text[: kept - tail]}...{text[len(text) - tail :]}" if kept > 1 else ""
    return shown
