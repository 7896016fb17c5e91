"""Writes the coloured film: its video encoded, everything else carried over, all or nothing."""

from __future__ import annotations

import contextlib
from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import av

from vidcolor.errors import EncoderError, OutputError
from vidcolor.frames import ColoredFrame, MediaInfo
from vidcolor.media.atomic import AtomicFile, check_free_space, output_error
from vidcolor.media.copied import ChapterMark, CopiedStream
from vidcolor.media.encoder import FilmEncoder
from vidcolor.media.matroska import display_size, set_display_size
from vidcolor.media.muxing import container_options, least_size, part_of
from vidcolor.media.plan import MUXER_TITLES, OutputPlan
from vidcolor.media.streams import StreamCopier

RESERVE_BYTES = 16 * 2**20
"""Space that must stay free on the output's file system; below it the run stops cleanly."""

FREE_SPACE_CHECK_FRAMES = 48
"""Every so many frames the free space is looked at."""


@dataclass(slots=True)
class WriteReport:
    """What went into the file."""

    frames: int = 0
    luma_identical_frames: int = 0
    """Frames whose luma entered the encoder as it left the decoder (shifted, if planned)."""
    time_base: Fraction = Fraction(1)
    """Of ``pts``: the source's."""
    pts: array[int] = field(default_factory=lambda: array("q"))
    """Presentation times of all frames as given to the encoder."""
    end_pts: int = 0
    """When the last frame ends; when it begins, if its duration is unknown."""
    video_bytes: int = 0
    streams: tuple[CopiedStream, ...] = ()
    """What was carried over, stream by stream."""
    chapters: int = 0
    chapter_marks: tuple[ChapterMark, ...] = ()
    """What these were."""
    pictures_and_files: int = 0
    """Covers and attachments in the file."""
    file_digests: tuple[bytes, ...] = ()
    """BLAKE2b of each of those that Matroska keeps as attachment."""
    read_failures: int = 0
    """Places where the other streams could not be read."""
    gave_up: bool = False
    """Whether the rest of the other streams was given up after too many of these."""

    @property
    def end_s(self) -> float:
        """``end_pts`` in seconds."""
        return float(self.end_pts * self.time_base)

    @property
    def first_pts(self) -> int | None:
        """Presentation time of the first frame."""
        return self.pts[0] if self.pts else None

    @property
    def last_pts(self) -> int | None:
        """Presentation time of the last frame."""
        return self.pts[-1] if self.pts else None

    @property
    def repaired_dts(self) -> int:
        """Packets of all copied streams whose decoding time had to be moved."""
        return sum(stream.repaired_dts for stream in self.streams)

    def notices(self) -> list[str]:
        """What of the other streams was lost or changed, one line each."""
        lines = [line for stream in self.streams for line in stream.notices()]
        if self.read_failures:
            lines.append(
                f"sound and other streams: the source could not be read in {self.read_failures} "
                "places, what lay there is missing"
            )
        if self.gave_up:
            lines.append("sound and other streams: the rest of the source could not be read")
        return lines


class FilmWriter:
    """Writes one output; a context manager that removes what it wrote unless it is committed.

    ``write`` each frame, then ``finish``, verify ``temp_path``, and ``commit``.

    Parameters
    ----------
    source:
        The film, or an image sequence, which has no other streams.
    output:
        Final name; until `commit` the file has a hidden name beside it.
    plan:
        From `vidcolor.media.plan.plan_output`.
    start_s, duration_s:
        The part of the film that is coloured; the other streams are cut to it. All times
        keep the source's clock.
    threads:
        For the encoder; 0 lets it choose.

    Raises
    ------
    OutputFolderError, DiskFullError
        If the temporary file cannot be made, or the disk is certainly too small.
    EncoderOptionError, EncoderError
        If the encoder does not open, or the container refuses its streams.
    """

    def __init__(
        self,
        source: MediaInfo,
        output: Path,
        plan: OutputPlan,
        *,
        start_s: float = 0.0,
        duration_s: float | None = None,
        threads: int = 0,
    ) -> None:
        self.plan = plan
        self._video = source.video
        self._held: Any = None
        self._first_dts: int | None = None
        self._failure: OutputError | None = None
        self._out: Any = None
        self._copier: StreamCopier | None = None
        self._finished = False
        part = part_of(source, start_s, duration_s)
        check_free_space(output.absolute().parent, RESERVE_BYTES + least_size(source, plan, part))
        self.report = WriteReport(time_base=source.video.time_base)
        self._file = AtomicFile(output)
        try:
            with self._errors_explained():
                self._open(source, start_s, duration_s, threads)
        except BaseException:
            self.abort()
            raise

    @property
    def temp_path(self) -> Path:
        """Where the film is until `commit`."""
        return self._file.temp

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.abort()

    def write(self, frame: ColoredFrame) -> None:
        """Encode ``frame`` and carry the other streams over up to the time reached.

        Raises
        ------
        DiskFullError, OutputFolderError
            If the system refuses to take more.
        EncoderError
            If the encoder or muxer fails.
        """
        self._check_usable()
        if self.report.frames % FREE_SPACE_CHECK_FRAMES == 0:
            check_free_space(self.temp_path.parent, RESERVE_BYTES)
        pts = self._increasing_pts(frame)
        with self._errors_explained():
            for packet in self._encoder.encode(frame, pts):
                self._mux_video(packet)
        report = self.report
        report.frames += 1
        report.luma_identical_frames = self._encoder.luma_identical_frames
        report.pts.append(pts)
        report.end_pts = max(report.end_pts, pts + frame.source.duration)

    def finish(self) -> WriteReport:
        """Flush the encoder, carry over the rest, close the file and make it durable.

        The file keeps its temporary name.

        Raises
        ------
        DiskFullError, OutputFolderError, EncoderError
            As `write`; also if an earlier write had failed.
        """
        self._check_usable()
        assert self._copier is not None
        self._finished = True
        with self._errors_explained():
            for packet in self._encoder.flush():
                self._mux_video(packet)
            self._mux_last()
            self._copier.advance(None)
            out, self._out = self._out, None
            out.close()
        self._set_aspect()
        self._file.sync()
        report, copier = self.report, self._copier
        report.streams, report.chapters = copier.copied, copier.chapters
        report.pictures_and_files = copier.pictures_and_files
        report.chapter_marks = copier.chapter_marks
        report.file_digests = tuple(copier.files)
        report.read_failures, report.gave_up = copier.read_failures, copier.gave_up
        copier.close()
        return report

    def commit(self) -> Path:
        """Give the finished file its final name, durably; returns that.

        Raises
        ------
        OutputExistsError, OutputFolderError
            See `AtomicFile.commit`.
        """
        if not self._finished or self._failure is not None:
            raise RuntimeError("only a film that was finished can be committed")
        return self._file.commit()

    def abort(self) -> None:
        """Close everything and delete the temporary file; nothing after `commit`, never fails."""
        # The file goes first: closing writes a trailer, and with faststart moves all of it.
        self._file.abort()
        if self._copier is not None:
            self._copier.close()
        self._finished = True
        if self._out is not None:
            out, self._out = self._out, None
            with contextlib.suppress(av.FFmpegError, ValueError):
                out.close()

    def _open(
        self, source: MediaInfo, start_s: float, duration_s: float | None, threads: int
    ) -> None:
        # The suffix .part says nothing, so the format is named.
        self._out = av.open(
            str(self._file.temp),
            "w",
            format=self.plan.container,
            container_options=container_options(self.plan, source),
        )
        copier = StreamCopier(source, self.plan, self._out, start_s=start_s, duration_s=duration_s)
        self._copier = copier
        copier.add_file_facts()
        for stream in self.plan.streams:
            if stream.action == "color":
                self._number = len(self._out.streams.video)
                self._encoder = FilmEncoder(self._out, self.plan, source.video, threads)
                self._encoder.stream.metadata.update(copier.video_tags(stream.index))
                self._encoder.stream.disposition = copier.video_disposition(stream.index)
            else:
                copier.add_stream(stream)
        self._out.start_encoding()

    def _increasing_pts(self, frame: ColoredFrame) -> int:
        pts, last = frame.source.pts, self.report.last_pts
        if pts < 0:
            seconds = float(pts * frame.source.time_base)
            raise EncoderError(
                f"frame {frame.source.index} is shown at {seconds:.3f} s, before 0, which "
                f"{MUXER_TITLES[self.plan.container]} cannot keep; make a copy of the film that "
                "begins at 0, such as with: ffmpeg -i FILM -map 0 -c copy "
                "-avoid_negative_ts make_zero COPY.mkv"
            )
        if last is not None and pts <= last:  # readers repair times, and count it
            raise EncoderError(
                f"frame {frame.source.index} is shown at tick {pts}, not after the one before at "
                f"{last}; this is a bug in vidcolor: please report it"
            )
        return pts

    def _mux_video(self, packet: Any) -> None:
        """Mux the packet before ``packet``, which is held back in case it is the last one."""
        self.report.video_bytes += packet.size
        if self._first_dts is None:
            self._first_dts = packet.dts
        self._mux_held()
        self._held = packet

    def _mux_held(self) -> None:
        if self._held is not None:
            packet, self._held = self._held, None
            assert self._copier is not None
            self._copier.advance(packet.dts * packet.time_base)
            self._out.mux(packet)

    def _mux_last(self) -> None:
        """Mux the last packet, placed so that the film's length comes out right.

        MP4 sums up the distances of decoding times. With B-frames and uneven frame durations
        that sum falls short of the presentation times' length. So the last packet is decoded
        later, by no more than its delay at the start allows, and lasts to the film's end.
        """
        packet = self._held
        if packet is None:
            return
        first, end = self.report.first_pts, self.report.end_pts
        assert first is not None
        assert self._first_dts is not None
        packet.dts = max(packet.dts, packet.pts - (first - self._first_dts))
        missing = (end - first) - (packet.dts - self._first_dts)
        packet.duration = max(0, min(missing, end - packet.pts))
        self._mux_held()

    def _set_aspect(self) -> None:
        """See Note [Display size in Matroska]; other muxers write the aspect themselves."""
        aspect = self._video.sample_aspect_ratio
        if self.plan.container != "matroska" or aspect == 1:
            return
        target = self.plan.target
        size = display_size(target.width, target.height, aspect)
        try:
            set_display_size(self._file.temp, self._number, size)
        except OSError as error:
            self._failure = output_error(error, self._file.final)
            raise self._failure from error

    def _check_usable(self) -> None:
        # A muxer that failed once may close "successfully" over the hole.
        if self._failure is not None:
            raise self._failure
        if self._finished:
            raise RuntimeError("the film is finished; nothing more can be written")

    @contextlib.contextmanager
    def _errors_explained(self) -> Iterator[None]:
        """libav's errors as one clear line, remembered."""
        try:
            yield
        except OutputError as error:
            self._failure = error
            raise
        except av.FFmpegError as error:
            if isinstance(error, OSError):
                self._failure = output_error(error, self._file.final)
            else:
                self._failure = EncoderError(
                    f"{MUXER_TITLES[self.plan.container]} refuses a stream or packet of this "
                    f"film ({error.strerror}); try another container, such as .mkv"
                )
            raise self._failure from error
