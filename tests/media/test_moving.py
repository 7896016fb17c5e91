"""Segments that are deleted while they are joined, and come back after a kill."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.media.recolor import colored, fast_settings
from tests.synthetic import make_film, stream_packets
from vidcolor.errors import DiskFullError
from vidcolor.media import moving
from vidcolor.media.moving import SegmentMover
from vidcolor.media.plan import OutputPlan, plan_output
from vidcolor.media.reader import FilmReader
from vidcolor.media.segments import SegmentFolder, SegmentRecord
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
    *(("libx265", "mp4"), ("libsvtav1", "mp4"), ("ffv1", "mkv"), ("prores_ks", "mov")),
]


class KilledError(Exception):
    """Stands for a signal that no program can catch."""


@pytest.fixture(autouse=True)
def _look_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(moving, "LOOK_PACKETS", 1)


class Film:
    """One that is encoded in segments and waits to be joined."""

    def __init__(self, folder: Path, codec: str, suffix: str) -> None:
        self.source = make_film(folder / "film.mkv", frames=FRAMES, width=480, height=360, audio=1)
        self.output = folder / f"out.{suffix}"
        self.segments = folder / "segments"
        self.segments.mkdir()
        with FilmReader(self.source) as reader:
            settings = fast_settings(
                encode__codec=codec,
                encode__codec_deep=codec,
                encode__options=LARGE[codec],
                encode__options_deep=LARGE[codec],
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
    expected = film.join(keeps=True)
    assert len(film.files("*.packets")) == SEGMENTS
    film.output.unlink()
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
    expected = film.join(keeps=True)
    film.output.unlink()
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
    expected = film.join(keeps=True)
    film.output.unlink()
    film.kill_after(FRAMES - 1)
    moved = len(film.files("*.moved"))
    assert moved > 2
    for _ in range(moved):
        calls: list[Path] = []

        def killed(path: Path, size: int, calls: list[Path] = calls) -> None:
            del size
            calls.append(path)
            raise KilledError

        with monkeypatch.context() as patch:
            patch.setattr("vidcolor.media.segments.os.truncate", killed)
            with pytest.raises(KilledError):
                SegmentFolder(film.segments, film.output).take_back()
        assert len(calls) == 1
    before = film.files("*.packets")
    assert len(before) == SEGMENTS
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


def test_damage_in_the_unfinished_film_is_noticed(tmp_path: Path) -> None:
    film = Film(tmp_path, "ffv1", "mkv")
    film.kill_after(FRAMES - 1)
    (part,) = film.segments.glob("*.part")
    content = bytearray(part.read_bytes())
    folder = SegmentFolder(film.segments, film.output)
    moved = folder._moved(folder.finished[1])
    assert moved is not None
    content[moved.offsets[1] + 100] ^= 1
    part.write_bytes(content)
    folder.take_back()
    assert len(folder.finished) == 1
    assert len(SegmentFolder(film.segments, film.output).finished) == 1
    assert len(list(folder.packets(folder.finished[0]))) == FRAMES // SEGMENTS


def test_what_a_muxer_writes_otherwise_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(moving, "MOST_WAITING", 3)
    monkeypatch.setattr(moving, "MOST_WAITING_BYTES", 1)
    film = Film(tmp_path, "prores_ks", "mkv")  # Matroska leaves out the head of each frame
    assert len(film.join()[0]) == FRAMES
    assert len(film.files("*.packets")) == SEGMENTS


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
        assert mover.moved == 0
        film.write_bytes(content[:-8])
        mover.look()
        assert mover.moved == 0
        film.write_bytes(content)
        mover.look()
    assert mover.moved == 1
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
