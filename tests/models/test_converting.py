"""OpenVINO's form of a network computes what torch's does."""

from __future__ import annotations

import copy
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from vidcolor.models.base import ColorNetwork, Prediction
from vidcolor.models.checkpoint import save_checkpoint
from vidcolor.models.checkpoint_file import CheckpointInfo
from vidcolor.models.compiled import CompiledNetwork, CompileError, ModelFiles
from vidcolor.models.converting import compile_network
from vidcolor.models.inference import prepare_for_inference
from vidcolor.models.registry import create

pytestmark = pytest.mark.usefixtures("cache")

SIZE = {"height": 64, "width": 96}


@pytest.fixture(scope="module")
def network() -> ColorNetwork:
    torch.manual_seed(0)
    return prepare_for_inference(create("alpha"))


@pytest.fixture(scope="module")
def info(tmp_path_factory: pytest.TempPathFactory) -> CheckpointInfo:
    """By which the models in the cache are known; the weights do not matter here."""
    path = tmp_path_factory.mktemp("saved") / "alpha.safetensors"
    return save_checkpoint(path, create("alpha"), name="alpha", licence="MIT")


def loader(network: ColorNetwork) -> Callable[[], ColorNetwork]:
    return lambda: copy.deepcopy(network)


def compile_it(
    network: ColorNetwork, info: CheckpointInfo, workers: int = 1, vividness: float = 1.0
) -> CompiledNetwork:
    files = ModelFiles(info, vividness)
    return compile_network(network, loader(network), files, workers=workers, **SIZE)


def lightness(seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.uniform(0, 100, (SIZE["height"], SIZE["width"])).astype(np.float32)


def by_torch(network: ColorNetwork, picture: np.ndarray) -> np.ndarray:
    with torch.inference_mode():
        return network(torch.from_numpy(picture)[None, None]).ab[0].numpy()


@pytest.mark.parametrize("architecture", ["alpha", "filmnet"])
def test_it_computes_what_torch_computes(architecture: str, info: CheckpointInfo) -> None:
    torch.manual_seed(0)
    network = prepare_for_inference(create(architecture))
    ours = compile_it(network, info)(lightness())
    np.testing.assert_allclose(ours, by_torch(network, lightness()), atol=1e-3, rtol=1e-3)


def test_pictures_of_another_size_than_the_traced(info: CheckpointInfo) -> None:
    """More cells than `bins` decodes at once."""
    torch.manual_seed(0)
    network = prepare_for_inference(create("filmnet"))
    files = ModelFiles(info)
    ours = compile_network(network, loader(network), files, workers=1, height=160, width=224)
    picture = np.random.default_rng(0).uniform(0, 100, (160, 224)).astype(np.float32)
    np.testing.assert_allclose(ours(picture), by_torch(network, picture), atol=1e-3, rtol=1e-3)


def test_vividness_is_part_of_it(info: CheckpointInfo) -> None:
    network = prepare_for_inference(create("filmnet"))
    before = compile_it(network, info)(lightness())
    network.set_vividness(2.0)
    fast = compile_it(network, info, vividness=2.0)
    np.testing.assert_allclose(
        fast(lightness()), by_torch(network, lightness()), atol=1e-3, rtol=1e-3
    )
    assert np.abs(fast(lightness()) - before).max() > 0.01


def test_the_number_of_threads_cannot_change_the_result(
    network: ColorNetwork, info: CheckpointInfo
) -> None:
    pictures = [lightness(seed) for seed in range(6)]
    alone = [compile_it(network, info)(picture) for picture in pictures]
    fast = compile_it(network, info, workers=3)
    with ThreadPoolExecutor(3) as pool:
        for one, other in zip(alone, pool.map(fast, pictures), strict=True):
            np.testing.assert_array_equal(one, other)


def test_a_second_run_need_not_convert(network: ColorNetwork, info: CheckpointInfo) -> None:
    first = compile_it(network, info)(lightness())

    def load() -> ColorNetwork:
        raise AssertionError

    again = compile_network(network, load, ModelFiles(info), workers=1, **SIZE)
    np.testing.assert_array_equal(again(lightness()), first)


def empty(content: bytearray) -> None:
    content.clear()


def weights_in(path: Path) -> np.ndarray:
    with np.load(path) as archive:
        return archive["bin"]


def flip_a_bit(content: bytearray) -> None:
    content[len(content) // 2] ^= 1


@pytest.mark.parametrize("larger", [True, False], ids=["trunk", "finish"])
@pytest.mark.parametrize("damage", [empty, flip_a_bit])
def test_a_damaged_cache_is_made_again(
    info: CheckpointInfo, cache: Path, larger: bool, damage: Callable[[bytearray], None]
) -> None:
    filmnet = prepare_for_inference(create("filmnet"))
    first = compile_it(filmnet, info)(lightness())
    path = sorted(cache.glob("*.npz"), key=lambda path: path.stat().st_size)[-larger]
    weights = weights_in(path)
    content = bytearray(path.read_bytes())
    damage(content)
    path.write_bytes(content)
    np.testing.assert_array_equal(compile_it(filmnet, info)(lightness()), first)
    np.testing.assert_array_equal(weights_in(path), weights)


def test_only_what_is_missing_is_made(
    network: ColorNetwork, info: CheckpointInfo, cache: Path
) -> None:
    compile_it(network, info)
    before = {path: path.stat().st_mtime_ns for path in cache.glob("*.npz")}
    compile_it(network, info, vividness=2.0)
    assert len(list(cache.glob("*.npz"))) == len(before) + 1
    assert before == {path: path.stat().st_mtime_ns for path in before}


def test_a_folder_that_cannot_be_written_does_not_matter(
    network: ColorNetwork, info: CheckpointInfo, cache: Path
) -> None:
    cache.write_bytes(b"not a folder")
    elsewhere = compile_it(network, info)(lightness())
    cache.unlink()
    np.testing.assert_array_equal(compile_it(network, info)(lightness()), elsewhere)


def test_a_cache_of_other_weights_is_made_again(
    cache: Path, network: ColorNetwork, info: CheckpointInfo
) -> None:
    other = prepare_for_inference(create("alpha"))
    with torch.no_grad():
        for parameter in other.parameters():
            parameter.mul_(-2)
    compile_it(other, info)
    ours = compile_it(network, info)(lightness())
    np.testing.assert_allclose(ours, by_torch(network, lightness()), atol=1e-3, rtol=1e-3)
    assert len(list(cache.glob("*.npz"))) == 2  # trunk and finish


def test_without_a_home_folder_nothing_is_kept(
    network: ColorNetwork, info: CheckpointInfo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("platformdirs.user_cache_path", lambda *_, **__: Path("~/x"))
    compile_it(network, info)
    assert not list(tmp_path.iterdir())


class Deceitful(ColorNetwork):
    """Traces to something else than it computes."""

    architecture = "deceitful"
    stride = 1

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(1))

    def config(self) -> dict[str, Any]:
        return {}

    def forward(self, L: Tensor, hints: Tensor | None = None) -> Prediction:
        del hints
        return Prediction(ab=(self.weight * L - float(L.mean())).repeat(1, 2, 1, 1))


def test_a_network_that_cannot_be_traced_is_noticed(info: CheckpointInfo) -> None:
    with pytest.raises(CompileError, match=r"deceitful .* differs from torch by \d+\.\d\d CIE"):
        compile_it(Deceitful().requires_grad_(False), info)
