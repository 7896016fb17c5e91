"""Devices, geometry and batches around the network."""

from __future__ import annotations

import dataclasses
import sys
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
import skimage.data
import torch

from vidcolor.colorizer import LEAST_FRAMES_TO_COMPILE, MAX_ASPECT, Colorizer
from vidcolor.config import NetworkSettings
from vidcolor.errors import DeviceError, DeviceMemoryError, SettingsError
from vidcolor.models.base import Prediction
from vidcolor.models.checkpoint import save_checkpoint
from vidcolor.models.registry import create


@pytest.fixture(scope="module")
def colorizer(untrained_checkpoint: Path) -> Colorizer:
    return Colorizer(
        NetworkSettings(checkpoint=str(untrained_checkpoint), device="cpu", short_side=64)
    )


def lightness(height: int, width: int, seed: int = 0) -> np.ndarray:
    return (100 * np.random.default_rng(seed).random((height, width))).astype(np.float32)


class TestGrid:
    def test_short_side_and_aspect(self, colorizer):
        grid = colorizer.grid(1920, 1080)
        assert (grid.width, grid.height) == (112, 64)

    def test_square_pixels_are_what_the_network_sees(self, colorizer):
        # PAL 4:3: 720×576 with SAR 16:15 is shown as 768×576.
        grid = colorizer.grid(720, 576, Fraction(16, 15))
        assert grid.width / grid.height == pytest.approx(768 / 576, rel=0.03)

    def test_a_slit_is_shrunk_not_grown_without_bound(self, colorizer):
        grid = colorizer.grid(10_000, 2)
        assert grid.width <= MAX_ASPECT * 64
        assert grid.height == colorizer.stride

    @pytest.mark.parametrize(
        ("rotation", "turns"), [(0, 0), (90, 1), (-90, 3), (180, 2), (-180, 2)]
    )
    def test_rotation_becomes_quarter_turns(self, colorizer, rotation, turns):
        assert colorizer.grid(64, 48, rotation=rotation).quarter_turns == turns


class TestPredict:
    @pytest.mark.parametrize("shape", [(64, 64), (64, 112), (36, 100), (4, 256)])
    def test_shape_follows_the_stride(self, colorizer, shape):
        (ab,) = colorizer.predict([lightness(*shape)])
        assert ab.shape == (2, shape[0] // 4, shape[1] // 4)
        assert ab.dtype == np.float32
        assert np.isfinite(ab).all()

    def test_the_batch_cannot_change_the_result(self, colorizer, monkeypatch):
        """As on a GPU, where several pictures share a batch."""
        monkeypatch.setattr(colorizer, "_pool", None)
        monkeypatch.setattr(colorizer, "_micro_batch", 4)
        pictures = [lightness(64, 96, seed) for seed in range(5)]
        together = colorizer.predict(pictures)
        for picture, ab in zip(pictures, together, strict=True):
            np.testing.assert_array_equal(colorizer.predict([picture])[0], ab)

    @pytest.mark.parametrize("workers", [1, 3])
    def test_the_number_of_cores_cannot_change_the_result(
        self, colorizer, untrained_checkpoint, monkeypatch, workers
    ):
        pictures = [lightness(64, 96, seed) for seed in range(5)]
        expected = colorizer.predict(pictures)
        monkeypatch.setattr("vidcolor.colorizer.cpu_workers", lambda: workers)
        other = Colorizer(
            NetworkSettings(checkpoint=str(untrained_checkpoint), device="cpu", short_side=64)
        )
        for ab, again in zip(expected, other.predict(pictures), strict=True):
            np.testing.assert_array_equal(ab, again)

    def test_a_turned_picture_is_seen_upright_and_turned_back(self, colorizer):
        upright = lightness(64, 96)
        stored = np.rot90(upright, -1)  # one counter-clockwise turn brings it upright
        (expected,) = colorizer.predict([upright])
        (ab,) = colorizer.predict([stored], quarter_turns=1)
        np.testing.assert_array_equal(ab, np.rot90(expected, -1, axes=(1, 2)))

    def test_a_plane_of_any_size(self, colorizer):
        luma = np.random.default_rng(0).integers(0, 256, (45, 71), dtype=np.uint8)
        ab = colorizer.predict_plane(luma)
        assert ab.shape[0] == 2
        assert ab.shape[2] / ab.shape[1] == pytest.approx(71 / 45, rel=0.1)

    def test_ten_bits_see_the_same_as_eight(self, colorizer):
        luma = np.random.default_rng(0).integers(16, 236, (64, 64), dtype=np.uint8)
        grid = colorizer.grid(64, 64)
        eight = colorizer.shrink(luma, grid, 8, False)
        ten = colorizer.shrink(luma.astype(np.uint16) << 2, grid, 10, False)
        np.testing.assert_allclose(eight.lightness, ten.lightness, atol=1e-3)
        np.testing.assert_array_equal(eight.luma_u8(8), ten.luma_u8(10))


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
        def make(room: int) -> Colorizer:
            settings = NetworkSettings(checkpoint=str(untrained_checkpoint), device="cpu")
            colorizer = Colorizer(settings)
            monkeypatch.setattr(colorizer, "network", _Hungry(room))
            monkeypatch.setattr(colorizer, "_pool", None)  # as on a GPU
            monkeypatch.setattr(colorizer, "_micro_batch", 8)
            return colorizer

        return make

    def test_the_batch_is_halved_and_every_picture_still_coloured(self, hungry):
        colorizer = hungry(room=3)
        pictures = [np.full((32, 32), 10.0 * i, np.float32) for i in range(7)]
        results = colorizer.predict(pictures)
        assert colorizer.halvings == 2
        assert colorizer.network.batches == [8, 4, 2, 2, 2, 2]
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

        colorizer = hungry(room=8)
        monkeypatch.setattr(colorizer, "network", full)
        with pytest.raises(DeviceMemoryError):
            colorizer.predict([np.zeros((32, 32), np.float32)])

    def test_other_failures_are_not_taken_for_it(self, hungry, monkeypatch):
        def broken(_):
            raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

        colorizer = hungry(room=8)
        monkeypatch.setattr(colorizer, "network", broken)
        with pytest.raises(RuntimeError, match="mat1"):
            colorizer.predict([np.zeros((32, 32), np.float32)])


class TestVividness:
    def test_more_of_it_is_more_colorful(self):
        photo = cv2.cvtColor(skimage.data.astronaut(), cv2.COLOR_RGB2GRAY)
        chroma = []
        for vividness in (0.5, 1.0, 2.0):
            settings = NetworkSettings(device="cpu", vividness=vividness)
            ab = Colorizer(settings).predict_plane(photo)
            chroma.append(float(np.hypot(*ab).mean()))
        assert chroma[0] < chroma[1] < chroma[2]

    def test_a_network_without_bins_says_so(self, tmp_path):
        path = tmp_path / "alpha.safetensors"
        save_checkpoint(path, create("alpha", {}), name="alpha", licence="MIT")
        settings = {"checkpoint": str(path), "device": "cpu"}
        Colorizer(NetworkSettings(**settings))
        with pytest.raises(SettingsError, match=r"vividness 2 needs .* ab bins"):
            Colorizer(NetworkSettings(**settings, vividness=2))


class TestFeatures:
    def test_they_cover_the_picture_as_it_is_stored(self, colorizer):
        picture = lightness(60, 84)
        upright = colorizer.features(picture)
        assert upright.shape[1:] == (8, 11)  # cells of 8 pixels, the last ones cut
        turned = colorizer.features(np.rot90(picture, -1), quarter_turns=1)
        np.testing.assert_array_equal(np.rot90(turned, 1, axes=(1, 2)), upright)

    def test_a_network_may_have_none(self, tmp_path):
        path = tmp_path / "alpha.safetensors"
        save_checkpoint(path, create("alpha", {}), name="alpha", licence="MIT")
        other = Colorizer(NetworkSettings(checkpoint=str(path), device="cpu"))
        assert other.features(lightness(64, 64)) is None


class TestEngine:
    @pytest.fixture
    def settings(self, untrained_checkpoint: Path) -> NetworkSettings:
        return NetworkSettings(checkpoint=str(untrained_checkpoint), device="cpu", short_side=64)

    def test_a_long_film_is_worth_compiling_for(self, settings):
        colorizer = Colorizer(settings)
        grid = colorizer.grid(100, 64)
        pictures = [lightness(grid.height, grid.width, seed) for seed in range(3)]
        expected = colorizer.predict(pictures)
        for frames in (None, LEAST_FRAMES_TO_COMPILE - 1):
            colorizer.compile(grid, frames)
            assert colorizer.engine(grid) == "torch"
        colorizer.compile(grid, LEAST_FRAMES_TO_COMPILE)
        assert colorizer.engine(grid).startswith("OpenVINO 20")
        assert colorizer.engine(colorizer.grid(64, 64)) == "torch"
        compiled = colorizer.predict(pictures)
        for ab, again in zip(expected, compiled, strict=True):
            assert ab.shape == again.shape
            assert 0 < np.abs(ab - again).mean() < 0.2
        np.testing.assert_array_equal(colorizer.predict(pictures[2:])[0], compiled[2])

    def test_a_film_gets_what_it_would_get_alone(self, settings):
        colorizer = Colorizer(settings)
        grid = colorizer.grid(100, 64)
        colorizer.compile(grid, LEAST_FRAMES_TO_COMPILE)
        colorizer.compile(grid, LEAST_FRAMES_TO_COMPILE - 1)  # the next film
        assert colorizer.engine(grid) == "torch"

    def test_a_checkpoint_that_was_replaced_meanwhile(self, untrained_checkpoint, tmp_path, caplog):
        path = tmp_path / "best.safetensors"
        path.write_bytes(untrained_checkpoint.read_bytes())
        colorizer = Colorizer(NetworkSettings(checkpoint=str(path), device="cpu", short_side=96))
        torch.manual_seed(1)
        save_checkpoint(path, create("filmnet"), name="other", licence="MIT")
        colorizer.info = dataclasses.replace(colorizer.info, sha256="0" * 64)  # not in the cache
        grid = colorizer.grid(100, 64)
        colorizer.compile(grid, LEAST_FRAMES_TO_COMPILE)
        assert colorizer.engine(grid) == "torch"
        assert "has changed since it was loaded" in caplog.text

    def test_a_turned_picture(self, settings):
        colorizer = Colorizer(settings)
        grid = colorizer.grid(100, 64, rotation=90)
        stored = lightness(grid.height, grid.width)
        (expected,) = colorizer.predict([stored], grid.quarter_turns)
        colorizer.compile(grid, LEAST_FRAMES_TO_COMPILE)
        assert colorizer.engine(grid) != "torch"
        (compiled,) = colorizer.predict([stored], grid.quarter_turns)
        assert 0 < np.abs(compiled - expected).mean() < 0.2

    def test_torch_if_that_is_wanted(self, settings):
        colorizer = Colorizer(settings.model_copy(update={"engine": "torch"}))
        grid = colorizer.grid(64, 64)
        colorizer.compile(grid, 10**6)
        assert colorizer.engine(grid) == "torch"

    def test_without_openvino(self, settings, monkeypatch, caplog):
        monkeypatch.setitem(sys.modules, "openvino", None)
        colorizer = Colorizer(settings)
        grid = colorizer.grid(64, 64)
        colorizer.compile(grid, LEAST_FRAMES_TO_COMPILE)
        assert colorizer.engine(grid) == "torch"
        assert "torch runs the network, more slowly" in caplog.text
        colorizer.compile(grid, LEAST_FRAMES_TO_COMPILE)
        assert caplog.text.count("more slowly") == 1  # not tried again
        wanted = Colorizer(settings.model_copy(update={"engine": "openvino"}))
        with pytest.raises(
            DeviceError, match=r"cannot be imported.*use engine = 'auto' or 'torch'"
        ):
            wanted.compile(grid, None)
