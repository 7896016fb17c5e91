"""Deinterlacing by FFmpeg's bwdif filter: one whole frame for each interlaced one."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from fractions import Fraction
from typing import Any

import av

from vidcolor.errors import SettingsError
from vidcolor.frames import FieldReport

_ANY_BASE = Fraction(1, 25)
"""Seconds per tick; each frame gets its own times back."""


def deinterlaced(frames: Iterable[av.VideoFrame], fields: FieldReport) -> Iterator[av.VideoFrame]:
    """As many frames as go in, each with its time, of which the later field is filled in.

    Each is made of the frame before and after it too. Where frames themselves are marked, others
    pass as they are.

    Parameters
    ----------
    frames:
        As decoded, all of one size and format.
    fields:
        With an ``order``.

    Raises
    ------
    SettingsError
        If the filter does not take such frames as they are.
    """
    graph: Any = None
    times: deque[tuple[int | None, int | None, int]] = deque()
    for number, frame in enumerate(frames):
        graph = graph or _graph(frame, fields)
        times.append((frame.pts, frame.dts, frame.duration))
        frame.pts, frame.time_base = number, _ANY_BASE
        graph.push(frame)
        yield from _ready(graph, times, frame.format.name)
    if graph is not None:
        graph.push(None)
        yield from _ready(graph, times, frame.format.name)


def _graph(frame: av.VideoFrame, fields: FieldReport) -> Any:
    contradicts = fields.found is not None and fields.found != fields.marked
    trusts_marks = fields.frames_marked and not contradicts
    options = "mode=send_frame:" + (
        "parity=auto:deint=interlaced" if trusts_marks else f"parity={fields.order}:deint=all"
    )
    graph = av.filter.Graph()
    source = graph.add_buffer(
        width=frame.width, height=frame.height, format=frame.format, time_base=_ANY_BASE
    )
    try:
        chain = source, graph.add("bwdif", options), graph.add("buffersink")
        graph.link_nodes(*chain).configure()
    except (av.FFmpegError, ValueError) as error:
        raise _refused(frame.width, frame.height, frame.format.name) from error
    return graph


def _ready(
    graph: Any, times: deque[tuple[int | None, int | None, int]], format_name: str
) -> Iterator[av.VideoFrame]:
    while True:
        try:
            frame = graph.pull()
        except (av.error.BlockingIOError, av.error.EOFError):
            return
        if frame.format.name != format_name:  # libav would convert it, and luma with it
            raise _refused(frame.width, frame.height, format_name)
        frame.pts, frame.dts, frame.duration = times.popleft()
        yield frame


def _refused(width: int, height: int, format_name: str) -> SettingsError:
    return SettingsError(
        f"--deinterlace bwdif does not take {width}×{height} {format_name}; use --deinterlace auto"
    )
