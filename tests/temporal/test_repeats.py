from __future__ import annotations

import numpy as np
import pytest

from vidcolor.frames import Plane
from vidcolor.temporal.repeats import PERIOD, RepeatFinder


def picture(seed: int = 0, noise: float = 0.0, bits: int = 8) -> Plane:
    """Blocks of 16 px, the same for a seed, under other noise with each call."""
    blocks = np.random.default_rng(seed).uniform(40, 200, (6, 8))
    luma = np.kron(blocks, np.ones((16, 16)))
    luma += NOISE.normal(0, 1, luma.shape) * noise
    return np.rint(luma * 2 ** (bits - 8)).astype(np.uint8 if bits == 8 else np.uint16)


NOISE = np.random.default_rng(7)


def repeats(pictures: list[Plane], first: int = 0, bits: int = 8) -> list[bool]:
    finder = RepeatFinder(bits)
    return [finder.is_repeat(first + n, codes) for n, codes in enumerate(pictures)]


@pytest.mark.parametrize("bits", [8, 10])
def test_a_pull_down_is_found_under_coding_noise(bits: int) -> None:
    shown = [picture(seed, noise=1.5, bits=bits) for seed in (1, 1, 2, 3, 4, 4)]
    assert repeats(shown, bits=bits) == [False, True, False, False, False, True]


def test_a_small_thing_that_moves_is_new() -> None:
    before, after = picture(), picture()
    before[20:26, 20:26] = 250
    after[20:26, 21:27] = 250
    assert repeats([before, after]) == [False, False]


def test_a_slow_fade_does_not_stay_behind() -> None:
    frames = [np.full((64, 64), 100 + n, np.uint8) for n in range(6)]
    assert repeats(frames) == [False, True, False, True, False, True]


def test_what_a_frame_repeats_does_not_depend_on_where_reading_began() -> None:
    fade = [np.full((64, 64), 60 + n, np.uint8) for n in range(3 * PERIOD)]
    for frames in (fade, [picture() for _ in range(3 * PERIOD)]):
        whole = repeats(frames)
        for index in range(1, 3 * PERIOD):
            begin = RepeatFinder.begin(index)
            assert repeats(frames[begin:], first=begin)[index - begin :] == whole[index:]


def test_a_still_is_looked_at_again_now_and_then() -> None:
    assert repeats([picture() for _ in range(3 * PERIOD)]).count(False) == 3


def test_no_frame_of_a_pull_down_is_missed() -> None:
    shown = [picture(seed=n - n // 5 - (n % 5 == 4), noise=1.0) for n in range(80)]
    assert [n for n, repeated in enumerate(repeats(shown)) if repeated] == list(range(4, 80, 5))


def test_a_picture_smaller_than_a_cell() -> None:
    assert repeats([np.full((1, 3), level, np.uint8) for level in (9, 9, 20)]) == [
        False,
        True,
        False,
    ]
