"""Single frames of a film in the colours that `vidcolor run` would give them.

To within the last bits if `NetworkSettings.every` is 1, because here torch runs the network, see
`NetworkSettings.engine`; otherwise nearly: here it sees every frame.
"""

from __future__ import annotations

import math
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from vidcolor.colorizer import AbPlanes, Colorizer, NetworkGrid, SmallPicture
from vidcolor.config import RunSettings
from vidcolor.edit_carrier import CarriedColors
from vidcolor.errors import Interrupted, SettingsError
from vidcolor.frames import ColorTags, Frame, MediaInfo, Plane
from vidcolor.look import mixed
from vidcolor.media.sequence import open_source
from vidcolor.media.target import target_color
from vidcolor.media.timeline import can_be_sought
from vidcolor.stills import rgb_from_luma_ab
from vidcolor.temporal.shot_list import TOLERANCE_S, ShotList, ShotWalk
from vidcolor.temporal.shot_looks import ShotLooks
from vidcolor.temporal.smooth import TemporalSmoother

SEEK_BEFORE_FRAMES = 3.0
"""How much more than the frames that have a say is read before a single time."""


@dataclass(frozen=True, slots=True, eq=False)
class ColoredKeyframe:
    """One frame, with what `show` needs."""

    time_s: float
    """From the film's beginning."""
    pts: int
    luma: Plane
    lightness: npt.NDArray[np.float32]
    """(h, w) L* at the network's size."""
    ab: AbPlanes
    """Steadied, before any look."""
    info: MediaInfo
    tags: ColorTags
    """Resolved."""

    def show(self, ab: AbPlanes, short_side: int | None = None) -> npt.NDArray[np.uint8]:
        """(H, W, 3) uint8 R′G′B′ of the luma with ``ab``, upright, with square pixels.

        Parameters
        ----------
        short_side:
            Reduce to this many pixels; None keeps the size.
        """
        video = self.info.video
        width = max(1, round(video.width * float(video.sample_aspect_ratio)))
        scale = 1.0
        if short_side is not None:
            scale = min(1.0, short_side / min(width, video.height))
        size = max(1, round(width * scale)), max(1, round(video.height * scale))
        luma = self.luma
        if size != (video.width, video.height):
            shrinks = size[0] * size[1] < luma.size
            method = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
            luma = cv2.resize(luma, size, interpolation=method)
        rgb = rgb_from_luma_ab(luma, ab, video.layout.bit_depth, self.tags, out_depth=8)
        return np.asarray(video.upright(rgb), np.uint8)


@dataclass(slots=True)
class _Around:
    """A wanted frame and its neighbours, until all that have a say are there."""

    wanted: Frame
    """Its luma is kept, the neighbours' is not."""
    items: list[_Seen]
    position: int
    """Of the wanted frame in ``items``."""


@dataclass(slots=True)
class _Seen:
    small: SmallPicture
    is_cut: bool | None
    ab: AbPlanes | None = field(default=None)


class Keyframes:
    """Colours frames at given times.

    Parameters
    ----------
    source, rate:
        A film, or the pattern of an image sequence with its rate.
    settings:
        As for `vidcolor run`: network, smoothing, look, shot list's path.
    shots:
        The list that ``settings.temporal.shots`` names, if it is set.
    colorizer:
        Loaded with ``settings.network``.
    carried:
        Colours of references.
    """

    def __init__(
        self,
        source: str | Path,
        settings: RunSettings,
        shots: ShotList | None,
        colorizer: Colorizer,
        *,
        carried: CarriedColors | None = None,
        rate: str | None = None,
        cancel: threading.Event | None = None,
        on_frame: Callable[[], None] = lambda: None,
    ) -> None:
        self._on_frame = on_frame
        self._carried = carried
        self._source = source
        self._settings = settings
        self._shots = shots
        self._colorizer = colorizer
        self._rate = rate
        self._cancel = cancel or threading.Event()
        self.looks = ShotLooks(settings.look, shots)
        """May be replaced, by one that knows palettes."""

    def look(self, keyframe: ColoredKeyframe) -> AbPlanes:
        """Its ab with what references change, in the look of its shot."""
        ab = keyframe.ab
        if self._carried is not None:
            ab = self._carried.apply(keyframe.pts, ab)
        return mixed(ab, keyframe.lightness, self.looks.at(keyframe.time_s))

    def at(self, time_s: float) -> ColoredKeyframe:
        """The frame that is shown at ``time_s``, seconds from the film's beginning.

        Raises
        ------
        InputError
            If the film cannot be read.
        SettingsError
            If it is not as long.
        """
        before, _ = TemporalSmoother(self._settings.temporal.radius).overlap
        with open_source(self._source, rate=self._rate, keep_partial=True) as reader:
            average = float(reader.info.video.average_rate or 24)
            duration = reader.info.duration_from_header_s
        if time_s < 0 or (duration is not None and time_s >= duration):
            raise _outside(self._source, time_s, duration)
        start = max(0.0, time_s - (before + 1) * SEEK_BEFORE_FRAMES / average)
        if start and can_be_sought(self._source):
            # In a held frame seeking may not find it.
            with suppress(SettingsError):
                for keyframe in self.walk([time_s], start_s=start):
                    if keyframe.time_s <= time_s + TOLERANCE_S:
                        return keyframe
        for keyframe in self.walk([time_s]):
            return keyframe
        raise _outside(self._source, time_s, duration)

    def walk(self, times_s: Sequence[float], *, start_s: float = 0.0) -> Iterator[ColoredKeyframe]:
        """For each of the rising ``times_s`` the last frame that begins by then.

        Times after the film's end give its last frame, times before its first frame that one, as
        `vidcolor.temporal.shot_list.ShotList.index_at` has it. The film is read once, and only the
        wanted frames and their neighbours go through the network.

        Raises
        ------
        InputError
            If the film cannot be read.
        """
        with open_source(
            self._source, rate=self._rate, start_s=start_s, keep_partial=True
        ) as reader:
            yield from self._walk(reader, list(times_s))

    def _walk(self, reader: Any, times_s: list[float]) -> Iterator[ColoredKeyframe]:
        info: MediaInfo = reader.info
        video = info.video
        tags = target_color(video, allow_hdr=self._settings.allow_hdr)
        grid = self._colorizer.grid(
            video.width, video.height, video.sample_aspect_ratio, video.rotation
        )
        before, after = TemporalSmoother(self._settings.temporal.radius).overlap
        listed = ShotWalk(self._shots) if self._shots else None
        recent: deque[_Seen] = deque(maxlen=before + 1)
        open_ones: deque[_Around] = deque()
        wanted = deque(times_s)
        last: Frame | None = None

        def begin_those_until(limit: float) -> None:
            while wanted and last is not None and wanted[0] + TOLERANCE_S < limit:
                wanted.popleft()
                open_ones.append(_Around(last, list(recent), len(recent) - 1))

        for frame in reader:
            if self._cancel.is_set():
                raise Interrupted
            self._on_frame()
            time_s = frame.time_s - info.origin_s
            begin_those_until(time_s)
            small = self._colorizer.shrink(
                frame.luma, grid, video.layout.bit_depth, tags.full_range
            )
            seen = _Seen(small, listed.next(time_s).is_cut if listed else None)
            for around in open_ones:
                around.items.append(seen)
            recent.append(seen)
            last = frame
            while open_ones and len(open_ones[0].items) - open_ones[0].position > after:
                yield self._finish(open_ones.popleft(), grid, info, tags)
            if not wanted and not open_ones:
                return
        begin_those_until(math.inf)
        for around in open_ones:
            yield self._finish(around, grid, info, tags)

    def _finish(
        self, around: _Around, grid: NetworkGrid, info: MediaInfo, tags: ColorTags
    ) -> ColoredKeyframe:
        bits = info.video.layout.bit_depth
        smoother = TemporalSmoother(self._settings.temporal.radius)
        wanted = around.items[around.position]
        if self._settings.temporal.radius:
            new = [seen for seen in around.items if seen.ab is None]
        else:
            new = [] if wanted.ab is not None else [wanted]
        size = max(1, self._colorizer.fix_batch(grid))
        for first in range(0, len(new), size):
            if self._cancel.is_set():
                raise Interrupted
            part = new[first : first + size]
            lightness = [seen.small.lightness for seen in part]
            predicted = self._colorizer.predict(lightness, grid.quarter_turns)
            for seen, ab in zip(part, predicted, strict=True):
                seen.ab = ab
        assert wanted.ab is not None
        steadied = wanted.ab
        if self._settings.temporal.radius:
            done = []
            for index, seen in enumerate(around.items):
                assert seen.ab is not None
                done += smoother.push(index, seen.small.luma_u8(bits), seen.ab, seen.is_cut)
            done += smoother.flush()
            steadied = next(item.ab for item in done if item.index == around.position)
        frame = around.wanted
        return ColoredKeyframe(
            frame.time_s - info.origin_s,
            frame.pts,
            frame.luma,
            wanted.small.lightness,
            steadied,
            info,
            tags,
        )


def _outside(source: str | Path, time_s: float, duration: float | None) -> SettingsError:
    length = "" if duration is None else f", which is {duration:.3f} s long"
    return SettingsError(f"{time_s:g} s is outside {source}{length}: choose a time inside")
