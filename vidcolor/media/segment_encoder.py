"""Encodes a stretch of the coloured film into a file of its own."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable
from typing import Any

import av

from vidcolor.errors import EncoderError
from vidcolor.frames import ColoredFrame, VideoInfo
from vidcolor.media.copied import codec_name
from vidcolor.media.encoder import FilmEncoder
from vidcolor.media.payloads import form_for, kept_payload
from vidcolor.media.plan import OutputPlan
from vidcolor.media.segments import SegmentFolder, SegmentRecord, new_digest


class SegmentEncoder:
    """Encodes one segment.

    Parameters
    ----------
    folder:
        Gets the segment, after those that it has.
    plan, video, threads:
        As for `FilmEncoder`.
    again:
        A finished segment that this one takes the place of.

    Raises
    ------
    EncoderOptionError, EncoderError
        If the encoder does not open.
    OSError
        If no file can be made.
    """

    def __init__(
        self,
        folder: SegmentFolder,
        plan: OutputPlan,
        video: VideoInfo,
        threads: int = 0,
        again: SegmentRecord | None = None,
    ) -> None:
        self._folder = folder
        self.record = SegmentRecord(len(folder.finished))
        if again is not None:
            self.record.number, self.record.generation = again.number, again.generation + 1
        self._path = folder.packets_path(self.record)
        self._digest = new_digest()
        self._is_finished = False
        # Of the film's kind, so that the encoder is told the same; nothing is written to it.
        self._out: Any = av.open(io.BytesIO(), "w", format=plan.container)
        self._file = self._path.open("wb")
        try:
            self._encoder = FilmEncoder(self._out, plan, video, threads)
        except BaseException:
            self.abort()
            raise
        headers = bytes(self._encoder.stream.codec_context.extradata or b"")
        self.record.extradata = headers.hex()
        self.record.form = form_for(codec_name(self._encoder.stream), headers, plan.container)

    def write(self, frame: ColoredFrame, pts: int) -> None:
        """Encode ``frame``, shown at ``pts``.

        Raises
        ------
        EncoderError
            If the encoder fails.
        OSError
            If the packets cannot be written.
        """
        for packet in self._encoder.encode(frame, pts):
            self._keep(packet)
        self.record.pts.append(pts)
        self.record.durations.append(frame.source.duration)
        self.record.luma_identical_frames = self._encoder.luma_identical_frames

    def finish(self, state: dict[str, Any], tick: Callable[[], None] = lambda: None) -> None:
        """Flush the encoder and make the segment durable, with ``state`` in its record.

        ``tick`` is called for each packet that the encoder held.

        Raises
        ------
        EncoderError
            If the encoder fails.
        OSError, DiskFullError, OutputFolderError
            If it cannot be written.
        """
        for packet in self._encoder.flush(tick):
            self._keep(packet)
        self._file.close()
        if sorted(self.record.coded_pts) != self.record.pts:
            raise EncoderError(
                f"the encoder gave {len(self.record.coded_pts)} packets for "
                f"{len(self.record.pts)} frames, or at other times; try another codec or preset"
            )
        self.record.state, self.record.digest = state, self._digest.hexdigest()
        self._folder.finish(self.record)
        self._is_finished = True
        self._close()

    def abort(self) -> None:
        """Close and delete it, unless it is finished; never fails."""
        self._close()
        if not self._is_finished:
            with contextlib.suppress(OSError):
                self._path.unlink()

    def _close(self) -> None:
        with contextlib.suppress(OSError):
            self._file.close()
        with contextlib.suppress(av.FFmpegError, ValueError):
            self._out.close()

    def _keep(self, packet: Any) -> None:
        payload = kept_payload(bytes(packet), self.record.form)
        if packet.is_keyframe:
            self.record.keys.append(len(self.record.sizes))
        self.record.coded_pts.append(packet.pts)
        self.record.sizes.append(len(payload))
        self._digest.update(payload)
        self._file.write(payload)
