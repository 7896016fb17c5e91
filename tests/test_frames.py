"""`vidcolor.frames`: how a stored picture is shown."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.synthetic import make_film
from vidcolor.media.probe import probe


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
def test_upright_and_back(tmp_path: Path, rotation: int, mirrored: bool) -> None:
    video = probe(make_film(tmp_path / "film.mkv", frames=2)).video
    video = replace(video, rotation=rotation, mirrored=mirrored)
    stored = np.arange(24).reshape(4, 3, 2)
    shown = video.upright(stored)
    np.testing.assert_array_equal(video.as_stored(shown), stored)
    np.testing.assert_array_equal(
        video.upright(np.moveaxis(stored, -1, 0), rows=1), np.moveaxis(shown, -1, 0)
    )
    corner = {0: (0, 0), 90: (-1, 0), 180: (-1, -1), 270: (0, -1)}[rotation]
    row, column = corner
    np.testing.assert_array_equal(shown[row, -1 - column if mirrored else column], stored[0, 0])
