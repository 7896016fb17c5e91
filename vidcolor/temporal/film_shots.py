"""The shots of a film file, and a sheet of pictures that shows them."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from vidcolor.contact_sheet import Picture, clock, fitted, labelled, sheet_of
from vidcolor.errors import EmptyInputError, Interrupted
from vidcolor.frames import Frame, VideoInfo
from vidcolor.luma import small_luma
from vidcolor.media.sequence import open_source
from vidcolor.temporal.shot_finder import ShotFinder
from vidcolor.temporal.shot_list import Shot, ShotList


@dataclass(frozen=True, slots=True)
class FilmShots:
    """What was found in a film."""

    listed: ShotList
    frames: int
    end_s: float
    """When the last frame ends, from the film's beginning."""

    @property
    def spans(self) -> list[tuple[Shot, float]]:
        """Each shot with its end in seconds."""
        ends = [*(shot.start_s for shot in self.listed.shots[1:]), self.end_s]
        return list(zip(self.listed.shots, ends, strict=True))

    def with_list(self, shots: ShotList | None) -> FilmShots:
        """The same film with those shots of a list that begin before its end; None is no list."""
        if shots is None:
            return self
        begun = tuple(shot for shot in shots.shots if shot.start_s < self.end_s)
        return FilmShots(ShotList(shots.film, begun or shots.shots[:1]), self.frames, self.end_s)


def find_shots(
    source: str | Path,
    *,
    rate: str | None = None,
    keep_partial: bool = False,
    cancel: threading.Event | None = None,
    on_frame: Callable[[int, float], None] = lambda *_: None,
) -> FilmShots:
    """Find the cuts, dissolves and fades of a film, by its luma alone.

    Parameters
    ----------
    source:
        A film, or the pattern of an image sequence (``scan_%06d.tif``, with ``rate``).
    keep_partial:
        Accept a film that ends early or has packets that cannot be decoded.
    cancel:
        When set, `Interrupted` is raised.
    on_frame:
        Called after each frame with how many there were and the time of the last, in seconds.

    Raises
    ------
    InputError
        If the film cannot be read.
    """
    finder = ShotFinder()
    with open_source(source, rate=rate, keep_partial=keep_partial) as reader:
        bits, origin = reader.info.video.layout.bit_depth, reader.info.origin_s
        for frame in reader:
            if cancel is not None and cancel.is_set():
                raise Interrupted
            time_s = frame.time_s - origin
            finder.push(small_luma(frame, bits), time_s)
            on_frame(finder.frames, time_s)
        end = float((reader.report.last_pts_end or 0) * reader.info.video.time_base) - origin
    shots = finder.finish()
    if not shots:
        raise EmptyInputError(f"{source} has no frames; check the file")
    return FilmShots(ShotList(Path(source).name, tuple(shots)), finder.frames, end)


def draw_sheet(
    source: str | Path,
    found: FilmShots,
    *,
    rate: str | None = None,
    cancel: threading.Event | None = None,
    on_shot: Callable[[int], None] = lambda _: None,
) -> Picture:
    """One picture from the middle of each shot, with the shot's number and time.

    Parameters
    ----------
    source, rate, cancel:
        As for `find_shots`.
    on_shot:
        Called with the number of pictures drawn.

    Raises
    ------
    InputError
        If the film cannot be read.
    """
    middles = [(shot.start_s + end) / 2 for shot, end in found.spans]
    pictures = _pictures_at(source, middles, rate, cancel)
    tiles = []
    for number, (shot, picture) in enumerate(zip(found.listed.shots, pictures, strict=True), 1):
        label = f"{number}  {clock(shot.start_s)}  {shot.begins}"
        tiles.append(labelled(picture, label))
        on_shot(number)
    return sheet_of(tiles)


def _pictures_at(
    source: str | Path,
    times_s: list[float],
    rate: str | None,
    cancel: threading.Event | None,
) -> Iterator[Picture]:
    """For each of the rising ``times_s`` the last frame that begins by then, upright.

    The film is read once more from its beginning: seeking costs as much where shots are short,
    and recordings that were glued together have other times after a seek.
    """
    wanted = iter([*times_s, math.inf])
    until = next(wanted)
    last: Frame | None = None
    with open_source(source, rate=rate, keep_partial=True) as reader:
        video, origin = reader.info.video, reader.info.origin_s
        for frame in reader:
            if cancel is not None and cancel.is_set():
                raise Interrupted
            while last is not None and frame.time_s - origin > until:
                yield _upright(last, video)
                until = next(wanted)
            last = frame
        while last is not None and until < math.inf:
            yield _upright(last, video)
            until = next(wanted)


def _upright(frame: Frame, video: VideoInfo) -> Picture:
    small = small_luma(frame, video.layout.bit_depth)
    width, height = video.display_size
    return fitted(np.ascontiguousarray(video.upright(small)), width / height)
