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
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import av

from vidcolor.errors import EncoderError
from vidcolor.frames import ColoredFrame, VideoInfo
from vidcolor.media.atomic import sync_file, write_atomically
from vidcolor.media.encoder import FilmEncoder
from vidcolor.media.plan import OutputPlan
from vidcolor.media.safety import open_container
from vidcolor.media.trial import holds_encoder

CONTAINERS = ("nut", "mov")
"""The first that holds the codec is taken."""

_DIGEST_BYTES = 16
_READ_BYTES = 2**20


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
    digest: str = ""
    """BLAKE2b of the packets' file, hexadecimal."""
    state: dict[str, Any] = field(default_factory=dict)
    """What the run needs to go on after this segment; opaque here."""


class SegmentFolder:
    """The segments of one film, in order; those that are finished survive a crash.

    Parameters
    ----------
    folder:
        Exists. Finished segments are found in it: all up to the first that is missing or whose
        packets are not what its record says.
    film:
        The output that they are for, which messages speak of.
    """

    def __init__(self, folder: Path, film: Path) -> None:
        self._folder = folder
        self._film = film
        self.finished: list[SegmentRecord] = []
        while (record := self._read(len(self.finished))) is not None:
            self.finished.append(record)

    def packets_path(self, record: SegmentRecord) -> Path:
        """Where the packets of a segment are."""
        return self._folder / f"{record.number:06d}.{record.container}"

    def finish(self, record: SegmentRecord) -> None:
        """Make a segment whose packets are written durable.

        Raises
        ------
        DiskFullError, OutputFolderError
            If it cannot be written.
        """
        path = self.packets_path(record)
        sync_file(path, self._film)
        record.digest = _digest(path)
        text = json.dumps(asdict(record), separators=(",", ":"))
        write_atomically(self._record_path(record.number), text.encode())
        self.finished.append(record)

    def packets(self, record: SegmentRecord) -> Iterator[Any]:
        """The packets of a finished segment, with the source's presentation times.

        Raises
        ------
        EncoderError
            If they are not those that were written.
        """
        with open_container(self.packets_path(record)) as container:
            (stream,) = container.streams.video
            wanted = iter(record.coded_pts)
            shown = dict(zip(record.pts, record.durations, strict=True))
            for packet in container.demux(stream):
                if not packet.size:
                    continue
                pts = next(wanted, None)
                if pts is None or packet.pts is None:
                    raise _damaged(self.packets_path(record))
                packet.pts, packet.duration = pts, shown[pts]
                yield packet
            if next(wanted, None) is not None:
                raise _damaged(self.packets_path(record))

    def _record_path(self, number: int) -> Path:
        return self._folder / f"{number:06d}.json"

    def _read(self, number: int) -> SegmentRecord | None:
        try:
            record = SegmentRecord(**json.loads(self._record_path(number).read_bytes()))
            if _digest(self.packets_path(record)) == record.digest:
                return record
        except (OSError, ValueError, TypeError):
            pass  # not there, or not whole: the segment is made again
        return None


class SegmentEncoder:
    """Encodes one segment; a context manager that deletes it unless it is finished.

    Parameters
    ----------
    folder:
        Gets the segment, after those that it has.
    plan, video, threads:
        As for `FilmEncoder`.

    Raises
    ------
    EncoderOptionError, EncoderError
        If the encoder does not open.
    """

    def __init__(
        self, folder: SegmentFolder, plan: OutputPlan, video: VideoInfo, threads: int = 0
    ) -> None:
        self._folder = folder
        self._container = _container_for(plan.codec)
        self.record = SegmentRecord(len(folder.finished), self._container)
        self._path = folder.packets_path(self.record)
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

    def finish(self, state: dict[str, Any]) -> None:
        """Flush the encoder and make the segment durable, with ``state`` in its record.

        Raises
        ------
        EncoderError
            If the encoder fails.
        DiskFullError, OutputFolderError
            If it cannot be written.
        """
        for packet in self._encoder.flush():
            self._mux(packet)
        out, self._out = self._out, None
        out.close()
        if sorted(self.record.coded_pts) != self.record.pts:
            raise EncoderError(
                f"the encoder gave {len(self.record.coded_pts)} packets for "
                f"{len(self.record.pts)} frames, or at other times; try another codec or preset"
            )
        self.record.state = state
        self._folder.finish(self.record)

    def abort(self) -> None:
        """Close and delete it, unless it is finished; never fails."""
        if self._out is not None:
            out, self._out = self._out, None
            with contextlib.suppress(av.FFmpegError, ValueError):
                out.close()
            with contextlib.suppress(OSError):
                self._path.unlink()

    def _mux(self, packet: Any) -> None:
        self.record.coded_pts.append(packet.pts)
        self.record.video_bytes += packet.size
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


def _digest(path: Path) -> str:
    digest = hashlib.blake2b(digest_size=_DIGEST_BYTES)
    with path.open("rb") as file:
        while block := file.read(_READ_BYTES):
            digest.update(block)
    return digest.hexdigest()


def _damaged(path: Path) -> EncoderError:
    return EncoderError(f"{path} is not what was written; colour the film anew with --no-resume")
