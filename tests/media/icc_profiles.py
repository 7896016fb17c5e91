"""Builds small ICC profiles for the tests. Source of the layout: ICC.1:2022, 7."""

from __future__ import annotations

import struct
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

ADOBE_RGB_TO_D50 = np.array(
    [[0.60974, 0.20528, 0.14919], [0.31111, 0.62567, 0.06322], [0.01947, 0.06087, 0.74457]]
)
"""Columns are the D50-adapted XYZ of the Adobe RGB (1998) primaries."""


def gamma_curve(gamma: float) -> bytes:
    return b"curv\0\0\0\0" + struct.pack(">IH", 1, round(gamma * 256)) + b"\0\0"


def table_curve(points: Sequence[float]) -> bytes:
    values = [round(point * 65535) for point in points]
    data = b"curv\0\0\0\0" + struct.pack(f">I{len(values)}H", len(values), *values)
    return data + bytes(-len(data) % 4)


def parametric_curve(kind: int, *parameters: float) -> bytes:
    fixed = [round(value * 65536) for value in parameters]
    return b"para\0\0\0\0" + struct.pack(f">HH{len(fixed)}i", kind, 0, *fixed)


def srgb_curve() -> bytes:
    return parametric_curve(3, 2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)


def gray_profile(curve: bytes) -> bytes:
    return _profile(b"GRAY", {b"kTRC": curve, b"wtpt": _xyz([0.9642, 1.0, 0.8249])})


def rgb_profile(to_d50: npt.NDArray[np.float64], curve: bytes) -> bytes:
    tags = {b"wtpt": _xyz([0.9642, 1.0, 0.8249])}
    for column, letter in enumerate((b"r", b"g", b"b")):
        tags[letter + b"XYZ"] = _xyz(to_d50[:, column])
        tags[letter + b"TRC"] = curve
    return _profile(b"RGB ", tags)


def _xyz(values: Sequence[float] | npt.NDArray[np.float64]) -> bytes:
    return b"XYZ \0\0\0\0" + struct.pack(">3i", *(round(value * 65536) for value in values))


def _profile(space: bytes, tags: dict[bytes, bytes]) -> bytes:
    tags = {b"desc": b"desc\0\0\0\0" + struct.pack(">I", 5) + b"test\0" + bytes(79), **tags}
    table, data = struct.pack(">I", len(tags)), b""
    start = 128 + 4 + 12 * len(tags)
    for name, value in tags.items():
        table += name + struct.pack(">II", start + len(data), len(value))
        data += value + bytes(-len(value) % 4)
    head = struct.pack(">I", start + len(data)) + b"lcms" + bytes.fromhex("02400000")
    head += (b"mntr" + space + b"XYZ ").ljust(24, b"\0") + b"acsp"
    head += bytes(28) + struct.pack(">3i", 63190, 65536, 54061)
    return head.ljust(128, b"\0") + table + data
