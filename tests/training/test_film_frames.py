from __future__ import annotations

import numpy as np
import pytest

from tests.photographs.made import photograph
from vidcolor.training.film_frames import (
    Candidate,
    SeenPictures,
    ShotCandidates,
    why_useless,
)

NO_PICTURE = np.zeros((1, 1, 3), np.uint8)


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
