"""Deletes segments while they are joined, each as soon as its packets are in the film.

See Note [Moved segments].
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from vidcolor.media.segments import MovedPackets, SegmentFolder, SegmentRecord, new_digest

LOOK_PACKETS, LOOK_BYTES = 48, 4 * 2**20
"""The film is looked into whenever so many packets, or so much, have been given to the muxer."""

MOST_WAITING, MOST_WAITING_BYTES = 2000, 2 * 2**20
"""With more of both given to the muxer, and the first of them not found, it must have written
them otherwise. Matroska's holds 5 s or 5 MB of film, all hold 32 KiB of what they write."""

HEAD_BYTES = 64
"""Of a payload, by which it is found."""


@dataclass(frozen=True, slots=True)
class _Payload:
    """One that was given to the muxer."""

    head: bytes
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
        self._end = 0
        """Of what was found."""
        self._gave_up = False
        self.moved = 0
        """Segments whose only copy is in the film."""

    def expect(self, record: SegmentRecord, payload: bytes) -> None:
        """The next ``payload``, one of segment ``record``, was given to the muxer.

        Raises
        ------
        OSError, DiskFullError, OutputFolderError
            If the film cannot be read, or a segment that is in it not be noted.
        """
        if self._gave_up:
            return
        if not self._leaving or self._leaving[-1].record is not record:
            self._leaving.append(_Leaving(record))
        self._waiting.append(_Payload(payload[:HEAD_BYTES], len(payload), _digest(payload)))
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
            window = _Window(file, self._end)
            while self._waiting and (place := window.find(self._waiting[0])) is not None:
                found = self._waiting.popleft()
                self._waiting_bytes -= found.size
                self._end = place + found.size
                record, offsets = self._leaving[0].record, self._leaving[0].offsets
                offsets.append(place)
                if len(offsets) == len(record.sizes):
                    self._folder.move(record, MovedPackets(self._film.name, offsets))
                    self._leaving.popleft()
                    self.moved += 1
        is_long = len(self._waiting) > MOST_WAITING and self._waiting_bytes > MOST_WAITING_BYTES
        if is_long:
            self._gave_up = True
            self._waiting.clear()


class _Window:
    """A stretch of a file that moves on with what is sought in it."""

    def __init__(self, file: BinaryIO, start: int) -> None:
        self._file = file
        self._start = start
        """Of the stretch, in the file."""
        self._data = b""
        self._from = 0
        """Where the next search begins in it."""

    def find(self, wanted: _Payload) -> int | None:
        """Where ``wanted`` lies behind what was found before; None if it is not there yet."""
        while True:
            place = self._data.find(wanted.head, self._from)
            while 0 <= place <= len(self._data) - wanted.size:
                if _digest(self._data[place : place + wanted.size]) == wanted.digest:
                    self._from = place + wanted.size
                    return self._start + place
                place = self._data.find(wanted.head, place + 1)
            if not self._read_on(place if place >= 0 else len(self._data) - HEAD_BYTES):
                return None

    def _read_on(self, keep: int) -> bool:
        """Go on with what follows, and what there is from ``keep`` on; False at the end."""
        keep = max(self._from, keep)
        self._file.seek(self._start + len(self._data))
        more = self._file.read(LOOK_BYTES)
        self._data = self._data[keep:] + more
        self._start += keep
        self._from = 0
        return bool(more)


def _digest(payload: bytes) -> bytes:
    digest = new_digest()
    digest.update(payload)
    return bytes(digest.digest())
