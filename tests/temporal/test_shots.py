from __future__ import annotations

from collections.abc import Callable, Sequence

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.temporal.scenes import (
    HEIGHT,
    WIDTH,
    Luma,
    exposure_flicker,
    grain,
    pan,
    scratches,
    texture,
)
from vidcolor.temporal.shots import MIN_SHOT_LENGTH, ShotDetector


def find_cuts(luma: Sequence[Luma]) -> list[int]:
    """Indices of cuts, the film's own start left out."""
    detector = ShotDetector()
    decisions = [decision for frame in luma for decision in detector.push(frame)]
    decisions += detector.flush()
    assert [index for index, _ in decisions] == list(range(len(luma)))
    assert [is_cut for _, is_cut in decisions[:1]] == [True] * min(1, len(luma))
    return [index for index, is_cut in decisions if is_cut][1:]


def gradient(seed: int, frames: int) -> list[Luma]:
    """A plain sky, brighter towards one side, that slowly turns darker."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[-1 : 1 : HEIGHT * 1j, -1 : 1 : WIDTH * 1j]
    angle = rng.uniform(0, 2 * np.pi)
    sky = 128 + 70 * (np.cos(angle) * x + np.sin(angle) * y)
    return [np.clip(sky - t, 0, 255).astype(np.uint8) for t in range(frames)]


def enlarged(luma: Sequence[Luma]) -> list[Luma]:
    """256 px short side, as the network sees films; grain is then as fine as in them."""
    size = round(256 * WIDTH / HEIGHT), 256
    return [cv2.resize(frame, size, interpolation=cv2.INTER_LINEAR) for frame in luma]


def reel() -> tuple[list[Luma], list[int]]:
    """Fourteen shots of 4 to 30 frames: pans slow and fast, still pictures and skies."""
    rng = np.random.default_rng(5)
    luma: list[Luma] = []
    starts = []
    for shot, kind in enumerate("pspgwsppgpwspp"):
        frames = int(rng.integers(MIN_SHOT_LENGTH, 30))
        starts.append(len(luma))
        if kind == "g":
            luma += gradient(shot, frames)
        elif kind == "s":
            luma += [np.clip(texture(rng, HEIGHT, WIDTH), 0, 255).astype(np.uint8)] * frames
        else:
            step = 6.0 if kind == "w" else float(rng.uniform(0, 2))
            luma += pan(shot, frames, step=step).luma
    return luma, starts[1:]


@pytest.mark.parametrize("damage", [list, exposure_flicker, grain, scratches])
def test_finds_every_hard_cut_and_no_other(damage: Callable[[list[Luma]], list[Luma]]) -> None:
    luma, cuts = reel()
    assert find_cuts(damage(enlarged(luma))) == cuts


@pytest.mark.parametrize("length", [1, 2])
@pytest.mark.parametrize("flash", [255, 0, "negative"])
def test_a_flash_is_no_cut(length: int, flash: int | str) -> None:
    luma = pan(1, 40, step=1).luma
    for t in range(20, 20 + length):
        luma[t] = 255 - luma[t] if flash == "negative" else np.full_like(luma[t], flash)
    assert find_cuts(luma) == []


def test_a_foreign_frame_is_no_cut() -> None:
    luma = pan(1, 30).luma
    luma[15] = pan(2, 1).luma[0]
    assert find_cuts(luma) == []


def test_a_splice_with_a_white_frame_is_one_cut() -> None:
    luma = [*pan(1, 20).luma, np.full((HEIGHT, WIDTH), 255, np.uint8), *pan(2, 20).luma]
    assert find_cuts(luma) in ([20], [21])


def test_fade_to_black_and_back_is_no_cut() -> None:
    luma = pan(3, 60, step=0.5, disc=False).luma
    levels = np.abs(np.linspace(1, -1, 60))
    faded = [(frame * level).astype(np.uint8) for frame, level in zip(luma, levels, strict=True)]
    assert find_cuts(faded) == []


def test_dissolve_is_no_cut() -> None:
    first, second = pan(1, 24).luma, pan(2, 24).luma
    shares = np.clip((np.arange(24) - 4) / 16, 0, 1)
    mixed = [
        ((1 - share) * a + share * b).astype(np.uint8)
        for a, b, share in zip(first, second, shares, strict=True)
    ]
    assert find_cuts(mixed) == []


def test_cut_to_black_leader_with_grain() -> None:
    luma = pan(1, 20).luma + grain([np.full((HEIGHT, WIDTH), 16, np.uint8)] * 20, strength=5)
    assert find_cuts(luma) == [20]


def test_cut_behind_black_bars() -> None:
    luma = pan(1, 20).luma + pan(2, 20).luma
    for frame in luma:
        frame[:, : WIDTH // 8] = frame[:, -WIDTH // 8 :] = 16
    assert find_cuts(luma) == [20]


def test_frames_held_for_several_exposures() -> None:
    luma = [frame for frame in pan(1, 12, step=4).luma + pan(2, 12, step=4).luma for _ in range(3)]
    assert find_cuts(luma) == [36]


def test_cuts_are_never_closer_than_the_shortest_shot() -> None:
    luma = [frame for seed in range(30) for frame in pan(seed, 2, disc=False).luma]
    assert (np.diff(find_cuts(luma)) >= MIN_SHOT_LENGTH).all()


def test_decides_with_the_stated_look_ahead() -> None:
    detector = ShotDetector()
    for count, frame in enumerate(pan(1, 20).luma, 1):
        decided = [index for index, _ in detector.push(frame)]
        assert decided == [count - 1 - detector.LOOK_AHEAD] * (count > detector.LOOK_AHEAD)


@given(start=st.integers(0, 40), length=st.integers(1, 30), seed=st.integers(0, 5))
def test_a_piece_with_overlap_decides_like_the_whole(start: int, length: int, seed: int) -> None:
    luma = [frame for k in range(8) for frame in pan(10 * seed + k, 5 + k, step=k).luma]
    luma = scratches(exposure_flicker(luma, seed), seed)
    begin = max(0, start - ShotDetector.LOOK_BEHIND)
    piece = find_cuts(luma[begin : start + length + ShotDetector.LOOK_AHEAD])
    inside = range(max(1, start), min(start + length, len(luma)))
    assert [begin + cut for cut in piece if begin + cut in inside] == [
        cut for cut in find_cuts(luma) if cut in inside
    ]


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (7, 3), (480, 20), (256, 455)])
def test_any_size(shape: tuple[int, int]) -> None:
    rng = np.random.default_rng(0)
    assert find_cuts([rng.integers(0, 256, shape, np.uint8)] * 9) == []


def test_starts_a_new_film_after_flush() -> None:
    detector = ShotDetector()
    detector.push(np.zeros((8, 8), np.uint8))
    assert detector.flush() == [(0, True)]
    detector.push(np.zeros((4, 6), np.uint8))
    assert detector.flush() == [(0, True)]


@pytest.mark.parametrize("luma", [np.zeros((4, 4), np.float32), np.zeros((4, 4, 1), np.uint8)])
def test_refuses_what_is_not_8_bit_luma(luma: Luma) -> None:
    with pytest.raises(ValueError, match=r"must be \(h, w\) uint8, not"):
        ShotDetector().push(luma)


def test_refuses_a_new_size() -> None:
    detector = ShotDetector()
    detector.push(np.zeros((8, 8), np.uint8))
    with pytest.raises(ValueError, match=r"from \(8, 8\) to \(8, 9\)"):
        detector.push(np.zeros((8, 9), np.uint8))
