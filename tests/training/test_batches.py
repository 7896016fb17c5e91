from __future__ import annotations

import threading

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.photographs.made import photograph, quick_recipe
from vidcolor.photographs.photos import PhotoSet
from vidcolor.training.batches import (
    BatchMaker,
    FixedBatches,
    PhotoBatches,
    PhotoOrder,
    central_square,
    random_crop,
)
from vidcolor.training.recipe import CropRecipe


def _photos(count: int, first: int = 0) -> PhotoSet:
    seeds = range(first, first + count)
    return PhotoSet([photograph(seed) for seed in seeds], ["s"] * count)


@pytest.fixture
def maker() -> BatchMaker:
    return BatchMaker(_photos(9), _photos(5, first=50), quick_recipe())


def test_a_batch_depends_only_on_its_step(maker: BatchMaker) -> None:
    forwards = [maker.batch(step).rgb for step in range(5)]
    other = BatchMaker(_photos(9), _photos(5, first=50), quick_recipe(), threads=1)
    backwards = [other.batch(step).rgb for step in reversed(range(5))][::-1]
    for a, b in zip(forwards, backwards, strict=True):
        assert torch.equal(a, b)
    assert not torch.equal(forwards[0], forwards[1])


def test_batches_have_the_size_of_their_phase(maker: BatchMaker) -> None:
    assert maker.batch(0).rgb.shape == (4, 32, 32, 3)
    assert maker.batch(5).rgb.shape == (2, 64, 64, 3)


def test_without_small_pictures_the_batch_is_as_large() -> None:
    maker = BatchMaker(_photos(9), PhotoSet(), quick_recipe())
    assert len(maker.batch(0).rgb) == 4


def test_iteration_begins_where_the_trainer_is(maker: BatchMaker) -> None:
    batches = iter(PhotoBatches(maker, lambda: 2))
    for step in (2, 3, 4):
        batch = next(batches)
        assert batch.step == step
        assert torch.equal(batch.rgb, maker.batch(step).rgb)
    batches.close()  # type: ignore[attr-defined]  # it is a generator
    assert "batches" not in {thread.name for thread in threading.enumerate()}


def test_closing_ends_an_iteration_that_is_still_held(maker: BatchMaker) -> None:
    batches = PhotoBatches(maker, lambda: 0)
    held = iter(batches)
    next(held)
    batches.close()
    assert "batches" not in {thread.name for thread in threading.enumerate()}


def test_an_error_in_the_worker_reaches_the_trainer() -> None:
    maker = BatchMaker(_photos(3), PhotoSet(), quick_recipe())
    maker.close()  # so that its pool takes no more work
    with pytest.raises(RuntimeError, match="shutdown"):
        next(iter(PhotoBatches(maker, lambda: 0)))


def test_some_pictures_are_titles() -> None:
    phases = ({"share": 1.0, "size": 32, "batch": 4},)
    recipe = quick_recipe(**{"data.cards": 0.5, "phases": phases})
    maker = BatchMaker(_photos(9), PhotoSet(), recipe)
    pictures = torch.cat([maker.batch(step).rgb for step in range(12)])
    neutral = (pictures.amax(dim=-1) == pictures.amin(dim=-1)).flatten(1).all(dim=1)
    assert 0.2 < neutral.float().mean() < 0.8
    again = BatchMaker(_photos(9), PhotoSet(), recipe, threads=1)
    assert torch.equal(maker.batch(5).rgb, again.batch(5).rgb)


@given(count=st.integers(1, 30), seed=st.integers(0, 5), start=st.integers(0, 100))
def test_every_pass_shows_every_photo_once(count: int, seed: int, start: int) -> None:
    order = PhotoOrder(np.ones(count), seed, stream=0)
    first = start // count * count
    assert sorted(order.at(first, count)) == list(range(count))
    assert order.at(start, 3) == [order.at(start + i, 1)[0] for i in range(3)]


def test_weights_decide_how_often_a_photo_is_shown() -> None:
    weights = np.array([3.0, 1.0, 0.5, 0.5])
    shown = np.bincount(PhotoOrder(weights, 1, stream=0).at(0, 5000), minlength=4) / 1000
    np.testing.assert_allclose(shown, weights, atol=0.15)


@given(
    width=st.integers(16, 90),
    height=st.integers(16, 90),
    size=st.sampled_from([32, 64]),
    seed=st.integers(0, 1000),
)
def test_crops_fit_any_photo(width: int, height: int, size: int, seed: int) -> None:
    photo = photograph(seed, width, height)
    crop = random_crop(photo, size, CropRecipe(), np.random.default_rng(seed))
    assert crop.shape == (size, size, 3)
    assert crop.dtype == np.uint8


def test_half_of_the_crops_are_flipped() -> None:
    photo = np.zeros((64, 64, 3), np.uint8)
    photo[:, 32:] = 255
    whole = CropRecipe(min_area=1.0, max_aspect=1.0)
    rng = np.random.default_rng(0)
    bright_left = [random_crop(photo, 32, whole, rng)[0, 0, 0] == 255 for _ in range(200)]
    assert 70 < sum(bright_left) < 130


def test_central_square_is_central() -> None:
    photo = np.zeros((32, 96, 3), np.uint8)
    photo[:, 32:64] = 200
    assert (central_square(photo, 32) == 200).all()


def test_fixed_batches_cover_every_photo_in_order() -> None:
    photos = _photos(40)
    batches = FixedBatches(photos, 32)
    assert len(batches) == len(list(batches)) == 2
    together = torch.cat([batch.rgb for batch in batches]).numpy()
    np.testing.assert_array_equal(together[35], central_square(photos[35], 32))


@pytest.mark.parametrize("rotation", [5.0, 45.0])
def test_a_turned_crop_is_filled_by_the_picture(rotation: float) -> None:
    photo = np.full((90, 120, 3), (200, 100, 50), np.uint8)
    recipe = CropRecipe(rotation=rotation)
    for seed in range(10):
        crop = random_crop(photo, 40, recipe, np.random.default_rng(seed))
        assert crop.shape == (40, 40, 3)
        np.testing.assert_array_equal(crop, photo[:40, :40])


def test_rotation_turns_about_the_middle() -> None:
    photo = np.zeros((101, 101, 3), np.uint8)
    photo[:, 48:53] = 255  # an upright bar through the middle
    whole = CropRecipe(min_area=1.0, max_aspect=1.0, rotation=30.0)
    slopes = []
    for seed in range(20):
        crop = random_crop(photo, 64, whole, np.random.default_rng(seed))[..., 0]
        middles = [float(np.average(np.arange(64), weights=row)) for row in crop[[16, 32, 48]]]
        assert middles[1] == pytest.approx(31.5, abs=1.5)
        slopes.append((middles[2] - middles[0]) / 32)
    assert max(slopes) > 0.3
    assert min(slopes) < -0.3
    assert max(map(abs, slopes)) < np.tan(np.radians(30)) + 0.1


def test_brightness_multiplies_the_photo() -> None:
    photo = np.full((40, 40, 3), (100, 80, 60), np.uint8)
    recipe = CropRecipe(brightness=0.2)
    gains = []
    for seed in range(30):
        crop = random_crop(photo, 32, recipe, np.random.default_rng(seed))
        gains.append(crop[0, 0] / photo[0, 0])
    np.testing.assert_allclose(np.ptp(gains, axis=1), 0, atol=0.02)  # all channels alike
    assert 0.79 <= np.min(gains) < 0.9
    assert 1.1 < np.max(gains) <= 1.21


def test_without_small_pictures_the_main_stream_takes_their_place() -> None:
    recipe = quick_recipe(phases=[{"share": 1.0, "size": 32, "batch": 8, "extra_share": 0.25}])
    maker = BatchMaker(_photos(32), PhotoSet(), recipe)
    asked: list[int] = []
    maker._orders[0].at = lambda start, count: asked.extend(range(start, start + count)) or [0]  # type: ignore[method-assign, func-returns-value]
    for step in range(3):
        maker.batch(step)
    maker.close()
    assert asked == list(range(24))


def test_processes_share_a_step() -> None:
    photos = _photos(16)
    whole = BatchMaker(photos, PhotoSet(), quick_recipe()).batch(1)
    shares = [
        BatchMaker(photos, PhotoSet(), quick_recipe(), rank=rank, processes=2).batch(1)
        for rank in (0, 1)
    ]
    for rank, share in enumerate(shares):
        assert share.rank == rank
        assert torch.equal(share.rgb, whole.rgb[rank::2])
