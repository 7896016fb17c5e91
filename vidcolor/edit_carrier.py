"""Carries edits through a film's shots, and keeps what each frame gets of them."""

from __future__ import annotations

import math
import tempfile
import threading
import zlib
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Self

import numpy as np
import numpy.typing as npt

from vidcolor.color import lightness_table
from vidcolor.colorizer import AbPlanes, Colorizer, NetworkGrid
from vidcolor.errors import DiskFullError, Interrupted, SettingsError
from vidcolor.frames import Plane, VideoInfo
from vidcolor.media.sequence import open_source
from vidcolor.media.target import target_color
from vidcolor.media.timeline import can_be_sought
from vidcolor.references import Edit, Keyframe
from vidcolor.temporal.carry import Features, MotionThread, Paint, carry
from vidcolor.temporal.shot_list import TOLERANCE_S

MOST_FRAMES = 720
"""Colours are carried over so many frames to either side of a keyframe, no further: those before
it must be kept in memory until it is there."""

FADE_FRAMES = 48
"""Over the last of these they fade out."""

MEMORY_BYTES = 64 * 2**20
"""What is carried waits in memory up to this, then in a temporary file."""


class CarriedColors:
    """What the frames of a film get from its references, by pts.

    Closing it frees the temporary file.
    """

    def __init__(self) -> None:
        self._file = tempfile.SpooledTemporaryFile(max_size=MEMORY_BYTES)  # noqa: SIM115
        self._parts: dict[int, list[_Part]] = {}
        self._lock = threading.Lock()
        self._met: set[int] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Free the temporary file; safe to call twice."""
        self._file.close()

    def __len__(self) -> int:
        """Frames that get some."""
        return len(self._parts)

    def add(self, pts: int, paint: Paint, distance: int) -> None:
        """Colours for one frame, kept to whole CIE units and 1/255 of weight.

        Parameters
        ----------
        distance:
            Frames from the one that they were given for: of several the nearest has most say.

        Raises
        ------
        DiskFullError
            If the temporary file cannot hold them.
        """
        weight = np.rint(paint.weight * 255).astype(np.uint8)
        if not weight.any():
            return
        ab = np.where(weight > 0, np.clip(np.rint(paint.ab), -127, 127), 0).astype(np.int8)
        content = zlib.compress(ab.tobytes() + weight.tobytes(), 1)
        with self._lock:
            try:
                begin = self._file.seek(0, 2)
                self._file.write(content)
            except OSError as error:
                raise DiskFullError(
                    f"the folder of temporary files, {tempfile.gettempdir()}, takes no more "
                    f"({error.strerror}): make room, or name another with TMPDIR"
                ) from error
            shape = (weight.shape[0], weight.shape[1])
            self._parts.setdefault(pts, []).append(_Part(begin, len(content), shape, distance))

    @property
    def frames_met(self) -> int:
        """Of them, those that `apply` was asked for."""
        return len(self._met)

    def apply(self, pts: int, ab: AbPlanes) -> AbPlanes:
        """The frame's automatic ``ab`` with what it gets; the same array where that is nothing."""
        if pts not in self._parts:
            return ab
        self._met.add(pts)
        total, most = np.zeros_like(ab), np.zeros(ab.shape[1:], np.float32)
        say = np.full(ab.shape[1:], 1e-6, np.float32)
        for part in self._parts[pts]:
            paint = self._read(part)
            nearness = paint.weight / np.float32(part.distance + 0.5)
            total += paint.ab * nearness
            say += nearness
            np.maximum(most, paint.weight, out=most)
        return np.asarray(ab + (total / say - ab) * most, np.float32)

    def _read(self, part: _Part) -> Paint:
        with self._lock:
            self._file.seek(part.begin)
            content = zlib.decompress(self._file.read(part.length))
        rows, columns = part.shape
        cells = rows * columns
        ab = np.frombuffer(content, np.int8, 2 * cells).reshape(2, rows, columns)
        weight = np.frombuffer(content, np.uint8, cells, 2 * cells).reshape(rows, columns)
        return Paint(ab.astype(np.float32), np.asarray(weight / np.float32(255), np.float32))


class _Part(NamedTuple):
    """What one frame gets of one edit, or of several that were painted over each other."""

    begin: int
    length: int
    shape: tuple[int, int]
    distance: int


@dataclass(frozen=True, slots=True, eq=False)
class _Shape:
    """What all frames of a film have in common."""

    grid: NetworkGrid
    cells: tuple[int, int]
    """(rows, columns) of ab."""
    bits: int
    full_range: bool
    video: VideoInfo


@dataclass(slots=True, eq=False)
class _Frame:
    pts: int
    codes: Plane
    """Luma at the network's size."""

    def luma(self, shape: _Shape) -> npt.NDArray[np.uint8]:
        return np.asarray(self.codes >> (shape.bits - 8), np.uint8)

    def lightness(self, shape: _Shape) -> npt.NDArray[np.float32]:
        return lightness_table(shape.bits, shape.full_range)[self.codes]


class _Thread:
    """A keyframe's colours on their way in one direction."""

    def __init__(
        self, paint: Paint, frame: _Frame, features: Features | None, shape: _Shape
    ) -> None:
        self._paint = paint
        self._features = features
        self._shape = shape
        self._motion = MotionThread(frame.luma(shape), shape.cells)
        self.steps = 0
        """Frames from the one that they were given for."""

    def next(self, frame: _Frame, features: Features | None) -> Paint:
        """The colours in the next frame."""
        self.steps += 1
        place = self._motion.follow(frame.luma(self._shape))
        carried = carry(self._paint, place, self._features, features)
        fade = min(1.0, max(0.0, (MOST_FRAMES - self.steps) / FADE_FRAMES))
        return Paint(carried.ab, np.asarray(carried.weight * fade, np.float32))

    @property
    def is_over(self) -> bool:
        """They go no further."""
        return self.steps >= MOST_FRAMES


class _Seen(NamedTuple):
    """A frame on which later edits may still have a say."""

    frame: _Frame
    own: Paint | None
    """What was given for this very frame."""


class EditCarrier:
    """Carries edits through a film's shots, before the film is coloured.

    Only shots with edits are read. The result depends on nothing but the film, the edits and
    the network.

    Parameters
    ----------
    source, rate:
        A film, or the pattern of an image sequence with its rate.
    colorizer:
        Its network's features are compared; without any motion alone decides.
    """

    def __init__(
        self,
        source: str | Path,
        colorizer: Colorizer,
        *,
        rate: str | None = None,
        allow_hdr: bool = False,
        cancel: threading.Event | None = None,
        on_frame: Callable[[], None] = lambda: None,
    ) -> None:
        self._source = source
        self._rate = rate
        self._colorizer = colorizer
        self._allow_hdr = allow_hdr
        self._cancel = cancel or threading.Event()
        self._on_frame = on_frame

    def carry(self, edits: Sequence[Edit]) -> CarriedColors:
        """Colours for all frames that get some.

        Raises
        ------
        SettingsError
            If a keyframe's time is outside the film.
        """
        carried = CarriedColors()
        shots: dict[tuple[float, float], list[_Waiting]] = {}
        for order, edit in enumerate(edits):
            keyframe = edit.keyframe
            # Lists of shots and of keyframes round their times.
            key = (round(keyframe.start_s, 2), round(keyframe.end_s, 2))
            shots.setdefault(key, []).append(_Waiting(keyframe.time_s, order, edit))
        try:
            for waiting in shots.values():
                self._carry_shot(carried, deque(sorted(waiting)))
        except BaseException:
            carried.close()
            raise
        return carried

    def _carry_shot(self, carried: CarriedColors, waiting: deque[_Waiting]) -> None:
        """Onward while its frames are read, and back from the last edit, through all others."""
        seen: deque[_Seen] = deque()
        onward: _Thread | None = None
        for frame, next_s, shape in self._frames(waiting[0].edit.keyframe):
            self._tick()
            own = self._given(waiting, next_s, shape)
            features = self._features(frame, shape) if own or onward else None
            carried_here = onward.next(frame, features) if onward else None
            if own is not None:
                here = own.over(carried_here) if carried_here else own
                carried.add(frame.pts, here, 0)
                onward = _Thread(here, frame, features, shape)
            elif onward is not None and carried_here is not None:
                carried.add(frame.pts, carried_here, onward.steps)
                onward = None if onward.is_over else onward
            seen.append(_Seen(frame, own))
            if own is not None and not waiting:
                self._carry_back(carried, seen, shape)
                seen.clear()
            elif len(seen) > 2 * MOST_FRAMES:
                # What comes is too far away for the older half.
                self._carry_back(carried, seen, shape)
                while len(seen) > MOST_FRAMES:
                    seen.popleft()
                for index, one in enumerate(seen):  # their edits have been carried back
                    seen[index] = one._replace(own=None)
            if not waiting:
                seen.clear()
                if onward is None:
                    return

    def _given(self, waiting: deque[_Waiting], next_s: float, shape: _Shape) -> Paint | None:
        """What is wanted in the frame that is shown until ``next_s``; later edits lie on top."""
        due = []
        while waiting and next_s > waiting[0].time_s + TOLERANCE_S:
            due.append(waiting.popleft())
        paint = None
        for one in sorted(due, key=lambda one: one.order):
            own = one.edit.paint(shape.cells, shape.video)
            paint = own if paint is None else own.over(paint)
        return paint

    def _carry_back(self, carried: CarriedColors, seen: deque[_Seen], shape: _Shape) -> None:
        thread: _Thread | None = None
        for frame, own in reversed(seen):
            if thread is None and own is None:
                continue
            self._tick()
            features = self._features(frame, shape)
            here = thread.next(frame, features) if thread else None
            if own is not None:
                here = own.over(here) if here else own
                if thread is not None:
                    carried.add(frame.pts, here, 0)
                thread = _Thread(here, frame, features, shape)
            elif thread is not None and here is not None:
                carried.add(frame.pts, here, thread.steps)
                thread = None if thread.is_over else thread

    def _tick(self) -> None:
        if self._cancel.is_set():
            raise Interrupted
        self._on_frame()

    def _features(self, frame: _Frame, shape: _Shape) -> Features | None:
        planes = self._colorizer.features(frame.lightness(shape), shape.grid.quarter_turns)
        return None if planes is None else Features.of(planes)

    def _frames(self, keyframe: Keyframe) -> Iterator[tuple[_Frame, float, _Shape]]:
        """Each frame of the keyframe's shot with the time of the next one.

        Raises
        ------
        SettingsError
            If there is none.
        """
        begin = max(0.0, keyframe.start_s - TOLERANCE_S)
        found = False
        for from_s in (begin, 0.0) if begin and can_be_sought(self._source) else (0.0,):
            try:
                for item in self._frames_from(from_s, begin, keyframe.end_s - TOLERANCE_S):
                    found = True
                    yield item
            except SettingsError:
                pass  # in recordings that were glued together not every time can be sought
            if found:
                return
        raise SettingsError(
            f"{keyframe.file} is to colour the frame at {keyframe.time_s:g} s, where "
            f"{self._source} has none: correct its time, start and end"
        )

    def _frames_from(
        self, from_s: float, begin_s: float, end_s: float
    ) -> Iterator[tuple[_Frame, float, _Shape]]:
        with open_source(
            self._source, rate=self._rate, start_s=from_s, keep_partial=True
        ) as reader:
            info = reader.info
            video = info.video
            grid = self._colorizer.grid(
                video.width, video.height, video.sample_aspect_ratio, video.rotation
            )
            stride = self._colorizer.stride
            shape = _Shape(
                grid,
                (grid.height // stride, grid.width // stride),
                video.layout.bit_depth,
                target_color(video, allow_hdr=self._allow_hdr).full_range,
                video,
            )
            last: _Frame | None = None
            for frame in reader:
                time_s = frame.time_s - info.origin_s
                if last is not None:
                    yield last, math.inf if time_s >= end_s else time_s, shape
                    last = None
                if time_s >= end_s:
                    return
                if time_s < begin_s:
                    self._tick()
                    continue
                small = self._colorizer.shrink(frame.luma, grid, shape.bits, shape.full_range)
                last = _Frame(frame.pts, small.codes)
            if last is not None:
                yield last, math.inf, shape


class _Waiting(NamedTuple):
    """An edit whose frame has not come yet."""

    time_s: float
    order: int
    """In the list of edits: where a frame has several, later ones are painted over earlier."""
    edit: Edit
