"""What a training run begins with: checks, the network and its first weights."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import torch

from vidcolor.color import lightness_from_luma, rgb_to_luma
from vidcolor.errors import DeviceError, SettingsError, UnknownCheckpointError
from vidcolor.models import bins, registry
from vidcolor.models.base import ColorNetwork
from vidcolor.models.checkpoint import load_checkpoint
from vidcolor.models.filmnet import FilmNet, calibrate_batch_norm
from vidcolor.models.patchgan import LEAST_SIDE
from vidcolor.photographs.photos import PhotoSet
from vidcolor.training.batches import FixedBatches
from vidcolor.training.module import unit_rgb
from vidcolor.training.objectives import make_objective
from vidcolor.training.recipe import Recipe

_log = logging.getLogger(__name__)

IMAGENET_PREFIX = "imagenet:"
"""``--init imagenet:PATH`` fills only the encoder."""

_CALIBRATION_PHOTOS = 384
"""Photos from which the encoder's batch norms are calibrated."""

_CALIBRATION_SIZE = 128
"""Their side in pixels."""


def check_recipe(network: ColorNetwork, recipe: Recipe) -> None:
    """Fail before the photographs are read, not after.

    Raises
    ------
    SettingsError
        If ``network`` cannot be trained by ``recipe``.
    """
    make_objective(network.architecture, recipe.loss, torch.ones(bins.NUM_BINS))
    prefix = recipe.network.encoder_parameters
    if prefix is not None and not any(n.startswith(prefix) for n, _ in network.named_parameters()):
        raise SettingsError(
            f"network.encoder_parameters = {prefix!r}: no parameter of {network.architecture} has "
            "a name that begins so; leave it out to train all alike"
        )
    unit = network.rules.multiple_of
    for size in (*(phase.size for phase in recipe.phases), recipe.validation.size):
        if size % unit:
            raise SettingsError(
                f"pictures of {size} px do not suit {network.architecture}: "
                f"phases.size and validation.size must be multiples of {unit}"
            )
    smallest = min(phase.size for phase in recipe.phases) // network.stride
    if recipe.gan and smallest < LEAST_SIDE:
        raise SettingsError(
            f"the GAN's judge would see colours of {smallest} px, but needs {LEAST_SIDE}: set "
            f"phases.size to at least {LEAST_SIDE * network.stride}, or leave gan out"
        )


def has_backbone(network: ColorNetwork) -> bool:
    """Whether a part of ``network`` can begin with ImageNet weights."""
    return type(network).load_imagenet_backbone is not ColorNetwork.load_imagenet_backbone


def check_init(network: ColorNetwork, init: str | None) -> None:
    """Fail before the photographs are read, not after; see `initialize`.

    Raises
    ------
    CheckpointError
        If there is no such file.
    SettingsError
        If the network has no backbone to fill.
    """
    if init is None:
        return
    if not init.startswith(IMAGENET_PREFIX):
        _load_same(network, init)
        return
    path = Path(init.removeprefix(IMAGENET_PREFIX))
    if not path.is_file():
        raise UnknownCheckpointError(f"no weights at {path}; give a file with ImageNet weights")
    if not has_backbone(network):
        raise SettingsError(
            f"--init {init}: {network.architecture} has no backbone to fill; leave --init out"
        )


def check_devices(device: torch.device, devices: int, recipe: Recipe) -> None:
    """Fail before anything is read.

    Raises
    ------
    DeviceError
        If there are not so many.
    SettingsError
        If a batch cannot be shared evenly.
    """
    if devices == 1:
        return
    there = {"cuda": torch.cuda.device_count(), "cpu": os.cpu_count() or 1}.get(device.type, 1)
    if devices > there or ":" in str(device):
        raise DeviceError(
            f"{devices} devices of the kind {str(device)!r} are not available: {there} found; "
            "use --devices with no more than that, and --device without a number"
        )
    for phase in recipe.phases:
        if phase.batch % devices:
            raise SettingsError(
                f"batches of {phase.batch} pictures cannot be shared by {devices} devices: set "
                f"phases.batch to a multiple of {devices}"
            )


def create_network(recipe: Recipe) -> ColorNetwork:
    """The recipe's network with random weights that depend only on its seed.

    Raises
    ------
    SettingsError
        If there is none of that name, or its options do not fit.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.seed)
        return registry.create(recipe.network.architecture, recipe.network.options)


def initialize(
    network: ColorNetwork, init: str | None, photos: PhotoSet, prior: torch.Tensor
) -> None:
    """Give ``network`` its first weights; see `run_training` for ``init``."""
    if isinstance(network, FilmNet):
        network.set_bin_prior(bins.smooth_prior(prior))
    if init is None:
        if has_backbone(network):
            _log.warning(
                "%s trains from scratch; its backbone can begin with ImageNet weights: "
                "--init imagenet:FILE",
                network.architecture,
            )
        return
    if init.startswith(IMAGENET_PREFIX):
        network.load_imagenet_backbone(init.removeprefix(IMAGENET_PREFIX))
        if isinstance(network, FilmNet):
            some = FixedBatches(photos.spaced(_CALIBRATION_PHOTOS), _CALIBRATION_SIZE)
            calibrate_batch_norm(
                network, (lightness_from_luma(rgb_to_luma(unit_rgb(batch.rgb))) for batch in some)
            )
        return
    network.load_state_dict(_load_same(network, init).state_dict())


def _load_same(network: ColorNetwork, init: str) -> ColorNetwork:
    """The network of a checkpoint, if it is built like ``network``."""
    loaded = load_checkpoint(init, torch.device("cpu")).network
    if type(loaded) is not type(network):
        raise SettingsError(
            f"--init {init} holds a {loaded.architecture!r}, not a {network.architecture!r}: "
            f"give a checkpoint of the same network or {IMAGENET_PREFIX}PATH"
        )
    theirs, ours = loaded.state_dict(), network.state_dict()
    if {n: v.shape for n, v in theirs.items()} != {n: v.shape for n, v in ours.items()}:
        raise SettingsError(
            f"--init {init} was built with other options, {loaded.config()}: set network.options "
            "to the same"
        )
    return loaded
