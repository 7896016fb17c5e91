"""What a user has coloured in single frames, and what the other frames of their shots get of it.

A folder of keyframes holds a list, ``keyframes.toml``, one picture per shot to be edited in any
program, and under ``originals/`` what the pictures were before::

    film = "old_film.mp4"

    [[keyframe]]
    file = "shot-0001.png"
    time = 3.125            # of the frame, seconds from the film's beginning
    start = 0.0             # of the shot
    end = 6.25

Where a picture differs from its original its colours are carried through the shot. One without
an original, a colour photograph of the same view, counts as a whole.
"""

from __future__ import annotations

import filecmp
import hashlib
import math
import tempfile
import threading
import zlib
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Protocol, Self

import cv2
import numpy as np
import numpy.typing as npt
import torch

from vidcolor.color import lightness_table, rgb_to_lab
from vidcolor.colorizer import AbPlanes, Colorizer, NetworkGrid
from vidcolor.errors import DiskFullError, Interrupted, SettingsError
from vidcolor.frames import Plane, VideoInfo
from vidcolor.media.images import read_rgb
from vidcolor.media.sequence import open_source
from vidcolor.media.target import target_color
from vidcolor.media.timeline import can_be_sought
from vidcolor.tables import TableFormat, finite, quoted
from vidcolor.temporal.carry import Features, MotionThread, Paint, carry
from vidcolor.temporal.shot_list import TOLERANCE_S

KEYFRAME_LIST = "keyframes.toml"
"""In a folder of keyframes."""

ORIGINALS = "originals"
"""Folder in it."""

EDITED_CODES = 4
"""Difference of an 8-bit channel from the original from which a pixel counts as edited: less is
the rounding of an editor's colour management."""

EDITED_AB, COMPARED_SIDE = 4.0, 32
"""The same in CIE units for pictures of another size than their original's, which are compared at
this many pixels on the short side."""

KEPT_SIDE = 512
"""Pixels of the short side to which edited pictures are reduced."""

ASPECT_TOLERANCE = 0.02
"""Relative difference of a picture's aspect from the film's that is put down to rounding."""

MOST_FRAMES = 720
"""Colours are carried over so many frames to either side of a keyframe, no further: those before
it must be kept in memory until it is there."""

FADE_FRAMES = 48
"""Over the last of these they fade out."""

MEMORY_BYTES = 64 * 2**20
"""What is carried waits in memory up to this, then in a temporary file."""

_KEYS = ("file", "time", "start", "end")

_FORMAT = TableFormat(
    kind="list of keyframes",
    row="keyframe",
    columns=_KEYS,
    numbers=_KEYS[1:],
    least="file, time, start and end",
    advice="make a folder of keyframes with vidcolor keyframes FILM -o DIR",
)


@dataclass(frozen=True, slots=True)
class Keyframe:
    """One picture of the list."""

    file: Path
    time_s: float
    """Of its frame, from the film's beginning."""
    start_s: float
    end_s: float
    """Of its shot; frames in [start, end) get its colours."""

    @property
    def original(self) -> Path:
        """What it was before it was edited; need not be there."""
        return self.file.parent / ORIGINALS / self.file.name


def keyframe_list(film: str, keyframes: list[Keyframe]) -> str:
    """The text of a `KEYFRAME_LIST`."""
    name = film.encode("utf-8", "replace").decode()
    lines = [
        "# Edit the pictures in any program, then: vidcolor run FILM --references THIS_FOLDER",
        f"film = {quoted(name)}",
    ]
    for keyframe in keyframes:
        lines += [
            "",
            "[[keyframe]]",
            f"file = {quoted(keyframe.file.name)}",
            f"time = {keyframe.time_s:.6f}",
            f"start = {keyframe.start_s:.6f}",
            f"end = {keyframe.end_s:.6f}",
        ]
    return "\n".join(lines) + "\n"


def read_keyframes(folder: Path, film: str) -> list[Keyframe]:
    """The keyframes of ``film``, a file name, in order of time.

    Raises
    ------
    SettingsError
        If there is no list, it is another film's, or something in it is wrong, which is named.
    """
    path = folder / KEYFRAME_LIST
    table, rows = _FORMAT.read(path)
    of_film = str(table.get("film", ""))
    if of_film not in ("", film, film.encode("utf-8", "replace").decode()):
        raise SettingsError(
            f"{path} lists keyframes of {of_film!r}, not of {film!r}: export them from this film, "
            "or correct the film's name in it"
        )
    keyframes = [_keyframe(path, number, row) for number, row in enumerate(rows, 1)]
    return sorted(keyframes, key=lambda keyframe: keyframe.time_s)


def _keyframe(path: Path, number: int, row: dict[str, Any]) -> Keyframe:
    where = f"{path}: keyframe {number}"
    if not isinstance(row.get("file"), str):
        raise SettingsError(
            f"{where} has no file: write file = NAME, of a picture in {path.parent}"
        )
    seconds = [finite(row.get(key)) for key in _KEYS[1:]]
    for key, value in zip(_KEYS[1:], seconds, strict=True):
        if value is None:
            raise SettingsError(f"{where}: {key} = {row.get(key)!r} is no number of seconds")
    time_s, start_s, end_s = (value for value in seconds if value is not None)
    if not start_s - TOLERANCE_S <= time_s < end_s:
        raise SettingsError(
            f"{where}: time {time_s:g} is not between start {start_s:g} and end {end_s:g}"
        )
    file = path.parent / row["file"]
    if file.parent != path.parent:
        raise SettingsError(f"{where}: {row['file']!r} must be a file in {path.parent}")
    return Keyframe(file, time_s, start_s, end_s)


class Edit(Protocol):
    """Colours that a user wants in one frame."""

    @property
    def keyframe(self) -> Keyframe:
        """Which frame of which shot; its file is where the colours come from."""

    def paint(self, grid: tuple[int, int], quarter_turns: int) -> Paint:
        """The colours on the ab cells of the stored frame.

        Parameters
        ----------
        grid:
            (rows, columns) of the stored frame's ab.
        quarter_turns:
            Counter-clockwise, that bring the stored frame upright.
        """

    def content(self) -> bytes:
        """Changes when the colours do."""


@dataclass(frozen=True, slots=True, eq=False)
class Reference:
    """A keyframe with colours that differ from the automatic ones."""

    keyframe: Keyframe
    rgb: npt.NDArray[np.uint8]
    """(H, W, 3), upright."""
    edited: npt.NDArray[np.float32] | None
    """(H, W) 0…1, which pixels count; None for all."""

    def paint(self, grid: tuple[int, int], quarter_turns: int) -> Paint:
        """See `Edit.paint`."""
        turned = np.ascontiguousarray(np.rot90(self.rgb, -quarter_turns))
        weight = np.ones(turned.shape[:2], np.float32)
        if self.edited is not None:
            weight = np.rot90(self.edited, -quarter_turns).astype(np.float32)
        return paint_on_cells(turned, weight, grid)

    def content(self) -> bytes:
        """See `Edit.content`."""
        edited = b"" if self.edited is None else self.edited.tobytes()
        return repr(self.rgb.shape).encode() + np.ascontiguousarray(self.rgb).tobytes() + edited


def load_references(folder: Path, film: str, video: VideoInfo) -> list[Reference]:
    """The keyframes in ``folder`` that were edited or have no original.

    Raises
    ------
    SettingsError
        As `read_keyframes`; if a picture has not the film's shape; if none was edited.
    InputError
        If a picture cannot be read.
    """
    found = []
    keyframes = read_keyframes(folder, film)
    width, height = video.display_size
    for keyframe in keyframes:
        has_original = keyframe.original.exists()
        if has_original and _are_same(keyframe.file, keyframe.original):
            continue
        rgb = read_rgb(keyframe.file)
        aspect = rgb.shape[1] / rgb.shape[0]
        if abs(aspect * height / width - 1) > ASPECT_TOLERANCE:
            raise SettingsError(
                f"{keyframe.file} is {rgb.shape[1]}×{rgb.shape[0]}, another shape than the film's "
                f"{width}×{height}: crop or export it to that shape"
            )
        edited = None
        if has_original:
            edited = _edited(rgb, read_rgb(keyframe.original))
            if not edited.any():
                continue
        found.append(
            Reference(keyframe, _reduced(rgb), None if edited is None else _reduced(edited))
        )
    if not found:
        raise SettingsError(
            f"none of the {len(keyframes)} pictures in {folder} differs from its original: edit "
            "one, or leave out --references"
        )
    return found


def _are_same(file: Path, original: Path) -> bool:
    try:
        return filecmp.cmp(file, original, shallow=False)
    except OSError:
        return False  # reading it says why


def _edited(rgb: npt.NDArray[np.uint8], original: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """(H, W) 1 where a picture counts as edited."""
    if original.shape == rgb.shape:
        change = cv2.absdiff(rgb, original).max(axis=2)
        return np.asarray(change >= EDITED_CODES, np.float32)
    # Of another size: every edge differs a little. Colours at a low resolution do not.
    scale = COMPARED_SIDE / min(rgb.shape[:2])
    size = max(1, round(rgb.shape[1] * scale)), max(1, round(rgb.shape[0] * scale))
    rows, columns = size[1], size[0]
    ab, before = (
        paint_on_cells(picture, np.ones(picture.shape[:2], np.float32), (rows, columns)).ab
        for picture in (rgb, original)
    )
    apart = np.hypot(*(ab - before)) >= EDITED_AB
    full = (rgb.shape[1], rgb.shape[0])
    mask = cv2.resize(apart.astype(np.uint8), full, interpolation=cv2.INTER_NEAREST)
    return np.asarray(mask, np.float32)


def _reduced(picture: Any) -> Any:
    """No larger than colours need, since edits wait in memory."""
    height, width = picture.shape[:2]
    scale = KEPT_SIDE / min(height, width)
    if scale >= 1:
        return picture
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return cv2.resize(picture, size, interpolation=cv2.INTER_AREA)


def paint_on_cells(
    rgb: npt.NDArray[np.uint8], weight: npt.NDArray[np.float32], grid: tuple[int, int]
) -> Paint:
    """The mean colours of a picture in each cell of a grid of (rows, columns), by weight."""
    lab = rgb_to_lab(torch.from_numpy(rgb).permute(2, 0, 1)[None].float() / 255)[0].numpy()
    method = cv2.INTER_AREA if weight.size > grid[0] * grid[1] else cv2.INTER_LINEAR
    a, b, small = (
        cv2.resize(np.ascontiguousarray(plane), grid[::-1], interpolation=method)
        for plane in (lab[1] * weight, lab[2] * weight, weight)
    )
    safe = np.maximum(small, 1e-6)
    ab = np.asarray(np.stack([a / safe, b / safe]), np.float32)
    return Paint(ab, np.asarray(small, np.float32))


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
            own = one.edit.paint(shape.cells, shape.grid.quarter_turns)
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


def edits_digest(edits: Sequence[Edit]) -> str:
    """Changes when anything about the edits does."""
    digest = hashlib.sha256()
    for edit in edits:
        keyframe = edit.keyframe
        digest.update(repr((keyframe.time_s, keyframe.start_s, keyframe.end_s)).encode())
        digest.update(edit.content())
    return digest.hexdigest()
