"""Reads a film: every frame that the decoder yields, with its exact time.

Note [Is it all there]
    Three things end a film early, and each looks different. A file shorter than its
    container's own bookkeeping says is refused when it is opened (`vidcolor.media.extent`). A
    demuxer that fails half-way raises. And a file that simply stops, which a cut Matroska
    does without any error, is found by comparing the end of the last frame with the length in
    the header. That comparison is made with the video's own length; a container's length
    may be that of its sound, so it counts only if no packet of any stream reaches it.
"""

from __future__ import annotations

import inspect
import itertools
import logging
import math
import os
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import av
from av.container import Flags
from av.stream import Discard

from vidcolor.config import Deinterlace, Limits
from vidcolor.errors import (
    CorruptInputError,
    InputLimitError,
    SettingsError,
    TruncatedInputError,
)
from vidcolor.frames import FieldReport, Frame, MediaInfo
from vidcolor.media.bwdif import deinterlaced
from vidcolor.media.extent import missing_bytes
from vidcolor.media.fields import find_fields, with_fields
from vidcolor.media.pixels import alpha_plane, chroma_of_rgb, chroma_planes, luma_plane
from vidcolor.media.probe import probe
from vidcolor.media.safety import (
    check_length,
    current_limits,
    decoder_options,
    open_container,
    raise_limit,
)
from vidcolor.media.timeline import HEADER_LENGTH_DEMUXERS, Timeline, expected_end_s, tick_range

log = logging.getLogger(__name__)

MOST_UNREADABLE = 100
"""Failures in a row of the demuxer itself, which may fail at one place for ever, after which a film
that may be partial counts as ended, and another is refused whatever `Limits.max_bad_packets` is."""

END_TOLERANCE_S = 1.0
"""How much earlier than its header a film may end: headers are rounded, and some count sound."""

END_TOLERANCE_FRAMES = 3
"""The same in frames at the average rate, for films of few frames per second."""

SEEK_MARGINS_S = (1.0, 10.0)
"""How long before ``start_s`` to aim when seeking. Indexes hold decoding times, which come before
presentation times by a few frames; if the first try lands too late, the next aims earlier, and
at last the film is read from its beginning."""


@dataclass(slots=True)
class ReadReport:
    """What happened while reading; filled as it goes."""

    frames: int = 0
    """Frames handed out."""
    undecodable_packets: int = 0
    """Packets that were skipped because they could not be read or decoded."""
    corrupt_frames: int = 0
    """Frames that the decoder itself marks as damaged; they are handed out."""
    missing_pts: int = 0
    """Frames whose time had to be derived."""
    repaired_pts: int = 0
    """Frames whose time was not after the one before; see `vidcolor.media.timeline`."""
    clock_jumps: int = 0
    """Times at which the clock was set back, as where recordings are glued together."""
    holes: int = 0
    """Gaps of more than a second between frames: damage, or meant so."""
    holes_s: float = 0.0
    """Their length in all."""
    last_pts_end: int | None = None
    """End of the last frame, in ticks of the video's time base."""
    missing_bytes: int = 0
    """By how much the file is shorter than its header says."""
    missing_s: float = 0.0
    """By how much a cut film ends before its header says."""


class FilmReader:
    """All frames of a film's best video stream. One per film, used from one thread.

    Parameters
    ----------
    path:
        A local file; see `vidcolor.media.safety`.
    start_s, duration_s:
        The part to read, in seconds from the container's beginning (`MediaInfo.origin_s`).
        Frames that begin in ``[start_s, start_s + duration_s)`` are read, neither more nor less.
    keep_partial:
        Accept a film that is cut off or damaged, and count what is missing.
    colors_of_rgb:
        Give frames of R′G′B′ formats chroma too, see `vidcolor.media.pixels.chroma_of_rgb`.
    deinterlace:
        ``off`` reads frames as they are. Otherwise the film's fields are looked at, and with
        ``bwdif`` frames that hold two moments are deinterlaced.
    fields:
        What was found when they were looked at before.
    limits:
        What is refused; None is `vidcolor.media.safety.current_limits`.
    threads:
        Decoder threads; 0 is one per core.

    Raises
    ------
    InputError
        One of its subclasses, here if the file cannot be read and in iteration if it turns out
        to be damaged.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        start_s: float = 0.0,
        duration_s: float | None = None,
        keep_partial: bool = False,
        colors_of_rgb: bool = False,
        deinterlace: Deinterlace = "off",
        fields: FieldReport | None = None,
        limits: Limits | None = None,
        threads: int = 0,
    ) -> None:
        self.path = Path(path)
        self.keep_partial = keep_partial
        self.colors_of_rgb = colors_of_rgb
        self.limits = limits or current_limits()
        self.threads = threads
        self.info: MediaInfo = probe(path, limits=self.limits)
        self.report = ReadReport(missing_bytes=missing_bytes(self.path))
        if self.report.missing_bytes and not keep_partial:
            raise TruncatedInputError(
                f"{path} is cut off: at least {self.report.missing_bytes} bytes are missing at "
                "its end; copy it again, or colour what is there with --keep-partial"
            )
        self.fields = fields
        """Of the film; None where nobody looked."""
        self.deinterlaces = False
        """Frames are not those of the decoder."""
        self.on_skip: Callable[[], None] = _nothing
        """Called for every frame that is decoded but not handed out; what it raises ends this."""
        if deinterlace != "off":
            self.fields = fields or find_fields(self.info, limits=self.limits)
            self.info = with_fields(self.info, self.fields, deinterlace)
            self.deinterlaces = deinterlace == "bwdif" and self.fields.order is not None
        self._begin, self._end = tick_range(self.info, start_s, duration_s)
        self._timeline = Timeline.for_video(self.info.video)
        self._newest_packet_pts: int | None = None
        self._newest_packet_end_s = 0.0
        self._iterator: Generator[Frame] | None = None
        self._first_pts = 0
        self._container: Any = None
        self._open()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; safe to call twice. Frames handed out stay valid.

        While a thread is stuck in reading it nothing is touched.
        """
        if self._iterator is None or inspect.getgeneratorstate(self._iterator) != "GEN_RUNNING":
            self._close()

    def _close(self) -> None:
        if self._container is not None:
            self._container.close()
            self._container = None

    def __iter__(self) -> Iterator[Frame]:
        """The frames, in presentation order with strictly increasing pts; can be done once.

        Raises
        ------
        CorruptInputError
            After more than `Limits.max_bad_packets`, or when size or pixel format change.
        InputLimitError
            If there are more frames, or they last longer, than is allowed.
        TruncatedInputError
            At the end, if the film ends before its header says.
        SettingsError
            If no frame begins in the part that was asked for.
        """
        if self._iterator is not None or self._container is None:
            raise RuntimeError("a FilmReader can be iterated once, while it is open")
        self._iterator = self._frames()
        return self._iterator

    def _frames(self) -> Generator[Frame]:
        for decoded in self._pictures():
            pts = self._timeline.place(decoded.pts, decoded.dts, decoded.duration)
            if self._begin is not None and pts < self._begin:
                self.on_skip()
                continue
            if self._end is not None and pts >= self._end:
                break
            yield self._frame(decoded, pts)
        else:
            self._check_complete()
        if self.report.frames == 0:
            raise SettingsError(
                f"{self.path}: no frame begins in the part to be coloured; the film is "
                f"{self.info.duration_from_header_s or 0:.3f} s long, choose another --start"
            )

    def _pictures(self) -> Iterator[av.VideoFrame]:
        """What the decoder yields, deinterlaced if that is asked for."""
        decoded = self._all_decoded()
        if not self.deinterlaces:
            return decoded
        assert self.fields is not None
        return deinterlaced(map(self._checked, decoded), self.fields)

    def _checked(self, decoded: av.VideoFrame) -> av.VideoFrame:
        self._check_same_format(decoded)
        return decoded

    def _frame(self, decoded: av.VideoFrame, pts: int) -> Frame:
        self._check_same_format(decoded)
        self._check_extent(pts)
        from_rgb = self.colors_of_rgb and self.info.video.layout.is_rgb
        frame = Frame(
            index=self.report.frames,
            luma=luma_plane(decoded),
            pts=pts,
            time_base=self.info.video.time_base,
            duration=max(0, decoded.duration),
            chroma=chroma_of_rgb(decoded) if from_rgb else chroma_planes(decoded),
            alpha=alpha_plane(decoded),
        )
        report, timeline = self.report, self._timeline
        report.frames += 1
        report.corrupt_frames += bool(decoded.is_corrupt)
        report.missing_pts, report.repaired_pts = timeline.missing, timeline.repaired
        report.clock_jumps, report.last_pts_end = timeline.jumps, timeline.end
        report.holes = timeline.holes
        report.holes_s = float(timeline.hole_ticks * timeline.time_base)
        return frame

    def _check_same_format(self, decoded: av.VideoFrame) -> None:
        video = self.info.video
        found = (decoded.width, decoded.height, decoded.format.name)
        expected = (video.width, video.height, video.layout.name)
        if found != expected:
            raise CorruptInputError(
                f"{self.path}: the picture changes from {expected[0]}×{expected[1]} {expected[2]} "
                f"to {found[0]}×{found[1]} {found[2]} after {self.report.frames} frames; "
                "cut the film there and colour the parts"
            )

    def _check_extent(self, pts: int) -> None:
        """Headers may lie: what is read is counted too."""
        if self.report.frames >= self.limits.max_frames:
            raise InputLimitError(
                f"{self.path} has more than {self.limits.max_frames} frames; cut it into parts, or "
                f"{raise_limit('max_frames')}"
            )
        if self.report.frames == 0:
            self._first_pts = pts
        check_length(
            float((pts - self._first_pts) * self.info.video.time_base), self.path, self.limits
        )

    # Decoding.

    def _open(self, *, frame_threads: bool = True) -> None:
        """Open the file afresh, standing at its beginning."""
        self._close()
        self._container = open_container(self.path, self.limits)
        if self._container.format.name == "avi":
            # It stores no pts. libav would make them up, wrongly where frames are reordered.
            self._container.flags &= ~Flags.gen_pts.value
        video = self.info.video
        self._stream = self._container.streams[video.index]
        self._stream.thread_type = "AUTO" if frame_threads else "SLICE"
        self._stream.thread_count = self.threads
        self._stream.codec_context.options = decoder_options(self.limits)
        self._watch_all = self._needs_other_streams()
        if not self._watch_all:
            for other in self._container.streams:
                if other.index != video.index:
                    other.discard = Discard.all
        self._failures_in_a_row = 0

    def _all_decoded(self) -> Iterator[av.VideoFrame]:
        """What the decoder yields, from at or before the beginning of the range."""
        last: int | None = None
        for frame in self._from_before_begin():
            last = frame.pts if last is None or frame.pts is None else max(last, frame.pts)
            yield frame
        newest = self._newest_packet_pts
        if last is not None and newest is not None and newest > last:
            yield from self._tail(last)

    def _from_before_begin(self) -> Iterator[av.VideoFrame]:
        begin = self._begin
        if begin is None or self.info.video.start_pts is None:
            return self._decoded()
        for margin in SEEK_MARGINS_S:
            if self._seek(begin, margin):
                frames = self._decoded()
                first = next(frames, None)
                if first is not None and _starts_by(first, begin):
                    return itertools.chain([first], frames)
            self.report.undecodable_packets = 0
            self._open()
        return self._decoded()

    def _seek(self, pts: int, margin_s: float) -> bool:
        aim = pts - math.ceil(margin_s / self.info.video.time_base)
        try:
            self._container.seek(aim, stream=self._stream)
        except av.FFmpegError:
            return False
        return True

    def _tail(self, last: int) -> Iterator[av.VideoFrame]:
        """Frames after ``last`` that were stuck in the decoder's threads behind a bad packet.

        When a packet fails while the decoder is being flushed, PyAV stops receiving, and the
        good frames behind it are lost; without frame threads every failure belongs to the
        packet just sent. So the end is decoded once more that way. Often there is nothing:
        the newest packet was simply the bad one.
        """
        counted = self.report.undecodable_packets
        self._open(frame_threads=False)
        if self._seek(last, SEEK_MARGINS_S[0]):
            for frame in self._decoded():
                if frame.pts is not None and frame.pts > last:
                    yield frame
                else:
                    self.on_skip()
        self.report.undecodable_packets = max(counted, self.report.undecodable_packets)

    def _decoded(self) -> Iterator[av.VideoFrame]:
        for packet in self._packets():
            if not packet.size and packet.dts is not None:
                continue  # Theora's way to say that the picture before stays on
            try:
                frames = self._stream.decode(packet)
            except av.error.EOFError:
                continue
            except av.FFmpegError as error:
                self._count_failure(error)
                continue
            if packet.size:
                self._failures_in_a_row = 0
            yield from frames

    def _packets(self) -> Iterator[Any]:
        """Packets of the video, the empty one that flushes the decoder last."""
        chosen = () if self._watch_all else (self._stream,)
        unreadable = 0
        while True:
            try:
                for packet in self._container.demux(*chosen):
                    unreadable = 0
                    self._note_times(packet)
                    # `packet.stream_index` of the flush packet is 0 whatever its stream.
                    if packet.stream.index == self._stream.index:
                        yield packet
                return
            except IndexError:
                # PyAV wants to flush a stream that appeared in the middle of the file.
                log.warning(
                    "%s: a stream begins so late that it was not found at first; it is not kept",
                    self.path,
                )
                yield self._flush_packet()
                return
            except av.FFmpegError as error:
                # The demuxer goes on behind what it could not read, if there is anything.
                unreadable += 1
                self._count_failure(error)
                if unreadable > MOST_UNREADABLE:
                    if not self.keep_partial:
                        raise self._too_damaged(error) from error
                    yield self._flush_packet()
                    return

    def _flush_packet(self) -> Any:
        packet: Any = av.Packet()
        packet.stream = self._stream
        return packet

    def _note_times(self, packet: Any) -> None:
        if packet.pts is None or packet.is_discard or not packet.size:
            return
        if packet.stream.index == self._stream.index:
            self._newest_packet_pts = max(packet.pts, self._newest_packet_pts or packet.pts)
        if self._watch_all:
            end = float((packet.pts + (packet.duration or 0)) * packet.time_base)
            self._newest_packet_end_s = max(self._newest_packet_end_s, end)

    def _count_failure(self, error: av.FFmpegError) -> None:
        self.report.undecodable_packets += 1
        self._failures_in_a_row += 1
        if self._failures_in_a_row > self.limits.max_bad_packets and not self.keep_partial:
            raise self._too_damaged(error) from error

    def _too_damaged(self, error: av.FFmpegError) -> CorruptInputError:
        return CorruptInputError(
            f"{self.path}: {self._failures_in_a_row} packets in a row cannot be decoded "
            f"after {self.report.frames} frames ({error.strerror or 'invalid data'}); copy it "
            "again, or skip what is damaged with --keep-partial (or --limit max_bad_packets=N)"
        )

    # Note [Is it all there].

    def _needs_other_streams(self) -> bool:
        """Whether only the container says how long it is, and sound may account for that."""
        return (
            self._end is None
            and self.info.container.startswith(HEADER_LENGTH_DEMUXERS)
            and self.info.video.duration_from_header_s is None
            and self.info.duration_from_header_s is not None
            and any(s.kind in ("audio", "subtitle") for s in self.info.streams)
        )

    def _check_complete(self) -> None:
        video, end = self.info.video, self.report.last_pts_end
        expected_s = expected_end_s(self.info)
        if end is None or expected_s is None:
            return
        reached_s = max(float(end * video.time_base), self._newest_packet_end_s)
        missing_s = expected_s - reached_s
        rate = float(video.average_rate or 1)
        too_early = missing_s > max(END_TOLERANCE_S, END_TOLERANCE_FRAMES / rate)
        if too_early or self.report.missing_bytes:
            self.report.missing_s = max(0.0, missing_s)
        if too_early and not self.keep_partial:
            raise TruncatedInputError(
                f"{self.path} ends {missing_s:.2f} s before its header says, after "
                f"{self.report.frames} frames; copy it again, or colour what is there with "
                "--keep-partial"
            )


def _nothing() -> None:
    pass


def _starts_by(frame: av.VideoFrame, pts: int) -> bool:
    """Whether a frame is known to begin at ``pts`` or before; AVI gives it a dts only."""
    time = frame.dts if frame.pts is None else frame.pts
    return time is not None and time <= pts
