"""Which frames of a film are worth training on."""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
import numpy as np
import numpy.typing as npt
import torch

from vidcolor.color import rgb_to_lab
from vidcolor.photographs.photos import Photo, mean_chroma

DARK_LUMA = 0.12
"""Y′, 0…1; a frame of which hardly any pixel is brighter counts as black."""

FLAT_CONTRAST = 0.02
"""Standard deviation of Y′, 0…1, below which a frame counts as blank."""

TINT_SPREAD = 2.5
"""CIE units. A frame whose ab differs from one line through neutral by less than this (root mean
square) and lies on one side of neutral has one hue only: sepia, toned, or gelled."""

TINT_SIDE = 0.97
"""Share of a tinted frame's pixels on the same side of neutral."""

DUPLICATE_BITS = 5
"""Of 64: frames whose difference hashes differ in no more bits are near-duplicates."""

_HASH_SIDE = 8


def why_useless(rgb: Photo, min_chroma: float) -> str | None:
    """``black``, ``blank``, ``grey`` or ``tinted``; None for a frame that teaches colours.

    Parameters
    ----------
    rgb:
        (H, W, 3) R′G′B′.
    min_chroma:
        As for `mean_chroma`.
    """
    small = cv2.resize(rgb, (32, 32), interpolation=cv2.INTER_AREA)
    luma = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY) / 255
    if np.percentile(luma, 98) < DARK_LUMA:
        return "black"
    if luma.std() < FLAT_CONTRAST:
        return "blank"
    if mean_chroma(rgb) < min_chroma:
        return "grey"
    return "tinted" if _has_one_hue(small) else None


def _has_one_hue(small: npt.NDArray[np.uint8]) -> bool:
    unit = torch.from_numpy(small).permute(2, 0, 1)[None].float() / 255
    ab = rgb_to_lab(unit)[0, 1:].reshape(2, -1).double().numpy()
    values, vectors = np.linalg.eigh(ab @ ab.T / ab.shape[1])
    along = vectors[:, 1] @ ab
    side = max((along > 0).mean(), (along < 0).mean())
    return bool(values[0] < TINT_SPREAD**2 and side > TINT_SIDE)


def difference_hash(rgb: Photo) -> int:
    """64 bits: whether each cell of an 8 × 8 reduction is brighter than the one to its left."""
    gray = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)
    small = cv2.resize(gray, (_HASH_SIDE + 1, _HASH_SIDE), interpolation=cv2.INTER_AREA)
    bits = np.packbits(small[:, 1:] > small[:, :-1])
    return int.from_bytes(bits.tobytes(), "big")


class SeenPictures:
    """Remembers difference hashes, 8 bytes each."""

    def __init__(self) -> None:
        self._hashes = np.empty(1024, np.uint64)
        self._count = 0

    def add(self, rgb: Photo) -> bool:
        """Remember ``rgb``; False if something nearly the same was seen before."""
        value = np.uint64(difference_hash(rgb))
        differing = np.bitwise_count(self._hashes[: self._count] ^ value)
        if differing.size and differing.min() <= DUPLICATE_BITS:
            return False
        if self._count == len(self._hashes):
            self._hashes = np.resize(self._hashes, 2 * self._count)
        self._hashes[self._count] = value
        self._count += 1
        return True


@dataclass(slots=True)
class Candidate:
    """A frame that may come into the dataset."""

    index: int
    """0-based count of frames out of the decoder."""
    time_s: float
    rgb: Photo


@dataclass(slots=True)
class ShotCandidates:
    """Evenly spaced frames of a shot whose length is not known yet, in bounded memory.

    Every ``step``-th frame is kept; when there are too many, every other one is dropped and
    ``step`` doubles.
    """

    most: int
    """Frames kept; even, at least 4."""
    step: int = 1
    count: int = 0
    """Frames seen."""
    kept: list[Candidate] = field(default_factory=list)

    def wants_next(self) -> bool:
        """Whether the next frame would be kept; call `add` with it or with None."""
        return self.count % self.step == 0

    def add(self, candidate: Candidate | None) -> None:
        """Take the shot's next frame, None if it is not wanted."""
        self.count += 1
        if candidate is None:
            return
        self.kept.append(candidate)
        if len(self.kept) > self.most:
            self.kept = self.kept[::2]
            self.step *= 2

    def spread(self, count: int) -> list[Candidate]:
        """``count`` of them, each from the middle of an equal part of the shot."""
        picks = {len(self.kept) * (2 * i + 1) // (2 * count) for i in range(count)}
        return [self.kept[i] for i in sorted(picks) if i < len(self.kept)]
