"""Networks from L* to ab, and their weights. Knows nothing of files of pictures or video.

The names below are loaded on first use: most need torch, a film's run often does not.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vidcolor.models.base import ColorNetwork, Prediction
    from vidcolor.models.checkpoint import (
        LoadedCheckpoint,
        load_checkpoint,
        save_checkpoint,
        verify_checkpoint,
    )
    from vidcolor.models.checkpoint_file import CheckpointInfo
    from vidcolor.models.checkpoint_names import DEFAULT_CHECKPOINT, list_shipped, read_info
    from vidcolor.models.inference import prepare_for_inference
    from vidcolor.models.input_rules import InputRules
    from vidcolor.models.registry import architectures, create, register

__all__ = [
    "DEFAULT_CHECKPOINT",
    "CheckpointInfo",
    "ColorNetwork",
    "InputRules",
    "LoadedCheckpoint",
    "Prediction",
    "architectures",
    "create",
    "list_shipped",
    "load_checkpoint",
    "prepare_for_inference",
    "read_info",
    "register",
    "save_checkpoint",
    "verify_checkpoint",
]

_HOME = {
    "DEFAULT_CHECKPOINT": "checkpoint_names",
    "CheckpointInfo": "checkpoint_file",
    "ColorNetwork": "base",
    "InputRules": "input_rules",
    "LoadedCheckpoint": "checkpoint",
    "Prediction": "base",
    "architectures": "registry",
    "create": "registry",
    "list_shipped": "checkpoint_names",
    "load_checkpoint": "checkpoint",
    "prepare_for_inference": "inference",
    "read_info": "checkpoint_names",
    "register": "registry",
    "save_checkpoint": "checkpoint",
    "verify_checkpoint": "checkpoint",
}
"""Module of each public name."""


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'vidcolor.models' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"vidcolor.models.{_HOME[name]}"), name)
    globals()[name] = value
    return value
