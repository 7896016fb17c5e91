"""Writes a coloured photo: atomically, with its EXIF, resolution and alpha."""

from __future__ import annotations

import itertools
import logging
import struct
import zlib
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any, cast

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image, TiffImagePlugin, TiffTags
from PIL.ExifTags import IFD, Base
from PIL.PngImagePlugin import PngInfo

from vidcolor.errors import EncoderError, SettingsError
from vidcolor.media.atomic import AtomicFile, check_output, output_error
from vidcolor.media.image_metadata import XMP_TAG
from vidcolor.media.still_image import StillImage
from vidcolor.media.xmp import only_marks

log = logging.getLogger(__name__)

FORMATS = {
    ".png": "PNG",
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".tif": "TIFF",
    ".tiff": "TIFF",
    ".webp": "WEBP",
}
"""Format by the output's suffix."""

MAX_SIDE = {"JPEG": 65500, "WEBP": 16383}
"""Longest side that a format can hold (libjpeg's JPEG_MAX_DIMENSION, VP8's 14 bits)."""

JPEG_XMP_BYTES = 65_502
"""Most bytes of XMP in a JPEG, which has 64 KiB for each of its segments."""

PNG_XMP_KEYWORD = "XML:com.adobe.xmp"
"""Keyword of the text in a PNG that is its XMP packet (XMP specification, part 3)."""

JPEG_QUALITY = 95
"""With full chroma: luma is coded again, so nearly transparently."""

# Half the time of zlib's default, 6 % larger.
_DEFLATE_LEVEL = 4

_SAVE_OPTIONS: dict[str, dict[str, Any]] = {
    "PNG": {"compress_level": _DEFLATE_LEVEL},
    "JPEG": {"quality": JPEG_QUALITY, "subsampling": 0},
    # The next better method takes five times as long for a quarter less.
    "WEBP": {"lossless": True, "exact": True, "method": 0, "quality": 10},
}
_DEEP_FORMATS = ("PNG", "TIFF")
_NO_ALPHA_FORMATS = ("JPEG",)
_METERS_PER_INCH = 0.0254
_ROWS_PER_STRIP = 64
_TIFF_HEADER_BYTES = 8
_TIFF_DEFLATE, _TIFF_RGB, _TIFF_HORIZONTAL_PREDICTOR, _TIFF_UNASSOCIATED_ALPHA = 8, 2, 2, 2

Rgb = npt.NDArray[np.uint8] | npt.NDArray[np.uint16]


def default_image_output(source: Path) -> Path:
    """``NAME.color.EXT`` beside the source; PNG where its own format cannot be written."""
    suffix = source.suffix if source.suffix.lower() in FORMATS else ".png"
    return source.with_name(f"{source.stem}.color{suffix}")


def check_image_output(source: Path, output: Path, overwrite: bool) -> None:
    """Refuse an output that cannot or must not be written; touches nothing.

    Raises
    ------
    SettingsError
        If the suffix names no format that can be written.
    OutputError
        As `vidcolor.media.atomic.check_output` does.
    """
    _format_of(output)
    check_output(source, output, overwrite)


def write_image(path: str | Path, rgb: Rgb, still: StillImage) -> None:
    """Write a coloured photo; it appears under its name only when it is complete.

    The suffix picks the format: PNG, TIFF and WebP losslessly, JPEG at quality 95 with full
    chroma. 16 bits go into PNG and TIFF; JPEG and WebP get 8, and JPEG no alpha (laid on
    white): both with a warning.

    Parameters
    ----------
    path:
        Where to write. An existing file is replaced: call `check_image_output` first.
    rgb:
        (H, W, 3) sRGB codes, uint8 or uint16.
    still:
        Where EXIF, resolution, profile and alpha come from.

    Raises
    ------
    SettingsError
        If the suffix names no format that can be written.
    EncoderError
        If the picture is too large for the format.
    OutputError
        If the file cannot be written.
    """
    path = Path(path)
    name = _format_of(path)
    _check_side(path, name, rgb)
    pixels = _fit_format(path, name, _with_alpha(rgb, still))
    if name == "JPEG" and len(still.xmp or b"") > JPEG_XMP_BYTES:
        log.warning("%s: JPEG has no room for all of the photo's XMP metadata, which is lost", path)
        still = replace(still, xmp=only_marks(still.xmp or b""))
    data = _encode(name, pixels, still)
    file = AtomicFile(path)
    try:
        _write_bytes(file.temp, data, path)
        file.sync()
        file.commit()
    except BaseException:
        file.abort()
        raise


def _format_of(path: Path) -> str:
    name = FORMATS.get(path.suffix.lower())
    if name is None:
        raise SettingsError(
            f"{path} ends in {path.suffix or 'nothing'!r}, which picks no picture format; "
            f"choose {', '.join(FORMATS)}"
        )
    return name


def _check_side(path: Path, name: str, rgb: Rgb) -> None:
    longest = max(rgb.shape[:2])
    if longest > MAX_SIDE.get(name, longest):
        raise EncoderError(
            f"{path}: {name} holds at most {MAX_SIDE[name]} pixels a side, the picture has "
            f"{longest}; choose .png or .tif"
        )


def _with_alpha(rgb: Rgb, still: StillImage) -> Rgb:
    return rgb if still.alpha is None else cast(Rgb, np.dstack((rgb, still.alpha)))


def _fit_format(path: Path, name: str, pixels: Rgb) -> Rgb:
    """Give up, with a warning, what the format cannot hold."""
    if pixels.dtype == np.uint16 and name not in _DEEP_FORMATS:
        log.warning("%s: %s holds 8 bits, the photo has 16; .png and .tif keep them", path, name)
        pixels = np.rint(pixels / np.float32(257)).astype(np.uint8)
    if pixels.shape[2] == 4 and name in _NO_ALPHA_FORMATS:
        log.warning("%s: %s has no transparency, the photo is laid on white", path, name)
        opacity = pixels[..., 3:] / np.float32(255)
        flat = pixels[..., :3] * opacity + 255 * (1 - opacity)
        pixels = np.rint(flat).astype(np.uint8)
    return pixels


def _encode(name: str, pixels: Rgb, still: StillImage) -> bytes:
    if name == "TIFF":
        return _tiff(pixels, still)
    if pixels.dtype == np.uint16:
        return _deep_png(pixels, still)
    options = dict(_SAVE_OPTIONS[name])
    metadata: dict[str, Any] = {
        "exif": still.exif,
        "icc_profile": still.icc_profile,
        "dpi": still.dpi,
    }
    if still.xmp is not None:
        metadata |= {"pnginfo": _png_text(still.xmp)} if name == "PNG" else {"xmp": still.xmp}
    options |= {key: value for key, value in metadata.items() if value is not None}
    if name == "WEBP":
        options.pop("dpi", None)  # it has no place for it but EXIF
    buffer = BytesIO()
    Image.fromarray(pixels).save(buffer, name, **options)
    return buffer.getvalue()


def _png_text(packet: bytes) -> PngInfo:
    text = PngInfo()
    text.add_itxt(PNG_XMP_KEYWORD, packet.decode())
    return text


def _deep_png(pixels: Rgb, still: StillImage) -> bytes:
    """16-bit PNG: OpenCV codes the pixels, we add what it leaves out.

    Source: PNG (third edition), 11.3: iCCP, pHYs and eXIf come before IDAT.
    """
    order = [2, 1, 0, 3][: pixels.shape[2]]
    coded, data = cv2.imencode(
        ".png", pixels[..., order], [cv2.IMWRITE_PNG_COMPRESSION, _DEFLATE_LEVEL]
    )
    if not coded:
        raise EncoderError("the 16-bit PNG could not be encoded; choose .tif")
    png = data.tobytes()
    chunks = b""
    if still.icc_profile is not None:
        chunks += _png_chunk(b"iCCP", b"sRGB\0\0" + zlib.compress(still.icc_profile))
    if still.dpi is not None:
        per_meter = (round(value / _METERS_PER_INCH) for value in still.dpi)
        chunks += _png_chunk(b"pHYs", struct.pack(">IIB", *per_meter, 1))
    if still.exif is not None:
        chunks += _png_chunk(b"eXIf", still.exif[6:])
    if still.xmp is not None:  # not compressed, without language and translated keyword
        chunks += _png_chunk(b"iTXt", PNG_XMP_KEYWORD.encode() + bytes(5) + still.xmp)
    header_end = 8 + 25  # signature and IHDR, which is always first and 25 bytes
    return png[:header_end] + chunks + png[header_end:]


def _png_chunk(kind: bytes, data: bytes) -> bytes:
    checksum = zlib.crc32(kind + data)
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", checksum)


def _tiff(pixels: Rgb, still: StillImage) -> bytes:
    """TIFF of 8 or 16 bits, deflated strips with horizontal prediction.

    Pillow has no 16-bit RGB, and cannot write EXIF into a compressed TIFF.

    Source: TIFF 6.0, sections 7, 14 and 18; layout: header, directory, strips.
    """
    strips = [
        _deflated(pixels[i : i + _ROWS_PER_STRIP]) for i in range(0, len(pixels), _ROWS_PER_STRIP)
    ]
    lengths = [len(strip) for strip in strips]
    directory = _tiff_directory(pixels, still)
    # Counted from the end of the directory: `tobytes` adds where that is.
    directory[Base.StripOffsets] = (0, *itertools.accumulate(lengths[:-1]))
    directory[Base.StripByteCounts] = tuple(lengths)
    header = b"II*\0" + struct.pack("<I", _TIFF_HEADER_BYTES)
    return b"".join((header, directory.tobytes(_TIFF_HEADER_BYTES), *strips))


def _deflated(rows: Rgb) -> bytes:
    predicted = rows.copy()
    # Wraps around, as the decoder does.
    np.subtract(rows[:, 1:], rows[:, :-1], out=predicted[:, 1:])
    little_endian = predicted.astype(rows.dtype.newbyteorder("<"), copy=False)
    return zlib.compress(little_endian.tobytes(), _DEFLATE_LEVEL)


def _tiff_directory(pixels: Rgb, still: StillImage) -> TiffImagePlugin.ImageFileDirectory_v2:
    height, width, channels = pixels.shape
    directory = TiffImagePlugin.ImageFileDirectory_v2(prefix=b"II")
    if still.exif is not None:
        exif = Image.Exif()
        exif.load(still.exif)
        for tag, value in exif.items():
            directory[tag] = dict(exif.get_ifd(tag)) if tag in (IFD.Exif, IFD.GPSInfo) else value
    directory[Base.ImageWidth] = width
    directory[Base.ImageLength] = height
    directory[Base.BitsPerSample] = (8 * pixels.dtype.itemsize,) * channels
    directory[Base.Compression] = _TIFF_DEFLATE
    directory[Base.PhotometricInterpretation] = _TIFF_RGB
    directory[Base.SamplesPerPixel] = channels
    directory[Base.RowsPerStrip] = _ROWS_PER_STRIP
    directory[Base.Predictor] = _TIFF_HORIZONTAL_PREDICTOR
    directory[Base.Orientation] = 1
    if channels == 4:
        directory[Base.ExtraSamples] = (_TIFF_UNASSOCIATED_ALPHA,)
    if still.dpi is not None:
        directory[Base.XResolution], directory[Base.YResolution] = still.dpi
        directory[Base.ResolutionUnit] = 2
    if still.icc_profile is not None:
        directory[Base.InterColorProfile] = still.icc_profile
    if still.xmp is not None:
        directory.tagtype[XMP_TAG] = TiffTags.BYTE
        directory[XMP_TAG] = still.xmp
    return directory


def _write_bytes(temp: Path, data: bytes, path: Path) -> None:
    try:
        temp.write_bytes(data)
    except OSError as error:
        raise output_error(error, path) from error
