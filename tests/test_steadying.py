"""Each frame comes out with its own steadied colours, and those of its later field."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from tests.temporal.scenes import pan
from vidcolor.colorizer import SmallPicture
from vidcolor.frames import Frame
from vidcolor.source_color import FrameColor, SourceColor
from vidcolor.stages import StageClock
from vidcolor.steadying import Steadying
from vidcolor.temporal.shot_list import ListedShot
from vidcolor.temporal.smooth import SmoothedAb
from vidcolor.work import Work

CUT = 6
SHOWN = pan(1, CUT, step=1, disc=False).luma + pan(2, 6, step=1, disc=False).luma


def small(codes: np.ndarray) -> SmallPicture:
    return SmallPicture(codes, codes.astype(np.float32))


def ab(value: float) -> np.ndarray:
    return np.full((2, 24, 32), value, np.float32)


def film(*, fields: bool = False, cut: int | None = None) -> list[Work]:
    """Frames with ab of their number, and later fields, a hundred more.

    ``cut`` is that of the shot list, if there is one.
    """
    works = []
    for index, codes in enumerate(SHOWN):
        work = Work(
            frame=Frame(index, codes, index, Fraction(1, 24)),
            small=small(codes),
            has_chroma=False,
            source=FrameColor(SourceColor.NEUTRAL, is_clear=True),
            listed=None if cut is None else ListedShot(int(index >= cut), index == cut),
            ab=ab(index),
        )
        if fields:
            work.later, work.later_ab = small(codes), ab(100 + index)
        works.append(work)
    return works


def steadied(radius: int, works: list[Work]) -> list[tuple[Work, SmoothedAb]]:
    return list(Steadying(radius, 8, StageClock()).steady(iter(works)))


def values(found: list[tuple[Work, SmoothedAb]]) -> list[float]:
    return [float(item.ab.mean()) for _, item in found]


@pytest.mark.parametrize("radius", [0, 3])
def test_frames_come_out_in_order_and_once(radius: int) -> None:
    works = film()
    assert [work for work, _ in steadied(radius, works)] == works


def test_radius_0_changes_nothing() -> None:
    assert values(steadied(0, film())) == list(range(12))


def test_neighbours_have_a_say_but_not_across_the_cut() -> None:
    found = values(steadied(3, film(cut=CUT)))
    assert found[0] > 0.5
    assert max(found[:CUT]) < CUT - 1 < CUT < min(found[CUT:])


@pytest.mark.parametrize("cut", [None, CUT])
def test_cuts_are_found_or_listed(cut: int | None) -> None:
    assert [item.is_cut for _, item in steadied(1, film(cut=cut))].index(True, 1) == CUT


def test_each_field_has_its_own_colors() -> None:
    works = film(fields=True)
    found = steadied(0, works)
    assert [work for work, _ in found] == works
    assert values(found) == list(range(12))
    later = [float(work.later_ab.mean()) for work in works if work.later_ab is not None]
    assert later == [100 + index for index in range(12)]


def test_a_shot_that_begins_with_a_later_field_begins_with_the_next_frame() -> None:
    works = film(fields=True)
    last = works[CUT - 1]
    last.later = works[CUT].small
    found = [item.is_cut for _, item in steadied(1, works)]
    assert found.index(True, 1) == CUT
    assert found.count(True) == found[:1].count(True) + 1
