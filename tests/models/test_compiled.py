from __future__ import annotations

import copy
import os
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from vidcolor.models.base import ColorNetwork, Prediction
from vidcolor.models.compiled import CompiledNetwork, CompileError
from vidcolor.models.inference import prepare_for_inference
from vidcolor.models.registry import create

SIZE = {"height": 64, "width": 96}


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "cache"
    monkeypatch.setattr("platformdirs.user_cache_path", lambda *_, **__: folder)
    return folder


@pytest.fixture(scope="module")
def network() -> ColorNetwork:
    torch.manual_seed(0)
    return prepare_for_inference(create("alpha"))


def loader(network: ColorNetwork) -> Callable[[], ColorNetwork]:
    return lambda: copy.deepcopy(network)


def compile_it(network: ColorNetwork, workers: int = 1) -> CompiledNetwork:
    return CompiledNetwork(network, loader(network), "key", workers=workers, **SIZE)


def lightness(seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.uniform(0, 100, (SIZE["height"], SIZE["width"])).astype(np.float32)


def by_torch(network: ColorNetwork, picture: np.ndarray) -> Tensor:
    with torch.inference_mode():
        return network(torch.from_numpy(picture)[None, None]).ab


@pytest.mark.parametrize("architecture", ["alpha", "filmnet"])
def test_it_computes_what_torch_computes(architecture: str) -> None:
    torch.manual_seed(0)
    network = prepare_for_inference(create(architecture))
    ours = compile_it(network)(lightness())
    torch.testing.assert_close(ours, by_torch(network, lightness()), atol=1e-3, rtol=1e-3)


def test_what_is_set_later_still_counts() -> None:
    network = prepare_for_inference(create("filmnet"))
    fast = compile_it(network)
    network.set_vividness(2.0)
    torch.testing.assert_close(
        fast(lightness()), by_torch(network, lightness()), atol=1e-3, rtol=1e-3
    )


def test_the_number_of_threads_cannot_change_the_result(network: ColorNetwork) -> None:
    pictures = [lightness(seed) for seed in range(6)]
    alone = [compile_it(network)(picture) for picture in pictures]
    fast = compile_it(network, workers=3)
    with ThreadPoolExecutor(3) as pool:
        for one, other in zip(alone, pool.map(fast, pictures), strict=True):
            assert torch.equal(one, other)


def test_a_second_run_need_not_convert(network: ColorNetwork) -> None:
    first = compile_it(network)(lightness())

    def load() -> ColorNetwork:
        raise AssertionError

    again = CompiledNetwork(network, load, "key", workers=1, **SIZE)
    assert torch.equal(again(lightness()), first)


@pytest.mark.parametrize("suffix", [".xml", ".bin"])
def test_a_damaged_cache_is_made_again(network: ColorNetwork, cache: Path, suffix: str) -> None:
    first = compile_it(network)(lightness())
    (damaged,) = cache.glob(f"*{suffix}")
    damaged.write_bytes(b"")
    assert torch.equal(compile_it(network)(lightness()), first)
    assert damaged.stat().st_size


def test_a_folder_that_cannot_be_written_does_not_matter(
    network: ColorNetwork, cache: Path
) -> None:
    cache.write_bytes(b"not a folder")
    elsewhere = compile_it(network)(lightness())
    cache.unlink()
    assert torch.equal(compile_it(network)(lightness()), elsewhere)


def test_a_cache_of_other_weights_is_made_again(cache: Path, network: ColorNetwork) -> None:
    other = prepare_for_inference(create("alpha"))
    with torch.no_grad():
        for parameter in other.parameters():
            parameter.mul_(-2)
    compile_it(other)
    ours = compile_it(network)(lightness())
    torch.testing.assert_close(ours, by_torch(network, lightness()), atol=1e-3, rtol=1e-3)
    assert len(list(cache.glob("*.xml"))) == 1


def test_nobody_is_told(tmp_path: Path) -> None:
    """OpenVINO's telemetry would leave its files in the home folder, and keep the program."""
    code = """
import sys
from vidcolor.models.compiled import CompiledNetwork
from vidcolor.models.inference import prepare_for_inference
from vidcolor.models.registry import create
network = prepare_for_inference(create("alpha"))
CompiledNetwork(network, lambda: network, "key", height=64, width=64, workers=1)
assert sys.modules["openvino"] and not sys.modules["openvino_telemetry"]
"""
    keep = ("PATH", "SYSTEMROOT", "LD_LIBRARY_PATH", "PYTHONPATH")
    surroundings = {name: os.environ[name] for name in keep if name in os.environ}
    surroundings |= {"HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    subprocess.run([sys.executable, "-c", code], check=True, env=surroundings)
    assert [path.name for path in tmp_path.iterdir()] == ["cache"]


def test_without_a_home_folder_nothing_is_kept(
    network: ColorNetwork, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("platformdirs.user_cache_path", lambda *_, **__: Path("~/x"))
    compile_it(network)
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


def test_a_network_that_cannot_be_traced_is_noticed() -> None:
    with pytest.raises(CompileError, match=r"deceitful .* differs from torch by \d+\.\d\d CIE"):
        compile_it(Deceitful().requires_grad_(False))


def test_without_openvino(network: ColorNetwork, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "openvino", None)
    with pytest.raises(CompileError, match="OpenVINO cannot be imported"):
        compile_it(network)
