"""What a run tells: its progress while it goes on, and its report at the end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

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
