from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest

from tests.photographs.made import photograph
from tests.synthetic import make_film
from vidcolor.frames import ColorTags
from vidcolor.media.reader import FilmReader
from vidcolor.training.film_frames import (
    Candidate,
    SeenPictures,
    ShotCandidates,
    frame_to_rgb,
    why_useless,
)

NO_PICTURE = np.zeros((1, 1, 3), np.uint8)


def frames_of(path: Path, short_side: int = 256) -> list[np.ndarray | None]:
    with FilmReader(path) as reader:
        return [frame_to_rgb(frame, reader.info.video, short_side) for frame in reader]


class TestFrameToRgb:
    @pytest.mark.parametrize("pix_fmt", ["yuv444p", "yuv444p10le"])
    @pytest.mark.parametrize("full_range", [False, True])
    def test_colours_are_libswscales(self, tmp_path, pix_fmt, full_range):
        color = ColorTags(1, 1, 1, full_range)
        film = make_film(
            tmp_path / "film.mkv",
            frames=1,
            codec="ffv1",
            pix_fmt=pix_fmt,
            colorful=True,
            color=color,
        )
        (rgb,) = frames_of(film)
        with av.open(str(film)) as container:
            frame = next(container.decode(video=0))
            expected = frame.to_ndarray(format="rgb24").astype(int)
        assert rgb is not None
        inside = ((expected > 4) & (expected < 251)).all(axis=2)  # both clip, each its own way
        assert inside.mean() > 0.3
        assert np.abs(rgb.astype(int) - expected)[inside].mean() < 1.5

    def test_small_upright_and_with_square_pixels(self, tmp_path):
        film = make_film(tmp_path / "film.mkv", frames=1, width=96, height=64, colorful=True)
        (rgb,) = frames_of(film, short_side=32)
        assert rgb is not None
        assert rgb.shape == (32, 48, 3)

    def test_a_grey_format_has_no_colours(self, tmp_path):
        film = make_film(tmp_path / "film.mkv", frames=1, codec="ffv1", pix_fmt="gray")
        assert frames_of(film) == [None]


class TestUseless:
    def test_a_colourful_frame_is_not(self):
        assert why_useless(photograph(3, 64, 48), 3.0) is None

    @pytest.mark.parametrize(
        ("color", "reason"), [((5, 5, 8), "black"), ((200, 90, 40), "blank"), ((8, 2, 2), "black")]
    )
    def test_one_flat_colour(self, color, reason):
        assert why_useless(np.full((48, 64, 3), color, np.uint8), 3.0) == reason

    def test_grey(self):
        grey = np.repeat(photograph(3, 64, 48)[:, :, :1], 3, axis=2)
        assert why_useless(grey, 3.0) == "grey"

    @pytest.mark.parametrize("tint", [(1.0, 0.85, 0.6), (0.75, 0.85, 1.0)])
    def test_toned(self, tint):
        grey = np.repeat(photograph(3, 64, 48)[:, :, :1], 3, axis=2)
        assert why_useless((grey * np.array(tint)).astype(np.uint8), 3.0) == "tinted"


class TestSeenPictures:
    def test_the_same_picture_with_noise_is_seen(self):
        seen = SeenPictures()
        picture = photograph(3, 128, 96)
        noise = np.random.default_rng(0).normal(0, 2, picture.shape)
        assert seen.add(picture)
        assert not seen.add(np.clip(picture + noise, 0, 255).astype(np.uint8))
        assert seen.add(photograph(4, 128, 96))

    def test_remembers_more_than_it_began_with(self):
        seen = SeenPictures()
        rng = np.random.default_rng(0)
        pictures = [rng.integers(0, 256, (9, 9, 3), dtype=np.uint8) for _ in range(1500)]
        added = [picture for picture in pictures if seen.add(picture)]
        assert len(added) > 1400
        assert not any(seen.add(picture) for picture in added[:3] + added[-3:])


class TestShotCandidates:
    @pytest.mark.parametrize("length", [1, 2, 7, 8, 9, 100, 1000])
    @pytest.mark.parametrize("count", [1, 3])
    def test_spread_over_the_shot_in_bounded_memory(self, length, count):
        shot = ShotCandidates(most=12)
        for index in range(length):
            wanted = shot.wants_next()
            shot.add(Candidate(index, index / 24, NO_PICTURE) if wanted else None)
            assert len(shot.kept) <= 12
        picks = [candidate.index for candidate in shot.spread(count)]
        assert len(picks) == min(count, length)
        assert picks == sorted(set(picks))
        if length >= 100:
            middles = [length * (2 * i + 1) / (2 * count) for i in range(count)]
            assert np.abs(np.array(picks) - middles).max() <= length / 6
