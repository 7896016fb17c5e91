"""Photographs to train on: decoded in memory, or decoded from disk each time they are shown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

import cv2
import numpy as np
import numpy.typing as npt

from vidcolor.errors import PhotoSetError
from vidcolor.photographs.files import EncodedFile

Photo = npt.NDArray[np.uint8]
"""One photograph, (H, W, 3) R′G′B′."""

_SHORTEST_SIDE = 16
"""Pixels; smaller pictures are counted as broken."""


@dataclass(slots=True)
class LeftOut:
    """Photographs that cannot be used, each counted once; filled by several threads."""

    _broken: dict[EncodedFile, None] = field(default_factory=dict)
    _grey: set[EncodedFile] = field(default_factory=set)

    @property
    def broken(self) -> list[str]:
        """Names of files that could not be decoded."""
        return [file.name for file in self._broken]

    @property
    def grey(self) -> int:
        """How many have hardly any colour."""
        return len(self._grey)

    def judge(self, file: EncodedFile, photo: Photo | None, min_chroma: float) -> Photo | None:
        """``photo`` if it can be used; otherwise it is counted here and None comes back."""
        if photo is None:
            self._broken[file] = None
        elif mean_chroma(photo) < min_chroma:
            self._grey.add(file)
        else:
            return photo
        return None


@dataclass(frozen=True, slots=True)
class StoredPhoto:
    """A photograph that is decoded whenever it is shown."""

    file: EncodedFile
    max_short_side: int
    min_chroma: float

    def load(self, left_out: LeftOut) -> Photo | None:
        """The photograph; None if it is broken or grey."""
        photo = decode_photo(self.file.read(), self.max_short_side)
        return left_out.judge(self.file, photo, self.min_chroma)


class PhotoSet:
    """Photographs with the source that each came from.

    A stored photograph that turns out to be broken or grey gives way to the next usable one, so
    that what an index means depends on the files alone.

    Parameters
    ----------
    photos:
        Decoded, or stored.
    sources:
        One to a photograph.
    left_out:
        Where stored photographs that cannot be used are counted.
    """

    def __init__(
        self,
        photos: list[Photo | StoredPhoto] | None = None,
        sources: list[str] | None = None,
        left_out: LeftOut | None = None,
    ) -> None:
        self._photos: list[Photo | StoredPhoto] = [] if photos is None else photos
        self.sources: list[str] = [] if sources is None else sources
        self._left_out = left_out or LeftOut()
        self._useless: set[int] = set()

    def __len__(self) -> int:
        return len(self._photos)

    def __iter__(self) -> Iterator[Photo]:
        return (self[index] for index in range(len(self)))

    def __getitem__(self, index: int) -> Photo:
        for tried in range(index, index + len(self)):
            photo = self._usable(tried % len(self))
            if photo is not None:
                return photo
        raise PhotoSetError(
            f"none of {len(self)} photographs can be used: {len(self._left_out.broken)} could not "
            f"be decoded and {self._left_out.grey} are grey; add colour photographs"
        )

    def add(self, photo: Photo | StoredPhoto, source: str) -> None:
        """One more."""
        self._photos.append(photo)
        self.sources.append(source)

    def spaced(self, count: int) -> PhotoSet:
        """At most ``count`` photographs, evenly spaced through the set."""
        if count >= len(self):
            return self
        picks = [index * len(self) // count for index in range(count)]
        photos = [self._photos[i] for i in picks]
        return PhotoSet(photos, [self.sources[i] for i in picks], self._left_out)

    def _usable(self, index: int) -> Photo | None:
        photo = self._photos[index]
        if not isinstance(photo, StoredPhoto):
            return photo
        if index in self._useless:
            return None
        loaded = photo.load(self._left_out)
        if loaded is None:
            self._useless.add(index)
        return loaded


def decode_photo(content: bytes, max_short_side: int) -> Photo | None:
    """Decode to (H, W, 3) R′G′B′ uint8 with at most ``max_short_side``; None if it cannot be."""
    if not content:
        return None
    try:
        bgr = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error:
        return None
    if bgr is None:
        return None
    height, width = bgr.shape[:2]
    if min(height, width) < _SHORTEST_SIDE:
        return None
    scale = max_short_side / min(height, width)
    if scale < 1:
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        bgr = cv2.resize(bgr, size, interpolation=cv2.INTER_AREA)
    return np.ascontiguousarray(bgr[:, :, ::-1], dtype=np.uint8)


def mean_chroma(photo: Photo) -> float:
    """Mean of max(R,G,B) − min(R,G,B), 0…255, of a 32 × 32 reduction of ``photo``."""
    small = cv2.resize(photo, (32, 32), interpolation=cv2.INTER_AREA).astype(np.int16)
    return float((small.max(axis=2) - small.min(axis=2)).mean())


def source_counts(photos: PhotoSet) -> dict[str, int]:
    """Photos per source, most frequent first; at most the 50 largest are named."""
    return dict(Counter(photos.sources).most_common(50))
