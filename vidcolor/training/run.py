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
from lightning.pytorch.loggers import CSVLogger

from vidcolor.color import lightness_from_luma, rgb_to_luma
from vidcolor.colorizer import pick_device
from vidcolor.errors import SettingsError
from vidcolor.models import bins, registry
from vidcolor.models.checkpoint import load_checkpoint
from vidcolor.models.filmnet import FilmNet, calibrate_batch_norm, load_imagenet_encoder
from vidcolor.training.batches import BatchMaker, FixedBatches, PhotoBatches
from vidcolor.training.callbacks import (
    AtomicCheckpoints,
    ProgressReports,
    StopWhenAsked,
    TrainingProgress,
    save_atomically,
)
from vidcolor.training.export import LAST_CHECKPOINT, RUN_FACTS, finish, load_state
from vidcolor.training.losses import count_prior
from vidcolor.training.module import ColorModule, unit_rgb
from vidcolor.training.photos import PhotoLibrary, PhotoSet, load_library
from vidcolor.training.recipe import Recipe

_log = logging.getLogger(__name__)

IMAGENET_PREFIX = "imagenet:"
"""``--init imagenet:PATH`` fills only the encoder."""

_CALIBRATION_PHOTOS = 384
"""Photos from which the encoder's batch norms are calibrated."""

_CALIBRATION_SIZE = 128
"""Their side in pixels."""

_HARMLESS_WARNINGS = (
    # The average of the weights never leaves eval mode.
    r".*module\(s\) in eval mode at the start of training.*",
    # A run on the CPU beside an unused GPU was asked for.
    r".*GPU available but not used.*",
    # Our batches know by themselves where a resumed run goes on.
    r".*resum.* from a checkpoint that ended before the epoch ended.*",
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
    cancel:
        When set, the run stops after the step at hand, with a checkpoint.
    on_progress:
        Called every ``log_steps`` steps and after each validation.

    Raises
    ------
    TrainingDataError
        If there is nothing to train on.
    SettingsError
        If ``init`` or ``resume`` does not fit, or the recipe's network cannot be trained here.
    DeviceError
        If the device is not there.
    """
    place = pick_device(device)
    network = create_network(recipe)
    stored = _stored_state(output, recipe, resume)
    library = load_library(data, recipe.data, val_folders=val)
    _log.info("photographs: %s", library.counts())
    prior = count_prior(library.train, recipe.loss.prior_photos, network.stride)
    if stored is None:
        initialize(network, init, library.train, prior)
        _write_facts(output, init)
    module = ColorModule(network, recipe, prior)
    module.to(memory_format=torch.channels_last)
    with _quiet_lightning():
        trainer = _trainer(recipe, output, place, stored, stop_after)
        trainer.callbacks += [
            ProgressReports(recipe, on_progress),
            AtomicCheckpoints(output / LAST_CHECKPOINT, recipe.checkpoint_steps),
            StopWhenAsked(cancel or threading.Event()),
        ]
        _fit(trainer, module, library, output, is_resumed=stored is not None)
    steps = trainer.global_step
    path = finish(module, recipe, library, output, steps) if steps >= recipe.max_steps else None
    return TrainingResult(steps, path, module.latest_scores)


def create_network(recipe: Recipe) -> FilmNet:
    """The recipe's network with random weights that depend only on its seed.

    Raises
    ------
    SettingsError
        If there is none of that name, or it is not a classifier over the ab bins.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.seed)
        network = registry.create(recipe.network.architecture, recipe.network.options)
    if not isinstance(network, FilmNet):
        raise SettingsError(
            f"network.architecture = {recipe.network.architecture!r} cannot be trained by this "
            f"recipe: it needs ab bins; choose {FilmNet.architecture!r}"
        )
    return network


def initialize(network: FilmNet, init: str | None, photos: PhotoSet, prior: torch.Tensor) -> None:
    """Give ``network`` its first weights; see `run_training` for ``init``."""
    network.set_bin_prior(bins.smooth_prior(prior))
    if init is None:
        return
    if init.startswith(IMAGENET_PREFIX):
        load_imagenet_encoder(network, init.removeprefix(IMAGENET_PREFIX))
        some = FixedBatches(photos.spaced(_CALIBRATION_PHOTOS), _CALIBRATION_SIZE)
        calibrate_batch_norm(
            network, (lightness_from_luma(rgb_to_luma(unit_rgb(batch.rgb))) for batch in some)
        )
        return
    loaded = load_checkpoint(init, torch.device("cpu")).network
    if not isinstance(loaded, FilmNet):
        raise SettingsError(
            f"--init {init} holds a {loaded.architecture!r}, not a {network.architecture!r}: "
            f"give a checkpoint of the same network or {IMAGENET_PREFIX}PATH"
        )
    network.load_state_dict(loaded.state_dict())


def _stored_state(output: Path, recipe: Recipe, resume: bool) -> dict[str, Any] | None:
    path = output / LAST_CHECKPOINT
    if resume:
        return load_state(path, recipe)
    if path.exists():
        raise SettingsError(
            f"{output} already holds a run: go on with --resume, or choose another folder with -o"
        )
    return None


def _write_facts(output: Path, init: str | None) -> None:
    output.mkdir(parents=True, exist_ok=True)
    # The name only: a path says more about its owner's disk than about the weights.
    facts = {"init": Path(init.removeprefix(IMAGENET_PREFIX)).name if init else None}
    (output / RUN_FACTS).write_text(json.dumps(facts), encoding="utf-8")


def _trainer(
    recipe: Recipe,
    output: Path,
    device: torch.device,
    stored: dict[str, Any] | None,
    stop_after: int | None,
) -> Any:
    first_step = stored["global_step"] if stored else 0
    return lightning.Trainer(
        accelerator=device.type,
        devices=[device.index or 0] if device.type == "cuda" else 1,
        precision=recipe.precision,
        max_epochs=-1,
        max_steps=min(recipe.max_steps, stop_after or recipe.max_steps),
        val_check_interval=recipe.validation.every_steps,
        check_val_every_n_epoch=None,
        log_every_n_steps=recipe.log_steps,
        gradient_clip_val=recipe.optimizer.clip,
        num_sanity_val_steps=0,
        enable_progress_bar=False,
        enable_model_summary=False,
        enable_checkpointing=False,
        # A folder per start: a resumed run must not overwrite the log of its beginning.
        logger=CSVLogger(output, name="log", version=f"from-step-{first_step:06d}"),
    )


def _fit(
    trainer: Any, module: ColorModule, library: PhotoLibrary, output: Path, *, is_resumed: bool
) -> None:
    recipe = module.recipe
    maker = BatchMaker(library.train, library.extra, recipe)
    validation = [
        FixedBatches(photos.spaced(recipe.validation.photos), recipe.validation.size)
        for photos in (library.val, library.held_out)
        if len(photos)
    ]
    try:
        trainer.fit(
            module,
            train_dataloaders=PhotoBatches(maker, lambda: trainer.global_step),
            val_dataloaders=validation,
            ckpt_path=output / LAST_CHECKPOINT if is_resumed else None,
            weights_only=True if is_resumed else None,
        )
        save_atomically(trainer, output / LAST_CHECKPOINT)
    finally:
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
