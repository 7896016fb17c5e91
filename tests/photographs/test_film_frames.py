from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest

from tests.synthetic import make_film
from vidcolor.frames import ColorTags
from vidcolor.media.reader import FilmReader
from vidcolor.photographs.film_frames import frame_to_rgb


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
