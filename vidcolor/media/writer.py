"""Writes the coloured film: its video encoded, everything else carried over, all or nothing."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from vidcolor.errors import EncoderError, OutputError
from vidcolor.frames import ColoredFrame, MediaInfo
from vidcolor.media.atomic import check_free_space, output_error, temporary_name
from vidcolor.media.film_file import FilmFile
from vidcolor.media.muxing import least_size, muxing_explained, part_of
from vidcolor.media.plan import MUXER_TITLES, OutputPlan
from vidcolor.media.segment_encoder import SegmentEncoder
from vidcolor.media.segments import SegmentFolder
from vidcolor.media.write_report import WriteReport

RESERVE_BYTES = 16 * 2**20
"""Space that must stay free on the output's file system; below it the run stops cleanly."""

FREE_SPACE_CHECK_FRAMES = 48
"""Every so many frames the free space is looked at."""


def _nothing() -> None:
    pass


class FilmWriter:
    """Writes one output; a context manager that removes what it wrote unless it is committed.

    ``write`` each frame, then ``finish``, verify ``temp_path``, and ``commit``. Frames are encoded
    in segments, which `finish` joins; see Note [Segments].

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
    segments:
        Where the segments are kept; what is finished there is the film's beginning. None is a
        hidden folder beside the output, removed with the writer.
    threads:
        For the encoder; 0 lets it choose.
    replaces:
        Whether there was such an output when the run began; None is whether there is now.

    Raises
    ------
    OutputFolderError, DiskFullError
        If no file can be made, or the disk is certainly too small.
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
        segments: SegmentFolder | None = None,
        threads: int = 0,
        replaces: bool | None = None,
    ) -> None:
        self.plan = plan
        self._video = source.video
        self._output = output.absolute()
        self._threads = threads
        self._failure: OutputError | None = None
        self._finished = False
        self._is_encoding = False
        self._encoder: SegmentEncoder | None = None
        self._file: FilmFile | None = None
        part = part_of(source, start_s, duration_s)
        done = sum(record.video_bytes for record in segments.finished) if segments else 0
        whole = least_size(source, plan, part)
        joined = whole if segments is not None and segments.keeps else 0
        check_free_space(self._output.parent, RESERVE_BYTES + max(0, whole - done) + joined)
        self._own_folder: Path | None = None
        if segments is None:
            self._own_folder = _make_folder(self._output)
            segments = SegmentFolder(self._own_folder, self._output)
        self._segments = segments
        self._open_file = partial(
            FilmFile,
            *(source, output, plan, segments),
            start_s=start_s,
            duration_s=duration_s,
            threads=threads,
            # Now: somebody may make one while this one is written.
            replaces=output.exists() if replaces is None else replaces,
        )
        try:
            # Now, and not after hours of work, is the time to learn of a refusal.
            self._open_file().abort()
        except BaseException:
            self.abort()
            raise
        self.report = _report_of(self._segments, source)

    @property
    def output(self) -> Path:
        """Final name."""
        return self._output

    @property
    def temp_path(self) -> Path:
        """Where the film is between `finish` and `commit`."""
        if self._file is None:
            raise RuntimeError("the film is not finished")
        return self._file.temp_path

    def written_files(self) -> list[Path]:
        """What there is between `finish` and `commit`: `temp_path`."""
        return [self.temp_path]

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
        """Encode ``frame``.

        Raises
        ------
        DiskFullError, OutputFolderError
            If the system refuses to take more.
        EncoderError
            If the encoder or muxer fails.
        """
        self._check_usable()
        report = self.report
        pts = self._increasing_pts(frame)
        with self._failure_remembered():
            if report.frames % FREE_SPACE_CHECK_FRAMES == 0:
                check_free_space(self._output.parent, RESERVE_BYTES)
            if self._encoder is None:
                self._encoder = SegmentEncoder(
                    self._segments, self.plan, self._video, self._threads
                )
            before = self._encoder.record.luma_identical_frames
            self._encoder.write(frame, pts)
        report.frames += 1
        report.luma_identical_frames += self._encoder.record.luma_identical_frames - before
        report.pts.append(pts)
        report.end_pts = max(report.end_pts, pts + frame.source.duration)

    def end_segment(self, state: dict[str, Any], tick: Callable[[], None] = _nothing) -> None:
        """Make what was written so far durable; the next frame begins a segment.

        Parameters
        ----------
        state:
            What the caller needs to go on from here; JSON.
        tick:
            Called for each packet that the encoder still held.

        Raises
        ------
        DiskFullError, OutputFolderError, EncoderError
            As `write`.
        """
        self._check_usable()
        if self._encoder is not None:
            with self._failure_remembered():
                self._encoder.finish(state, tick)
            self.report.video_bytes += self._encoder.record.video_bytes
            self._encoder = None

    def new_cache_path(self) -> Path:
        """Where the ab of the segment that is being written may be kept."""
        return self._segments.cache_path(len(self._segments.finished))

    def end_at(self, duration_s: float) -> None:
        """Cut the other streams after ``duration_s``: the picture turned out to be shorter."""
        self._open_file = partial(self._open_file, duration_s=duration_s)

    def finish(self, tick: Callable[[], None] = _nothing) -> WriteReport:
        """Join the segments, carry the other streams over, close the file and make it durable.

        The file keeps its temporary name.

        Parameters
        ----------
        tick:
            Called for every packet; what it raises ends this.

        Raises
        ------
        DiskFullError, OutputFolderError, EncoderError
            As `write`; also if an earlier write had failed.
        """
        self.end_segment({})
        self._finished = True
        check_free_space(self._output.parent, RESERVE_BYTES + self._joining_bytes())
        self._file = self._open_file()
        self._file.join(self.report, tick)
        return self.report

    def commit(self) -> Path:
        """Give the finished file its final name, durably; returns that.

        Raises
        ------
        OutputExistsError, OutputFolderError
            See `vidcolor.media.atomic.AtomicFile.commit`.
        """
        if self._file is None:
            raise RuntimeError("only a film that was finished can be committed")
        try:
            return self._file.commit()
        except OutputError:
            self._own_folder = None  # the finished film is in it
            raise

    def abort(self) -> None:
        """Close everything and delete what is unfinished and the writer's own; never fails.

        After `commit` the film stays. Finished segments stay where the caller keeps them. While
        a thread is stuck in the encoder nothing is touched.
        """
        self._finished = True
        if self._is_encoding:
            return
        if self._encoder is not None:
            self._encoder.abort()
        if self._file is not None:
            self._file.abort()
        if self._own_folder is not None:
            shutil.rmtree(self._own_folder, ignore_errors=True)

    def _joining_bytes(self) -> int:
        """What is needed beside the segments: one is deleted when the next is being joined."""
        sizes = [record.video_bytes for record in self._segments.finished]
        return sum(sizes) if self._segments.keeps else sum(sorted(sizes)[-2:])

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

    def _check_usable(self) -> None:
        # An encoder that failed once may finish "successfully" over the hole.
        if self._failure is not None:
            raise self._failure
        if self._finished:
            raise RuntimeError("the film is finished; nothing more can be written")

    @contextlib.contextmanager
    def _failure_remembered(self) -> Iterator[None]:
        self._is_encoding = True
        try:
            with muxing_explained(self.plan.container, self._output):
                yield
        except OutputError as error:
            self._failure = error
            raise
        finally:
            self._is_encoding = False


def _make_folder(output: Path) -> Path:
    folder = output.with_name(temporary_name(output))
    try:
        folder.mkdir(mode=0o700)
    except OSError as error:
        raise output_error(error, output) from error
    return folder


def _report_of(segments: SegmentFolder, source: MediaInfo) -> WriteReport:
    """Of a film of which only these segments are written."""
    report = WriteReport(time_base=source.video.time_base)
    for record in segments.finished:
        report.frames += len(record.pts)
        report.luma_identical_frames += record.luma_identical_frames
        report.video_bytes += record.video_bytes
        report.pts.extend(record.pts)
        ends = map(sum, zip(record.pts, record.durations, strict=True))
        report.end_pts = max(report.end_pts, *ends)
    return report
