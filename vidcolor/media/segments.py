"""A film's coloured frames as encoded stretches, each a file of its own until they are joined.

Note [Segments]
    Every segment is encoded afresh: it begins with a key frame and needs nothing outside it, so
    that one which is finished stays as it is whatever happens to the rest. A segment is finished
    when its record (JSON, written in one move) lies beside its packets; the record is written
    after the packets are on the disk.

    The packets' file has nothing but payloads, one after the other; all else is in the record.

Note [Moved segments]
    When segments are joined, each one's file is deleted as soon as its payloads are in the film,
    on the disk: a film takes its own size there and not twice that. A note beside the record
    says where in the unfinished film they lie. If the run is killed, the next one takes them
    back into files of their own, from the last on, and cuts the unfinished film each time. So
    that never needs much space either, and a kill at any moment of it loses nothing.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import shutil
from collections.abc import Callable, Collection, Generator, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import av

from vidcolor.errors import VerificationError
from vidcolor.media.atomic import output_explained, sync_file, sync_folder, write_atomically
from vidcolor.media.payloads import PayloadForm, muxed_payload

log = logging.getLogger(__name__)


@dataclass(slots=True)
class SegmentRecord:
    """What is known of one finished segment."""

    number: int
    """0-based."""
    form: PayloadForm = "whole"
    """Of the payloads; see Note [Payload forms]."""
    pts: list[int] = field(default_factory=list)
    """Presentation times as given to the encoder, rising, in the source's time base."""
    durations: list[int] = field(default_factory=list)
    """Of each frame; 0 where unknown."""
    coded_pts: list[int] = field(default_factory=list)
    """Presentation times of the packets, in the order of decoding."""
    sizes: list[int] = field(default_factory=list)
    """Of each packet's payload, bytes, in the order of decoding."""
    keys: list[int] = field(default_factory=list)
    """Which packets are key frames."""
    luma_identical_frames: int = 0
    extradata: str = ""
    """The encoder's global headers, hexadecimal."""
    digest: str = ""
    """BLAKE2b of the packets' payloads, hexadecimal."""
    state: dict[str, Any] = field(default_factory=dict)
    """What the run needs to go on after this segment; opaque here."""
    generation: int = 0
    """How often it was made again; each has a packets' file of its own."""

    @property
    def video_bytes(self) -> int:
        """Of all payloads."""
        return sum(self.sizes)


@dataclass(frozen=True, slots=True)
class MovedPackets:
    """Where a segment's packets are after their file was deleted; see Note [Moved segments]."""

    film: str
    """Name of the unfinished film, in the same folder."""
    offsets: list[int]
    """Of each payload, bytes from its beginning, rising."""


class SegmentFolder:
    """The segments of one film, in order; those that are finished survive a crash.

    Parameters
    ----------
    folder:
        Exists. Finished segments are found in it: all up to the first that is missing or whose
        packets have not the size that its record says, in their file or in an unfinished film.
        After a joining that was stopped or killed, `take_back` must come before anything else.
    film:
        The output that they are for, which messages speak of.
    keeps:
        Whether they are wanted after they were joined.

    Raises
    ------
    OSError
        If a file that is there cannot be read.
    """

    def __init__(self, folder: Path, film: Path, *, keeps: bool = False) -> None:
        self.folder = folder
        self.keeps = keeps
        self._film = film
        self.finished: list[SegmentRecord] = []
        while (record := self._read(len(self.finished))) is not None:
            self.finished.append(record)

    def packets_path(self, record: SegmentRecord) -> Path:
        """Where the packets of a segment are, unless they were moved."""
        again = f"-{record.generation}" if record.generation else ""
        return self.folder / f"{record.number:06d}{again}.packets"

    def cache_path(self, number: int) -> Path:
        """Where a segment's ab may be kept; see `vidcolor.ab_cache`."""
        return self.folder / f"{number:06d}.ab"

    def truncate(self, count: int) -> None:
        """Keep the first ``count`` segments only; the others will be made anew.

        Raises
        ------
        OSError
            If something cannot be deleted.
        """
        for record in self.finished[count:]:
            for path in self._paths(record):
                delete(path)
        del self.finished[count:]

    def _paths(self, record: SegmentRecord) -> tuple[Path, ...]:
        """All files of a segment, its record first: without it the others mean nothing."""
        number = record.number
        return self._record_path(number), self.packets_path(record), self.cache_path(number)

    def delete_unfinished(self, spare: Collection[str]) -> None:
        """Delete everything but finished segments and the files named in ``spare``.

        Those that were moved must have been taken back.

        Raises
        ------
        OSError
            If something cannot be deleted.
        """
        kept = {*spare}
        for record in self.finished:
            kept |= {path.name for path in self._paths(record)}
        for path in self.folder.iterdir():
            if path.name not in kept:
                delete(path)

    def finish(self, record: SegmentRecord) -> None:
        """Make a segment whose packets are written durable.

        Raises
        ------
        DiskFullError, OutputFolderError
            If it cannot be written.
        """
        sync_file(self.packets_path(record), self._film)
        text = json.dumps(asdict(record), separators=(",", ":"))
        write_atomically(self._record_path(record.number), text.encode())
        if record.number == len(self.finished):
            self.finished.append(record)
            return
        before, self.finished[record.number] = self.finished[record.number], record
        with contextlib.suppress(OSError):
            self.packets_path(before).unlink()

    def packets(self, record: SegmentRecord) -> Iterator[tuple[Any, bytes]]:
        """Each packet of a finished segment, and its payload as it will lie in the film.

        Packets have the source's presentation times.

        Raises
        ------
        VerificationError
            If they are not those that were written.
        """
        durations = dict(zip(record.pts, record.durations, strict=True))
        keys = frozenset(record.keys)
        try:
            for index, payload in enumerate(self._payloads(record)):
                packet: Any = av.Packet(muxed_payload(payload, record.form))
                packet.pts = record.coded_pts[index]
                packet.duration = durations[packet.pts]
                packet.is_keyframe = index in keys
                yield packet, payload
        except (OSError, ValueError) as error:
            raise self._damaged(record) from error

    def _payloads(self, record: SegmentRecord) -> Iterator[bytes]:
        """The last one comes when the file is closed and found to be as it was written."""
        digest, last = new_digest(), len(record.sizes) - 1
        payload = b""
        with self.packets_path(record).open("rb") as file:
            for index, size in enumerate(record.sizes):
                payload = file.read(size)
                digest.update(payload)
                if index < last:
                    yield payload
        if digest.hexdigest() != record.digest:
            raise self._damaged(record)
        if record.sizes:
            yield payload

    def move(self, record: SegmentRecord, moved: MovedPackets) -> None:
        """Delete the packets of a segment, which are in an unfinished film by now.

        Raises
        ------
        DiskFullError, OutputFolderError
            If the film or the note cannot be written; nothing is deleted then.
        """
        sync_file(self.folder / moved.film, self._film)
        text = json.dumps(asdict(moved), separators=(",", ":"))
        write_atomically(self._moved_path(record.number), text.encode())
        with contextlib.suppress(OSError):
            self.packets_path(record).unlink()

    def take_back(self, tick: Callable[[], None] = lambda: None) -> None:
        """Give segments that were moved files of their own again; see Note [Moved segments].

        From the first on that is not what was written, or cannot be read, all are given up.

        Parameters
        ----------
        tick:
            Called for every packet; what it raises ends this, and another try goes on.

        Raises
        ------
        DiskFullError, OutputFolderError
            If something cannot be written; another try goes on.
        """
        for record in reversed(self.finished.copy()):
            with contextlib.closing(self._taken_back(record)) as copying:
                for _ in copying:
                    tick()

    def _taken_back(self, record: SegmentRecord) -> Generator[None, None, None]:
        with output_explained(self._film):
            moved = None if self._has_packets(record) else self._moved(record)
            if moved is None:
                return
            film = self.folder / moved.film
            os.truncate(film, moved.offsets[-1] + record.sizes[-1])
            if (yield from self._copied(film, moved.offsets, record)):
                os.truncate(film, moved.offsets[0])
            else:
                log.warning("segment %d was damaged on the disk", record.number + 1)
                self.truncate(record.number)

    def is_there(self, record: SegmentRecord) -> bool:
        """Whether its packets are in their file, or in an unfinished film."""
        return self._has_packets(record) or self._moved(record) is not None

    def _copied(
        self, film: Path, offsets: list[int], record: SegmentRecord
    ) -> Generator[None, None, bool]:
        """Make a segment's file, durably; False if ``film`` has not what was written."""
        digest = new_digest()
        path = self.packets_path(record)
        copy = path.with_suffix(".copy")
        try:
            with film.open("rb") as source, copy.open("wb") as file:
                for offset, size in zip(offsets, record.sizes, strict=True):
                    payload = _read_at(source, offset, size)
                    digest.update(payload)
                    file.write(payload)
                    yield
            if digest.hexdigest() != record.digest:
                return False
            sync_file(copy, self._film)
            os.replace(copy, path)
        finally:
            with contextlib.suppress(OSError):
                copy.unlink()
        sync_folder(self.folder)
        return True

    def _has_packets(self, record: SegmentRecord) -> bool:
        try:
            return self.packets_path(record).stat().st_size == record.video_bytes
        except FileNotFoundError:
            return False

    def _moved(self, record: SegmentRecord) -> MovedPackets | None:
        """Where its packets were moved to, if the film there reaches so far."""
        try:
            moved = MovedPackets(**json.loads(self._moved_path(record.number).read_bytes()))
            end = moved.offsets[-1] + record.sizes[-1]
            is_whole = len(moved.offsets) == len(record.sizes)
            if is_whole and (self.folder / moved.film).stat().st_size >= end:
                return moved
        except (FileNotFoundError, ValueError, TypeError, IndexError):
            pass  # not there, or of another film
        return None

    def _damaged(self, record: SegmentRecord) -> VerificationError:
        return VerificationError(
            f"{self.packets_path(record)} is not what was written, the disk may be failing: the "
            "output was not kept; colour the film again"
        )

    def _record_path(self, number: int) -> Path:
        return self.folder / f"{number:06d}.json"

    def _moved_path(self, number: int) -> Path:
        return self.folder / f"{number:06d}.moved"

    def _read(self, number: int) -> SegmentRecord | None:
        try:
            record = SegmentRecord(**json.loads(self._record_path(number).read_bytes()))
            if self.is_there(record):
                return record
        except (FileNotFoundError, ValueError, TypeError):
            pass  # not there, or not whole: the segment is made again
        return None


def _read_at(file: BinaryIO, offset: int, size: int) -> bytes:
    """Less where the disk does not give it."""
    try:
        file.seek(offset)
        return file.read(size)
    except OSError:
        return b""


def new_digest() -> Any:
    """Of a segment's payloads."""
    return hashlib.blake2b(digest_size=16)


def delete(path: Path) -> None:
    """A file, or a folder with all that is in it.

    Raises
    ------
    OSError
        If it cannot be deleted.
    """
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
