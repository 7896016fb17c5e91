"""What a run tells: its progress while it goes on, and its report at the end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from vidcolor.config import RunSettings
from vidcolor.frames import MediaInfo
from vidcolor.media.reader import ReadReport
from vidcolor.media.verify import VerifyReport


@dataclass(slots=True)
class ProgressEvent:
    """How far a run is; given to ``on_progress`` about ten times a second."""

    stage: str
    """``color`` or ``verify``."""
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
    checkpoint_licence: str
    device: str
    precision: str
    frames_in: int
    """Frames that the decoder yielded."""
    frames_out: int
    """Frames found in the finished file."""
    luma_identical: int
    """Frames whose luma entered the encoder exactly as it was decoded."""
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


def read_notices(read: ReadReport) -> list[str]:
    """What the reader had to put right or leave out, one line each."""
    notes = {
        "packets could not be decoded and are missing": read.undecodable_packets,
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
    total = video.num_frames_from_header
    seconds = video.duration_from_header_s or info.duration_from_header_s
    if total is None and seconds and video.average_rate:
        total = round(seconds * video.average_rate)
    if total is None or not seconds or not (settings.start_s or settings.duration_s):
        return total
    shown = min(settings.duration_s or seconds, max(0.0, seconds - settings.start_s))
    return max(1, round(total * shown / seconds))
