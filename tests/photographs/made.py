"""Small synthetic photographs, and recipes that are quick enough for a test."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from vidcolor.training.recipe import Recipe, load_recipe

RGB = npt.NDArray[np.uint8]


def photograph(seed: int, width: int = 60, height: int = 44) -> RGB:
    """Smooth random colours, (height, width, 3) R′G′B′."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (4, 5, 3)).astype(np.float32)
    smooth = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.clip(smooth, 0, 255).astype(np.uint8)


def sunset(seed: int) -> RGB:
    """Bright is yellow and dark is blue: colours that can be learnt from luma alone."""
    bright = photograph(seed)[:, :, :1]
    return np.concatenate((bright, bright, 255 - bright), axis=2)


def encoded(rgb: RGB, suffix: str = ".png") -> bytes:
    """The bytes of an image file."""
    written, content = cv2.imencode(suffix, np.ascontiguousarray(rgb[:, :, ::-1]))
    assert written
    return content.tobytes()


def write_shard(path: Path, files: dict[str, bytes]) -> Path:
    """A tar shard in WebDataset's layout."""
    with tarfile.open(path, "w") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


def write_photo_shards(folder: Path) -> Path:
    """Shards as the shipped recipe expects them: 12 + 6 to train on, 4 to validate on."""
    folder.mkdir(parents=True, exist_ok=True)
    for shard, prefix, first, count in (
        ("train-0.tar", "town", 0, 6),
        ("train-1.tar", "farm", 100, 6),
        ("tiny64-0.tar", "n01234567", 200, 6),
        ("val.tar", "town", 300, 4),
    ):
        files = {
            f"{prefix}-{seed:04x}.png": encoded(photograph(seed))
            for seed in range(first, first + count)
        }
        write_shard(folder / shard, files)
    return folder


def quick_recipe(**changes: Any) -> Recipe:
    """The shipped recipe made small: six float32 steps of 32 pixels; dotted names as in --set."""
    small: dict[str, Any] = {
        "max_steps": 6,
        "precision": "32-true",
        "checkpoint_steps": 2,
        "log_steps": 1,
        "phases": [
            {"share": 0.5, "size": 32, "batch": 4, "extra_share": 0.25},
            {"share": 0.5, "size": 64, "batch": 2},
        ],
        "data.held_out_sources": (),
        "optimizer.warmup_steps": 2,
        "validation.every_steps": 4,
        "validation.photos": 4,
        "validation.size": 32,
        "validation.temperatures": (0.4, 1.0),
        "validation.gains": (1.0, 1.5),
        "validation.tilts": (0.0,),
        "loss.prior_photos": 8,
    }
    return load_recipe("train-filmnet", {**small, **changes})
