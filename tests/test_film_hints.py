"""`vidcolor.film_hints`: hints of a film."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from tests.synthetic import make_film, plane_values
from vidcolor.colorizer import Colorizer
from vidcolor.config import NetworkSettings, load_preset, override
from vidcolor.errors import SettingsError
from vidcolor.film_hints import hinted_frames
from vidcolor.hints import Hint, HintList, ab_of_code, read_hints
from vidcolor.jobs.run import color_film
from vidcolor.keyframes import Keyframes
from vidcolor.media.probe import probe
from vidcolor.temporal.film_shots import find_shots

RED = ab_of_code("#c03030")


@pytest.fixture(scope="module")
def colorizer(untrained_checkpoint: Path) -> Colorizer:
    return Colorizer(
        NetworkSettings(checkpoint=str(untrained_checkpoint), device="cpu", short_side=64)
    )


@pytest.fixture
def film(tmp_path: Path) -> Path:
    return make_film(tmp_path / "film.mkv", frames=36, cuts=(24,), width=96, height=64)


def frames_of(film: Path, colorizer: Colorizer, *hints: Hint) -> Any:
    keyframes = Keyframes(film, load_preset("film"), None, colorizer)
    return hinted_frames(
        HintList("hints.toml", hints), keyframes, find_shots(film), probe(film).video
    )


def test_hints_of_one_time_are_one_edit(film: Path, colorizer: Colorizer) -> None:
    edits = frames_of(
        film,
        colorizer,
        Hint(((20.0, 20.0),), RED, 6.0, 1.2),
        Hint(((20.0, 20.0),), RED, 6.0, 0.5),
        Hint(((70.0, 40.0),), None, 6.0, 0.5),
    )
    assert [edit.keyframe.time_s for edit in edits] == pytest.approx([0.5, 28 / 24], abs=0.001)
    assert [len(edit.hints) for edit in edits] == [2, 1]
    spans = [(edit.keyframe.start_s, edit.keyframe.end_s) for edit in edits]
    assert spans == [pytest.approx((0, 1), abs=0.002), pytest.approx((1, 1.5), abs=0.002)]
    paint = edits[0].paint((16, 24), probe(film).video)
    assert paint.weight[5, 5] == pytest.approx(1, abs=0.05)
    assert paint.ab[:, 5, 5] == pytest.approx(RED, abs=4)
    assert paint.weight[10, 17] < 0.3  # pinned


def test_places_are_those_of_the_picture_as_it_is_shown(
    tmp_path: Path, colorizer: Colorizer
) -> None:
    wide = make_film(tmp_path / "sar.mkv", frames=4, width=96, height=64, sar=Fraction(2))
    (edit,) = frames_of(wide, colorizer, Hint(((170.0, 10.0),), RED, 8.0, 0.0))
    paint = edit.paint((16, 48), probe(wide).video)
    assert paint.weight[2, 42] == pytest.approx(1, abs=0.05)
    assert paint.ab[:, 2, 42] == pytest.approx(RED, abs=4)
    assert np.abs(paint.ab[:, 2, 21] - RED).max() > 10
    mirrored = make_film(tmp_path / "m.mkv", frames=4, width=96, height=64, mirrored=True)
    (edit,) = frames_of(mirrored, colorizer, Hint(((85.0, 10.0),), RED, 8.0, 0.0))
    paint = edit.paint((16, 24), probe(mirrored).video)
    assert paint.weight[2, 2] == pytest.approx(1, abs=0.05)
    assert paint.ab[:, 2, 2] == pytest.approx(RED, abs=4)
    with pytest.raises(SettingsError, match=r"hint 1: x = 200 is outside the picture of 192×64"):
        frames_of(wide, colorizer, Hint(((200.0, 10.0),), RED, 8.0, 0.0))


@pytest.mark.parametrize(
    ("time_s", "message"),
    [
        (None, "hint 1 has no time; a film of 1.499 s"),
        (9.0, "hint 1 has time = 9; a film of 1.499 s"),
    ],
)
def test_a_hint_needs_a_time(
    film: Path, colorizer: Colorizer, time_s: float | None, message: str
) -> None:
    with pytest.raises(SettingsError) as caught:
        frames_of(film, colorizer, Hint(((20.0, 20.0),), RED, 6.0, time_s))
    assert message in str(caught.value)


def test_a_film_with_hints(film: Path, tmp_path: Path, colorizer: Colorizer) -> None:
    path = tmp_path / "hints.csv"
    path.write_text("time,x,y,radius,color\n0.5,24,32,8,#c03030\n")
    assert len(read_hints(path).hints) == 1
    frames = []
    for hints in (str(path), None):
        settings = override(load_preset("archive"), {"hints": hints})
        output = tmp_path / "out.mkv"
        report = color_film(
            film, output, override(settings, {"overwrite": True}), colorizer=colorizer
        )
        if hints:
            assert any("edited colours" in notice for notice in report.notices)
        with av.open(str(output)) as container:
            frames.append([plane_values(f, 2).astype(int) for f in container.decode(video=0)])
    hinted, automatic = frames
    change = hinted[12] - automatic[12]
    assert change[16, 12] > 10
    assert all((one == other).all() for one, other in zip(hinted[24:], automatic[24:], strict=True))
