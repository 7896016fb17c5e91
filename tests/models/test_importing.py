"""Published weights become checkpoints; random ones stand in, saved as the authors saved theirs."""

from __future__ import annotations

import hashlib
import os
import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.models.caffe_files import blob, eccv16_layers, layer, write_caffemodel
from vidcolor.errors import DamagedCheckpointError, UnknownCheckpointError, UnsafeCheckpointError
from vidcolor.models import ddcolor, importing, registry
from vidcolor.models.base import ColorNetwork
from vidcolor.models.checkpoint import load_checkpoint
from vidcolor.models.checkpoint_names import read_info
from vidcolor.models.importing import import_weights

State = dict[str, Tensor]


def random_network(architecture: str) -> ColorNetwork:
    torch.manual_seed(19)
    return registry.create(architecture)


@pytest.fixture(scope="module")
def eccv16() -> State:
    return random_network("eccv16").state_dict()


@pytest.fixture
def output(tmp_path: Path) -> Path:
    return tmp_path / "out" / "imported.safetensors"


@pytest.fixture(autouse=True)
def _output_folder(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()


def check_imported(source: Path, output: Path, expected: State) -> ColorNetwork:
    info = import_weights(source, output)
    assert info == read_info(output)
    assert info.name == source.stem
    origin = info.training["imported_from"]
    assert origin["file"] == source.name
    assert origin["sha256"] == hashlib.sha256(source.read_bytes()).hexdigest()
    loaded = load_checkpoint(output)
    found = loaded.network.state_dict()
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[key], expected[key]) for key in expected)
    assert os.listdir(output.parent) == [output.name]
    return loaded.network


@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "as torch saved before 1.6"])
def test_eccv16(tmp_path: Path, output: Path, eccv16: State, zipped: bool) -> None:
    source = tmp_path / "download.bin"  # the name tells nothing
    torch.save(eccv16, source, _use_new_zipfile_serialization=zipped)
    network = check_imported(source, output, eccv16)
    assert network.architecture == "eccv16"
    info = read_info(output)
    assert info.licence.startswith("BSD-2-Clause")
    assert info.training["colors_of_classes"] == "the 313 bins"
    assert info.training["imported_from"]["format"] == "PyTorch"


def test_siggraph17_without_counters(tmp_path: Path, output: Path) -> None:
    """Files from before torch 0.4.1 do not count batches."""
    state = random_network("siggraph17").state_dict()
    old = {key: value for key, value in state.items() if not key.endswith("num_batches_tracked")}
    torch.save(old, tmp_path / "sig.pth")
    network = check_imported(tmp_path / "sig.pth", output, state)
    assert network.architecture == "siggraph17"
    assert read_info(output).licence.startswith("BSD-2-Clause")


def test_ddcolor(tmp_path: Path, output: Path) -> None:
    state = random_network("ddcolor").state_dict()
    head = {"encoder.arch.head_cls.weight": torch.zeros(1000, 768)}
    published = {**state, **head, "encoder.arch.head_cls.bias": torch.zeros(1000)}
    torch.save({"params": published}, tmp_path / "dd.pth")
    network = check_imported(tmp_path / "dd.pth", output, state)
    assert network.config() == {"size": "tiny"}
    assert read_info(output).licence.startswith("Apache-2.0")


@pytest.mark.parametrize("under", [None, "params", "params_ema"])
def test_where_tensors_are_found(tmp_path: Path, under: str | None) -> None:
    state = {"encoder.arch.stages.0.0.gamma": torch.rand(96)}
    torch.save({under: state, "step": 400_000} if under else state, tmp_path / "dd.pth")
    assert importing._read_torch(tmp_path / "dd.pth").keys() == state.keys()


def test_size_of_ddcolor_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    monkeypatch.setattr(ddcolor.DDColor, "__init__", lambda _, size: asked.append(size))
    for width in (96, 192):
        tensors = {"encoder.arch.stages.0.0.gamma": torch.zeros(width)}
        importing._build(importing._recognize(Path("x"), tensors), tensors)
    assert asked == ["tiny", "large"]


def test_caffemodel(tmp_path: Path, output: Path) -> None:
    source = write_caffemodel(tmp_path / "caffe", eccv16_layers())
    info = import_weights(source, output, name="from Caffe")
    assert (info.name, info.architecture) == ("from Caffe", "eccv16")
    assert info.training["imported_from"]["format"] == "Caffe"
    assert load_checkpoint(output).network.architecture == "eccv16"


def test_half_precision_is_stored_as_float32(tmp_path: Path, output: Path, eccv16: State) -> None:
    half = {k: v.half() if v.is_floating_point() else v for k, v in eccv16.items()}
    torch.save(half, tmp_path / "half.pth")
    import_weights(tmp_path / "half.pth", output)
    found = load_checkpoint(output).network.state_dict()["model4.2.weight"]
    assert torch.equal(found, eccv16["model4.2.weight"].half().float())


def test_other_colors_of_classes_are_noted(tmp_path: Path, output: Path, eccv16: State) -> None:
    shifted = {**eccv16, "model_out.weight": eccv16["model_out.weight"] + 0.1}
    torch.save(shifted, tmp_path / "shifted.pth")
    info = import_weights(tmp_path / "shifted.pth", output)
    assert info.training["colors_of_classes"] == "up to 11 from the 313 bins"


# --- what is refused ---------------------------------------------------------------------------

MISFITS: dict[str, tuple[Callable[[State], object], str]] = {
    "missing": (
        lambda s: [s.pop(f"model{k}.0.bias") for k in (1, 2, 3, 4)],
        r"missing 4 \(model1\.0\.bias, model2\.0\.bias, model3\.0\.bias, …\)",
    ),
    "unknown": (lambda s: s.update(extra=torch.zeros(1)), r"unknown 1 \(extra\)"),
    "wrong shape": (
        lambda s: s.update({"model1.0.bias": torch.zeros(5)}),
        r"wrong shape 1 \(model1\.0\.bias is \(5,\), not \(64,\)\)",
    ),
    "wrong kind": (
        lambda s: s.update({"model1.0.bias": torch.zeros(64, dtype=torch.int64)}),
        r"wrong shape 1 \(model1\.0\.bias",
    ),
    "all at once": (
        lambda s: s.update({"a": s.pop("model1.0.bias"), "model1.2.bias": torch.zeros(1)}),
        r"missing 1 .*; unknown 1 .*; wrong shape 1 ",
    ),
    "sparse": (
        lambda s: s.update({"model1.0.bias": torch.zeros(64).to_sparse()}),
        r"missing 1 \(model1\.0\.bias\)",
    ),
    "without storage": (
        lambda s: s.update({"model1.0.bias": torch.zeros(64, device="meta")}),
        r"missing 1 \(model1\.0\.bias\)",
    ),
    "not a number": (
        lambda s: s.update({"model1.0.bias": torch.full((64,), float("nan"))}),
        r"model1\.0\.bias holds values that are not numbers",
    ),
    "another network": (
        lambda s: [s.clear(), s.update({f"layer{i}": torch.zeros(1) for i in range(5)})],
        r"no known network \(5 tensors, such as layer0, layer1, layer2, …\)",
    ),
    "no tensors": (lambda s: s.clear(), r"no known network \(none\)"),
}


@pytest.mark.parametrize("case", MISFITS)
def test_tensors_that_do_not_fit(tmp_path: Path, output: Path, eccv16: State, case: str) -> None:
    change, message = MISFITS[case]
    state = dict(eccv16)
    change(state)
    torch.save(state, tmp_path / "bad.pth")
    with pytest.raises(DamagedCheckpointError, match=message) as error:
        import_weights(tmp_path / "bad.pth", output)
    assert "\n" not in str(error.value)
    assert "bad.pth" in str(error.value)
    assert not output.exists()


class Bomb:
    """Creates a file when unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return Path.touch, (self.path,)


@pytest.mark.parametrize("kind", ["torch", "legacy torch", "pickle 2", "pickle 5"])
def test_pickle_of_more_than_tensors_is_not_run(tmp_path: Path, output: Path, kind: str) -> None:
    source, proof = tmp_path / "weights.pth", tmp_path / "executed"
    value = {"model8.6.weight": Bomb(proof)}
    if kind.endswith("torch"):
        torch.save(value, source, _use_new_zipfile_serialization=kind == "torch")
    else:
        source.write_bytes(pickle.dumps(value, protocol=int(kind[-1])))
    with pytest.raises(UnsafeCheckpointError, match="was not loaded") as error:
        import_weights(source, output)
    assert "\n" not in str(error.value)
    assert not proof.exists()
    assert not output.exists()


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("keep", [2, 100, 10_000, -1000])
def test_cut_file(tmp_path: Path, output: Path, zipped: bool, keep: int) -> None:
    source = tmp_path / "cut.pth"
    torch.save(
        {"model8.6.weight": torch.rand(100, 100)}, source, _use_new_zipfile_serialization=zipped
    )
    source.write_bytes(source.read_bytes()[:keep])
    with pytest.raises((DamagedCheckpointError, UnsafeCheckpointError)) as error:
        import_weights(source, output)
    assert "\n" not in str(error.value)
    assert "cut.pth" in str(error.value)


@pytest.mark.parametrize("value", [[torch.zeros(1)], torch.zeros(3), {1: torch.zeros(1)}, 7])
def test_file_without_named_tensors(tmp_path: Path, output: Path, value: object) -> None:
    torch.save(value, tmp_path / "odd.pth")
    with pytest.raises(DamagedCheckpointError, match="no named tensors"):
        import_weights(tmp_path / "odd.pth", output)


def test_other_caffe_model(tmp_path: Path, output: Path) -> None:
    source = tmp_path / "other.caffemodel"
    source.write_bytes(layer("conv1_2", "Convolution", [blob(np.ones(4))]))
    with pytest.raises(DamagedCheckpointError, match="lacks 29 layers, such as bw_conv1_1, conv2"):
        import_weights(source, output)


def test_our_own_checkpoint_and_no_file(tmp_path: Path, output: Path, eccv16: State) -> None:
    torch.save(eccv16, tmp_path / "a.pth")
    import_weights(tmp_path / "a.pth", output)
    with pytest.raises(DamagedCheckpointError, match="safetensors file already"):
        import_weights(output, tmp_path / "again.safetensors")
    for path in (tmp_path / "none.pth", tmp_path):
        with pytest.raises(UnknownCheckpointError, match="cannot open"):
            import_weights(path, output)


def test_random_numbers_are_left_alone(tmp_path: Path, output: Path, eccv16: State) -> None:
    torch.save(eccv16, tmp_path / "a.pth")
    torch.manual_seed(11)
    expected = torch.rand(3)
    torch.manual_seed(11)
    import_weights(tmp_path / "a.pth", output)
    assert torch.equal(torch.rand(3), expected)
