"""The file of the coloured film: its video joined from segments, everything else carried over."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import av

from vidcolor.errors import VerificationError
from vidcolor.frames import MediaInfo
from vidcolor.media.atomic import AtomicFile, output_error
from vidcolor.media.encoder import FilmEncoder
from vidcolor.media.matroska import display_size, set_display_size
from vidcolor.media.muxing import container_options, muxing_explained
from vidcolor.media.plan import OutputPlan
from vidcolor.media.provenance import provenance_tags
from vidcolor.media.quicktime import set_software
from vidcolor.media.segments import SegmentFolder, decoding_times
from vidcolor.media.streams import StreamCopier
from vidcolor.media.write_report import WriteReport


class FilmFile:
    """One output file under a temporary name; removed unless it is committed.

    Opening it shows whether the container takes all that is planned.

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
        self._out: Any = None
        self._copier: StreamCopier | None = None
        self._is_whole = False
        self._segments = segments
        # In the segments' folder, where the next run deletes it if this one is killed.
        self._file = AtomicFile(output, segments.folder, replaces=replaces)
        try:
            with muxing_explained(plan.container, self._file.final):
                self._open(source, start_s, duration_s, threads)
            self._check_headers()
        except BaseException:
            self.abort()
            raise

    @property
    def temp_path(self) -> Path:
        """Where the film is until `commit`."""
        return self._file.temp

    def join(self, report: WriteReport, tick: Callable[[], None]) -> None:
        """Write all packets and the other streams beside them, and close the file durably.

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
        """
        assert self._copier is not None
        copier = self._copier
        with muxing_explained(self._plan.container, self._file.final):
            for packet in self._timed_packets(report):
                tick()
                copier.advance(packet.dts * packet.time_base)
                self._out.mux(packet)
            copier.advance(None)
            out, self._out = self._out, None
            out.close()
        self._set_aspect()
        if self._plan.container == "mov" and self._plan.provenance:
            report.lacks_provenance = not self._set_software()
        self._file.sync()
        self._is_whole = True
        copier.fill_in(report)
        copier.close()

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
        """Close everything and delete the temporary file; nothing after `commit`, never fails."""
        # The file goes first: closing writes a trailer, and with faststart moves all of it.
        self._file.abort()
        if self._copier is not None:
            self._copier.close()
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
            format=self._plan.container,
            container_options=container_options(self._plan, source),
        )
        copier = StreamCopier(source, self._plan, self._out, start_s=start_s, duration_s=duration_s)
        self._copier = copier
        copier.add_file_facts()
        self._out.metadata.update(provenance_tags(self._plan.container, self._plan.provenance))
        for stream in self._plan.streams:
            if stream.action == "color":
                self._number = len(self._out.streams.video)
                # Never given a frame: only it knows the headers that its segments go with.
                self._film = FilmEncoder(self._out, self._plan, source.video, threads).stream
                self._film.metadata.update(copier.video_tags(stream.index))
                self._film.disposition = copier.video_disposition(stream.index)
            else:
                copier.add_stream(stream)
        self._out.start_encoding()

    def _check_headers(self) -> None:
        headers = bytes(self._film.codec_context.extradata or b"").hex()
        if any(record.extradata != headers for record in self._segments.finished):
            raise VerificationError(
                f"{self._plan.codec} gave the film's segments different headers: they cannot be "
                "joined, and were not kept; colour the film again"
            )

    def _timed_packets(self, report: WriteReport) -> Iterator[Any]:
        """All packets of the film, with decoding times that go on from segment to segment.

        MP4 sums up the distances of decoding times. With B-frames and uneven frame durations
        that sum falls short of the presentation times' length. So the last packet is decoded
        later, by no more than its delay at the start allows, and lasts to the film's end.
        """
        records = self._segments.finished
        if not records:
            return
        times = decoding_times(records)
        first_pts, first_dts, left = report.pts[0], None, len(report.pts)
        for record in records:
            for packet in self._segments.packets(record):
                packet.stream, packet.time_base = self._film, self._video.time_base
                packet.dts = next(times)
                first_dts = packet.dts if first_dts is None else first_dts
                left -= 1
                if left == 0:
                    packet.dts = max(packet.dts, packet.pts - (first_pts - first_dts))
                    missing = (report.end_pts - first_pts) - (packet.dts - first_dts)
                    packet.duration = max(0, min(missing, report.end_pts - packet.pts))
                yield packet

    def _set_software(self) -> bool:
        try:
            return set_software(self.temp_path, self._plan.provenance)
        except OSError as error:
            raise output_error(error, self._file.final) from error

    def _set_aspect(self) -> None:
        """See Note [Display size in Matroska]; other muxers write the aspect themselves."""
        aspect = self._video.sample_aspect_ratio
        if self._plan.container != "matroska" or aspect == 1:
            return
        target = self._plan.target
        size = display_size(target.width, target.height, aspect)
        try:
            set_display_size(self._file.temp, self._number, size)
        except OSError as error:
            raise output_error(error, self._file.final) from error
