"""Parts that others have trained on ImageNet, filled from a file under their own names."""

from __future__ import annotations

import pickle
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from vidcolor.errors import DamagedCheckpointError, UnknownCheckpointError, UnsafeCheckpointError

_NEEDLESS = "num_batches_tracked"
"""End of the names of counters, which predict nothing; files from before they existed lack them."""


def fill_backbone(backbone: nn.Module, path: str | Path, *, what: str) -> None:
    """Load ``path`` into ``backbone``; keys that it has no place for are ignored.

    Parameters
    ----------
    path:
        ``.safetensors``, or a torch file that holds nothing but tensors.
    what:
        Names the weights in messages, such as ``torchvision's vgg16``.

    Raises
    ------
    UnknownCheckpointError
        If there is no such file.
    UnsafeCheckpointError
        If a torch file holds more than tensors.
    DamagedCheckpointError
        If it cannot be read, lacks a tensor, or has one of another shape.
    """
    stored = _read(Path(path))
    wanted = backbone.state_dict()
    unfit = sorted(
        name
        for name, tensor in wanted.items()
        if not (name.endswith(_NEEDLESS) and name not in stored)
        and (name not in stored or stored[name].shape != tensor.shape)
    )
    if unfit:
        raise DamagedCheckpointError(
            f"{path} lacks {len(unfit)} of {len(wanted)} tensors or has them in other shapes, the "
            f"first is {unfit[0]}; give {what} weights"
        )
    backbone.load_state_dict({name: stored.get(name, own) for name, own in wanted.items()})


def _is_pickle(path: Path) -> bool:
    """Whether it begins as torch's files do: a zip, or a pickle of protocol 2 or later."""
    with path.open("rb") as file:
        return file.read(2) in (b"PK", b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")


def _read(path: Path) -> dict[str, Tensor]:
    if not path.is_file():
        raise UnknownCheckpointError(
            f"no weights at {path}; give a .safetensors or .pth file with ImageNet weights"
        )
    try:
        if path.suffix == ".safetensors":
            tensors: dict[str, Tensor] = load_file(path)
            return tensors
        content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        if not _is_pickle(path):
            raise DamagedCheckpointError(
                f"{path} is no file of weights; give a .safetensors or .pth file"
            ) from error
        raise UnsafeCheckpointError(
            f"{path} holds more than tensors, and loading that can run any code: it was not "
            "loaded; give a .safetensors file"
        ) from error
    except (SafetensorError, OSError, EOFError, RuntimeError, ValueError) as error:
        raise DamagedCheckpointError(f"cannot read {path}: {error}; give an intact file") from error
    if not isinstance(content, dict):
        raise DamagedCheckpointError(f"{path} holds no tensors by name; give a state dict")
    return {name: value for name, value in content.items() if isinstance(value, Tensor)}
