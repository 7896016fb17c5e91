"""What happens around the steps: checkpoints, progress, time."""

from __future__ import annotations

import math
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import lightning

from vidcolor.training.module import ColorModule
from vidcolor.training.recipe import Recipe


@dataclass(frozen=True, slots=True)
class TrainingProgress:
    """Where a run is."""

    step: int
    """Steps done."""
    max_steps: int
    """Steps of the whole run."""
    loss: float
    """Mean training loss since the last report."""
    pictures_per_s: float
    """Since the last report, validation and checkpoints not counted."""
    eta_s: float
    """Seconds to the end, from the pixels that are left; larger pictures take longer."""
    scores: dict[str, dict[str, float]] = field(default_factory=dict)
    """Scores by validation set; only in reports right after a validation."""


class AtomicCheckpoints(lightning.Callback):  # type: ignore[misc]
    """Save everything that an exact resume needs every ``every_steps`` steps.

    The file is written beside its place and then renamed, so that a run killed while
    saving still has the one before.
    """

    def __init__(self, path: Path, every_steps: int) -> None:
        self._path = path
        self._every_steps = every_steps

    def on_train_batch_end(self, trainer: Any, *args: Any) -> None:
        """Save when it is time."""
        del args
        if trainer.global_step % self._every_steps == 0:
            save_atomically(trainer, self._path)


def save_atomically(trainer: Any, path: Path) -> None:
    """Write a Lightning checkpoint to ``path`` in one move."""
    unfinished = path.with_name(path.name + ".part")
    trainer.save_checkpoint(unfinished)
    os.replace(unfinished, path)


class StopWhenAsked(lightning.Callback):  # type: ignore[misc]
    """End the run after the step at hand once ``cancel`` is set.

    Parameters
    ----------
    cancel:
        Set from another thread or a signal handler.
    """

    def __init__(self, cancel: threading.Event) -> None:
        self._cancel = cancel

    def on_train_batch_end(self, trainer: Any, *args: Any) -> None:
        """Ask Lightning to stop."""
        del args
        if self._cancel.is_set():
            trainer.should_stop = True


class ProgressReports(lightning.Callback):  # type: ignore[misc]
    """Tell ``report`` how the run goes, and count its hours."""

    def __init__(self, recipe: Recipe, report: Callable[[TrainingProgress], None]) -> None:
        self._recipe = recipe
        self._report = report
        self._losses: list[float] = []
        self._loss = math.nan
        self._rate = self._pixel_rate = 0.0
        self._pictures = self._pixels = 0
        self._seconds = 0.0
        self._mark = 0.0

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        """Start the clock."""
        del trainer, pl_module
        self._mark = time.monotonic()

    def on_train_batch_end(
        self, trainer: Any, pl_module: ColorModule, outputs: Any, batch: Any, *args: Any
    ) -> None:
        """Count the step; report every ``log_steps``."""
        del args
        now = time.monotonic()
        self._seconds += now - self._mark
        pl_module.hours_trained += (now - self._mark) / 3600
        self._mark = now
        self._losses.append(float(outputs["loss"]))
        self._pictures += len(batch.rgb)
        self._pixels += batch.rgb.shape[:3].numel()
        if len(self._losses) >= self._recipe.log_steps:
            self._send(trainer.global_step, {})

    def on_validation_end(self, trainer: Any, pl_module: ColorModule) -> None:
        """Report the scores; the time that validation took is not the steps'."""
        self._mark = time.monotonic()
        self._send(trainer.global_step, pl_module.latest_scores)

    def _send(self, step: int, scores: dict[str, dict[str, float]]) -> None:
        if self._losses:  # none are left where a report was just sent
            self._loss = sum(self._losses) / len(self._losses)
            seconds = max(self._seconds, 1e-9)
            self._rate = self._pictures / seconds
            self._pixel_rate = self._pixels / seconds
            self._losses, self._pictures, self._pixels, self._seconds = [], 0, 0, 0.0
        left = self._recipe.pixels_before(self._recipe.max_steps) - self._recipe.pixels_before(step)
        self._report(
            TrainingProgress(
                step=step,
                max_steps=self._recipe.max_steps,
                loss=self._loss,
                pictures_per_s=self._rate,
                eta_s=left / max(self._pixel_rate, 1e-9),
                scores=scores,
            )
        )
