from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from tests.temporal.scenes import Luma, exposure_flicker, grain, pan
from vidcolor.temporal.dissolves import MAX_LENGTH, STILL_FRAMES, Transition, TransitionFinder


def find(luma: Sequence[Luma], cuts: Sequence[int] = ()) -> list[Transition]:
    finder = TransitionFinder()
    found = [
        transition
        for index, frame in enumerate(luma)
        for transition in finder.push(frame, is_cut=index in (0, *cuts))
    ]
    return found + finder.flush()


def dissolve(first: Sequence[Luma], second: Sequence[Luma], length: int) -> list[Luma]:
    """The last frames of ``first`` blend into the first of ``second``."""
    weights = np.arange(1, length + 1) / (length + 1)
    blend = [
        (a * (1 - w) + b * w).round().astype(np.uint8)
        for a, b, w in zip(first[-length:], second[:length], weights, strict=True)
    ]
    return [*first[:-length], *blend, *second[length:]]


def fade(luma: Sequence[Luma], length: int) -> list[Luma]:
    """To black."""
    levels = 1 - np.arange(1, length + 1) / length
    end = [
        (16 + (frame.astype(float) - 16) * level).round().clip(0, 255).astype(np.uint8)
        for frame, level in zip(luma[-length:], levels, strict=True)
    ]
    return [*luma[:-length], *end]


def shot(seed: int, frames: int = 60, step: float = 0.3) -> list[Luma]:
    return pan(seed, frames, step=step, disc=False).luma


@pytest.mark.parametrize("length", [8, 13, 24, 40])
@pytest.mark.parametrize("damaged", [False, True])
def test_a_dissolve_is_found(length: int, damaged: bool) -> None:
    luma = dissolve(shot(1), shot(2), length)
    if damaged:
        luma = grain(exposure_flicker(luma, depth=0.08), strength=6)
    (found,) = find(luma)
    first, last = 60 - length, 59
    assert found.kind == "dissolve"
    assert first - 3 <= found.middle - (length + 1) // 2 <= first + 3
    assert abs(found.first - first) <= 10
    assert abs(found.last - last) <= 10


def test_two_dissolves() -> None:
    luma = dissolve(dissolve(shot(1), shot(2), 12), shot(3), 20)
    assert [abs(t.middle - at) <= 3 for t, at in zip(find(luma), (54, 98), strict=True)] == [
        True
    ] * 2


@pytest.mark.parametrize("step", [0, 1, 4, 9])
def test_a_moving_camera_is_no_dissolve(step: float) -> None:
    assert find(pan(3, 80, step=step).luma) == []


def test_a_cut_is_no_dissolve() -> None:
    assert find(shot(1) + shot(2), cuts=[60]) == []


def test_exposure_flicker_alone_is_nothing() -> None:
    assert find(exposure_flicker(shot(4), depth=0.3)) == []


def test_a_fade_through_black() -> None:
    luma = [*fade(shot(1), 15), *fade(shot(2)[::-1], 15)[::-1]]
    (found,) = find(luma)
    assert found.kind == "fade"
    assert found.first <= 60 <= found.last + 1
    assert abs(found.middle - 60) <= 2


def test_the_cut_inside_a_short_fade_makes_it_no_other() -> None:
    # What the cut detector makes of the one black frame.
    luma = [*fade(shot(1), 6), *fade(shot(2)[::-1], 6)[::-1]]
    assert [t.kind for t in find(luma, cuts=[59])] == ["fade"]


def test_cuts_into_and_out_of_black_are_no_fade() -> None:
    black = [np.full_like(shot(1)[0], 16)] * 10
    assert find([*shot(1), *black, *shot(2)], cuts=[60, 70]) == []


def test_black_at_the_ends_of_a_film_is_no_transition() -> None:
    black = [np.full_like(shot(1)[0], 16)] * 10
    assert find([*black, *fade(shot(1)[::-1], 12)[::-1]]) == []
    assert find([*fade(shot(1), 12), *black]) == []


def test_found_within_a_bounded_delay() -> None:
    luma = dissolve(shot(1, 80), shot(2, 150), 16)
    finder = TransitionFinder()
    for index, frame in enumerate(luma):
        if finder.push(frame, is_cut=index == 0):
            assert index - 80 <= MAX_LENGTH + 2 * STILL_FRAMES
            return
    raise AssertionError("not found while streaming")


def test_finds_the_same_in_another_film() -> None:
    luma = dissolve(shot(1), shot(2), 16)
    finder = TransitionFinder()
    runs = []
    for _ in range(2):
        found = [t for i, frame in enumerate(luma) for t in finder.push(frame, is_cut=i == 0)]
        runs.append(found + finder.flush())
    assert runs[0] == runs[1] != []


def test_tiny_and_short_films() -> None:
    assert find([]) == []
    assert find([np.zeros((1, 1), np.uint8)] * 3) == []
    assert find(shot(1)[:5]) == []


@pytest.mark.parametrize("length", [1, 2, 3, 4])
@pytest.mark.parametrize("level", [16, 235])
def test_blank_frames_inside_a_shot_are_no_fade(length: int, level: int) -> None:
    luma = shot(1)
    for index in range(30, 30 + length):
        luma[index] = np.full_like(luma[index], level)
    assert find(luma) == []
    other = [*luma[: 30 + length], *shot(2)]
    assert [found.kind for found in find(other)] == ["fade"]
