"""Networks from L* to ab, and their weights. Knows nothing of files of pictures or video.

The names below are loaded on first use: most need torch, a film's run often does not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vidcolor.lazy import lazy_names

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
    "DEFAULT_CHECKPOINT": "vidcolor.models.checkpoint_names",
    "CheckpointInfo": "vidcolor.models.checkpoint_file",
    "ColorNetwork": "vidcolor.models.base",
    "InputRules": "vidcolor.models.input_rules",
    "LoadedCheckpoint": "vidcolor.models.checkpoint",
    "Prediction": "vidcolor.models.base",
    "architectures": "vidcolor.models.registry",
    "create": "vidcolor.models.registry",
    "list_shipped": "vidcolor.models.checkpoint_names",
    "load_checkpoint": "vidcolor.models.checkpoint",
    "prepare_for_inference": "vidcolor.models.inference",
    "read_info": "vidcolor.models.checkpoint_names",
    "register": "vidcolor.models.registry",
    "save_checkpoint": "vidcolor.models.checkpoint",
    "verify_checkpoint": "vidcolor.models.checkpoint",
}
"""Module of each public name."""


__getattr__ = lazy_names(__name__, _HOME)
