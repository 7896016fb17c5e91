"""Segments that are deleted while they are joined, and come back after a kill."""

from __future__ import annotations

import errno
import hashlib
import os
import random
import shutil
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any, BinaryIO, cast

import pytest

from tests.media.recolor import colored, fast_settings
from tests.synthetic import make_film, stream_packets
from vidcolor.errors import DiskFullError, InputNotFoundError
from vidcolor.media import moving, segments
from vidcolor.media.moving import SegmentMover
from vidcolor.media.plan import OutputPlan, plan_output
from vidcolor.media.reader import FilmReader
from vidcolor.media.segments import MovedPackets, SegmentFolder, SegmentRecord
from vidcolor.media.streams import StreamCopier
from vidcolor.media.writer import FilmWriter

FRAMES, SEGMENTS = 24, 6
LARGE = {
    "libx264": {"preset": "ultrafast", "crf": "3", "bf": "2"},
    "libx265": {"preset": "ultrafast", "crf": "2"},
    "libsvtav1": {"preset": "12", "crf": "2"},
    "ffv1": {},
    "prores_ks": {},
}
"""Segments that are larger than what muxers hold."""

HELD = [
    *(("libx264", suffix) for suffix in ("mp4", "mov", "mkv")),
    *(("libx265", "mp4"), ("libsvtav1", "mp4"), ("ffv1", "mkv"), ("prores_ks", "mkv")),
]


class KilledError(Exception):
    """Stands for a signal that no program can catch."""


@pytest.fixture(autouse=True)
def _look_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(moving, "LOOK_PACKETS", 1)


class Film:
    """One that is encoded in segments and waits to be joined."""

    def __init__(
        self, folder: Path, codec: str, suffix: str, options: dict[str, str] | None = None
    ) -> None:
        options = options or LARGE[codec]
        self.source = make_film(folder / "film.mkv", frames=FRAMES, width=480, height=360, audio=1)
        self.output = folder / f"out.{suffix}"
        self.segments = folder / "segments"
        self.segments.mkdir()
        with FilmReader(self.source) as reader:
            settings = fast_settings(
                encode__codec=codec,
                encode__codec_deep=codec,
                encode__options=options,
                encode__options_deep=options,
            )
            self.info = reader.info
            self.plan: OutputPlan = plan_output(reader.info, settings, self.output)
            with self.writer() as writer:
                for frame in reader:
                    if frame.index and frame.index % (FRAMES // SEGMENTS) == 0:
                        writer.end_segment({"next": frame.index})
                    writer.write(colored(frame, self.plan.target))
                writer.end_segment({"next": FRAMES})

    def writer(self, keeps: bool = False) -> FilmWriter:
        """As a run has it that finds the segments."""
        folder = SegmentFolder(self.segments, self.output, keeps=keeps)
        folder.take_back()
        folder.delete_unfinished(spare=[])
        return FilmWriter(self.info, self.output, self.plan, segments=folder, threads=1)

    def join(self, tick: Callable[[], None] = lambda: None, keeps: bool = False) -> Any:
        """The packets of the joined film, of its picture and its sound."""
        with self.writer(keeps) as writer:
            writer.finish(tick)
            writer.commit()
        return [stream_packets(self.output, index) for index in (0, 1)]

    def undisturbed(self) -> Any:
        """As `join`; the segments are as before, and there is no film."""
        packets = self.join(keeps=True)
        self.output.unlink()
        return packets

    def files(self, pattern: str) -> list[str]:
        """Of the segments."""
        return sorted(path.name for path in self.segments.glob(pattern))

    def kill_after(self, ticks: int) -> None:
        """A run that is killed while it joins: nothing is cleaned up."""
        left = [ticks]

        def tick() -> None:
            left[0] -= 1
            if left[0] < 0:
                # What a killed program leaves is what is on the disk now.
                shutil.copytree(self.segments, killed)
                raise KilledError

        killed = self.segments.with_name("killed")
        with pytest.raises(KilledError):
            self.join(tick)
        shutil.rmtree(self.segments)
        killed.rename(self.segments)


@pytest.mark.parametrize(("codec", "suffix"), HELD)
def test_segments_go_while_they_are_joined(tmp_path: Path, codec: str, suffix: str) -> None:
    film = Film(tmp_path, codec, suffix)
    expected = film.undisturbed()
    assert len(film.files("*.packets")) == SEGMENTS
    sizes = [path.stat().st_size for path in film.segments.glob("*.packets")]
    most: list[int] = []
    found = film.join(lambda: most.append(sum(map(_allocated, film.segments.iterdir()))))
    assert found == expected
    assert len(film.files("*.packets")) < SEGMENTS // 2 + 1
    # All of them once, and some of them twice; not all of them twice.
    assert max(most) < 1.7 * sum(sizes)


@pytest.mark.parametrize(("codec", "suffix"), HELD)
def test_a_joining_that_is_killed_loses_nothing(tmp_path: Path, codec: str, suffix: str) -> None:
    film = Film(tmp_path, codec, suffix)
    whole = {path.name: path.read_bytes() for path in film.segments.glob("*.packets")}
    expected = film.undisturbed()
    first = FRAMES if suffix == "mp4" else 0  # MP4 is written twice, at first to nowhere
    for ticks in (first + FRAMES // 2, first + FRAMES - 1):
        film.kill_after(ticks)
        assert 0 < len(film.files("*.packets")) < SEGMENTS
        folder = SegmentFolder(film.segments, film.output)
        assert len(folder.finished) == SEGMENTS
        folder.take_back()
        assert {name: (film.segments / name).read_bytes() for name in whole} == whole
        folder.delete_unfinished(spare=[])
        assert film.files("*.part") == film.files("*.moved") == []
    assert film.join() == expected


def test_taking_back_that_is_killed_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    film = Film(tmp_path, "ffv1", "mkv")
    expected = film.undisturbed()
    film.kill_after(FRAMES - 1)
    moved = len(film.files("*.moved"))
    assert moved > 2
    truncate = os.truncate
    for _ in range(moved):
        calls: list[int] = []

        def killed(path: Path, size: int, calls: list[int] = calls) -> None:
            calls.append(size)
            if len(calls) == 2:  # a segment has its file again, the film is not yet cut
                raise KilledError
            truncate(path, size)

        with monkeypatch.context() as patch:
            patch.setattr("vidcolor.media.segments.os.truncate", killed)
            with pytest.raises(KilledError):
                SegmentFolder(film.segments, film.output).take_back()
    assert len(film.files("*.packets")) == SEGMENTS
    assert film.join() == expected


def test_a_stopped_joining_keeps_what_has_moved(tmp_path: Path) -> None:
    film = Film(tmp_path, "ffv1", "mkv")
    seen = iter(range(FRAMES - 1))

    def stop() -> None:
        if next(seen, None) is None:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        film.join(stop)
    assert len(film.files("*.packets")) < SEGMENTS
    assert len(SegmentFolder(film.segments, film.output).finished) == SEGMENTS
    assert len(film.join()[0]) == FRAMES


@pytest.mark.parametrize("damage", ["a bit", "unreadable"])
def test_damage_in_the_unfinished_film_is_noticed(
    tmp_path: Path, damage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    film = Film(tmp_path, "ffv1", "mkv")
    film.kill_after(FRAMES - 1)
    (part,) = film.segments.glob("*.part")
    folder = SegmentFolder(film.segments, film.output)
    moved = folder._moved(folder.finished[1])
    assert moved is not None
    bad = moved.offsets[1]
    if damage == "a bit":
        content = bytearray(part.read_bytes())
        content[bad + 100] ^= 1
        part.write_bytes(content)
    else:
        read = segments._read_at
        monkeypatch.setattr(
            segments,
            "_read_at",
            lambda file, at, size: b"" if at == bad else read(file, at, size),
        )
    folder.take_back()
    assert len(folder.finished) == 1
    assert len(SegmentFolder(film.segments, film.output).finished) == 1
    assert len(list(folder.packets(folder.finished[0]))) == FRAMES // SEGMENTS


def test_a_disk_that_does_not_give_what_it_has() -> None:
    class Bad:
        def seek(self, _: int) -> None:
            raise OSError(errno.EIO, os.strerror(errno.EIO))

    assert segments._read_at(cast("BinaryIO", Bad()), 3, 5) == b""


def test_a_segment_taken_back_in_part_counts_for_nothing(tmp_path: Path) -> None:
    film = Film(tmp_path, "ffv1", "mkv")
    expected = film.undisturbed()
    film.kill_after(FRAMES - 1)
    folder = SegmentFolder(film.segments, film.output)
    last = max(int(name[:6]) for name in film.files("*.moved"))
    left = [3]

    def stop() -> None:
        left[0] -= 1
        if left[0] < 0:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        folder.take_back(stop)
    assert film.files("*.copy") == []
    assert not folder.packets_path(folder.finished[last]).exists()
    # As a kill leaves it, with the size but not the content.
    size = folder.finished[last].video_bytes
    folder.packets_path(folder.finished[last]).with_suffix(".copy").write_bytes(bytes(size))
    assert len(SegmentFolder(film.segments, film.output).finished) == SEGMENTS
    assert film.join() == expected


def test_a_segment_is_deleted_after_all_else_is_durable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The film, then the note, then the file; taking back: the file, its name, then the film."""
    calls = []

    def noted(name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any) -> Any:
            calls.append((name, Path(arguments[0]).suffix))
            return real(*arguments)

        return call

    folder = SegmentFolder(tmp_path, tmp_path / "out.mkv")
    record = SegmentRecord(0, pts=[0], coded_pts=[0], durations=[1], sizes=[7])
    record.digest = hashlib.blake2b(b"payload", digest_size=16).hexdigest()
    folder.packets_path(record).write_bytes(b"payload")
    folder.finish(record)
    (tmp_path / "film.part").write_bytes(b"head payload tail")
    for name in ("sync_file", "write_atomically", "sync_folder"):
        monkeypatch.setattr(segments, name, noted(name, getattr(segments, name)))
    monkeypatch.setattr(Path, "unlink", noted("unlink", Path.unlink))
    folder.move(record, MovedPackets("film.part", [5]))
    assert [call for call in calls if call[0] != "unlink" or call[1] == ".packets"] == [
        ("sync_file", ".part"),
        ("write_atomically", ".moved"),
        ("unlink", ".packets"),
    ]
    calls.clear()
    for name in ("replace", "truncate"):
        monkeypatch.setattr(segments.os, name, noted(name, getattr(os, name)))
    folder.take_back()
    assert [call for call in calls if call[0] != "unlink"] == [
        ("truncate", ".part"),
        ("sync_file", ".copy"),
        ("replace", ".copy"),
        ("sync_folder", ""),
        ("truncate", ".part"),
    ]
    assert (tmp_path / "film.part").read_bytes() == b"head "
    assert [payload for _, payload in folder.packets(record)] == [b"payload"]


def test_a_file_that_cannot_be_deleted_does_no_harm(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    film = Film(tmp_path, "ffv1", "mkv")
    expected = film.undisturbed()
    real = Path.unlink

    def refuse(path: Path, **options: Any) -> None:
        if path.suffix == ".packets":
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        real(path, **options)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", refuse)
        film.kill_after(FRAMES - 1)
    assert film.files("*.moved")
    assert len(film.files("*.packets")) == SEGMENTS
    assert film.join() == expected


def test_sound_that_is_not_read_twice_alike(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A larger description than was measured would be written over the film."""
    film = Film(tmp_path, "libx264", "mp4")
    expected = film.undisturbed()
    copiers: list[StreamCopier] = []
    advance = StreamCopier.advance

    def silent_at_first(copier: StreamCopier, limit: Fraction | None) -> None:
        if copier not in copiers:
            copiers.append(copier)
        if copier is not copiers[0]:
            advance(copier, limit)

    with monkeypatch.context() as patch:
        patch.setattr(StreamCopier, "advance", silent_at_first)
        with pytest.raises(InputNotFoundError, match="could not be read twice alike"):
            film.join()
    assert len(copiers) == 2
    assert len(film.files("*.packets")) < SEGMENTS
    folder = SegmentFolder(film.segments, film.output)
    folder.take_back()
    assert len(folder.finished) == SEGMENTS
    assert film.join() == expected


def test_errors_of_the_caller_are_its_own(tmp_path: Path) -> None:
    def gone() -> None:
        raise ConnectionResetError("nobody listens any more")

    film = Film(tmp_path, "ffv1", "mkv")
    with pytest.raises(ConnectionResetError):
        film.join(gone)
    film.kill_after(FRAMES - 1)
    with pytest.raises(ConnectionResetError):
        SegmentFolder(film.segments, film.output).take_back(gone)
    assert len(film.join()[0]) == FRAMES


def test_what_cannot_be_read_now_is_not_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    film = Film(tmp_path, "ffv1", "mkv")
    film.kill_after(FRAMES - 1)
    stat = Path.stat

    def stale(path: Path, **options: Any) -> Any:
        if path.suffix == ".part":
            raise OSError(errno.ESTALE, os.strerror(errno.ESTALE))
        return stat(path, **options)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "stat", stale)
        with pytest.raises(OSError, match=os.strerror(errno.ESTALE)):
            SegmentFolder(film.segments, film.output)
    assert len(film.join()[0]) == FRAMES


def test_what_a_muxer_writes_otherwise_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(moving, "MOST_WAITING", 3)
    monkeypatch.setattr(moving, "MOST_WAITING_BYTES", 1)
    # MP4 leaves the headers out of the packets, which x265 is told here to repeat in them.
    repeated = {"x265-params": "repeat-headers=1"}
    film = Film(tmp_path, "libx265", "mp4", LARGE["libx265"] | repeated)
    movers = []
    expect = SegmentMover.expect

    def watched(mover: SegmentMover, *arguments: Any) -> None:
        movers.append(mover)
        expect(mover, *arguments)

    monkeypatch.setattr(SegmentMover, "expect", watched)
    assert len(film.join()[0]) == FRAMES
    assert movers[0].gave_up
    assert len(film.files("*.packets")) == SEGMENTS


def test_a_film_is_read_once_however_long_it_is_sought_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(moving, "LOOK_BYTES", 1000)
    path = tmp_path / "film"
    path.write_bytes(b"")
    folder = SegmentFolder(tmp_path, path)
    mover = SegmentMover(folder, path)
    record = SegmentRecord(0, sizes=[500] * 400)
    rng, read = random.Random(0), []
    read_on = moving._Window._read_on

    def counted(window: Any, file: BinaryIO) -> bool:
        begin = window._start + len(window._data)
        more = read_on(window, file)
        read.append(window._start + len(window._data) - begin)
        return more

    monkeypatch.setattr(moving._Window, "_read_on", counted)
    with path.open("ab") as film:
        for _ in range(400):
            film.write(rng.randbytes(500))
            film.flush()
            mover.expect(record, rng.randbytes(500))
    assert not mover.has_moved
    assert sum(read) < 3 * path.stat().st_size


def test_places_that_look_alike_are_not_compared_for_ever(tmp_path: Path) -> None:
    path = tmp_path / "film"
    path.write_bytes(bytes(5000) + b"\1" + bytes(5000))
    folder = SegmentFolder(tmp_path, path)
    mover = SegmentMover(folder, path)
    mover.expect(SegmentRecord(0, sizes=[7000]), bytes(7000))
    mover.look()
    assert mover.gave_up
    # Pieces that repeat themselves are told apart by the head.
    rows = b"".join(b"row %d" % number + bytes(range(64)) for number in range(9)) * 400
    path.write_bytes(rows + b"payload" + rows)
    mover = SegmentMover(folder, path)
    record = SegmentRecord(1, sizes=[7 + len(rows)])
    mover.expect(record, b"payload" + rows)
    mover.look()
    assert not mover.gave_up
    moved = folder._moved(record)
    assert moved is not None
    assert moved.offsets == [len(rows)]


def test_a_full_disk_keeps_what_has_moved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    film = Film(tmp_path, "ffv1", "mkv")
    real = SegmentFolder.move
    calls = []

    def full(*arguments: Any) -> None:
        calls.append(arguments)
        if len(calls) == 3:
            raise OSError(28, "No space left on device")
        real(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(SegmentFolder, "move", full)
        with pytest.raises(DiskFullError, match="no space left"):
            film.join()
    assert len(film.files("*.moved")) == 2
    assert len(film.join()[0]) == FRAMES


@pytest.mark.parametrize("size", [10, 100, 5000])
def test_payloads_are_found_in_order(tmp_path: Path, size: int) -> None:
    """Alike ones too, and beginnings that look alike, over the ends of what is read at once."""
    pieces = [bytes([1]) * size, bytes([1]) * (size - 1) + b"\2", bytes([1]) * size]
    content = b"head" + b"".join(piece + b"between" for piece in pieces)
    film = tmp_path / "film"
    film.write_bytes(b"")
    folder = SegmentFolder(tmp_path, film)
    record = SegmentRecord(0, pts=[0, 1, 2], sizes=[size] * 3)
    folder.packets_path(record).write_bytes(b"".join(pieces))
    mover = SegmentMover(folder, film)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(moving, "LOOK_BYTES", 7)
        for piece in pieces:
            mover.expect(record, piece)
        assert not mover.has_moved
        film.write_bytes(content[:-8])
        mover.look()
        assert not mover.has_moved
        film.write_bytes(content)
        mover.look()
    assert mover.has_moved
    assert not folder.packets_path(record).exists()
    moved = folder._moved(record)
    assert moved is not None
    assert [content[at : at + size] for at in moved.offsets] == pieces
    assert moved.offsets == sorted(moved.offsets)


def _allocated(path: Path) -> int:
    """A reserved stretch takes no room."""
    try:
        return path.stat().st_blocks * 512
    except FileNotFoundError:
        return 0
