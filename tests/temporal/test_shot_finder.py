from __future__ import annotations

from tests.temporal.scenes import Luma
from tests.temporal.test_dissolves import dissolve, fade, shot
from vidcolor.temporal.shot_finder import ShotFinder
from vidcolor.temporal.shot_list import Shot


def find(luma: list[Luma], rate: float = 25.0) -> list[Shot]:
    finder = ShotFinder()
    for index, frame in enumerate(luma):
        finder.push(frame, index / rate)
    assert finder.frames == len(luma)
    return finder.finish()


def test_cuts_dissolves_and_fades_together() -> None:
    luma = shot(1, 40) + shot(2, 60)
    luma = dissolve(luma, shot(3, 60), 16)
    luma = [*fade(luma, 15), *fade(shot(4, 50)[::-1], 15)[::-1]]
    shots = find(luma)
    assert [s.begins for s in shots] == ["start", "cut", "dissolve", "fade"]
    assert shots[0].start_s == 0
    assert shots[1].start_s == 40 / 25
    assert abs(shots[2].start_s - 92 / 25) <= 3 / 25
    assert abs(shots[2].transition_s - 15 / 25) <= 4 / 25
    assert abs(shots[3].start_s - 144 / 25) <= 2 / 25


def test_a_short_fade_is_one_change_and_not_two() -> None:
    luma = [*fade(shot(1), 5), *fade(shot(2)[::-1], 5)[::-1]]
    assert [s.begins for s in find(luma)] == ["start", "fade"]


def test_a_film_without_frames_has_no_shots() -> None:
    assert find([]) == []
