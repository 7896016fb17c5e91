"""Options of the muxer and the least size of an output."""

from __future__ import annotations

import dataclasses
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.media.recolor import fast_settings
from tests.synthetic import make_film
from vidcolor.frames import MediaInfo
from vidcolor.media.muxing import LARGEST_TIMESCALE, container_options, least_size, part_of
from vidcolor.media.plan import OutputPlan, plan_output
from vidcolor.media.probe import probe


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> MediaInfo:
    path = tmp_path_factory.mktemp("muxing") / "film.mp4"
    return probe(make_film(path, frames=24, audio=1, width=64, height=48))


def plan_for(source: MediaInfo, name: str, preset: str = "film") -> OutputPlan:
    return plan_output(source, fast_settings(preset), Path(name))


def test_mp4_counts_in_the_source_ticks(source: MediaInfo) -> None:
    options = container_options(plan_for(source, "out.mp4"), source)
    ticks = source.video.time_base.denominator
    assert options["video_track_timescale"] == str(ticks)
    assert int(options["movie_timescale"]) % ticks == 0
    assert int(options["movie_timescale"]) % 48_000 == 0


def test_second_film_keeps_its_own_clock(source: MediaInfo) -> None:
    film = next(stream for stream in source.streams if stream.kind == "video")
    two = dataclasses.replace(source, streams=(*source.streams, film))
    assert "video_track_timescale" not in container_options(plan_for(source, "out.mp4"), two)


@given(
    denominator=st.integers(1, 2**33),
    seconds=st.one_of(st.none(), st.floats(0.01, 1e6)),
)
def test_timescales_always_fit(source: MediaInfo, denominator: int, seconds: float | None) -> None:
    video = dataclasses.replace(source.video, time_base=Fraction(1, denominator))
    changed = dataclasses.replace(source, video=video, duration_from_header_s=seconds)
    options = container_options(plan_for(source, "out.mov"), changed)
    if denominator > LARGEST_TIMESCALE:
        assert "movie_timescale" not in options
        return
    assert int(options["movie_timescale"]) <= LARGEST_TIMESCALE
    assert int(options["movie_timescale"]) % denominator == 0


def test_matroska_keeps_times_and_defaults(source: MediaInfo) -> None:
    options = container_options(plan_for(source, "out.mkv"), source)
    assert options["avoid_negative_ts"] == "disabled"
    assert options["default_mode"] == "passthrough"


def test_least_size_grows_with_losslessness(source: MediaInfo) -> None:
    lossy = least_size(source, plan_for(source, "out.mkv"))
    prores = least_size(source, plan_for(source, "out.mov", "prores"))
    archive = least_size(source, plan_for(source, "out.mkv", "archive"))
    assert 0 < lossy < prores < archive < 24 * 64 * 48
    assert least_size(source, plan_for(source, "out.mkv", "archive"), 0.5) == round(archive / 2)


def test_least_size_of_an_unknown_length_is_nothing(source: MediaInfo) -> None:
    video = dataclasses.replace(
        source.video, num_frames_from_header=None, duration_from_header_s=None
    )
    unknown = dataclasses.replace(source, video=video, duration_from_header_s=None)
    assert least_size(unknown, plan_for(source, "out.mkv")) == 0
    known = dataclasses.replace(source, video=video, duration_from_header_s=1.0)
    assert least_size(known, plan_for(source, "out.mkv")) > 0


@pytest.mark.parametrize(
    ("start", "duration", "expected"),
    [(0.0, None, 1.0), (2.5, None, 0.75), (2.5, 5.0, 0.5), (9.0, 5.0, 0.1), (20.0, None, 0.0)],
)
def test_part(source: MediaInfo, start: float, duration: float | None, expected: float) -> None:
    ten_seconds = dataclasses.replace(source, duration_from_header_s=10.0)
    assert part_of(ten_seconds, start, duration) == pytest.approx(expected)
    assert part_of(dataclasses.replace(source, duration_from_header_s=None), start, duration) == 1
