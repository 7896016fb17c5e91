from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from vidcolor.temporal.segment_planner import SegmentPlanner

TIMES = [index / 4 for index in range(80)]


@given(cuts=st.sets(st.sampled_from(TIMES)))
def test_segments_end_at_cuts_and_are_never_long(cuts: set[float]) -> None:
    planner = SegmentPlanner(least_s=2, most_s=5)
    starts = [t for t in TIMES if planner.begins_segment(t, is_cut=t in cuts)]
    previous = 0.0
    for start in starts:
        assert 2 <= start - previous <= 5
        assert start in cuts or start - previous == 5
        between = [cut for cut in cuts if previous + 2 <= cut < start]
        assert not between
        previous = start
    assert TIMES[-1] - previous < 5


@given(cuts=st.sets(st.sampled_from(TIMES)))
def test_a_plan_that_begins_again_at_a_segment_goes_on_as_before(
    cuts: set[float],
) -> None:
    planner = SegmentPlanner(least_s=2, most_s=5)
    starts = [t for t in TIMES if planner.begins_segment(t, is_cut=t in cuts)]
    for start in starts:
        rest = SegmentPlanner(least_s=2, most_s=5)
        found = [t for t in TIMES if t >= start and rest.begins_segment(t, is_cut=t in cuts)]
        assert found == [t for t in starts if t > start]


def test_a_film_that_begins_late() -> None:
    planner = SegmentPlanner(least_s=2, most_s=5)
    assert not planner.begins_segment(1000.0, is_cut=True)
    assert not planner.begins_segment(1001.0, is_cut=True)
    assert planner.begins_segment(1002.0, is_cut=True)
