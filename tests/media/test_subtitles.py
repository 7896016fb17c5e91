"""Text subtitles that change their form keep their words and times."""

from __future__ import annotations

from pathlib import Path

import av
import pytest

from tests.media.recolor import fast_settings, recolor
from tests.synthetic import make_film, run_ffmpeg
from vidcolor.media.subtitles import SubtitleConverter, container_subtitle_codec


def as_srt(path: Path, track: int = 0) -> str:
    """A subtitle track as the ffmpeg program writes it into an SRT file."""
    return run_ffmpeg("-copyts", "-i", str(path), "-map", f"0:s:{track}", "-f", "srt", "-").decode()


@pytest.mark.parametrize(
    ("source", "kind", "output"),
    [
        ("mp4", "mov_text", "mkv"),
        ("mov", "mov_text", "mkv"),
        ("mkv", "srt", "mp4"),
        ("mkv", "srt", "mov"),
        ("mkv", "ass", "mp4"),
        ("mkv", "webvtt", "mp4"),
    ],
)
def test_words_and_times_are_kept(tmp_path: Path, source: str, kind: str, output: str) -> None:
    film = make_film(tmp_path / f"film.{source}", frames=48, subtitles=kind)
    run = recolor(film, tmp_path / f"out.{output}")
    (converted,) = run.report.streams
    assert converted.converted
    assert converted.packets == 2
    lines = as_srt(run.path)
    assert "00:00:00,000 --> 00:00:00,800\nFirst line" in lines
    assert "00:00:01,000 --> 00:00:01,800\nSecond line, with" in lines
    assert "italics" in lines
    with av.open(str(run.path)) as container:
        stream = container.streams.subtitles[0]
        expected = {"mkv": "subrip", "mp4": "mov_text", "mov": "mov_text"}[output]
        assert stream.codec_context.codec.canonical_name == expected
        assert stream.language == "eng"
    assert any("subtitles to" in notice for notice in run.plan.notices)


def test_there_and_back(tmp_path: Path) -> None:
    film = make_film(tmp_path / "film.mkv", frames=48, subtitles="srt")
    to_mp4 = recolor(film, tmp_path / "out.mp4").path
    back = recolor(to_mp4, tmp_path / "back.mkv", fast_settings("archive")).path
    assert as_srt(back) == as_srt(film)


def test_same_container_copies_the_bytes(tmp_path: Path) -> None:
    film = make_film(tmp_path / "film.mkv", frames=12, subtitles=["srt", "ass", "webvtt"])
    run = recolor(film, tmp_path / "out.mkv")
    assert not any(stream.converted for stream in run.report.streams)
    with av.open(str(film)) as before, av.open(str(run.path)) as after:
        for track in range(3):
            old, new = (
                [(bytes(p), p.pts) for p in c.demux(c.streams.subtitles[track]) if p.size]
                for c in (before, after)
            )
            assert new == old
            before.seek(0)
            after.seek(0)


def test_part_keeps_the_lines_that_begin_in_it(tmp_path: Path) -> None:
    film = make_film(tmp_path / "film.mp4", frames=48, subtitles="mov_text")
    run = recolor(film, tmp_path / "out.mkv", fast_settings("archive", start_s=0.5))
    lines = as_srt(run.path)
    assert "First" not in lines
    assert "00:00:01,000 --> 00:00:01,800\nSecond" in lines


def test_garbage_is_left_out_and_counted(tmp_path: Path) -> None:
    film = make_film(tmp_path / "film.mp4", frames=48, subtitles="mov_text")
    with (
        av.open(str(film)) as source,
        av.open(str(tmp_path / "out.mkv"), "w") as out,
    ):
        stream = source.streams.subtitles[0]
        converter = SubtitleConverter(stream, out, "matroska")
        for payload, undecodable in ((b"\x7f\xff\x00", 0), (b"\x01", 1)):
            broken = av.Packet(payload)
            broken.stream = stream
            broken.pts = broken.dts = 0
            broken.time_base = stream.time_base
            assert converter.convert(broken) is None
            assert converter.undecodable == undecodable
        good = [converter.convert(packet) for packet in source.demux(stream) if packet.size > 2]
        assert next(bytes(packet) for packet in good if packet is not None) == b"First line"


def test_codec_by_container() -> None:
    assert container_subtitle_codec("matroska") == "subrip"
    assert container_subtitle_codec("mp4") == container_subtitle_codec("mov") == "mov_text"
