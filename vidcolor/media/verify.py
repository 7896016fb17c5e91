"""Opens a finished film again and compares it with what it should be.

Everything is checked on packets, at the speed of the disk; with a lossless codec every frame
is decoded too and its luma compared with what left the source's decoder.
"""

from __future__ import annotations

import hashlib
import operator
import zlib
from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.stream import Disposition

from vidcolor.errors import InputError, VerificationError
from vidcolor.frames import MediaInfo
from vidcolor.media.copied import (
    ChapterMark,
    CopiedStream,
    add_payload,
    chapter_mark,
    codec_name,
    is_event,
    payload_digest,
)
from vidcolor.media.pixels import luma_plane, pixel_layout
from vidcolor.media.plan import OutputPlan
from vidcolor.media.probe import color_tags, is_cover_art, open_container
from vidcolor.media.writer import WriteReport

LONGEST_LENGTH_ERROR_S = 0.2
"""How far the file's length may be from what was written: headers are rounded."""

SAME_ASPECT = 0.01
"""Relative tolerance of the pixel aspect ratio: Matroska stores it as a display size."""

REFRAMED_AUDIO = frozenset({"wavpack"})
"""Sound of which a container keeps a part of each packet's header in its own form."""

SAME_TIME_S = 0.005
"""How far the time of sound or a chapter may move: containers round, at most to milliseconds."""

EXACT_SUBTITLES = frozenset({"subrip", "ass", "mov_text", "hdmv_pgs_subtitle", "dvd_subtitle"})
"""Subtitles whose packets come back from every container as they went in."""

MATROSKA_FLAGS = (
    Disposition.default
    | Disposition.forced
    | Disposition.comment
    | Disposition.hearing_impaired
    | Disposition.visual_impaired
    | Disposition.original
)
"""Marks of a track that Matroska keeps (RFC 9559, 5.1.4.1); MP4 has places for few of them."""

Tick = Callable[[], None]
"""Lets a caller show progress, or stop by raising."""


def _nothing() -> None:
    pass


@dataclass(slots=True)
class VerifyReport:
    """What was found in the finished file."""

    frames: int
    """Video packets, one for each frame."""
    largest_pts_error_s: float
    """Largest distance between a frame's time in the source and in the file."""
    length_s: float
    """When the file ends by its own header."""
    identical_audio_packets: int
    """Packets of sound whose payloads equal the source's."""
    streams: tuple[str, ...]
    """Kind and codec of each stream."""
    frames_decoded: int = 0
    """Frames that were decoded for comparison; 0 with a lossy codec."""
    luma_identical: int = 0
    """Those whose luma equals what left the source's decoder."""


@dataclass(slots=True)
class _Found:
    """What one pass over the packets of the file brought up."""

    film: int
    """Index of the coloured stream."""
    copies: dict[int, CopiedStream]
    """What was carried over, by its index in the file."""
    pts: list[int] = field(default_factory=list)
    packets: dict[int, int] = field(default_factory=dict)
    digests: dict[int, Any] = field(default_factory=dict)
    times_s: dict[int, array[float]] = field(default_factory=dict)
    covers: dict[int, bytes] = field(default_factory=dict)
    """Digest of each still picture."""


def verify_output(
    plan: OutputPlan,
    report: WriteReport,
    temp: Path,
    source: MediaInfo,
    expected_pts: Sequence[int] | array[int],
    luma_crcs: Sequence[int] | array[int] | None = None,
    tick: Tick = _nothing,
) -> VerifyReport:
    """Compare the finished file with the source and the plan.

    Parameters
    ----------
    plan, report:
        What was to be written, and what the writer counted.
    temp:
        The finished file, still under its temporary name.
    source:
        The film it came from.
    expected_pts:
        Presentation time of every frame in the source's time base.
    luma_crcs:
        CRC-32 of every luma plane (rows packed) as given to a lossless encoder; None is for
        a lossy one, of whose frames only the first and those at the end are decoded.
    tick:
        Called for every packet and decoded frame; what it raises ends the verification.

    Raises
    ------
    VerificationError
        Naming the first thing that differs, what was expected and what was found.
    """
    try:
        with open_container(temp) as container:
            found, streams = _match_streams(plan, report, container)
            film: Any = container.streams[found.film]
            _check_shape(plan, source, report, container, film)
            _scan(container, found, tick)
            error_s = _check_times(expected_pts, source.video.time_base, found.pts, film.time_base)
            length_s = _check_length(plan, report, container)
            _check_files(plan, report, container, found)
        identical = _check_copies(found)
        with open_container(temp) as container:
            stream = container.streams[found.film]
            decoded = _check_frames(plan, source, stream, luma_crcs, found.pts[-1], tick)
    except (InputError, av.FFmpegError) as error:
        raise _failed("it cannot be read back", error) from error
    return VerifyReport(
        frames=len(found.pts),
        largest_pts_error_s=error_s,
        length_s=length_s,
        identical_audio_packets=identical,
        streams=streams,
        frames_decoded=decoded,
        luma_identical=decoded,
    )


def _failed(what: str, detail: object) -> VerificationError:
    return VerificationError(
        f"the finished film failed verification: {what} ({detail}); it was not kept, run again, "
        "and report it if it happens twice"
    )


def _check_equal(what: str, expected: object, found: object) -> None:
    if expected != found:
        raise _failed(what, f"expected {expected}, found {found}")


def _match_streams(
    plan: OutputPlan, report: WriteReport, container: Any
) -> tuple[_Found, tuple[str, ...]]:
    """Find each planned stream in the file; kinds, codecs, languages and order must agree.

    Covers and attachments are counted apart, because some containers put them last. MP4's
    muxer adds data streams of its own, for chapters and timecode, behind all others.
    """
    copies = {
        copied.index: copied
        for copied in report.streams
        if not copied.is_cover and not _is_left_out(copied, plan)
    }
    wanted: list[CopiedStream | None] = []  # None is the coloured film
    for stream in plan.streams:
        if stream.action == "color":
            wanted.append(None)
        elif stream.index in copies and stream.kind != "alpha":
            wanted.append(copies[stream.index])
    film_codec = av.Codec(plan.codec, "w").canonical_name
    tracks = [s for s in container.streams if s.type != "attachment" and not is_cover_art(s)]
    expected = [("video", film_codec) if c is None else (c.kind, _family(c.codec)) for c in wanted]
    found = [(stream.type, _family(codec_name(stream))) for stream in tracks]
    while len(found) > len(expected) and found[-1][0] == "data":
        found.pop()
    _check_equal("its streams differ", expected, found)
    for copied, stream in zip(wanted, tracks, strict=False):
        if copied is not None:
            _check_marks(plan, copied, stream)
    pictures = len(container.streams) - len(tracks)
    _check_equal("covers and attachments differ", report.pictures_and_files, pictures)
    film = next(s.index for c, s in zip(wanted, tracks, strict=False) if c is None)
    by_index = {s.index: c for c, s in zip(wanted, tracks, strict=False) if c is not None}
    return _Found(film, by_index), tuple(f"{kind} {codec}" for kind, codec in found)


def _check_marks(plan: OutputPlan, copied: CopiedStream, stream: Any) -> None:
    """Language, title and flags of a stream, as far as the container keeps them."""
    if _is_iso_language(copied.language):
        _check_equal("a language tag differs", copied.language, stream.language or "und")
    tags = {key.lower(): value for key, value in stream.metadata.items()}
    if copied.title and plan.container != "mov":  # which has no place for it
        name = f"the title of stream {copied.index} differs"
        _check_equal(name, copied.title, tags.get("title", tags.get("name")))
    if plan.container == "matroska":
        flags = [
            Disposition(value) & MATROSKA_FLAGS
            for value in (copied.disposition, stream.disposition)
        ]
        _check_equal(f"the flags of stream {copied.index} differ", *flags)


def _check_files(plan: OutputPlan, report: WriteReport, container: Any, found: _Found) -> None:
    """Attachments, and covers kept as such, byte for byte."""
    if plan.container != "matroska":
        return
    files = [payload_digest(each.data) for each in container.streams if each.type == "attachment"]
    files += found.covers.values()
    if sorted(report.file_digests) != sorted(files):
        raise _failed("an attachment differs", f"{len(files)} attachments were compared")


def _is_left_out(copied: CopiedStream, plan: OutputPlan) -> bool:
    """MP4's muxer writes no track for sound or film without a packet, as a part may be."""
    return copied.is_empty and copied.kind != "subtitle" and plan.container != "matroska"


def _family(codec: str) -> str:
    """MP4 tells MPEG audio layers 1, 2 and 3 apart only in the packets themselves."""
    return "mp3" if codec in ("mp1", "mp2") else codec


def _is_iso_language(language: str | None) -> bool:
    """Whether every container can hold it: MP4 has room for three letters only."""
    return language is not None and len(language) == 3 and language.isalpha()


def _check_shape(
    plan: OutputPlan, source: MediaInfo, report: WriteReport, container: Any, film: Any
) -> None:
    """Picture size, pixel aspect ratio and chapters, from the headers."""
    target = plan.target
    size = (film.codec_context.width, film.codec_context.height)
    _check_equal("its picture size differs", (target.width, target.height), size)
    wanted = source.video.sample_aspect_ratio
    aspect = film.sample_aspect_ratio or Fraction(1)
    if abs(aspect / wanted - 1) > SAME_ASPECT:
        raise _failed("its pixel aspect ratio differs", f"expected {wanted}, found {aspect}")
    marks = report.chapter_marks
    readable = _readable_chapters(marks) if plan.container == "matroska" else marks
    expected = report.chapters - (len(marks) - len(readable))
    _check_equal("chapters are missing", expected, len(container.chapters()))
    _check_chapters(plan, readable, list(map(chapter_mark, container.chapters())))


def _readable_chapters(marks: Sequence[ChapterMark]) -> list[ChapterMark]:
    """Those that libav's Matroska reader gives: it skips what does not begin after the last."""
    readable: list[ChapterMark] = []
    for mark in marks:
        if not readable or readable[-1][0] == 0 or mark[0] > readable[-1][0]:
            readable.append(mark)
    return readable


def _check_chapters(
    plan: OutputPlan, wanted: Sequence[ChapterMark], found: Sequence[ChapterMark]
) -> None:
    """Times and titles. In MP4 a chapter lasts until the next, the first begins with the film,
    and those without a title are mixed up by libav."""
    is_exact = plan.container == "matroska"
    if not is_exact and not all(title for _, _, title in wanted):
        return
    by_start = operator.itemgetter(0)
    pairs = zip(sorted(wanted, key=by_start), sorted(found, key=by_start), strict=False)
    for number, (mark, got) in enumerate(pairs):
        moved = [abs(a - b) for a, b in zip(mark[:2], got[:2], strict=True)]
        compared = moved if is_exact else moved[:1] if number else []
        if max(compared, default=0) > SAME_TIME_S or mark[2] != got[2]:
            raise _failed("a chapter differs", f"expected {mark}, found {got}")


def _scan(container: Any, found: _Found, tick: Tick) -> None:
    """One pass over all packets."""
    for packet in container.demux():
        tick()
        if not packet.size:
            continue
        index = packet.stream_index
        if index == found.film:
            if packet.pts is None:
                raise _failed("a frame has no time", f"packet {len(found.pts)}")
            found.pts.append(packet.pts)
        elif is_cover_art(packet.stream):
            found.covers[index] = payload_digest(packet)
        elif (copied := found.copies.get(index)) is not None:
            found.packets[index] = found.packets.get(index, 0) + is_event(packet, copied.codec)
            if copied.kind == "audio":
                times = found.times_s.setdefault(index, array("d"))
                times.append(float((packet.pts or 0) * packet.time_base))
            if copied.kind in ("audio", "subtitle"):
                digest = found.digests.setdefault(
                    index, hashlib.blake2b(digest_size=copied.digest.digest_size)
                )
                add_payload(digest, packet, copied.codec)
    found.pts.sort()


def _check_times(
    expected: Sequence[int] | array[int], base: Fraction, found: list[int], found_base: Fraction
) -> float:
    """Every frame is there, at its time to within one tick of the file's clock; the largest
    error in seconds."""
    _check_equal("the number of frames differs", len(expected), len(found))
    # Whole numbers in units of 1 / (both denominators): exact.
    scale = base.numerator * found_base.denominator
    found_scale = found_base.numerator * base.denominator
    largest = 0
    for index, (wanted, got) in enumerate(zip(expected, found, strict=True)):
        error = abs(wanted * scale - got * found_scale)
        if error > found_scale:
            times = f"expected {float(wanted * base):.6f} s, found {float(got * found_base):.6f} s"
            raise _failed(f"frame {index} is shown at another time", times)
        largest = max(largest, error)
    return largest / (base.denominator * found_base.denominator)


def _check_length(plan: OutputPlan, report: WriteReport, container: Any) -> float:
    others = [stream for stream in report.streams if not stream.is_cover]
    # A subtitle may last longer than the film; MP4's length leaves that out, Matroska's not.
    expected = max([report.end_s, *(s.end_s for s in others if s.kind != "subtitle")])
    longest = max([expected, *(s.end_s for s in others)])
    length = (container.duration or 0) / av.time_base
    if plan.container != "matroska":  # whose length counts from 0, not from the first packet
        length += (container.start_time or 0) / av.time_base
    if not expected - LONGEST_LENGTH_ERROR_S <= length <= longest + LONGEST_LENGTH_ERROR_S:
        raise _failed("its length differs", f"expected {expected:.3f} s, found {length:.3f} s")
    return length


def _check_copies(found: _Found) -> int:
    """Sound must be the source's, byte for byte; of other streams every packet must be there."""
    identical = 0
    for index, copied in found.copies.items():
        packets = found.packets.get(index, 0)
        name = f"stream {copied.index} ({copied.kind})"
        exact = copied.kind == "audio" or copied.codec in EXACT_SUBTITLES
        if copied.kind == "audio":
            _check_sound_times(name, copied.times_s, found.times_s.get(index, array("d")))
        if copied.kind != "audio" or copied.codec in REFRAMED_AUDIO:
            _check_equal(f"packets of {name} are missing", copied.packets, packets)
        if not exact or copied.codec in REFRAMED_AUDIO:
            continue
        digest = found.digests.get(index)
        if copied.packets and (digest is None or digest.digest() != copied.digest.digest()):
            counts = f"{copied.packets} packets were copied, {packets} found"
            raise _failed(f"{name} is not the source's, byte for byte", counts)
        identical += packets if copied.kind == "audio" else 0
    return identical


def _check_sound_times(name: str, expected: array[float], found: array[float]) -> None:
    """Every packet of sound is heard when it should be."""
    if not len(expected) or not len(found):
        return  # the count or the payloads will tell
    pairs = list(zip(expected, found, strict=False))
    if len(expected) != len(found):  # PCM is cut into other packets
        pairs = pairs[:1]
    for number, (wanted, got) in enumerate(pairs):
        if abs(wanted - got) > SAME_TIME_S:
            times = f"packet {number}: expected {wanted:.3f} s, found {got:.3f} s"
            raise _failed(f"{name} is heard at another time", times)


def _check_frames(
    plan: OutputPlan,
    source: MediaInfo,
    film: Any,
    luma_crcs: Sequence[int] | array[int] | None,
    last_pts: int,
    tick: Tick,
) -> int:
    """Tags and rotation of the first frame; luma of all frames, if it is to be exact; of a
    lossy film the end is decoded as well."""
    film.thread_type = "AUTO"
    count = 0
    for packet in film.container.demux(film):
        tick()
        for frame in packet.decode():
            if count == 0:
                _check_tags(plan, source, frame, film.codec_context)
            if luma_crcs is None:
                _check_end(film, last_pts, tick)
                return 0
            if count < len(luma_crcs):
                crc = zlib.crc32(np.ascontiguousarray(luma_plane(frame)).data)
                if crc != luma_crcs[count]:
                    raise _failed("luma is not exact", f"frame {count}")
            count += 1
    if luma_crcs is None:
        raise _failed("not one of its frames can be decoded", f"{film.codec_context.name}")
    _check_equal("the number of decodable frames differs", len(luma_crcs), count)
    return count


def _check_end(film: Any, last_pts: int, tick: Tick) -> None:
    """From the last key frame on, frames can be decoded."""
    film.container.seek(last_pts, stream=film)
    count = 0
    for packet in film.container.demux(film):
        tick()
        count += len(packet.decode())
    if not count:
        raise _failed("its last frames cannot be decoded", film.codec_context.name)


def _check_tags(plan: OutputPlan, source: MediaInfo, frame: Any, context: Any) -> None:
    layout = pixel_layout(frame.format.name)
    target = plan.target
    # Decoders give ProRes 4444 back with 12 bits, whatever went in.
    depth = min(layout.bit_depth, target.layout.bit_depth)
    _check_equal(
        "its pixel format differs",
        (target.layout.bit_depth, target.layout.subsampling, target.layout.has_alpha),
        (depth, layout.subsampling, layout.has_alpha),
    )
    tags = color_tags(frame, context, layout)
    for name in ("full_range", "matrix", "primaries", "transfer"):
        _check_equal(f"its tag {name} differs", getattr(target.color, name), getattr(tags, name))
    _check_equal("its rotation differs", source.video.rotation % 360, frame.rotation % 360)
