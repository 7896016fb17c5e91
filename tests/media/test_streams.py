"""Other streams: repaired times, payload digests, image sequences, sources cut short."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import pytest

from tests.media.recolor import fast_settings, recolor
from tests.synthetic import audio_packets, make_film
from vidcolor.media.streams import CopiedStream, add_payload, codec_name, is_event


def remux(source: Path, output: Path, change: Callable[[int, Any], None]) -> Path:
    """Copy a film; ``change`` may alter each packet of sound, given its number."""
    with av.open(str(source)) as film, av.open(str(output), "w") as out:
        streams = {s.index: out.add_stream_from_template(s, opaque=True) for s in film.streams}
        number = 0
        for packet in film.demux():
            if not packet.size:
                continue
            if packet.stream.type == "audio":
                change(number, packet)
                number += 1
            packet.stream = streams[packet.stream_index]
            out.mux(packet)
    return output


class TestTimes:
    @pytest.fixture
    def twice_the_same(self, tmp_path: Path) -> Path:
        """Matroska whose fourth packet of sound has the time of the third."""
        film = make_film(tmp_path / "film.mkv", frames=24, audio=1)
        last: list[int] = []

        def change(number: int, packet: Any) -> None:
            if number == 3:
                packet.pts = packet.dts = last[-1]
            last.append(packet.dts)

        return remux(film, tmp_path / "twice.mkv", change)

    def test_mp4_gets_increasing_times(self, tmp_path: Path, twice_the_same: Path) -> None:
        run = recolor(twice_the_same, tmp_path / "out.mp4")
        assert run.report.repaired_dts == 1
        assert audio_packets(run.path) == audio_packets(twice_the_same)
        with av.open(str(run.path)) as container:
            times = [p.dts for p in container.demux(container.streams.audio[0]) if p.size]
        assert all(a < b for a, b in itertools.pairwise(times))

    def test_matroska_takes_them_as_they_are(self, tmp_path: Path, twice_the_same: Path) -> None:
        run = recolor(twice_the_same, tmp_path / "out.mkv")
        assert run.report.repaired_dts == 0
        assert audio_packets(run.path) == audio_packets(twice_the_same)

    def test_sound_may_begin_late_and_end_early(self, tmp_path: Path) -> None:
        film = make_film(tmp_path / "film.mkv", frames=48, audio=1, audio_s=0.5)

        def later(_: int, packet: Any) -> None:
            packet.pts += 700
            packet.dts += 700

        source = remux(film, tmp_path / "late.mkv", later)
        for suffix in ("mkv", "mp4"):
            run = recolor(source, tmp_path / f"out.{suffix}")
            with av.open(str(run.path)) as container:
                stream = container.streams.audio[0]
                first = next(p for p in container.demux(stream) if p.size)
                assert first.pts * first.time_base == Fraction(679, 1000)  # 21 ms of priming


class TestCutSource:
    def test_partial_film_keeps_the_sound_that_is_there(self, tmp_path: Path) -> None:
        film = make_film(
            tmp_path / "film.mp4",
            frames=72,
            audio=1,
            container_options={"movflags": "+faststart"},
        )
        content = film.read_bytes()
        film.write_bytes(content[: len(content) * 2 // 3])
        run = recolor(film, tmp_path / "out.mp4", fast_settings(keep_partial=True))
        assert 0 < run.report.frames < 72
        assert 0 < len(audio_packets(run.path)) < 142
        assert run.verification.identical_audio_packets == len(audio_packets(run.path))


class TestPayload:
    def digest(self, payload: bytes, codec: str) -> tuple[int, bytes]:
        hasher = hashlib.blake2b(digest_size=16)
        return add_payload(hasher, av.Packet(payload), codec), hasher.digest()

    def test_adts_header_does_not_count(self) -> None:
        raw = bytes(range(50))
        plain = self.digest(raw, "aac")
        assert plain[0] == 50
        without_crc = bytes([0xFF, 0xF1, 0x4C, 0x80, 0x07, 0x3F, 0xFC])
        assert self.digest(without_crc + raw, "aac") == plain
        with_crc = bytes([0xFF, 0xF0, 0x4C, 0x80, 0x07, 0x5F, 0xFC, 0xAB, 0xCD])
        assert self.digest(with_crc + raw, "aac") == plain

    def test_other_codecs_count_every_byte(self) -> None:
        payload = bytes([0xFF, 0xF1]) + bytes(50)
        assert self.digest(payload, "mp3")[0] == 52
        assert self.digest(payload, "mp3") != self.digest(bytes(52), "mp3")

    def test_packets_may_be_cut_differently(self) -> None:
        whole, parts = CopiedStream(1, 1, "audio", "pcm_s16le"), CopiedStream(1, 1, "audio", "x")
        add_payload(whole.digest, av.Packet(b"abcdef"), "pcm_s16le")
        for piece in (b"ab", b"cd", b"ef"):
            add_payload(parts.digest, av.Packet(piece), "pcm_s16le")
        assert whole.digest.digest() == parts.digest.digest()

    def test_empty_subtitles_say_nothing(self) -> None:
        assert not is_event(av.Packet(b"\0\0"), "mov_text")
        assert is_event(av.Packet(b"\0\1a"), "mov_text")
        assert is_event(av.Packet(b"ab"), "subrip")


@pytest.mark.parametrize(
    ("suffix", "audio_codec"),
    [
        (suffix, codec)
        for suffix in ("mkv", "mp4", "mov")
        for codec in ("pcm_s16le", "pcm_s24le", "flac", "mp2", "ac3", "libopus")
        if (suffix, codec) not in {("mov", "flac"), ("mov", "libopus")}  # refused when planning
    ],
)
def test_every_sound_is_the_same_byte_for_byte(
    tmp_path: Path, audio_codec: str, suffix: str
) -> None:
    source = make_film(tmp_path / "film.mkv", frames=12, audio=1, audio_codec=audio_codec)
    run = recolor(source, tmp_path / f"out.{suffix}")
    assert b"".join(audio_packets(run.path)) == b"".join(audio_packets(source))
    assert run.verification.identical_audio_packets == len(audio_packets(run.path))


def test_codec_name_is_the_same_for_decoder_and_encoder(tmp_path: Path) -> None:
    film = make_film(tmp_path / "film.mkv", frames=2, audio=1, audio_codec="libmp3lame")
    with av.open(str(film)) as container:
        assert codec_name(container.streams.audio[0]) == "mp3"
        assert codec_name(container.streams.video[0]) == "h264"
