"""A whole training run: data, network, trainer, export."""

from __future__ import annotations

import contextlib
import json
import logging
import threading
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightning
import torch
from lightning.pytorch.callbacks import EarlyStopping, ModelCheckpoint
from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger
from lightning.pytorch.strategies import DDPStrategy

from vidcolor.devices import is_out_of_memory, pick_device
from vidcolor.errors import DeviceMemoryError, SettingsError
from vidcolor.media.atomic import make_folder, output_error
from vidcolor.models import bins
from vidcolor.models.filmnet import FilmNet
from vidcolor.training.batches import BatchMaker, FixedBatches, PhotoBatches
from vidcolor.training.callbacks import (
    AtomicCheckpoints,
    OwnSignals,
    ProgressReports,
    Stopwatch,
    StopWhenAsked,
    TrainingProgress,
    save_atomically,
)
from vidcolor.training.export import (
    BEST_CHECKPOINT,
    LAST_CHECKPOINT,
    RUN_FACTS,
    finish,
    load_state,
    make_module,
)
from vidcolor.training.library import PhotoLibrary, load_library
from vidcolor.training.losses import count_prior
from vidcolor.training.module import ColorModule
from vidcolor.training.pictures import ValidationPictures
from vidcolor.training.recipe import Recipe
from vidcolor.training.setup import (
    IMAGENET_PREFIX,
    check_devices,
    check_init,
    check_recipe,
    create_network,
    initialize,
)

_log = logging.getLogger(__name__)

BROKEN_FILES = "broken.txt"
"""Names of the photographs that could not be decoded, in the run's folder."""

_HARMLESS_WARNINGS = (
    # The average of the weights never leaves eval mode.
    r".*module\(s\) in eval mode at the start of training.*",
    # A run on the CPU beside an unused GPU was asked for.
    r".*GPU available but not used.*",
    # Our batches know by themselves where a resumed run goes on.
    r".*resum.* from a checkpoint that ended before the epoch ended.*",
    # The best checkpoint lies beside everything else of the run.
    r"Checkpoint directory .* exists and is not empty.*",
    # Inside Lightning's own use of torch.
    r".*`isinstance\(treespec, LeafSpec\)` is deprecated.*",
)
"""What Lightning warns about although nothing is wrong here."""


@dataclass(frozen=True, slots=True)
class TrainingResult:
    """What a run left behind."""

    steps: int
    """Steps done."""
    checkpoint: Path | None
    """The exported weights; None if the run was stopped before its end."""
    scores: dict[str, dict[str, float]]
    """Last scores by validation set."""


def run_training(
    recipe: Recipe,
    data: list[Path],
    output: Path,
    *,
    val: Iterable[Path] = (),
    init: str | None = None,
    resume: bool = False,
    stop_after: int | None = None,
    device: str = "auto",
    devices: int = 1,
    cancel: threading.Event | None = None,
    on_progress: Callable[[TrainingProgress], None] = lambda _: None,
) -> TrainingResult:
    """Train by ``recipe`` on the photographs under ``data``; leave everything in ``output``.

    Parameters
    ----------
    recipe:
        The run.
    data:
        Folders of photographs or tar shards.
    output:
        The run's folder: logs, ``last.ckpt``, and at the end ``NAME.safetensors``.
    val:
        More folders, only validated on.
    init:
        ``imagenet:PATH`` for the encoder, or the path of a checkpoint of the same network.
    resume:
        Go on from ``last.ckpt``, exactly as if the run had never stopped; the data and the
        recipe must be the same.
    stop_after:
        Stop after this step; a later ``resume`` goes on.
    device:
        ``auto``, ``cpu``, ``cuda``, ``cuda:N`` or ``mps``.
    devices:
        GPUs, or processes on the CPU, that share each batch. Above 1 the running program is
        started again once for each of the others, with the same arguments.
    cancel:
        When set, the run stops after the step at hand, with a checkpoint.
    on_progress:
        Called every ``log_steps`` steps and after each validation.

    Raises
    ------
    PhotoSetError
        If there is nothing to train on.
    SettingsError
        If ``init`` or ``resume`` does not fit, or the recipe's network cannot be trained here.
    DeviceError
        If the device is not there.
    """
    place = pick_device(device)
    check_devices(place, devices, recipe)
    network = create_network(recipe)
    check_recipe(network, recipe)
    stored = _stored_state(output, recipe, resume)
    if stored is None:
        check_init(network, init)
    library = load_library(data, recipe.data, val_folders=val, skip=output)
    _log.info("photographs: %s", library.counts())
    prior = torch.ones(bins.NUM_BINS)  # a resumed run has its own in its state
    if stored is None and (recipe.loss.kind == "bins" or isinstance(network, FilmNet)):
        prior = count_prior(library.train, recipe.loss.prior_photos, network.stride)
    if stored is None:
        initialize(network, init, library.train, prior)
    module = make_module(network, recipe, prior)
    module.to(memory_format=torch.channels_last)
    cancel = cancel or threading.Event()
    with _quiet_lightning(), _writing(output):
        trainer = _trainer(recipe, output, place, devices, stored, stop_after)
        if stored is None and trainer.is_global_zero:
            _write_facts(output, init)
        watch = Stopwatch()
        trainer.callbacks += [
            *_watchers(recipe, library, output),
            AtomicCheckpoints(output / LAST_CHECKPOINT, recipe, watch),
            ProgressReports(recipe, on_progress, watch),
            StopWhenAsked(cancel, recipe.validation.every_steps),
            OwnSignals(),
        ]
        _fit(trainer, module, library, output, is_resumed=stored is not None)
        steps = trainer.global_step
        is_early = trainer.should_stop and not cancel.is_set() and recipe.validation.patience > 0
        is_over = steps >= recipe.max_steps or is_early
        path = None
        if trainer.is_global_zero:
            _write_broken(output, library)
            path = finish(module, recipe, library, output, steps) if is_over else None
    return TrainingResult(steps, path, module.latest_scores)


def _watchers(recipe: Recipe, library: PhotoLibrary, output: Path) -> list[Any]:
    """What looks at each validation."""
    validation = recipe.validation
    watchers: list[Any] = []
    if validation.pictures:
        shown = library.val.spaced(validation.pictures)
        watchers.append(ValidationPictures(output / "pictures", shown, validation.size))
    if validation.keep == "best":
        watchers.append(
            ModelCheckpoint(
                output,
                BEST_CHECKPOINT.removesuffix(".ckpt"),
                monitor="val_loss",
                enable_version_counter=False,
            )
        )
    if validation.patience:
        watchers.append(EarlyStopping("val_loss", patience=validation.patience))
    return watchers


def _stored_state(output: Path, recipe: Recipe, resume: bool) -> dict[str, Any] | None:
    path = output / LAST_CHECKPOINT
    if resume:
        return load_state(path, recipe)
    if path.exists():
        raise SettingsError(
            f"{output} already holds a run: go on with --resume, or choose another folder with -o"
        )
    make_folder(output)
    return None


def _write_facts(output: Path, init: str | None) -> None:
    # The name only: a path says more about its owner's disk than about the weights.
    facts = {"init": Path(init.removeprefix(IMAGENET_PREFIX)).name if init else None}
    (output / RUN_FACTS).write_text(json.dumps(facts), encoding="utf-8")


def _write_broken(output: Path, library: PhotoLibrary) -> None:
    if library.left_out.broken:
        listed = "\n".join(library.left_out.broken)
        text = listed.encode("utf-8", "backslashreplace") + b"\n"  # names need not be Unicode
        (output / BROKEN_FILES).write_bytes(text)


@contextlib.contextmanager
def _writing(output: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise output_error(error, output) from error


def _trainer(
    recipe: Recipe,
    output: Path,
    device: torch.device,
    devices: int,
    stored: dict[str, Any] | None,
    stop_after: int | None,
) -> Any:
    first_step = stored["global_step"] if stored else 0
    return lightning.Trainer(
        accelerator=device.type,
        devices=[device.index or 0] if device.type == "cuda" and devices == 1 else devices,
        # Some parameters rest in some steps: a GAN's judge before its turn, a class head.
        strategy=DDPStrategy(find_unused_parameters=True) if devices > 1 else "auto",
        precision=recipe.precision,
        max_epochs=-1,
        max_steps=min(recipe.max_steps, stop_after or recipe.max_steps),
        val_check_interval=recipe.validation.every_steps,
        check_val_every_n_epoch=None,
        log_every_n_steps=recipe.log_steps,
        gradient_clip_val=None if recipe.gan else recipe.optimizer.clip,  # then done by hand
        num_sanity_val_steps=0,
        enable_progress_bar=False,
        enable_model_summary=False,
        enable_checkpointing=False,  # or Lightning would add one of its own beside ours
        # A folder per start: a resumed run must not overwrite the log of its beginning.
        logger=[
            kind(output, name="log", version=f"from-step-{first_step:06d}")
            for kind in (CSVLogger, TensorBoardLogger)
        ],
    )


def _fit(
    trainer: Any, module: ColorModule, library: PhotoLibrary, output: Path, *, is_resumed: bool
) -> None:
    recipe = module.recipe
    maker = BatchMaker(
        library.train,
        library.extra,
        recipe,
        rank=trainer.global_rank,
        processes=trainer.world_size,
    )
    validation = [
        FixedBatches(photos.spaced(recipe.validation.photos), recipe.validation.size)
        for photos in (library.val, library.held_out)
        if len(photos)
    ]
    batches = PhotoBatches(maker, lambda: trainer.global_step)
    try:
        trainer.fit(
            module,
            train_dataloaders=batches,
            val_dataloaders=validation,
            ckpt_path=output / LAST_CHECKPOINT if is_resumed else None,
            weights_only=True if is_resumed else None,
        )
        save_atomically(trainer, output / LAST_CHECKPOINT)
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        phase = recipe.phase_at(trainer.global_step)
        raise DeviceMemoryError(
            f"{trainer.strategy.root_device} has no memory for batches of {phase.batch} pictures "
            f"of {phase.size} px: "
            + (
                f"set that phase's batch to {phase.batch // 2}"
                if phase.batch > 1
                else "set that phase's size lower"
            )
        ) from error
    finally:
        batches.close()
        maker.close()


@contextlib.contextmanager
def _quiet_lightning() -> Iterator[None]:
    names = ("lightning.pytorch.utilities.rank_zero", "lightning.pytorch")
    levels = {name: logging.getLogger(name).level for name in names}
    with warnings.catch_warnings():
        for message in _HARMLESS_WARNINGS:
            warnings.filterwarnings("ignore", message=message)
        for name in names:
            logging.getLogger(name).setLevel(logging.WARNING)
        try:
            yield
        finally:
            for name, level in levels.items():
                logging.getLogger(name).setLevel(level)
