"""Pictures for a report: the worst, the middle and the best, chosen by their figures alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from vidcolor.evaluation.colorings import Coloring
from vidcolor.evaluation.measures import Rgb
from vidcolor.evaluation.pictures import PhotoEvaluation, PhotoFiles
from vidcolor.evaluation.protocols import PROTOCOLS

_NEUTRAL = np.zeros((2, 2, 2), np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class Example:
    """One photograph of a report."""

    name: str
    delta_e: float
    """Mean CIEDE2000 of the coloured picture."""
    grey: Rgb
    colored: Rgb
    truth: Rgb


def pick(values: list[float], count: int) -> dict[str, list[int]]:
    """Indices of the ``count`` worst, middle and best pictures by their ``values``, lower being
    better; fewer where there are not that many, none twice."""
    order = [int(index) for index in np.argsort(values, kind="stable")]
    count = min(count, -(-len(order) // 3))
    best, worst = order[:count], order[count:][-count:][::-1]
    between = order[count : len(order) - len(worst)]
    start = max(0, (len(between) - count) // 2)
    return {"worst": worst, "median": between[start : start + count], "best": best}


def render_examples(
    photos: PhotoFiles,
    evaluation: PhotoEvaluation,
    coloring: Coloring,
    count: int = 4,
) -> Iterator[tuple[str, list[Example]]]:
    """Colour the worst, median and best pictures of the first table once more.

    Yields
    ------
    ``worst``, ``median``, ``best`` with the pictures of each.
    """
    table = evaluation.tables[0]
    row = next(row for row in table.rows if row.name == coloring.name)
    values = [scores.delta_e for scores in row.pictures]
    for label, indices in pick(values, count).items():
        yield label, [_render(photos, evaluation, coloring, i, values[i]) for i in indices]


def _render(
    photos: PhotoFiles, evaluation: PhotoEvaluation, coloring: Coloring, index: int, value: float
) -> Example:
    file = evaluation.files[index]
    photo = photos.decode(file)
    assert photo is not None
    subject = PROTOCOLS[evaluation.tables[0].protocol](photo)
    return Example(
        file.name,
        value,
        subject.show(_NEUTRAL),
        subject.show(coloring.ab(subject, index)),
        subject.truth,
    )
