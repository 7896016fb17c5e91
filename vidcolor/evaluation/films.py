"""Evaluate coloured films against the colour film that their luma came from."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from vidcolor.color import neutral_code
from vidcolor.errors import Interrupted, UnsupportedColorError, VerificationError
from vidcolor.evaluation.film_measures import FilmMeter, FilmScores, FrameScores, motion_between
from vidcolor.evaluation.measures import Rgb, unit
from vidcolor.frames import Frame, Plane, VideoInfo
from vidcolor.luma import small_luma
from vidcolor.media.reader import FilmReader
from vidcolor.photographs.film_frames import frame_to_rgb
from vidcolor.photographs.photos import Photo
from vidcolor.temporal.shots import ShotDetector

SHORT_SIDE = 256
"""Pixels of the pictures that are compared."""

STRIP_FRAMES = 8
"""Frames shown in a report."""


@dataclass(frozen=True, slots=True, eq=False)
class FilmRow:
    """One colouring of the film."""

    name: str
    scores: FilmScores
    frames: list[FrameScores]
    luma_change: int
    """Largest difference of a luma code from the colour film's, as stored."""


@dataclass(frozen=True, slots=True, eq=False)
class FilmStrip:
    """A few frames, evenly spaced."""

    times_s: list[float] = field(default_factory=list)
    pictures: dict[str, list[Rgb]] = field(default_factory=dict)
    """By row."""


@dataclass(frozen=True, slots=True, eq=False)
class FilmEvaluation:
    """All colourings of one film."""

    film: Path
    times_s: list[float]
    cuts: list[int]
    """Frames that begin a shot, the first one included."""
    rows: list[FilmRow]
    strip: FilmStrip


def evaluate_film(
    film: Path,
    colored: Mapping[str, Path],
    *,
    cancel: threading.Event | None = None,
    on_progress: Callable[[int, int], None] = lambda *_: None,
) -> FilmEvaluation:
    """Compare colourings of ``film`` with its own colours, frame by frame.

    Memory does not depend on the film's length, but for a few numbers to a frame.

    Parameters
    ----------
    film:
        In colour; its luma was coloured.
    colored:
        Films by name of the row, with the same frames; rows ``grey`` and ``truth`` are added.
    cancel:
        When set, `Interrupted` is raised.
    on_progress:
        Called with the frames done and all; each is read twice.

    Raises
    ------
    InputError
        If a film cannot be read, or ``film`` has no colours.
    VerificationError
        If a coloured film has other frames.
    """
    cuts = find_cuts(film, cancel)
    rows = {name: _Row(name) for name in ("grey", *colored, "truth")}
    shown_at = _spaced(cuts.frames, STRIP_FRAMES)
    strip = FilmStrip(pictures={name: [] for name in rows})
    times: list[float] = []
    starts = set(cuts.starts)
    shot = -1
    previous: Rgb | None = None
    with ExitStack() as stack:
        reader = stack.enter_context(FilmReader(film))
        others = {name: _Frames(path, stack) for name, path in colored.items()}
        for index, frame in enumerate(reader):
            _stop_if(cancel)
            truth = unit(_picture(film, frame, reader.info.video))
            is_cut = index in starts
            shot += is_cut
            motion = None if is_cut or previous is None else motion_between(previous, truth)
            for name, row in rows.items():
                shown, luma_change = _shown(name, truth, film, frame, reader.info.video, others)
                row.add(row.meter.add(truth, shown, shot, motion), luma_change)
                if index in shown_at:
                    strip.pictures[name].append(shown)
            if index in shown_at:
                strip.times_s.append(frame.time_s)
            times.append(frame.time_s)
            previous = truth
            on_progress(cuts.frames + index + 1, 2 * cuts.frames)
        for other in others.values():
            other.require_end(len(times))
    return FilmEvaluation(film, times, cuts.starts, [row.result() for row in rows.values()], strip)


@dataclass(slots=True)
class Cuts:
    """Where shots begin."""

    starts: list[int] = field(default_factory=list)
    frames: int = 0


def find_cuts(film: Path, cancel: threading.Event | None = None) -> Cuts:
    """Shots of a film, by its luma alone."""
    detector = ShotDetector()
    found = Cuts()
    with FilmReader(film) as reader:
        for frame in reader:
            _stop_if(cancel)
            found.frames += 1
            decisions = detector.push(small_luma(frame, reader.info.video.layout.bit_depth))
            found.starts += [index for index, is_cut in decisions if is_cut]
    found.starts += [index for index, is_cut in detector.flush() if is_cut]
    return found


class _Row:
    def __init__(self, name: str) -> None:
        self.name = name
        self.meter = FilmMeter()
        self._frames: list[FrameScores] = []
        self._luma_change = 0

    def add(self, scores: FrameScores, luma_change: int) -> None:
        self._frames.append(scores)
        self._luma_change = max(self._luma_change, luma_change)

    def result(self) -> FilmRow:
        return FilmRow(self.name, self.meter.summary(), self._frames, self._luma_change)


class _Frames:
    """The frames of a coloured film, one for each of the colour film's."""

    def __init__(self, path: Path, stack: ExitStack) -> None:
        self._path = path
        self._reader = stack.enter_context(FilmReader(path))
        self.video = self._reader.info.video
        self._frames: Iterator[Frame] = iter(self._reader)
        self._count = 0

    def next(self) -> tuple[Frame, Photo]:
        frame = next(self._frames, None)
        if frame is None:
            raise VerificationError(
                f"{self._path} ends after {self._count} frames, before the colour film; give the "
                "whole film"
            )
        self._count += 1
        return frame, _picture(self._path, frame, self.video)

    def require_end(self, count: int) -> None:
        if next(self._frames, None) is not None:
            raise VerificationError(
                f"{self._path} goes on after the {count} frames of the colour film; give a "
                "colouring of that film"
            )


def _shown(
    name: str,
    truth: Rgb,
    film: Path,
    frame: Frame,
    video: VideoInfo,
    others: Mapping[str, _Frames],
) -> tuple[Rgb, int]:
    """A row's picture and how far its luma is from the colour film's."""
    if name == "truth":
        return truth, 0
    if name == "grey":
        return unit(_picture(film, without_color(frame, video), video)), 0
    other, photo = others[name].next()
    if photo.shape != truth.shape or other.luma.shape != frame.luma.shape:
        raise VerificationError(
            f"{name} has pictures of {other.luma.shape[1]}×{other.luma.shape[0]}, the colour film "
            f"of {frame.luma.shape[1]}×{frame.luma.shape[0]}; give a colouring of that film"
        )
    return unit(photo), luma_change(frame.luma, video, other.luma, others[name].video)


def without_color(frame: Frame, video: VideoInfo) -> Frame:
    """The frame with neutral chroma: what is left is its own luma, by its own matrix."""
    assert frame.chroma is not None
    neutral = neutral_code(video.layout.bit_depth)
    cb, cr = (np.full_like(plane, neutral) for plane in frame.chroma)
    return replace(frame, chroma=(cb, cr))


def luma_change(truth: Plane, video: VideoInfo, shown: Plane, shown_video: VideoInfo) -> int:
    """Largest difference of luma codes, in codes of the deeper of the two; a change of depth by
    shifting, which is exact, is none."""
    depth = max(video.layout.bit_depth, shown_video.layout.bit_depth)
    first, second = (
        plane.astype(np.int32) << (depth - layout.bit_depth)
        for plane, layout in ((truth, video.layout), (shown, shown_video.layout))
    )
    return int(np.abs(first - second).max())


def _picture(path: Path, frame: Frame, video: VideoInfo) -> Photo:
    photo = frame_to_rgb(frame, video, SHORT_SIDE)
    if photo is None:
        raise UnsupportedColorError(
            f"{path} has no chroma planes ({video.layout.name}); give a film in colour, as Y′CbCr"
        )
    return photo


def _spaced(frames: int, count: int) -> set[int]:
    return {frames * (2 * index + 1) // (2 * count) for index in range(count)}


def _stop_if(cancel: threading.Event | None) -> None:
    if cancel is not None and cancel.is_set():
        raise Interrupted
