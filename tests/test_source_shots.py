"""Whether a shot keeps the colours that its source has."""

from __future__ import annotations

import json
from collections.abc import Iterable

import pytest

from vidcolor.source_color import FrameColor, SourceColor
from vidcolor.source_shots import DECIDING_FRAMES, MOST_WAITING, SourceShots

LETTERS = {
    letter: FrameColor(color, is_clear)
    for letter, color, is_clear in (
        ("n", SourceColor.NEUTRAL, True),
        ("t", SourceColor.TINTED, True),
        ("c", SourceColor.COLORED, True),
        (".", SourceColor.NEUTRAL, False),  # black
        ("T", SourceColor.TINTED, False),
        ("C", SourceColor.COLORED, False),
    )
}
BOTH = {SourceColor.TINTED, SourceColor.COLORED}


def walk(
    shots: Iterable[str], kept: set[SourceColor] = BOTH
) -> tuple[str, SourceShots[int], list[int]]:
    """One letter a frame, K for those that keep their chroma; and how many had to wait."""
    decided: list[tuple[int, bool]] = []
    waiting: list[int] = []
    walked: SourceShots[int] = SourceShots(kept)
    index = 0
    for number, frames in enumerate(shots):
        for letter in frames:
            decided += walked.push(index, number, LETTERS[letter], index / 10)
            index += 1
            waiting.append(index - len(decided))
    decided += walked.flush()
    assert [item for item, _ in decided] == list(range(index))
    return "".join("K" if keeps else "-" for _, keeps in decided), walked, waiting


@pytest.mark.parametrize(
    ("shots", "expected"),
    [
        (["cccccc"], "KKKKKK"),
        (["nnnnnn", "tttt", "cc", "n"], "------KKKKKK-"),
        (["nnnncccc"], "--------"),  # the first clear frames decide
        (["nccc", "ncnc"], "KKKK----"),  # most of them; of equals the first
        (["...ncccc"], "KKKKKKKK"),  # black waits
        (["..."], "---"),
        (["TT", "CC", "T."], "KKKK--"),  # too dim to be sure, but all agree
        (["......", "cccc"], "------KKKK"),
    ],
)
def test_what_is_kept(shots: list[str], expected: str) -> None:
    assert walk(shots)[0] == expected


def test_only_what_was_asked_for_is_kept() -> None:
    shots = ["nnnn", "tttt", "cccc"]
    assert walk(shots, set())[0] == "-" * 12
    assert walk(shots, {SourceColor.TINTED})[0] == "----KKKK----"
    assert walk(shots, {SourceColor.COLORED})[0] == "--------KKKK"


def test_a_long_leader_goes_on_and_the_shot_stays_undecided() -> None:
    kept, _, waiting = walk(["." * 50 + "c" * 10])
    last_kept = 10 - DECIDING_FRAMES + 1 + MOST_WAITING
    assert kept == "-" * (60 - last_kept) + "K" * last_kept
    assert max(waiting) == MOST_WAITING


def test_a_dim_shot_is_decided_when_no_more_can_wait() -> None:
    assert walk(["T" * 40])[0] == "K" * 40
    assert walk(["T" * MOST_WAITING + "." * 40])[0] == "-" * (MOST_WAITING + 40)


def test_clear_frames_wait_for_few_others() -> None:
    *_, waiting = walk(["cccccccc"])
    assert waiting == [1, 2, 3, 0, 0, 0, 0, 0]


def test_what_a_user_is_told() -> None:
    assert walk(["nnnn"])[1].notices() == []
    shots = ["nnnn", "ccccc", "tttt", "cccc"]
    replaced = walk(shots, set())[1].notices()
    assert replaced[0].startswith("the source is in colour (2 of 4 shots, first at 0.40 s)")
    assert replaced[1].startswith("1 of 4 shots, first at 0.90 s, are tinted: the tint is replaced")
    kept = walk(shots)[1].notices()
    assert "keep their own colours" in kept[0]
    assert "keep their tint" in kept[1]
    (notice,) = walk(["nnnnnnc"])[1].notices()
    assert notice.startswith("the source is in colour (first seen at 0.60 s")


@pytest.mark.parametrize("split", range(1, 24))
def test_a_segment_that_begins_anywhere_goes_on_as_it_was_decided(split: int) -> None:
    letters = "..nncnn" + "tt..tt" + "......" + "cccccc"
    numbers = [0] * 7 + [1] * 6 + [2] * 6 + [3] * 6

    def through(walked: SourceShots[int], first: int, end: int) -> list[tuple[int, bool]]:
        return [
            done
            for index in range(first, end)
            for done in walked.push(index, numbers[index], LETTERS[letters[index]], index / 10)
        ]

    one: SourceShots[int] = SourceShots(BOTH)
    decided = through(one, 0, split) + one.settle(numbers[split])
    assert [index for index, _ in decided] == list(range(split))
    state = json.loads(json.dumps(one.state))
    decided += through(one, split, len(letters)) + one.flush()
    other: SourceShots[int] = SourceShots(BOTH)
    other.restore(state)
    again = through(other, split, len(letters)) + other.flush()
    assert again == decided[split:]
    assert other.notices() == one.notices()
    assert other.state == one.state
