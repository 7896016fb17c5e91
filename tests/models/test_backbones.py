from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from vidcolor.errors import (
    DamagedCheckpointError,
    UnknownCheckpointError,
    UnsafeCheckpointError,
)
from vidcolor.models.backbones import fill_backbone


@pytest.fixture
def layer() -> nn.Linear:
    return nn.Linear(2, 3)


@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
def test_fills_and_ignores_what_has_no_place(layer: nn.Linear, tmp_path: Path, suffix: str) -> None:
    tensors = {"weight": torch.ones(3, 2), "bias": torch.arange(3.0), "head": torch.zeros(1)}
    path = tmp_path / f"weights{suffix}"
    (save_file if suffix == ".safetensors" else torch.save)(tensors, path)
    fill_backbone(layer, path, what="some")
    assert torch.equal(layer.weight, tensors["weight"])
    assert torch.equal(layer.bias, tensors["bias"])


def test_another_shape_is_refused(layer: nn.Linear, tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    save_file({"weight": torch.ones(3, 4), "bias": torch.ones(3)}, path)
    with pytest.raises(DamagedCheckpointError, match=r"1 of 2 tensors.*weight; give some weights"):
        fill_backbone(layer, path, what="some")


def test_what_cannot_be_read_is_one_line(layer: nn.Linear, tmp_path: Path) -> None:
    with pytest.raises(UnknownCheckpointError, match="no weights at"):
        fill_backbone(layer, tmp_path / "nowhere.pth", what="some")
    for name in ("a.safetensors", "a.pth"):
        path = tmp_path / name
        path.write_bytes(b"")
        with pytest.raises(DamagedCheckpointError, match="intact"):
            fill_backbone(layer, path, what="some")


def test_a_pickle_that_runs_code_is_not_loaded(layer: nn.Linear, tmp_path: Path) -> None:
    path = tmp_path / "weights.pth"
    torch.save({"weight": Path("anything")}, path)
    with pytest.raises(UnsafeCheckpointError, match="run any code"):
        fill_backbone(layer, path, what="some")
