"""Saving and loading networks; the format of the files is in `vidcolor.models.checkpoint_file`."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from vidcolor.errors import DamagedCheckpointError, SettingsError
from vidcolor.models import registry
from vidcolor.models.base import ColorNetwork
from vidcolor.models.checkpoint_file import (
    FORMAT,
    SUFFIX,
    CheckpointInfo,
    opened,
    parse_info,
    tensors_sha256,
    write,
)
from vidcolor.models.checkpoint_names import read_info, resolve
from vidcolor.models.input_rules import InputRules

_KEPT_IN_FLOAT32 = ("running_mean", "running_var")
"""Batch norm statistics stay exact when the rest is stored in float16: variances of nearly silent
channels are below float16's smallest number, and there are few of them."""

_FLOAT16_MAX = 65504.0
"""Tensors with larger values stay float32."""


@dataclass(frozen=True, slots=True)
class LoadedCheckpoint:
    """A network with its weights, in eval mode, and where they came from."""

    network: ColorNetwork
    info: CheckpointInfo


def save_checkpoint(
    path: str | Path,
    network: ColorNetwork,
    *,
    name: str,
    licence: str,
    training: dict[str, Any] | None = None,
    rules: InputRules | None = None,
    half: bool = True,
) -> CheckpointInfo:
    """Write ``network`` to ``path`` in one move; an older file there is replaced.

    Parameters
    ----------
    path:
        Must end in ``.safetensors``; its folder must exist.
    network:
        As built by `registry.create`, not prepared for inference.
    name, licence:
        Neither may be empty.
    training:
        JSON values: recipe, data sources and their terms, scores …
    rules:
        If they differ from the network class's own.
    half:
        Store learnt values as float16, half the size; batch norm statistics stay float32.

    Raises
    ------
    ValueError
        If an argument is not as described.
    """
    path = Path(path)
    if path.suffix != SUFFIX:
        raise ValueError(f"a checkpoint's name ends in {SUFFIX}, not {path.name!r}")
    if not name.strip() or not licence.strip():
        raise ValueError("a checkpoint needs a name and a licence")
    rules = rules or network.rules
    if rules.multiple_of % network.rules.multiple_of:
        raise ValueError(f"multiple_of must be a multiple of {network.rules.multiple_of}: {rules}")
    _check_rebuildable(network)
    tensors = {key: _stored(key, tensor, half=half) for key, tensor in network.state_dict().items()}
    metadata = {
        "format": FORMAT,
        "name": name,
        "architecture": network.architecture,
        "architecture_version": str(network.version),
        "config": json.dumps(network.config(), allow_nan=False),
        "input_rules": json.dumps(asdict(rules)),
        "training": json.dumps(training or {}, allow_nan=False),
        "licence": licence,
        "tensors_sha256": tensors_sha256(tensors),
    }
    write(path, tensors, metadata)
    return read_info(path)


def load_checkpoint(
    name_or_path: str | Path, device: torch.device | str = "cpu"
) -> LoadedCheckpoint:
    """Build the network that a checkpoint holds, in eval mode, parameters in float32.

    Parameters
    ----------
    name_or_path:
        ``default``, the name of a shipped checkpoint, or a path.
    device:
        Where the network is put.

    Raises
    ------
    UnknownCheckpointError
        If there is no such name or file.
    UnsafeCheckpointError
        If it is a pickle.
    DamagedCheckpointError
        If it is not readable, not ours, from another version, or not what was saved.
    """
    path = resolve(name_or_path)
    info, tensors = _read_verified(path)
    network = _rebuild(info)
    _check_fits(path, network, tensors)
    network.load_state_dict(tensors)
    return LoadedCheckpoint(network.eval().to(device), info)


def verify_checkpoint(name_or_path: str | Path) -> CheckpointInfo:
    """Check everything that `load_checkpoint` would, without keeping the network.

    Raises
    ------
    CheckpointError
        As `load_checkpoint`.
    """
    return load_checkpoint(name_or_path).info


def _stored(key: str, tensor: Tensor, *, half: bool) -> Tensor:
    tensor = tensor.detach().cpu().contiguous()
    if not half or tensor.dtype != torch.float32 or key.endswith(_KEPT_IN_FLOAT32):
        return tensor
    fits = tensor.numel() == 0 or float(tensor.abs().max()) <= _FLOAT16_MAX
    return tensor.half() if fits else tensor


def _check_rebuildable(network: ColorNetwork) -> None:
    """A network whose layers were fused or renamed must not be saved under its old name."""
    with torch.random.fork_rng(devices=[]):
        fresh = registry.create(network.architecture, network.config())
    if fresh.state_dict().keys() != network.state_dict().keys():
        raise ValueError(
            f"this {network.architecture} was changed after it was built (prepared for "
            "inference?); save the network that was trained"
        )


def _read_verified(path: Path) -> tuple[CheckpointInfo, dict[str, Tensor]]:
    with opened(path) as file:
        info = parse_info(path, file.metadata() or {})
        tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    found = tensors_sha256(tensors)
    if found != info.sha256:
        raise DamagedCheckpointError(
            f"checkpoint {path}: its tensors do not match their sha256 (recorded "
            f"{info.sha256[:12]}…, found {found[:12]}…); get it again from where it came from"
        )
    return info, tensors


def _rebuild(info: CheckpointInfo) -> ColorNetwork:
    """The network that ``info`` describes, with random weights."""
    try:
        cls = registry.network_class(info.architecture)
        wanted = cls.version
        if info.version != wanted:
            age = "newer than" if info.version > wanted else "older than"
            raise DamagedCheckpointError(
                f"checkpoint {info.path} holds {info.architecture} version {info.version}, {age} "
                f"version {wanted} of this vidcolor; use the vidcolor it was made with"
            )
        if info.rules.multiple_of % cls.rules.multiple_of:
            raise DamagedCheckpointError(
                f"checkpoint {info.path}: multiple_of = {info.rules.multiple_of} does not suit "
                f"{info.architecture}, which needs a multiple of {cls.rules.multiple_of}"
            )
        with torch.random.fork_rng(devices=[]):  # loading must not change anyone's random numbers
            return registry.create(info.architecture, info.config)
    except SettingsError as error:
        raise DamagedCheckpointError(
            f"checkpoint {info.path}: {error}; it needs another version of vidcolor"
        ) from error


def _check_fits(path: Path, network: ColorNetwork, tensors: dict[str, Tensor]) -> None:
    """Every tensor is there, none is left over, and each has the right shape and kind."""
    wanted = network.state_dict()
    missing = sorted(wanted.keys() - tensors.keys())
    extra = sorted(tensors.keys() - wanted.keys())
    wrong = [
        f"{key} is {tuple(tensors[key].shape)}, not {tuple(tensor.shape)}"
        for key, tensor in wanted.items()
        if key in tensors
        and (
            tensors[key].shape != tensor.shape
            or tensors[key].is_floating_point() != tensor.is_floating_point()
        )
    ]
    for what, names in (("lacks", missing), ("has unknown", extra), ("does not fit:", wrong)):
        if names:
            raise DamagedCheckpointError(
                f"checkpoint {path} {what} {names[0]} ({len(names)} such tensors); "
                f"it is not a {network.architecture} of this version"
            )
