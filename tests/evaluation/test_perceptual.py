from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import torch
import torchvision
from torchmetrics.image import fid as torchmetrics_fid

from tests.photographs.made import photograph
from vidcolor.errors import (
    DamagedCheckpointError,
    SettingsError,
    UnknownCheckpointError,
    UnsafeCheckpointError,
)
from vidcolor.evaluation.measures import unit
from vidcolor.evaluation.perceptual import Fid, Lpips


@pytest.fixture(scope="module")
def lpips(tmp_path_factory: pytest.TempPathFactory) -> Lpips:
    """By random weights: what they say means nothing, but they are loaded as real ones are."""
    torch.manual_seed(1)
    path = tmp_path_factory.mktemp("weights") / "squeezenet1_1-random.pth"
    torch.save(torchvision.models.squeezenet1_1().state_dict(), path)
    return Lpips(path)


def test_lpips_is_0_for_the_same_and_more_for_others(lpips: Lpips) -> None:
    picture = unit(photograph(1, 96, 80))
    noise = np.random.default_rng(1).random(picture.shape, np.float32)
    assert lpips.distance(picture, picture) == pytest.approx(0, abs=1e-6)
    assert lpips.distance(picture, noise) > 1e-4
    assert lpips.distance(picture, noise) == lpips.distance(picture, noise)


def test_small_pictures_are_enlarged(lpips: Lpips) -> None:
    picture = unit(photograph(1, 20, 17))
    assert lpips.distance(picture, picture[:, ::-1].copy()) > 0


def test_the_place_of_downloads_is_what_it_was(lpips: Lpips) -> None:
    assert lpips is not None
    assert "vidcolor-" not in torch.hub.get_dir()


@pytest.mark.parametrize(
    ("name", "content", "error"),
    [
        ("resnet50.pth", b"", SettingsError),
        ("squeezenet1_1-gone.pth", None, UnknownCheckpointError),
        ("squeezenet1_1-cut.pth", b"PK\x03\x04", DamagedCheckpointError),
    ],
)
def test_weights_that_cannot_be_used(
    tmp_path: Path, name: str, content: bytes | None, error: type[Exception]
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(error, match=name):
        Lpips(tmp_path / name)


class _Bomb:
    def __reduce__(self) -> tuple[object, tuple[str, ...]]:
        return (os.system, ("touch exploded",))


@pytest.mark.parametrize("measure", [Lpips, Fid])
def test_weights_that_hold_code_are_not_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, measure: type
) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save({"features.0.weight": _Bomb()}, tmp_path / "squeezenet1_1-bomb.pth")
    with pytest.raises(UnsafeCheckpointError, match="it was not loaded"):
        measure(tmp_path / "squeezenet1_1-bomb.pth")
    assert not (tmp_path / "exploded").exists()


class _TinyFeatures(torch.nn.Module):
    """In Inception's place, whose weights are not ours to make."""

    def __init__(self, *_: object, **__: object) -> None:
        super().__init__()
        self.num_features = 2048

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        assert pictures.dtype == torch.uint8, "what Inception's module insists on"
        small = torch.nn.functional.adaptive_avg_pool2d(pictures.float(), 2).flatten(1)
        return torch.nn.functional.pad(small, (0, 2048 - small.shape[1]))


def test_fid_is_0_for_the_same_pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torchmetrics_fid, "NoTrainInceptionV3", _TinyFeatures)
    weights = tmp_path / "inception.pth"
    torch.save({"weight": torch.zeros(1)}, weights)
    fid = Fid(weights)
    pictures = [unit(photograph(seed)) for seed in range(4)]
    for picture in pictures:
        fid.add("same", picture, picture)
        fid.add("grey", picture, np.repeat(picture.mean(axis=2, keepdims=True), 3, axis=2))
    same, grey = fid.distance("same"), fid.distance("grey")
    assert same == pytest.approx(0, abs=1e-3)
    assert grey is not None
    assert grey > 50
    fid.add("one", pictures[0], pictures[0])
    assert fid.distance("one") is None
    with pytest.raises(UnknownCheckpointError):
        Fid(tmp_path / "missing.pth")
