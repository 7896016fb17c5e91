"""Every frame of the output is shown when the source's was."""

from __future__ import annotations

import dataclasses
from fractions import Fraction
from pathlib import Path

import av
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

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
    make_film,
    run_ffmpeg,
)
from vidcolor.errors import (
    EncoderError,
)
from vidcolor.media.plan import plan_output
from vidcolor.media.reader import FilmReader
from vidcolor.media.writer import FilmWriter


class TestTimes:
    @pytest.mark.parametrize("suffix", CONTAINERS)
    def test_variable_frame_rate(self, tmp_path: Path, suffix: str) -> None:
        source = make_film(tmp_path / f"film.{suffix}", frames=14, vfr=True)
        run = recolor(source, tmp_path / f"out.{suffix}")
        assert times(run.path) == times(source)
        assert run.verification.largest_pts_error_s == 0

    @given(
        steps=st.lists(st.integers(1, 90_000), min_size=1, max_size=12),
        start=st.integers(0, 200_000),
        base=st.sampled_from([Fraction(1, 90_000), Fraction(1001, 30_000), Fraction(1, 600)]),
    )
    @settings(max_examples=10)
    def test_any_times_in_mp4_are_exact(
        self, tmp_path: Path, steps: list[int], start: int, base: Fraction
    ) -> None:
        pts = [sum(steps[:count]) for count in range(len(steps) + 1)]
        source = make_film(
            tmp_path / "film.mp4",
            frames=len(pts),
            width=16,
            height=16,
            pts=pts,
            start_pts=start,
            time_base=base,
            container_options={"movie_timescale": str(base.denominator)},
        )
        expected = times(source)
        run = recolor(source, tmp_path / "out.mp4", fast_settings(overwrite=True))
        assert times(run.path) == expected
        assert run.verification.largest_pts_error_s == 0
        with av.open(str(run.path)) as container:
            assert container.streams.video[0].time_base == run.info.video.time_base
        run.path.unlink()

    @pytest.mark.parametrize("suffix", CONTAINERS)
    def test_start_is_kept_together_with_sound(self, tmp_path: Path, suffix: str) -> None:
        source = make_film(
            tmp_path / f"film.{suffix}",
            frames=6,
            audio=1,
            start_pts=1234,
            rate=25,
            time_base=Fraction(1, 1000),
            pts=[0, 40, 80, 120, 160, 200],
        )
        run = recolor(source, tmp_path / f"out.{suffix}")
        assert times(run.path) == times(source)
        with av.open(str(source)) as before, av.open(str(run.path)) as after:
            old, new = (
                [p.pts * p.time_base for p in c.demux(c.streams.audio[0]) if p.size]
                for c in (before, after)
            )
            assert new == old

    def test_sound_before_zero_does_not_move_the_picture(self, tmp_path: Path) -> None:
        # AAC begins with priming samples at −1024; Matroska's muxer would shift all by 21 ms.
        source = make_film(tmp_path / "film.mp4", frames=6, audio=1)
        run = recolor(source, tmp_path / "out.mkv", fast_settings("archive"))
        with av.open(str(run.path)) as container:
            first = {}
            for packet in container.demux():
                if packet.size:
                    first.setdefault(packet.stream.type, packet.pts)
        assert first == {"video": 0, "audio": -21}

    def test_matroska_rounds_to_a_millisecond(self, tmp_path: Path) -> None:
        source = make_film(tmp_path / "film.mp4", frames=9, rate=Fraction(30_000, 1001))
        run = recolor(source, tmp_path / "out.mkv")
        assert 0 < run.verification.largest_pts_error_s <= 0.0005

    @pytest.mark.parametrize("suffix", CONTAINERS)
    def test_last_frame_keeps_its_duration(self, tmp_path: Path, suffix: str) -> None:
        # Uneven durations and B-frames: MP4's sum of decoding times alone would be short.
        source = make_film(
            tmp_path / "film.mp4",
            frames=5,
            pts=[0, 100, 200, 1700, 1800],
            time_base=Fraction(1, 1000),
            options={"preset": "medium"},
        )
        with FilmReader(source) as reader:
            plan = plan_output(
                reader.info,
                fast_settings(encode__options={"crf": "16", "preset": "medium"}),
                tmp_path / f"out.{suffix}",
            )
            with FilmWriter(reader.info, tmp_path / f"out.{suffix}", plan) as writer:
                for frame in reader:
                    if frame.index == 4:
                        frame.duration = round(Fraction(12, 10) / frame.time_base)
                    writer.write(colored(frame, plan.target))
                writer.finish()
                writer.commit()
        with av.open(str(tmp_path / f"out.{suffix}")) as container:
            assert container.duration == pytest.approx(3_000_000, abs=1000)

    def test_backward_time_is_refused(self, tmp_path: Path) -> None:
        source = make_film(tmp_path / "film.mp4", frames=4)
        writer, reader = start_writer(source, tmp_path / "out.mp4")
        with writer, reader:
            for frame in reader:
                if frame.index == 2:
                    frame = dataclasses.replace(frame, pts=0)
                    with pytest.raises(EncoderError, match="not after the one before"):
                        writer.write(colored(frame, writer.plan.target))
                    break
                writer.write(colored(frame, writer.plan.target))
        assert names_in(tmp_path) == ["film.mp4"]

    def test_time_before_zero_is_refused(self, tmp_path: Path) -> None:
        source = make_film(tmp_path / "film.mp4", frames=2)
        writer, reader = start_writer(source, tmp_path / "out.mp4")
        with writer, reader:
            frame = dataclasses.replace(next(iter(reader)), pts=-512)
            with pytest.raises(EncoderError, match=r"before 0, which MP4 cannot keep"):
                writer.write(colored(frame, writer.plan.target))

    def test_film_before_zero_and_the_advice(self, tmp_path: Path) -> None:
        film = make_film(tmp_path / "film.mp4", frames=24, audio=1)
        # The clock of a transport stream runs over after 95443.7 s; libav puts that at 0.
        source, copy = tmp_path / "film.ts", tmp_path / "copy.mkv"
        early = ("-output_ts_offset", "95442", "-muxdelay", "0")
        run_ffmpeg("-i", str(film), "-c", "copy", *early, str(source))
        with pytest.raises(EncoderError, match=r"frame 0 is shown at -1\.718 s") as caught:
            recolor(source, tmp_path / "out.mkv")
        advice = str(caught.value).partition("with: ffmpeg ")[2]
        run_ffmpeg(*advice.replace("FILM", str(source)).replace("COPY.mkv", str(copy)).split())
        report = recolor(copy, tmp_path / "out.mkv").report
        assert report.frames == 24
        assert report.first_pts in range(50)
