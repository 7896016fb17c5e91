"""Deletes segments while they are joined, each as soon as its packets are in the film.

See Note [Moved segments].
"""

from __future__ import annotations

import logging
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from vidcolor.media.segments import MovedPackets, SegmentFolder, SegmentRecord, new_digest

log = logging.getLogger(__name__)

LOOK_PACKETS, LOOK_BYTES = 48, 4 * 2**20
"""The film is looked into whenever so many packets, or so much, have been given to the muxer."""

MOST_WAITING, MOST_WAITING_BYTES = 2000, 2 * 2**20
"""With more of both given to the muxer, and the first of them not found, it must have written
them otherwise. Matroska's holds 5 s or 5 MB of film, all hold 32 KiB of what they write."""

MOST_MISTAKEN = 200
"""Places that look like one payload and are not: the content of each has been compared."""

PIECE_BYTES, PIECES = 64, 8
"""Of a payload, by which it is found: its first one, and that of so many with the most different
bytes. Many payloads begin alike, and others repeat themselves."""


@dataclass(frozen=True, slots=True)
class _Payload:
    """One that was given to the muxer."""

    head: bytes
    """Its first bytes."""
    piece: bytes
    """Some others."""
    at: int
    """Where in it those are."""
    size: int
    digest: bytes


@dataclass(slots=True)
class _Leaving:
    """A segment that is being joined."""

    record: SegmentRecord
    offsets: list[int] = field(default_factory=list)
    """Of its payloads that were found."""


class SegmentMover:
    """Follows payloads into a film that is being written.

    Parameters
    ----------
    folder:
        The segments.
    film:
        The unfinished film, in the same folder.
    """

    def __init__(self, folder: SegmentFolder, film: Path) -> None:
        self._folder = folder
        self._film = film
        self._leaving: deque[_Leaving] = deque()
        self._waiting: deque[_Payload] = deque()
        self._waiting_bytes = 0
        self._new_packets = self._new_bytes = 0
        self._window = _Window()
        self.gave_up = False
        """The muxer writes payloads otherwise: all segments stay where they are."""
        self.has_moved = False
        """The film may have the only copy of a segment."""

    def expect(self, record: SegmentRecord, payload: bytes) -> None:
        """The next ``payload``, one of segment ``record``, was given to the muxer.

        Raises
        ------
        OSError, DiskFullError, OutputFolderError
            If the film cannot be read, or a segment that is in it not be noted.
        """
        if self.gave_up:
            return
        if not self._leaving or self._leaving[-1].record is not record:
            self._leaving.append(_Leaving(record))
        piece, at = _telling_piece(payload)
        head = payload[:PIECE_BYTES]
        self._waiting.append(_Payload(head, piece, at, len(payload), _digest(payload)))
        self._waiting_bytes += len(payload)
        self._new_packets += 1
        self._new_bytes += len(payload)
        if self._new_packets >= LOOK_PACKETS or self._new_bytes >= LOOK_BYTES:
            self.look()

    def look(self) -> None:
        """Move every segment whose last payload is found.

        Raises
        ------
        OSError, DiskFullError, OutputFolderError
            As `expect`.
        """
        self._new_packets = self._new_bytes = 0
        with self._film.open("rb") as file:
            while self._waiting:
                offset = self._window.find(self._waiting[0], file)
                if offset is None:
                    break
                self._waiting_bytes -= self._waiting.popleft().size
                self._found(offset)
        is_long = len(self._waiting) > MOST_WAITING and self._waiting_bytes > MOST_WAITING_BYTES
        if is_long or self._window.mistaken > MOST_MISTAKEN:
            log.info(
                "%s: packets are not found again, the segments stay until it is done", self._film
            )
            self.gave_up = True
            self._waiting.clear()
        self._window.forget()

    def _found(self, offset: int) -> None:
        record, offsets = self._leaving[0].record, self._leaving[0].offsets
        offsets.append(offset)
        if len(offsets) == len(record.sizes):
            self.has_moved = True  # before it is: an interrupt may come at any moment
            self._folder.move(record, MovedPackets(self._film.name, offsets))
            self._leaving.popleft()


class _Window:
    """A stretch of a growing file, which moves on with what is sought in it and never back."""

    def __init__(self) -> None:
        self._start = 0
        """Of the stretch, in the file."""
        self._data = b""
        self._sought = 0
        """In the stretch: up to here the next payload does not begin."""
        self.mistaken = 0
        """Places that looked like the payload that is sought and were not."""

    def find(self, wanted: _Payload, file: BinaryIO) -> int | None:
        """Where ``wanted`` lies behind what was found before; None if it is not there yet."""
        while True:
            place = self._data.find(wanted.piece, self._sought + wanted.at)
            while place >= 0:
                begin = place - wanted.at
                if begin + wanted.size > len(self._data):
                    break
                if self._data.startswith(wanted.head, begin):
                    if _digest(self._data[begin : begin + wanted.size]) == wanted.digest:
                        self._sought, self.mistaken = begin + wanted.size, 0
                        return self._start + begin
                    self.mistaken += 1
                    if self.mistaken > MOST_MISTAKEN:
                        return None
                place = self._data.find(wanted.piece, place + 1)
            behind = place if place >= 0 else len(self._data) - len(wanted.piece) + 1
            self._sought = max(self._sought, behind - wanted.at)
            if not self._read_on(file):
                return None

    def forget(self) -> None:
        """Hold nothing in memory until the next search."""
        self._start += self._sought
        self._data, self._sought = b"", 0

    def _read_on(self, file: BinaryIO) -> bool:
        """Go on with what follows; False at the end."""
        file.seek(self._start + len(self._data))
        more = file.read(LOOK_BYTES)
        self._data = self._data[self._sought :] + more
        self._start += self._sought
        self._sought = 0
        return bool(more)


def _telling_piece(payload: bytes) -> tuple[bytes, int]:
    """Some bytes of ``payload``, and where they are."""
    step = max(1, (len(payload) - PIECE_BYTES) // (PIECES - 1))
    places = range(0, max(1, len(payload) - PIECE_BYTES + 1), step)
    at = max(places, key=lambda place: len(set(payload[place : place + PIECE_BYTES])))
    return payload[at : at + PIECE_BYTES], at


def _digest(payload: bytes) -> bytes:
    digest = new_digest()
    digest.update(payload)
    return bytes(digest.digest())
