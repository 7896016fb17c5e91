"""Decodes the pixels of a photo, 8 or 16 bit, without losing depth.

Pillow reads all formats but has no 16-bit RGB: it drops the low byte. So 16-bit PNG is decoded
by OpenCV and 16-bit TIFF by tifffile (or OpenCV for compressions that tifffile alone cannot do).
"""

from __future__ import annotations

import contextlib
import logging
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import cv2
import numpy as np
import numpy.typing as npt
import tifffile
from PIL import Image

from vidcolor.color import luma_from_rgb_codes
from vidcolor.errors import (
    InputError,
    InputLimitError,
    NotMediaError,
    TruncatedInputError,
    UnsupportedCodecError,
)
from vidcolor.frames import Plane
from vidcolor.media import icc

MAGIC = {
    "PNG": (b"\x89PNG\r\n\x1a\n",),
    "JPEG": (b"\xff\xd8\xff",),
    "TIFF": (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"),
    "WEBP": (b"RIFF",),
    "BMP": (b"BM",),
}
"""First bytes by format; only these formats are tried, whatever the file's name."""

_MPO = "MPO"  # a JPEG with further pictures behind the first, as phones write
_PNG_DEPTH_OFFSET = 24
_WEBP_MARK = (8, b"WEBP")
_TIFF_MINISWHITE, _TIFF_SEPARATE = 0, 2


@dataclass(slots=True)
class Pixels:
    """Decoded pixels, as stored: not yet upright."""

    luma: Plane
    alpha: Plane | None
    is_color: bool
    rgb: npt.NDArray[np.uint8] | npt.NDArray[np.uint16] | None = None
    """(H, W, 3) sRGB codes that the luma was made of; None where the file holds grey."""

    @property
    def bit_depth(self) -> int:
        """8 or 16."""
        return 8 * self.luma.dtype.itemsize


def sniff_format(path: Path) -> str:
    """The format by the file's first bytes.

    Raises
    ------
    NotMediaError
        If it is none of `MAGIC`.
    """
    with path.open("rb") as file:
        head = file.read(16)
    for name, marks in MAGIC.items():
        if head.startswith(marks):
            offset, mark = _WEBP_MARK
            if name != "WEBP" or head[offset : offset + len(mark)] == mark:
                return name
    raise NotMediaError(
        f"{path} is not a picture in a known format; known are {', '.join(MAGIC)}, "
        "and 'vidcolor run' colours films"
    )


def open_picture(path: Path, name: str, max_pixels: int) -> Image.Image:
    """Open with Pillow; pixels are not decoded yet, except by `decode`.

    Raises
    ------
    InputLimitError
        If the header announces more than ``max_pixels``.
    TruncatedInputError, UnsupportedCodecError
        If the header cannot be read.
    """
    formats = (name, _MPO) if name == "JPEG" else (name,)
    try:
        image = Image.open(path, formats=formats)
    except Image.DecompressionBombError as error:
        raise InputLimitError(f"{path} is too large to decode safely: {error}") from error
    except Exception as error:
        if name == "TIFF":
            check_tiff_extent(path)
            raise UnsupportedCodecError(
                f"{path} is a TIFF of a kind that is not read; save it as 8 or 16 bit grey or RGB"
            ) from error
        raise damaged(path, error) from error
    try:
        check_pixels(path, image.width, image.height, max_pixels)
    except InputError:
        image.close()
        raise
    return image


def check_pixels(path: Path, width: int, height: int, max_pixels: int) -> None:
    """Refuse pictures of more than ``max_pixels``.

    Raises
    ------
    InputLimitError
    TruncatedInputError
        If there are none.
    """
    if width * height < 1:
        raise damaged(path, "it has no pixels")
    if width * height > max_pixels:
        raise InputLimitError(
            f"{path} has {width}×{height} pixels, allowed are {max_pixels} in all; "
            "scale it down or cut it first"
        )


def decode(image: Image.Image, path: Path, profile: bytes | None) -> Pixels:
    """Decode an open picture of any format but 16-bit TIFF.

    Raises
    ------
    TruncatedInputError
        If the pixels cannot be decoded to the end.
    UnsupportedCodecError
        If they are of a kind that has no defined grey.
    """
    with _decoding(path):
        image.load()
    if image.format == "PNG" and _png_depth(path) == 16:
        return _from_array(_decode_with_opencv(path), profile)
    if image.mode.startswith("I;16"):
        return _from_array(np.asarray(image).astype(np.uint16), profile)
    return _from_pillow(image, path, profile)


def decode_deep_tiff(path: Path, max_pixels: int, profile: bytes | None) -> Pixels | None:
    """Decode a TIFF of 16 bits; None if it has another depth.

    Raises
    ------
    TruncatedInputError
        If the file ends before its pixels do.
    UnsupportedCodecError
        For floating point, 32 bits and unknown compressions.
    InputLimitError
        If the header announces more than ``max_pixels``.
    """
    check_tiff_extent(path)
    with _decoding(path), _quiet_tifffile(), tifffile.TiffFile(path) as file:
        page = file.pages.first
        check_pixels(path, page.imagewidth, page.imagelength, max_pixels)
        _check_segments(path, page)
        kind = None if page.dtype is None else page.dtype.kind
        if kind in ("u", "b") and page.dtype.itemsize == 1:
            return None
        if kind != "u" or page.dtype.itemsize != 2 or page.samplesperpixel > 4:
            raise UnsupportedCodecError(
                f"{path} stores {page.samplesperpixel} × {page.dtype} per pixel; "
                "save it as 8 or 16 bit grey or RGB"
            )
        array = _tiff_array(path, page)
        if page.photometric == _TIFF_MINISWHITE:
            array[..., 0] = 65535 - array[..., 0]
    return _from_array(array, profile)


@contextlib.contextmanager
def _decoding(path: Path) -> Iterator[None]:
    """Make one clear error of whatever a decoder raises on a damaged file.

    Raises
    ------
    TruncatedInputError
        For any exception but our own.
    InputLimitError
        If memory runs out: a header may lie about more than the size.
    """
    try:
        yield
    except InputError:
        raise
    except MemoryError as error:
        raise InputLimitError(f"{path} needs more memory to decode than there is") from error
    except Exception as error:
        raise damaged(path, error) from error


@contextlib.contextmanager
def _quiet_tifffile() -> Iterator[None]:
    """tifffile logs every odd tag as an error; what matters here is raised."""
    logger = logging.getLogger("tifffile")
    silence = logging.Filter("nothing has this name")
    logger.addFilter(silence)
    try:
        yield
    finally:
        logger.removeFilter(silence)


def check_tiff_extent(path: Path) -> None:
    """Refuse a TIFF whose first directory lies beyond the end of the file.

    Raises
    ------
    TruncatedInputError

    Source: TIFF 6.0, section 2. BigTIFF is left to the decoder.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(8)
        order = "<" if head[:2] == b"II" else ">"
        if len(head) == 8 and head[2:4] in (b"+\0", b"\0+"):
            return
        offset = struct.unpack(order + "I", head[4:8])[0] if len(head) == 8 else size
        file.seek(min(offset, size))
        count = file.read(2)
        entries = struct.unpack(order + "H", count)[0] if len(count) == 2 else 0
    if not entries or offset + 2 + 12 * entries > size:
        raise damaged(path, "its directory is missing")


def damaged(path: Path, reason: object) -> TruncatedInputError:
    """The error for a picture whose format is known but which cannot be decoded."""
    return TruncatedInputError(
        f"{path} is cut off or damaged ({reason}); copy it again from its source"
    )


def _check_segments(path: Path, page: tifffile.TiffPage) -> None:
    size = path.stat().st_size
    ends = (o + n for o, n in zip(page.dataoffsets, page.databytecounts, strict=False))
    if not page.dataoffsets or max(ends) > size:
        raise damaged(path, "its pixels end early")


def _tiff_array(path: Path, page: tifffile.TiffPage) -> npt.NDArray[np.uint16]:
    """(H, W, samples) as stored."""
    try:
        array = page.asarray()
    except ValueError as error:
        if "imagecodecs" not in str(error):
            raise damaged(path, error) from error
        array = _decode_with_opencv(path) if page.planarconfig != _TIFF_SEPARATE else None
        if array is None or array.size != page.imagewidth * page.imagelength * page.samplesperpixel:
            raise UnsupportedCodecError(
                f"{path} is compressed in a way that is not read; save it without compression"
            ) from error
    if page.planarconfig == _TIFF_SEPARATE and page.samplesperpixel > 1:
        array = np.moveaxis(array.reshape(page.samplesperpixel, page.imagelength, -1), 0, -1)
    shape = (page.imagelength, page.imagewidth, page.samplesperpixel)
    return np.array(array, np.uint16).reshape(shape)


def _decode_with_opencv(path: Path) -> npt.NDArray[np.uint16]:
    """16-bit pixels as (H, W) grey, or (H, W, 3 or 4) in the order R, G, B, A."""
    # Not imread, which cannot open every name on every system.
    data = np.frombuffer(path.read_bytes(), np.uint8)
    try:
        array = cv2.imdecode(data, cv2.IMREAD_UNCHANGED)
    except cv2.error as error:
        raise damaged(path, error.err) from error
    if array is None or array.dtype != np.uint16:
        raise damaged(path, "its 16-bit pixels cannot be decoded")
    if array.ndim == 3 and array.shape[2] >= 3:
        order = [2, 1, 0, 3][: array.shape[2]]
        array = array[..., order]
    return np.asarray(array, np.uint16)


def _png_depth(path: Path) -> int:
    """Bits per sample. Source: PNG (third edition), 11.2.1 (IHDR is always first)."""
    with path.open("rb") as file:
        return file.read(_PNG_DEPTH_OFFSET + 1)[_PNG_DEPTH_OFFSET]


def _from_array(array: npt.NDArray[np.uint16], profile: bytes | None) -> Pixels:
    """From (H, W) or (H, W, 1…4): grey, grey and alpha, RGB, RGB and alpha."""
    array = array.reshape(*array.shape[:2], -1)
    channels = array.shape[2]
    alpha = np.ascontiguousarray(array[..., -1]) if channels in (2, 4) else None
    if channels >= 3:
        rgb = np.ascontiguousarray(array[..., :3])
        return _from_rgb(rgb if profile is None else _to_srgb(rgb, profile), alpha)
    luma: Plane = np.ascontiguousarray(array[..., 0])
    if profile is not None:
        luma = icc.gray_to_srgb(luma, 16, profile)
    return Pixels(luma, alpha, is_color=False)


def _to_srgb(rgb: npt.NDArray[np.uint16], profile: bytes) -> npt.NDArray[np.uint16]:
    if profile[16:20] == b"GRAY":  # grey with alpha, which OpenCV returns as RGB
        gray = icc.gray_to_srgb(np.ascontiguousarray(rgb[..., 0]), 16, profile)
        return np.stack((gray, gray, gray), axis=-1)
    return icc.rgb16_to_srgb(rgb, profile)


def _from_pillow(image: Image.Image, path: Path, profile: bytes | None) -> Pixels:
    alpha = None
    if image.has_transparency_data:
        image = image.convert("LA" if image.mode in ("1", "L", "LA", "La") else "RGBA")
        alpha = np.asarray(image.getchannel("A"))
        if (alpha == 255).all():
            alpha = None
    if image.mode in ("1", "L", "LA"):
        luma = np.asarray(image.convert("L"))
        return Pixels(icc.gray_to_srgb(luma, 8, profile) if profile else luma, alpha, False)
    return _from_rgb(np.asarray(_to_rgb(image, path, profile)), alpha)


def _to_rgb(image: Image.Image, path: Path, profile: bytes | None) -> Image.Image:
    try:
        if image.mode == "CMYK" and profile:
            return icc.to_srgb_8bit(image, profile)
        rgb = image.convert("RGB")
    except ValueError as error:
        raise UnsupportedCodecError(
            f"{path} stores its pixels as {image.mode}; save it as 8 or 16 bit grey or RGB"
        ) from error
    return icc.to_srgb_8bit(rgb, profile) if profile else rgb


def _from_rgb(rgb: npt.NDArray[np.generic], alpha: Plane | None) -> Pixels:
    is_color = bool((rgb[..., 0] != rgb[..., 1]).any() or (rgb[..., 1] != rgb[..., 2]).any())
    bit_depth = 8 * rgb.dtype.itemsize
    return Pixels(luma_from_rgb_codes(rgb, bit_depth), alpha, is_color, cast(Plane, rgb))
