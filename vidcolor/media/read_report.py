"""What happened while a film was read."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class ReadReport:
    """What happened while reading; filled as it goes."""

    frames: int = 0
    """Frames handed out."""
    undecodable_packets: int = 0
    """Packets that were skipped because they could not be read or decoded."""
    corrupt_frames: int = 0
    """Frames that the decoder itself marks as damaged; they are handed out."""
    missing_pts: int = 0
    """Frames whose time had to be derived."""
    repaired_pts: int = 0
    """Frames whose time was not after the one before; see `vidcolor.media.timeline`."""
    clock_jumps: int = 0
    """Times at which the clock was set back, as where recordings are glued together."""
    holes: int = 0
    """Gaps of more than a second between frames: damage, or meant so."""
    holes_s: float = 0.0
    """Their length in all."""
    last_pts_end: int | None = None
    """End of the last frame, in ticks of the video's time base."""
    missing_bytes: int = 0
    """By how much the file is shorter than its header says."""
    missing_s: float = 0.0
    """By how much a cut film ends before its header says."""
