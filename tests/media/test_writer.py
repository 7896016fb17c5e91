"""Parts of films, image sequences, and that the output is written whole or not at all."""

from __future__ import annotations

import errno
import itertools
import os
import resource
import shutil
import signal
import subprocess
import threading
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image

from tests.media.recolor import (
    CONTAINERS,
    colored,
    fast_settings,
    names_in,
    recolor,
    start_writer,
    times,
)
from tests.synthetic import (
    decode_luma,
    luma_picture,
    make_film,
    stream_packets,
)
from vidcolor.errors import (
    DiskFullError,
    EncoderOptionError,
    OutputExistsError,
    OutputFolderError,
)
from vidcolor.media import writer as writer_module
from vidcolor.media.plan import plan_output
from vidcolor.media.probe import probe
from vidcolor.media.reader import FilmReader
from vidcolor.media.segment_encoder import SegmentEncoder
from vidcolor.media.sequence import open_source
from vidcolor.media.verify import verify_output
from vidcolor.media.writer import FilmWriter


class TestPart:
    def test_all_streams_are_cut_to_the_part(self, tmp_path: Path) -> None:
        source = make_film(
            tmp_path / "film.mkv", frames=72, audio=1, subtitles="srt", chapters=True, rate=24
        )
        settings_ = fast_settings(start_s=1.0, duration_s=0.75)
        run = recolor(source, tmp_path / "out.mkv", settings_)
        shown = times(run.path)
        assert shown == [time for time in times(source) if 1 <= time < Fraction(7, 4)]
        with av.open(str(run.path)) as container:
            heard = [
                packet.pts * packet.time_base
                for packet in container.demux(container.streams.audio[0])
                if packet.size
            ]
        assert 1 <= heard[0] < 1.03
        assert 1.72 < heard[-1] < 1.75
        assert run.report.streams[1].packets == 1  # the second line, at 1.5 s
        assert run.report.chapters == 2

    @pytest.mark.parametrize("suffix", CONTAINERS)
    def test_part_without_a_subtitle(self, tmp_path: Path, suffix: str) -> None:
        kind = "srt" if suffix == "mkv" else "mov_text"
        source = make_film(tmp_path / f"film.{suffix}", frames=96, subtitles=kind)
        part = fast_settings(start_s=1.7, duration_s=0.2)  # the lines end at 1.6 and begin at 2
        run = recolor(source, tmp_path / f"out.{suffix}", part)
        assert run.report.streams[0].packets == 0
        assert run.verification.frames == 5

    @pytest.mark.parametrize("suffix", CONTAINERS)
    def test_part_without_sound(self, tmp_path: Path, suffix: str) -> None:
        source = make_film(tmp_path / f"film.{suffix}", frames=48, audio=1, audio_s=0.5)
        run = recolor(source, tmp_path / f"out.{suffix}", fast_settings(start_s=1.0))
        assert run.report.streams[0].packets == 0
        assert run.verification.frames == 24

    def test_an_end_that_is_known_late(self, tmp_path: Path) -> None:
        source = make_film(tmp_path / "film.mp4", frames=48, audio=1)
        output = tmp_path / "out.mp4"
        with FilmReader(source, start_s=0.5) as reader:
            plan = plan_output(reader.info, fast_settings(), output)
            with FilmWriter(reader.info, output, plan, start_s=0.5, threads=1) as writer:
                for frame in itertools.islice(reader, 12):
                    writer.write(colored(frame, plan.target))
                writer.end_at(0.5)
                report = writer.finish()
                verify_output(plan, report, writer.temp_path, reader.info, report.pts)
                writer.commit()
        heard = [float(pts) for pts, _, _ in stream_packets(output, 1) if pts is not None]
        assert 0.47 < heard[0] < 0.53
        assert 0.94 < heard[-1] < 1.0

    @pytest.mark.parametrize("suffix", CONTAINERS)
    def test_times_keep_the_source_clock(self, tmp_path: Path, suffix: str) -> None:
        source = make_film(tmp_path / f"film.{suffix}", frames=48, audio=1)
        run = recolor(source, tmp_path / f"out.{suffix}", fast_settings(start_s=0.5))
        assert times(run.path)[0] == Fraction(1, 2)
        assert len(times(run.path)) == 36


def test_image_sequence_becomes_a_film(tmp_path: Path) -> None:
    wanted = [luma_picture(index, 48, 32, full_range=True) for index in range(5)]
    for number, luma in enumerate(wanted, start=1):
        Image.fromarray(luma).save(tmp_path / f"scan_{number:04d}.png")
    output = tmp_path / "out.mkv"
    with open_source(tmp_path / "scan_%04d.png", rate="25") as reader:
        plan = plan_output(reader.info, fast_settings("archive"), output)
        with FilmWriter(reader.info, output, plan) as writer:
            for frame in reader:
                writer.write(colored(frame, plan.target))
            report = writer.finish()
            verify_output(plan, report, writer.temp_path, reader.info, report.pts)
            writer.commit()
    assert report.luma_identical_frames == 5
    found = decode_luma(output)
    assert [time for time, _ in found] == [Fraction(index, 25) for index in range(5)]
    for (_, luma), original in zip(found, wanted, strict=True):
        np.testing.assert_array_equal(luma, original)
    assert probe(output).video.color.full_range


class TestAllOrNothing:
    def test_an_output_that_appears_meanwhile_is_kept(self, tmp_path: Path) -> None:
        source, output = make_film(tmp_path / "film.mp4", frames=3), tmp_path / "out.mp4"
        writer, reader = start_writer(source, output)
        with writer, reader:
            for frame in reader:
                writer.write(colored(frame, writer.plan.target))
            output.write_bytes(b"somebody else's")
            writer.finish()
            with pytest.raises(OutputExistsError, match="made by somebody else meanwhile"):
                writer.commit()
            kept = writer.temp_path
        assert output.read_bytes() == b"somebody else's"
        assert len(decode_luma(kept)) == 3

    def test_final_name_only_after_commit(self, tmp_path: Path) -> None:
        source = make_film(tmp_path / "film.mp4", frames=3)
        writer, reader = start_writer(source, tmp_path / "out.mp4")
        with writer, reader:
            for frame in reader:
                writer.write(colored(frame, writer.plan.target))
                assert not (tmp_path / "out.mp4").exists()
            writer.finish()
            assert writer.temp_path.exists()
            assert not (tmp_path / "out.mp4").exists()
            writer.commit()
        assert names_in(tmp_path) == ["film.mp4", "out.mp4"]

    @pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
    @pytest.mark.parametrize("after", [0, 2])
    def test_exception_leaves_nothing(
        self, tmp_path: Path, error: type[BaseException], after: int
    ) -> None:
        source = make_film(tmp_path / "film.mp4", frames=4, audio=1)
        writer, reader = start_writer(source, tmp_path / "out.mp4")

        def run() -> None:
            with writer, reader:
                for frame in reader:
                    if frame.index == after:
                        raise error
                    writer.write(colored(frame, writer.plan.target))

        with pytest.raises(error):
            run()
        writer.abort()
        assert names_in(tmp_path) == ["film.mp4"]

    def test_a_thread_that_is_stuck_in_the_encoder_keeps_what_it_uses(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        inside, go_on, failures = threading.Event(), threading.Event(), []
        write = SegmentEncoder.write

        def stuck(*arguments: Any) -> None:
            inside.set()
            go_on.wait(30)
            write(*arguments)

        def work() -> None:
            try:
                writer.write(next(frames))
            except BaseException as error:
                failures.append(error)

        source = make_film(tmp_path / "film.mkv", frames=3)
        writer, reader = start_writer(source, tmp_path / "out.mkv")
        with reader:
            frames = (colored(frame, writer.plan.target) for frame in reader)
            writer.write(next(frames))
            monkeypatch.setattr(SegmentEncoder, "write", stuck)
            thread = threading.Thread(target=work)
            thread.start()
            assert inside.wait(30)
            writer.abort()
            go_on.set()
            thread.join(30)
        assert failures == []
        writer.abort()
        assert names_in(tmp_path) == ["film.mkv"]

    def test_without_commit_nothing_stays(self, tmp_path: Path) -> None:
        source = make_film(tmp_path / "film.mp4", frames=2)
        writer, reader = start_writer(source, tmp_path / "out.mp4")
        with writer, reader:
            for frame in reader:
                writer.write(colored(frame, writer.plan.target))
            writer.finish()
        assert names_in(tmp_path) == ["film.mp4"]

    def test_commit_needs_finish(self, tmp_path: Path) -> None:
        writer, reader = start_writer(
            make_film(tmp_path / "film.mp4", frames=2), tmp_path / "out.mp4"
        )
        with writer, reader, pytest.raises(RuntimeError, match="finished"):
            writer.commit()

    def test_wrong_option_leaves_nothing(self, tmp_path: Path) -> None:
        source = make_film(tmp_path / "film.mp4", frames=2)
        with pytest.raises(EncoderOptionError):
            start_writer(source, tmp_path / "out.mp4", encode__options={"crff": "1"})
        assert names_in(tmp_path) == ["film.mp4"]

    def test_missing_folder(self, tmp_path: Path) -> None:
        source = make_film(tmp_path / "film.mp4", frames=2)
        with pytest.raises(OutputFolderError):
            start_writer(source, tmp_path / "no" / "out.mp4")

    def test_folder_that_vanishes(self, tmp_path: Path) -> None:
        source = make_film(tmp_path / "film.mp4", frames=3)
        folder = tmp_path / "usb"
        folder.mkdir()
        writer, reader = start_writer(source, folder / "out.mp4")
        with writer, reader:
            for frame in reader:
                writer.write(colored(frame, writer.plan.target))
            shutil.rmtree(folder)
            with pytest.raises(OutputFolderError, match=r"out\.mp4"):
                writer.finish()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 192 KiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=192k", "tmpfs", str(folder)],
        capture_output=True,
        check=False,
    )
    if mounted.returncode:
        pytest.skip(f"mount is not permitted: {mounted.stderr.decode().strip()}")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


@pytest.fixture
def file_size_limit() -> Iterator[None]:
    """No file may grow beyond 64 KiB; the write fails with EFBIG, as on a full disk."""
    old = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (65_536, old[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, old)
    signal.signal(signal.SIGXFSZ, handler)


class TestFullDisk:
    @pytest.fixture(autouse=True)
    def _no_reserve(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(writer_module, "RESERVE_BYTES", 0)
        monkeypatch.setattr(writer_module, "least_size", lambda *_: 0)

    def run_until_full(self, source: Path, output: Path) -> None:
        preset = "archive" if output.suffix == ".mkv" else "film"
        with FilmReader(source) as reader:
            plan = plan_output(reader.info, fast_settings(preset), output)
            with FilmWriter(reader.info, output, plan, threads=1) as writer:
                for frame in reader:
                    writer.write(colored(frame, plan.target))
                writer.finish()
                writer.commit()

    @pytest.fixture
    def film(self, tmp_path: Path) -> Path:
        return make_film(tmp_path / "film.mp4", frames=24, width=192, height=144)

    @pytest.mark.parametrize("suffix", ["mkv", "mp4"])
    def test_full_file_system(self, film: Path, small_disk: Path, suffix: str) -> None:
        with pytest.raises(DiskFullError, match="no space left"):
            self.run_until_full(film, small_disk / f"out.{suffix}")
        assert list(small_disk.iterdir()) == []

    def test_file_size_limit(
        self, film: Path, tmp_path: Path, request: pytest.FixtureRequest
    ) -> None:
        request.getfixturevalue("file_size_limit")  # not before the film is made
        with pytest.raises(DiskFullError, match="no space left"):
            self.run_until_full(film, tmp_path / "out.mkv")
        assert names_in(tmp_path) == ["film.mp4"]

    def test_failed_write_is_remembered(self, film: Path, tmp_path: Path) -> None:
        # An encoder that failed once may finish "successfully" over the hole.
        writer, reader = start_writer(film, tmp_path / "out.mp4")

        class Full:
            def write(self, _: bytes) -> None:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        with writer, reader:
            for frame in reader:
                writer.write(colored(frame, writer.plan.target))
            encoder = writer._encoder
            assert encoder is not None
            real, encoder._file = encoder._file, Full()  # type: ignore[assignment]
            with pytest.raises(DiskFullError):
                writer.finish()
            encoder._file = real
            with pytest.raises(DiskFullError):
                writer.finish()
            with pytest.raises(RuntimeError):
                writer.commit()
        assert names_in(tmp_path) == ["film.mp4"]


def test_reserve_is_watched_while_writing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = make_film(tmp_path / "film.mp4", frames=3)
    writer, reader = start_writer(source, tmp_path / "out.mp4")
    monkeypatch.setattr(writer_module, "FREE_SPACE_CHECK_FRAMES", 1)
    monkeypatch.setattr(writer_module, "RESERVE_BYTES", 1 << 60)
    with writer, reader:
        frame = colored(next(iter(reader)), writer.plan.target)
        with pytest.raises(DiskFullError, match="left and at least"):
            writer.write(frame)
        monkeypatch.setattr(writer_module, "RESERVE_BYTES", 0)
        with pytest.raises(DiskFullError, match="left and at least"):  # it is remembered
            writer.write(frame)
    assert names_in(tmp_path) == ["film.mp4"]


def test_hopeless_disk_is_refused_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = make_film(tmp_path / "film.mp4", frames=3)
    monkeypatch.setattr(writer_module, "RESERVE_BYTES", 1 << 60)
    with pytest.raises(DiskFullError):
        start_writer(source, tmp_path / "out.mp4")
    assert names_in(tmp_path) == ["film.mp4"]
