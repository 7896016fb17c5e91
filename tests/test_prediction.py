"""Which frames go through the network, and what the others get."""

from __future__ import annotations

from fractions import Fraction
from typing import Any, cast

import numpy as np
import pytest

from tests.temporal.scenes import pan
from vidcolor.colorizer import AbPlanes, Colorizer, NetworkGrid, SmallPicture
from vidcolor.config import NetworkSettings
from vidcolor.frames import Frame
from vidcolor.prediction import Prediction
from vidcolor.source_color import FrameColor, SourceColor
from vidcolor.stages import StageClock
from vidcolor.temporal.shot_list import ListedShot
from vidcolor.work import Work

SHOWN = pan(1, 8, step=1, disc=False).luma + pan(2, 12, step=1, disc=False).luma
SHOWN[5] = SHOWN[4]
LATER = 13
"""The frame with a later field."""
CUT = 18


class Network:
    """Its ab is the L* of the first pixel."""

    stride = 4

    def __init__(self, batch_size: int) -> None:
        self.batch_size = batch_size

    def fix_batch(self, _: NetworkGrid) -> int:
        return self.batch_size

    def predict(self, pictures: list[Any], _: int) -> list[AbPlanes]:
        return [np.full((2, 24, 32), picture[0, 0], np.float32) for picture in pictures]


def film(is_listed: bool = False) -> list[Work]:
    """L* of each picture is the frame's number, of the later field's a hundred more."""
    works = []
    for index, codes in enumerate(SHOWN):
        small, later = (
            SmallPicture(codes, np.full(codes.shape, number, np.float32))
            for number in (index, 100 + index)
        )
        frame = Frame(index, codes, index, Fraction(1, 24))
        color = FrameColor(SourceColor.NEUTRAL, is_clear=True)
        listed = ListedShot(0, index == CUT) if is_listed else None
        works.append(Work(frame, small, False, color, listed, later if index == LATER else None))
    return works


def predicted(every: int, batch_size: int = 1, *, is_listed: bool = False) -> list[Work]:
    network = cast(Colorizer, Network(batch_size))
    settings = NetworkSettings(every=cast(Any, every))
    prediction = Prediction(network, NetworkGrid(128, 96), 8, settings, StageClock())
    return list(prediction.predict(iter(film(is_listed))))


def seen_as(works: list[Work]) -> list[int]:
    return [round(float(cast(AbPlanes, work.ab).mean())) for work in works]


def test_every_frame_but_repeats_goes_through_the_network() -> None:
    works = predicted(1)
    assert seen_as(works) == [*range(5), 4, *range(6, 20)]
    assert [work.frame.index for work in works] == list(range(20))
    assert all(work.weight is None and work.ab_from.link is None for work in works)


@pytest.mark.parametrize("batch_size", [1, 3, 64])
def test_frames_between_get_the_colors_of_the_last_one_seen(batch_size: int) -> None:
    works = predicted(4, batch_size)
    expected = [0, 0, 0, 0, 4, 4, 4, 4, 8, 8, 8, 8, 12, 13, 13, 13, 16, 16, 16, 16]
    assert seen_as(works) == expected
    later_ab = works[LATER].later_ab
    assert later_ab is not None
    assert later_ab.mean() == 100 + LATER
    assert works[5].ab is works[4].ab
    assert works[5].weight is None
    weights = [work.weight is not None for work in works]
    assert weights == [work.ab_from.link is not None for work in works]


def test_nothing_is_carried_over_a_listed_cut() -> None:
    assert seen_as(predicted(4, is_listed=True))[16:] == [16, 16, 18, 18]


def test_a_repeat_of_a_carried_frame_gets_its_weight_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(f"{__name__}.SHOWN", [*SHOWN[:3], SHOWN[2], *SHOWN[4:]])
    works = predicted(4)
    assert works[3].ab_from.is_repeat
    assert works[3].ab is works[2].ab
    assert works[3].weight is works[2].weight is not None
