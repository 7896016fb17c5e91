"""Shows two films in one: frames that are on the screen at the same time, beside each other."""

from __future__ import annotations

import threading
from array import array
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Generic, TypeVar

import cv2
import numpy as np

from vidcolor.color import Rgb8, planes_from_rgb, resolve_tags, rgb_from_planes
from vidcolor.comparison.picture import Arrangement, compose, fitted
from vidcolor.config import EncodeSettings, RunSettings
from vidcolor.errors import Interrupted, SettingsError
from vidcolor.frames import ColoredFrame, ColorTags, Frame, MediaInfo, VideoInfo
from vidcolor.media.atomic import check_output
from vidcolor.media.output import open_writer, plan_any, verify_any
from vidcolor.media.pixels import pixel_layout
from vidcolor.media.probe import probe
from vidcolor.media.reader import FilmReader
from vidcolor.media.safety import MICROSECONDS, limits_in_force
from vidcolor.media.timeline import expected_end_s
from vidcolor.media.verify import VerifyReport
from vidcolor.media.writer import FilmWriter
from vidcolor.report import ProgressEvent, ProgressMeter, read_notices

T = TypeVar("T")

SAME_TIME_S = Fraction(1, 500)
"""Frames this near have the same time: Matroska rounds to milliseconds, and so does its beginning.
Of films with up to 250 frames per second it is less than half a frame."""

SAME_END_S = 0.1
"""By how much a part may reach beyond the film it was cut from, by their headers."""

LEAD_S = 2.0
"""How long before ``start_s`` the second film is read, to find what is on the screen there."""

SAME_SHAPE = 0.02
"""Relative difference of two pictures' width over height that is taken for rounding."""

ENCODING = EncodeSettings(codec="libx264", options={"crf": "18", "preset": "medium"})
"""A comparison is for looking at."""

SHOWN_COLOR = ColorTags(matrix=1, primaries=1, transfer=1, full_range=False, chroma_location=1)
"""What every player shows rightly: BT.709, limited range."""


@dataclass(frozen=True, slots=True)
class FilmComparison:
    """What was written."""

    output: str
    frames: int
    other_times: int
    """Frames beside which the second film has none of that time, but an earlier one (at its
    beginning the first)."""
    width: int
    height: int
    notices: tuple[str, ...]
    verification: VerifyReport


def compare_films(
    first: str | Path,
    second: str | Path,
    output: Path,
    arrangement: Arrangement,
    settings: RunSettings,
    *,
    cancel: threading.Event | None = None,
    on_progress: Callable[[ProgressEvent], None] | None = None,
) -> FilmComparison:
    """Write a film that shows two films.

    It has the first film's frames at their times, sound, subtitles and chapters; beside each
    frame the second film's that is on the screen then, scaled to the first's size. It ends with
    the shorter film.

    Parameters
    ----------
    settings:
        Of which ``start_s`` (from the first film's beginning), ``duration_s``, ``keep_partial``,
        ``allow_hdr``, ``overwrite`` and ``limits`` count.
    cancel:
        When set, `Interrupted` is raised.
    on_progress:
        Called about ten times a second.

    Raises
    ------
    VidcolorError
        One of its subclasses; nothing is then left under the output's name.
    """
    check_output(Path(second), output, settings.overwrite)
    with ExitStack() as stack:
        stack.enter_context(limits_in_force(settings.limits))
        films = _Films(Path(first), Path(second), settings, stack)
        settings = settings.model_copy(
            update={"encode": ENCODING, "allow_drop": True, "start_s": films.start_s}
        )
        info = _shown_info(films.first.info, films.size, arrangement)
        plan = plan_any(info, settings, output)
        expected = settings.model_copy(update={"duration_s": films.expected_s})
        progress = ProgressMeter(info, expected, on_progress)
        writer = stack.enter_context(open_writer(info, output, plan, settings))
        assert isinstance(writer, FilmWriter)
        pts = array("q")

        def watch(stage: str = "compare") -> None:
            if cancel is not None and cancel.is_set():
                raise Interrupted
            progress.tell_if_due(stage)

        for frame, pair in films.pairs():
            luma, cb, cr = planes_from_rgb(_even(compose(*pair, arrangement)), plan.target)
            writer.write(ColoredFrame(replace(frame, luma=luma, chroma=None), luma, cb, cr))
            pts.append(frame.pts)
            progress.count(frame.time_s - info.origin_s, 0)
            watch()
        if films.ended_at_s is not None:
            writer.end_at(films.ended_at_s - films.start_s)
        written = writer.finish(lambda: watch("join"))
        verification = verify_any(plan, written, writer, info, pts, None, lambda: watch("verify"))
        watch()
        writer.commit()
    return FilmComparison(
        output=str(output),
        frames=written.frames,
        other_times=films.other_times,
        width=plan.target.width,
        height=plan.target.height,
        notices=(*films.notices(), *plan.notices, *written.notices()),
        verification=verification,
    )


class OnScreen(Generic[T]):
    """Which frame of a film is on the screen; frames come with the times at which they begin."""

    def __init__(self, frames: Iterator[tuple[Fraction, T]]) -> None:
        self._frames = frames
        self._now: tuple[Fraction, T] | None = None
        self.next = next(frames, None)
        """The frame after that, with its time; None when there is none."""

    def at(self, time: Fraction) -> tuple[Fraction, T]:
        """The last frame that begins by ``time``, which must not fall; else the first."""
        while self.next is not None and (self._now is None or self.next[0] <= time + SAME_TIME_S):
            self._now, self.next = self.next, next(self._frames, None)
        assert self._now is not None, "a reader of no frames has raised"
        return self._now


class _Films:
    """Both films on one clock, which begins with the first film."""

    def __init__(self, first: Path, second: Path, settings: RunSettings, stack: ExitStack) -> None:
        self._later = later_by(probe(first), probe(second))
        self.start_s = max(settings.start_s, float(self._later - SAME_TIME_S))
        self._whole = settings.duration_s is None

        def reader(path: Path, start_s: float, duration_s: float | None) -> FilmReader:
            film = FilmReader(
                path,
                start_s=start_s,
                duration_s=duration_s,
                keep_partial=settings.keep_partial,
                colors_of_rgb=True,
            )
            return stack.enter_context(film)

        self.first = reader(first, self.start_s, settings.duration_s)
        self.second = reader(second, max(0.0, self.start_s - float(self._later) - LEAD_S), None)
        self._tags = [
            resolve_tags(v.color, v.width, v.height, allow_hdr=settings.allow_hdr)
            for v in (self.first.info.video, self.second.info.video)
        ]
        _, end = _extent(self.second.info)
        lengths = [settings.duration_s]
        if end is not None:  # then it may be known that the second film is the shorter one
            lengths.append(end - self.second.info.origin_s + float(self._later) - self.start_s)
        self.expected_s = min((s for s in lengths if s is not None and s > 0), default=None)
        """Seconds that will be compared, by the headers; None if only the first film ends them."""
        self.size = self.first.info.video.display_size
        """(width, height) of each picture."""
        self.other_times = 0
        self.ended_at_s: float | None = None
        """When the second film ended before the first, from the first's beginning."""
        self._second_goes_on = False

    def pairs(self) -> Iterator[tuple[Frame, tuple[Rgb8, Rgb8]]]:
        """Each frame of the first film with both pictures."""
        on_screen = OnScreen(
            (self._time(self.second, frame) + self._later, frame) for frame in self.second
        )
        shown: Frame | None = None
        count = 0
        for frame in self.first:
            time = self._time(self.first, frame)
            other_time, other = on_screen.at(time)
            if (
                on_screen.next is None
                and time >= self._end(self.second) + self._later - SAME_TIME_S
            ):
                self.ended_at_s = float(time)
                break
            count += 1
            self.other_times += abs(other_time - time) > SAME_TIME_S
            if other is not shown:  # it may stay for several frames
                shown, picture = other, self._picture(self.second, other)
            yield frame, (self._picture(self.first, frame), picture)
        else:
            end = self._end(self.first) - SAME_TIME_S
            self._second_goes_on = on_screen.next is not None and on_screen.next[0] >= end
        if not count:
            raise SettingsError(
                f"{self.second.path} ends before {self.start_s:.3f} s, where the comparison "
                "begins; choose another --start"
            )

    def notices(self) -> list[str]:
        """What the user should know, after `pairs`."""
        first, second = self.first.path, self.second.path
        found = [
            f"{r.path}: {n}" for r in (self.first, self.second) for n in read_notices(r.report)
        ]
        if abs(self._later) > SAME_END_S:
            part, film = (second, first) if self._later > 0 else (first, second)
            found.append(
                f"{part} is shown as the part of {film} that begins at "
                f"{abs(float(self._later)):.3f} s"
            )
        if self.other_times:
            found.append(
                f"{self.other_times} frames of {first} have none of {second} at their "
                "time: the one before stays on the screen"
            )
        if self.ended_at_s is not None:
            found.append(f"{second} ends first, at {self.ended_at_s:.3f} s: so does the comparison")
        if self._second_goes_on and self._whole:
            found.append(f"{first} ends first: so does the comparison")
        (a, b), (c, d) = self.size, self.second.info.video.display_size
        if abs(a * d / (b * c) - 1) > SAME_SHAPE:
            found.append(f"{second} is {c}×{d}, of another shape: stretched to {a}×{b}")
        return found

    def _time(self, reader: FilmReader, frame: Frame) -> Fraction:
        return frame.pts * frame.time_base - _origin(reader.info)

    def _end(self, reader: FilmReader) -> Fraction:
        end = reader.report.last_pts_end or 0
        return end * reader.info.video.time_base - _origin(reader.info)

    def _picture(self, reader: FilmReader, frame: Frame) -> Rgb8:
        tags = self._tags[reader is self.second]
        return upright(frame, reader.info.video, tags, self.size)


def upright(frame: Frame, video: VideoInfo, tags: ColorTags, size: tuple[int, int]) -> Rgb8:
    """A frame as it is to be seen: turned, mirrored, and scaled to ``size`` (width, height).

    Parameters
    ----------
    video, tags:
        Of its stream; nothing is unspecified in ``tags``.

    Returns
    -------
    (height, width, 3) uint8.
    """
    layout = video.layout
    subsampling = layout.subsampling or (0, 0)
    rgb = rgb_from_planes(frame.luma, frame.chroma, layout.bit_depth, subsampling, tags)
    return fitted(np.ascontiguousarray(video.upright(rgb)), *size)


def later_by(first: MediaInfo, second: MediaInfo) -> Fraction:
    """Seconds from the first film's beginning to the second's; negative if that begins earlier.

    0, because films are matched from their own beginnings, unless one lies within the other by
    their clocks: then it is a part of it, such as ``vidcolor run --start`` makes, which keeps the
    times of the whole.
    """
    (begin, end), (other_begin, other_end) = _extent(first), _extent(second)
    if end is None or other_end is None:
        return Fraction(0)
    is_inside = other_begin >= begin and other_end <= end + SAME_END_S
    is_around = begin >= other_begin and end <= other_end + SAME_END_S
    return other_begin - begin if is_inside or is_around else Fraction(0)


def _extent(info: MediaInfo) -> tuple[Fraction, float | None]:
    """When a film begins and ends by its own clock, in seconds."""
    end = expected_end_s(info)
    if end is None and info.duration_from_header_s is not None:
        end = info.origin_s + info.duration_from_header_s
    return _origin(info), end


def _origin(info: MediaInfo) -> Fraction:
    return Fraction(round(info.origin_s * MICROSECONDS), MICROSECONDS)


def _shown_info(info: MediaInfo, size: tuple[int, int], arrangement: Arrangement) -> MediaInfo:
    """The first film, as if its picture were what is written: the writer keeps all else of it."""
    blank = np.zeros((size[1], size[0], 3), np.uint8)
    height, width = _even(compose(blank, blank, replace(arrangement, labels=None))).shape[:2]
    video = replace(
        info.video,
        width=width,
        height=height,
        layout=pixel_layout("yuv420p"),
        color=SHOWN_COLOR,
        sample_aspect_ratio=Fraction(1),
        rotation=0,
        mirrored=False,
        field_order="progressive",
    )
    return replace(info, video=video)


def _even(picture: Rgb8) -> Rgb8:
    """4:2:0 needs even sides: the last column or row is repeated where one is odd."""
    down, right = (side % 2 for side in picture.shape[:2])
    if not (down or right):
        return picture
    return np.asarray(
        cv2.copyMakeBorder(picture, 0, down, 0, right, cv2.BORDER_REPLICATE), np.uint8
    )
