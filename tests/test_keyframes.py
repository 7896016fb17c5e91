"""`vidcolor.keyframes`: single frames must look as `vidcolor run` would colour them, if the network
is shown every frame."""

from __future__ import annotations

import threading
from pathlib import Path

import av
import numpy as np
import pytest

from tests.synthetic import make_film
from vidcolor.colorizer import Colorizer
from vidcolor.config import NetworkSettings, RunSettings, load_preset, override
from vidcolor.errors import Interrupted, SettingsError
from vidcolor.jobs.run import color_film
from vidcolor.keyframes import Keyframes
from vidcolor.temporal.shot_list import Shot, ShotList

RATE = 24


@pytest.fixture(scope="module")
def colorizer(untrained_checkpoint: Path) -> Colorizer:
    return Colorizer(
        NetworkSettings(checkpoint=str(untrained_checkpoint), device="cpu", short_side=32)
    )


@pytest.fixture
def film(tmp_path: Path) -> Path:
    return make_film(tmp_path / "film.mkv", frames=60, cuts=(24,), width=96, height=64)


def settings_of(radius: int = 3) -> RunSettings:
    return override(
        load_preset("archive"), {"temporal.radius": radius, "encode.min_chroma": "4:4:4"}
    )


@pytest.mark.parametrize("radius", [0, 3])
def test_the_same_as_a_run(film: Path, tmp_path: Path, colorizer: Colorizer, radius: int) -> None:
    settings = settings_of(radius)
    output = tmp_path / "film.color.mkv"
    color_film(film, output, settings, colorizer=colorizer)
    with av.open(str(output)) as container:
        pictures = [f.to_ndarray(format="rgb24") for f in container.decode(video=0)]
    keyframes = Keyframes(film, settings, None, colorizer)
    wanted = [0, 5, 23, 24, 59]
    shown = list(keyframes.walk([index / RATE + 0.001 for index in wanted]))
    assert [round(k.time_s * RATE) for k in shown] == wanted
    for index, keyframe in zip(wanted, shown, strict=True):
        rgb = keyframe.show(keyframes.look(keyframe)).astype(int)
        assert np.abs(rgb - pictures[index]).mean() < 2
        grey = keyframe.show(np.zeros_like(keyframe.ab)).astype(int)
        assert np.abs(grey - pictures[index]).mean() > 5


def test_one_time_is_found_by_seeking(film: Path, colorizer: Colorizer) -> None:
    keyframes = Keyframes(film, settings_of(), None, colorizer)
    walked = next(keyframes.walk([2.0]))
    sought = keyframes.at(2.0)
    assert sought.pts == walked.pts
    np.testing.assert_array_equal(sought.luma, walked.luma)
    np.testing.assert_allclose(sought.ab, walked.ab, atol=1e-3)


def test_times_outside(film: Path, colorizer: Colorizer) -> None:
    keyframes = Keyframes(film, settings_of(), None, colorizer)
    for time_s in (-1.0, 2.6):
        with pytest.raises(SettingsError, match=r"is outside .*film\.mkv, which is 2\.\d+ s long"):
            keyframes.at(time_s)
    assert [round(k.time_s * RATE) for k in keyframes.walk([1.0, 99.0])] == [24, 59]


def test_a_time_is_the_frame_that_a_shot_list_means(film: Path, colorizer: Colorizer) -> None:
    """Written times are rounded: half a millisecond early is that frame still."""
    keyframes = Keyframes(film, settings_of(0), None, colorizer)
    assert [round(k.time_s * RATE) for k in keyframes.walk([0.9997, 1.0003])] == [24, 24]


def test_before_the_first_frame(tmp_path: Path, colorizer: Colorizer) -> None:
    late = make_film(tmp_path / "late.mkv", frames=6, start_pts=3000, audio=1, width=96, height=64)
    keyframes = Keyframes(late, settings_of(0), None, colorizer)
    first = keyframes.at(0.0)
    assert first.pts == next(keyframes.walk([0.0])).pts
    assert [k.pts for k in keyframes.walk([0.0, 0.0])] == [first.pts] * 2


def test_a_shot_has_its_own_look(film: Path, colorizer: Colorizer) -> None:
    shots = ShotList("", (Shot(0.0, "start"), Shot(1.0, "cut", look=(("strength", 0.0),))))
    keyframes = Keyframes(film, settings_of(), shots, colorizer)
    first, second = keyframes.walk([0.5, 1.5])
    assert keyframes.look(first) is first.ab
    assert second.ab.any()
    assert not keyframes.look(second).any()


def test_upright_with_square_pixels(tmp_path: Path, colorizer: Colorizer) -> None:
    from fractions import Fraction

    film = make_film(tmp_path / "sar.mkv", frames=4, width=96, height=64, sar=Fraction(2))
    keyframe = Keyframes(film, settings_of(0), None, colorizer).at(0.0)
    assert keyframe.show(keyframe.ab).shape == (64, 192, 3)
    assert keyframe.show(keyframe.ab, short_side=32).shape == (32, 96, 3)


def test_a_stop(film: Path, colorizer: Colorizer) -> None:
    cancel = threading.Event()
    cancel.set()
    keyframes = Keyframes(film, settings_of(), None, colorizer, cancel=cancel)
    with pytest.raises(Interrupted):
        next(keyframes.walk([1.0]))
