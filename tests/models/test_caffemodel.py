from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional as F

from tests.models.caffe_files import (
    CaffeLayers,
    blob,
    bytes_field,
    eccv16_layers,
    layer,
    number_field,
    varint,
    write_caffemodel,
)
from vidcolor.errors import DamagedCheckpointError, UnknownCheckpointError
from vidcolor.models import bins, caffemodel
from vidcolor.models.eccv16 import ECCV16


def net(path: Path, *fields: bytes) -> Path:
    path.write_bytes(b"".join(fields))
    return path


SMALL = bytes_field(1, b"net") + layer(
    "one", "Convolution", [blob(np.arange(6.0).reshape(2, 3)), blob(np.ones(2))]
)


def test_reads_layers_and_steps_over_the_rest(tmp_path: Path) -> None:
    path = net(
        tmp_path / "net",
        SMALL,
        bytes_field(8, b"force_backward and such"),
        varint(9 << 3 | 5) + b"four",
        varint(10 << 3 | 1) + b"eight..." + number_field(11, 2**63),
        layer("relu", "ReLU", []),
        layer("old", "InnerProduct", [blob(np.arange(4.0).reshape(2, 2), legacy=True)]),
    )
    layers = caffemodel.read_caffemodel(path)
    assert list(layers) == ["one", "old"]
    assert layers["one"][0].tolist() == [[0, 1, 2], [3, 4, 5]]
    assert layers["one"][1].tolist() == [1, 1]
    assert layers["old"][0].shape == (1, 1, 2, 2)


def test_reads_doubles_and_numbers_in_several_parts(tmp_path: Path) -> None:
    shape = bytes_field(7, number_field(1, 4))
    doubles = shape + bytes_field(8, np.arange(4, dtype="<f8").tobytes())
    halves = shape + bytes_field(5, bytes(8)) + bytes_field(5, bytes(8))
    path = net(tmp_path / "net", layer("a", "", [doubles]), layer("b", "", [halves]))
    layers = caffemodel.read_caffemodel(path)
    assert layers["a"][0].tolist() == [0, 1, 2, 3]
    assert layers["b"][0].tolist() == [0, 0, 0, 0]
    assert layers["a"][0].dtype == layers["b"][0].dtype == torch.float32


HUGE = bytes_field(1, varint(2**62))
MALFORMED = {
    "text": b"hello, world",
    "zeros": bytes(64),
    "no end of a number": b"\xff" * 20,
    "longer than the file": varint(100 << 3 | 2) + varint(2**40) + b"x",
    "group": varint(100 << 3 | 3),
    "cut": SMALL[:-3],
    "shape too large": layer("a", "", [bytes_field(7, HUGE) + bytes_field(5, bytes(4))]),
    "overflowing shape": layer("a", "", [bytes_field(7, HUGE * 4) + bytes_field(5, bytes(4))]),
    "many dimensions": layer("a", "", [bytes_field(7, bytes_field(1, b"\1" * 99))]),
    "half a float": layer("a", "", [bytes_field(5, bytes(7))]),
    "not packed": layer("a", "", [varint(5 << 3 | 5) + bytes(4)]),
    "name not text": bytes_field(100, bytes_field(1, b"\xff\xfe")),
    "too many fields": number_field(9, 1) * (caffemodel.MAX_FIELDS + 1),
    "no layers": bytes_field(1, b"net"),
    "old layers": bytes_field(2, bytes_field(4, b"conv1")),
    "empty": b"",
}


@pytest.mark.parametrize("case", MALFORMED)
def test_malformed_file_is_one_clear_error(tmp_path: Path, case: str) -> None:
    path = net(tmp_path / "bad.caffemodel", MALFORMED[case])
    tracemalloc.start()
    try:
        with pytest.raises(DamagedCheckpointError, match=r"bad\.caffemodel") as error:
            caffemodel.read_caffemodel(path)
        assert tracemalloc.get_traced_memory()[1] < 2**22
    finally:
        tracemalloc.stop()
    assert "\n" not in str(error.value)


def test_empty_blob_of_absurd_shape_is_empty(tmp_path: Path) -> None:
    path = net(tmp_path / "net", layer("a", "", [bytes_field(7, HUGE + number_field(1, 0))]))
    assert caffemodel.read_caffemodel(path)["a"][0].numel() == 0


@given(st.data())
def test_any_damage_is_noticed_or_harmless(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    content = bytearray(SMALL)
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    content = content[: data.draw(st.integers(1, len(content)))]
    path = net(tmp_path_factory.mktemp("net") / "net", bytes(content))
    try:
        layers = caffemodel.read_caffemodel(path)
    except DamagedCheckpointError:
        return
    assert sum(b.numel() for blobs in layers.values() for b in blobs) <= len(content) // 4


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(UnknownCheckpointError, match="nowhere"):
        caffemodel.read_caffemodel(tmp_path / "nowhere.caffemodel")


# --- colorization_release_v2 -------------------------------------------------------------------


@pytest.fixture(scope="module")
def eccv16() -> CaffeLayers:
    return eccv16_layers()


def as_tensors(layers: CaffeLayers) -> caffemodel.Layers:
    return {
        name: [torch.from_numpy(b.astype(np.float32)) for b in blobs]
        for name, (_, blobs) in layers.items()
    }


def caffe_forward(layers: caffemodel.Layers, L: torch.Tensor) -> torch.Tensor:
    """What Caffe computes, layer by layer as its prototxt has them."""
    x = L - 50.0
    for name, blobs in layers.items():
        if name.endswith("norm"):
            mean, variance, count = blobs
            x = F.batch_norm(x, mean / count, variance / count)
        elif name == "conv8_1":
            x = F.relu(F.conv_transpose2d(x, *blobs, stride=2, padding=1))
        elif name == "conv8_313":
            x = F.conv2d(x, *blobs)
        elif name.startswith(("bw_", "conv")) and not name.endswith("rh"):
            dilation = 2 if name[4] in "56" else 1
            stride = 2 if name in ("conv1_2", "conv2_2", "conv3_3") else 1
            x = F.relu(F.conv2d(x, *blobs, stride=stride, padding=dilation, dilation=dilation))
    probabilities = torch.softmax(x * 2.606, dim=1)
    return torch.einsum("nqhw,qc->nchw", probabilities, bins.AB_BINS)


def test_imported_network_computes_what_caffe_does(tmp_path: Path, eccv16: CaffeLayers) -> None:
    path = write_caffemodel(tmp_path / "v2.caffemodel", eccv16)
    network = ECCV16().eval()
    network.load_state_dict(caffemodel.eccv16_tensors(caffemodel.read_caffemodel(path)))
    L = F.interpolate(torch.rand(2, 1, 4, 5) * 100.0, size=(64, 80), mode="bicubic").clamp(0, 100)
    with torch.inference_mode():
        found, expected = network(L).ab, caffe_forward(as_tensors(eccv16), L)
    assert expected.std(dim=(0, 2, 3)).min() > 1.0  # the picture gets through
    torch.testing.assert_close(found, expected, atol=2e-3, rtol=1e-4)


def test_norm_without_batches_is_zeros_as_in_caffe(eccv16: CaffeLayers) -> None:
    layers = as_tensors(eccv16)
    layers["conv1_2norm"][2] = torch.zeros(1)
    assert not caffemodel.eccv16_tensors(layers)["model1.4.running_var"].any()


def test_other_network_is_refused(eccv16: CaffeLayers) -> None:
    layers = as_tensors(eccv16)
    del layers["conv4_2"], layers["conv7_3norm"]
    with pytest.raises(ValueError, match=r"lacks 2 layers, such as conv4_2, conv7_3norm"):
        caffemodel.eccv16_tensors(layers)
    layers = as_tensors(eccv16)
    layers["conv4_2"].pop()
    with pytest.raises(ValueError, match="'conv4_2' has 1 blobs, not 2"):
        caffemodel.eccv16_tensors(layers)
    layers = as_tensors(eccv16)
    layers["conv3_3norm"][2] = torch.ones(256)
    with pytest.raises(ValueError, match="must be one number"):
        caffemodel.eccv16_tensors(layers)
