"""The file format of checkpoints: safetensors with metadata, and nothing that can run code.

Metadata (strings, JSON where stated)::

    format                "vidcolor-1"
    name                  what users call it
    architecture          registry name
    architecture_version  ColorNetwork.version when it was saved
    config                JSON, ColorNetwork.config()
    input_rules           JSON, InputRules
    training              JSON, how it was made and from what
    licence               terms of the weights
    tensors_sha256        see `tensors_sha256`

Pickles (``.pth``, ``.pt``, ``.ckpt``) are recognised by content and refused: loading one can run
any code.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from safetensors import SafetensorError, safe_open

from vidcolor.errors import (
    DamagedCheckpointError,
    UnknownCheckpointError,
    UnsafeCheckpointError,
)
from vidcolor.models.input_rules import InputRules

if TYPE_CHECKING:
    from torch import Tensor

FORMAT = "vidcolor-1"
"""Version of the metadata above."""

SUFFIX = ".safetensors"
"""File name ending of checkpoints."""

MAX_SHORT_SIDE = 4096
"""Input rules beyond this are taken for damage rather than obeyed."""


@dataclass(frozen=True, slots=True)
class CheckpointInfo:
    """What a checkpoint says about itself."""

    name: str
    architecture: str
    version: int
    """Of the architecture."""
    config: dict[str, Any]
    """Keyword arguments of the architecture's class."""
    rules: InputRules
    """How pictures must be prepared for these weights."""
    training: dict[str, Any]
    """How and from what the weights were made; free form."""
    licence: str
    sha256: str
    """Of the tensors; see `tensors_sha256`."""
    path: Path
    size_bytes: int = field(compare=False)


def tensors_sha256(tensors: Mapping[str, Tensor]) -> str:
    """SHA-256 over name, type, shape and bytes of each tensor, in the order of their names."""
    import torch

    digest = hashlib.sha256()
    for name in sorted(tensors):
        tensor = tensors[name].detach().cpu().contiguous()
        digest.update(f"{name}\0{tensor.dtype}\0{tuple(tensor.shape)}\0".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def is_undamaged(info: CheckpointInfo) -> bool:
    """Whether the file's tensors are those that its metadata says, as far as NumPy can tell.

    False also for types that NumPy does not have, as bfloat16. Loads no torch.
    """
    digest = hashlib.sha256()
    try:
        with opened(info.path, framework="numpy") as file:
            for name in sorted(file.keys()):
                array = file.get_tensor(name)
                digest.update(f"{name}\0torch.{array.dtype}\0{array.shape}\0".encode())
                digest.update(array.tobytes())
    except Exception:  # damage, and what NumPy's side of safetensors meets in types it has not
        return False
    return digest.hexdigest() == info.sha256


def write(path: Path, tensors: dict[str, Tensor], metadata: dict[str, str]) -> None:
    """Write beside ``path``, then rename, so that a crash leaves the old file or the new one."""
    from safetensors.torch import save_file

    handle, unfinished = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem}-", suffix=".part")
    os.close(handle)
    try:
        save_file(tensors, unfinished, metadata=metadata)
        os.chmod(unfinished, 0o644)  # mkstemp's 0600 would hide it from other users
        os.replace(unfinished, path)
    except BaseException:
        Path(unfinished).unlink(missing_ok=True)
        raise


@contextmanager
def opened(path: Path, framework: str = "pt") -> Iterator[Any]:
    """safetensors' reader, after looking at the first bytes; its errors become ours.

    Its ``framework`` is what tensors are read for, and is loaded at once: ``pt`` is torch.
    """
    _sniff(path)
    try:
        with safe_open(path, framework=framework) as file:
            yield file
    except (SafetensorError, OSError) as error:
        raise DamagedCheckpointError(
            f"cannot read checkpoint {path}: {error}; get it again from where it came from"
        ) from error


def _sniff(path: Path) -> None:
    """Refuse what is not safetensors by its first bytes, whatever the file is called.

    safetensors begins with the length of a JSON header, 8 bytes little-endian, and that header,
    https://huggingface.co/docs/safetensors/index#format. The length may begin like a pickle, so
    it is looked at first.
    """
    try:
        with path.open("rb") as file:
            head = file.read(9)
            size = file.seek(0, os.SEEK_END)
    except OSError as error:
        raise UnknownCheckpointError(
            f"cannot open checkpoint {path}: {error.strerror}; check the path and its permissions"
        ) from error
    header_length = int.from_bytes(head[:8], "little")
    if head[8:] == b"{" and header_length + 8 <= size:
        return
    is_zip = head.startswith(b"PK\x03\x04")
    is_pickle = head[:1] == b"\x80" and head[1:2] in (b"\x01", b"\x02", b"\x03", b"\x04", b"\x05")
    if is_zip or is_pickle:
        raise UnsafeCheckpointError(
            f"checkpoint {path} is a pickle ({'zip' if is_zip else 'plain'}), and loading one can "
            f"run any code: it was not loaded; give a {SUFFIX} file (of published weights, "
            "'vidcolor checkpoints import' makes one)"
        )
    raise DamagedCheckpointError(
        f"checkpoint {path} ({size} bytes) is not a whole {SUFFIX} file; "
        "get it again from where it came from"
    )


def parse_info(path: Path, metadata: dict[str, str]) -> CheckpointInfo:
    given = metadata.get("format")
    if given != FORMAT:
        raise DamagedCheckpointError(
            f"{path} is not a checkpoint that this vidcolor can read: format {given!r}, "
            f"expected {FORMAT!r}; give a checkpoint saved by vidcolor, or upgrade vidcolor"
        )
    try:
        return CheckpointInfo(
            name=metadata.get("name") or path.stem,
            architecture=metadata["architecture"],
            version=int(metadata["architecture_version"]),
            config=_json_object(metadata["config"]),
            rules=_parse_rules(metadata["input_rules"]),
            training=_json_object(metadata["training"]),
            licence=metadata["licence"],
            sha256=metadata["tensors_sha256"],
            path=path,
            size_bytes=path.stat().st_size,
        )
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise DamagedCheckpointError(
            f"checkpoint {path}: metadata is damaged ({type(error).__name__}: {error}); "
            "get it again from where it came from"
        ) from error


def _json_object(text: str) -> dict[str, Any]:
    value = json.loads(text)
    if not isinstance(value, dict):
        raise ValueError(f"expected a JSON object, not {text[:40]!r}")
    return value


def _parse_rules(text: str) -> InputRules:
    rules = InputRules(**_json_object(text))
    for name, value in asdict(rules).items():
        if not isinstance(value, int) or not 1 <= value <= MAX_SHORT_SIDE:
            raise ValueError(f"input rule {name} = {value!r} is not in 1…{MAX_SHORT_SIDE}")
    return rules
