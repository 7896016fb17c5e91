"""How much room MP4's description of a film needs before its media data.

Note [Description first]
    Players on the net want the description (``moov``) before the data. It is complete only when
    all data is written; libav's ``faststart`` then moves all data behind it, during which a
    kill would destroy the film. So the film is first written to nowhere, which tells how large
    its description is, and then with that much room left before the data (``moov_size``).
"""

from __future__ import annotations

import os
import struct

from vidcolor.errors import EncoderError

KEPT_BYTES = 4096
"""Of the beginning of what is written; the head of the media data lies within it."""

FILLER_BYTES = 8
"""Of the box that libav puts behind the description, at least."""

LARGEST_SHORT_OFFSET = 2**32
"""Beyond, offsets take 8 bytes instead of 4."""


class Nowhere:
    """A file for libav to write to, of which nothing is kept but its size and beginning."""

    def __init__(self) -> None:
        self._head = bytearray()
        self._at = self._size = 0

    def write(self, data: bytes) -> int:
        """Take ``data``."""
        if self._at < KEPT_BYTES:
            part = bytes(data[: KEPT_BYTES - self._at])
            self._head.extend(bytes(max(0, self._at - len(self._head))))
            self._head[self._at : self._at + len(part)] = part
        self._at += len(data)
        self._size = max(self._size, self._at)
        return len(data)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to a place, as files do; returns it."""
        self._at = offset + (0, self._at, self._size)[whence]
        return self._at

    def tell(self) -> int:
        """The place where the next byte is written."""
        return self._at

    def description_room(self) -> int:
        """Bytes to be left for the description of the MP4 film that was written here.

        Raises
        ------
        EncoderError
            If that film has no media data with its description behind it.
        """
        end = self._end_of_data()
        room = self._size - end + FILLER_BYTES
        # A track gets longer offsets, which are a part of it, when the last of them lies beyond
        # the limit, as it may do only once there is room before the data.
        return 2 * room if end + room > LARGEST_SHORT_OFFSET else room

    def _end_of_data(self) -> int:
        start = 0
        while start + 16 <= len(self._head):
            size, kind, long_size = struct.unpack_from(">I4sQ", self._head, start)
            size = long_size if size == 1 else size
            if kind == b"mdat":
                return start + int(size)
            start += max(size, 8)
        raise EncoderError("MP4's muxer wrote no media data; try another container, such as .mkv")
