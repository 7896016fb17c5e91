"""Writes into a finished QuickTime file which software made it.

Note [Software in QuickTime]
    QuickTime's user data has an entry ``©swr`` for the name and version of the software that made
    the movie (QuickTime File Format Specification, User data atoms). libav's muxer always writes
    its own name there, so the entry is replaced afterwards. It lies in the movie's description
    behind all media data, so that what follows it may move.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

SOFTWARE = b"\xa9swr"
"""The entry's name."""

LARGEST_DESCRIPTION_BYTES = 2**30
"""A movie's description is never larger: some 20 bytes a packet."""

_UNDETERMINED = 0x55C4
# The language "und": three letters of five bits each, less 0x60.


def set_software(path: Path, text: str) -> bool:
    """Say in the QuickTime file ``path`` what made it.

    Returns
    -------
    False, with the file untouched, if its layout is not as expected.
    """
    with path.open("r+b") as file:
        place = _find_last(file, b"moov")
        if place is None:
            return False
        start, size = place
        file.seek(start + 8)
        content = _replaced(file.read(size - 8), text)
        file.seek(start)
        file.write(_atom(b"moov", content))
        file.truncate()
    return True


def _find_last(file: BinaryIO, name: bytes) -> tuple[int, int] | None:
    """(offset, size) of an atom that ends with the file."""
    end = file.seek(0, 2)
    start = 0
    while start + 8 <= end:
        file.seek(start)
        size, kind = struct.unpack(">I4s", file.read(8))
        if size == 1:  # its size has 64 bits
            size = int.from_bytes(file.read(8), "big")
        if size < 8:
            return None
        if kind == name:
            is_last = start + size == end and size <= LARGEST_DESCRIPTION_BYTES
            return (start, size) if is_last else None
        start += size
    return None


def _replaced(movie: bytes, text: str) -> bytes:
    """A movie's description with the entry; of other user data nothing changes."""
    encoded = text.encode()
    entry = _atom(SOFTWARE, struct.pack(">HH", len(encoded), _UNDETERMINED) + encoded)
    others = b"".join(movie[a:b] for kind, a, b in _atoms(movie) if kind != b"udta")
    kept = b"".join(
        movie[a + 8 : b][c:d]
        for kind, a, b in _atoms(movie)
        if kind == b"udta"
        for each, c, d in _atoms(movie[a + 8 : b])
        if each != SOFTWARE
    )
    return others + _atom(b"udta", kept + entry)


def _atoms(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """(name, offset, end) of each; a terminating zero is left out."""
    start = 0
    while start + 8 <= len(data):
        size, kind = struct.unpack_from(">I4s", data, start)
        if size < 8:
            return
        yield kind, start, start + size
        start += size


def _atom(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(content), kind) + content
