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
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np
import numpy.typing as npt

from vidcolor.color import rgb_to_lab
from vidcolor.errors import SettingsError
from vidcolor.frames import VideoInfo
from vidcolor.media.images import read_rgb
from vidcolor.tables import TableFormat, finite, quoted
from vidcolor.temporal.carry import Paint
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

    def paint(self, grid: tuple[int, int], video: VideoInfo) -> Paint:
        """The colours on the ab cells of the stored frame.

        Parameters
        ----------
        grid:
            (rows, columns) of the stored frame's ab.
        video:
            Says how the stored frame is brought upright.
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

    def paint(self, grid: tuple[int, int], video: VideoInfo) -> Paint:
        """See `Edit.paint`."""
        turned = np.ascontiguousarray(video.as_stored(self.rgb))
        weight = np.ones(turned.shape[:2], np.float32)
        if self.edited is not None:
            weight = video.as_stored(self.edited).astype(np.float32)
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
    import torch

    lab = rgb_to_lab(torch.from_numpy(rgb).permute(2, 0, 1)[None].float() / 255)[0].numpy()
    method = cv2.INTER_AREA if weight.size > grid[0] * grid[1] else cv2.INTER_LINEAR
    a, b, small = (
        cv2.resize(np.ascontiguousarray(plane), grid[::-1], interpolation=method)
        for plane in (lab[1] * weight, lab[2] * weight, weight)
    )
    safe = np.maximum(small, 1e-6)
    ab = np.asarray(np.stack([a / safe, b / safe]), np.float32)
    return Paint(ab, np.asarray(small, np.float32))


def edits_digest(edits: Sequence[Edit]) -> str:
    """Changes when anything about the edits does."""
    digest = hashlib.sha256()
    for edit in edits:
        keyframe = edit.keyframe
        digest.update(repr((keyframe.time_s, keyframe.start_s, keyframe.end_s)).encode())
        digest.update(edit.content())
    return digest.hexdigest()
