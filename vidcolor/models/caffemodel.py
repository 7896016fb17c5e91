"""Weights out of a ``.caffemodel``, without Caffe and without a protobuf library.

Such a file is one protocol buffer, ``NetParameter`` of
https://github.com/BVLC/caffe/blob/master/src/caffe/proto/caffe.proto, on the wire as described in
https://protobuf.dev/programming-guides/encoding/. Of its messages only these fields are read::

    NetParameter    100 layer                                           (LayerParameter, repeated)
    LayerParameter    1 name, 7 blobs                                   (BlobProto, repeated)
    BlobProto         7 shape, 5 data (floats), 8 double_data           or 1…4 num … width
    BlobShape         1 dim

Everything else is stepped over. Nothing is taken on trust: each length is compared with what is
left, and no memory is reserved beyond the size of the file.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from vidcolor.errors import DamagedCheckpointError, UnknownCheckpointError
from vidcolor.models import bins
from vidcolor.models.eccv16 import AB_SCALE, LIGHTNESS_SCALE

TEMPERATURE_FACTOR = 2.606
"""By which the Caffe network multiplies its logits, 1 / 0.38; its layer ``conv8_313_rh``."""

MAX_FIELDS = 200_000
"""Fields read before a file is given up as damaged; a network of 60 layers has some 2000."""

MAX_DIMENSIONS = 8
"""Of a blob."""

ECCV16_CONVOLUTIONS = {
    "bw_conv1_1": "model1.0",
    "conv1_2": "model1.2",
    "conv2_1": "model2.0",
    "conv2_2": "model2.2",
    **{f"conv{k}_{i + 1}": f"model{k}.{2 * i}" for k in range(3, 9) for i in range(3)},
    "conv8_313": "model8.6",
}
"""Layer of ``colorization_release_v2.caffemodel`` → module of `ECCV16`."""

ECCV16_NORMS = {
    "conv1_2norm": "model1.4",
    "conv2_2norm": "model2.4",
    **{f"conv{k}_3norm": f"model{k}.6" for k in range(3, 8)},
}
"""The same for batch norms, which in Caffe have no scale and offset of their own."""

Layers = dict[str, list[Tensor]]
"""float32 blobs of each layer that has some, by its name."""

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5

_Field = tuple[int, int, int | memoryview]
"""Number, wire type and value; a value of fixed size or length is its bytes."""


class _MalformedError(ValueError):
    """What was read is no such message."""


def read_caffemodel(path: Path) -> Layers:
    """The blobs of every layer.

    Raises
    ------
    UnknownCheckpointError
        If the file cannot be opened.
    DamagedCheckpointError
        If it is not a whole Caffe model, or an old one with ``layers`` in place of ``layer``.
    """
    try:
        content = np.memmap(path, np.uint8, "r").data
    except OSError as error:
        raise UnknownCheckpointError(
            f"cannot open {path}: {error.strerror}; check the path and its permissions"
        ) from error
    except ValueError as error:  # an empty file cannot be mapped
        raise DamagedCheckpointError(f"{path} is empty; get it again") from error
    try:
        layers = _Reader().net(content)
    except (_MalformedError, UnicodeDecodeError) as error:
        raise DamagedCheckpointError(
            f"{path} is neither a PyTorch file nor a whole Caffe model ({error}); "
            "get it again from where it came from"
        ) from error
    if not layers:
        raise DamagedCheckpointError(
            f"{path} is not a Caffe model with weights; an old one must go through Caffe's "
            "upgrade_net_proto_binary first"
        )
    return layers


def eccv16_tensors(layers: Layers) -> dict[str, Tensor]:
    """State of an `ECCV16` from the layers of ``colorization_release_v2.caffemodel``.

    Three things differ from the PyTorch release. Caffe's first layer takes L* − 50 undivided; its
    logits are multiplied by `TEMPERATURE_FACTOR` before the softmax; and its last layer, the 313
    colours, is filled in by whoever runs it. The first two become part of the weights, and the
    third comes from `bins.AB_BINS`.

    Raises
    ------
    ValueError
        If layers are missing, or one has other blobs than it should.
    """
    missing = [name for name in (*ECCV16_CONVOLUTIONS, *ECCV16_NORMS) if name not in layers]
    if missing:
        raise ValueError(f"it lacks {len(missing)} layers, such as {', '.join(missing[:3])}")
    state: dict[str, Tensor] = {}
    for layer, module in ECCV16_CONVOLUTIONS.items():
        weight, bias = _blobs(layers, layer, 2)
        state |= {f"{module}.weight": weight, f"{module}.bias": bias.flatten()}
    for layer, module in ECCV16_NORMS.items():
        mean, variance, count = _blobs(layers, layer, 3)
        if count.numel() != 1:
            raise ValueError(f"layer {layer!r}: its third blob must be one number")
        # Sums over `count` moving batches; as in Caffe, no batches make zeros.
        factor = 1.0 / float(count) if float(count) else 0.0
        state |= {
            f"{module}.weight": torch.ones(mean.numel()),
            f"{module}.bias": torch.zeros(mean.numel()),
            f"{module}.running_mean": mean.flatten() * factor,
            f"{module}.running_var": variance.flatten() * factor,
            f"{module}.num_batches_tracked": torch.tensor(0),
        }
    state["model1.0.weight"] = state["model1.0.weight"] * LIGHTNESS_SCALE
    for key in ("model8.6.weight", "model8.6.bias"):
        state[key] = state[key] * TEMPERATURE_FACTOR
    # (313, 2) -> (2, 313, 1, 1)
    state["model_out.weight"] = bins.AB_BINS.T[:, :, None, None] / AB_SCALE
    return state


def _blobs(layers: Layers, layer: str, count: int) -> list[Tensor]:
    blobs = layers[layer]
    if len(blobs) != count:
        raise ValueError(f"layer {layer!r} has {len(blobs)} blobs, not {count}")
    return blobs


class _Reader:
    """Reads one file; counts its fields, so that a hostile one ends in time."""

    def __init__(self) -> None:
        self._fields_read = 0

    def net(self, message: memoryview) -> Layers:
        layers: Layers = {}
        for number, wire, value in self._fields(message):
            if number == 100 and wire == _BYTES:
                name, blobs = self._layer(_bytes(value))
                if blobs:
                    layers[name] = blobs
        return layers

    def _layer(self, message: memoryview) -> tuple[str, list[Tensor]]:
        name, blobs = "", []
        for number, wire, value in self._fields(message):
            if number == 1 and wire == _BYTES:
                name = str(_bytes(value), "utf-8")
            elif number == 7 and wire == _BYTES:
                blobs.append(self._blob(_bytes(value)))
        return name, blobs

    def _blob(self, message: memoryview) -> Tensor:
        shape: list[int] | None = None
        legacy: dict[int, int] = {}
        parts: list[np.ndarray] = []
        for number, wire, value in self._fields(message):
            if number == 7 and wire == _BYTES:
                shape = self._shape(_bytes(value))
            elif 1 <= number <= 4 and wire == _VARINT:
                assert isinstance(value, int)
                legacy[number] = value
            elif number in (5, 8) and wire == _BYTES:
                parts.append(_numbers(_bytes(value), "<f4" if number == 5 else "<f8"))
            elif number in (5, 8):
                raise _MalformedError("a blob whose numbers are not packed")
        if shape is None:
            shape = [legacy.get(index, 1) for index in range(1, 5)] if legacy else []
        values = np.concatenate(parts, dtype=np.float32) if parts else np.empty(0, np.float32)
        if not len(values):
            return torch.empty(0)  # whatever its shape says: a dimension may still be absurd
        if math.prod(shape) != len(values):
            raise _MalformedError(f"a blob of shape {tuple(shape)} with {len(values)} numbers")
        return torch.from_numpy(values).reshape(shape)

    def _shape(self, message: memoryview) -> list[int]:
        dims: list[int] = []
        for number, wire, value in self._fields(message):
            if number != 1:
                continue
            if wire == _VARINT:
                assert isinstance(value, int)
                dims.append(value)
            elif wire == _BYTES:
                packed, at = _bytes(value), 0
                while at < len(packed) and len(dims) <= MAX_DIMENSIONS:
                    dim, at = _varint(packed, at)
                    dims.append(dim)
        if len(dims) > MAX_DIMENSIONS:
            raise _MalformedError("a blob of too many dimensions")
        return dims

    def _fields(self, message: memoryview) -> Iterator[_Field]:
        at = 0
        while at < len(message):
            self._fields_read += 1
            if self._fields_read > MAX_FIELDS:
                raise _MalformedError(f"more than {MAX_FIELDS} fields")
            key, at = _varint(message, at)
            number, wire = key >> 3, key & 7
            if wire == _VARINT:
                value, at = _varint(message, at)
                yield number, wire, value
                continue
            if wire == _BYTES:
                size, at = _varint(message, at)
            elif wire in (_FIXED32, _FIXED64):
                size = 4 if wire == _FIXED32 else 8
            else:
                raise _MalformedError(f"wire type {wire}")
            left = len(message) - at
            if number == 0 or size > left:
                raise _MalformedError(f"field {number} of {size} bytes where {left} are left")
            yield number, wire, message[at : at + size]
            at += size


def _bytes(value: int | memoryview) -> memoryview:
    assert isinstance(value, memoryview)
    return value


def _numbers(packed: memoryview, dtype: str) -> np.ndarray:
    if len(packed) % np.dtype(dtype).itemsize:
        raise _MalformedError(f"{len(packed)} bytes of numbers")
    return np.frombuffer(packed, dtype)


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    """The number that begins at ``at``, and where it ends; at most 64 bits."""
    value = 0
    for index, byte in enumerate(message[at : at + 10]):
        value |= (byte & 0x7F) << (7 * index)
        if byte < 0x80:
            return value, at + index + 1
    raise _MalformedError("a number without an end")
