"""Batches and memory of a network that torch runs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from vidcolor.errors import DamagedCheckpointError, DeviceMemoryError
from vidcolor.models.base import Prediction
from vidcolor.models.checkpoint import save_checkpoint
from vidcolor.models.checkpoint_names import read_info
from vidcolor.models.registry import create
from vidcolor.models.torch_network import TorchNetwork


def load(path: Path) -> TorchNetwork:
    return TorchNetwork(read_info(path), "cpu", precision="float32", vividness=1.0, batch_size=None)


@pytest.fixture(scope="module")
def network(untrained_checkpoint: Path) -> TorchNetwork:
    return load(untrained_checkpoint)


def lightness(height: int, width: int, seed: int = 0) -> np.ndarray:
    return (100 * np.random.default_rng(seed).random((height, width))).astype(np.float32)


def test_the_batch_cannot_change_the_result(
    network: TorchNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a GPU, where several pictures share a batch."""
    monkeypatch.setattr(network, "_pool", None)
    monkeypatch.setattr(network, "micro_batch", 4)
    pictures = [lightness(64, 96, seed) for seed in range(5)]
    together = network.predict(pictures)
    for picture, ab in zip(pictures, together, strict=True):
        np.testing.assert_array_equal(network.predict([picture])[0], ab)


def test_a_checkpoint_that_was_replaced_meanwhile(tmp_path: Path) -> None:
    path = tmp_path / "alpha.safetensors"
    save_checkpoint(path, create("alpha"), name="alpha", licence="MIT")
    info, loaded = read_info(path), load(path)
    save_checkpoint(path, create("alpha"), name="other weights", licence="MIT")
    with pytest.raises(DamagedCheckpointError, match="has changed since it was loaded"):
        loaded.load_again()
    with pytest.raises(DamagedCheckpointError, match="has changed since it was loaded"):
        TorchNetwork(info, "cpu", precision="float32", vividness=1.0, batch_size=None)


class _Hungry(torch.nn.Module):
    """Runs out of memory for more than ``room`` pictures."""

    def __init__(self, room: int) -> None:
        super().__init__()
        self.room = room
        self.batches: list[int] = []

    def forward(self, L):
        self.batches.append(len(L))
        if len(L) > self.room:
            raise torch.OutOfMemoryError("CUDA out of memory")
        n, _, h, w = L.shape
        # A colour of its own for each picture, so that none can stand in for another.
        ab = L.mean(dim=(1, 2, 3)).reshape(n, 1, 1, 1).expand(n, 2, h // 4, w // 4)
        return Prediction(ab)


class TestOutOfMemory:
    @pytest.fixture
    def hungry(self, untrained_checkpoint, monkeypatch):
        def make(room: int) -> TorchNetwork:
            network = load(untrained_checkpoint)
            monkeypatch.setattr(network, "network", _Hungry(room))
            monkeypatch.setattr(network, "_pool", None)  # as on a GPU
            monkeypatch.setattr(network, "micro_batch", 8)
            return network

        return make

    def test_the_batch_is_halved_and_every_picture_still_coloured(self, hungry):
        network = hungry(room=3)
        pictures = [np.full((32, 32), 10.0 * i, np.float32) for i in range(7)]
        results = network.predict(pictures)
        assert network.halvings == 2
        assert network.network.batches == [8, 4, 2, 2, 2, 2]
        for index, ab in enumerate(results):
            np.testing.assert_allclose(ab, 10.0 * index, rtol=1e-6)

    def test_no_room_for_one_is_an_error_not_a_grey_frame(self, hungry):
        with pytest.raises(DeviceMemoryError, match="no memory for one picture of 32×32"):
            hungry(room=0).predict([np.zeros((32, 32), np.float32)])

    @pytest.mark.parametrize(
        "error",
        [
            RuntimeError("CUDA error: out of memory"),
            RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling cublasCreate"),
            RuntimeError("MPS backend out of memory (MPS allocated: 9 GB)"),
            RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate"),
            MemoryError(),
        ],
    )
    def test_however_it_is_said(self, hungry, monkeypatch, error):
        def full(_):
            raise error

        network = hungry(room=8)
        monkeypatch.setattr(network, "network", full)
        with pytest.raises(DeviceMemoryError):
            network.predict([np.zeros((32, 32), np.float32)])

    def test_other_failures_are_not_taken_for_it(self, hungry, monkeypatch):
        def broken(_):
            raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

        network = hungry(room=8)
        monkeypatch.setattr(network, "network", broken)
        with pytest.raises(RuntimeError, match="mat1"):
            network.predict([np.zeros((32, 32), np.float32)])
