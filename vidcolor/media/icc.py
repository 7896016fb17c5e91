"""ICC colour profiles: pictures in other colour spaces are brought into sRGB.

8-bit RGB and CMYK go through Little CMS. It cannot do 16 bits for us, nor grey to anything but
grey, so grey profiles and 16-bit RGB are handled here: their profiles hold nothing but tone
curves and, for RGB, a 3 × 3 matrix (ICC.1:2022, 8.3).
"""

from __future__ import annotations

import io
import logging
import struct
from collections.abc import Callable
from typing import cast

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageCms

from vidcolor.color import code_type, linear_to_srgb
from vidcolor.frames import Plane

log = logging.getLogger(__name__)

FloatArray = npt.NDArray[np.float64]

SRGB_TOLERANCE = 1.5 / 255
"""A profile that changes no colour by more than this is taken for sRGB, and codes stay as stored:
sRGB's own profiles differ by about as much from each other."""

ROWS_AT_ONCE = 256
"""Rows of a 16-bit picture that are converted at once, to bound memory."""

# Linear sRGB to XYZ relative to D50, as ICC profiles have it (IEC 61966-2-1:1999 adapted with
# the Bradford matrix of ICC.1:2022, annex E).
_SRGB_TO_D50 = np.array(
    [
        [0.4360747, 0.3850649, 0.1430804],
        [0.2225045, 0.7168786, 0.0606169],
        [0.0139322, 0.0971045, 0.7141733],
    ]
)
_HEADER_BYTES = 128
_MAX_TAGS = 100
_MAX_PROFILE_BYTES = 1 << 24


class _UnusableProfileError(ValueError):
    """The profile is damaged, or of a kind that is not handled here."""


def srgb_profile() -> bytes:
    """An sRGB profile, the same bytes every time: Little CMS would write today's date."""
    data = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    data[24:36] = struct.pack(">6H", 2000, 1, 1, 0, 0, 0)
    data[84:100] = bytes(16)  # the profile's checksum; zero is "not computed"
    return bytes(data)


def gray_to_srgb(luma: Plane, bit_depth: int, profile: bytes) -> Plane:
    """Grey codes with the same appearance in sRGB; ``luma`` itself where that is no change.

    A profile that cannot be used is ignored with a warning.
    """
    codes = np.arange(2**bit_depth) / (2**bit_depth - 1)
    try:
        converted = _encode(_gray_curve(profile)(codes))
    except _UnusableProfileError as error:
        _warn(error)
        return luma
    if np.abs(converted - codes).max() <= SRGB_TOLERANCE:
        return luma
    table = np.rint(converted * (2**bit_depth - 1)).astype(code_type(bit_depth))
    return cast(Plane, table[luma])


def rgb16_to_srgb(rgb: npt.NDArray[np.uint16], profile: bytes) -> npt.NDArray[np.uint16]:
    """16-bit R′G′B′ of ``profile`` in sRGB, clipped to its gamut.

    A profile that cannot be used is ignored with a warning.

    Parameters
    ----------
    rgb:
        (H, W, 3).
    """
    try:
        convert = _matrix_converter(profile)
    except _UnusableProfileError as error:
        _warn(error)
        return rgb
    if _is_identity(lambda grid: convert(np.rint(grid * 65535).astype(np.uint16)) / 65535):
        return rgb
    out = np.empty_like(rgb)
    for start in range(0, len(rgb), ROWS_AT_ONCE):
        rows = slice(start, start + ROWS_AT_ONCE)
        out[rows] = convert(rgb[rows])
    return out


def to_srgb_8bit(image: Image.Image, profile: bytes) -> Image.Image:
    """An 8-bit RGB or CMYK picture as RGB in sRGB.

    A profile that cannot be used is ignored with a warning.
    """
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        transform = ImageCms.buildTransform(
            source,
            ImageCms.createProfile("sRGB"),
            image.mode,
            "RGB",
            ImageCms.Intent.RELATIVE_COLORIMETRIC,
            ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
    except (ImageCms.PyCMSError, OSError, ValueError) as error:
        _warn(error)
        return image.convert("RGB")

    def convert(grid: FloatArray) -> FloatArray:
        picture = Image.fromarray(np.rint(grid * 255).astype(np.uint8))
        return np.asarray(ImageCms.applyTransform(picture, transform)) / 255.0

    if image.mode == "RGB" and _is_identity(convert):
        return image
    converted = ImageCms.applyTransform(image, transform)
    assert converted is not None  # only in-place transforms return None
    return converted


def _is_identity(convert: Callable[[FloatArray], FloatArray]) -> bool:
    steps = np.linspace(0, 1, 6)  # exact in 8 bits: multiples of 51
    # (6, 36, 3): all combinations
    grid = np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), axis=-1).reshape(6, 36, 3)
    return bool(np.abs(convert(grid) - grid).max() <= SRGB_TOLERANCE)


def _gray_curve(profile: bytes) -> Callable[[FloatArray], FloatArray]:
    if profile[16:20] == b"RGB ":
        # Grey pictures often carry one; R = G = B then follows any of its curves.
        return _read_curve(_read_tags(profile, b"RGB ", b"XYZ "), b"gTRC")
    return _read_curve(_read_tags(profile, b"GRAY", b"XYZ "), b"kTRC")


def _matrix_converter(
    profile: bytes,
) -> Callable[[npt.NDArray[np.uint16]], npt.NDArray[np.uint16]]:
    tags = _read_tags(profile, b"RGB ", b"XYZ ")
    codes = np.arange(65536) / 65535
    curves = [_read_curve(tags, name)(codes) for name in (b"rTRC", b"gTRC", b"bTRC")]
    to_d50 = np.stack([_read_xyz(tags, name) for name in (b"rXYZ", b"gXYZ", b"bXYZ")], axis=1)
    matrix = np.linalg.inv(_SRGB_TO_D50) @ to_d50

    def convert(rgb: npt.NDArray[np.uint16]) -> npt.NDArray[np.uint16]:
        linear = np.stack([curve[rgb[..., i]] for i, curve in enumerate(curves)], axis=-1)
        return np.rint(_encode(linear @ matrix.T) * 65535).astype(np.uint16)

    return convert


def _encode(linear: FloatArray) -> FloatArray:
    return np.clip(linear_to_srgb(np.clip(linear, 0.0, 1.0)), 0.0, 1.0)


def _read_tags(profile: bytes, space: bytes, connection_space: bytes) -> dict[bytes, bytes]:
    """Data by tag signature. Source: ICC.1:2022, 7.2 and 7.3."""
    if len(profile) < _HEADER_BYTES + 4 or len(profile) > _MAX_PROFILE_BYTES:
        raise _UnusableProfileError("it is damaged")
    if profile[16:20] != space or profile[20:24] != connection_space:
        kind = profile[12:24]
        raise _UnusableProfileError(f"profiles of the kind {kind!r} are not supported")
    count = min(int.from_bytes(profile[128:132], "big"), _MAX_TAGS)
    tags = {}
    for start in range(132, 132 + 12 * count, 12):
        offset, size = _u32(profile, start + 4, 2)
        tags[profile[start : start + 4]] = profile[offset : offset + size]
    return tags


def _read_xyz(tags: dict[bytes, bytes], name: bytes) -> FloatArray:
    """Source: ICC.1:2022, 10.31."""
    return _s15_fixed16(_tag(tags, name, b"XYZ "), 8, 3)


def _read_curve(tags: dict[bytes, bytes], name: bytes) -> Callable[[FloatArray], FloatArray]:
    """Source: ICC.1:2022, 10.6 (curveType) and 10.18 (parametricCurveType)."""
    data = tags.get(name, b"")
    if data[:4] == b"para":
        return _parametric_curve(data)
    data = _tag(tags, name, b"curv")
    (count,) = _u32(data, 8, 1)
    if len(data) < 12 + 2 * count:
        raise _UnusableProfileError("it is damaged")
    points = np.frombuffer(data, ">u2", count, 12).astype(np.float64)
    if count == 0:
        return lambda x: x
    if count == 1:
        gamma = points[0] / 256
        return lambda x: np.asarray(x**gamma)
    return lambda x: np.interp(x, np.linspace(0, 1, count), points / 65535)


def _parametric_curve(data: bytes) -> Callable[[FloatArray], FloatArray]:
    kind = int.from_bytes(data[8:10], "big")
    if kind > 4:
        raise _UnusableProfileError("it has a tone curve of an unknown kind")
    given = _s15_fixed16(data, 12, (1, 3, 4, 5, 7)[kind])
    defaults = np.array([1.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0])
    g, a, b, c, d, e, f = np.concatenate((given, defaults[len(given) :])).tolist()
    if kind in (1, 2):  # c is the constant of both branches, which meet at −b/a
        e = f = c
        c, d = 0.0, -b / a if a else 0.0
    return lambda x: np.where(x >= d, np.maximum(a * x + b, 0) ** g + e, c * x + f)


def _tag(tags: dict[bytes, bytes], name: bytes, kind: bytes) -> bytes:
    data = tags.get(name, b"")
    if data[:4] != kind:
        raise _UnusableProfileError(f"it has no usable {name.decode()}")
    return data


def _u32(data: bytes, start: int, count: int) -> tuple[int, ...]:
    if len(data) < start + 4 * count:
        raise _UnusableProfileError("it is damaged")
    return struct.unpack_from(f">{count}I", data, start)


def _s15_fixed16(data: bytes, start: int, count: int) -> FloatArray:
    if len(data) < start + 4 * count:
        raise _UnusableProfileError("it is damaged")
    return np.frombuffer(data, ">i4", count, start) / 65536


def _warn(reason: object) -> None:
    log.warning("the picture's colour profile is ignored, and sRGB assumed: %s", reason)
