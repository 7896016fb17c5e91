from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import pytest

from tests.synthetic import ffmpeg_frame_count, make_film, run_ffmpeg
from vidcolor.config import Limits
from vidcolor.errors import CorruptInputError
from vidcolor.media import decoder as decoder_module
from vidcolor.media.decoder import FilmDecoder
from vidcolor.media.probe import probe
from vidcolor.media.read_report import ReadReport

REORDERED = {"preset": "medium", "x264-params": "bframes=3:keyint=10:b-pyramid=normal:open-gop=1"}
"""Encoder options that make pts and dts differ, and groups of pictures lean on each other."""


def fail_if_skipped() -> None:
    pytest.fail("a frame was skipped")


class Decoding:
    """A decoder, what it reports, and the pts of its frames."""

    def __init__(
        self,
        film: Path,
        limits: Limits | None = None,
        *,
        keep_partial: bool = False,
        watch_all: bool = False,
        threads: int = 2,
    ) -> None:
        self.report = ReadReport()
        self.decoder = FilmDecoder(
            probe(film),
            self.report,
            limits or Limits(),
            keep_partial=keep_partial,
            watch_all=watch_all,
            threads=threads,
        )

    def frames(
        self, begin: int | None = None, on_skip: Callable[[], None] = fail_if_skipped
    ) -> list[av.VideoFrame]:
        try:
            return list(self.decoder.frames(begin, on_skip))
        finally:
            self.decoder.close()

    def pts(self) -> list[int | None]:
        return [frame.pts for frame in self.frames()]


def fingerprint(frames: Iterable[av.VideoFrame]) -> list[tuple[int | None, int]]:
    return [(frame.pts, zlib.crc32(frame.to_ndarray().tobytes())) for frame in frames]


def test_frames_are_those_of_the_film(tmp_path: Path) -> None:
    film = make_film(tmp_path / "film.mp4", frames=30, options=REORDERED)
    with av.open(str(film)) as container:
        expected = fingerprint(container.decode(video=0))
    assert fingerprint(Decoding(film).frames()) == expected


@pytest.mark.parametrize("begin", [0, 13, 29])
def test_no_wanted_frame_is_missed(tmp_path: Path, begin: int) -> None:
    film = make_film(tmp_path / "film.mp4", frames=30, options=REORDERED)
    whole = Decoding(film).frames()
    wanted = whole[begin].pts
    assert wanted is not None
    found = Decoding(film).frames(wanted)
    assert fingerprint(f for f in found if f.pts is not None and f.pts >= wanted) == fingerprint(
        whole[begin:]
    )


def test_a_seek_that_lands_late_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An index that points behind the aim must not cost a frame."""
    film = make_film(tmp_path / "film.mp4", frames=60, options={"g": "20", "sc_threshold": "0"})
    whole = Decoding(film).frames()
    monkeypatch.setattr(decoder_module, "SEEK_MARGINS_S", (-1.0, -0.8))
    aims: list[int] = []
    original = FilmDecoder._seek

    def seek(self: FilmDecoder, pts: int, margin_s: float) -> bool:
        aims.append(pts)
        return original(self, pts, margin_s)

    monkeypatch.setattr(FilmDecoder, "_seek", seek)
    assert fingerprint(Decoding(film).frames(whole[25].pts)) == fingerprint(whole)
    assert len(aims) == 2


def make_late_sound(folder: Path) -> Path:
    """A program stream of 16 s whose second sound begins after 12 s."""
    film = make_film(
        folder / "film.mp4", frames=400, rate=25, codec="mpeg2video", audio=1, audio_codec="mp2"
    )
    sound = make_film(folder / "sound.mp4", frames=0, audio=1, audio_codec="mp2", audio_s=3)
    late = folder / "late.mpg"
    run_ffmpeg(
        *("-i", str(film), "-itsoffset", "12", "-i", str(sound), "-map", "0", "-map", "1:a"),
        *("-c", "copy", str(late)),
    )
    return late


@pytest.mark.parametrize("watch_all", [False, True])
def test_a_stream_that_begins_late(tmp_path: Path, watch_all: bool) -> None:
    film = make_late_sound(tmp_path)
    assert [s.kind for s in probe(film).streams] == ["video", "audio", "audio"]
    assert len(Decoding(film, watch_all=watch_all).frames()) == 400


def test_the_end_of_all_streams_is_noted(tmp_path: Path) -> None:
    film = make_film(tmp_path / "film.mkv", frames=24, rate=24, audio=1, audio_s=3)
    decoding = Decoding(film, watch_all=True)
    assert len(decoding.frames()) == 24
    assert decoding.decoder.newest_packet_end_s == pytest.approx(3, abs=0.1)


class StumblingContainer:
    """A container that ends as PyAV's does where a stream appeared that it did not know."""

    def __init__(self, container: Any) -> None:
        self.container = container

    def __getattr__(self, name: str) -> Any:
        return getattr(self.container, name)

    def demux(self, *streams: Any) -> Any:
        yield from (packet for packet in self.container.demux(*streams) if packet.size)
        raise IndexError("list index out of range")


def test_no_frame_is_lost_when_the_flush_fails(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    film = make_film(tmp_path / "film.mp4", frames=30, options=REORDERED)
    expected = fingerprint(Decoding(film).frames())
    decoding = Decoding(film)
    decoding.decoder._container = StumblingContainer(decoding.decoder._container)
    assert fingerprint(decoding.frames()) == expected
    assert "begins so late" in caplog.text


@pytest.mark.parametrize("bad", [36, 38, 39])
def test_the_end_behind_a_bad_packet_is_decoded_again(tmp_path: Path, bad: int) -> None:
    film = make_film(tmp_path / "film.mkv", frames=40, options={"g": "10", "bf": "0"})
    content = bytearray(film.read_bytes())
    with av.open(str(film)) as container:
        data = bytes([packet for packet in container.demux(video=0) if packet.size][bad])
    at = content.index(data)
    content[at : at + len(data)] = bytes(len(data))
    film.write_bytes(content)
    one_by_one = Decoding(film, threads=1)
    expected = fingerprint(one_by_one.frames(on_skip=lambda: None))
    decoding = Decoding(film, threads=8)  # they hold back the last seven frames
    skipped: list[None] = []
    assert fingerprint(decoding.frames(on_skip=lambda: skipped.append(None))) == expected
    assert len(expected) == 39
    assert skipped
    assert decoding.report.undecodable_packets == one_by_one.report.undecodable_packets == 1


def test_empty_packets_are_pictures_that_stay_on(tmp_path: Path) -> None:
    """Theora's encoder says so of a frame like the one before; that is no damage."""
    film = make_film(tmp_path / "film.mp4", frames=24, cuts=(12,), moving=False)
    still = tmp_path / "still.ogv"
    run_ffmpeg("-i", str(film), "-c:v", "libtheora", "-q:v", "2", str(still))
    with av.open(str(still)) as container:
        sizes = [packet.size for packet in container.demux(video=0)]
    assert sizes[1:12] == [0] * 11
    decoding = Decoding(still, Limits(max_bad_packets=3))
    assert decoding.pts() == [0, 12]
    assert decoding.report.undecodable_packets == 0


def test_damage_in_the_middle_is_skipped_and_counted(tmp_path: Path) -> None:
    film = make_film(tmp_path / "film.mp4", frames=60, width=160, height=96, options={"g": "10"})
    content = bytearray(film.read_bytes())
    with av.open(str(film)) as container:
        packets = [p for p in container.demux(video=0) if p.size]
        middle = packets[31]
        assert middle.pos is not None
        content[middle.pos : middle.pos + middle.size] = b"\xff" * middle.size
    film.write_bytes(content)
    decoding = Decoding(film)
    pts = [pts for pts in decoding.pts() if pts is not None]
    assert len(pts) == ffmpeg_frame_count(film) == 59
    assert decoding.report.undecodable_packets >= 1
    assert all(b > a for a, b in pairwise(pts))


@pytest.mark.parametrize("keep_partial", [False, True])
def test_a_demuxer_that_fails_for_ever(tmp_path: Path, keep_partial: bool) -> None:
    """It is left after a while, whatever limit decoding has."""

    class Failing:
        def demux(self, *_: object) -> Any:
            raise av.error.InvalidDataError(1, "Invalid data")

        def close(self) -> None:
            pass

    film = make_film(tmp_path / "film.mkv", frames=2)
    decoding = Decoding(film, Limits(max_bad_packets=10**6), keep_partial=keep_partial)
    decoding.decoder.close()
    decoding.decoder._container = Failing()
    if keep_partial:
        assert decoding.frames() == []
    else:
        with pytest.raises(CorruptInputError):
            decoding.frames()
    assert decoding.report.undecodable_packets == 101


def test_closed_twice(tmp_path: Path) -> None:
    decoder = Decoding(make_film(tmp_path / "film.mp4", frames=2)).decoder
    assert decoder.is_open
    decoder.close()
    decoder.close()
    assert not decoder.is_open
