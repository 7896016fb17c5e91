"""Reads code values out of decoded frames, exactly, for every pixel format that films come in.

Note [Where the samples are]
    libav describes a pixel format by where each component's samples lie: which plane, how
    far apart, from which offset, and shifted by how many bits (AVComponentDescriptor in
    libavutil/pixdesc.h). PyAV shows the plane and the depth but not the rest, so the few
    layouts that are not plainly planar are listed here, in units of words of 1, 2 or 4
    bytes. With that, luma is only ever sliced out, never converted: swscale would stretch
    its range or round it. Planar formats of native byte order give views of the decoder's
    memory, kept alive by the array (array → plane → frame → buffer); the rest are copies.
"""

from __future__ import annotations

import functools
import re
import sys
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, cast

import av
import numpy as np
import numpy.typing as npt
from av.video.format import VideoFormat

from vidcolor.color import chroma_codes, luma_from_rgb_codes
from vidcolor.color.primaries import luma_weights
from vidcolor.errors import UnsupportedCodecError
from vidcolor.frames import PixelLayout, Plane


@dataclass(frozen=True, slots=True)
class Samples:
    """Where one component's samples lie; see Note [Where the samples are]."""

    plane: int
    step: int = 1
    """Words from one sample to the next."""
    offset: int = 0
    """Words before the first sample of a row."""
    shift: int = 0
    """Bits to the right of the sample in its word."""
    alone: bool = True
    """False if other components share the word, so that they must be masked off."""


@dataclass(frozen=True, slots=True)
class SampleMap:
    """Components of a pixel format by their role: ``y u v``, ``r g b`` or ``a``."""

    word: int
    """Bytes per word."""
    big_endian: bool
    bit_depth: int
    components: dict[str, Samples]


# Packed formats as the order of components in memory, one letter per word, x is unused.
_PACKED_8 = {
    **{"yuyv422": "yuyv", "uyvy422": "uyvy", "yvyu422": "yvyu"},
    **{"ayuv": "ayuv", "vuya": "vuya", "vuyx": "vuyx", "uyva": "uyva", "vyu444": "vyu"},
    **{"ya8": "ya", "rgb24": "rgb", "bgr24": "bgr", "rgba": "rgba", "bgra": "bgra"},
    **{"argb": "argb", "abgr": "abgr", "rgb0": "rgbx", "bgr0": "bgrx", "0rgb": "xrgb"},
    **{"0bgr": "xbgr"},
}
# The same with 16-bit words: (order, bits to the right of the sample).
_PACKED_16 = {
    **{"y210": ("yuyv", 6), "y212": ("yuyv", 4), "y216": ("yuyv", 0)},
    **{"ayuv64": ("ayuv", 0), "xv36": ("uyvx", 4), "xv48": ("uyvx", 0), "ya16": ("ya", 0)},
    **{"rgb48": ("rgb", 0), "bgr48": ("bgr", 0), "rgba64": ("rgba", 0), "bgra64": ("bgra", 0)},
}
# Three 10-bit samples in a 32-bit word: bits to the right of each.
_PACKED_32 = {
    "xv30": {"u": 0, "y": 10, "v": 20},
    "v30x": {"u": 2, "y": 12, "v": 22},
    "x2rgb10": {"b": 0, "g": 10, "r": 20},
    "x2bgr10": {"r": 0, "g": 10, "b": 20},
}
# Luma in plane 0, chroma interleaved in plane 1: (order of chroma, bits to the right).
_SEMI_PLANAR = {
    **{"nv12": ("uv", 0), "nv21": ("vu", 0), "nv16": ("uv", 0), "nv24": ("uv", 0)},
    **{"nv42": ("vu", 0), "nv20": ("uv", 0)},
    **{f"p{chroma}10": ("uv", 6) for chroma in (0, 2, 4)},
    **{f"p{chroma}12": ("uv", 4) for chroma in (0, 2, 4)},
    **{f"p{chroma}16": ("uv", 0) for chroma in (0, 2, 4)},
}
_PLANAR = re.compile(r"(yuvj?|yuva|gray|gbrp|gbrap)(4\d\dp)?(\d*)(msb)?")
# Fewer than 8 bits per component in a 16-bit word: (bits to the right, bits) of each.
_FEW_BITS = {
    "rgb444": {"r": (8, 4), "g": (4, 4), "b": (0, 4)},
    "rgb555": {"r": (10, 5), "g": (5, 5), "b": (0, 5)},
    "rgb565": {"r": (11, 5), "g": (5, 6), "b": (0, 5)},
    "bgr444": {"b": (8, 4), "g": (4, 4), "r": (0, 4)},
    "bgr555": {"b": (10, 5), "g": (5, 5), "r": (0, 5)},
    "bgr565": {"b": (11, 5), "g": (5, 6), "r": (0, 5)},
}
# Palettes, pixels of 1, 4 or 8 bits, sensor mosaics, X′Y′Z′: swscale makes R′G′B′ of them.
_VIA_RGB = re.compile(r"pal8|monow|monob|bayer_|(rgb|bgr)(4|8|4_byte)$|xyz12")
_DEEP_VIA_RGB = re.compile(r"bayer_....16|xyz12")


@functools.cache
def pixel_layout(name: str) -> PixelLayout:
    """What pixel format ``name`` means for us.

    Parameters
    ----------
    name:
        libav's name, such as ``yuv420p10le``.

    Raises
    ------
    UnsupportedCodecError
        For formats that cannot be read exactly: floating point, more than 16 bits, frames
        in the memory of a device, and a few that no film is known to use.
    """
    form = VideoFormat(name, 64, 64)
    if _VIA_RGB.match(name) or _base(name) in _FEW_BITS:
        return PixelLayout(name, 16 if _DEEP_VIA_RGB.match(name) else 8, None, is_rgb=True)
    mapped = sample_map(name)
    is_rgb = "g" in mapped.components
    subsampling = None
    if "u" in mapped.components:
        chroma = form.components[1]
        subsampling = (
            (form.width // chroma.width).bit_length() - 1,
            (form.height // chroma.height).bit_length() - 1,
        )
    return PixelLayout(name, mapped.bit_depth, subsampling, is_rgb, "a" in mapped.components)


@functools.cache
def sample_map(name: str) -> SampleMap:
    """Where the samples of pixel format ``name`` lie.

    Raises
    ------
    UnsupportedCodecError
        See `pixel_layout`.
    """
    form = VideoFormat(name, 64, 64)
    base = _base(name)
    components: dict[str, Samples] | None = None
    word = 1
    if base in _PACKED_8:
        components = _interleaved(_PACKED_8[base], 0)
    elif base in _PACKED_16:
        order, shift = _PACKED_16[base]
        word, components = 2, _interleaved(order, shift)
    elif base in _PACKED_32:
        word = 4
        components = {
            role: Samples(0, shift=shift, alone=False) for role, shift in _PACKED_32[base].items()
        }
    elif base in _SEMI_PLANAR:
        order, shift = _SEMI_PLANAR[base]
        word = 2 if form.components[0].bits > 8 else 1
        chroma = {role: Samples(1, 2, i, shift) for i, role in enumerate(order)}
        components = {"y": Samples(0, shift=shift), **chroma}
    elif (match := _PLANAR.fullmatch(base)) and form.components[0].bits <= 16:
        depth = form.components[0].bits
        word = 2 if depth > 8 else 1
        roles = {"gbrp": "rgb", "gbrap": "rgba", "yuva": "yuva", "gray": "y"}.get(match[1], "yuv")
        shift = 16 - depth if match[4] else 0
        components = {
            role: Samples(part.plane, shift=shift)
            for role, part in zip(roles, form.components, strict=True)
        }
    if components is None:
        raise UnsupportedCodecError(
            f"pixel format {name!r} cannot be read exactly; convert the film to one such as "
            "yuv422p10le or gray16le first"
        )
    return SampleMap(word, form.is_big_endian, form.components[0].bits, components)


def _base(name: str) -> str:
    """``name`` without its byte order."""
    return re.sub(r"(le|be)$", "", name)


def _interleaved(order: str, shift: int) -> dict[str, Samples]:
    """Components of a packed format from the order of its words."""
    return {
        role: Samples(0, len(order) // order.count(role), order.index(role), shift)
        for role in order
        if role != "x"
    }


def luma_plane(frame: av.VideoFrame) -> Plane:
    """Luma code values of ``frame``.

    Returns
    -------
    (H, W) uint8 or uint16. For planar formats a view of the decoder's memory. For R′G′B′
    formats BT.709 luma of the code values at full range, exact where R = G = B.
    """
    layout = pixel_layout(frame.format.name)
    if layout.is_rgb:
        return luma_from_rgb_codes(rgb_codes(frame), layout.bit_depth)
    return _component(frame, sample_map(frame.format.name), "y")


def chroma_planes(frame: av.VideoFrame) -> tuple[Plane, Plane] | None:
    """Cb and Cr code values of ``frame``; None for gray and R′G′B′ formats."""
    if pixel_layout(frame.format.name).subsampling is None:
        return None
    mapped = sample_map(frame.format.name)
    return _component(frame, mapped, "u"), _component(frame, mapped, "v")


def chroma_of_rgb(frame: av.VideoFrame) -> tuple[Plane, Plane]:
    """Full-range BT.709 Cb and Cr of a frame in an R′G′B′ format, rounded to codes: (H, W) each.

    They go with `luma_plane`. Source: ITU-T H.273, equations 39 and 40.
    """
    depth = pixel_layout(frame.format.name).bit_depth
    rgb = np.asarray(rgb_codes(frame) / np.float32(2**depth - 1), np.float32)
    kr, kg, kb = luma_weights(1)
    luma = rgb @ np.array([kr, kg, kb], np.float32)
    cb = np.asarray((rgb[..., 2] - luma) / (2 - 2 * kb), np.float32)
    cr = np.asarray((rgb[..., 0] - luma) / (2 - 2 * kr), np.float32)
    return chroma_codes(cb, depth, True), chroma_codes(cr, depth, True)


def alpha_plane(frame: av.VideoFrame) -> Plane | None:
    """Alpha code values of ``frame``, or None."""
    if not pixel_layout(frame.format.name).has_alpha:
        return None
    return _component(frame, sample_map(frame.format.name), "a")


def rgb_codes(frame: av.VideoFrame) -> Plane:
    """R′G′B′ code values of a frame in an R′G′B′ format: (H, W, 3), at its bit depth."""
    name = frame.format.name
    if _base(name) in _FEW_BITS:
        return _widened_rgb(frame)
    if _VIA_RGB.match(name):
        # One thread: swscale's slices overwrite each other's first samples at odd widths.
        target = "rgb48le" if _DEEP_VIA_RGB.match(name) else "rgb24"
        frame = frame.reformat(format=target, threads=1)
        name = frame.format.name
    mapped = sample_map(name)
    return cast(Plane, np.stack([_component(frame, mapped, role) for role in "rgb"], axis=-1))


def _widened_rgb(frame: av.VideoFrame) -> Plane:
    """R′G′B′ of 4 to 6 bits per component, spread over 0…255: (H, W, 3) uint8."""
    name = frame.format.name
    rows = _byte_rows(frame, 0)[: frame.height, : 2 * frame.width]
    words = rows.view(">u2" if frame.format.is_big_endian else "<u2").astype(np.uint32)
    channels = []
    for role in "rgb":
        shift, bits = _FEW_BITS[_base(name)][role]
        value = (words >> shift) & ((1 << bits) - 1)
        # The top bits repeat below, as everywhere: 0 stays 0 and the top code becomes 255.
        channels.append(value << (8 - bits) | value >> (2 * bits - 8))
    return np.stack(channels, axis=-1).astype(np.uint8)


def _component(frame: av.VideoFrame, mapped: SampleMap, role: str) -> Plane:
    """Samples of one component, (h, w); right-aligned, native byte order, read-only."""
    where = mapped.components[role]
    width, height = _component_size(frame, role)
    native = mapped.word == 1 or mapped.big_endian == (sys.byteorder == "big")
    dtype = np.dtype(f"u{mapped.word}")
    # (h, line_size bytes) -> (h, words per line)
    rows = _byte_rows(frame, where.plane)[:height]
    rows = rows[:, : rows.shape[1] // mapped.word * mapped.word]
    words: Any = rows.view(dtype if native else dtype.newbyteorder())
    samples = words[:, where.offset :: where.step][:, :width]
    if not (native and where.step == 1 and where.shift == 0 and where.alone):
        samples = _aligned(samples, where, mapped)
    samples.flags.writeable = False
    plane: Plane = samples  # words of 32 bits have become 16 wide
    return plane


def _aligned(samples: npt.NDArray[Any], where: Samples, mapped: SampleMap) -> Plane:
    """A contiguous copy of ``samples``, shifted to the right and of native byte order."""
    values = samples.astype(f"=u{mapped.word}", order="C")
    if where.shift or not where.alone:
        values = (values >> where.shift) & ((1 << mapped.bit_depth) - 1)
    return cast(Plane, values.astype(np.uint8 if mapped.word == 1 else np.uint16, copy=False))


def _byte_rows(frame: av.VideoFrame, index: int) -> npt.NDArray[np.uint8]:
    """Bytes of a plane, (rows, line_size), the top row first; a view where that is possible.

    Raw bottom-up AVI comes with a negative line size: its plane begins at what is the last
    row in memory, and PyAV's view of it would run past the end. libav's vflip filter turns
    the pointer round without touching a sample; reading its rows backwards is the picture.
    """
    plane: Any = frame.planes[index]
    if plane.line_size < 0:
        return np.ascontiguousarray(_byte_rows(_vertical_flip(frame), index)[::-1])
    samples: npt.NDArray[np.uint8] = np.frombuffer(plane, np.uint8)
    return samples.reshape(-1, plane.line_size)


def _vertical_flip(frame: av.VideoFrame) -> av.VideoFrame:
    graph = av.filter.Graph()
    source = graph.add_buffer(
        width=frame.width, height=frame.height, format=frame.format, time_base=Fraction(1, 25)
    )
    graph.link_nodes(source, graph.add("vflip"), graph.add("buffersink")).configure()
    graph.push(frame)
    flipped = graph.pull()
    assert isinstance(flipped, av.VideoFrame)
    return flipped


def _component_size(frame: av.VideoFrame, role: str) -> tuple[int, int]:
    """(width, height) of a component of ``frame``."""
    subsampling = pixel_layout(frame.format.name).subsampling
    if role not in "uv" or subsampling is None:
        return frame.width, frame.height
    return -(-frame.width >> subsampling[0]), -(-frame.height >> subsampling[1])
