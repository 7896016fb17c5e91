"""The file of the coloured film: its video joined from segments, everything else carried over."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import Any

import av

from vidcolor.errors import InputNotFoundError, VerificationError
from vidcolor.frames import MediaInfo
from vidcolor.media.atomic import AtomicFile, output_error
from vidcolor.media.decoding_times import decoding_times
from vidcolor.media.encoder import FilmEncoder
from vidcolor.media.matroska import display_size, set_display_size
from vidcolor.media.moving import SegmentMover
from vidcolor.media.mp4_header import Nowhere
from vidcolor.media.muxing import container_options, muxing_explained
from vidcolor.media.plan import OutputPlan
from vidcolor.media.provenance import provenance_tags
from vidcolor.media.quicktime import set_software
from vidcolor.media.segments import SegmentFolder, SegmentRecord
from vidcolor.media.streams import StreamCopier
from vidcolor.media.write_report import WriteReport


class FilmFile:
    """One output file under a temporary name; removed unless it is committed, or needed.

    Making it shows whether the container takes all that is planned.

    Parameters
    ----------
    source, plan, start_s, duration_s, threads:
        As for `FilmWriter`.
    output:
        Final name.
    segments:
        Of which it will be made; those that are finished must go with its headers.
    replaces:
        Whether there was such an output when the run began; see `AtomicFile`.

    Raises
    ------
    OutputFolderError, DiskFullError
        If the temporary file cannot be made.
    EncoderOptionError, EncoderError
        If the encoder does not open, or the container refuses its streams.
    VerificationError
        If a finished segment was encoded with other headers.
    """

    def __init__(
        self,
        source: MediaInfo,
        output: Path,
        plan: OutputPlan,
        segments: SegmentFolder,
        *,
        start_s: float = 0.0,
        duration_s: float | None = None,
        threads: int = 0,
        replaces: bool | None = None,
    ) -> None:
        self._plan = plan
        self._video = source.video
        self._path = source.path
        self._muxing: _Muxing | None = None
        self._open = partial(_Muxing, source, plan, start_s, duration_s, threads)
        self._options = container_options(plan, source)
        self._is_whole = False
        self._segments = segments
        # In the segments' folder, where the next run deletes it if this one is killed.
        self._file = AtomicFile(output, segments.folder, replaces=replaces)
        self._mover = SegmentMover(segments, self._file.temp)
        try:
            with self._explained():
                trial = self._open(Nowhere(), self._options)
            try:
                self._check_headers(trial)
            finally:
                trial.close()
        except BaseException:
            self.abort()
            raise

    @property
    def temp_path(self) -> Path:
        """Where the film is until `commit`."""
        return self._file.temp

    def join(self, report: WriteReport, tick: Callable[[], None]) -> None:
        """Write all packets and the other streams beside them, and close the file durably.

        Segments are deleted on the way, unless they are to be kept; see Note [Moved segments].

        Parameters
        ----------
        report:
            Knows the film's times; what was carried over is filled in.
        tick:
            Called for every packet; what it raises ends this.

        Raises
        ------
        DiskFullError, OutputFolderError
            If the system refuses to take more.
        EncoderError
            If the muxer fails.
        VerificationError
            If a segment is not what was written.
        InputNotFoundError
            If the source's other streams cannot be read twice alike, which MP4 needs.
        """
        options, measured = dict(self._options), None
        if self._plan.container == "mp4":
            room, measured = self._measure(report, tick)
            options["moov_size"] = str(room)
        with self._explained():
            muxing = self._muxing = self._open(str(self._file.temp), options)
        for record, packet, payload in self._timed_packets(report):
            tick()
            with self._explained():
                muxing.write(packet)
                if not self._segments.keeps:
                    self._mover.expect(record, payload)
        with self._explained():
            muxing.write_rest()
        if measured is not None and muxing.carried() != measured:
            # A larger description than was measured would be written over the film.
            raise InputNotFoundError(
                f"{self._path} could not be read twice alike: its disk or network may be failing; "
                "run again"
            )
        with self._explained():
            muxing.end()
        self._set_aspect(muxing.number)
        if self._plan.container == "mov" and self._plan.provenance:
            report.lacks_provenance = not self._set_software()
        self._file.sync()
        self._is_whole = True
        muxing.copier.fill_in(report)
        muxing.copier.close()

    def commit(self) -> Path:
        """Give the finished file its final name, durably; returns that.

        Raises
        ------
        OutputExistsError, OutputFolderError
            See `AtomicFile.commit`.
        """
        if not self._is_whole:
            raise RuntimeError("only a film that was finished can be committed")
        return self._file.commit()

    def abort(self) -> None:
        """Close everything and delete the temporary file; nothing after `commit`, never fails.

        A file that may have the only copy of a segment stays, for the next run. Closing would
        write a trailer, before the data with MP4, so it is let go as it is.
        """
        if self._mover.has_moved:
            self._file.leave()
            if self._muxing is not None:
                self._muxing.copier.close()
            return
        self._file.abort()
        if self._muxing is not None:
            self._muxing.close()

    def _explained(self) -> AbstractContextManager[None]:
        return muxing_explained(self._plan.container, self._file.final)

    def _check_headers(self, muxing: _Muxing) -> None:
        headers = bytes(muxing.film.codec_context.extradata or b"").hex()
        if any(record.extradata != headers for record in self._segments.finished):
            raise VerificationError(
                f"{self._plan.codec} gave the film's segments different headers: they cannot be "
                "joined, and were not kept; colour the film again"
            )

    def _measure(
        self, report: WriteReport, tick: Callable[[], None]
    ) -> tuple[int, list[tuple[Any, ...]]]:
        """Bytes, see Note [Description first], and what was carried over to find that out."""
        nowhere = Nowhere()
        with self._explained():
            muxing = self._open(nowhere, self._options)
        try:
            for _, packet, _ in self._timed_packets(report):
                tick()
                with self._explained():
                    muxing.write(packet)
            with self._explained():
                muxing.write_rest()
                muxing.end()
        finally:
            muxing.close()
        return nowhere.description_room(), muxing.carried()

    def _timed_packets(self, report: WriteReport) -> Iterator[tuple[SegmentRecord, Any, bytes]]:
        """All packets of the film, with decoding times that go on from segment to segment.

        MP4 sums up the distances of decoding times. With B-frames and uneven frame durations
        that sum falls short of the presentation times' length. So the last packet is decoded
        later, by no more than its delay at the start allows, and lasts to the film's end.

        Yields
        ------
        The segment of each, the packet, and its payload as it will lie in the film.
        """
        records = self._segments.finished
        if not records:
            return
        times = decoding_times(records)
        first_pts, first_dts, left = report.pts[0], None, len(report.pts)
        for record in records:
            for packet, payload in self._segments.packets(record):
                packet.time_base = self._video.time_base
                packet.dts = next(times)
                first_dts = packet.dts if first_dts is None else first_dts
                left -= 1
                if left == 0:
                    packet.dts = max(packet.dts, packet.pts - (first_pts - first_dts))
                    missing = (report.end_pts - first_pts) - (packet.dts - first_dts)
                    packet.duration = max(0, min(missing, report.end_pts - packet.pts))
                yield record, packet, payload

    def _set_software(self) -> bool:
        try:
            return set_software(self.temp_path, self._plan.provenance)
        except OSError as error:
            raise output_error(error, self._file.final) from error

    def _set_aspect(self, number: int) -> None:
        """Of video track ``number``; see Note [Display size in Matroska].

        Other muxers write the aspect themselves.
        """
        aspect = self._video.sample_aspect_ratio
        if self._plan.container != "matroska" or aspect == 1:
            return
        target = self._plan.target
        size = display_size(target.width, target.height, aspect)
        try:
            set_display_size(self._file.temp, number, size)
        except OSError as error:
            raise output_error(error, self._file.final) from error


class _Muxing:
    """An open output container with all streams of a film, its header written.

    Parameters
    ----------
    source, plan, start_s, duration_s, threads:
        As for `FilmWriter`.
    target:
        What it is written to.
    options:
        Of the container.
    """

    def __init__(
        self,
        source: MediaInfo,
        plan: OutputPlan,
        start_s: float,
        duration_s: float | None,
        threads: int,
        target: str | Nowhere,
        options: dict[str, str],
    ) -> None:
        # The suffix .part says nothing, so the format is named.
        self._out: Any = av.open(target, "w", format=plan.container, container_options=options)
        with contextlib.ExitStack() as undo:
            undo.callback(self._close_file)
            self.copier = StreamCopier(
                source, plan, self._out, start_s=start_s, duration_s=duration_s
            )
            undo.callback(self.copier.close)
            self._add_streams(source, plan, threads)
            self._out.start_encoding()
            undo.pop_all()

    def _add_streams(self, source: MediaInfo, plan: OutputPlan, threads: int) -> None:
        self.copier.add_file_facts()
        self._out.metadata.update(provenance_tags(plan.container, plan.provenance))
        for stream in plan.streams:
            if stream.action == "color":
                self.number = len(self._out.streams.video)
                # Never given a frame: only it knows the headers that its segments go with.
                self.film = FilmEncoder(self._out, plan, source.video, threads).stream
                self.film.metadata.update(self.copier.video_tags(stream.index))
                self.film.disposition = self.copier.video_disposition(stream.index)
            else:
                self.copier.add_stream(stream)

    def write(self, packet: Any) -> None:
        """A packet of the film, and what lies beside it in the source."""
        packet.stream = self.film
        self.copier.advance(packet.dts * packet.time_base)
        self._out.mux(packet)

    def write_rest(self) -> None:
        """What is left of the other streams."""
        self.copier.advance(None)

    def end(self) -> None:
        """Write the trailer and close the container."""
        self._out.close()

    def carried(self) -> list[tuple[Any, ...]]:
        """What lies beside the film, to compare."""
        return [copied.content() for copied in self.copier.copied]

    def close(self) -> None:
        """Close everything; nothing if it is closed, never fails."""
        self.copier.close()
        self._close_file()

    def _close_file(self) -> None:
        with contextlib.suppress(av.FFmpegError, ValueError):
            self._out.close()
