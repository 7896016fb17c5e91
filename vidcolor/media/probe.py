"""Reports what is in a file: streams, sizes, times, colour tags; decodes one frame for it."""

from __future__ import annotations

import os
import re
import struct
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from av.stream import Disposition

from vidcolor.config import Limits
from vidcolor.errors import CorruptInputError, NoVideoError, UnsupportedCodecError
from vidcolor.frames import (
    UNSPECIFIED,
    ColorTags,
    MediaInfo,
    PixelLayout,
    StreamInfo,
    VideoInfo,
)
from vidcolor.media.extent import missing_bytes
from vidcolor.media.pixels import pixel_layout
from vidcolor.media.safety import (
    DEFAULT_LIMITS,
    MICROSECONDS,
    check_input_path,
    check_size,
    clean_text,
    current_limits,
    decoder_options,
    is_address,
    open_container,
)

__all__ = [
    "DEFAULT_LIMITS",
    "Limits",
    "check_input_path",
    "choose_video",
    "clean_text",
    "is_sequence_pattern",
    "open_container",
    "pixel_layout",
    "probe",
]

MAX_PACKETS_TO_FIRST_FRAME = 2000
"""Video packets that are tried before a file counts as undecodable: several long GOPs, because a
recording may begin in the middle of one."""

FULL_RANGE = 2
"""libav's AVCOL_RANGE_JPEG."""

FIELD_ORDERS = ("unknown", "progressive", "tt", "bb", "tb", "bt")
"""Names of libav's AVFieldOrder, in its order; the last four are interlaced."""

HDR_NAMES = {16: "PQ (HDR10)", 18: "HLG"}
"""TransferCharacteristics of H.273 that are high dynamic range."""

SEQUENCE_NUMBER = re.compile(r"%(\d{0,2})d")
"""The number in a pattern: ``%d``, ``%06d``, and ``%6d``, which FFmpeg pads with zeros as well."""

_HDR_SIDE_DATA = ("MASTERING_DISPLAY_METADATA", "CONTENT_LIGHT_LEVEL", "DYNAMIC_HDR_PLUS", "DOVI")
_CHANNELS = {1: "mono", 2: "stereo"}


def is_sequence_pattern(path: str | os.PathLike[str]) -> bool:
    """Whether ``path`` is a numbered pattern (``scan_%06d.tif``) and not an existing file."""
    numbered = bool(SEQUENCE_NUMBER.search(Path(path).name))
    return numbered and not is_address(path) and not Path(path).exists()


def probe(path: str | os.PathLike[str], *, limits: Limits | None = None) -> MediaInfo:
    """What is in a film or an image sequence.

    Opens the file safely and decodes its first frame, because rotation and colour range are
    known for sure only then. A film that is cut off is reported with a notice, if it can be
    opened at all. ``limits`` is what is refused; None is `current_limits`.

    Raises
    ------
    InputError
        One of its subclasses.
    """
    limits = limits or current_limits()
    if is_sequence_pattern(path):
        from vidcolor.media.sequence import probe_sequence

        return probe_sequence(path, limits=limits)
    with open_container(path, limits) as container:
        stream = choose_video(container, Path(path))
        stream.codec_context.options = decoder_options(limits)
        stream.thread_count = 1  # one frame: starting threads costs more than it saves
        frame = first_frame(container, stream, Path(path))
        check_size(frame.width, frame.height, Path(path), limits)
        return _describe(Path(path), container, stream, frame)


def choose_video(container: Any, path: Path) -> Any:
    """The video stream to colour: libav's choice of the best one, never cover art.

    Raises
    ------
    NoVideoError
        If there is none.
    UnsupportedCodecError
        If libav has no decoder for it.
    """
    stream = container.streams.best("video")
    if stream is None or is_cover_art(stream):
        kinds = sorted({s.type for s in container.streams if not is_cover_art(s)})
        found = f"only {' and '.join(kinds)}" if kinds else "no streams at all"
        raise NoVideoError(f"{path} has no video, {found}; give a file with moving pictures")
    if stream.codec_context is None:
        raise UnsupportedCodecError(
            f"{path}: no decoder for the codec of its video (stream {stream.index}); "
            "convert it with the program that made it"
        )
    return stream


def is_cover_art(stream: Any) -> bool:
    """Whether a stream is a single attached picture rather than a film."""
    return bool(stream.type == "video" and stream.disposition & Disposition.attached_pic)


def first_frame(container: Any, stream: Any, path: Path) -> av.VideoFrame:
    """The first frame that decodes.

    Raises
    ------
    CorruptInputError
        If there is none within `MAX_PACKETS_TO_FIRST_FRAME` packets.
    """
    failure = "no frames in it"
    try:
        for tried, packet in enumerate(container.demux(stream)):
            try:
                frames = packet.decode()
            except av.FFmpegError as error:
                failure, frames = error.strerror or "invalid data", []
            if frames:
                frame: av.VideoFrame = frames[0]
                return frame
            if tried > MAX_PACKETS_TO_FIRST_FRAME:
                break
    except av.FFmpegError as error:
        failure = error.strerror or "invalid data"
    except IndexError:  # PyAV stumbles at the end over streams that appeared late
        pass
    raise CorruptInputError(
        f"{path}: no frame of its video ({stream.codec_context.name}) can be decoded ({failure}); "
        "copy it again from its source, or repair it with another tool"
    )


def _describe(path: Path, container: Any, stream: Any, frame: av.VideoFrame) -> MediaInfo:
    layout = pixel_layout(frame.format.name)
    rotation, mirrored = display_turn(frame)
    video = VideoInfo(
        index=stream.index,
        codec=_codec_name(stream),
        width=frame.width,
        height=frame.height,
        layout=layout,
        color=color_tags(frame, stream.codec_context, layout),
        time_base=stream.time_base,
        sample_aspect_ratio=stream.sample_aspect_ratio or Fraction(1),
        rotation=rotation,
        mirrored=mirrored,
        average_rate=stream.guessed_rate or stream.average_rate or None,
        num_frames_from_header=stream.frames or None,
        duration_from_header_s=_stream_duration_s(stream),
        start_pts=_start_pts(container, stream, frame),
        field_order=_field_order(stream.codec_context, frame),
    )
    duration = container.duration
    return MediaInfo(
        path=str(path),
        container=container.format.name,
        video=video,
        streams=tuple(stream_info(each) for each in container.streams),
        num_chapters=len(container.chapters()),
        metadata={clean_text(k): clean_text(v) for k, v in container.metadata.items()},
        duration_from_header_s=duration / MICROSECONDS if duration else None,
        origin_s=max(0, container.start_time or 0) / MICROSECONDS,
        size_bytes=path.stat().st_size,
        notices=_notices(path, container, stream, frame, video),
    )


def color_tags(frame: av.VideoFrame, context: Any, layout: PixelLayout) -> ColorTags:
    """Tags of the first decoded frame; what it leaves open is taken from the codec context.

    R′G′B′ sources become BT.709 luma of full range, so that is what their tags say. Gray
    formats without a range count as full range, as they do for swscale and players.
    """
    stated = [
        own if own != UNSPECIFIED else other
        for own, other in (
            (frame.colorspace, context.colorspace),
            (frame.color_primaries, context.color_primaries),
            (frame.color_trc, context.color_trc),
        )
    ]
    # 0 is "reserved" for primaries and transfer, and R′G′B′ as a matrix: no matrix of ours.
    matrix, primaries, transfer = (value or UNSPECIFIED for value in stated)
    color_range = frame.color_range or context.color_range
    guessed = () if color_range else ("full_range",)
    if layout.is_rgb:
        return ColorTags(
            1,
            1 if primaries == UNSPECIFIED else primaries,
            1 if transfer == UNSPECIFIED else transfer,
            full_range=True,
            guessed=("matrix",),
        )
    full = color_range == FULL_RANGE or layout.name.startswith("yuvj")
    if not color_range and layout.subsampling is None:
        full = True
    return ColorTags(matrix, primaries, transfer, full_range=full, guessed=guessed)


def _start_pts(container: Any, stream: Any, frame: av.VideoFrame) -> int | None:
    """When the first frame is shown, in ticks; None for a stream whose times libav makes up."""
    if stream.start_time is None and container.format.name.startswith("matroska"):
        return frame.pts  # libav does not find it in a film of two or three frames
    start: int | None = stream.start_time
    return start


def _field_order(context: Any, frame: av.VideoFrame) -> str:
    order = FIELD_ORDERS[context.field_order] if context.field_order < len(FIELD_ORDERS) else ""
    if frame.interlaced_frame and order in ("", "unknown", "progressive"):
        return "tt" if is_top_field_first(frame) else "bb"
    return order or "unknown"


def is_top_field_first(frame: av.VideoFrame) -> bool:
    """Whether an interlaced frame is marked so; PyAV shows the mark only to libav's filters."""
    graph = av.filter.Graph()
    source = graph.add_buffer(
        width=frame.width, height=frame.height, format=frame.format, time_base=Fraction(1, 25)
    )
    chosen = graph.add("select", "eq(interlace_type,TOPFIRST)")
    graph.link_nodes(source, chosen, graph.add("buffersink")).configure()
    graph.push(frame)
    try:
        graph.pull()
    except av.error.BlockingIOError:  # it was not chosen
        return False
    return True


def is_interlaced(field_order: str) -> bool:
    """Whether a `VideoInfo.field_order` says that frames hold two moments in time."""
    return field_order not in ("unknown", "progressive")


def _stream_duration_s(stream: Any) -> float | None:
    """Length of a stream by its own header or, in Matroska, by its DURATION tag."""
    if stream.duration and stream.time_base:
        return float(stream.duration * stream.time_base)
    tag = next((v for k, v in stream.metadata.items() if k.upper().startswith("DURATION")), "")
    match = re.fullmatch(r"(\d+):(\d\d):(\d\d(?:\.\d+)?)", tag.strip())
    if match is None:
        return None
    hours, minutes, seconds = match.groups()
    return int(hours) * 3600 + int(minutes) * 60 + float(seconds) or None


def _codec_name(stream: Any) -> str:
    """libav's name of the codec, whichever decoder it picked; ``unknown`` without a decoder."""
    context = stream.codec_context
    return context.codec.canonical_name if context is not None else "unknown"


def stream_info(stream: Any) -> StreamInfo:
    """One line about a stream; all text is cleaned."""
    metadata = {key.lower(): clean_text(value) for key, value in stream.metadata.items()}
    cover = is_cover_art(stream)
    title = metadata.get("title") or metadata.get("filename")
    return StreamInfo(
        index=stream.index,
        kind=stream.type or "unknown",
        codec=_codec_name(stream),
        language=metadata.get("language"),
        title=title,
        dispositions=tuple(
            flag.name for flag in Disposition if flag.name and stream.disposition & flag
        ),
        is_cover_art=cover,
        detail=_detail(stream, metadata),
    )


def _detail(stream: Any, metadata: dict[str, str]) -> str:
    context = stream.codec_context
    if stream.type == "video" and context is not None:
        return f"{context.width}×{context.height} {context.pix_fmt or 'unknown format'}"
    if stream.type == "audio" and context is not None:
        channels = context.layout.nb_channels
        return f"{context.sample_rate} Hz {_CHANNELS.get(channels, f'{channels} channels')}"
    if stream.type == "attachment":
        return metadata.get("mimetype", "")
    return ""


def _notices(
    path: Path, container: Any, stream: Any, frame: av.VideoFrame, video: VideoInfo
) -> tuple[str, ...]:
    """What the user should know about this file, one line each."""
    notices = []
    missing = missing_bytes(path)
    if missing:
        notices.append(f"the file is cut off: at least {missing} bytes are missing at its end")
    films = [s for s in container.streams.video if not is_cover_art(s)]
    if len(films) > 1:
        notices.append(f"{len(films)} video streams: stream {stream.index} is coloured")
    if video.start_pts is None:
        rate = float(video.average_rate or 25)
        notices.append(f"the file holds no times: {rate:g} frames per second are assumed")
    notices += _format_notices(frame, video)
    if video.color.transfer in HDR_NAMES:
        notices.append(f"tagged as high dynamic range: {HDR_NAMES[video.color.transfer]}")
    side_data = {data.type.name for data in _side_data(frame)}
    if any(name.startswith(_HDR_SIDE_DATA) for name in side_data):
        notices.append("HDR mastering metadata is not carried over")
    return tuple(notices)


def _format_notices(frame: av.VideoFrame, video: VideoInfo) -> list[str]:
    notices = []
    name = video.layout.name
    if video.layout.is_rgb:
        notices.append(f"{name} holds R′G′B′: its BT.709 luma is coloured")
    elif "full_range" in video.color.guessed:
        chosen = "full" if video.color.full_range else "limited (video)"
        notices.append(f"no colour range tag: {chosen} range assumed")
    if not video.layout.is_rgb and 0 in (frame.colorspace, frame.color_primaries):
        notices.append("impossible colour tags are treated as missing")
    return notices


def display_turn(frame: av.VideoFrame) -> tuple[int, bool]:
    """How a frame is to be shown: counter-clockwise degrees, and whether mirrored after that.

    The display matrix is nine 32-bit integers a b u / c d v / x y w (libavutil/display.h). It
    mirrors if its determinant is negative; libav's angle then is that of the mirrored picture.
    """
    for data in _side_data(frame):
        if data.type.name == "DISPLAYMATRIX" and data.buffer_size >= 36:
            a, b, _, c, d = struct.unpack("=5i", bytes(data)[:20])
            if a * d - b * c < 0:
                return (180 - frame.rotation) % 360, True
    return frame.rotation, False


def _side_data(frame: av.VideoFrame) -> list[Any]:
    try:
        # PyAV's stub has a mapping here, its code a sequence.
        return list(frame.side_data)
    except ValueError:  # of a kind that PyAV does not know, such as EXIF in Motion JPEG
        return []
