"""Moving pictures with known colours, and the damage that real film has."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from vidcolor.temporal import SmoothedAb, TemporalSmoother

Luma = npt.NDArray[np.uint8]
Ab = npt.NDArray[np.float32]

HEIGHT, WIDTH = 96, 128
"""Luma of the test pictures."""

ROWS, COLUMNS = 24, 32
"""Their ab grid."""


@dataclass
class Scene:
    """Frames of luma with their true colours."""

    luma: list[Luma]
    ab: list[Ab]
    """(2, ROWS, COLUMNS) each."""
    edge: list[npt.NDArray[np.bool_]]
    """(ROWS, COLUMNS): cells near the outline of something that moves."""

    def __add__(self, other: Scene) -> Scene:
        return Scene(self.luma + other.luma, self.ab + other.ab, self.edge + other.edge)

    def __len__(self) -> int:
        return len(self.luma)


def texture(rng: np.random.Generator, height: int, width: int) -> npt.NDArray[np.float32]:
    """Random blotches of all sizes, mean 128."""
    total = np.zeros((height, width), np.float32)
    for cell in (48, 24, 12, 6):
        coarse = rng.normal(size=(height // cell + 2, width // cell + 2)).astype(np.float32)
        total += cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC) * cell**0.5
    return 128 + 45 * (total - total.mean()) / total.std()


def pan(
    seed: int, frames: int, step: float = 1.0, disc_step: float = 3.0, disc: bool = True
) -> Scene:
    """A textured wall that passes by ``step`` px a frame, a bright disc crossing before it."""
    rng = np.random.default_rng(seed)
    margin = int(abs(step) * frames) + 2
    wall = texture(rng, HEIGHT, WIDTH + margin)
    surface = texture(rng, HEIGHT, WIDTH) * 0.4 + 130
    wall_ab, disc_ab = rng.uniform(-30, 30, 2), rng.uniform(-30, 30, 2)
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    scene = Scene([], [], [])
    for t in range(frames):
        moved = cv2.warpAffine(
            wall, np.float32([[1, 0, -abs(step) * t], [0, 1, 0]]), (WIDTH, HEIGHT)
        )
        center = (20 + disc_step * t) % (WIDTH + 40) - 20
        inside = (np.hypot(x - center, y - HEIGHT / 2) < 20) & disc
        look = np.float32([[1, 0, center - WIDTH / 2], [0, 1, 0]])
        luma = np.where(inside, cv2.warpAffine(surface, look, (WIDTH, HEIGHT)), moved)
        share = cv2.resize(inside.astype(np.float32), (COLUMNS, ROWS), interpolation=cv2.INTER_AREA)
        ab = [
            wall * (1 - share) + disc * share for wall, disc in zip(wall_ab, disc_ab, strict=True)
        ]
        scene.luma.append(np.clip(luma, 0, 255).astype(np.uint8))
        scene.ab.append(np.stack(ab).astype(np.float32))
        outline = cv2.dilate(share, np.ones((3, 3))) - cv2.erode(share, np.ones((3, 3)))
        scene.edge.append(outline > 0.05)
    return scene


def flicker(seed: int, scene: Scene, strength: float = 8.0) -> list[Ab]:
    """The scene's ab with large blotches of wrong colour, new ones in each frame."""
    rng = np.random.default_rng(seed)
    wrong = rng.normal(0, strength, (len(scene), 2, 3, 4)).astype(np.float32)
    return [
        ab + np.stack([cv2.resize(c, (COLUMNS, ROWS), interpolation=cv2.INTER_CUBIC) for c in w])
        for ab, w in zip(scene.ab, wrong, strict=True)
    ]


def exposure_flicker(luma: Sequence[Luma], seed: int = 0, depth: float = 0.25) -> list[Luma]:
    """A lamp whose brightness jumps by ±``depth`` from frame to frame."""
    gains = 1 + np.random.default_rng(seed).uniform(-depth, depth, len(luma))
    return [np.clip(f * g, 0, 255).astype(np.uint8) for f, g in zip(luma, gains, strict=True)]


def grain(luma: Sequence[Luma], seed: int = 0, strength: float = 14.0) -> list[Luma]:
    """Independent noise in every pixel and frame."""
    rng = np.random.default_rng(seed)
    return [
        np.clip(frame + rng.normal(0, strength, frame.shape), 0, 255).astype(np.uint8)
        for frame in luma
    ]


def scratches(luma: Sequence[Luma], seed: int = 0) -> list[Luma]:
    """In every third frame a few vertical scratches and a speck of dirt."""
    rng = np.random.default_rng(seed)
    damaged = [frame.copy() for frame in luma]
    for frame in damaged[::3]:
        height, width = frame.shape
        for x in rng.integers(0, width, 3):
            frame[:, x] = 255
        cv2.circle(
            frame, (int(rng.integers(width)), int(rng.integers(height))), height // 16, 0, -1
        )
    return damaged


def smooth(radius: int, luma: Sequence[Luma], ab: Sequence[Ab], first: int = 0) -> list[SmoothedAb]:
    """Everything through a new `TemporalSmoother`; frames are numbered from ``first``."""
    smoother = TemporalSmoother(radius)
    smoothed = []
    for index, (frame, colors) in enumerate(zip(luma, ab, strict=True), first):
        smoothed += smoother.push(index, frame, colors)
    return smoothed + smoother.flush()
