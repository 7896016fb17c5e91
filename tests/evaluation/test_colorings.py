from __future__ import annotations

import numpy as np

from tests.photographs.made import photograph
from vidcolor.color import luma_from_rgb_codes
from vidcolor.colorizer import Colorizer
from vidcolor.evaluation.colorings import (
    Grey,
    LightnessLookup,
    MeanColor,
    Network,
    Oracle,
    Tally,
    levels,
)
from vidcolor.evaluation.measures import mean_squared_error, psnr
from vidcolor.evaluation.protocols import luma_subject


def _tally(*seeds: int) -> Tally:
    tally = Tally()
    for seed in seeds:
        tally.add(luma_subject(photograph(seed)))
    return tally


def test_the_mean_is_of_pictures_not_of_pixels() -> None:
    small, large = (
        luma_subject(photograph(seed, *size)) for seed, size in ((1, (40, 40)), (2, (160, 120)))
    )
    tally = Tally()
    tally.add(small)
    tally.add(large)
    means = [subject.truth_lab[1:].mean(axis=(1, 2)) for subject in (small, large)]
    np.testing.assert_allclose(tally.mean, np.mean(means, axis=0), atol=1e-3)


def test_the_lookup_is_the_best_by_lightness() -> None:
    subject = luma_subject(photograph(3))
    tally = _tally(3)
    table = LightnessLookup(tally).ab(subject, 0)
    error = np.square(table - subject.truth_lab[1:]).mean()
    constant = np.square(tally.mean[:, None, None] - subject.truth_lab[1:]).mean()
    assert error < constant
    level = levels(subject)
    chosen = level == np.bincount(level.ravel()).argmax()
    for axis in (0, 1):
        expected = subject.truth_lab[1 + axis][chosen].mean()
        np.testing.assert_allclose(table[axis][chosen], expected, atol=1e-3)


def test_lightness_that_never_occurs_gets_the_mean() -> None:
    tally = Tally()
    tally.add(luma_subject(np.full((16, 16, 3), (200, 120, 80), np.uint8)))
    table = tally.by_lightness
    assert table.shape == (101, 2)
    np.testing.assert_allclose(table[3], tally.mean)


def test_rows_without_knowledge() -> None:
    subject = luma_subject(photograph(3))
    assert not Grey().ab(subject, 0).any()
    mean = MeanColor(_tally(3, 4))
    np.testing.assert_allclose(mean.ab(subject, 0)[:, 0, 0], _tally(3, 4).mean, rtol=1e-5)


def test_the_oracle_beats_everything(colorizer: Colorizer) -> None:
    subject = luma_subject((photograph(3, 128, 128) // 2 + 64).astype(np.uint8))
    oracle, grey = (
        psnr(mean_squared_error(subject.truth, subject.show(row.ab(subject, 0))))
        for row in (Oracle(colorizer), Grey())
    )
    assert oracle > grey + 6


def test_film_like_input_changes_what_the_network_sees(colorizer: Colorizer) -> None:
    subject = luma_subject(photograph(3, 75, 51))  # no multiple of 8
    clean = Network("clean", colorizer)
    film = Network("film", colorizer, film_like=True)
    np.testing.assert_array_equal(clean.ab(subject, 0), clean.ab(subject, 1))
    np.testing.assert_array_equal(film.ab(subject, 4), film.ab(subject, 4))
    assert not np.array_equal(film.ab(subject, 4), film.ab(subject, 5))
    assert film.ab(subject, 4).shape == clean.ab(subject, 0).shape


def test_the_network_row_is_the_still_picture(colorizer: Colorizer) -> None:
    rgb = photograph(6, 64, 64)
    subject = luma_subject(rgb)
    expected = colorizer.predict_plane(luma_from_rgb_codes(rgb, 8))
    np.testing.assert_allclose(Network("n", colorizer).ab(subject, 0), expected, atol=0.5)
