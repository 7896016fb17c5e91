"""What the muxer must be told, and how large the output will be at least."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator
from pathlib import Path

import av

from vidcolor.errors import EncoderError
from vidcolor.frames import MediaInfo
from vidcolor.media.atomic import output_explained
from vidcolor.media.plan import MUXER_TITLES, OutputPlan
from vidcolor.media.target import VIDEO_RANGE_ONLY

MAX_INTERLEAVE_US = 1_000_000
"""How long the muxer waits for a stream that is silent. Packets come to it in order already,
see Note [Pacing], so libav's 10 s would only hold memory."""

LARGEST_TIMESCALE = 2**31 - 1
"""MP4 counts ticks per second in 32 bits, which libav takes as signed."""

SOUND_RATES = (48_000, 44_100)
"""Samples per second of most sound; most others divide one of them."""

LEAST_BYTES_PER_SAMPLE = {"ffv1": 0.1, "prores": 0.05, "other": 0.003}
"""Lower bounds of the encoded size per luma sample, from dark, still film. They only serve to
refuse at the start a disk that is certainly too small."""


def container_options(plan: OutputPlan, source: MediaInfo) -> dict[str, str]:
    """Options of the muxer that keep times, defaults and start as they are.

    Parameters
    ----------
    plan:
        Names the muxer.
    source:
        Its time base becomes MP4's; with a second film in the file libav chooses.
    """
    options = {
        # Matroska's muxer would move everything so that no sound begins before 0.
        "avoid_negative_ts": "disabled",
        "max_interleave_delta": str(MAX_INTERLEAVE_US),
    }
    if plan.container == "matroska":
        return {**options, "default_mode": "passthrough"}
    ticks = source.video.time_base.denominator
    films = [s for s in source.streams if s.kind == "video" and not s.is_cover_art]
    if ticks <= LARGEST_TIMESCALE:
        # Start offsets are counted in the file's ticks: with the default, 1 ms, they move.
        options["movie_timescale"] = str(_movie_timescale(ticks, source))
        if len(films) <= 1:
            options["video_track_timescale"] = str(ticks)
    return options


def _movie_timescale(ticks: int, source: MediaInfo) -> int:
    """Ticks per second in which the film's times are whole numbers, and sound's if it fits."""
    # Up to 2³² ticks in all, the header stays in its first version, which everybody reads.
    most = min(LARGEST_TIMESCALE, 2**32 / max(1.0, source.duration_from_header_s or 1.0))
    for rate in SOUND_RATES:
        wider = math.lcm(ticks, rate)
        if wider <= most:
            ticks = wider
    return ticks


def least_size(source: MediaInfo, plan: OutputPlan, part: float = 1.0) -> int:
    """Bytes that the coloured video takes at least; 0 if its length is not known.

    Parameters
    ----------
    part:
        How much of the film is coloured, 0…1.
    """
    family = "prores" if plan.codec in VIDEO_RANGE_ONLY else plan.codec
    per_sample = LEAST_BYTES_PER_SAMPLE.get(family, LEAST_BYTES_PER_SAMPLE["other"])
    return round(
        (source.frames_from_header or 0)
        * part
        * plan.target.width
        * plan.target.height
        * per_sample
    )


def part_of(source: MediaInfo, start_s: float, duration_s: float | None) -> float:
    """How much of the film, 0…1, lies in that part; 1 if its length is not known."""
    whole = source.duration_from_header_s
    if not whole:
        return 1.0
    left = max(0.0, whole - start_s)
    return min(1.0, (left if duration_s is None else min(left, duration_s)) / whole)


@contextlib.contextmanager
def muxing_explained(container: str, path: Path) -> Iterator[None]:
    """The system's and libav's errors while ``path`` is written, as one clear line.

    Raises
    ------
    DiskFullError, OutputFolderError
        In place of what the system reports.
    EncoderError
        In place of the muxer's own errors.
    """
    try:
        with output_explained(path):
            yield
    except av.FFmpegError as error:
        raise EncoderError(
            f"{MUXER_TITLES.get(container, container)} refuses a stream or packet of this film "
            f"({error.strerror}); try another container, such as .mkv"
        ) from error
