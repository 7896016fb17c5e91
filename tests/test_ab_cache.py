from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vidcolor.ab_cache import (
    AbCacheWriter,
    CachedFrame,
    DamagedCacheError,
    from_half_units,
    half_units,
    read_ab_cache,
)


@given(seed=st.integers(0, 99), frames=st.integers(0, 4), rows=st.integers(1, 9))
def test_what_is_kept_comes_back(
    tmp_path_factory: pytest.TempPathFactory, seed: int, frames: int, rows: int
) -> None:
    generator = np.random.default_rng(seed)
    kept = [
        (generator.integers(-256, 256, (2, rows, 5), np.int16), bool(n % 2)) for n in range(frames)
    ]
    path = tmp_path_factory.mktemp("cache") / "000000.ab"
    writer = AbCacheWriter(path, path)
    for number, (steps, keeps) in enumerate(kept):
        writer.add(CachedFrame(steps, keeps, 2**32 - 1 - number))
    writer.finish()
    back = list(read_ab_cache(path))
    assert [frame.keeps_chroma for frame in back] == [keeps for _, keeps in kept]
    assert [frame.luma_crc for frame in back] == [2**32 - 1 - n for n in range(frames)]
    for frame, (expected, _) in zip(back, kept, strict=True):
        np.testing.assert_array_equal(frame.steps, expected)


def test_later_fields_come_back(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    steps = list(generator.integers(-200, 200, (5, 2, 3, 4), np.int16))
    frames = [
        CachedFrame(steps[0], True, 1),
        CachedFrame(steps[1], False, 2, steps[2]),
        CachedFrame(steps[3], True, 3, steps[4]),
    ]
    writer = AbCacheWriter(tmp_path / "a.ab", tmp_path / "a")
    for frame in frames:
        writer.add(frame)
    writer.finish()
    for back, frame in zip(read_ab_cache(tmp_path / "a.ab"), frames, strict=True):
        assert (back.keeps_chroma, back.luma_crc) == (frame.keeps_chroma, frame.luma_crc)
        np.testing.assert_array_equal(back.steps, frame.steps)
        assert (back.later_steps is None) == (frame.later_steps is None)
        if frame.later_steps is not None:
            np.testing.assert_array_equal(back.later_steps, frame.later_steps)


def test_half_units() -> None:
    ab = np.array([[[-110.3, 0.2]], [[0.26, 99.75]]], np.float32)
    np.testing.assert_array_equal(
        from_half_units(half_units(ab)), np.array([[[-110.5, 0]], [[0.5, 100]]], np.float32)
    )


def test_steady_colours_take_little_room(tmp_path: Path) -> None:
    """A minute at 24 frames per second must stay far below 10 MB."""
    generator = np.random.default_rng(0)
    still = (generator.normal(size=(2, 64, 112)) * 40).astype(np.int16)
    writer = AbCacheWriter(tmp_path / "a.ab", tmp_path / "a")
    for _ in range(24):
        noise = generator.integers(-1, 2, still.shape, np.int16)
        noise[generator.random(still.shape) < 0.8] = 0
        writer.add(CachedFrame(still + noise, keeps_chroma=False, luma_crc=0))
    writer.finish()
    assert (tmp_path / "a.ab").stat().st_size * 60 < 10_000_000


def test_a_file_that_was_cut(tmp_path: Path) -> None:
    writer = AbCacheWriter(tmp_path / "a.ab", tmp_path / "a")
    for _ in range(3):
        writer.add(CachedFrame(np.ones((2, 4, 4), np.int16), keeps_chroma=False, luma_crc=0))
    writer.finish()
    content = (tmp_path / "a.ab").read_bytes()
    (tmp_path / "a.ab").write_bytes(content[:-2])
    with pytest.raises(DamagedCacheError, match=r"a\.ab is not what was written"):
        list(read_ab_cache(tmp_path / "a.ab"))


def test_what_is_given_up_is_deleted(tmp_path: Path) -> None:
    writer = AbCacheWriter(tmp_path / "a.ab", tmp_path / "a")
    writer.add(CachedFrame(np.ones((2, 4, 4), np.int16), keeps_chroma=False, luma_crc=0))
    writer.abort()
    assert not list(tmp_path.iterdir())
