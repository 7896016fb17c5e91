from __future__ import annotations

import dataclasses
import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from vidcolor.errors import (
    DamagedCheckpointError,
    UnsafeCheckpointError,
)
from vidcolor.models import checkpoint, checkpoint_names
from vidcolor.models.checkpoint_file import is_undamaged, tensors_sha256
from vidcolor.models.filmnet import FilmNet
from vidcolor.models.inference import prepare_for_inference
from vidcolor.models.input_rules import InputRules


@pytest.fixture(scope="module")
def network() -> FilmNet:
    torch.manual_seed(3)
    return FilmNet(temperature=0.5)


@pytest.fixture(scope="module")
def saved(network: FilmNet, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A whole checkpoint that tests copy or read, never change."""
    path = tmp_path_factory.mktemp("saved") / "mine.safetensors"
    checkpoint.save_checkpoint(
        path,
        network,
        name="mine",
        licence="CC BY 4.0",
        training={"steps": 12, "sources": ["a", "b"]},
        rules=InputRules(short_side=192, multiple_of=64),
    )
    return path


def contents(path: Path) -> tuple[dict[str, torch.Tensor], dict[str, str]]:
    with safe_open(path, framework="pt") as file:
        return {key: file.get_tensor(key) for key in file.keys()}, file.metadata()  # noqa: SIM118


def altered(
    saved: Path,
    target: Path,
    change: Callable[[dict[str, torch.Tensor], dict[str, str]], object],
    *,
    sign: bool = True,
) -> Path:
    """A copy of ``saved`` after ``change``, with a matching sha256 if ``sign``."""
    tensors, metadata = contents(saved)
    change(tensors, metadata)
    if sign:
        metadata["tensors_sha256"] = tensors_sha256(tensors)
    save_file(tensors, target, metadata=metadata)
    return target


def test_info_says_everything_that_was_saved(saved: Path) -> None:
    info = checkpoint_names.read_info(saved)
    assert info.name == "mine"
    assert info.architecture == "filmnet"
    assert info.version == FilmNet.version
    assert info.config == {"drop_path": 0.0, "temperature": 0.5, "gain": 1.0, "tilt": 0.0}
    assert info.rules == InputRules(short_side=192, multiple_of=64)
    assert info.training == {"steps": 12, "sources": ["a", "b"]}
    assert info.licence == "CC BY 4.0"
    assert info.path == saved
    assert info.size_bytes == saved.stat().st_size < 16 * 2**20
    assert checkpoint.load_checkpoint(saved).info == info
    assert checkpoint.verify_checkpoint(saved) == info


def test_half_precision_spares_the_statistics(saved: Path) -> None:
    tensors, _ = contents(saved)
    assert tensors["encoder.features.0.1.running_var"].dtype == torch.float32
    assert tensors["encoder.features.0.0.weight"].dtype == torch.float16
    assert checkpoint.load_checkpoint(saved).network.dtype == torch.float32


def test_value_beyond_float16_stays_float32(tmp_path: Path) -> None:
    path = tmp_path / "large.safetensors"
    large = FilmNet()
    with torch.no_grad():
        large.logits.bias[3] = 1e6
    checkpoint.save_checkpoint(path, large, name="large", licence="CC0")
    loaded = checkpoint.load_checkpoint(path).network
    assert loaded.state_dict()["logits.bias"][3] == 1e6


def test_loading_leaves_the_random_numbers_alone(saved: Path) -> None:
    torch.manual_seed(11)
    expected = torch.rand(3)
    torch.manual_seed(11)
    checkpoint.load_checkpoint(saved)
    assert torch.equal(torch.rand(3), expected)


def test_saving_replaces_the_older_file_and_leaves_nothing_else(
    network: FilmNet, tmp_path: Path
) -> None:
    path = tmp_path / "again.safetensors"
    for name in ("first", "second"):
        checkpoint.save_checkpoint(path, network, name=name, licence="CC0")
    assert checkpoint_names.read_info(path).name == "second"
    assert os.listdir(tmp_path) == ["again.safetensors"]


def test_failed_save_keeps_the_older_file(
    network: FilmNet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "kept.safetensors"
    checkpoint.save_checkpoint(path, network, name="first", licence="CC0")

    def full_disk(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("safetensors.torch.save_file", full_disk)
    with pytest.raises(OSError, match="No space"):
        checkpoint.save_checkpoint(path, network, name="second", licence="CC0")
    assert checkpoint_names.read_info(path).name == "first"
    assert os.listdir(tmp_path) == ["kept.safetensors"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"licence": " "}, "licence"),
        ({"name": ""}, "name"),
        ({"training": {"loss": float("nan")}}, "JSON"),
        ({"rules": InputRules(multiple_of=8)}, "multiple of 32"),
    ],
)
def test_save_refuses_incomplete_metadata(
    network: FilmNet, tmp_path: Path, arguments: dict[str, Any], message: str
) -> None:
    given = {"name": "n", "licence": "CC0", **arguments}
    with pytest.raises(ValueError, match=message):
        checkpoint.save_checkpoint(tmp_path / "x.safetensors", network, **given)
    with pytest.raises(ValueError, match="safetensors"):
        checkpoint.save_checkpoint(tmp_path / "x.pth", network, name="n", licence="CC0")
    assert not os.listdir(tmp_path)


def test_network_prepared_for_inference_is_not_saved(tmp_path: Path) -> None:
    prepared = prepare_for_inference(FilmNet())
    with pytest.raises(ValueError, match="prepared for inference"):
        checkpoint.save_checkpoint(tmp_path / "x.safetensors", prepared, name="n", licence="CC0")


def test_sha256_covers_names_types_shapes_and_values() -> None:
    base = {"a": torch.arange(6.0), "b": torch.ones(2, 2)}
    variants = [
        base,
        {"a": base["a"], "c": base["b"]},
        {"a": base["a"].half(), "b": base["b"]},
        {"a": base["a"].reshape(2, 3), "b": base["b"]},
        {"a": base["a"] + 1, "b": base["b"]},
    ]
    assert len({tensors_sha256(v) for v in variants}) == len(variants)
    reordered = dict(reversed(base.items()))
    assert tensors_sha256(reordered) == tensors_sha256(base)
    last = {"w": torch.rand(2, 3, 4, 4)}
    strided = {"w": last["w"].contiguous(memory_format=torch.channels_last)}
    assert tensors_sha256(strided) == tensors_sha256(last)


def test_damage_is_found_without_torch_too(saved: Path, tmp_path: Path) -> None:
    info = checkpoint_names.read_info(saved)
    assert is_undamaged(info)
    content = bytearray(saved.read_bytes())
    content[-1] ^= 1
    damaged = tmp_path / "damaged.safetensors"
    damaged.write_bytes(content)
    assert not is_undamaged(checkpoint_names.read_info(damaged))
    damaged.unlink()
    assert not is_undamaged(dataclasses.replace(info, path=damaged))


# --- files that must not be loaded -------------------------------------------------------------


class Bomb:
    """Creates a file when unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return Path.touch, (self.path,)


@pytest.mark.parametrize("name", ["weights.pth", "weights.pt", "weights.safetensors", "weights"])
@pytest.mark.parametrize("kind", ["torch", "legacy torch", "pickle 2", "pickle 5"])
def test_pickles_are_refused_under_any_name(tmp_path: Path, name: str, kind: str) -> None:
    path, proof = tmp_path / name, tmp_path / "executed"
    value = {"weight": Bomb(proof)}
    if kind.endswith("torch"):
        torch.save(value, path, _use_new_zipfile_serialization=kind == "torch")
    else:
        path.write_bytes(pickle.dumps(value, protocol=int(kind[-1])))
    for use in (
        checkpoint.load_checkpoint,
        checkpoint_names.read_info,
        checkpoint.verify_checkpoint,
    ):
        with pytest.raises(UnsafeCheckpointError, match="is a pickle"):
            use(path)
    assert not proof.exists()


def test_header_whose_length_looks_like_a_pickle_is_read(saved: Path, tmp_path: Path) -> None:
    """safetensors begins with its header's length, and 0x0480 is as good as any."""
    _, metadata = contents(saved)
    path = tmp_path / "odd.safetensors"
    for extra in range(0, 2000, 8):
        metadata["licence"] = "x" * extra
        save_file({"w": torch.zeros(1)}, path, metadata=metadata)
        if path.read_bytes()[:2] in (b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05"):
            break
    else:
        pytest.fail("no header of such a length could be made")
    assert checkpoint_names.read_info(path).licence == metadata["licence"]


@pytest.mark.parametrize("keep", [0, 1, 8, 9, 1000, -1])
def test_cut_file_is_damaged(saved: Path, tmp_path: Path, keep: int) -> None:
    path = tmp_path / "cut.safetensors"
    path.write_bytes(saved.read_bytes()[:keep])
    with pytest.raises(DamagedCheckpointError, match=r"cut\.safetensors"):
        checkpoint.load_checkpoint(path)


@pytest.mark.parametrize("content", [b"hello", b"\0" * 64, b"<html>" * 100])
def test_other_file_is_damaged(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "other.safetensors"
    path.write_bytes(content)
    with pytest.raises(DamagedCheckpointError, match="not a whole"):
        checkpoint.load_checkpoint(path)


def test_one_flipped_bit_is_noticed(saved: Path, tmp_path: Path) -> None:
    data = bytearray(saved.read_bytes())
    data[-1234] ^= 0x10
    path = tmp_path / "flipped.safetensors"
    path.write_bytes(data)
    with pytest.raises(DamagedCheckpointError, match="sha256"):
        checkpoint.load_checkpoint(path)


def test_foreign_safetensors_is_explained(tmp_path: Path) -> None:
    path = tmp_path / "foreign.safetensors"
    save_file({"w": torch.zeros(3)}, path)
    with pytest.raises(DamagedCheckpointError, match="format None, expected 'vidcolor-1'"):
        checkpoint.load_checkpoint(path)


METADATA_DAMAGE: dict[str, tuple[dict[str, str | None], str]] = {
    "newer format": ({"format": "vidcolor-9"}, "upgrade vidcolor"),
    "no licence": ({"licence": None}, "KeyError: 'licence'"),
    "config not JSON": ({"config": "{"}, "metadata is damaged"),
    "brackets without an end": ({"config": "[" * 100_000}, "metadata is damaged"),
    "config not an object": ({"config": "[1]"}, "expected a JSON object"),
    "unknown config": ({"config": '{"depth": 3}'}, "depth"),
    "bad temperature": ({"config": '{"temperature": NaN}'}, "temperature"),
    "unknown rule": ({"input_rules": '{"side": 3}'}, "side"),
    "absurd rule": ({"input_rules": '{"short_side": 99999999}'}, "short_side = 99999999"),
    "rule that does not suit": ({"input_rules": '{"multiple_of": 8}'}, "multiple of 32"),
    "unknown network": ({"architecture": "filmnet9"}, "no network 'filmnet9'"),
    "newer network": ({"architecture_version": "99"}, "version 99, newer than"),
    "older network": ({"architecture_version": "0"}, "version 0, older than"),
    "version not a number": ({"architecture_version": "x"}, "metadata is damaged"),
}


@pytest.mark.parametrize("case", METADATA_DAMAGE)
def test_metadata_that_does_not_fit(saved: Path, tmp_path: Path, case: str) -> None:
    changes, message = METADATA_DAMAGE[case]

    def change(_: object, metadata: dict[str, str]) -> None:
        for key, value in changes.items():
            metadata.pop(key)
            if value is not None:
                metadata[key] = value

    path = altered(saved, tmp_path / "changed.safetensors", change)
    with pytest.raises(DamagedCheckpointError, match=message) as error:
        checkpoint.load_checkpoint(path)
    assert "\n" not in str(error.value)


TENSOR_DAMAGE: dict[str, tuple[Callable[[dict[str, torch.Tensor]], object], str]] = {
    "missing": (lambda t: t.pop("logits.bias"), r"lacks logits\.bias"),
    "extra": (lambda t: t.update(more=torch.zeros(1)), "has unknown more"),
    "wrong shape": (
        lambda t: t.update({"logits.bias": torch.zeros(5)}),
        r"is \(5,\), not \(313,\)",
    ),
    "wrong kind": (
        lambda t: t.update({"logits.bias": torch.zeros(313, dtype=torch.int32)}),
        r"does not fit: logits\.bias",
    ),
}


@pytest.mark.parametrize("case", TENSOR_DAMAGE)
def test_tensors_that_do_not_fit(saved: Path, tmp_path: Path, case: str) -> None:
    change, message = TENSOR_DAMAGE[case]
    path = altered(saved, tmp_path / "changed.safetensors", lambda t, _: change(t))
    with pytest.raises(DamagedCheckpointError, match=message):
        checkpoint.load_checkpoint(path)


def test_tensors_that_were_changed_without_signing(saved: Path, tmp_path: Path) -> None:
    path = altered(
        saved, tmp_path / "x.safetensors", lambda t, _: t["logits.bias"].add_(1), sign=False
    )
    assert checkpoint_names.read_info(path).name == "mine"
    with pytest.raises(DamagedCheckpointError, match="do not match their sha256"):
        checkpoint.verify_checkpoint(path)
