"""`vidcolor.palettes`: films whose shots get another picture's palette."""

from __future__ import annotations

from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from tests.synthetic import make_film, plane_values
from vidcolor.colorizer import Colorizer
from vidcolor.config import LookSettings, NetworkSettings, load_preset, override
from vidcolor.errors import InputError
from vidcolor.jobs.run import color_film
from vidcolor.palettes import wanted_palettes
from vidcolor.temporal.shot_list import Shot, read_shot_list


@pytest.fixture(scope="module")
def colorizer(untrained_checkpoint: Path) -> Colorizer:
    return Colorizer(
        NetworkSettings(checkpoint=str(untrained_checkpoint), device="cpu", short_side=32)
    )


def test_a_shots_own_picture_goes_before_the_films() -> None:
    plain, own = Shot(0.0, "start"), Shot(1.0, "cut", look=(("palette", "own.png"),))
    assert wanted_palettes(LookSettings(), [plain, own]) == {own: "own.png"}
    film = LookSettings(palette="film.png")
    assert wanted_palettes(film, [plain, own]) == {plain: "film.png", own: "own.png"}


@pytest.mark.parametrize("of_film", [True, False])
def test_shots_get_the_colours_of_a_picture(
    tmp_path: Path, colorizer: Colorizer, of_film: bool
) -> None:
    film = make_film(tmp_path / "film.mkv", frames=24, cuts=(12,), width=96, height=64)
    picture = np.full((32, 32, 3), (200, 60, 60), np.uint8)
    picture[:, 16:] = (60, 140, 60)
    cv2.imwrite(str(tmp_path / "p.png"), picture)  # B, G, R: blue and green
    (tmp_path / "list.csv").write_text("start,palette\n0,\n0.5,p.png\n")
    assert read_shot_list(tmp_path / "list.csv").shots[1].look == (
        ("palette", str(tmp_path / "p.png")),
    )
    changes = (
        {"look.palette": str(tmp_path / "p.png")}
        if of_film
        else {"temporal.shots": str(tmp_path / "list.csv")}
    )
    means = []
    for name, settings in (
        ("plain", load_preset("archive")),
        ("palette", override(load_preset("archive"), changes)),
    ):
        output = tmp_path / f"{name}.mkv"
        color_film(film, output, settings, colorizer=colorizer)
        with av.open(str(output)) as container:
            means.append(
                [float(plane_values(frame, 2).mean()) for frame in container.decode(video=0)]
            )
    plain, changed = means
    assert np.mean(changed[12:]) < np.mean(plain[12:]) - 5  # less red
    if of_film:
        assert np.mean(changed[:12]) < np.mean(plain[:12]) - 5
    else:
        assert changed[:12] == plain[:12]


def test_a_picture_that_is_not_there(tmp_path: Path, colorizer: Colorizer) -> None:
    film = make_film(tmp_path / "film.mkv", frames=4)
    settings = override(load_preset("film"), {"look.palette": str(tmp_path / "none.png")})
    with pytest.raises(InputError, match=r"none\.png"):
        color_film(film, tmp_path / "out.mkv", settings, colorizer=colorizer)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["film.mkv"]
