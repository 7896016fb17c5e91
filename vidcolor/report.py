"""What a run tells: its progress while it goes on, and its report at the end."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from vidcolor.config import RunSettings
from vidcolor.frames import MediaInfo
from vidcolor.media.read_report import ReadReport
from vidcolor.media.verify import VerifyReport


@dataclass(slots=True)
class ProgressEvent:
    """How far a run is; given to ``on_progress`` about ten times a second."""

    stage: str
    """``carry`` (of edited colours), ``render`` (segments of an earlier run again), ``find`` (the
    place where it ended), ``recover`` (its segments from a film that it was joining), ``color``,
    ``compare`` (``vidcolor compare``), ``join`` or ``verify``."""
    frames_done: int
    frames_total: int | None
    """From the header, so a hint; None when it does not say."""
    time_s: float
    """Presentation time of the last frame written."""
    duration_s: float | None
    fps: float
    eta_s: float | None
    shot: int
    """1-based number of the present shot."""


@dataclass(slots=True)
class RunReport:
    """What a finished run did; every number was counted in this run."""

    source: str
    output: str
    preset: str
    checkpoint: str
    checkpoint_sha256: str
    checkpoint_licence: str
    device: str
    precision: str
    engine: str
    """What ran the network: torch, or OpenVINO and its version."""
    frames_in: int
    """Frames that the decoder yielded."""
    frames_out: int
    """Frames found in the finished file."""
    frames_resumed: int
    """Of these, frames that an interrupted run had already coloured."""
    frames_repeated: int
    """Frames that show what the frame before shows, and were given its colours."""
    frames_carried: int
    """Frames that were given the colours of an earlier frame along motion, not the network's."""
    luma_identical: int
    """Frames whose luma entered the encoder exactly as it was decoded, or deinterlaced."""
    is_deinterlaced: bool
    """Luma is not the decoder's, but that of frames that were deinterlaced."""
    source_luma_sha256: str
    """`vidcolor.luma.FrameHashes.total` of the luma as it was decoded, or deinterlaced."""
    encoder_luma_sha256: str | None
    """Likewise, as it entered the encoder; None for pictures, which are written as R′G′B′."""
    undecodable_packets: int
    shots: int
    codec: str
    width: int
    height: int
    bit_depth: int
    streams: list[dict[str, Any]]
    notices: list[str]
    stage_ms: dict[str, float]
    """Busy milliseconds per frame, by stage; stages overlap, so they add up to more than wall."""
    wall_s: float
    fps: float
    verification: VerifyReport
    report_file: str | None = None
    """Where the report was written, if it was asked for."""


TELL_S = 0.1
"""Seconds between progress events while the output is verified."""


class ProgressMeter:
    """Counts frames in the writer's thread and tells how far a run is from the calling thread.

    Parameters
    ----------
    info, settings:
        Say how many frames to expect.
    on_progress:
        Called with every event.
    """

    def __init__(
        self,
        info: MediaInfo,
        settings: RunSettings,
        on_progress: Callable[[ProgressEvent], None] | None,
    ) -> None:
        self._on_progress = on_progress
        self._frames_total = expected_frames(info, settings)
        self._duration_s = info.duration_from_header_s
        self._time_s = 0.0
        self._begin = self._last_told = time.perf_counter()
        self.frames_written = 0
        self._frames_before = 0
        self.shot = 0
        """0-based number of the present shot."""

    def start(self) -> None:
        """Rates are counted from now on."""
        self._begin = time.perf_counter()

    def go_on_after(self, frames: int, shot: int) -> None:
        """So many frames were written by an earlier run; shot ``shot`` is the next."""
        self.frames_written = self._frames_before = frames
        self.shot = shot

    def count(self, time_s: float, shot: int) -> None:
        """One more frame, shown at ``time_s``, has been written."""
        self.frames_written += 1
        self._time_s = time_s
        self.shot = shot

    def tell_if_due(self, stage: str) -> None:
        """`tell`, but not more often than every `TELL_S`."""
        if time.perf_counter() - self._last_told > TELL_S:
            self.tell(stage)

    def tell(self, stage: str) -> None:
        """Call ``on_progress`` with what has been counted so far."""
        self._last_told = time.perf_counter()
        if self._on_progress is None:
            return
        done, total = self.frames_written, self._frames_total
        elapsed = self._last_told - self._begin
        fps = (done - self._frames_before) / elapsed if elapsed > 0 else 0.0
        self._on_progress(
            ProgressEvent(
                stage=stage,
                frames_done=done,
                frames_total=total,
                time_s=self._time_s,
                duration_s=self._duration_s,
                fps=fps,
                eta_s=max(0, total - done) / fps if total and fps else None,
                shot=self.shot + 1,
            )
        )


def read_notices(read: ReadReport) -> list[str]:
    """What the reader had to put right or leave out, one line each."""
    notes = {
        "packets could not be decoded: their frames are missing, all others and the sound keep "
        "their times": read.undecodable_packets,
        "frames are marked as damaged by the decoder": read.corrupt_frames,
        "frames came without a time, which was derived": read.missing_pts,
        "frames had a time not after the one before and were moved": read.repaired_pts,
        "times the source's clock was set back": read.clock_jumps,
        "gaps of more than a second between frames": read.holes,
    }
    counted = [f"{count} {what}" for what, count in notes.items() if count]
    if read.missing_s or read.missing_bytes:
        counted.append(
            f"the source ends early: {read.missing_s:.2f} s, {read.missing_bytes} bytes are missing"
        )
    return counted


def expected_frames(info: MediaInfo, settings: RunSettings) -> int | None:
    """How many frames the header lets us expect; None when it does not say."""
    video = info.video
    total = info.frames_from_header
    seconds = video.duration_from_header_s or info.duration_from_header_s
    if total is None or not seconds or not (settings.start_s or settings.duration_s):
        return total
    shown = min(settings.duration_s or seconds, max(0.0, seconds - settings.start_s))
    return max(1, round(total * shown / seconds))
