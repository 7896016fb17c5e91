"""A film's coloured frames as encoded stretches, each a file of its own until they are joined.

Note [Segments]
    Every segment is encoded afresh: it begins with a key frame and needs nothing outside it, so
    that one which is finished stays as it is whatever happens to the rest. A segment is finished
    when its record (JSON, written in one move) lies beside its packets; the record is written
    after the packets are on the disk.

    The packets' file is libav's NUT, which keeps times and payloads of nearly all codecs to the
    bit; those that it does not know go into QuickTime's. Neither keeps the encoder's decoding
    times and durations, which the record has.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import shutil
from collections.abc import Callable, Collection, Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import av

from vidcolor.errors import EncoderError, InputError, VerificationError
from vidcolor.frames import ColoredFrame, VideoInfo
from vidcolor.media.atomic import output_error, sync_file, write_atomically
from vidcolor.media.encoder import FilmEncoder
from vidcolor.media.plan import OutputPlan
from vidcolor.media.safety import open_container
from vidcolor.media.trial import holds_encoder

CONTAINERS = ("nut", "mov")
"""The first that holds the codec is taken."""


@dataclass(slots=True)
class SegmentRecord:
    """What is known of one finished segment."""

    number: int
    """0-based."""
    container: str
    """One of `CONTAINERS`."""
    pts: list[int] = field(default_factory=list)
    """Presentation times as given to the encoder, rising, in the source's time base."""
    durations: list[int] = field(default_factory=list)
    """Of each frame; 0 where unknown."""
    coded_pts: list[int] = field(default_factory=list)
    """Presentation times of the packets, in the order of decoding."""
    luma_identical_frames: int = 0
    video_bytes: int = 0
    extradata: str = ""
    """The encoder's global headers, hexadecimal."""
    file_bytes: int = 0
    """Size of the packets' file."""
    digest: str = ""
    """BLAKE2b of the packets' payloads, hexadecimal."""
    state: dict[str, Any] = field(default_factory=dict)
    """What the run needs to go on after this segment; opaque here."""
    generation: int = 0
    """How often it was made again; each has a packets' file of its own."""


class SegmentFolder:
    """The segments of one film, in order; those that are finished survive a crash.

    Parameters
    ----------
    folder:
        Exists. Finished segments are found in it: all up to the first that is missing or whose
        packets have not the size that its record says.
    film:
        The output that they are for, which messages speak of.
    """

    def __init__(self, folder: Path, film: Path) -> None:
        self.folder = folder
        self._film = film
        self.finished: list[SegmentRecord] = []
        while (record := self._read(len(self.finished))) is not None:
            self.finished.append(record)

    def packets_path(self, record: SegmentRecord) -> Path:
        """Where the packets of a segment are."""
        again = f"-{record.generation}" if record.generation else ""
        return self.folder / f"{record.number:06d}{again}.{record.container}"

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
        path = self.packets_path(record)
        sync_file(path, self._film)
        try:
            record.file_bytes = path.stat().st_size
        except OSError as error:
            raise output_error(error, self._film) from error
        text = json.dumps(asdict(record), separators=(",", ":"))
        write_atomically(self._record_path(record.number), text.encode())
        if record.number == len(self.finished):
            self.finished.append(record)
            return
        before, self.finished[record.number] = self.finished[record.number], record
        with contextlib.suppress(OSError):
            self.packets_path(before).unlink()

    def packets(self, record: SegmentRecord) -> Iterator[Any]:
        """The packets of a finished segment, with the source's presentation times.

        Raises
        ------
        VerificationError
            If they are not those that were written.
        """
        try:
            yield from self._checked_packets(record)
        except (av.FFmpegError, InputError) as error:
            raise self._damaged(record) from error

    def _checked_packets(self, record: SegmentRecord) -> Iterator[Any]:
        digest = _new_digest()
        durations = dict(zip(record.pts, record.durations, strict=True))
        times = iter(record.coded_pts)
        with open_container(self.packets_path(record)) as container:
            for packet in container.demux(video=0):
                if not packet.size:
                    continue
                pts = next(times, None)
                if pts is None:
                    raise self._damaged(record)
                digest.update(packet)
                packet.pts, packet.duration = pts, durations[pts]
                yield packet
        if next(times, None) is not None or digest.hexdigest() != record.digest:
            raise self._damaged(record)

    def _damaged(self, record: SegmentRecord) -> VerificationError:
        return VerificationError(
            f"{self.packets_path(record)} is not what was written, the disk may be failing: the "
            "output was not kept; colour the film again"
        )

    def _record_path(self, number: int) -> Path:
        return self.folder / f"{number:06d}.json"

    def _read(self, number: int) -> SegmentRecord | None:
        try:
            record = SegmentRecord(**json.loads(self._record_path(number).read_bytes()))
            if self.packets_path(record).stat().st_size == record.file_bytes:
                return record
        except (OSError, ValueError, TypeError):
            pass  # not there, or not whole: the segment is made again
        return None


class SegmentEncoder:
    """Encodes one segment.

    Parameters
    ----------
    folder:
        Gets the segment, after those that it has.
    plan, video, threads:
        As for `FilmEncoder`.
    again:
        A finished segment that this one takes the place of.

    Raises
    ------
    EncoderOptionError, EncoderError
        If the encoder does not open.
    """

    def __init__(
        self,
        folder: SegmentFolder,
        plan: OutputPlan,
        video: VideoInfo,
        threads: int = 0,
        again: SegmentRecord | None = None,
    ) -> None:
        self._folder = folder
        self._container = _container_for(plan.codec)
        self.record = SegmentRecord(len(folder.finished), self._container)
        if again is not None:
            self.record.number, self.record.generation = again.number, again.generation + 1
        self._path = folder.packets_path(self.record)
        self._digest = _new_digest()
        self._is_finished = False
        self._out: Any = None
        try:
            self._out = av.open(str(self._path), "w", format=self._container)
            own = replace(plan, container=self._container)
            self._encoder = FilmEncoder(self._out, own, video, threads)
            self._out.start_encoding()
        except BaseException:
            self.abort()
            raise
        self.record.extradata = bytes(self._encoder.stream.codec_context.extradata or b"").hex()

    def write(self, frame: ColoredFrame, pts: int) -> None:
        """Encode ``frame``, shown at ``pts``.

        Raises
        ------
        EncoderError
            If the encoder fails.
        """
        for packet in self._encoder.encode(frame, pts):
            self._mux(packet)
        self.record.pts.append(pts)
        self.record.durations.append(frame.source.duration)
        self.record.luma_identical_frames = self._encoder.luma_identical_frames

    def finish(self, state: dict[str, Any], tick: Callable[[], None] = lambda: None) -> None:
        """Flush the encoder and make the segment durable, with ``state`` in its record.

        ``tick`` is called for each packet that the encoder held.

        Raises
        ------
        EncoderError
            If the encoder fails.
        DiskFullError, OutputFolderError
            If it cannot be written.
        """
        for packet in self._encoder.flush(tick):
            self._mux(packet)
        out, self._out = self._out, None
        out.close()
        if sorted(self.record.coded_pts) != self.record.pts:
            raise EncoderError(
                f"the encoder gave {len(self.record.coded_pts)} packets for "
                f"{len(self.record.pts)} frames, or at other times; try another codec or preset"
            )
        self.record.state, self.record.digest = state, self._digest.hexdigest()
        self._folder.finish(self.record)
        self._is_finished = True

    def abort(self) -> None:
        """Close and delete it, unless it is finished; never fails."""
        if self._out is not None:
            out, self._out = self._out, None
            with contextlib.suppress(av.FFmpegError, ValueError):
                out.close()
        if not self._is_finished:
            with contextlib.suppress(OSError):
                self._path.unlink()

    def _mux(self, packet: Any) -> None:
        self.record.coded_pts.append(packet.pts)
        self.record.video_bytes += packet.size
        self._digest.update(packet)
        self._out.mux(packet)


def decoding_times(records: list[SegmentRecord]) -> Iterator[int]:
    """One for each packet of all segments in a row, rising, none after its presentation time.

    Encoders count them from each segment's own start, where they would lie before the end of
    the segment before. The n-th packet is decoded when the (n − d)-th frame is shown, d being
    the furthest that an encoder moved a packet ahead; the first d packets as much earlier as
    the first frames are apart, which is x264's rule.
    """
    shown = [pts for record in records for pts in record.pts]
    delay = max((_delay(record) for record in records), default=0)
    for index in range(len(shown)):
        if index >= delay:
            yield shown[index - delay]
        else:
            yield shown[index] - (shown[delay] - shown[0])


def _delay(record: SegmentRecord) -> int:
    place = {pts: index for index, pts in enumerate(record.pts)}
    return max(index - place[pts] for index, pts in enumerate(record.coded_pts))


def _container_for(codec: str) -> str:
    return next((name for name in CONTAINERS if holds_encoder(name, codec)), CONTAINERS[-1])


def _new_digest() -> Any:
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
