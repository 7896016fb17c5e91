"""Networks from L* to ab, and their weights. Knows nothing of files of pictures or video."""

from vidcolor.models.base import ColorNetwork, InputRules, Prediction
from vidcolor.models.checkpoint import (
    DEFAULT_CHECKPOINT,
    LoadedCheckpoint,
    list_shipped,
    load_checkpoint,
    read_info,
    save_checkpoint,
    verify_checkpoint,
)
from vidcolor.models.checkpoint_file import CheckpointInfo
from vidcolor.models.inference import prepare_for_inference
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
