from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from vidcolor.colorizer import Colorizer
from vidcolor.evaluation.colorings import Oracle
from vidcolor.evaluation.examples import pick, render_examples
from vidcolor.evaluation.pictures import PhotoFiles, evaluate_photos


def test_worst_median_best() -> None:
    chosen = pick([5.0, 1.0, 9.0, 3.0, 7.0, 2.0, 8.0, 4.0, 6.0], 2)
    values = {
        label: [[5, 1, 9, 3, 7, 2, 8, 4, 6][i] for i in picks] for label, picks in chosen.items()
    }
    assert values == {"worst": [9, 8], "median": [4, 5], "best": [1, 2]}


@pytest.mark.parametrize("count", range(1, 8))
def test_none_twice(count: int) -> None:
    picks = [i for part in pick([float(i) for i in range(count)], 4).values() for i in part]
    assert len(picks) == len(set(picks)) <= count


def test_pictures_are_rendered_as_they_were_measured(
    photo_folder: Path, colorizer: Colorizer
) -> None:
    files = PhotoFiles(photo_folder)
    oracle = Oracle(colorizer)
    evaluation = evaluate_photos(files, [oracle], protocols=["luma"])
    groups = dict(render_examples(files, evaluation, oracle, count=2))
    assert list(groups) == ["worst", "median", "best"]
    worst, best = groups["worst"][0], groups["best"][0]
    assert worst.delta_e >= best.delta_e
    for example in (worst, best):
        assert example.truth.shape == example.colored.shape == example.grey.shape
        assert np.ptp(example.grey, axis=2).max() < 1e-3
        index = [file.name for file in evaluation.files].index(example.name)
        assert evaluation.tables[0].rows[-1].pictures[index].delta_e == example.delta_e
