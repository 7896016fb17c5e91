"""Published weights of other people's networks, turned into checkpoints of ours.

What a file holds is told by what is in it, never by its name: PyTorch files (``.pth``, both
formats) by the names of their tensors, ``colorization_release_v2.caffemodel`` by its layers.
PyTorch files are pickles, and are read by torch's restricted reader only, which knows tensors
and nothing that could run.
"""

from __future__ import annotations

import hashlib
import os
import pickle
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from vidcolor.errors import DamagedCheckpointError, UnknownCheckpointError, UnsafeCheckpointError
from vidcolor.models import bins, registry
from vidcolor.models.base import ColorNetwork
from vidcolor.models.caffemodel import eccv16_tensors, read_caffemodel
from vidcolor.models.checkpoint import save_checkpoint
from vidcolor.models.checkpoint_file import CheckpointInfo
from vidcolor.models.eccv16 import AB_SCALE

NAMES_SHOWN = 3
"""Tensors that an error names of each kind; the rest is counted."""

NAME_LENGTH = 100
"""Characters of a foreign file's names and shapes that are shown."""

_OPTIONAL_SUFFIX = ".num_batches_tracked"
"""Counters of batch norms that torch has only kept since 0.4.1; predicting needs none of them."""

_TORCH_BEGINNINGS = (b"PK\x03\x04", *(bytes((0x80, protocol)) for protocol in range(1, 6)))
"""A zip archive, or a pickle."""

_DDCOLOR_DROPPED = "encoder.arch.head_cls."
"""ImageNet classifier of the encoder, in the published files and used by nothing."""


_WHAT_CAN_BE_IMPORTED = (
    "what can be imported is the published ECCV16 (.pth, .caffemodel), SIGGRAPH17 and DDColor"
)


@dataclass(frozen=True, slots=True)
class _Kind:
    """One network whose weights are published."""

    architecture: str
    marker: str
    """A tensor that only this network has."""
    licence: str
    paper: str


_KINDS = (
    _Kind(
        "eccv16",
        "model8.6.weight",
        "BSD-2-Clause, Richard Zhang, https://github.com/richzhang/colorization",
        "Colorful Image Colorization, https://arxiv.org/abs/1603.08511",
    ),
    _Kind(
        "siggraph17",
        "model8up.0.weight",
        "BSD-2-Clause, Richard Zhang, https://github.com/richzhang/colorization",
        "Real-Time User-Guided Image Colorization, https://arxiv.org/abs/1705.02999",
    ),
    _Kind(
        "ddcolor",
        "encoder.arch.stages.0.0.gamma",
        "Apache-2.0, https://github.com/piddnad/DDColor",
        "DDColor, https://arxiv.org/abs/2212.11613",
    ),
)


def import_weights(
    source: str | Path, output: str | Path, *, name: str | None = None
) -> CheckpointInfo:
    """Write published weights as a checkpoint.

    Parameters
    ----------
    source:
        ECCV16, SIGGRAPH17 or DDColor as ``.pth``, or ECCV16 as ``.caffemodel``, whatever the
        file is called.
    output:
        Must end in ``.safetensors``; an older file there is replaced, in one move at the end.
    name:
        What the checkpoint calls itself; by default the source's name without its ending.

    Returns
    -------
    What was written. ``training["imported_from"]`` tells the source and its sha256.

    Raises
    ------
    UnknownCheckpointError
        If there is no such file.
    UnsafeCheckpointError
        If it is a pickle of more than tensors; nothing of it was run.
    DamagedCheckpointError
        If it is none of the above, or its tensors are not exactly those of the network.
    MissingExtraError
        If the network needs a package that is not installed.
    ValueError
        If ``output`` or ``name`` is not as described.
    """
    source = Path(source)
    sha256 = _file_sha256(source)
    kind, tensors, file_format = _read(source)
    network = _build(kind, tensors)
    _fill(source, network, tensors)
    training: dict[str, Any] = {
        "imported_from": {"file": source.name, "sha256": sha256, "format": file_format},
        "paper": kind.paper,
    }
    if kind.architecture == "eccv16":
        training["colors_of_classes"] = _compare_bins(tensors["model_out.weight"])
    return save_checkpoint(
        output,
        network,
        name=source.stem if name is None else name,
        licence=kind.licence,
        training=training,
        half=False,
    )


def _file_sha256(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise UnknownCheckpointError(
            f"cannot open {path}: {error.strerror}; check the path and its permissions"
        ) from error


def _read(path: Path) -> tuple[_Kind, dict[str, Tensor], str]:
    """The network that a file belongs to, its tensors by our names, and the file's format."""
    with path.open("rb") as file:
        head = file.read(9)
        size = file.seek(0, os.SEEK_END)
    if head.startswith(_TORCH_BEGINNINGS):
        tensors = _read_torch(path)
        return _recognize(path, tensors), tensors, "PyTorch"
    if head[8:] == b"{" and int.from_bytes(head[:8], "little") + 8 <= size:
        raise DamagedCheckpointError(
            f"{path} is a safetensors file already, and those are not imported; "
            "give it to --checkpoint if vidcolor wrote it"
        )
    layers = read_caffemodel(path)
    try:
        return _KINDS[0], eccv16_tensors(layers), "Caffe"
    except ValueError as error:
        raise DamagedCheckpointError(
            f"{path} is a Caffe model, but not colorization_release_v2.caffemodel: {error}"
        ) from error


def _read_torch(path: Path) -> dict[str, Tensor]:
    """The tensors of a PyTorch file, also where they are under ``params`` or ``params_ema``."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about the age of a file and odd tensors in it
            content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        reason = str(error).strip().splitlines()
        raise UnsafeCheckpointError(
            f"{path} is a pickle of more than tensors or is cut short, and reading it could run "
            f"any code: it was not loaded ({_detail(reason)}); get published weights from their "
            "authors"
        ) from error
    except Exception as error:  # whatever a broken file makes of torch's two readers
        reason = str(error).strip().splitlines()
        raise DamagedCheckpointError(
            f"{path} is not a whole PyTorch file ({type(error).__name__}: {_detail(reason)}); "
            "get it again from where it came from"
        ) from error
    for key in ("params", "params_ema"):
        if isinstance(content, Mapping) and isinstance(content.get(key), Mapping):
            content = content[key]
            break
    if not isinstance(content, Mapping) or not all(isinstance(k, str) for k in content):
        raise DamagedCheckpointError(f"{path} holds no named tensors; {_WHAT_CAN_BE_IMPORTED}")
    return {
        key: value
        for key, value in content.items()
        if _is_plain(value) and not key.startswith(_DDCOLOR_DROPPED)
    }


def _is_plain(value: object) -> bool:
    """Whether it is a tensor with numbers in it: not sparse, quantised or without storage."""
    return (
        isinstance(value, Tensor)
        and value.layout is torch.strided
        and value.device.type == "cpu"
        and not value.is_quantized
    )


def _detail(lines: list[str]) -> str:
    """The line of torch's many that says what was found."""
    telling = [line for line in lines if "nsupported" in line or "WeightsUnpickler" in line]
    return (telling or lines or ["no reason given"])[0].strip()[:200]


def _recognize(path: Path, tensors: dict[str, Tensor]) -> _Kind:
    for kind in _KINDS:
        if kind.marker in tensors:
            return kind
    found = f"{len(tensors)} tensors, such as {_shown(sorted(tensors))}" if tensors else "none"
    raise DamagedCheckpointError(
        f"{path} holds weights of no known network ({found}); {_WHAT_CAN_BE_IMPORTED}"
    )


def _build(kind: _Kind, tensors: dict[str, Tensor]) -> ColorNetwork:
    config: dict[str, Any] = {}
    if kind.architecture == "ddcolor":
        # ConvNeXt-T begins 96 channels wide, ConvNeXt-L 192; https://arxiv.org/abs/2201.03545
        config["size"] = "large" if tensors[kind.marker].numel() >= 192 else "tiny"
    with torch.random.fork_rng(devices=[]):  # must not change anyone's random numbers
        return registry.create(kind.architecture, config)


def _fill(path: Path, network: ColorNetwork, tensors: dict[str, Tensor]) -> None:
    """Give ``network`` exactly these tensors, or say how they differ from its own."""
    wanted = network.state_dict()
    missing = [key for key in wanted if key not in tensors and not key.endswith(_OPTIONAL_SUFFIX)]
    unknown = [key for key in tensors if key not in wanted]
    shapes = [
        f"{key} is {tuple(tensors[key].shape)}, not {tuple(tensor.shape)}"
        for key, tensor in wanted.items()
        if key in tensors
        and (
            tensors[key].shape != tensor.shape
            or tensors[key].is_floating_point() != tensor.is_floating_point()
        )
    ]
    differences = [
        f"{what} {len(names)} ({_shown(names)})"
        for what, names in (("missing", missing), ("unknown", unknown), ("wrong shape", shapes))
        if names
    ]
    if differences:
        raise DamagedCheckpointError(
            f"{path} looks like {network.architecture}, but its tensors do not fit: "
            f"{'; '.join(differences)}"
        )
    for key, tensor in tensors.items():
        if not tensor.isfinite().all():
            raise DamagedCheckpointError(
                f"{path}: {key} holds values that are not numbers; "
                "get it again from where it came from"
            )
    network.load_state_dict({key: tensors.get(key, wanted[key]) for key in wanted})


def _shown(names: list[str]) -> str:
    more = ", …" if len(names) > NAMES_SHOWN else ""
    return ", ".join(name[:NAME_LENGTH] for name in names[:NAMES_SHOWN]) + more


def _compare_bins(model_out: Tensor) -> str:
    """Whether the colours in the weights are the published table's."""
    difference = (model_out.float()[:, :, 0, 0].T * AB_SCALE - bins.AB_BINS).abs().max()
    if difference < 0.01:
        return "the 313 bins"
    return f"up to {float(difference):.3g} from the 313 bins"
