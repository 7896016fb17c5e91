from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.synthetic import make_film
from vidcolor.errors import Interrupted, UnsupportedColorError, VerificationError
from vidcolor.evaluation.films import FilmEvaluation, evaluate_film, find_cuts, luma_change
from vidcolor.frames import ColorTags
from vidcolor.media.reader import FilmReader

LENGTH, CUT = 24, 12


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("film") / "colors.mkv"
    return _make(path, colorful=True)


def _make(path: Path, **changes: object) -> Path:
    film = {"frames": LENGTH, "cuts": (CUT,), "width": 128, "height": 96, "codec": "ffv1"}
    return make_film(path, **{**film, **changes})  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def evaluation(film: Path, tmp_path_factory: pytest.TempPathFactory) -> FilmEvaluation:
    folder = tmp_path_factory.mktemp("colored")
    same = folder / "same.mkv"
    same.write_bytes(film.read_bytes())
    return evaluate_film(film, {"same": same, "pale": _make(folder / "pale.mkv", colorful=False)})


def _row(evaluation: FilmEvaluation, name: str):  # type: ignore[no-untyped-def]
    return next(row for row in evaluation.rows if row.name == name)


def test_cuts_are_found(film: Path) -> None:
    cuts = find_cuts(film)
    assert (cuts.starts, cuts.frames) == ([0, CUT], LENGTH)


def test_grey_and_truth_stand_beside_what_is_measured(evaluation: FilmEvaluation) -> None:
    assert [row.name for row in evaluation.rows] == ["grey", "same", "pale", "truth"]
    assert len(evaluation.times_s) == LENGTH
    assert evaluation.cuts == [0, CUT]
    assert all(len(row.frames) == LENGTH for row in evaluation.rows)


def test_the_same_film_is_the_truth(evaluation: FilmEvaluation) -> None:
    same, truth = _row(evaluation, "same"), _row(evaluation, "truth")
    assert same.scores == truth.scores
    assert (same.scores.delta_e, same.luma_change) == (0, 0)
    assert truth.scores.colorfulness > 5


def test_a_film_without_colours_is_grey(evaluation: FilmEvaluation) -> None:
    pale, grey = _row(evaluation, "pale"), _row(evaluation, "grey")
    assert pale.scores.colorfulness == pytest.approx(0, abs=1)
    assert pale.scores.delta_e == pytest.approx(grey.scores.delta_e, rel=0.05)
    assert grey.scores.colorfulness == pytest.approx(0, abs=1e-3)


def test_pairs_are_never_compared_across_a_cut(evaluation: FilmEvaluation) -> None:
    frames = _row(evaluation, "truth").frames
    assert [index for index, scores in enumerate(frames) if scores.is_first] == [0, CUT]
    assert [index for index, scores in enumerate(frames) if scores.flicker is None] == [0, CUT]


def test_the_strip_shows_every_row(evaluation: FilmEvaluation) -> None:
    strip = evaluation.strip
    assert set(strip.pictures) == {"grey", "same", "pale", "truth"}
    assert {len(pictures) for pictures in strip.pictures.values()} == {len(strip.times_s)} == {8}
    np.testing.assert_array_equal(strip.pictures["same"][3], strip.pictures["truth"][3])


def test_a_luma_that_was_changed_is_told(film: Path, tmp_path: Path) -> None:
    other = _make(tmp_path / "other.mkv", colorful=True, cuts=(6,))
    row = _row(evaluate_film(film, {"other": other}), "other")
    assert row.luma_change > 3


@pytest.mark.parametrize("frames", [LENGTH - 2, LENGTH + 2])
def test_another_number_of_frames(film: Path, tmp_path: Path, frames: int) -> None:
    other = _make(tmp_path / "other.mkv", frames=frames)
    with pytest.raises(VerificationError, match=r"other\.mkv"):
        evaluate_film(film, {"other": other})


def test_another_size(film: Path, tmp_path: Path) -> None:
    other = _make(tmp_path / "other.mkv", width=64, height=64)
    with pytest.raises(VerificationError, match="64×64"):
        evaluate_film(film, {"other": other})


def test_a_grey_film_is_no_truth(tmp_path: Path) -> None:
    film = _make(tmp_path / "grey.mkv", pix_fmt="gray")
    with pytest.raises(UnsupportedColorError, match="no chroma planes"):
        evaluate_film(film, {})


def test_it_can_be_stopped(film: Path) -> None:
    cancel = threading.Event()
    cancel.set()
    with pytest.raises(Interrupted):
        evaluate_film(film, {}, cancel=cancel)


def test_a_change_of_depth_by_shifting_is_no_change_of_luma(film: Path) -> None:
    with FilmReader(film) as reader:
        video = reader.info.video
        frame = next(iter(reader))
    deeper = replace(video, layout=replace(video.layout, bit_depth=10))
    ten_bits = frame.luma.astype(np.uint16) << 2
    assert luma_change(frame.luma, video, ten_bits, deeper) == 0
    assert luma_change(frame.luma, video, ten_bits + 3, deeper) == 3


def test_grey_has_the_films_own_luma(tmp_path: Path) -> None:
    sd = {"color": ColorTags(6, 6, 6, False)}  # BT.601: its green weighs less than BT.709's
    film = _make(tmp_path / "sd.mkv", colorful=True, **sd)
    pale = _make(tmp_path / "pale.mkv", colorful=False, **sd)
    evaluation = evaluate_film(film, {"pale": pale})
    grey_row, pale_row = _row(evaluation, "grey"), _row(evaluation, "pale")
    assert grey_row.scores.psnr == pytest.approx(pale_row.scores.psnr, abs=0.3)
