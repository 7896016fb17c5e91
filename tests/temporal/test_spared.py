from __future__ import annotations

import numpy as np
import pytest

from tests.temporal.scenes import COLUMNS, ROWS, Ab, Luma, pan, texture
from vidcolor.temporal.repeats import PERIOD
from vidcolor.temporal.spared import LEAST_WEIGHT, AbSource, AbSourceFinder, carried_ab

GRID = ROWS, COLUMNS


def sources(frames: list[Luma], every: int, first: int = 0) -> list[AbSource]:
    finder = AbSourceFinder(8, every)
    return [finder.find(first + n, codes, GRID) for n, codes in enumerate(frames)]


def letters(found: list[AbSource]) -> str:
    """N for the network, r for a repeat, c for what is carried."""
    return "".join("r" if one.is_repeat else "N" if one.is_network else "c" for one in found)


def with_something_new(frames: list[Luma], since: int) -> list[Luma]:
    """Covers two fifths of the picture from frame ``since`` on."""
    thing = texture(np.random.default_rng(9), 96, 52).clip(0, 255).astype(np.uint8)
    changed = [frame.copy() for frame in frames]
    for frame in changed[since:]:
        frame[:, :52] = thing
    return changed


WALL = pan(1, 24, step=1, disc=False).luma
FILM = [
    *with_something_new(WALL, since=11),
    *pan(2, 19, step=1).luma,
    *[WALL[0]] * 11,
    *pan(3, 20, step=6).luma,
]


@pytest.mark.parametrize(
    ("every", "expected"),
    [(1, "N" * 24), (2, "Nc" * 12), (4, "Nccc" * 6), (8, "Nccccccc" * 3)],
)
def test_a_pan_is_carried(every: int, expected: str) -> None:
    assert letters(sources(WALL, every)) == expected


def test_a_cut_goes_through_the_network() -> None:
    frames = WALL[:6] + pan(5, 10, step=1, disc=False).luma
    assert letters(sources(frames, 8)) == "NcccccNcNccccccc"


def test_a_cut_that_is_known_goes_through_the_network() -> None:
    finder = AbSourceFinder(8, 8)
    found = [finder.find(n, codes, GRID, is_cut=n == 3) for n, codes in enumerate(WALL[:8])]
    assert letters(found) == "NccNcccc"


def test_something_new_goes_through_the_network() -> None:
    frames = with_something_new(WALL, since=11)
    assert letters(sources(frames, 4)) == "NcccNcccNccNcccNNcccNccc"


def test_a_frame_of_two_moments_goes_through_the_network() -> None:
    finder = AbSourceFinder(8, 8)
    found = [finder.find(n, WALL[0], GRID, needs_network=n == 2) for n in range(5)]
    assert letters(found) == "NrNrr"


def test_repeats_are_still_found() -> None:
    frames = [WALL[n - n // 5 - (n % 5 == 4)] for n in range(16)]
    assert letters(sources(frames, 4)) == "NcccrNccNrcccNrc"
    assert letters(sources([WALL[0]] * 16, 4)) == "Nrrrrrrr" * 2


@pytest.mark.parametrize("every", [2, 4, 8])
def test_multiples_of_the_period_always_go_through_the_network(every: int) -> None:
    assert set(letters(sources(FILM, every))[::PERIOD]) == {"N"}


@pytest.mark.parametrize("every", [1, 2, 4, 8])
def test_answers_do_not_depend_on_where_reading_began(every: int) -> None:
    whole = sources(FILM, every)
    assert every == 1 or len(set(letters(whole))) == 3
    for index in range(1, len(FILM)):
        begin = AbSourceFinder(8, every).begin(index)
        part = sources(FILM[begin:], every, first=begin)[index - begin :]
        assert letters(part) == letters(whole[index:])
        for one, other in zip(part, whole[index:], strict=True):
            if one.link is not None and other.link is not None:
                assert np.array_equal(one.link.position, other.link.position)
                assert np.array_equal(one.link.confidence, other.link.confidence)


def test_frames_of_ten_bits() -> None:
    deep = [frame.astype(np.uint16) << 2 for frame in FILM]
    finder = AbSourceFinder(10, 4)
    found = [finder.find(n, codes, GRID) for n, codes in enumerate(deep)]
    assert letters(found) == letters(sources(FILM, 4))


def test_carried_colors_follow_the_motion() -> None:
    x = np.arange(COLUMNS) * 4.0

    def true(t: int) -> Ab:
        """Stripes on the wall, which passes by one pixel a frame."""
        stripes = 20 * np.sin((x + t) / 8)
        return np.tile(np.stack([stripes, -stripes])[:, None], (1, ROWS, 1)).astype(np.float32)

    link = sources(WALL, 8)[7].link
    assert link is not None
    ab, weight = carried_ab(true(0), link)
    assert ab.shape == (2, *GRID)
    assert weight.shape == GRID
    assert LEAST_WEIGHT <= weight.min() < 0.5  # what has come in on the right
    inside = np.s_[:, 2:-2, 2:-4]

    def error(colors: Ab) -> float:
        return float(np.abs(colors - true(7))[inside].mean())

    assert error(ab) < 0.15 * error(true(0))
