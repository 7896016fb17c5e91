"""Photos: reads a picture as luma, and writes it in colour."""

from __future__ import annotations

import contextlib
import logging
import os
import warnings
from pathlib import Path

import numpy as np
from PIL import Image

from vidcolor.color import Rgb8
from vidcolor.media.icc import srgb_profile
from vidcolor.media.image_metadata import ImageMetadata, read_metadata, turn_upright
from vidcolor.media.image_pixels import (
    Pixels,
    decode,
    decode_deep_tiff,
    open_picture,
    sniff_format,
)
from vidcolor.media.image_writer import check_image_output, default_image_output, write_image
from vidcolor.media.safety import check_input_path
from vidcolor.media.still_image import StillImage
from vidcolor.media.xmp import clean_packet

__all__ = [
    "MAX_PIXELS",
    "StillImage",
    "check_image_output",
    "default_image_output",
    "read_image",
    "read_rgb",
    "write_image",
]

log = logging.getLogger(__name__)

# Pillow logs what is wrong with a damaged file, beside raising it; our one line says it better.
logging.getLogger("PIL").setLevel(logging.CRITICAL)

MAX_PIXELS = 178_956_970
"""Most pixels of a photo that is read: Pillow's own limit, half a gigabyte as 8-bit RGB."""


def read_image(path: str | os.PathLike[str], *, max_pixels: int = MAX_PIXELS) -> StillImage:
    """Read a photo's luma, upright and in sRGB's tone curve.

    PNG, JPEG, TIFF, WebP and BMP; 8 and 16 bit; grey, RGB, CMYK, palette and 1 bit, with or
    without alpha. The format is told by the content, not by the name. Of several pages or
    animation frames the first is read, with a warning.

    Parameters
    ----------
    path:
        A local file.
    max_pixels:
        More are refused before anything is decoded; at most `MAX_PIXELS`.

    Raises
    ------
    InputNotFoundError, InputIsDirectoryError, EmptyInputError, RemoteInputError
        If there is no such file, or it is empty.
    NotMediaError
        If it is no picture.
    TruncatedInputError
        If it is cut off or damaged.
    InputLimitError
        If it has too many pixels.
    UnsupportedCodecError
        If its pixels are of a kind that is not read, such as floating point.
    """
    name, metadata, pixels = _read(path, max_pixels)
    still = _still_image(name, metadata, pixels)
    if metadata.xmp is not None and still.xmp is None:
        log.warning("%s: its XMP metadata cannot be read and is not kept", path)
    return still


def read_rgb(path: str | os.PathLike[str], *, max_pixels: int = MAX_PIXELS) -> Rgb8:
    """Read a photo as it is to be seen: upright, in sRGB, with 8 bits, laid on white.

    Parameters and errors are those of `read_image`.

    Returns
    -------
    (H, W, 3) uint8; a grey photo has three equal channels.
    """
    _, metadata, pixels = _read(path, max_pixels)
    white = np.float32(2**pixels.bit_depth - 1)
    rgb = pixels.luma[..., None] if pixels.rgb is None else pixels.rgb
    if pixels.alpha is not None or pixels.bit_depth > 8:
        share = rgb / white
        if pixels.alpha is not None:
            share = 1 - (1 - share) * (pixels.alpha / white)[..., None]
        rgb = np.rint(255 * share).astype(np.uint8)
    channels = [turn_upright(rgb[..., i], _turn(metadata)) for i in range(rgb.shape[2])]
    return np.dstack(channels * (3 // len(channels))).astype(np.uint8, copy=False)


def _turn(metadata: ImageMetadata) -> int:
    return 1 if metadata.is_upright else metadata.orientation


def _still_image(name: str, metadata: ImageMetadata, pixels: Pixels) -> StillImage:
    turn = _turn(metadata)
    luma = turn_upright(pixels.luma, turn)
    height, width = luma.shape
    return StillImage(
        luma=luma,
        bit_depth=pixels.bit_depth,
        alpha=None if pixels.alpha is None else turn_upright(pixels.alpha, turn),
        exif=metadata.upright_exif(width, height),
        xmp=None if metadata.xmp is None else clean_packet(metadata.xmp),
        icc_profile=srgb_profile() if metadata.icc_profile else None,
        dpi=metadata.upright_dpi(),
        source_format=name,
        is_color=pixels.is_color,
    )


def _read(path: str | os.PathLike[str], max_pixels: int) -> tuple[str, ImageMetadata, Pixels]:
    """(format, metadata, pixels as stored)."""
    checked = check_input_path(path)
    name = sniff_format(checked)
    with warnings.catch_warnings():
        # Pillow's, of odd tags and of sizes below our limit.
        warnings.simplefilter("ignore")
        return name, *_read_as(checked, name, min(max_pixels, MAX_PIXELS))


def _read_as(path: Path, name: str, max_pixels: int) -> tuple[ImageMetadata, Pixels]:
    if name == "TIFF":
        metadata = read_metadata(None, path, is_tiff=True)
        deep = decode_deep_tiff(path, max_pixels, metadata.icc_profile)
        if deep is not None:
            return metadata, deep
    with open_picture(path, name, max_pixels) as image:
        _warn_of_further_pictures(image, path)
        metadata = read_metadata(image, path, is_tiff=name == "TIFF")
        pixels = decode(image, path, metadata.icc_profile)
        if name == "TIFF":
            metadata.is_upright = True  # Pillow turns TIFF, and only that, while decoding
        return metadata, pixels


def _warn_of_further_pictures(image: Image.Image, path: Path) -> None:
    if image.format == "MPO":  # previews and depth maps of a phone, no pages
        return
    count = 1
    with contextlib.suppress(Exception):
        count = int(getattr(image, "n_frames", 1))
    if count > 1:
        log.warning("%s holds %d pictures; only the first is used", path, count)
