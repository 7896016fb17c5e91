"""What is evaluated: a checkpoint, and the rows that every table needs beside it.

Without them a figure says nothing: leaving a photograph grey already gives 22 to 24 dB, and
no network can be better than the true colours at its own resolution.
"""

from __future__ import annotations

from typing import Protocol

import cv2
import numpy as np
import numpy.typing as npt
import torch

from vidcolor.color import lightness_from_luma
from vidcolor.colorizer import Colorizer
from vidcolor.evaluation.protocols import Ab, Subject, lightness_at
from vidcolor.look import Look
from vidcolor.photographs.degradation import DegradationRecipe, FilmDegradation

LIGHTNESS_LEVELS = 101
"""L* 0…100 in whole steps."""

FILM_LIKE = DegradationRecipe(clean=0.0, border=0.0)
"""Every picture is degraded; without borders, under which there is no true colour."""

_BLOCK = 8
"""Pixels: degradation wants multiples of this."""


class Coloring(Protocol):
    """Anything that gives a picture colours."""

    name: str

    def ab(self, subject: Subject, index: int) -> Ab:
        """The colours of the picture with this ``index`` in its set."""


class Grey:
    """Leaves the picture as it is."""

    name = "grey"

    def ab(self, subject: Subject, index: int) -> Ab:
        """See `Coloring.ab`."""
        del subject, index
        return np.zeros((2, 2, 2), np.float32)


class Tally:
    """Counts true colours by lightness, from which the constant rows are made."""

    def __init__(self) -> None:
        self._sums = np.zeros((LIGHTNESS_LEVELS, 2))
        self._counts = np.zeros(LIGHTNESS_LEVELS)

    def add(self, subject: Subject) -> None:
        """Count one picture; each counts alike, however large it is."""
        level = levels(subject).ravel()
        share = 1.0 / level.size
        self._counts += np.bincount(level, minlength=LIGHTNESS_LEVELS) * share
        for axis in (0, 1):
            plane = subject.truth_lab[1 + axis].ravel()
            self._sums[:, axis] += np.bincount(level, plane, LIGHTNESS_LEVELS) * share

    @property
    def mean(self) -> npt.NDArray[np.float64]:
        """(2,) mean ab."""
        mean: npt.NDArray[np.float64] = self._sums.sum(axis=0) / self._counts.sum()
        return mean

    @property
    def by_lightness(self) -> npt.NDArray[np.float64]:
        """(101, 2) mean ab of each lightness; the set's mean where there is none of it."""
        seen = self._counts[:, None] > 0
        counts = np.maximum(self._counts, 1e-12)[:, None]
        return np.where(seen, self._sums / counts, self.mean)


def levels(subject: Subject) -> npt.NDArray[np.int64]:
    """(H, W) lightness in whole steps."""
    return np.clip(np.rint(subject.lightness), 0, LIGHTNESS_LEVELS - 1).astype(np.int64)


class MeanColor:
    """One colour for everything: the mean of the evaluated pictures themselves."""

    name = "mean ab"

    def __init__(self, tally: Tally) -> None:
        self._ab = tally.mean.astype(np.float32)

    def ab(self, subject: Subject, index: int) -> Ab:
        """See `Coloring.ab`."""
        del subject, index
        return np.broadcast_to(self._ab[:, None, None], (2, 2, 2)).copy()


class LightnessLookup:
    """The best that can be done from a pixel's lightness alone (in mean squared ab), on the
    evaluated pictures themselves."""

    name = "best L → ab"

    def __init__(self, tally: Tally) -> None:
        self._table = tally.by_lightness.astype(np.float32)

    def ab(self, subject: Subject, index: int) -> Ab:
        """See `Coloring.ab`."""
        del index
        return np.ascontiguousarray(self._table[levels(subject)].transpose(2, 0, 1))


class Network:
    """A checkpoint.

    Parameters
    ----------
    name:
        Of the row.
    colorizer:
        What colours.
    look:
        What is done to its colours; nothing by default.
    film_like:
        Shows it the picture as old film would (grain, scratches, blur, tone curve …); the colours
        are put on the clean picture, so that only they are compared.
    """

    def __init__(
        self, name: str, colorizer: Colorizer, look: Look | None = None, *, film_like: bool = False
    ) -> None:
        self.name = name
        self._colorizer = colorizer
        self._look = look or Look()
        self._degrade = FilmDegradation(FILM_LIKE, seed=1) if film_like else None

    def ab(self, subject: Subject, index: int) -> Ab:
        """See `Coloring.ab`."""
        if self._degrade is not None:
            subject = self._as_film(subject, index)
        height, width = subject.lightness.shape
        grid = self._colorizer.grid(width, height)
        ab = self._colorizer.predict([lightness_at(subject, grid.width, grid.height)])[0]
        return self._look.apply(ab, subject.lightness)

    def _as_film(self, subject: Subject, index: int) -> Subject:
        assert self._degrade is not None
        height, width = subject.lightness.shape
        padded = cv2.copyMakeBorder(
            subject.truth, 0, -height % _BLOCK, 0, -width % _BLOCK, cv2.BORDER_REFLECT_101
        )
        rgb = torch.from_numpy(np.ascontiguousarray(padded)).permute(2, 0, 1)[None]
        luma, _ = self._degrade(rgb, index)
        lightness = lightness_from(luma)[0, 0, :height, :width]
        return Subject(subject.truth, subject.truth_lab, lightness, subject.show)


def lightness_from(luma: torch.Tensor) -> npt.NDArray[np.float32]:
    """L* 0…100 of Y′ 0…1."""
    return np.asarray(lightness_from_luma(luma).numpy(), np.float32)


class Oracle:
    """The true colours at the checkpoint's resolution: the most that it could reach."""

    name = "oracle"

    def __init__(self, colorizer: Colorizer) -> None:
        self._colorizer = colorizer

    def ab(self, subject: Subject, index: int) -> Ab:
        """See `Coloring.ab`."""
        del index
        height, width = subject.lightness.shape
        grid = self._colorizer.grid(width, height)
        stride = self._colorizer.stride
        size = (grid.width // stride, grid.height // stride)
        planes = [
            cv2.resize(plane, size, interpolation=cv2.INTER_AREA) for plane in subject.truth_lab[1:]
        ]
        return np.asarray(np.stack(planes), np.float32)
