"""Opens a finished film again and compares it with what it should be.

Everything is checked on packets, at the speed of the disk; with a lossless codec every frame
is decoded too and its luma compared with what left the source's decoder.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av

from vidcolor.errors import InputError
from vidcolor.frames import MediaInfo
from vidcolor.luma import luma_sha256
from vidcolor.media.pixels import luma_plane, pixel_layout
from vidcolor.media.plan import OutputPlan
from vidcolor.media.probe import color_tags, display_turn, is_top_field_first, open_container
from vidcolor.media.provenance import made_by
from vidcolor.media.target import field_mode
from vidcolor.media.verify_copies import (
    Found,
    check_chapters,
    check_copies,
    check_equal,
    check_files,
    failed,
    match_streams,
)
from vidcolor.media.write_report import WriteReport

LONGEST_LENGTH_ERROR_S = 0.2
"""How far the file's length may be from what was written: headers are rounded."""

SAME_ASPECT = 0.01
"""Relative tolerance of the pixel aspect ratio: Matroska stores it as a display size."""


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


def verify_output(
    plan: OutputPlan,
    report: WriteReport,
    temp: Path,
    source: MediaInfo,
    expected_pts: Sequence[int] | array[int],
    luma_hashes: Sequence[bytes] | None = None,
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
    luma_hashes:
        `vidcolor.luma.luma_sha256` of every luma plane as given to a lossless encoder; None is
        for a lossy one, of whose frames only the first and those at the end are decoded.
    tick:
        Called for every packet and decoded frame; what it raises ends the verification.

    Raises
    ------
    VerificationError
        Naming the first thing that differs, what was expected and what was found.
    """
    try:
        with open_container(temp) as container:
            found, streams = match_streams(plan, report, container)
            film: Any = container.streams[found.film]
            check_shape(plan, source, film)
            check_chapters(plan, report, container)
            _check_provenance(plan, report, container)
            scan(container, found, tick)
            error_s = check_times(expected_pts, source.video.time_base, found.pts, film.time_base)
            length_s = check_length(plan, report, container, found)
            check_files(plan, report, container, found)
        identical = check_copies(found)
        with open_container(temp) as container:
            stream = container.streams[found.film]
            decoded = _check_frames(plan, source, stream, luma_hashes, found.pts[-1], tick)
    except (InputError, av.FFmpegError) as error:
        raise failed("it cannot be read back", error) from error
    return VerifyReport(
        frames=len(found.pts),
        largest_pts_error_s=error_s,
        length_s=length_s,
        identical_audio_packets=identical,
        streams=streams,
        frames_decoded=decoded,
        luma_identical=decoded,
    )


def _check_provenance(plan: OutputPlan, report: WriteReport, container: Any) -> None:
    wanted = plan.provenance or None
    if wanted is not None and not report.lacks_provenance:
        check_equal("its colours' origin differs", wanted, made_by(container.metadata))


def check_shape(plan: OutputPlan, source: MediaInfo, film: Any) -> None:
    """Picture size and pixel aspect ratio, from the headers."""
    target = plan.target
    size = (film.codec_context.width, film.codec_context.height)
    check_equal("its picture size differs", (target.width, target.height), size)
    wanted = source.video.sample_aspect_ratio
    aspect = film.sample_aspect_ratio or Fraction(1)
    if abs(aspect / wanted - 1) > SAME_ASPECT:
        raise failed("its pixel aspect ratio differs", f"expected {wanted}, found {aspect}")


def scan(container: Any, found: Found, tick: Tick) -> None:
    """One pass over all packets."""
    for packet in container.demux():
        tick()
        if not packet.size:
            continue
        if packet.stream_index == found.film:
            if packet.pts is None:
                raise failed("a frame has no time", f"packet {len(found.pts)}")
            found.pts.append(packet.pts)
        else:
            found.count(packet)
    found.pts.sort()


def check_times(
    expected: Sequence[int] | array[int], base: Fraction, found: list[int], found_base: Fraction
) -> float:
    """Every frame is there, at its time to within one tick of the file's clock; the largest
    error in seconds."""
    check_equal("the number of frames differs", len(expected), len(found))
    # Whole numbers in units of 1 / (both denominators): exact.
    scale = base.numerator * found_base.denominator
    found_scale = found_base.numerator * base.denominator
    largest = 0
    for index, (wanted, got) in enumerate(zip(expected, found, strict=True)):
        error = abs(wanted * scale - got * found_scale)
        if error > found_scale:
            times = f"expected {float(wanted * base):.6f} s, found {float(got * found_base):.6f} s"
            raise failed(f"frame {index} is shown at another time", times)
        largest = max(largest, error)
    return largest / (base.denominator * found_base.denominator)


def check_length(plan: OutputPlan, report: WriteReport, container: Any, found: Found) -> float:
    """That the film ends by its header when what was written ends, in seconds."""
    others = [stream for stream in report.streams if not stream.is_cover]
    # A subtitle may last longer than the film; MP4's length leaves that out, Matroska's not.
    expected = max([report.end_s, *(s.end_s for s in others if s.kind != "subtitle")])
    longest = max([expected, *(s.end_s for s in others)])
    # Matroska's length counts what decoders skip of sound (CodecDelay), times do not.
    longest += max([0.0, *(_skipped_s(container, found, index) for index in found.times_s)])
    length = (container.duration or 0) / av.time_base
    if plan.container != "matroska":  # whose length counts from 0, not from the first packet
        length += (container.start_time or 0) / av.time_base
    if not expected - LONGEST_LENGTH_ERROR_S <= length <= longest + LONGEST_LENGTH_ERROR_S:
        raise failed("its length differs", f"expected {expected:.3f} s, found {length:.3f} s")
    return length


def _skipped_s(container: Any, found: Found, index: int) -> float:
    """How much of a stream of sound decoders skip at its beginning."""
    stream = container.streams[index]
    return float((stream.start_time or 0) * stream.time_base) - found.times_s[index][0]


def _check_frames(
    plan: OutputPlan,
    source: MediaInfo,
    film: Any,
    luma_hashes: Sequence[bytes] | None,
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
                check_tags(plan, source, frame, film.codec_context)
                check_fields(plan, source, frame)
            if luma_hashes is None:
                _check_end(film, last_pts, tick)
                return 0
            if count < len(luma_hashes) and luma_sha256(luma_plane(frame)) != luma_hashes[count]:
                raise failed("luma is not exact", f"frame {count}")
            count += 1
    if luma_hashes is None:
        raise failed("not one of its frames can be decoded", f"{film.codec_context.name}")
    check_equal("the number of decodable frames differs", len(luma_hashes), count)
    return count


def _check_end(film: Any, last_pts: int, tick: Tick) -> None:
    """From the last key frame on, frames can be decoded."""
    film.container.seek(last_pts, stream=film)
    count = 0
    for packet in film.container.demux(film):
        tick()
        count += len(packet.decode())
    if not count:
        raise failed("its last frames cannot be decoded", film.codec_context.name)


def check_tags(plan: OutputPlan, source: MediaInfo, frame: Any, context: Any) -> None:
    """Pixel format, colour tags and rotation of a decoded frame."""
    layout = pixel_layout(frame.format.name)
    target = plan.target
    # Decoders give ProRes 4444 back with 12 bits, whatever went in.
    depth = min(layout.bit_depth, target.layout.bit_depth)
    check_equal(
        "its pixel format differs",
        (target.layout.bit_depth, target.layout.subsampling, target.layout.has_alpha),
        (depth, layout.subsampling, layout.has_alpha),
    )
    tags = color_tags(frame, context, layout)
    for name in ("full_range", "matrix", "primaries", "transfer"):
        check_equal(f"its tag {name} differs", getattr(target.color, name), getattr(tags, name))
    rotation, mirrored = display_turn(frame)
    check_equal("its rotation differs", source.video.rotation % 360, rotation % 360)
    check_equal("it is mirrored otherwise", source.video.mirrored, mirrored)


def check_fields(plan: OutputPlan, source: MediaInfo, frame: Any) -> None:
    """Marks of a decoded frame; a film of our own has the same in all."""
    order = field_mode(plan, source.video)
    if order is not None:
        check_equal("its frames are not marked as interlaced", True, bool(frame.interlaced_frame))
        found = "tff" if is_top_field_first(frame) else "bff"
        check_equal("its fields are marked in the other order", order, found)
