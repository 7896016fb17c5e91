"""Measures by networks of others, computed by torchmetrics where the user has their weights."""

from __future__ import annotations

import pickle
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch

from vidcolor.errors import (
    DamagedCheckpointError,
    SettingsError,
    UnknownCheckpointError,
    UnsafeCheckpointError,
)
from vidcolor.evaluation.measures import Rgb, resized
from vidcolor.models.extras import require

LPIPS_BACKBONES = {"alexnet": "alex", "vgg16": "vgg", "squeezenet1_1": "squeeze"}
"""Beginnings of torchvision's file names, and what torchmetrics calls the network."""

_LPIPS_SIDE = 64
"""Pixels; smaller pictures are enlarged, or nothing would be left of them."""

_FILE_NAMES = {
    "alex": "alexnet-owt-7be5be79.pth",
    "vgg": "vgg16-397923af.pth",
    "squeeze": "squeezenet1_1-b8a52dc0.pth",
}
"""Under which torchvision looks for weights that were downloaded before."""


class Lpips:
    """Learned perceptual similarity, 0 for the same picture (Zhang et al. 2018,
    https://arxiv.org/abs/1801.03924); pictures as they are, brought to −1…1 as the network expects.

    Parameters
    ----------
    weights:
        torchvision's ImageNet weights of AlexNet (the paper's choice for comparisons), VGG-16 or
        SqueezeNet 1.1, under a name that begins so.

    Raises
    ------
    MissingExtraError
        Without the extra ``evaluate``.
    SettingsError, CheckpointError
        If the file is of another network, is missing, holds code, or does not fit.
    """

    def __init__(self, weights: Path) -> None:
        names = (name for name in LPIPS_BACKBONES if weights.name.startswith(name))
        kind = LPIPS_BACKBONES.get(next(names, ""))
        if kind is None:
            allowed = ", ".join(f"{name}-….pth" for name in LPIPS_BACKBONES)
            raise SettingsError(
                f"--lpips {weights}: its name says no network of LPIPS; allowed are torchvision's "
                f"{allowed}"
            )
        _require_safe(weights)
        module = require("torchmetrics.image.lpip", "evaluate")
        with _as_if_downloaded(weights, _FILE_NAMES[kind]), _explained(weights):
            metric = module.LearnedPerceptualImagePatchSimilarity(net_type=kind, normalize=True)
        self._metric: Any = metric.eval()

    @torch.inference_mode()
    def distance(self, truth: Rgb, shown: Rgb) -> float:
        """Of a picture from its truth."""
        height, width = truth.shape[:2]
        if min(height, width) < _LPIPS_SIDE:
            scale = _LPIPS_SIDE / min(height, width)
            size = round(width * scale), round(height * scale)
            truth, shown = resized(truth, *size), resized(shown, *size)
        self._metric.reset()
        return float(self._metric(_batch(shown), _batch(truth)))


class Fid:
    """Fréchet distance of Inception features (Heusel et al. 2017,
    https://arxiv.org/abs/1706.08500) between the coloured and the true pictures.

    With fewer than some thousand pictures it says little, and it compares only with figures from
    the same pictures, sizes and weights.

    Parameters
    ----------
    weights:
        torch-fidelity's ``pt_inception-2015-12-05-6726825d.pth``.

    Raises
    ------
    MissingExtraError
        Without the extra ``evaluate``.
    CheckpointError
        If the file is missing or does not fit.
    """

    def __init__(self, weights: Path) -> None:
        _require_safe(weights)
        self._module = require("torchmetrics.image.fid", "evaluate")
        with _explained(weights):
            self._features = self._module.NoTrainInceptionV3(
                "inception-v3-compat", ["2048"], feature_extractor_weights_path=str(weights)
            )
        self._features.num_features = 2048
        self._by_row: dict[str, Any] = {}

    def add(self, row: str, truth: Rgb, shown: Rgb) -> None:
        """Count one picture of a row."""
        metric = self._by_row.get(row)
        if metric is None:
            metric = self._module.FrechetInceptionDistance(feature=self._features)
            self._by_row[row] = metric
        with torch.inference_mode():
            metric.update(_codes(truth), real=True)
            metric.update(_codes(shown), real=False)

    def distance(self, row: str) -> float | None:
        """Of all the row's pictures; None with fewer than two."""
        metric = self._by_row[row]
        if int(metric.real_features_num_samples) < 2:
            return None
        return float(metric.compute())


def _batch(picture: Rgb) -> torch.Tensor:
    """(H, W, 3) -> (1, 3, H, W)."""
    planes = np.ascontiguousarray(picture.transpose(2, 0, 1))
    return torch.from_numpy(planes)[None].clamp(0, 1)


def _codes(picture: Rgb) -> torch.Tensor:
    """(H, W, 3) 0…1 -> (1, 3, H, W) uint8."""
    return (_batch(picture) * 255).round().byte()


def _require_safe(weights: Path) -> None:
    """Refuse a file that is more than tensors: what loads it later would run its code."""
    if not weights.is_file():
        raise UnknownCheckpointError(f"no weights at {weights}; give the file's path")
    try:
        torch.load(weights, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise UnsafeCheckpointError(
            f"{weights} holds more than tensors, and loading that can run any code: it was not "
            "loaded; get it from torchvision or torch-fidelity themselves"
        ) from error
    except (RuntimeError, ValueError, EOFError, OSError, KeyError) as error:
        raise DamagedCheckpointError(f"cannot read {weights}: {error}; get it again") from error


@contextmanager
def _as_if_downloaded(weights: Path, name: str) -> Iterator[None]:
    """Let torchvision find ``weights`` where it keeps downloads: it loads from nowhere else."""
    before = torch.hub.get_dir()
    with tempfile.TemporaryDirectory(prefix="vidcolor-") as folder:
        place = Path(folder) / "checkpoints"
        place.mkdir()
        shutil.copyfile(weights, place / name)
        torch.hub.set_dir(folder)
        try:
            yield
        finally:
            torch.hub.set_dir(before)


@contextmanager
def _explained(weights: Path) -> Iterator[None]:
    try:
        yield
    except Exception as error:  # whatever a damaged file makes torch raise
        raise DamagedCheckpointError(
            f"{weights} does not hold the weights that its name says ({type(error).__name__}); "
            "get it again"
        ) from error
