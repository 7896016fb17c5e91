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
import os
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

import av

from vidcolor.config import Deinterlace, Limits
from vidcolor.errors import (
    CorruptInputError,
    InputLimitError,
    SettingsError,
    TruncatedInputError,
)
from vidcolor.frames import FieldReport, Frame, MediaInfo
from vidcolor.media.bwdif import deinterlaced
from vidcolor.media.decoder import FilmDecoder
from vidcolor.media.extent import missing_bytes
from vidcolor.media.fields import find_fields, with_fields
from vidcolor.media.pixels import alpha_plane, chroma_of_rgb, chroma_planes, luma_plane
from vidcolor.media.probe import probe
from vidcolor.media.read_report import ReadReport
from vidcolor.media.safety import check_length, current_limits, raise_limit
from vidcolor.media.timeline import HEADER_LENGTH_DEMUXERS, Timeline, expected_end_s, tick_range

END_TOLERANCE_S = 1.0
"""How much earlier than its header a film may end: headers are rounded, and some count sound."""

END_TOLERANCE_FRAMES = 3
"""The same in frames at the average rate, for films of few frames per second."""


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
        self._iterator: Generator[Frame] | None = None
        self._first_pts = 0
        self._decoder = FilmDecoder(
            self.info,
            self.report,
            self.limits,
            keep_partial=keep_partial,
            watch_all=self._needs_other_streams(),
            threads=threads,
        )

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
            self._decoder.close()

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
        if self._iterator is not None or not self._decoder.is_open:
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
        decoded = self._decoder.frames(self._begin, lambda: self.on_skip())
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
        reached_s = max(float(end * video.time_base), self._decoder.newest_packet_end_s)
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
