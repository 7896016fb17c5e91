from __future__ import annotations

import itertools
import pickle
from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt
import pytest
import torch

from vidcolor.color import lab_to_rgb
from vidcolor.evaluation import measures
from vidcolor.evaluation.film_measures import (
    FilmMeter,
    FilmScores,
    Flow,
    FrameScores,
    Motion,
    ab_flicker,
    color_histograms,
    histogram_change,
    luma_codes,
    motion_between,
    visible_pixels,
    warp_error,
)
from vidcolor.evaluation.measures import Lab, Rgb

HEIGHT, WIDTH = 96, 128
STEP = 3
"""px per frame that the test texture moves to the left."""

HALF_BLACK = 0.2157615543388356
"""Nats from all black to half black, half white: (ln(4/3) + (ln(2/3) + ln 2) / 2) / 2."""


def blotches(seed: int, height: int, width: int) -> npt.NDArray[np.float32]:
    """Smooth noise, 0…1."""
    noise = np.random.default_rng(seed).random((height, width)).astype(np.float32)
    smooth = cv2.GaussianBlur(noise, (0, 0), 3).reshape(height, width)
    return (smooth - smooth.min()) / max(float(np.ptp(smooth)), 1e-6)


def from_lab(lab: Lab) -> Rgb:
    rgb = lab_to_rgb(torch.from_numpy(lab)[None])[0].permute(1, 2, 0).numpy()
    assert rgb.min() >= 0, "out of gamut: a test would measure clipping"
    assert rgb.max() <= 1, "out of gamut: a test would measure clipping"
    return np.ascontiguousarray(rgb)


def wall(height: int = HEIGHT, width: int = WIDTH, seed: int = 0) -> Lab:
    """A texture of low chroma, all within the gamut."""
    light, a, b = (blotches(seed + i, height, width) for i in range(3))
    return np.stack((40 + 35 * light, 16 * a - 8, 16 * b - 8))


def pan(frames: int, height: int = HEIGHT, width: int = WIDTH, seed: int = 0) -> list[Lab]:
    """A wall that passes to the left."""
    long = wall(height, width + STEP * frames, seed)
    return [long[:, :, STEP * t : STEP * t + width] for t in range(frames)]


def flickering(films: Sequence[Lab], a: float, b: float) -> list[Rgb]:
    """The same with an offset of ab on every second frame."""
    offset = np.array([0, a, b], np.float32)[:, None, None]
    return [from_lab(lab + offset * (t % 2)) for t, lab in enumerate(films)]


def still(height: int, width: int) -> Motion:
    """No motion; everything is visible."""
    y, x = np.mgrid[:height, :width].astype(np.float32)
    return Motion(np.dstack((x, y)), np.ones((height, width), np.bool_))


def measured(
    truth: Sequence[Rgb],
    shown: Sequence[Rgb] | None = None,
    shots: Sequence[int] | None = None,
    motion: Motion | None = None,
) -> tuple[FilmScores, list[FrameScores]]:
    """A film's scores, with its own motion unless one is given for all pairs."""
    shots = shots or [0] * len(truth)
    meter, frames = FilmMeter(), []
    for t, (true, seen) in enumerate(zip(truth, shown or truth, strict=True)):
        moved = None
        if t and shots[t] == shots[t - 1]:
            moved = motion or motion_between(truth[t - 1], true)
        frames.append(meter.add(true, seen, shots[t], moved))
    return meter.summary(), frames


def flat(value: float, height: int = 6, width: int = 8) -> Rgb:
    return np.full((height, width, 3), value, np.float32)


def vectors(x: float, y: float = 0.0) -> Flow:
    return np.full((4, 6, 2), (x, y), np.float32)


# Motion


def test_the_motion_of_a_pan_is_found() -> None:
    motion = motion_between(*(from_lab(lab) for lab in pan(2)))
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    # The picture moves to the left, so a pixel was further right.
    moved = np.median(motion.position - np.dstack((x, y)), axis=(0, 1))
    np.testing.assert_allclose(moved, (STEP, 0), atol=0.1)
    assert motion.visible.mean() > 0.8


def test_warping_fetches_from_the_earlier_frame() -> None:
    columns = np.tile(np.arange(6, dtype=np.float32), (4, 1))
    position = still(4, 6).position + np.array([2, 0], np.float32)
    warped = Motion(position, np.ones((4, 6), np.bool_)).warp(columns)
    np.testing.assert_array_equal(warped[0], [2, 3, 4, 5, 5, 5])


def test_a_way_back_that_misses_is_occluded() -> None:
    # |f + b|² > 0.01 (|f|² + |b|²) + 0.5
    assert visible_pixels(vectors(5), vectors(-5)).all()
    assert visible_pixels(vectors(0.7), vectors(0)).all()  # 0.49 and 0.5049
    assert not visible_pixels(vectors(0.72), vectors(0)).any()  # 0.5184 and 0.5052
    assert visible_pixels(vectors(10), vectors(-11.5)).all()  # 2.25 and 2.8225
    assert not visible_pixels(vectors(10), vectors(-12)).any()  # 4 and 2.94


@pytest.mark.parametrize("axis", [0, 1])
def test_edges_of_motion_are_left_out(axis: int) -> None:
    def visible(step: float, speed: float = 0) -> npt.NDArray[np.bool_]:
        back = vectors(speed)
        (back if axis == 0 else back.swapaxes(0, 1))[2:, :, 1] = step
        seen = visible_pixels(back, -back)
        return seen if axis == 0 else seen.T

    assert visible(0.044).all()  # 0.001936
    seen = visible(0.046)  # 0.002116, where the flow itself is still 0
    assert not seen[1].any()
    assert seen[[0, 2, 3]].all()
    assert visible(0.9, speed=10).all()  # 0.81 and 1.002
    assert not visible(1.1, speed=10)[1].any()  # 1.21


def test_what_a_moving_square_uncovers_is_not_visible() -> None:
    background, square = wall(), wall(seed=7)[:, :40, :40] + np.float32([[[20]], [[0]], [[0]]])
    frames = []
    for left in (30, 40):
        lab = background.copy()
        lab[:, 28:68, left : left + 40] = square
        frames.append(from_lab(np.clip(lab, [[[0]], [[-50]], [[-50]]], [[[85]], [[50]], [[50]]])))
    visible = motion_between(*frames).visible
    uncovered = visible[32:64, 30:40].mean()
    assert uncovered < 0.3
    assert visible[:20].mean() > 0.9


@pytest.mark.parametrize("shape", [(1, 1), (2, 9), (40, 40), (41, 57), (16, 300), (90, 131)])
def test_any_size(shape: tuple[int, int]) -> None:
    truth = [from_lab(lab) for lab in pan(6, *shape)]
    scores, _ = measured(truth)
    assert scores.delta_e == 0
    assert scores.cdc is not None
    for before, after in itertools.pairwise(truth):
        motion = motion_between(before, after)
        assert motion.position.shape == (*shape, 2)
        assert np.isfinite(motion.position).all()


def test_motion_of_an_enlarged_picture_is_in_its_own_px() -> None:
    motion = motion_between(*(from_lab(lab) for lab in pan(2, 40, 71)))
    moved = motion.position - still(40, 71).position
    np.testing.assert_allclose(np.median(moved, axis=(0, 1)), (STEP, 0), atol=0.1)


def test_motion_does_not_depend_on_earlier_pairs() -> None:
    small = [from_lab(lab) for lab in pan(2, 40, 60)]
    first = motion_between(*small)
    motion_between(*(from_lab(lab) for lab in pan(2)))
    np.testing.assert_array_equal(motion_between(*small).position, first.position)


# Warp error and flicker


def test_warp_error_is_the_mean_over_samples_of_visible_pixels() -> None:
    motion = still(4, 6)
    motion.visible[:, 3:] = False
    earlier, later = flat(0.5, 4, 6), flat(0.5, 4, 6)
    later[:, :3, 0] += 0.3
    later[:, 3:] = 1
    assert warp_error(earlier, later, motion) == pytest.approx(0.09 / 3, rel=1e-5)


def test_nothing_visible_is_no_error() -> None:
    blind = Motion(still(6, 8).position, np.zeros((6, 8), np.bool_))
    assert warp_error(flat(0), flat(1), blind) is None
    assert (
        ab_flicker(np.zeros((6, 8, 2), np.float32), np.ones((6, 8, 2), np.float32), blind) is None
    )
    scores, frames = measured([flat(0), flat(1)], motion=blind)
    assert frames[1].warp_error is None
    assert (scores.warp_error, scores.flicker) == (None, None)


def test_colours_that_move_along_are_steady() -> None:
    labs = pan(4)
    truth = [from_lab(lab) for lab in labs]
    steady, frames = measured(truth)
    assert steady.warp_error is not None
    assert steady.flicker is not None
    # Not 0: the flow is good to a part of a pixel, and what enters at the right was not there.
    assert steady.warp_error < 3e-5
    assert steady.flicker < 0.1
    assert steady.warp_error == np.mean([frame.warp_error for frame in frames[1:]])
    unmoved, _ = measured(truth, motion=still(HEIGHT, WIDTH))
    assert unmoved.warp_error is not None
    assert unmoved.warp_error > 10 * steady.warp_error


def test_brightness_that_flickers_has_a_known_warp_error() -> None:
    truth = [from_lab(lab) for lab in pan(4)]
    shown = [rgb + np.float32(0.1 * (t % 2)) for t, rgb in enumerate(truth)]
    scores, _ = measured(truth, shown)
    assert scores.warp_error == pytest.approx(0.1**2, rel=0.03)


def test_flicker_is_the_change_of_ab_in_a_still_film() -> None:
    truth = [from_lab(wall())] * 4
    scores, frames = measured(truth, flickering([wall()] * 4, 6, -8))
    assert scores.flicker == pytest.approx(10, abs=1e-2)
    assert [frame.flicker is None for frame in frames] == [True, False, False, False]
    assert measured(truth)[0].flicker == pytest.approx(0, abs=1e-4)


def test_flicker_is_the_change_of_ab_along_the_motion() -> None:
    labs = pan(4)
    scores, _ = measured([from_lab(lab) for lab in labs], flickering(labs, 6, -8))
    assert scores.flicker == pytest.approx(10, abs=0.2)


def test_the_motion_is_that_of_the_truth() -> None:
    """Grey, truth and colouring are compared along the same motion and over the same pixels."""
    truth = [from_lab(lab) for lab in pan(2)]
    motion = motion_between(*truth)
    shown = [from_lab(lab) for lab in pan(2, seed=9)]
    _, frames = measured(truth, shown)
    assert frames[1].warp_error == warp_error(shown[0], shown[1], motion)


# Color Distribution Consistency


def half_white() -> Rgb:
    picture = flat(0)
    picture[:, 4:] = 1
    return picture


def test_histograms_count_codes() -> None:
    picture = flat(0, 2, 2)
    picture[0, 0] = (1, 0.5, 1.2)
    shares = color_histograms(picture)
    assert shares.shape == (3, 256)
    np.testing.assert_allclose(shares.sum(axis=1), 1)
    assert shares[0, 255] == shares[1, 128] == shares[2, 255] == 0.25
    assert shares[0, 0] == 0.75


def test_histogram_change_is_the_mean_over_channels() -> None:
    red = flat(0)
    red[:, 4:, 0] = 1
    black = color_histograms(flat(0))
    assert histogram_change(black, color_histograms(half_white())) == pytest.approx(HALF_BLACK)
    assert histogram_change(black, color_histograms(red)) == pytest.approx(HALF_BLACK / 3)
    assert histogram_change(black, color_histograms(flat(1))) == pytest.approx(np.log(2))


def test_cdc_of_a_still_film_is_0() -> None:
    scores, _ = measured([from_lab(wall(12, 16))] * 6)
    assert scores.cdc == 0
    assert scores.cdc_by_gap == {1: 0, 2: 0, 4: 0}


def test_cdc_of_an_alternating_film() -> None:
    scores, _ = measured([flat(0), half_white()] * 3)
    assert scores.cdc_by_gap == pytest.approx({1: HALF_BLACK, 2: 0, 4: 0})
    assert scores.cdc == pytest.approx(HALF_BLACK / 3)


def test_cdc_is_a_mean_over_pairs_per_gap() -> None:
    # Pairs that differ: 1 of 4 for k = 1, 2 of 3 for k = 2, and the only one for k = 4.
    scores, _ = measured([flat(0)] * 3 + [half_white()] * 2)
    expected = {1: HALF_BLACK / 4, 2: HALF_BLACK * 2 / 3, 4: HALF_BLACK}
    assert scores.cdc_by_gap == pytest.approx(expected)
    assert scores.cdc == pytest.approx(sum(expected.values()) / 3)


def test_cdc_is_that_of_what_is_shown() -> None:
    truth = [flat(0), half_white()] * 3
    assert measured(truth, [flat(0.5)] * 6)[0].cdc == 0


def test_no_cdc_without_all_gaps() -> None:
    scores, _ = measured([flat(0), half_white(), flat(0), half_white()])
    assert scores.cdc is None
    assert set(scores.cdc_by_gap) == {1, 2}
    scores, _ = measured([flat(0)])
    assert scores.cdc_by_gap == {}


# Cuts


def test_nothing_is_compared_across_a_cut() -> None:
    film = [flat(0.2)] * 5 + [half_white()] * 5
    one_shot, _ = measured(film, motion=still(6, 8))
    assert one_shot.cdc is not None
    assert one_shot.warp_error is not None
    assert min(one_shot.cdc, one_shot.warp_error) > 0
    cut, frames = measured(film, shots=[0] * 5 + [1] * 5, motion=still(6, 8))
    assert (cut.shots, one_shot.shots) == (2, 1)
    assert cut.cdc_by_gap == {1: 0, 2: 0, 4: 0}
    assert (cut.warp_error, cut.flicker) == (0, 0)
    assert [t for t, frame in enumerate(frames) if frame.is_first] == [0, 5]
    assert frames[5].warp_error is None
    assert frames[5].flicker is None


def test_shots_of_one_frame_have_no_pairs() -> None:
    scores, _ = measured([flat(0), flat(1), flat(0)], shots=[0, 1, 2])
    assert (scores.frames, scores.shots) == (3, 3)
    assert (scores.cdc, scores.warp_error, scores.flicker) == (None, None, None)


def test_motion_across_a_cut_and_none_within_a_shot_are_refused() -> None:
    meter = FilmMeter()
    with pytest.raises(ValueError, match="first frame of shot 0"):
        meter.add(flat(0), flat(0), 0, still(6, 8))
    meter.add(flat(0), flat(0), 0, None)
    with pytest.raises(ValueError, match="no motion within shot 0"):
        meter.add(flat(0), flat(0), 0, None)
    with pytest.raises(ValueError, match="motion is"):
        meter.add(flat(0), flat(0), 0, still(8, 6))
    with pytest.raises(ValueError, match="shown is"):
        meter.add(flat(0), flat(0, 7), 0, still(6, 8))
    meter.add(flat(0), flat(0), 0, still(6, 8))
    assert meter.summary().frames == 2, "a refused frame was counted"


def test_first_frames_of_shots_but_the_films_own() -> None:
    truth = [flat(0.5)] * 6
    shown = [flat(level) for level in (0.9, 0.5, 0.6, 0.5, 0.7, 0.5)]
    scores, frames = measured(truth, shown, shots=[0, 0, 1, 1, 2, 2], motion=still(6, 8))
    expected = (frames[2].delta_e + frames[4].delta_e) / 2
    assert scores.first_frame_delta_e == pytest.approx(expected)
    assert expected != pytest.approx(frames[0].delta_e, rel=0.1)
    assert measured(truth, shown, motion=still(6, 8))[0].first_frame_delta_e is None


# Single frames


def test_frames_are_scored_as_pictures_are() -> None:
    truth, shown = from_lab(wall()), from_lab(wall(seed=5))
    _, (frame,) = measured([truth], [shown])
    labs = measures.to_lab(truth), measures.to_lab(shown)
    expected = measures.score_picture(truth, shown, *labs)
    assert frame.psnr == expected.psnr
    assert frame.delta_e == expected.delta_e
    assert frame.colorfulness == expected.colorfulness


def test_film_scores_are_means_over_frames() -> None:
    truth = [from_lab(wall())] * 3
    shown = [from_lab(wall(seed=seed)) for seed in range(3)]
    film, frames = measured(truth, shown, motion=still(HEIGHT, WIDTH))
    assert film.frames == 3
    for name in ("psnr", "delta_e", "colorfulness"):
        mean = np.mean([getattr(frame, name) for frame in frames])
        assert getattr(film, name) == pytest.approx(mean), name


def test_a_grey_film_has_no_colour_and_no_flicker() -> None:
    truth = [from_lab(lab) for lab in pan(3)]
    grey = [np.repeat(luma_codes(rgb)[..., None] / np.float32(255), 3, axis=2) for rgb in truth]
    scores, _ = measured(truth, grey)
    assert scores.colorfulness == pytest.approx(0, abs=1e-9)
    assert scores.flicker == pytest.approx(0, abs=1e-3)
    assert scores.warp_error is not None
    assert scores.warp_error > 0
    assert scores.delta_e > 1


def test_luma_codes_are_those_of_bt709() -> None:
    picture = np.float32([[[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 1]]])
    # 255 × 0.2126, 0.7152, 0.0722
    np.testing.assert_array_equal(luma_codes(picture), [[54, 182, 18, 255]])


def test_a_meter_keeps_four_histograms_and_one_frame() -> None:
    meter, sizes = FilmMeter(), []
    truth = from_lab(wall(24, 32))
    for t in range(40):
        meter.add(truth, truth, 0, still(24, 32) if t else None)
        assert len(meter._histograms) <= 4
        sizes.append(len(pickle.dumps(meter)))
    assert len(meter._histograms) == 4
    # Counters take a few bytes more as they grow.
    assert sizes[-1] - sizes[4] < 64


def test_a_frame_may_be_written_over_after_it_is_added() -> None:
    meter, buffer = FilmMeter(), flat(0.25)
    meter.add(buffer, buffer, 0, None)
    buffer += np.float32(0.5)
    scores = meter.add(buffer, buffer, 0, still(6, 8))
    assert scores.warp_error == pytest.approx(0.25)


def test_an_empty_film_has_no_scores() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        FilmMeter().summary()


def test_what_a_pan_brings_into_the_picture_is_left_out() -> None:
    wide = np.random.default_rng(2).random((96, 140, 3), np.float32)
    wide = cv2.GaussianBlur(wide, (0, 0), 3)
    motion = motion_between(wide[:, :128], wide[:, 6:134])
    assert not motion.visible[:, -4:].any()
    assert motion.visible[16:80, 16:100].mean() > 0.95
