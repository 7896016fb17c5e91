"""Decides, before a frame is decoded, what the output will be: container, encoder, streams.

Nothing is written. Whether a container can hold a stream is asked of libav itself, see
`vidcolor.media.trial`: its tables are right more often than ours would be.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from vidcolor.config import LookSettings, RunSettings
from vidcolor.errors import SettingsError, StreamDropError
from vidcolor.frames import EncodeTarget, MediaInfo
from vidcolor.media.atomic import check_output
from vidcolor.media.captions import has_captions
from vidcolor.media.metadata import kept_tags
from vidcolor.media.probe import clean_text, is_cover_art, is_interlaced
from vidcolor.media.safety import open_container
from vidcolor.media.subtitles import TEXT_SUBTITLE_CODECS, container_subtitle_codec
from vidcolor.media.target import Encoding, choose_encoding, field_mode
from vidcolor.media.trial import (
    can_hold,
    first_packets,
    held_language,
    holds_encoder,
    holds_mark,
    lost_tags,
)

__all__ = [
    "MUXERS",
    "OutputPlan",
    "StreamPlan",
    "check_output",
    "default_output",
    "plan_output",
]

MUXERS = {".mkv": "matroska", ".mp4": "mp4", ".m4v": "mp4", ".mov": "mov"}
"""libav's muxer by the output's suffix; no other container is written."""

MUXER_TITLES = {"matroska": "Matroska", "mp4": "MP4", "mov": "MOV"}
"""How the containers are called in messages."""

IMAGE_SEQUENCE = "image sequence"
"""`MediaInfo.container` of a source that has no container."""

UNSUITABLE = {("ffv1", "mp4")}
"""(encoder, muxer) pairs that libav writes but hardly anything reads."""

COVER_MIME_TYPES = {
    "mjpeg": "image/jpeg",
    "png": "image/png",
    "bmp": "image/bmp",
    "gif": "image/gif",
    "webp": "image/webp",
    "tiff": "image/tiff",
}
"""Media type of a cover picture by codec; Matroska stores it as an attachment."""

MARKS = ("forced", "comment", "hearing_impaired", "visual_impaired", "original")
"""What tells players which track to choose, beside ``default``, which every container has."""

INDISPENSABLE = frozenset({"video", "audio"})
"""Kinds of streams that are never dropped without ``allow_drop``, whatever the preset."""

IN_THE_PICTURE = frozenset({"alpha", "captions"})
"""Kinds of what is lost with the source's picture data: no streams, but just as lost."""

LOSSLESS_ENCODERS = frozenset({"ffv1", "ffvhuff", "huffyuv", "utvideo", "rawvideo"})
"""Encoders that give every sample back as it was, whatever their options."""

LOST_CAPTIONS = (
    "closed captions in the picture data cannot be kept (to save them as text: "
    "ffmpeg -f lavfi -i 'movie=FILM[out+subcc]' -map 0:1 FILM.srt)"
)
"""What is said of a film that has some."""

CONVERT_SOUND = "(to keep it: ffmpeg -i FILM -map 0 -dn -c copy -c:a flac COPY.mkv)"
"""What helps with sound that no output takes."""

Action = Literal["color", "copy", "convert", "drop"]
"""What happens to a stream."""

_SEQUENCE_NUMBER = re.compile(r"[._-]?%0?\d*d")


@dataclass(frozen=True, slots=True)
class StreamPlan:
    """What becomes of one stream of the source."""

    index: int
    """Index in the source."""
    kind: str
    """``video``, ``audio``, ``subtitle``, ``data``, ``attachment``; ``cover`` for a still
    picture; ``alpha`` and ``captions`` for what the film's own stream loses."""
    action: Action
    """``convert`` keeps the content in another form; ``reason`` says which."""
    reason: str = ""
    matroska_keeps: bool = False
    """Whether it is dropped only because the container is not Matroska."""

    @property
    def notice(self) -> str:
        """What happens, for the user: ``drop: stream 2: …``."""
        return f"{self.action}: {self.described}"

    @property
    def described(self) -> str:
        """Which stream it is, and the reason."""
        is_stream = self.kind not in IN_THE_PICTURE
        return f"stream {self.index}: {self.reason}" if is_stream else self.reason


@dataclass(frozen=True, slots=True)
class OutputPlan:
    """Everything that is decided about an output before it is written."""

    container: str
    """libav's muxer name."""
    codec: str
    """libav's encoder name."""
    options: dict[str, str]
    target: EncodeTarget
    streams: tuple[StreamPlan, ...]
    notices: tuple[str, ...]
    is_scaled: bool = False
    """Whether the picture has another size than the source's."""
    provenance: str = ""
    """What the file says about who made its colours; see `vidcolor.media.provenance`."""

    @property
    def is_lossless(self) -> bool:
        """Whether the film's luma must come back from the file exactly."""
        return self.codec in LOSSLESS_ENCODERS and not self.is_scaled

    @property
    def dropped(self) -> tuple[StreamPlan, ...]:
        """What the output will lack."""
        return tuple(stream for stream in self.streams if stream.action == "drop")


def default_output(source: Path, settings: RunSettings, info: MediaInfo | None = None) -> Path:
    """``NAME.color.EXT`` beside the source.

    Parameters
    ----------
    source:
        The film, or the pattern of an image sequence.
    settings:
        Its ``encode.container`` decides the suffix.
    info:
        If given, a container that cannot hold the film's encoder is avoided too, and the
        suffix must fit what the source really is.
    """
    suffix = source.suffix.lower()
    if settings.encode.container != "keep":
        suffix = f".{settings.encode.container}"
    elif suffix not in MUXERS or (info is not None and not _is_truthful(suffix, info.container)):
        suffix = ".mkv"
    if info is not None:
        encoding = choose_encoding(info.video, settings.encode, allow_hdr=settings.allow_hdr)
        if not suits(MUXERS[suffix], encoding.codec):
            suffix = ".mkv"
    stem = _SEQUENCE_NUMBER.sub("", source.stem) or "film"
    return source.with_name(f"{stem}.color{suffix}")


def plan_output(info: MediaInfo, settings: RunSettings, output: Path) -> OutputPlan:
    """Decide what the output will be.

    Parameters
    ----------
    info:
        The source, as probed; its container is opened once more, for the streams' headers.
    settings:
        Encoder, chroma, depth, and what to do about streams that cannot be kept.
    output:
        Its suffix decides the container.

    Raises
    ------
    SettingsError
        For a suffix or codec that is not known, or does not go with the other.
    StreamDropError
        With ``strict_streams`` and without ``allow_drop``, if something would be lost.
    UnsupportedColorError
        For HDR and matrices that the chroma solve does not cover.
    """
    muxer = _muxer_for(output)
    encoding = choose_encoding(info.video, settings.encode, allow_hdr=settings.allow_hdr)
    if not suits(muxer, encoding.codec):
        raise SettingsError(
            f"{MUXER_TITLES[muxer]} does not hold {encoding.codec}; give an output that ends in "
            ".mkv, or another codec"
        )
    streams = plan_streams(info, muxer, encoding.dropped_alpha)
    _check_drops(streams, settings, output)
    notices = [stream.notice for stream in streams if stream.action in ("convert", "drop")]
    return OutputPlan(
        container=muxer,
        codec=encoding.codec,
        options=encoding.options,
        target=encoding.target,
        streams=tuple(streams),
        notices=(
            *encoding.notices,
            *_picture_notices(info, encoding),
            *_look_notices(info, settings.look),
            *notices,
            *_tag_notices(info, streams, muxer),
        ),
        is_scaled=(encoding.target.width, encoding.target.height)
        != (info.video.width, info.video.height),
    )


def lost_captions(info: MediaInfo) -> list[StreamPlan]:
    """What a film's closed captions become: nothing; empty if it has none."""
    if info.container == IMAGE_SEQUENCE or not has_captions(info.path, info.video.index):
        return []
    return [StreamPlan(info.video.index, "captions", "drop", LOST_CAPTIONS)]


def suits(muxer: str, codec: str) -> bool:
    """Whether ``muxer`` can and should carry what encoder ``codec`` makes."""
    return (codec, muxer) not in UNSUITABLE and holds_encoder(muxer, codec)


def _muxer_for(output: Path) -> str:
    muxer = MUXERS.get(output.suffix.lower())
    if muxer is None:
        allowed = ", ".join(MUXERS)
        raise SettingsError(
            f"the output {output.name} ends in {output.suffix or 'no suffix'!r}; "
            f"give it one of {allowed}"
        )
    return muxer


def _is_truthful(suffix: str, demuxer: str) -> bool:
    """Whether a file of this suffix really is in that container."""
    family = "matroska" if MUXERS[suffix] == "matroska" else "mov"
    return demuxer == IMAGE_SEQUENCE or family in demuxer.split(",")


def _check_drops(streams: list[StreamPlan], settings: RunSettings, output: Path) -> None:
    """Sound and pictures are never left out unasked; the rest only if the preset is not strict."""
    if settings.allow_drop:
        return
    dropped = [
        stream
        for stream in streams
        if stream.action == "drop" and (settings.strict_streams or stream.kind in INDISPENSABLE)
    ]
    if dropped:
        listed = "; ".join(stream.described for stream in dropped)
        other = ""
        if any(stream.matroska_keeps for stream in dropped):
            other = f", or give an output that ends in .mkv: -o {output.stem}.mkv"
        raise StreamDropError(
            f"{output.name} would lose something: {listed}. Go on without it by --allow-drop{other}"
        )


def _picture_notices(info: MediaInfo, encoding: Encoding) -> list[str]:
    notices = []
    color = encoding.target.color
    # The range is the reader's to report, and R′G′B′ has no matrix to miss.
    missing = [name for name in color.guessed if name != "full_range"]
    if missing and not info.video.layout.is_rgb:
        notices.append(
            f"not tagged in the source: {', '.join(missing)}; taken and tagged as matrix "
            f"{color.matrix}, primaries {color.primaries}, transfer {color.transfer} (H.273)"
        )
    if is_interlaced(info.video.field_order) and not field_mode(encoding, info.video):
        notices.append(f"{encoding.codec} does not mark the fields of this interlaced film")
    return notices


def _look_notices(info: MediaInfo, look: LookSettings) -> list[str]:
    asked = {"--keep-tint": look.keep_tint, "--keep-color-shots": look.keep_color_shots}
    options = " and ".join(option for option, is_set in asked.items() if is_set)
    if not options or not info.video.layout.is_rgb:
        return []
    return [
        f"{options} cannot keep the colours of {info.video.layout.name}, which has no chroma "
        "planes: all shots are coloured; convert the film to Y′CbCr (ffv1, yuv444p) to keep them"
    ]


def _tag_notices(info: MediaInfo, streams: list[StreamPlan], muxer: str) -> list[str]:
    """Languages, marks of tracks and tags of the file that the container has no place for."""
    title = MUXER_TITLES[muxer]
    described = {stream.index: stream for stream in info.streams}
    notices = []
    for stream in streams:
        known = described.get(stream.index)
        language = known.language if known is not None and stream.action != "drop" else None
        if language not in (None, "", "und") and held_language(muxer, language) is None:
            notices.append(
                f"stream {stream.index}: {title} has no code for its language {language}, "
                "which is not marked"
            )
        marks = known.dispositions if known is not None and stream.action != "drop" else ()
        lost_marks = [mark for mark in MARKS if mark in marks and not holds_mark(muxer, mark)]
        if lost_marks:
            notices.append(
                f"stream {stream.index}: {title} has no place for its marks {', '.join(lost_marks)}"
            )
    if info.container != IMAGE_SEQUENCE:
        lost = lost_tags(muxer, kept_tags(info.metadata))
        if lost:
            notices.append(
                f"{title} does not keep the file's tags {', '.join(map(clean_text, lost))}"
            )
    return notices


def plan_streams(info: MediaInfo, muxer: str, dropped_alpha: str | None) -> list[StreamPlan]:
    """What becomes of each stream of ``info`` in a container.

    Parameters
    ----------
    muxer:
        libav's name of the container.
    dropped_alpha:
        Why the film's alpha channel is lost, if it is.
    """
    if info.container == IMAGE_SEQUENCE:
        plans = [StreamPlan(info.video.index, "video", "color")]
    else:
        with open_container(info.path) as container:
            packets = first_packets(container, info.video.index)
            plans = [
                _plan_stream(stream, packets.get(stream.index), info, muxer)
                for stream in container.streams
            ]
            if dropped_alpha is None and not info.video.layout.has_alpha:
                alpha_mode = _tag(container.streams[info.video.index], "alpha_mode")
                if alpha_mode == "1":  # VP8 and VP9 keep it where their decoder does not look
                    plans.append(_lost_alpha(info, "alpha channel: the decoder does not give it"))
        plans += lost_captions(info)
    if dropped_alpha is not None:
        plans.append(_lost_alpha(info, dropped_alpha))
    return plans


def _lost_alpha(info: MediaInfo, reason: str) -> StreamPlan:
    return StreamPlan(info.video.index, "alpha", "drop", reason)


def _plan_stream(stream: Any, packet: Any, info: MediaInfo, muxer: str) -> StreamPlan:
    action, reason = _decide(stream, packet, info, muxer)
    matroska_keeps = action == "drop" and _decide(stream, None, info, "matroska")[0] != "drop"
    if action == "drop" and stream.type == "audio" and not matroska_keeps:
        # Matroska itself has WMA, ADPCM and telephone sound too, but PyAV does not write them.
        reason = f"{reason} {CONVERT_SOUND}"
    kind = "cover" if is_cover_art(stream) else stream.type
    return StreamPlan(stream.index, kind, action, reason, matroska_keeps)


def _decide(stream: Any, packet: Any, info: MediaInfo, muxer: str) -> tuple[Action, str]:
    if stream.index == info.video.index:
        return "color", ""
    name = _codec_name(stream)
    title = MUXER_TITLES[muxer]
    if stream.type == "data" and _tag(stream, "timecode") is not None:
        return "convert", f"timecode {_tag(stream, 'timecode')}, written anew from its tag"
    if stream.type == "data" and name == "bin_data" and info.num_chapters:
        return "convert", "chapter titles, written anew from the list of chapters"
    if is_cover_art(stream) and muxer == "matroska" and name in COVER_MIME_TYPES:
        return "copy", "cover art, as an attachment"
    if is_cover_art(stream) and muxer != "mp4":  # MOV's muxer takes it and leaves it out
        return "drop", f"{title} cannot hold cover art of kind {name}"
    if can_hold(muxer, stream, packet):
        return "copy", ""
    subtitle_codec = container_subtitle_codec(muxer)
    if stream.type == "subtitle" and name in TEXT_SUBTITLE_CODECS:
        return "convert", f"{name} subtitles to {subtitle_codec}"
    return "drop", f"{stream.type} of kind {name} cannot be copied into {title}"


def _codec_name(stream: Any) -> str:
    if stream.codec_context is not None:
        return str(stream.codec_context.name)
    return clean_text(getattr(stream, "name", None) or "unknown")


def _tag(stream: Any, key: str) -> str | None:
    found = {name.lower(): value for name, value in stream.metadata.items()}.get(key)
    return None if found is None else str(found)
