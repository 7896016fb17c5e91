from __future__ import annotations

import itertools
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vidcolor.errors import SettingsError
from vidcolor.frames import ColorTags, MediaInfo, PixelLayout, VideoInfo
from vidcolor.media.timeline import Timeline, can_be_sought, expected_end_s, tick_range

TICK = Fraction(1, 1000)


def make_info(**changes: object) -> MediaInfo:
    """A film of 10 s in MP4, with fields of its video or of itself changed."""
    video = {
        "index": 0,
        "codec": "h264",
        "width": 64,
        "height": 48,
        "layout": PixelLayout("yuv420p", 8, (1, 1)),
        "color": ColorTags(1, 1, 1, full_range=False),
        "time_base": TICK,
        "average_rate": Fraction(25),
        "duration_from_header_s": 10.0,
        "start_pts": 0,
    }
    whole = {"path": "film.mp4", "container": "mov,mp4", "duration_from_header_s": 10.0}
    for name, value in changes.items():
        (whole if name in ("container", "origin_s") else video)[name] = value
    return MediaInfo(video=VideoInfo(**video), **whole)  # type: ignore[arg-type]


def test_good_times_are_untouched() -> None:
    timeline = Timeline(TICK, 40)
    times = [0, 40, 81, 200, 201]
    assert [timeline.place(t, None, 40) for t in times] == times
    assert (timeline.missing, timeline.repaired, timeline.jumps) == (0, 0, 0)
    assert timeline.end == 241


def test_without_pts_the_time_is_dts_or_the_end_of_the_frame_before() -> None:
    timeline = Timeline(TICK, 40)
    placed = [
        timeline.place(*frame) for frame in [(None, None, 0), (None, 50, 30), (None, None, 0)]
    ]
    assert placed == [0, 50, 80]
    assert timeline.missing == 2


def test_faulty_pts_give_way_to_dts() -> None:
    """As made up for reordered frames in AVI: the dts is the time from the first fault on."""
    timeline = Timeline(TICK, 25)
    pts = [25, 75, 50, 100, 125, 150]
    dts = [50, 75, 100, 125, 150, 175]
    assert [timeline.place(*frame, 25) for frame in zip(pts, dts, strict=True)] == [
        *(25, 75),
        *(100, 125, 150, 175),
    ]
    assert (timeline.repaired, timeline.missing) == (0, 0)


def test_faulty_dts_change_nothing() -> None:
    timeline = Timeline(TICK, 25)
    pts = [0, 25, 60, 90, 120]
    assert [timeline.place(time, 7, 25) for time in pts] == pts


def test_recordings_glued_together_keep_their_pts() -> None:
    """Both clocks jump, so neither is the better one."""
    timeline = Timeline(TICK, 40)
    pts = [9000, 9040, 1000, 1030, 1090]
    placed = [timeline.place(time, time + 5, 40) for time in pts]
    assert placed == [9000, 9040, 9080, 9110, 9170]
    assert timeline.jumps == 1


def test_a_duration_of_one_tick_is_made_up() -> None:
    """Then a frame without a time comes as long after its predecessor as that came."""
    timeline = Timeline(Fraction(1, 600), 1)
    frames = [(0, None, 1), (25, None, 1), (None, None, 1), (None, None, 1)]
    assert [timeline.place(*frame) for frame in frames] == [0, 25, 50, 75]
    assert timeline.end == 100


def test_a_wrong_pts_moves_by_one_tick() -> None:
    timeline = Timeline(TICK, 33)
    times = [0, 79, 113, 146, 133, 213, 213]
    assert [timeline.place(t, None, 33) for t in times] == [0, 79, 113, 146, 147, 213, 214]
    assert timeline.repaired == 2


def test_a_clock_set_back_starts_a_new_part() -> None:
    timeline = Timeline(TICK, 40)
    times = [50_000, 50_040, 7_000, 7_040, 7_100]
    assert [timeline.place(t, None, 40) for t in times] == [50_000, 50_040, 50_080, 50_120, 50_180]
    assert (timeline.jumps, timeline.repaired) == (1, 0)


def test_a_hole_is_counted_and_kept() -> None:
    timeline = Timeline(TICK, 40)
    assert [timeline.place(t, None, 40) for t in (0, 40, 3_080)] == [0, 40, 3_080]
    assert (timeline.holes, timeline.hole_ticks) == (1, 3_000)


@given(
    st.lists(
        st.tuples(
            st.none() | st.integers(-(10**6), 10**6),
            st.none() | st.integers(-(10**6), 10**6),
            st.integers(0, 5000),
        ),
        max_size=60,
    ),
    st.integers(1, 100),
)
def test_times_always_increase(
    frames: list[tuple[int | None, int | None, int]], usual: int
) -> None:
    timeline = Timeline(TICK, usual)
    placed = [timeline.place(*frame) for frame in frames]
    assert all(b > a for a, b in itertools.pairwise(placed))
    if all(frame[0] is not None for frame in frames):
        given_times = [frame[0] for frame in frames]
        if all(b > a for a, b in itertools.pairwise(given_times)):  # type: ignore[operator]
            assert placed == given_times


@given(st.integers(0, 10**7), st.sampled_from([24, 25, Fraction(30000, 1001), 90_000, 12_800]))
def test_a_frame_time_as_float_finds_its_frame(pts: int, rate: Fraction) -> None:
    """Seconds that were computed from a pts select exactly that frame."""
    info = make_info(time_base=1 / Fraction(rate))
    begin, end = tick_range(info, float(pts * info.video.time_base), None)
    assert begin == (pts or None)
    assert end is None
    _, end = tick_range(info, 0.0, float((pts + 1) * info.video.time_base))
    assert end == pts + 1


def test_range_counts_from_the_origin() -> None:
    info = make_info(origin_s=8.333008)
    assert tick_range(info, 1.0, 2.0) == (9334, 11334)
    assert tick_range(info, 0.0, None) == (None, None)


@pytest.mark.parametrize("start", [-0.1, float("nan"), float("inf")])
def test_start_that_is_not_allowed(start: float) -> None:
    with pytest.raises(SettingsError, match="start"):
        tick_range(make_info(), start, None)


@pytest.mark.parametrize("duration", [0.0, -1.0, float("nan")])
def test_duration_that_is_not_allowed(duration: float) -> None:
    with pytest.raises(SettingsError, match="duration"):
        tick_range(make_info(), 0.0, duration)


@pytest.mark.parametrize(
    ("changes", "end"),
    [
        ({}, 10.0),
        ({"start_pts": 2000}, 12.0),
        # Here it is the end on the container's clock, or shorter.
        ({"container": "matroska,webm", "start_pts": 2000}, 10.0),
        ({"container": "asf", "duration_from_header_s": None, "origin_s": 5.0}, 10.0),
        ({"duration_from_header_s": None, "origin_s": 1.5}, 11.5),
        ({"container": "mpegts"}, None),
        ({"container": "h264", "start_pts": None}, None),
    ],
)
def test_expected_end(changes: dict[str, object], end: float | None) -> None:
    assert expected_end_s(make_info(**changes)) == end


def test_which_files_may_be_glued_recordings() -> None:
    assert can_be_sought("film.mp4")
    assert can_be_sought(Path("a.ts/film.mkv"))
    assert not can_be_sought(Path("tape.TS"))
    assert not can_be_sought("disc.vob")
