"""Whether a film is interlaced or telecined: by its marks, and by what its frames look like.

Note [Where combs are looked for]
    Marks are often missing or wrong, so a few frames from several places of the film go through
    FFmpeg's idet filter. It compares the lines of each frame with those of its neighbours, and says
    which field comes first and which field is shown again (3:2 pulldown). What it says of single
    frames is counted; its own verdicts remember the frames before. Drawings with sharp lines can
    take it in, as testsrc2 does, so only frames that have combs count; see `vidcolor.fields`.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av

from vidcolor.config import Deinterlace, Limits
from vidcolor.fields import has_combs
from vidcolor.frames import FieldOrder, FieldReport, MediaInfo, VideoInfo
from vidcolor.media.pixels import luma_plane
from vidcolor.media.probe import is_interlaced, is_top_field_first
from vidcolor.media.safety import (
    MICROSECONDS,
    current_limits,
    decoder_options,
    open_container,
)
from vidcolor.media.target import FIELD_MODES

PLACES = 6
"""Parts of the film from whose middle frames are taken."""

FRAMES_PER_PLACE = 12
"""More than two rounds of 3:2 pulldown, which repeats after 5 frames."""

LEAST_COMBED = 6
"""Combed frames of one field order that make a film interlaced."""

LEAST_COMBED_SHARE = 0.1
"""The same as a share of all that were looked at."""

OTHER_ORDER = 4
"""Frames of the one field order to each of the other, at least: noise has no order."""

LEAST_REPEATED_SHARE = 0.25
"""Repeated fields to each combed frame that are pulldown. It makes one to every two."""

PULLDOWN_RATIO = (1.4, 1.6)
"""The long durations of soft telecine to the short ones: 3 fields to 2, times rounded."""

PULLDOWN_STEPS = 8
"""Durations in a row, alternately long and short, that are soft telecine."""

MOST_BARREN_PACKETS = 500
"""Packets in a row that give no frame and end a place: no decoder waits for so many."""

_ANY_BASE = Fraction(1, 25)
"""Seconds per tick; no filter here looks at times."""

_ORDER_NAMES = {"tff": "top field first", "bff": "bottom field first"}

_FIELD_ORDER_OF = {"tff": "tt", "bff": "bb"}


def find_fields(info: MediaInfo, *, limits: Limits | None = None) -> FieldReport:
    """Look at some frames of a film; see Note [Where combs are looked for].

    What cannot be decoded is passed over: the run will tell.

    Parameters
    ----------
    info:
        Of a film file.
    limits:
        What is refused; None is `vidcolor.media.safety.current_limits`.
    """
    seen = _Seen()
    _look_around(info, limits or current_limits(), seen)
    counts, orders = seen.counts, seen.orders
    order = FIELD_MODES.get(info.video.field_order)
    if order is None and orders:
        order = orders.most_common(1)[0][0]
    found = _found_order(counts)
    combed = counts["tff"] + counts["bff"]
    repeated = counts["repeated top"], counts["repeated bottom"]
    is_hard = min(repeated) > 0 and sum(repeated) >= LEAST_REPEATED_SHARE * combed
    return FieldReport(
        marked=order,
        frames_marked=bool(orders),
        found=found,
        pulldown="hard" if found and is_hard else "soft" if seen.is_soft and not found else None,
        sampled=counts["frames"],
        combed=combed,
    )


def with_fields(info: MediaInfo, fields: FieldReport, deinterlace: Deinterlace) -> MediaInfo:
    """``info`` with the field order that the output is to be marked with.

    A film that marks some of its frames only is marked as a whole; one that marks none stays
    unmarked whatever its frames look like; one that is deinterlaced is progressive.
    """
    order = info.video.field_order
    if deinterlace == "bwdif" and fields.order is not None:
        order = "progressive"
    elif fields.marked is not None and not is_interlaced(order):
        order = _FIELD_ORDER_OF[fields.marked]
    return replace(info, video=replace(info.video, field_order=order))


def field_notices(
    fields: FieldReport | None, video: VideoInfo, deinterlace: Deinterlace, *, is_scaled: bool
) -> list[str]:
    """What a user should know about a film's fields.

    Parameters
    ----------
    fields:
        None where nobody looked.
    video:
        As it goes to the encoder.
    deinterlace:
        What is done with them.
    is_scaled:
        The picture gets another size.
    """
    if fields is None:
        is_ignored = deinterlace == "off" and is_interlaced(video.field_order)
        return ["interlaced: coloured frame by frame, as if progressive"] if is_ignored else []
    if fields.order is None:
        return _whole_notices(fields, deinterlace)
    what = described(fields)
    if deinterlace == "bwdif":
        done = "deinterlaced by bwdif, one frame for each: luma is that of the new frames"
    elif is_scaled:
        done = "scaling mixes the fields: coloured frame by frame"
    else:
        done = "luma is kept, and each field of combed frames gets its own colours"
    return [f"{what}; {done}"]


def _whole_notices(fields: FieldReport, deinterlace: Deinterlace) -> list[str]:
    notices = []
    if fields.pulldown == "soft":
        notices.append(f"{described(fields)}; they keep their times")
    if deinterlace == "bwdif":
        notices.append("--deinterlace bwdif: no interlaced frames were found, nothing is changed")
    return notices


def described(fields: FieldReport) -> str:
    """In words, for notices and for ``vidcolor probe``."""
    if fields.order is None:
        return "soft telecine: whole frames" if fields.pulldown == "soft" else "progressive"
    kind = "hard telecine" if fields.pulldown == "hard" else "interlaced"
    if fields.marked is None:
        marks = "not marked as such"
    elif fields.found not in (None, fields.marked):
        marks = f"though marked as {_ORDER_NAMES[fields.marked]}"
    else:
        marks = "as marked"
    seen = f"{fields.combed} of {fields.sampled} frames that were looked at are combed"
    return f"{kind}, {_ORDER_NAMES[fields.order]} ({marks}; {seen})"


def _found_order(counts: Counter[str]) -> FieldOrder | None:
    more, fewer = max(counts["tff"], counts["bff"]), min(counts["tff"], counts["bff"])
    is_enough = more >= max(LEAST_COMBED, LEAST_COMBED_SHARE * counts["frames"])
    if not is_enough or more < OTHER_ORDER * fewer:
        return None
    return "tff" if counts["tff"] > counts["bff"] else "bff"


@dataclass
class _Seen:
    """What was found out so far."""

    counts: Counter[str] = field(default_factory=Counter)
    """Frames; combed ones that idet calls ``tff`` or ``bff``; those with ``repeated top`` …"""
    orders: Counter[FieldOrder] = field(default_factory=Counter)
    """Of frames that are marked."""
    is_soft: bool = False
    """Somewhere frames last two and three fields in turn."""


def _look_around(info: MediaInfo, limits: Limits, seen: _Seen) -> None:
    """At the whole of a short film, at places of a longer one."""
    total = PLACES * FRAMES_PER_PLACE
    length_s = info.video.duration_from_header_s or info.duration_from_header_s or 0.0
    rate = float(info.video.average_rate or 25)
    bits = info.video.layout.bit_depth
    with open_container(Path(info.path), limits) as container:
        stream: Any = container.streams[info.video.index]
        stream.thread_type = "AUTO"
        stream.codec_context.options = decoder_options(limits)
        if length_s * rate < 2 * total:
            _look(_decoded(container, stream, info, total), bits, seen)
            return
        for place in range(PLACES):
            time_s = info.origin_s + length_s * (place + 0.5) / PLACES
            try:
                container.seek(math.floor(time_s * MICROSECONDS))
            except av.FFmpegError:
                continue
            _look(_decoded(container, stream, info, FRAMES_PER_PLACE), bits, seen)


def _decoded(container: Any, stream: Any, info: MediaInfo, count: int) -> Iterator[av.VideoFrame]:
    """The next frames, as long as they can be decoded and look like the first."""
    video = info.video
    shape = (video.width, video.height, video.layout.name)
    done = barren = 0
    try:
        for packet in container.demux(stream):
            barren += 1
            if barren > MOST_BARREN_PACKETS:
                return
            try:
                frames = packet.decode()
            except av.FFmpegError:
                continue
            barren = 0 if frames else barren
            for frame in frames:
                if done == count or (frame.width, frame.height, frame.format.name) != shape:
                    return
                yield frame
                done += 1
    except (av.FFmpegError, IndexError):  # as in the reader: damage, or a stream that came late
        return


def _look(frames: Iterator[av.VideoFrame], bit_depth: int, seen: _Seen) -> None:
    graph: Any = None
    times: list[int | None] = []
    durations: list[int] = []
    combed: list[bool] = []
    for frame in frames:
        if frame.interlaced_frame:
            seen.orders["tff" if is_top_field_first(frame) else "bff"] += 1
        try:
            graph = graph or _idet(frame)
        except av.FFmpegError:  # the filter does not take such samples
            break
        combed.append(has_combs(luma_plane(frame), bit_depth))
        times.append(frame.pts)
        durations.append(frame.duration)
        frame.pts, frame.time_base = len(times) - 1, _ANY_BASE
        graph.push(frame)
        _count(graph, combed, seen.counts)
    if graph is not None:
        graph.push(None)
        _count(graph, combed, seen.counts)
    steps = [b - a for a, b in itertools.pairwise(times) if a is not None and b is not None]
    # Matroska has times only, MPEG program streams often durations only.
    seen.is_soft = seen.is_soft or _is_soft_pulldown(steps) or _is_soft_pulldown(durations)


def _idet(frame: av.VideoFrame) -> Any:
    graph = av.filter.Graph()
    source = graph.add_buffer(
        width=frame.width, height=frame.height, format=frame.format, time_base=_ANY_BASE
    )
    graph.link_nodes(source, graph.add("idet"), graph.add("buffersink")).configure()
    return graph


def _count(graph: Any, combed: Sequence[bool], counts: Counter[str]) -> None:
    """All that the filter has ready; pts is a frame's place in ``combed``."""
    while True:
        try:
            frame = graph.pull()
        except (av.error.BlockingIOError, av.error.EOFError):
            return
        said = frame.metadata.get
        counts["frames"] += 1
        if combed[frame.pts]:
            counts[said("lavfi.idet.single.current_frame", "undetermined")] += 1
        counts[f"repeated {said('lavfi.idet.repeated.current_frame', 'neither')}"] += 1


def _is_soft_pulldown(steps: Sequence[int]) -> bool:
    """Whether durations alternate between two and three fields."""
    if len(steps) < PULLDOWN_STEPS or min(steps) <= 0:
        return False
    low, high = PULLDOWN_RATIO
    return all(low < max(a, b) / min(a, b) < high for a, b in itertools.pairwise(steps))
