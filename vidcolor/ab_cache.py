"""The steadied ab of a film's frames, kept small, so that a change of look needs no network.

Note [Half units]
    Every run rounds ab to half CIE units before anything else is made of it, whether it keeps
    them or not. So a film that is rendered from what was kept is the film that a whole run makes.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from vidcolor.media.atomic import output_error, sync_file

HalfUnits = npt.NDArray[np.int16]
"""(2, h, w) a* and b* in half CIE units."""

_HEAD = struct.Struct("<HH")
"""Of a file: rows, columns."""

_FRAME = struct.Struct("<IIB")
"""Before each picture: its bytes, its luma's checksum, and flags."""

_KEEPS, _IS_LATER = 1, 2
"""The source's chroma is kept; this is the later field of the frame before."""


class CachedFrame(NamedTuple):
    """What is kept of one frame."""

    steps: HalfUnits
    keeps_chroma: bool
    """The source's chroma is kept instead."""
    luma_crc: int
    """Of the luma at the network's size, by which the frame is known again."""
    later_steps: HalfUnits | None = None
    """Of the later field, if it has colours of its own."""


class DamagedCacheError(Exception):
    """Kept colours that cannot be used; the film can still be coloured."""


def half_units(ab: npt.NDArray[np.float32]) -> HalfUnits:
    """See Note [Half units]."""
    return np.rint(ab * 2).astype(np.int16)


def from_half_units(steps: HalfUnits) -> npt.NDArray[np.float32]:
    """CIE units."""
    return np.asarray(steps * np.float32(0.5), np.float32)


class AbCacheWriter:
    """Keeps the frames of one segment.

    Each is stored as its difference from the one before: steady colours compress to little.

    Parameters
    ----------
    path:
        Made anew.
    film:
        The output, which messages speak of.

    Raises
    ------
    DiskFullError, OutputFolderError
        If it cannot be written; so do the methods.
    """

    def __init__(self, path: Path, film: Path) -> None:
        self._film = film
        self._path = path
        self._last: HalfUnits | None = None
        try:
            self._file = path.open("wb")
        except OSError as error:
            raise output_error(error, film) from error

    def add(self, frame: CachedFrame) -> None:
        """The next frame."""
        self._add(frame.steps, frame.luma_crc, _KEEPS if frame.keeps_chroma else 0)
        if frame.later_steps is not None:
            self._add(frame.later_steps, frame.luma_crc, _IS_LATER)

    def _add(self, steps: HalfUnits, luma_crc: int, flags: int) -> None:
        try:
            if self._last is None:
                self._file.write(_HEAD.pack(*steps.shape[1:]))
                self._last = np.zeros_like(steps)
            change = (steps - self._last).astype("<i2")
            # Low bytes, then high bytes, which are nearly all alike.
            content = zlib.compress(change.view(np.uint8).reshape(-1, 2).T.tobytes(), 1)
            head = _FRAME.pack(len(content), luma_crc, flags)
            self._file.write(head + content)
        except OSError as error:
            raise output_error(error, self._film) from error
        self._last = steps

    def finish(self) -> None:
        """Make it durable."""
        try:
            self._file.close()
        except OSError as error:
            raise output_error(error, self._film) from error
        sync_file(self._path, self._film)

    def abort(self) -> None:
        """Close and delete it; never fails."""
        try:
            self._file.close()
            self._path.unlink(missing_ok=True)
        except OSError:
            pass  # the job's folder is tidied by the next run


def read_ab_cache(path: Path) -> Iterator[CachedFrame]:
    """The frames of a segment.

    Raises
    ------
    DamagedCacheError
        If the file cannot be read, or is not what was written.
    """
    with path.open("rb") as file:
        head = file.read(_HEAD.size)
        if not head:
            return
        try:
            rows, columns = _HEAD.unpack(head)
            last = np.zeros((2, rows, columns), np.int16)
            frame: CachedFrame | None = None
            while head := file.read(_FRAME.size):
                length, luma_crc, flags = _FRAME.unpack(head)
                last = last + _change(zlib.decompress(file.read(length)), last.shape)
                if frame is not None and flags & _IS_LATER:
                    frame = frame._replace(later_steps=last)
                    continue
                if frame is not None:
                    yield frame
                frame = CachedFrame(last, bool(flags & _KEEPS), luma_crc)
            if frame is not None:
                yield frame
        except (OSError, struct.error, zlib.error, ValueError) as error:
            raise DamagedCacheError(f"{path.name} is not what was written") from error


def _change(content: bytes, shape: tuple[int, ...]) -> Any:
    pairs = np.frombuffer(content, np.uint8).reshape(2, -1).T
    return np.ascontiguousarray(pairs).view("<i2").reshape(shape)
