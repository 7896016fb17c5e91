"""What a film's decoder yields, in spite of what is damaged, from anywhere in it."""

from __future__ import annotations

import itertools
import logging
import math
from collections.abc import Callable, Iterator
from typing import Any

import av
from av.container import Flags
from av.stream import Discard

from vidcolor.config import Limits
from vidcolor.errors import CorruptInputError
from vidcolor.frames import MediaInfo
from vidcolor.media.read_report import ReadReport
from vidcolor.media.safety import decoder_options, open_container

log = logging.getLogger(__name__)

MOST_UNREADABLE = 100
"""Failures in a row of the demuxer itself, which may fail at one place for ever, after which a film
that may be partial counts as ended, and another is refused whatever `Limits.max_bad_packets` is."""

SEEK_MARGINS_S = (1.0, 10.0)
"""How long before the first wanted frame to aim when seeking. Indexes hold decoding times, which
come before presentation times by a few frames; if the first try lands too late, the next aims
earlier, and at last the film is read from its beginning."""


class FilmDecoder:
    """The decoder of a film's best video stream, and the demuxer before it.

    Parameters
    ----------
    info:
        Of the film; it is opened at once.
    report:
        Told of packets that cannot be decoded.
    limits:
        What is refused.
    keep_partial:
        Go on whatever cannot be decoded.
    watch_all:
        Read the packets of all streams, to know when the last of them ends.
    threads:
        Of the decoder; 0 is one per core.
    """

    def __init__(
        self,
        info: MediaInfo,
        report: ReadReport,
        limits: Limits,
        *,
        keep_partial: bool = False,
        watch_all: bool = False,
        threads: int = 0,
    ) -> None:
        self._info = info
        self._report = report
        self._limits = limits
        self._keep_partial = keep_partial
        self._watch_all = watch_all
        self._threads = threads
        self._newest_packet_pts: int | None = None
        self.newest_packet_end_s = 0.0
        """Where the packets read so far end, if all streams are watched."""
        self._container: Any = None
        self._open()

    @property
    def is_open(self) -> bool:
        """`close` has not been called."""
        return self._container is not None

    def close(self) -> None:
        """Close the file; safe to call twice. Frames handed out stay valid."""
        if self._container is not None:
            self._container.close()
            self._container = None

    def frames(self, begin: int | None, on_skip: Callable[[], None]) -> Iterator[av.VideoFrame]:
        """What the decoder yields, in presentation order; can be called once.

        Parameters
        ----------
        begin:
            Time of the first wanted frame, in ticks of the video; those just before it may come
            too. None is the film's beginning.
        on_skip:
            Called for every frame that is decoded but not handed out.

        Raises
        ------
        CorruptInputError
            After more than `Limits.max_bad_packets`.
        """
        last: int | None = None
        for frame in self._from_before(begin):
            last = frame.pts if last is None or frame.pts is None else max(last, frame.pts)
            yield frame
        newest = self._newest_packet_pts
        if last is not None and newest is not None and newest > last:
            yield from self._tail(last, on_skip)

    def _open(self, *, frame_threads: bool = True) -> None:
        """Open the file afresh, standing at its beginning."""
        self.close()
        self._container = open_container(self._info.path, self._limits)
        if self._container.format.name == "avi":
            # It stores no pts. libav would make them up, wrongly where frames are reordered.
            self._container.flags &= ~Flags.gen_pts.value
        index = self._info.video.index
        self._stream = self._container.streams[index]
        self._stream.thread_type = "AUTO" if frame_threads else "SLICE"
        self._stream.thread_count = self._threads
        self._stream.codec_context.options = decoder_options(self._limits)
        if not self._watch_all:
            for other in self._container.streams:
                if other.index != index:
                    other.discard = Discard.all
        self._failures_in_a_row = 0

    def _from_before(self, begin: int | None) -> Iterator[av.VideoFrame]:
        if begin is None or self._info.video.start_pts is None:
            return self._decoded()
        for margin in SEEK_MARGINS_S:
            if self._seek(begin, margin):
                frames = self._decoded()
                first = next(frames, None)
                if first is not None and _starts_by(first, begin):
                    return itertools.chain([first], frames)
            self._report.undecodable_packets = 0
            self._open()
        return self._decoded()

    def _seek(self, pts: int, margin_s: float) -> bool:
        aim = pts - math.ceil(margin_s / self._info.video.time_base)
        try:
            self._container.seek(aim, stream=self._stream)
        except av.FFmpegError:
            return False
        return True

    def _tail(self, last: int, on_skip: Callable[[], None]) -> Iterator[av.VideoFrame]:
        """Frames after ``last`` that were stuck in the decoder's threads behind a bad packet.

        When a packet fails while the decoder is being flushed, PyAV stops receiving, and the
        good frames behind it are lost; without frame threads every failure belongs to the
        packet just sent. So the end is decoded once more that way. Often there is nothing:
        the newest packet was simply the bad one.
        """
        counted = self._report.undecodable_packets
        self._report.undecodable_packets = 0
        self._open(frame_threads=False)
        if self._seek(last, SEEK_MARGINS_S[0]):
            for frame in self._decoded():
                if frame.pts is not None and frame.pts > last:
                    yield frame
                else:
                    on_skip()
        self._report.undecodable_packets = max(counted, self._report.undecodable_packets)

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
                    self._info.path,
                )
                yield self._flush_packet()
                return
            except av.FFmpegError as error:
                # The demuxer goes on behind what it could not read, if there is anything.
                unreadable += 1
                self._count_failure(error)
                if unreadable > MOST_UNREADABLE:
                    if not self._keep_partial:
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
            self.newest_packet_end_s = max(self.newest_packet_end_s, end)

    def _count_failure(self, error: av.FFmpegError) -> None:
        self._report.undecodable_packets += 1
        self._failures_in_a_row += 1
        if self._failures_in_a_row > self._limits.max_bad_packets and not self._keep_partial:
            raise self._too_damaged(error) from error

    def _too_damaged(self, error: av.FFmpegError) -> CorruptInputError:
        return CorruptInputError(
            f"{self._info.path}: {self._failures_in_a_row} packets in a row cannot be decoded "
            f"after {self._report.frames} frames ({error.strerror or 'invalid data'}); copy it "
            "again, or skip what is damaged with --keep-partial (or --limit max_bad_packets=N)"
        )


def _starts_by(frame: av.VideoFrame, pts: int) -> bool:
    """Whether a frame is known to begin at ``pts`` or before; AVI gives it a dts only."""
    time = frame.dts if frame.pts is None else frame.pts
    return time is not None and time <= pts
