"""Single pictures of an image sequence: PNG, TIFF and DPX, 8 to 16 bits, to the bit.

libav decodes PNG and DPX. TIFF goes through tifffile, because libav 8.1 reads tiled TIFF without
an error and wrong, and BigTIFF not at all; only what tifffile cannot decompress (LZW in strips)
is left to libav.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, cast

import av
import numpy as np
import numpy.typing as npt
import tifffile

from vidcolor.color import luma_from_rgb_codes
from vidcolor.config import Limits
from vidcolor.errors import (
    CorruptInputError,
    InputLimitError,
    SettingsError,
    UnsupportedCodecError,
    VidcolorError,
)
from vidcolor.frames import PixelLayout, Plane
from vidcolor.media.pixels import luma_plane, pixel_layout, rgb_codes, sample_map
from vidcolor.media.safety import check_size, decoder_options

DEMUXERS = {".png": "png_pipe", ".dpx": "dpx_pipe", ".tif": "tiff_pipe", ".tiff": "tiff_pipe"}
"""libav's demuxer of one picture, by suffix: all formats that sequences may have."""

CODECS = {".png": "png", ".dpx": "dpx", ".tif": "tiff", ".tiff": "tiff"}
"""libav's name of the format, by suffix."""

WRITTEN_FORMATS = {
    "png": {8: "rgb24", 16: "rgb48be"},
    "tiff": {8: "rgb24", 16: "rgb48le"},
    "dpx": {8: "rgb24", 10: "gbrp10be", 12: "gbrp12be", 16: "rgb48be"},
}
"""Pixel format that is written, by libav encoder and bit depth."""

_ENCODER_OPTIONS = {"tiff": {"compression_algo": "deflate"}, "png": {"compression_level": "6"}}
_GRAY_NAMES = {8: "gray", **{bits: f"gray{bits}le" for bits in (9, 10, 12, 14, 16)}}
_RGB_NAMES = {8: "rgb24", 16: "rgb48le", **{bits: f"gbrp{bits}le" for bits in (9, 10, 12, 14)}}

_DPX_TRANSFER_OFFSET = 801
# SMPTE ST 268-1, image element 0: transfer characteristic.
_DPX_TRANSFERS = {1: "printing density", 2: "linear light", 3: "logarithmic"}
_TIFF_UPRIGHT = 1


@dataclass(frozen=True, slots=True)
class Picture:
    """One decoded picture of a sequence."""

    codes: Plane
    """(H, W) gray or (H, W, 3) R′G′B′ code values, full range."""
    bit_depth: int
    has_alpha: bool = False

    @property
    def is_rgb(self) -> bool:
        """Three components; they may still all be equal."""
        return self.codes.ndim == 3

    @property
    def is_color(self) -> bool:
        """Whether any pixel has R, G and B that differ."""
        return self.is_rgb and bool(np.any(self.codes != self.codes[..., :1]))

    @property
    def luma(self) -> Plane:
        """(H, W) full-range luma; BT.709 luma of R′G′B′, exact where R = G = B."""
        return luma_from_rgb_codes(self.codes, self.bit_depth) if self.is_rgb else self.codes

    @property
    def layout(self) -> PixelLayout:
        """As the pixel format libav would use."""
        names = _RGB_NAMES if self.is_rgb else _GRAY_NAMES
        return PixelLayout(names[self.bit_depth], self.bit_depth, None, self.is_rgb, self.has_alpha)


def read_picture(path: Path, limits: Limits) -> Picture:
    """Decode one picture.

    Raises
    ------
    CorruptInputError
        If it cannot be decoded.
    UnsupportedCodecError
        For floating point, more than 16 bits and photometric interpretations without luma.
    InputLimitError
        If it has too many pixels.
    """
    try:
        is_tiff = DEMUXERS[path.suffix.lower()] == "tiff_pipe"
        picture = (_read_tiff if is_tiff else _read_with_libav)(path, limits)
        if picture.codes.ndim != 2 and picture.codes.shape[2:] != (3,):
            raise ValueError(f"samples of shape {picture.codes.shape}")
        return picture
    except VidcolorError:
        raise
    except MemoryError as error:
        raise InputLimitError(f"{path} needs more memory to decode than there is") from error
    except Exception as error:  # of many kinds: whatever a decompressor meets in damaged data
        reason = getattr(error, "strerror", None) or str(error)
        raise CorruptInputError(
            f"{path} cannot be decoded ({reason}); scan or copy this picture again"
        ) from error


def picture_notices(path: Path, picture: Picture) -> list[str]:
    """What the user should know about pictures like this one."""
    notices = []
    if picture.is_color:
        notices.append("the pictures are in colour: only their BT.709 luma is used")
    if picture.has_alpha:
        notices.append("transparency is not kept")
    if path.suffix.lower() == ".dpx":
        with path.open("rb") as file:
            file.seek(_DPX_TRANSFER_OFFSET)
            transfer = _DPX_TRANSFERS.get((file.read(1) or b"\0")[0])
        if transfer is not None:
            notices.append(
                f"DPX with {transfer} code values: they are coloured as if they were video; "
                "grade to video first for true colours"
            )
    if CODECS[path.suffix.lower()] == "tiff":
        with tifffile.TiffFile(path) as tiff:
            orientation = tiff.pages.first.tags.valueof("Orientation", _TIFF_UPRIGHT)
        if orientation != _TIFF_UPRIGHT:
            notices.append("TIFF orientation tags are ignored: pictures are taken as stored")
    return notices


def _read_with_libav(path: Path, limits: Limits) -> Picture:
    demuxer = DEMUXERS[path.suffix.lower()]
    options = {
        "protocol_whitelist": "file",
        "format_whitelist": demuxer,
        **decoder_options(limits),
    }
    with av.open(str(path.absolute()), "r", format=demuxer, options=options) as container:
        stream = container.streams.video[0]
        check_size(stream.width, stream.height, path, limits)
        stream.thread_count = 1
        stream.codec_context.options = decoder_options(limits)
        frame = next(container.decode(video=0), None)
    if frame is None:
        raise ValueError("no picture in it")
    layout = pixel_layout(frame.format.name)
    if layout.is_rgb:
        return Picture(rgb_codes(frame), layout.bit_depth, layout.has_alpha)
    if layout.subsampling is not None:
        raise UnsupportedCodecError(
            f"{path} holds Y′CbCr ({layout.name}); convert the sequence to R′G′B′ or gray first"
        )
    return Picture(luma_plane(frame), layout.bit_depth, layout.has_alpha)


def _read_tiff(path: Path, limits: Limits) -> Picture:
    with tifffile.TiffFile(path) as tiff:
        page = tiff.pages.first
        check_size(page.imagewidth, page.imagelength, path, limits)
        kind = _tiff_kind(page, path)
        if kind == "palette":
            return _read_with_libav(path, limits)
        try:
            samples = page.asarray()
        except ValueError:
            if page.is_tiled:
                raise
            # A compression that tifffile leaves to another package.
            return _read_with_libav(path, limits)
    bits = int(page.bitspersample)
    if page.axes == "SYX":  # one plane per component
        samples = np.moveaxis(samples, 0, -1)
    colors = 3 if kind == "rgb" else 1
    has_alpha = samples.ndim == 3 and samples.shape[2] > colors
    if samples.ndim == 3:
        samples = samples[..., :3] if kind == "rgb" else samples[..., 0]
    codes = np.ascontiguousarray(samples, dtype=np.uint8 if bits == 8 else np.uint16)
    if kind == "inverted":
        codes = (2**bits - 1) - codes
    return Picture(cast(Plane, codes), bits, has_alpha)


def _tiff_kind(page: Any, path: Path) -> str:
    """``gray``, ``inverted`` gray, ``rgb`` or ``palette``; refuses what is none of these."""
    photometric = tifffile.PHOTOMETRIC
    kinds = {
        photometric.MINISBLACK: "gray",
        photometric.MINISWHITE: "inverted",
        photometric.RGB: "rgb",
        photometric.PALETTE: "palette",
    }
    kind = kinds.get(page.photometric)
    is_integer = page.sampleformat == tifffile.SAMPLEFORMAT.UINT
    if kind is None or not is_integer or page.bitspersample not in (1, 2, 4, *_GRAY_NAMES):
        raise UnsupportedCodecError(
            f"{path} is TIFF with {page.photometric.name}, {page.bitspersample} bits "
            f"{'integer' if is_integer else 'float or signed'}; convert the sequence to gray or "
            "R′G′B′ with 8 or 16 bits first"
        )
    # Fewer than 8 bits per sample are spread over 0…255, which libav does.
    return "palette" if page.bitspersample < 8 else kind


def encode_picture(rgb: Plane, bit_depth: int, suffix: str, rate: Fraction) -> bytes:
    """An R′G′B′ picture as the bytes of a file.

    Parameters
    ----------
    rgb:
        (H, W, 3) code values.
    bit_depth:
        One of `WRITTEN_FORMATS`.
    suffix:
        ``.png``, ``.tif``, ``.tiff`` or ``.dpx``.
    rate:
        Frames per second, for headers that hold it.
    """
    codec = CODECS[suffix.lower()]
    pix_fmt = WRITTEN_FORMATS[codec][bit_depth]
    context: Any = av.CodecContext.create(codec, "w")
    context.width, context.height, context.pix_fmt = rgb.shape[1], rgb.shape[0], pix_fmt
    context.time_base = 1 / rate
    context.framerate = rate
    context.thread_count = 1
    context.options = dict(_ENCODER_OPTIONS.get(codec, {}))
    frame = _rgb_frame(rgb, pix_fmt)
    packets = [*context.encode(frame), *context.encode(None)]
    return b"".join(bytes(packet) for packet in packets)


def _rgb_frame(rgb: Plane, pix_fmt: str) -> av.VideoFrame:
    height, width = rgb.shape[:2]
    frame = av.VideoFrame(width, height, pix_fmt)
    frame.pts = 0
    mapped = sample_map(pix_fmt)
    dtype = np.dtype(f"u{mapped.word}").newbyteorder(">" if mapped.big_endian else "<")
    for channel, role in enumerate("rgb"):
        where = mapped.components[role]
        plane: Any = frame.planes[where.plane]
        rows: npt.NDArray[np.uint8] = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)
        words = rows[:height, : plane.line_size // mapped.word * mapped.word].view(dtype)
        words[:, where.offset :: where.step][:, :width] = rgb[..., channel]
    return frame


@functools.cache
def written_depth(suffix: str, bit_depth: int) -> int:
    """The smallest depth that files of this suffix hold and that loses nothing.

    Raises
    ------
    SettingsError
        If no sequences of this suffix are written.
    """
    codec = CODECS.get(suffix.lower())
    if codec is None:
        raise SettingsError(
            f"an image sequence cannot end in {suffix or 'no suffix'!r}; allowed are "
            f"{', '.join(CODECS)}"
        )
    return min((bits for bits in WRITTEN_FORMATS[codec] if bits >= bit_depth), default=16)
