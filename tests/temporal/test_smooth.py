from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.temporal.scenes import (
    COLUMNS,
    HEIGHT,
    ROWS,
    WIDTH,
    Ab,
    Scene,
    exposure_flicker,
    flicker,
    grain,
    pan,
    smooth,
)
from vidcolor.temporal import RADII, FlowEstimator, TemporalSmoother

FILM = pan(1, 23, step=1) + pan(2, 9, step=3) + pan(3, 18, step=0)
"""Three shots with cuts at 23 and 32."""


def steps_along_motion(scene: Scene, ab: list[Ab]) -> float:
    """Mean change of the colour error from one frame to the next, in ab units."""
    errors = np.stack(ab) - np.stack(scene.ab)
    return float(np.abs(np.diff(errors, axis=0)).mean())


@pytest.mark.parametrize(("radius", "reduction"), [(1, 0.4), (3, 0.6), (7, 0.7), (15, 0.75)])
def test_flicker_along_motion_is_reduced(radius: int, reduction: float) -> None:
    scene = pan(4, 36, step=1)
    flickering = flicker(0, scene)
    steady = [frame.ab for frame in smooth(radius, scene.luma, flickering)]
    raw = steps_along_motion(scene, flickering)
    assert steps_along_motion(scene, steady) < (1 - reduction) * raw


def test_flicker_is_reduced_under_grain_and_exposure_flicker() -> None:
    scene = pan(4, 36, step=1)
    luma = grain(exposure_flicker(scene.luma, depth=0.15), strength=8)
    flickering = flicker(0, scene)
    steady = [frame.ab for frame in smooth(7, luma, flickering)]
    assert steps_along_motion(scene, steady) < 0.4 * steps_along_motion(scene, flickering)


@pytest.mark.parametrize("radius", RADII)
def test_moving_edges_are_no_worse_than_raw(radius: int) -> None:
    scene = pan(6, 36, step=1, disc_step=4)
    flickering = flicker(0, scene)
    steady = [frame.ab for frame in smooth(radius, scene.luma, flickering)]

    def edge_error(ab: list[Ab]) -> float:
        errors = np.abs(np.stack(ab) - np.stack(scene.ab)).mean(axis=1)
        return float(errors[np.stack(scene.edge)].mean())

    # Strong blotches leave the frames' chroma higher than the truth's, and the gain keeps it.
    limit = 1.1 if radius == 15 else 1.0
    assert edge_error(steady) <= limit * edge_error(flickering)


def test_true_colors_smear_less_than_without_motion() -> None:
    scene = pan(6, 36, step=1, disc_step=4)
    true, edge = np.stack(scene.ab), np.stack(scene.edge)
    steady = np.stack([frame.ab for frame in smooth(7, scene.luma, scene.ab)])
    in_place = np.stack([true[max(0, t - 7) : t + 8].mean(axis=0) for t in range(36)])

    def errors(ab: Ab) -> tuple[float, float]:
        error = np.abs(ab - true).mean(axis=1)
        return float(error[edge].mean()), float(error[~edge].mean())

    assert errors(steady)[0] < 0.6 * errors(in_place)[0]
    assert errors(steady)[1] < 0.75 * errors(in_place)[1]  # one gain for all: see the module's note


@pytest.mark.parametrize("radius", RADII)
def test_constant_colors_stay(radius: int) -> None:
    scene = pan(1, 20, step=0, disc=False)
    constant = np.full((2, ROWS, COLUMNS), 31.7, np.float32)
    constant[1] = -12.3
    for frame in smooth(radius, scene.luma, [constant] * 20):
        np.testing.assert_allclose(frame.ab, constant, rtol=1e-6)


@pytest.mark.parametrize("radius", RADII[1:])
def test_averaging_does_not_pale(radius: int) -> None:
    scene = pan(1, 30, step=0, disc=False)
    noise = np.random.default_rng(1).normal(0, 6, (30, 2, ROWS, COLUMNS)).astype(np.float32)
    noisy = [ab + extra for ab, extra in zip(scene.ab, noise, strict=True)]
    steady = [frame.ab for frame in smooth(radius, scene.luma, noisy)]

    def chroma(ab: list[Ab]) -> float:
        return float(np.sqrt(np.square(ab).sum(axis=1).mean()))

    assert chroma(steady) == pytest.approx(chroma(noisy), rel=0.01)


@pytest.mark.parametrize("radius", RADII[1:])
def test_colors_that_cancel_out_stay_pale(radius: int) -> None:
    scene = pan(1, 30, step=0, disc=False)
    flipping = [
        np.full((2, ROWS, COLUMNS), 20.0 if t % 2 else -18.0, np.float32) for t in range(30)
    ]
    for frame in smooth(radius, scene.luma, flipping)[radius : 30 - radius]:
        assert np.abs(frame.ab).max() < 12


@pytest.mark.parametrize("radius", RADII)
def test_a_cut_separates_shots_exactly(radius: int) -> None:
    ab = flicker(0, FILM)
    whole = smooth(radius, FILM.luma, ab)
    assert [frame.index for frame in whole if frame.is_cut] == [0, 23, 32]
    assert [frame.shot_index for frame in whole] == [0] * 23 + [1] * 9 + [2] * 18
    for first, end in ((0, 23), (23, 32), (32, 50)):
        alone = smooth(radius, FILM.luma[first:end], ab[first:end], first)
        for expected, frame in zip(alone, whole[first:end], strict=True):
            assert np.array_equal(frame.ab, expected.ab)


@given(radius=st.sampled_from(RADII), start=st.integers(0, 49), length=st.integers(1, 30))
def test_a_piece_with_overlap_equals_the_whole(radius: int, start: int, length: int) -> None:
    ab = flicker(0, FILM)
    whole = smooth(radius, FILM.luma, ab)
    before, after = TemporalSmoother(radius).overlap
    begin, end = max(0, start - before), start + length + after
    piece = smooth(radius, FILM.luma[begin:end], ab[begin:end], begin)
    kept = [frame for frame in piece if start <= frame.index < start + length]
    for frame, expected in zip(kept, whole[start : start + length], strict=True):
        assert frame.index == expected.index
        assert frame.is_cut == expected.is_cut
        assert frame.ab.tobytes() == expected.ab.tobytes()


@pytest.mark.parametrize("radius", RADII)
def test_results_depend_on_nothing_beyond_the_radius(radius: int) -> None:
    scene = pan(1, 50, step=0.5)
    ab = flicker(0, scene)
    changed = [frame + 50 if t == 25 else frame for t, frame in enumerate(ab)]
    before, after = (smooth(radius, scene.luma, colors) for colors in (ab, changed))
    reached = [
        first.index
        for first, second in zip(before, after, strict=True)
        if not np.array_equal(first.ab, second.ab)
    ]
    assert reached == list(range(25 - radius, 25 + radius + 1))


@given(
    frames=st.integers(0, 40),
    radius=st.sampled_from(RADII),
    cuts=st.sets(st.integers(1, 39), max_size=6),
    first=st.integers(-3, 10**9),
)
def test_frames_in_are_frames_out(frames: int, radius: int, cuts: set[int], first: int) -> None:
    shots = np.searchsorted(sorted(cuts), range(frames), side="right")
    luma = [np.full((16, 20), 40 * int(shot), np.uint8) for shot in shots]
    for frame, shot in zip(luma, shots, strict=True):
        frame[int(shot) :: 3] = 255
    smoothed = smooth(radius, luma, [np.zeros((2, 4, 5), np.float32)] * frames, first)
    assert [frame.index for frame in smoothed] == list(range(first, first + frames))
    assert [frame.is_cut for frame in smoothed[:1]] == [True] * min(1, frames)
    steps = np.diff([frame.shot_index for frame in smoothed])
    assert steps.tolist() == [frame.is_cut for frame in smoothed[1:]]
    assert all(frame.ab.shape == (2, 4, 5) and not frame.ab.any() for frame in smoothed)


@pytest.mark.parametrize("radius", RADII)
def test_comes_out_with_the_stated_delay(radius: int) -> None:
    scene = pan(1, 40, step=0.5)
    smoother = TemporalSmoother(radius)
    for count, (luma, ab) in enumerate(zip(scene.luma, scene.ab, strict=True), 1):
        indices = [frame.index for frame in smoother.push(count - 1, luma, ab)]
        assert indices == [count - 1 - smoother.delay] * (count > smoother.delay)


def test_radius_0_hands_colors_through() -> None:
    ab = flicker(0, FILM)
    for frame, colors in zip(smooth(0, FILM.luma, ab), ab, strict=True):
        assert frame.ab is colors


@pytest.mark.parametrize("radius", RADII)
def test_each_pair_of_neighbors_is_estimated_once(
    radius: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []
    original = FlowEstimator.link

    def link(self: FlowEstimator, *pair):  # type: ignore[no-untyped-def]
        calls.append(pair)
        return original(self, *pair)

    monkeypatch.setattr(FlowEstimator, "link", link)
    smooth(radius, FILM.luma, FILM.ab)
    # 50 frames in three shots have 47 pairs of neighbours.
    assert len(calls) == (47 if radius else 0)


@pytest.mark.parametrize("radius", [1, 7, 15])
def test_memory_does_not_grow_with_the_film(radius: int) -> None:
    scene = pan(1, 40, step=0)
    smoother = TemporalSmoother(radius)

    def arrays_held() -> int:
        window = smoother._window
        assert window is not None
        directions = (window._past, window._future)
        return sum(len(known) for d in directions for known in (*d.sums, *d.links))

    held = []
    for index in range(160):
        smoother.push(index, scene.luma[index % 40], scene.ab[index % 40])
        if index > 4 * radius + smoother.delay:
            held.append(arrays_held())
    assert max(held) == held[0]
    assert held[0] < 5 * (radius + 1) * 4


def test_can_be_used_for_another_film_after_flush() -> None:
    ab = flicker(0, FILM)
    smoother = TemporalSmoother(3)
    runs = []
    for _ in range(2):
        run = [out for t in range(50) for out in smoother.push(t, FILM.luma[t], ab[t])]
        runs.append(run + smoother.flush())
    for first, second in zip(*runs, strict=True):
        assert first.shot_index == second.shot_index
        assert np.array_equal(first.ab, second.ab)


def test_takes_views_of_larger_arrays_and_writes_to_none() -> None:
    ab = flicker(0, FILM)
    luma_views, ab_views = [], []
    for frame, colors in zip(FILM.luma, ab, strict=True):
        luma_views.append(np.pad(frame, 5)[5:-5, 5:-5])
        ab_views.append(np.pad(colors, 3).transpose(0, 2, 1)[3:-3, 3:-3, 3:-3].transpose(0, 2, 1))
        luma_views[-1].flags.writeable = ab_views[-1].flags.writeable = False
    for frame, expected in zip(
        smooth(7, luma_views, ab_views), smooth(7, FILM.luma, ab), strict=True
    ):
        assert np.array_equal(frame.ab, expected.ab)


@pytest.mark.parametrize("radius", [-1, 2, 8, 31])
def test_refuses_other_radii(radius: int) -> None:
    with pytest.raises(ValueError, match=rf"radius {radius} is not one of 0, 1, 3, 7, 15"):
        TemporalSmoother(radius)


@pytest.mark.parametrize(
    "ab", [np.zeros((2, 4, 4)), np.zeros((4, 4, 2), np.float32), np.zeros((2, 4), np.float32)]
)
def test_refuses_other_colors(ab: Ab) -> None:
    with pytest.raises(ValueError, match=r"ab must be \(2, h, w\) float32, not"):
        TemporalSmoother(7).push(0, np.zeros((HEIGHT, WIDTH), np.uint8), ab)


def test_refuses_a_new_grid() -> None:
    smoother = TemporalSmoother(7)
    luma = np.zeros((HEIGHT, WIDTH), np.uint8)
    smoother.push(0, luma, np.zeros((2, 4, 4), np.float32))
    with pytest.raises(ValueError, match=r"from \(2, 4, 4\) to \(2, 4, 5\)"):
        smoother.push(1, luma, np.zeros((2, 4, 5), np.float32))


@pytest.mark.parametrize("lengths", [(3, 3, 3, 3, 3), (12, 3, 12)], ids=["montage", "insert"])
def test_no_color_crosses_a_cut_that_the_detector_leaves_out(lengths: tuple[int, ...]) -> None:
    """Shots too short to be counted as such still keep their own colours."""
    scenes = [pan(seed, length) for seed, length in enumerate(lengths)]
    for number, scene in enumerate(scenes):
        tint = 40.0 if number % 2 else -40.0
        scene.ab = [np.full_like(ab, tint) for ab in scene.ab]
    film = sum(scenes[1:], scenes[0])
    for true, item in zip(film.ab, smooth(7, film.luma, film.ab), strict=True):
        np.testing.assert_allclose(item.ab, true, atol=1e-3)


@pytest.mark.parametrize("radius", RADII)
def test_a_weight_of_one_is_none(radius: int) -> None:
    ab = flicker(0, FILM)
    smoother = TemporalSmoother(radius)
    one = np.ones((ROWS, COLUMNS), np.float32)
    weighted = [
        out for t in range(50) for out in smoother.push(t, FILM.luma[t], ab[t], weight=one)
    ] + smoother.flush()
    for frame, expected in zip(weighted, smooth(radius, FILM.luma, ab), strict=True):
        assert frame.ab.tobytes() == expected.ab.tobytes()


@pytest.mark.parametrize("radius", RADII[1:])
def test_a_cell_of_little_weight_takes_its_neighbours_colors(radius: int) -> None:
    scene = pan(1, 21, step=0, disc=False)
    wrong = scene.ab[10].copy()
    wrong[:, :, :16] += 30
    weight = np.ones((ROWS, COLUMNS), np.float32)
    weight[:, :16] = 0.01

    def middle(weight: Ab | None) -> Ab:
        smoother = TemporalSmoother(radius)
        done = []
        for t in range(21):
            ab, of_it = (wrong, weight) if t == 10 else (scene.ab[t], None)
            done += smoother.push(t, scene.luma[t], ab, t == 0, of_it)
        done += smoother.flush()
        # One gain for the whole picture: see the module's note.
        return done[10].ab * (scene.ab[10][1, 0, 20] / done[10].ab[1, 0, 20])

    away = np.abs(middle(weight) - scene.ab[10])
    assert away.max() < 0.3
    assert np.abs(middle(None) - scene.ab[10])[:, :, :16].max() > 1


def test_refuses_a_weight_of_another_shape() -> None:
    with pytest.raises(ValueError, match=r"weight must be \(24, 32\), not \(2, 2\)"):
        TemporalSmoother(7).push(0, FILM.luma[0], FILM.ab[0], weight=np.ones((2, 2), np.float32))
