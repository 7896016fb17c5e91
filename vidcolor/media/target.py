"""Which encoder a film gets, and the exact picture layout that enters it.

Luma decides: it is never made shallower, never rescaled (but for ``preview``), and chroma is
never coarser than the source's. The rules are pure functions of the source's description and
the settings.
"""

from __future__ import annotations

import dataclasses
import difflib
import functools
from dataclasses import dataclass
from typing import Protocol

import av
from av.video.format import VideoFormat

from vidcolor.color import resolve_tags
from vidcolor.config import EncodeSettings
from vidcolor.errors import SettingsError
from vidcolor.frames import (
    UNSPECIFIED,
    ColorTags,
    EncodeTarget,
    FieldOrder,
    PixelLayout,
    VideoInfo,
)
from vidcolor.media.pixels import pixel_layout

LAST_RESORT = "ffv1"
"""Encoder for what no other can hold: lossless, 8 to 16 bits, any chroma subsampling."""

LAST_RESORT_OPTIONS = {"level": "3", "slicecrc": "1", "g": "1"}
"""FFV1 version 3, every frame a key frame, each slice with its own checksum (RFC 9043)."""

LAST_RESORT_BITS = 16
"""Deepest luma that FFV1 takes."""

ALPHA_ENCODERS = frozenset({"ffv1", "prores_ks", "libvpx-vp9"})
"""Encoders whose alpha channel common decoders give back. x265 offers one too, as a second
layer that most decoders ignore, so it is not counted on."""

VIDEO_RANGE_ONLY = frozenset({"prores_ks", "prores", "prores_aw"})
"""Encoders whose streams every decoder takes for video range, whatever the container says."""

PRORES_MATRICES = frozenset({1, 6, 9})
"""Matrix coefficients of H.273 that libav's ProRes encoder writes."""

PRORES_TRANSFERS = frozenset({1, 16, 18})
"""Transfer characteristics that it writes."""

SUBSAMPLING = {"4:2:0": (1, 1), "4:2:2": (1, 0), "4:4:4": (0, 0)}
"""log2 of the horizontal and vertical chroma subsampling of the names used in settings."""

CHROMA_LEFT = 1
"""AVCHROMA_LOC_LEFT: what MPEG-2 and later mean by 4:2:0 unless they say otherwise."""

PRORES_444_PROFILES = frozenset({"4444", "4", "4444xq", "5", "auto", "-1"})
"""Values of prores_ks's ``profile`` that are right for 4:4:4."""


LEAST_WIDTHS = {"libx265": 64}
"""Encoders that write beyond their buffers in narrower pictures, which ends the process."""

INTERLACED_ENCODERS = frozenset(
    {"libx264", "ffv1", "prores_ks", "prores_aw", "mpeg2video", "mpeg4"}
)
"""Encoders that code or mark the two fields of a frame; with others only the container may."""

FIELD_MODES: dict[str, FieldOrder] = {"tt": "tff", "tb": "tff", "bb": "bff", "bt": "bff"}
"""Which field is shown first, by `VideoInfo.field_order`. For libav ``tb`` and ``bt`` are the
interleaved orders of Matroska (RFC 9559, 5.1.4.1.28.2: 9 and 14) and QuickTime, where the
first letter is the field shown first; the comments in its header say otherwise."""


class EncodedPicture(Protocol):
    """What of a plan or an encoding decides how fields are coded."""

    @property
    def codec(self) -> str:
        """libav's encoder name."""

    @property
    def target(self) -> EncodeTarget:
        """What the encoder receives."""


@dataclass(frozen=True, slots=True)
class Encoding:
    """The encoder of a film and what it receives."""

    codec: str
    """libav's encoder name."""
    options: dict[str, str]
    """Private options for it."""
    target: EncodeTarget
    notices: tuple[str, ...]
    """What the user should know about these choices."""
    dropped_alpha: str | None = None
    """Why the source's alpha channel is lost, if it is."""


def choose_encoding(
    video: VideoInfo, encode: EncodeSettings, *, allow_hdr: bool = False
) -> Encoding:
    """The first encoder of the settings that takes the film without making it poorer.

    Parameters
    ----------
    video:
        The stream to be coloured.
    encode:
        Codecs in order of preference, least depth and chroma, scale.
    allow_hdr:
        Passed on to `vidcolor.color.resolve_tags`.

    Raises
    ------
    SettingsError
        For a codec that does not exist, or one that would misread full-range luma.
    UnsupportedColorError
        For HDR and matrices that the chroma solve does not cover.
    """
    notices: list[str] = []
    width, height = scaled_size(video.width, video.height, encode.scale)
    color = target_color(video, allow_hdr=allow_hdr)
    subsampling = _needed_subsampling(video, encode, (width, height), notices)
    codec, options, layout = _choose_codec(video, encode, width, subsampling, notices)
    if codec in VIDEO_RANGE_ONLY and color.full_range:
        raise SettingsError(
            f"{codec} cannot mark luma as full range, which this film has, so players would "
            "show it wrong; use the preset archive or film"
        )
    shift = layout.bit_depth - video.layout.bit_depth
    if shift and color.full_range:
        notices.append(
            f"full-range luma is shifted left by {shift} bits: white is "
            f"{(2**video.layout.bit_depth - 1) << shift} of {2**layout.bit_depth - 1}"
        )
    dropped_alpha = None
    if video.layout.has_alpha and not layout.has_alpha:
        why = "the picture is scaled" if encode.scale != 1 else f"{codec} does not carry one"
        dropped_alpha = f"alpha channel: {why}"
    color = dataclasses.replace(color, chroma_location=_chroma_location(video, layout))
    if codec in VIDEO_RANGE_ONLY:
        stated, color = color, prores_tags(color)
        notices += _renumbered(stated, color)
    return Encoding(
        codec=codec,
        options=_fitting_options(codec, options, layout, notices),
        target=EncodeTarget(width, height, layout, color, luma_shift=shift),
        notices=tuple(notices),
        dropped_alpha=dropped_alpha,
    )


def field_mode(encoding: EncodedPicture, video: VideoInfo) -> FieldOrder | None:
    """``tff`` or ``bff`` if the encoder is to code the two fields of each frame, else None."""
    target = encoding.target
    if encoding.codec not in INTERLACED_ENCODERS:
        return None
    if (target.width, target.height) != (video.width, video.height):
        return None  # scaling mixes the fields
    if encoding.codec == "libx264" and target.height % 4:
        return None  # its fields need an even number of lines each
    return FIELD_MODES.get(video.field_order)


def scaled_size(width: int, height: int, scale: float) -> tuple[int, int]:
    """(width, height) times ``scale``, rounded to even numbers; untouched where it is 1."""
    if scale == 1:
        return width, height
    return max(2, 2 * round(width * scale / 2)), max(2, 2 * round(height * scale / 2))


def target_color(video: VideoInfo, *, allow_hdr: bool = False) -> ColorTags:
    """The tags that the output carries: the source's, with what it leaves open decided.

    RGB has become full-range BT.709 Y′ in the reader, whatever its size.
    """
    color = video.color
    if video.layout.is_rgb:
        color = dataclasses.replace(color, matrix=1, full_range=True)
    elif color.matrix == 0:  # the RGB matrix means nothing for a grey or Y′CbCr picture
        color = dataclasses.replace(color, matrix=UNSPECIFIED)
    return resolve_tags(color, video.width, video.height, allow_hdr=allow_hdr)


@functools.cache
def encoder_layouts(codec: str) -> tuple[PixelLayout, ...]:
    """The planar little-endian Y′CbCr layouts that encoder ``codec`` takes.

    Raises
    ------
    SettingsError
        If there is no such video encoder (close names are suggested), or it names no such layout.
    """
    try:
        encoder = av.Codec(codec, "w")
    except ValueError:  # UnknownCodecError
        encoder = None
    if encoder is None or encoder.type != "video":
        known = sorted(name for name in av.codecs_available if _is_video_encoder(name))
        close = difflib.get_close_matches(codec, known, n=1)
        hint = f"did you mean {close[0]!r}? " if close else ""
        raise SettingsError(
            f"no video encoder {codec!r}: {hint}choose libx264, libx265, ffv1, prores_ks or "
            "another that this build of PyAV has"
        )
    formats = encoder.video_formats or []
    layouts = tuple(pixel_layout(form.name) for form in formats if _is_planar_ycbcr(form))
    if not layouts:
        raise SettingsError(
            f"{codec} names none of the planar Y′CbCr formats that vidcolor encodes; choose "
            "libx264, libx265, ffv1 or prores_ks"
        )
    return layouts


def best_layout(
    layouts: tuple[PixelLayout, ...],
    depth: int,
    subsampling: tuple[int, int],
    alpha: bool,
) -> PixelLayout | None:
    """The shallowest of ``layouts`` with at least ``depth`` bits, then the coarsest chroma that
    is not coarser than ``subsampling`` in either direction; None if none fits."""
    fitting = [
        layout
        for layout in layouts
        if layout.subsampling is not None
        and depth <= layout.bit_depth <= LAST_RESORT_BITS
        and layout.subsampling[0] <= subsampling[0]
        and layout.subsampling[1] <= subsampling[1]
        and layout.has_alpha == alpha
    ]
    return min(fitting, key=_cost, default=None)


def _cost(layout: PixelLayout) -> tuple[int, int]:
    assert layout.subsampling is not None
    return layout.bit_depth, -sum(layout.subsampling)


def _is_planar_ycbcr(form: VideoFormat) -> bool:
    # "yuvj" formats are the same planes with the range in the name; we tag the range instead.
    # "msb" formats keep their bits in the upper end of each word.
    return (
        form.name.startswith("yuv")
        and not form.name.startswith("yuvj")
        and "msb" not in form.name
        and form.is_planar
        and not form.is_big_endian
    )


def _is_video_encoder(name: str) -> bool:
    try:
        return av.Codec(name, "w").type == "video"
    except ValueError:
        return False


def _needed_subsampling(
    video: VideoInfo, encode: EncodeSettings, size: tuple[int, int], notices: list[str]
) -> tuple[int, int]:
    """The coarsest chroma that loses nothing; an odd side cannot be halved."""
    least = SUBSAMPLING[encode.min_chroma]
    source = (0, 0) if video.layout.is_rgb else video.layout.subsampling or least
    sx, sy = min(least[0], source[0]), min(least[1], source[1])
    if (sx and size[0] % 2) or (sy and size[1] % 2):
        notices.append(
            f"{size[0]}×{size[1]} has an odd side: encoded with 4:4:4 chroma, "
            "nothing is padded or cropped"
        )
        return 0, 0
    return sx, sy


def _choose_codec(
    video: VideoInfo,
    encode: EncodeSettings,
    width: int,
    subsampling: tuple[int, int],
    notices: list[str],
) -> tuple[str, dict[str, str], PixelLayout]:
    depth = max(video.layout.bit_depth, encode.min_bits)
    steps = (
        (encode.codec, encode.options, encode.codec_max_bits),
        (encode.codec_deep, encode.options_deep, encode.codec_deep_max_bits),
        (LAST_RESORT, LAST_RESORT_OPTIONS, LAST_RESORT_BITS),
    )
    for codec, options, max_bits in steps:
        layouts = encoder_layouts(codec)
        layout = None
        if video.layout.has_alpha and encode.scale == 1 and codec in ALPHA_ENCODERS:
            layout = best_layout(layouts, depth, subsampling, alpha=True)
        layout = layout or best_layout(layouts, depth, subsampling, alpha=False)
        if depth <= max_bits and layout is not None and layout.bit_depth <= max_bits:
            if width < LEAST_WIDTHS.get(codec, 0):
                notices.append(f"{codec} takes no pictures {width} pixels wide")
                continue
            if codec != encode.codec:
                notices.append(
                    f"{depth}-bit luma with {_chroma_name(subsampling)} chroma is more than "
                    f"{encode.codec} takes here: encoded with {codec}"
                )
            return codec, dict(options), layout
    raise SettingsError(f"no encoder for {depth}-bit luma; use the preset archive")


def prores_tags(color: ColorTags) -> ColorTags:
    """The same colours in the numbers that a ProRes frame header may hold.

    Source: SMPTE RDD 36, 6.1.1. Transfers 6, 14 and 15 are defined as the curve of 1, and
    matrix 5 as that of 6 (ITU-T H.273, tables 3 and 4).
    """
    transfer = 1 if color.transfer in (6, 14, 15) else color.transfer
    matrix = 6 if color.matrix == 5 else color.matrix
    if matrix not in PRORES_MATRICES or transfer not in PRORES_TRANSFERS:
        raise SettingsError(
            f"ProRes cannot mark matrix {matrix} with transfer {transfer} (H.273), which this film "
            "has; use the preset archive or film"
        )
    return dataclasses.replace(color, matrix=matrix, transfer=transfer)


def _renumbered(stated: ColorTags, written: ColorTags) -> list[str]:
    """Notices of tags of the source that `prores_tags` gave another number."""
    return [
        f"ProRes has no number for {name} {getattr(stated, name)}: tagged as "
        f"{getattr(written, name)}, which means the same (H.273)"
        for name in ("matrix", "transfer")
        if getattr(stated, name) != getattr(written, name) and name not in stated.guessed
    ]


def _chroma_name(subsampling: tuple[int, int]) -> str:
    names = {value: name for name, value in SUBSAMPLING.items()}
    return names.get(subsampling, f"2^{subsampling[0]}×2^{subsampling[1]} subsampled")


def _chroma_location(video: VideoInfo, layout: PixelLayout) -> int:
    """The source's siting where its chroma grid is kept; the usual one where it is new."""
    if layout.subsampling == video.layout.subsampling:
        return video.color.chroma_location
    return CHROMA_LEFT if layout.subsampling == (1, 1) else 0


def _fitting_options(
    codec: str, options: dict[str, str], layout: PixelLayout, notices: list[str]
) -> dict[str, str]:
    """ProRes profiles below 4444 are made for 4:2:2; other encoders need nothing."""
    profile = options.get("profile")
    is_444 = codec == "prores_ks" and layout.subsampling == (0, 0)
    if is_444 and profile is not None and profile not in PRORES_444_PROFILES:
        notices.append(f"4:4:4 chroma: ProRes profile 4444 instead of {profile}")
        return {**options, "profile": "4444"}
    return dict(options)
