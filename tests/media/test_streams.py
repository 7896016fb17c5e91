"""Other streams: repaired times, payload digests, image sequences, sources cut short."""

from __future__ import annotations

import errno
import hashlib
import itertools
import struct
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import pytest

from tests.media.recolor import fast_settings, recolor
from tests.synthetic import audio_packets, make_film, run_ffmpeg
from vidcolor.colorizer import Colorizer
from vidcolor.config import NetworkSettings
from vidcolor.jobs.run import color_film
from vidcolor.media import streams
from vidcolor.media.copied import CopiedStream, add_payload, codec_name, is_event
from vidcolor.media.safety import open_container
from vidcolor.media.streams import MAX_CONSECUTIVE_FAILURES
from vidcolor.media.write_report import WriteReport


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


def heard(path: Path) -> list[float]:
    """When each packet of sound is heard, in seconds."""
    with av.open(str(path)) as container:
        packets = container.demux(container.streams.audio[0])
        return [float(p.pts * p.time_base) for p in packets if p.size]


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


class DamagedContainer:
    """A source that cannot be read so many times in a row, by the number of packets before."""

    def __init__(self, path: Path, failures: dict[int, int]) -> None:
        self._container = open_container(path)
        self._packets: Iterator[Any] = self._container.demux()
        self._failures = dict(failures)
        self._read = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._container, name)

    def demux(self) -> Iterator[Any]:
        while True:
            if self._failures.get(self._read, 0):
                self._failures[self._read] -= 1
                raise av.InvalidDataError(errno.EIO, "damaged")
            packet = next(self._packets, None)
            if packet is None:
                return
            self._read += 1
            yield packet


class TestDamagedPlaces:
    @pytest.fixture
    def film(self, tmp_path: Path) -> Path:
        return make_film(tmp_path / "film.mkv", frames=24, audio=1)

    def damaged(self, monkeypatch: pytest.MonkeyPatch, failures: dict[int, int]) -> None:
        """Let whoever copies streams see damage; the pictures are read by themselves."""
        monkeypatch.setattr(streams, "open_container", lambda p: DamagedContainer(p, failures))

    def test_reading_goes_on_behind_them(
        self, tmp_path: Path, film: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        most = MAX_CONSECUTIVE_FAILURES - 1
        self.damaged(monkeypatch, {0: most, 1: most, 30: most})
        run = recolor(film, tmp_path / "out.mkv")
        assert (run.report.read_failures, run.report.gave_up) == (3 * most, False)
        assert audio_packets(run.path) == audio_packets(film)
        (notice,) = run.report.notices()
        assert f"could not be read in {3 * most} places" in notice

    def test_after_too_many_in_a_row_the_rest_is_given_up(
        self, tmp_path: Path, film: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        most = MAX_CONSECUTIVE_FAILURES
        self.damaged(monkeypatch, {10: 1, 30: most + 1})
        run = recolor(film, tmp_path / "out.mkv")
        assert (run.report.read_failures, run.report.gave_up) == (1 + most, True)
        assert run.report.frames == 24
        kept, whole = audio_packets(run.path), audio_packets(film)
        assert 0 < len(kept) < 30
        assert kept == whole[: len(kept)]
        assert any("the rest of the source could not be read" in n for n in run.report.notices())


class TestClockSetBack:
    @pytest.mark.parametrize("suffix", ["mkv", "mp4"])
    def test_glued_films_keep_their_sound_in_step(self, tmp_path: Path, suffix: str) -> None:
        film = make_film(tmp_path / "one.ts", frames=48, audio=1)
        once, twice = tmp_path / f"once.{suffix}", tmp_path / f"twice.{suffix}"
        glued = tmp_path / "two.ts"
        glued.write_bytes(film.read_bytes() * 2)
        recolor(film, once)
        run = recolor(glued, twice)
        assert run.report.frames == 96
        single, both = heard(once), heard(twice)
        assert len(both) == 2 * len(single)
        assert both[: len(single)] == pytest.approx(single, abs=0.002)
        # The picture's second part begins two seconds later, and so must the sound's.
        later = [time + 2 for time in single[4:]]
        assert both[len(single) + 4 :] == pytest.approx(later, abs=0.003)
        assert run.report.repaired_dts <= 4  # where the end of one lies over the other


class TestHiddenSound:
    @pytest.fixture
    def cut(self, tmp_path: Path) -> Path:
        """MP4 whose edit list hides the beginning of its sound."""
        film = make_film(
            tmp_path / "film.mp4", frames=48, audio=1, options={"preset": "medium", "g": "48"}
        )
        path = tmp_path / "cut.mp4"
        run_ffmpeg("-ss", "0.7", "-i", str(film), "-c", "copy", str(path))
        return path

    def test_matroska_leaves_it_out(self, tmp_path: Path, cut: Path) -> None:
        run = recolor(cut, tmp_path / "out.mkv", fast_settings("archive"))
        hidden = run.report.streams[0].hidden
        assert hidden > 20
        assert len(audio_packets(run.path)) == len(audio_packets(cut)) - hidden
        assert -0.1 < heard(run.path)[0] <= 0
        assert f"stream 1 (audio): {hidden} packets were hidden" in "\n".join(run.report.notices())

    def test_report_of_the_run_tells_it(
        self, tmp_path: Path, cut: Path, untrained_checkpoint: Path
    ) -> None:
        network = NetworkSettings(checkpoint=str(untrained_checkpoint), device="cpu", short_side=32)
        report = color_film(
            cut, tmp_path / "out.mkv", fast_settings(), colorizer=Colorizer(network)
        )
        assert any("packets were hidden by the source" in line for line in report.notices)

    def test_mp4_hides_it_again(self, tmp_path: Path, cut: Path) -> None:
        run = recolor(cut, tmp_path / "out.mp4")
        assert run.report.streams[0].hidden == 0
        assert audio_packets(run.path) == audio_packets(cut)


class TestNotices:
    def test_nothing_to_tell(self, tmp_path: Path) -> None:
        film = make_film(tmp_path / "film.mp4", frames=24, audio=2, subtitles="mov_text")
        for suffix in ("mkv", "mp4", "mov"):
            assert recolor(film, tmp_path / f"out.{suffix}").report.notices() == []

    def test_sound_that_ends_early(self, tmp_path: Path) -> None:
        film = make_film(tmp_path / "film.mp4", frames=96, audio=1, options={"preset": "medium"})
        content = bytearray(film.read_bytes())
        table = content.rindex(b"stco")
        (count,) = struct.unpack(">I", content[table + 8 : table + 12])
        for chunk in range(count // 2, count):  # the rest lies beyond the end of the file
            place = table + 12 + 4 * chunk
            content[place : place + 4] = struct.pack(">I", 0x7FFFFF00)
        film.write_bytes(content)
        run = recolor(film, tmp_path / "out.mkv")
        assert any(
            line.startswith("stream 1 (audio): ends at") and line.endswith("instead of 4.00 s")
            for line in run.report.notices()
        ), run.report.notices()

    def test_all_counts(self) -> None:
        stream = CopiedStream(2, 1, "subtitle", "subrip", repaired_dts=3, undecodable=4)
        report = WriteReport(streams=(stream,), read_failures=100, gave_up=True)
        text = "\n".join(report.notices())
        for part in ("stream 2 (subtitle): 3", "4 lines could not be read", "in 100 places"):
            assert part in text
        assert len(report.notices()) == 4


class TestPayload:
    def digest(self, payload: bytes, codec: str) -> bytes:
        hasher = hashlib.blake2b(digest_size=16)
        add_payload(hasher, av.Packet(payload), codec)
        return hasher.digest()

    def test_adts_header_does_not_count(self) -> None:
        raw = bytes(range(50))
        plain = self.digest(raw, "aac")
        assert plain == hashlib.blake2b(raw, digest_size=16).digest()
        without_crc = bytes([0xFF, 0xF1, 0x4C, 0x80, 0x07, 0x3F, 0xFC])
        assert self.digest(without_crc + raw, "aac") == plain
        with_crc = bytes([0xFF, 0xF0, 0x4C, 0x80, 0x07, 0x5F, 0xFC, 0xAB, 0xCD])
        assert self.digest(with_crc + raw, "aac") == plain

    def test_other_codecs_count_every_byte(self) -> None:
        payload = bytes([0xFF, 0xF1]) + bytes(50)
        expected = hashlib.blake2b(payload, digest_size=16).digest()
        assert self.digest(payload, "mp3") == expected
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
