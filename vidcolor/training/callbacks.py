"""What happens around the steps: checkpoints, progress, time."""

from __future__ import annotations

import math
import os
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import lightning

from vidcolor.errors import TrainingDivergedError
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


class Stopwatch:
    """Time that training takes, without validations and checkpoints."""

    def __init__(self) -> None:
        self._seconds = 0.0
        self._since: float | None = None

    def start(self) -> None:
        """Run from now on."""
        self._since = time.monotonic()

    def stop(self) -> None:
        """Stand still until the next start."""
        if self._since is not None:
            self._seconds += time.monotonic() - self._since
        self._since = None

    def lap(self) -> float:
        """Seconds since the last lap; begins the next."""
        self.stop()
        passed, self._seconds = self._seconds, 0.0
        self.start()
        return passed


class AtomicCheckpoints(lightning.Callback):  # type: ignore[misc]
    """Save everything that an exact resume needs every ``every_steps`` steps.

    The file is written beside its place and then renamed, so that a run killed while
    saving still has the one before. After a step with a validation it is written behind that,
    with all that callbacks in front of this one made of it.

    Parameters
    ----------
    path:
        Of the file.
    recipe:
        Says how often to save and to validate.
    watch:
        Stands still meanwhile.
    """

    def __init__(self, path: Path, recipe: Recipe, watch: Stopwatch) -> None:
        self._path = path
        self._recipe = recipe
        self._watch = watch

    def on_train_batch_end(self, trainer: Any, *args: Any) -> None:
        """Save when it is time and no validation follows."""
        del args
        if trainer.global_step % self._recipe.validation.every_steps:
            self._save(trainer)

    def on_validation_end(self, trainer: Any, pl_module: Any) -> None:
        """Save when it is time."""
        del pl_module
        self._save(trainer)

    def _save(self, trainer: Any) -> None:
        if trainer.global_step % self._recipe.checkpoint_steps == 0:
            self._watch.stop()
            save_atomically(trainer, self._path)
            self._watch.start()


def save_atomically(trainer: Any, path: Path) -> None:
    """Write a Lightning checkpoint to ``path`` in one move."""
    unfinished = path.with_name(path.name + ".part")
    trainer.save_checkpoint(unfinished)  # waits for all processes; the first one writes
    if trainer.is_global_zero:
        os.replace(unfinished, path)


class StopWhenAsked(lightning.Callback):  # type: ignore[misc]
    """End the run after the step at hand once ``cancel`` is set in any process.

    Parameters
    ----------
    cancel:
        Set from another thread or a signal handler.
    every_steps:
        Steps between validations: a stop must not bring one of its own, which a resumed run
        would remember.
    """

    def __init__(self, cancel: threading.Event, every_steps: int) -> None:
        self._cancel = cancel
        self._every_steps = every_steps

    def on_train_batch_end(self, trainer: Any, *args: Any) -> None:
        """Ask Lightning to stop."""
        del args
        if trainer.strategy.reduce_boolean_decision(self._cancel.is_set(), all=False):
            trainer.should_stop = True
            if trainer.global_step % self._every_steps:
                trainer.limit_val_batches = 0


class OwnSignals(lightning.Callback):  # type: ignore[misc]
    """Put back the handler of SIGTERM that the program had.

    Lightning's own ends the process at once and, where several share the work, waits for the
    others in the middle of a step.
    """

    def __init__(self) -> None:
        self._handler = signal.getsignal(signal.SIGTERM)

    def on_train_start(self, *args: Any) -> None:
        """Lightning has registered its handlers by now; it removes them itself."""
        del args
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, self._handler)


class ProgressReports(lightning.Callback):  # type: ignore[misc]
    """Tell ``report`` how the run goes, and count its hours.

    Stands behind all other callbacks that look at a validation, so that their time is not
    counted.
    """

    def __init__(
        self, recipe: Recipe, report: Callable[[TrainingProgress], None], watch: Stopwatch
    ) -> None:
        self._recipe = recipe
        self._report = report
        self._watch = watch
        self._losses: list[float] = []
        self._loss = math.nan
        self._rate = self._pixel_rate = 0.0
        self._pictures = self._pixels = 0
        self._seconds = 0.0

    def on_train_start(self, *args: Any) -> None:
        """Start the watch."""
        del args
        self._watch.start()

    def on_validation_start(self, *args: Any) -> None:
        """Stop it."""
        del args
        self._watch.stop()

    def on_train_batch_end(
        self, trainer: Any, pl_module: ColorModule, outputs: Any, batch: Any, *args: Any
    ) -> None:
        """Count the step; report every ``log_steps``."""
        del args
        passed = self._watch.lap()
        self._seconds += passed
        pl_module.hours_trained += passed / 3600
        self._losses.append(float(outputs["loss"]))
        self._pictures += len(batch.rgb) * trainer.world_size
        self._pixels += batch.rgb.shape[:3].numel() * trainer.world_size
        if len(self._losses) >= self._recipe.log_steps:
            self._send(trainer.global_step, {})

    def on_validation_end(self, trainer: Any, pl_module: ColorModule) -> None:
        """Report the scores."""
        self._watch.start()
        self._send(trainer.global_step, pl_module.latest_scores)

    def _send(self, step: int, scores: dict[str, dict[str, float]]) -> None:
        if self._losses:  # none are left where a report was just sent
            self._loss = sum(self._losses) / len(self._losses)
            if not math.isfinite(self._loss):
                raise TrainingDivergedError(
                    f"the loss is {self._loss} at step {step}: the run has diverged; begin it anew "
                    "with a lower optimizer.rate or a longer warm-up"
                )
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
                scores=dict(scores),
            )
        )
