"""What is kept of a compiled network, and when a run may rely on it."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vidcolor.models.checkpoint_file import CheckpointInfo
from vidcolor.models.checkpoint_names import read_info
from vidcolor.models.compiled import MODELS, CompileError, ModelFiles
from vidcolor.models.converting import compile_network
from vidcolor.models.input_rules import InputRules
from vidcolor.models.torch_network import TorchNetwork

pytestmark = pytest.mark.usefixtures("cache")

SIZE = {"height": 64, "width": 96}


@pytest.fixture(scope="module")
def network(untrained_checkpoint: Path) -> TorchNetwork:
    return TorchNetwork(
        *(read_info(untrained_checkpoint), "cpu"),
        precision="float32",
        vividness=1.0,
        batch_size=None,
    )


@pytest.fixture(scope="module")
def info(untrained_checkpoint: Path) -> CheckpointInfo:
    return read_info(untrained_checkpoint)


@pytest.fixture
def expected(network: TorchNetwork, info: CheckpointInfo, cache: Path) -> np.ndarray:
    """ab by what is then kept and noted."""
    del cache  # there
    files = ModelFiles(info)
    compiled = compile_network(network.network, network.load_again, files, workers=1, **SIZE)
    files.note_checked(4, "float32", **SIZE)
    return compiled(lightness())


def lightness() -> np.ndarray:
    rng = np.random.default_rng(0)
    return rng.uniform(0, 100, (SIZE["height"], SIZE["width"])).astype(np.float32)


def test_what_was_checked_is_used_without_torch(info: CheckpointInfo, expected: np.ndarray) -> None:
    checked = ModelFiles(info).find_checked()
    assert checked is not None
    assert (checked.stride, checked.precision) == (4, "float32")
    compiled = checked.compile(**SIZE, workers=1)
    assert compiled is not None
    assert compiled.version.startswith("OpenVINO 20")
    np.testing.assert_array_equal(compiled(lightness()), expected)


@pytest.mark.usefixtures("expected")
def test_another_size_was_not_checked(info: CheckpointInfo) -> None:
    files = ModelFiles(info)
    checked = files.find_checked()
    assert checked is not None
    assert checked.compile(height=96, width=64, workers=1) is None
    files.note_checked(4, "float32", height=96, width=64)
    again = ModelFiles(info).find_checked()
    assert again is not None
    for height, width in ((96, 64), (64, 96)):
        assert again.compile(height=height, width=width, workers=1) is not None


@pytest.mark.usefixtures("expected")
@pytest.mark.parametrize(
    "other",
    [
        {"sha256": "0" * 64},
        {"config": {"gain": 2.0}},
        {"rules": InputRules(short_side=64, multiple_of=16)},
        {"version": 2},
        {"architecture": "../filmnet"},
    ],
    ids=lambda other: next(iter(other)),
)
def test_another_network_was_not_checked(
    info: CheckpointInfo, cache: Path, tmp_path: Path, other: dict[str, Any]
) -> None:
    files = ModelFiles(dataclasses.replace(info, **other))
    assert files.find_missing() == MODELS
    assert files.find_checked() is None
    assert list(tmp_path.iterdir()) == [cache]


@pytest.mark.usefixtures("expected")
@pytest.mark.parametrize("vividness", [1.5, 1.0000001])
def test_another_vividness_was_not_checked(info: CheckpointInfo, vividness: float) -> None:
    files = ModelFiles(info, vividness)
    assert files.find_missing() == ("finish",)
    assert files.find_checked() is None


@pytest.mark.usefixtures("expected")
@pytest.mark.parametrize("name", ["__version__", "torch_version"])
def test_another_version_was_not_checked(
    info: CheckpointInfo, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    other = "9.9.9" if name.startswith("_") else lambda: "9.9.9"
    monkeypatch.setattr(f"vidcolor.models.compiled.{name}", other)
    assert ModelFiles(info).find_missing() == MODELS


@pytest.mark.usefixtures("expected")
def test_another_processor_checks_anew(
    info: CheckpointInfo, monkeypatch: pytest.MonkeyPatch
) -> None:
    import openvino

    monkeypatch.setattr(openvino.Core, "get_property", lambda *_: "another")
    assert ModelFiles(info).find_missing() == MODELS


@pytest.mark.usefixtures("expected")
def test_another_precision_takes_the_place_of_the_first(info: CheckpointInfo) -> None:
    files = ModelFiles(info)
    assert not files.find_missing()
    files.note_checked(4, "bfloat16", height=32, width=32)
    checked = ModelFiles(info).find_checked()
    assert checked is not None
    assert checked.precision == "bfloat16"
    assert checked.compile(**SIZE, workers=1) is None


def damage(larger: bool) -> Callable[[Path], None]:
    """Of the trunk, or of what finishes."""

    def change(folder: Path) -> None:
        path = sorted(folder.glob("*.npz"), key=lambda path: path.stat().st_size)[-larger]
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        path.write_bytes(content)

    return change


def change_record(**values: Any) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        (record,) = folder.glob("*.json")
        record.write_text(json.dumps(json.loads(record.read_text()) | values))

    return change


def cut_record(folder: Path) -> None:
    (record,) = folder.glob("*.json")
    record.write_bytes(record.read_bytes()[:-3])


@pytest.mark.parametrize(
    "change",
    [
        damage(larger=True),
        damage(larger=False),
        cut_record,
        change_record(stride=0),
        change_record(stride=6),
        change_record(stride=None),
        change_record(precision="int4"),
        change_record(precision="bfloat16"),
        change_record(sizes=[[64, 96], [128, 96]]),
        change_record(sizes=None),
        change_record(digest=""),
    ],
)
def test_damage_is_noticed_and_mended(
    network: TorchNetwork,
    info: CheckpointInfo,
    expected: np.ndarray,
    cache: Path,
    change: Callable[[Path], None],
) -> None:
    change(cache)
    files = ModelFiles(info)
    assert files.find_checked() is None
    compile_network(network.network, network.load_again, files, workers=1, **SIZE)
    files.note_checked(4, "float32", **SIZE)
    checked = ModelFiles(info).find_checked()
    assert checked is not None
    compiled = checked.compile(**SIZE, workers=1)
    assert compiled is not None
    np.testing.assert_array_equal(compiled(lightness()), expected)


def test_only_what_was_compared_is_vouched_for(
    network: TorchNetwork, info: CheckpointInfo, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process has kept other models meanwhile, or these could not be kept."""
    files = ModelFiles(info)
    compile_network(network.network, network.load_again, files, workers=1, **SIZE)
    trunk = max(cache.glob("*.npz"), key=lambda path: path.stat().st_size)
    with np.load(trunk) as archive:
        xml, weights = archive["xml"], archive["bin"]
    weights[len(weights) // 2] ^= 1
    np.savez(trunk, xml=xml, bin=weights)
    files.note_checked(4, "float32", **SIZE)
    assert list(cache.glob("*.json"))
    assert not ModelFiles(info).find_missing()
    assert ModelFiles(info).find_checked() is None
    monkeypatch.setattr("os.replace", _refuse)
    lost = ModelFiles(dataclasses.replace(info, sha256="1" * 64))
    compile_network(network.network, network.load_again, lost, workers=1, **SIZE)
    monkeypatch.undo()
    lost.note_checked(4, "float32", **SIZE)
    assert len(list(cache.glob("*.json"))) == 1


def _refuse(*_: object) -> None:
    raise PermissionError(13, "in use by another process")


def test_no_room_for_temporary_files_does_not_matter(
    network: TorchNetwork, info: CheckpointInfo, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Only where the cache cannot be written they are needed."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "nowhere"))
    files = ModelFiles(info)
    compile_network(network.network, network.load_again, files, workers=1, **SIZE)
    files.note_checked(4, "float32", **SIZE)
    assert ModelFiles(info).find_checked() is not None


@pytest.mark.usefixtures("expected")
def test_what_openvino_cannot_compile_any_more_is_left_to_torch(
    info: CheckpointInfo, monkeypatch: pytest.MonkeyPatch
) -> None:
    checked = ModelFiles(info).find_checked()
    assert checked is not None

    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("no memory for this")

    monkeypatch.setattr("vidcolor.models.compiled._compiled", fail)
    assert checked.compile(**SIZE, workers=1) is None


def test_nothing_is_noted_without_a_folder(
    info: CheckpointInfo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("platformdirs.user_cache_path", lambda *_, **__: Path("~/x"))
    files = ModelFiles(info)
    files.note_checked(4, "float32", **SIZE)
    assert files.find_checked() is None
    assert not list(tmp_path.iterdir())


def test_nobody_is_told(tmp_path: Path, untrained_checkpoint: Path) -> None:
    """OpenVINO's telemetry would leave its files in the home folder, and keep the program."""
    code = f"""
import sys
from vidcolor.models import create, read_info
from vidcolor.models.compiled import ModelFiles
from vidcolor.models.converting import compile_network
from vidcolor.models.inference import prepare_for_inference
network = prepare_for_inference(create("alpha"))
files = ModelFiles(read_info({str(untrained_checkpoint)!r}))
compile_network(network, lambda: network, files, height=64, width=64, workers=1)
assert sys.modules["openvino"] and not sys.modules["openvino_telemetry"]
"""
    keep = ("PATH", "SYSTEMROOT", "LD_LIBRARY_PATH", "PYTHONPATH")
    surroundings = {name: os.environ[name] for name in keep if name in os.environ}
    surroundings |= {"HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / "told" / "cache")}
    subprocess.run([sys.executable, "-c", code], check=True, env=surroundings)
    assert [path.name for path in tmp_path.iterdir()] == ["told"]


def test_an_openvino_that_does_not_start(
    info: CheckpointInfo, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        raise RuntimeError("no plugins")

    monkeypatch.setattr("openvino.Core", fail)
    with pytest.raises(CompileError, match="OpenVINO does not start: no plugins"):
        ModelFiles(info)


def test_without_openvino(info: CheckpointInfo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "openvino", None)
    with pytest.raises(CompileError, match="OpenVINO cannot be imported"):
        ModelFiles(info)
