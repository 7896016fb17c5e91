"""Devices, geometry and batches around the network."""

from __future__ import annotations

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
from vidcolor.errors import (
    DamagedCheckpointError,
    DeviceError,
    DeviceMemoryError,
    SettingsError,
)
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

    @pytest.mark.parametrize("workers", [1, 3])
    def test_the_number_of_cores_cannot_change_the_result(
        self, colorizer, untrained_checkpoint, monkeypatch, workers
    ):
        pictures = [lightness(64, 96, seed) for seed in range(5)]
        expected = colorizer.predict(pictures)
        monkeypatch.setattr("vidcolor.models.torch_network.cpu_workers", lambda: workers)
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

    def test_a_checkpoint_that_was_replaced_meanwhile(
        self, untrained_checkpoint, tmp_path, caplog, monkeypatch
    ):
        monkeypatch.setattr("platformdirs.user_cache_path", lambda *_, **__: tmp_path / "cache")
        path = tmp_path / "best.safetensors"
        path.write_bytes(untrained_checkpoint.read_bytes())
        colorizer = Colorizer(NetworkSettings(checkpoint=str(path), device="cpu", short_side=96))
        torch.manual_seed(1)
        save_checkpoint(path, create("filmnet"), name="other", licence="MIT")
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

    @pytest.fixture
    def cache(self, tmp_path, monkeypatch):
        monkeypatch.setattr("platformdirs.user_cache_path", lambda *_, **__: tmp_path / "cache")
        return tmp_path / "cache"

    @pytest.mark.usefixtures("cache")
    def test_several_films_in_a_row(self, settings):
        """Long, short, long of another size, as the first: each as it would be alone."""
        films = [((100, 64), 200), ((100, 64), 9), ((64, 64), 200), ((100, 64), 200)]

        def color(colorizer, size, frames):
            grid = colorizer.grid(*size)
            colorizer.compile(grid, frames)
            (ab,) = colorizer.predict([lightness(grid.height, grid.width)])
            return colorizer.engine(grid), ab

        shared = Colorizer(settings, deferred=True)
        for film in films:
            engine, ab = color(shared, *film)
            alone_engine, alone = color(Colorizer(settings), *film)
            assert engine == alone_engine
            np.testing.assert_array_equal(ab, alone)
        again = Colorizer(settings, deferred=True)
        for film in (films[2], films[0]):  # of both sizes the record knows
            color(again, *film)
            assert "by_torch" not in vars(again)
            assert again.halvings == 0
        picture = lightness(64, 96)
        np.testing.assert_array_equal(again.features(picture), shared.features(picture))

    @pytest.mark.usefixtures("cache")
    def test_a_damaged_checkpoint_is_refused_with_or_without_a_record(
        self, untrained_checkpoint, tmp_path
    ):
        path = tmp_path / "mine.safetensors"
        path.write_bytes(untrained_checkpoint.read_bytes())
        settings = NetworkSettings(checkpoint=str(path), device="cpu", short_side=64)
        known = Colorizer(settings, deferred=True)
        known.compile(known.grid(100, 64), LEAST_FRAMES_TO_COMPILE)
        assert "by_torch" not in vars(Colorizer(settings, deferred=True))
        content = bytearray(path.read_bytes())
        content[-1] ^= 1
        path.write_bytes(content)
        with pytest.raises(DamagedCheckpointError, match="do not match their sha256"):
            Colorizer(settings, deferred=True)

    def test_a_relative_path_is_still_found_elsewhere(
        self, untrained_checkpoint, tmp_path, monkeypatch, cache
    ):
        del cache
        (tmp_path / "filmnet").write_bytes(untrained_checkpoint.read_bytes())
        monkeypatch.chdir(tmp_path)
        settings = NetworkSettings(checkpoint="./filmnet", device="cpu", short_side=64)
        known = Colorizer(settings, deferred=True)
        known.compile(known.grid(100, 64), LEAST_FRAMES_TO_COMPILE)
        later = Colorizer(settings, deferred=True)
        assert "by_torch" not in vars(later)
        monkeypatch.chdir("/")
        assert later.predict([lightness(64, 64)])[0].shape == (2, 16, 16)

    def test_no_memory_for_a_compiled_network(self, settings, monkeypatch):
        colorizer = Colorizer(settings)
        grid = colorizer.grid(100, 64)
        colorizer.compile(grid, LEAST_FRAMES_TO_COMPILE)

        def full(_):
            raise RuntimeError("std::bad_alloc")

        monkeypatch.setattr(colorizer, "_compiled", full)
        with pytest.raises(DeviceMemoryError, match="cpu has no memory for one picture"):
            colorizer.predict([lightness(grid.height, grid.width)])

    def test_torch_is_needed_where_there_may_be_a_gpu(self, settings, monkeypatch):
        compiled = Colorizer(settings, deferred=True)
        compiled.compile(compiled.grid(100, 64), LEAST_FRAMES_TO_COMPILE)
        assert "by_torch" not in vars(Colorizer(settings, deferred=True))
        monkeypatch.setattr("vidcolor.colorizer.is_certainly_cpu", lambda _: False)
        assert "by_torch" in vars(Colorizer(settings, deferred=True))

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
