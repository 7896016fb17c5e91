"""Times: of decoded frames, of the part to read, of where a film should end.

Every decoded frame gets a presentation time, exact and strictly increasing.

Note [Times that cannot be right]
    Decoders put frames in the order in which they are shown; the bitstream decides that, not
    the container. Where a container's pts says otherwise, as careless remuxing leaves it, the
    pts is wrong; the order stays.

    First one of two times is chosen, by the rule that libavcodec has for its best-effort
    timestamp. Beside its pts a frame has the dts of the packet that was fed last when it came
    out, which in a film of constant rate is right too. Both are watched: each time one is not
    after its predecessor counts as a fault, and the pts is taken as long as it has no more
    faults than the dts. AVI, which stores no pts at all, gets its times this way.

    A time that still does not increase is moved by as little as makes it: one tick after the
    frame before. A jump back by more than `JUMP_BACK_S`, as in recordings glued together, is
    different: from there on all times are shifted, so that the new part follows the old one by
    one frame and keeps its own rhythm. Forward jumps are gaps and are kept.
"""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from fractions import Fraction
from typing import Self

from vidcolor.errors import SettingsError
from vidcolor.frames import MediaInfo, VideoInfo
from vidcolor.media.safety import MICROSECONDS

JUMP_BACK_S = 1.0
"""A pts this much before its predecessor starts a new part; decoders' slips are far smaller."""

HOLE_S = 1.0
"""A gap between frames that may be damage: Matroska drops frames up to its next cluster without
an error. It may also be meant, so it is only counted."""

HEADER_LENGTH_DEMUXERS = ("mov", "matroska", "avi", "mxf", "flv", "asf", "nut", "gxf")
"""Containers that write down how long they are. For the others libav guesses from the bit rate
or looks for the last timestamp, which says nothing about what is missing."""

GLUED_SUFFIXES = (".ts", ".m2ts", ".mts", ".mpg", ".mpeg", ".vob", ".m2t", ".tod", ".mod")
"""Of files that may be several recordings put behind one another, each with times of its own."""

ABSOLUTE_LENGTH_DEMUXERS = ("matroska", "asf", "nut")
"""Those whose "duration" is the time at which the last frame ends, as FFmpeg writes it."""

_TICK_SLACK = Fraction(1, 1000)
# Seconds arrive as floats: a frame this little (in ticks) before the range's edge is meant.


@dataclass(slots=True)
class Timeline:
    """Turns the decoder's times into increasing ones, and counts what had to be changed.

    Parameters
    ----------
    time_base:
        Seconds per tick.
    usual_duration:
        Ticks a frame lasts when nobody says: one over the average rate.
    """

    time_base: Fraction
    usual_duration: int = 1
    missing: int = 0
    """Frames that came without a time."""
    repaired: int = 0
    """Frames whose pts was not after the one before."""
    jumps: int = 0
    """Times at which the clock was set back."""
    holes: int = 0
    """Gaps of more than `HOLE_S` between the end of a frame and the next."""
    hole_ticks: int = 0
    """Their length in all."""
    last_pts: int | None = None
    last_duration: int = 0
    _shift: int = 0
    _last_step: int = 0
    _seen_pts: int | None = None
    _seen_dts: int | None = None
    _faulty_pts: int = 0
    _faulty_dts: int = 0

    @classmethod
    def for_video(cls, video: VideoInfo) -> Self:
        """A timeline in the time base of ``video``."""
        rate = video.average_rate
        return cls(video.time_base, max(1, round(1 / (rate * video.time_base))) if rate else 1)

    def place(self, pts: int | None, dts: int | None, duration: int) -> int:
        """The pts of the next frame in ticks; see Note [Times that cannot be right].

        Parameters
        ----------
        pts, dts:
            As the decoder gives them. Without either the end of the frame before stands in.
        duration:
            Of this frame, 0 if unknown.
        """
        time = self._choose(pts, dts)
        self.missing += time is None
        placed = self._after_last() if time is None else time + self._shift
        last = self.last_pts
        if last is not None and placed <= last:
            if (last - placed) * self.time_base > JUMP_BACK_S:
                self.jumps += 1
                self._shift += self._after_last() - placed
                placed = self._after_last()
            else:
                self.repaired += 1
                placed = last + 1
        if last is not None and (placed - self._after_last()) * self.time_base > HOLE_S:
            self.holes += 1
            self.hole_ticks += placed - self._after_last()
        self._last_step = 0 if last is None else placed - last
        self.last_pts, self.last_duration = placed, duration
        return placed

    def _choose(self, pts: int | None, dts: int | None) -> int | None:
        """The more trustworthy of the two. Source: libavcodec's best-effort timestamp."""
        if dts is not None:
            self._faulty_dts += self._seen_dts is not None and dts <= self._seen_dts
            self._seen_dts = dts
        elif pts is not None:
            self._seen_dts = pts
        if pts is not None:
            self._faulty_pts += self._seen_pts is not None and pts <= self._seen_pts
            self._seen_pts = pts
        elif dts is not None:
            self._seen_pts = dts
        trusted = self._faulty_pts <= self._faulty_dts or dts is None
        return pts if pts is not None and trusted else dts

    @property
    def end(self) -> int | None:
        """Where the last frame ends, in ticks; None before the first."""
        return None if self.last_pts is None else self._after_last()

    def _after_last(self) -> int:
        if self.last_pts is None:
            return 0
        duration = self.last_duration or self.usual_duration
        if duration == 1 and self._last_step > 2:
            # libav makes up one tick where a container has fine ticks and no durations.
            duration = self._last_step
        return self.last_pts + max(1, duration)


def tick_range(
    info: MediaInfo, start_s: float, duration_s: float | None
) -> tuple[int | None, int | None]:
    """First pts of a part and first pts behind it, in ticks; None is no limit.

    Raises
    ------
    SettingsError
        For a negative start or a duration that is not positive.
    """
    if start_s < 0 or not math.isfinite(start_s):
        raise SettingsError(f"start {start_s} s is not allowed: 0 or more")
    if duration_s is not None and not duration_s > 0:
        raise SettingsError(f"duration {duration_s} s is not allowed: more than 0")
    # Container times are whole microseconds; this undoes the rounding of the float.
    origin = Fraction(round(info.origin_s * MICROSECONDS), MICROSECONDS)

    def ticks(seconds: float) -> int:
        return math.ceil((Fraction(seconds) + origin) / info.video.time_base - _TICK_SLACK)

    begin = ticks(start_s) if start_s > 0 else None
    return begin, None if duration_s is None else ticks(start_s + duration_s)


def expected_end_s(info: MediaInfo) -> float | None:
    """When the last frame should end, by the header; None where no header is to be trusted."""
    if not info.container.startswith(HEADER_LENGTH_DEMUXERS):
        return None
    video = info.video
    start_s = float((video.start_pts or 0) * video.time_base)
    if info.container.startswith(ABSOLUTE_LENGTH_DEMUXERS) and start_s >= 0:
        # A length, where some program wrote that instead, is shorter: nothing is accused.
        return video.duration_from_header_s or info.duration_from_header_s
    if video.duration_from_header_s is not None:
        return start_s + video.duration_from_header_s
    if info.duration_from_header_s is not None:
        return info.origin_s + info.duration_from_header_s
    return None


def can_be_sought(path: str | os.PathLike[str]) -> bool:
    """Whether a time means one place of a film: not so in what recorders and discs write, which
    may be recordings that were glued together."""
    return not os.fspath(path).lower().endswith(GLUED_SUFFIXES)
