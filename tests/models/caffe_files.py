"""Writes ``.caffemodel`` files: what the reader under test reads, by other means.

The benchmark against OpenCV's reader uses it too, so this writer is itself held to Caffe's format.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

CaffeLayers = dict[str, tuple[str, list[np.ndarray]]]
"""Type and blobs of each layer, by name."""

NORM_COUNT = 999.98
"""Third blob of batch norms: what the sums in the first two must be divided by."""


def varint(value: int) -> bytes:
    """Seven bits to a byte, lowest first."""
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def number_field(number: int, value: int) -> bytes:
    return varint(number << 3) + varint(value)


def bytes_field(number: int, content: bytes) -> bytes:
    return varint(number << 3 | 2) + varint(len(content)) + content


def blob(values: np.ndarray, *, legacy: bool = False) -> bytes:
    """BlobProto with a shape, or with the four dimensions of Caffe's first years."""
    data = bytes_field(5, values.astype("<f4").tobytes())
    if legacy:
        dims = (1,) * (4 - values.ndim) + values.shape
        return b"".join(number_field(i + 1, dim) for i, dim in enumerate(dims)) + data
    shape = bytes_field(1, b"".join(varint(dim) for dim in values.shape))
    return bytes_field(7, shape) + data


def layer(name: str, kind: str, blobs: list[bytes]) -> bytes:
    """LayerParameter as a field of a NetParameter."""
    content = bytes_field(1, name.encode()) + bytes_field(2, kind.encode())
    content += number_field(10, 0)  # phase, which nobody needs
    return bytes_field(100, content + b"".join(bytes_field(7, one) for one in blobs))


def write_caffemodel(path: Path, layers: CaffeLayers) -> Path:
    with path.open("wb") as file:
        file.write(bytes_field(1, b"a network"))
        for name, (kind, blobs) in layers.items():
            file.write(layer(name, kind, [blob(values) for values in blobs]))
    return path


def eccv16_layers(seed: int = 0) -> CaffeLayers:
    """``colorization_release_v2`` with random weights under which the picture gets through.

    Its last two layers are zeros: whoever runs the network fills them in.
    """
    rng = np.random.default_rng(seed)
    layers: CaffeLayers = {}

    def convolution(name: str, inputs: int, outputs: int, side: int = 3) -> None:
        weight = rng.standard_normal((outputs, inputs, side, side), np.float32)
        weight *= np.sqrt(2.0 / (inputs * side * side))
        if name == "bw_conv1_1":
            weight /= 25.0  # its input is L* − 50
        bias = 0.1 * rng.standard_normal(outputs, np.float32)
        layers[name] = ("Convolution", [weight, bias])

    def norm(name: str, channels: int) -> None:
        mean = rng.uniform(0.2, 0.5, channels)
        variance = rng.uniform(0.4, 1.0, channels)
        count = np.array([NORM_COUNT])
        layers[name] = ("BatchNorm", [mean * NORM_COUNT, variance * NORM_COUNT, count])

    widths = {1: (1, 64, 64), 2: (64, 128, 128), 3: (128, 256, 256, 256), 4: (256, 512, 512, 512)}
    widths |= dict.fromkeys((5, 6, 7), (512, 512, 512, 512))
    for stage, channels in widths.items():
        last = len(channels) - 1
        for index in range(last):
            prefix = "bw_" if stage == 1 and index == 0 else ""
            name = f"{prefix}conv{stage}_{index + 1}"
            convolution(name, channels[index], channels[index + 1])
        norm(f"conv{stage}_{last}norm", channels[-1])
    deconvolution = rng.standard_normal((512, 256, 4, 4), np.float32) * np.sqrt(2.0 / (512 * 4))
    layers["conv8_1"] = ("Deconvolution", [deconvolution, np.zeros(256)])
    convolution("conv8_2", 256, 256)
    convolution("conv8_3", 256, 256)
    convolution("conv8_313", 256, 313, side=1)
    layers["conv8_313_rh"] = ("Scale", [np.zeros(313)])
    layers["class8_ab"] = ("Convolution", [np.zeros((2, 313, 1, 1))])
    return layers
