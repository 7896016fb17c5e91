"""Image sequences as films: ``scan_%06d.tif`` with a frame rate."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Self

from vidcolor.config import Deinterlace, Limits
from vidcolor.errors import (
    CorruptInputError,
    InputLimitError,
    InputNotFoundError,
    NotMediaError,
    SettingsError,
)
from vidcolor.frames import ColorTags, FieldReport, Frame, MediaInfo, StreamInfo, VideoInfo
from vidcolor.media.picture_files import CODECS, Picture, picture_notices, read_picture
from vidcolor.media.probe import SEQUENCE_NUMBER, is_sequence_pattern
from vidcolor.media.read_report import ReadReport
from vidcolor.media.reader import FilmReader
from vidcolor.media.safety import check_input_path, current_limits, raise_limit
from vidcolor.media.timeline import tick_range

CONTAINER = "image sequence"
"""`MediaInfo.container` of a sequence."""

DEFAULT_RATE = Fraction(24)
"""Frames per second of a sequence when nobody says: sound film's."""

MAX_RATE = 1000
"""Highest frame rate that makes sense for a film."""


@dataclass(frozen=True, slots=True)
class NumberedFiles:
    """The files of a sequence: a pattern and the numbers that exist."""

    pattern: Path
    numbers: tuple[int, ...]
    """Ascending."""
    size_bytes: int

    def path(self, number: int) -> Path:
        """The file with this number."""
        return self.pattern.with_name(numbered_name(self.pattern.name, number))

    @property
    def first_missing(self) -> Path | None:
        """The first file that is not there between the first and the last, if any."""
        for expected, number in enumerate(self.numbers, start=self.numbers[0]):
            if number != expected:
                return self.path(expected)
        return None


def numbered_name(pattern: str, number: int) -> str:
    """``scan_%06d.tif`` and 12 give ``scan_000012.tif``."""
    return SEQUENCE_NUMBER.sub(lambda match: f"{number:0{int(match[1] or 1)}d}", pattern)


def find_files(pattern: str | os.PathLike[str], limits: Limits | None = None) -> NumberedFiles:
    """All files that fit ``pattern``.

    Parameters
    ----------
    limits:
        What is refused; None is `vidcolor.media.safety.current_limits`.

    Raises
    ------
    InputNotFoundError
        If there is none.
    NotMediaError
        If the pattern's suffix is not a picture format that is read, or it has two numbers.
    InputLimitError
        If there are too many.
    """
    path, limits = Path(pattern), limits or current_limits()
    if path.suffix.lower() not in CODECS:
        raise NotMediaError(
            f"{path}: sequences of {path.suffix or 'no suffix'!r} are not read; "
            f"allowed are {', '.join(CODECS)}"
        )
    parts = SEQUENCE_NUMBER.split(path.name)[::2]
    if len(parts) != 2:
        raise NotMediaError(f"{path} must hold exactly one number such as %06d")
    fits = re.compile(re.escape(parts[0]) + r"(\d+)" + re.escape(parts[1]))
    found: dict[int, int] = {}
    try:
        with os.scandir(path.parent) as entries:
            for entry in entries:
                match = fits.fullmatch(entry.name)
                if match is None or not entry.is_file():
                    continue
                number = int(match[1])
                if numbered_name(path.name, number) == entry.name:
                    found[number] = entry.stat().st_size
                if len(found) > limits.max_frames:
                    raise InputLimitError(
                        f"{path} has more than {limits.max_frames} pictures; cut it into parts, or "
                        f"{raise_limit('max_frames')}"
                    )
    except OSError as error:
        raise InputNotFoundError(f"{path.parent} cannot be read: {error.strerror}") from error
    if not found:
        raise InputNotFoundError(
            f"no file fits {path}; the number must be written as in the names, such as %06d"
        )
    return NumberedFiles(path, tuple(sorted(found)), sum(found.values()))


def parse_rate(rate: str | float | Fraction | None) -> Fraction | None:
    """Frames per second from ``24``, ``23.976``, ``24000/1001``; None stays None.

    Raises
    ------
    SettingsError
        If it is not a number between 0 and `MAX_RATE`.
    """
    if rate is None:
        return None
    try:
        parsed = Fraction(str(rate)) if isinstance(rate, float) else Fraction(rate)
    except (ValueError, ZeroDivisionError):
        parsed = Fraction(0)
    if not 0 < parsed <= MAX_RATE:
        raise SettingsError(
            f"rate {rate!r} is not allowed: frames per second up to {MAX_RATE}, "
            "such as 24, 16 or 24000/1001"
        )
    return parsed


def probe_sequence(
    pattern: str | os.PathLike[str],
    *,
    rate: str | float | Fraction | None = None,
    limits: Limits | None = None,
) -> MediaInfo:
    """What an image sequence is, from its first picture and the list of files.

    Parameters
    ----------
    limits:
        What is refused; None is `vidcolor.media.safety.current_limits`.

    Raises
    ------
    InputError
        One of its subclasses.
    """
    limits = limits or current_limits()
    files = find_files(pattern, limits)
    first = files.path(files.numbers[0])
    return _describe(files, parse_rate(rate), first, read_picture(first, limits))


def _describe(
    files: NumberedFiles, rate: Fraction | None, first: Path, picture: Picture
) -> MediaInfo:
    notices = picture_notices(first, picture)
    if rate is None:
        notices.append(f"no frame rate given: {DEFAULT_RATE} frames per second are assumed")
    missing = files.first_missing
    if missing is not None:
        notices.append(f"the numbering has a gap: {missing.name} is missing")
    rate = rate or DEFAULT_RATE
    height, width = picture.codes.shape[:2]
    codec = CODECS[first.suffix.lower()]
    last = files.numbers[-1] - files.numbers[0]
    duration_s = float((last + 1) / rate)
    video = VideoInfo(
        index=0,
        codec=codec,
        width=width,
        height=height,
        layout=picture.layout,
        # Pictures are sRGB, whose primaries are BT.709's; luma is BT.709's as computed.
        color=ColorTags(1, 1, 1, full_range=True),
        time_base=1 / rate,
        average_rate=rate,
        num_frames_from_header=len(files.numbers),
        duration_from_header_s=duration_s,
        start_pts=0,
    )
    detail = f"{width}×{height} {picture.layout.name}"
    return MediaInfo(
        path=str(files.pattern),
        container=CONTAINER,
        video=video,
        streams=(StreamInfo(0, "video", codec, dispositions=("default",), detail=detail),),
        duration_from_header_s=duration_s,
        size_bytes=files.size_bytes,
        notices=tuple(notices),
    )


class SequenceReader:
    """All pictures of an image sequence as frames; the same interface as `FilmReader`.

    The pts counts pictures from the first file, whatever its number; the time base is one
    over the rate.

    Parameters
    ----------
    path:
        Pattern with one number, ``scan_%06d.tif``.
    rate:
        Frames per second; None is `DEFAULT_RATE`, with a notice.
    start_s, duration_s, keep_partial, limits, threads:
        As for `FilmReader`. With ``keep_partial`` missing and undecodable pictures are left
        out, their time stays.

    Raises
    ------
    InputError
        One of its subclasses: here for missing files, in iteration for undecodable ones.
    SettingsError
        For a rate that is not allowed.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        rate: str | float | Fraction | None = None,
        start_s: float = 0.0,
        duration_s: float | None = None,
        keep_partial: bool = False,
        limits: Limits | None = None,
        threads: int = 0,
    ) -> None:
        del threads  # pictures are decoded one at a time
        self.fields: FieldReport | None = None
        """Nobody looks at the fields of pictures."""
        self.deinterlaces = False
        self.path = Path(path)
        self.keep_partial = keep_partial
        self.limits = limits or current_limits()
        self.report = ReadReport()
        self._files = find_files(path, self.limits)
        missing = self._files.first_missing
        if missing is not None and not keep_partial:
            raise InputNotFoundError(
                f"{missing} is missing in the sequence; restore it, or leave it out with "
                "--keep-partial"
            )
        self.info: MediaInfo = probe_sequence(path, rate=rate, limits=self.limits)
        self._begin, self._end = tick_range(self.info, start_s, duration_s)
        self._started = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Nothing stays open between pictures; here for the common interface."""

    def __iter__(self) -> Iterator[Frame]:
        """The frames, in order; can be done once.

        Raises
        ------
        CorruptInputError
            For a picture that cannot be decoded, or differs in size or depth from the first.
        SettingsError
            If no frame begins in the part that was asked for.
        """
        if self._started:
            raise RuntimeError("a SequenceReader can be iterated once")
        self._started = True
        return self._frames()

    def _frames(self) -> Iterator[Frame]:
        first, failures = self._files.numbers[0], 0
        for number in self._files.numbers:
            pts = number - first
            if (self._begin is not None and pts < self._begin) or (
                self._end is not None and pts >= self._end
            ):
                continue
            try:
                picture = self._read(self._files.path(number))
            except CorruptInputError:
                failures += 1
                self.report.undecodable_packets += 1
                if not self.keep_partial or failures > self.limits.max_bad_packets:
                    raise
                continue
            failures = 0
            yield self._frame(picture, pts)
        if self.report.frames == 0:
            raise SettingsError(
                f"{self.path}: no picture is in the part to be coloured; the sequence is "
                f"{self.info.duration_from_header_s or 0:.3f} s long, choose another --start"
            )

    def _frame(self, picture: Picture, pts: int) -> Frame:
        frame = Frame(
            index=self.report.frames,
            luma=picture.luma,
            pts=pts,
            time_base=self.info.video.time_base,
            duration=1,
        )
        self.report.frames += 1
        self.report.last_pts_end = pts + 1
        return frame

    def _read(self, path: Path) -> Picture:
        picture = read_picture(path, self.limits)
        video = self.info.video
        found = (*picture.codes.shape[1::-1], picture.bit_depth)
        expected = (video.width, video.height, video.layout.bit_depth)
        if found != expected:
            raise CorruptInputError(
                f"{path} is {found[0]}×{found[1]} with {found[2]} bits, the first picture "
                f"{expected[0]}×{expected[1]} with {expected[2]}; make them alike"
            )
        return picture


def open_source(
    path: str | os.PathLike[str],
    *,
    rate: str | float | Fraction | None = None,
    start_s: float = 0.0,
    duration_s: float | None = None,
    keep_partial: bool = False,
    deinterlace: Deinterlace = "off",
    fields: FieldReport | None = None,
    limits: Limits | None = None,
    threads: int = 0,
) -> FilmReader | SequenceReader:
    """A reader for a film, or for an image sequence if ``path`` is a numbered pattern.

    Pictures of a sequence are taken for progressive, whatever ``deinterlace`` says.

    Raises
    ------
    InputError
        One of its subclasses.
    SettingsError
        For a rate that is not allowed, or given for a film, which has its own times.
    """
    if is_sequence_pattern(path):
        return SequenceReader(
            path,
            rate=rate,
            start_s=start_s,
            duration_s=duration_s,
            keep_partial=keep_partial,
            limits=limits,
            threads=threads,
        )
    if rate is not None:
        check_input_path(path)
        raise SettingsError(
            f"rate {rate} is for image sequences such as scan_%06d.tif; {path} has its own times"
        )
    return FilmReader(
        path,
        start_s=start_s,
        duration_s=duration_s,
        keep_partial=keep_partial,
        deinterlace=deinterlace,
        fields=fields,
        limits=limits,
        threads=threads,
    )
