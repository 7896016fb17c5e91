"""When the packets of joined segments are decoded."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from vidcolor.media.decoding_times import decoding_times
from vidcolor.media.segments import SegmentRecord


@st.composite
def records(draw: st.DrawFn) -> list[SegmentRecord]:
    """Segments with rising times, reordered within as encoders do."""
    steps = draw(st.lists(st.lists(st.integers(1, 5), min_size=1, max_size=9), max_size=4))
    found, now = [], 0
    for number, lengths in enumerate(steps):
        pts = [now := now + step for step in lengths]
        found.append(SegmentRecord(number, pts=pts, coded_pts=draw(st.permutations(pts))))
    return found


@given(film=records())
def test_decoding_times_are_possible(film: list[SegmentRecord]) -> None:
    shown = [pts for record in film for pts in record.coded_pts]
    times = list(decoding_times(film))
    assert len(times) == len(shown)
    assert all(a < b for a, b in itertools.pairwise(times))
    assert all(dts <= pts for dts, pts in zip(times, shown, strict=True))


def test_decoding_times_without_reordering_are_the_times() -> None:
    film = [SegmentRecord(0, pts=[0, 3], coded_pts=[0, 3])]
    assert list(decoding_times(film)) == [0, 3]
