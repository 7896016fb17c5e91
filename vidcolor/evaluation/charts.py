"""Charts of a report, as SVG."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from vidcolor.models.extras import require

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_SIZE = (6.4, 2.6)
"""Inches."""


def histogram(values: Mapping[str, Sequence[float]], label: str) -> str:
    """How often values occur, one outline per series."""

    def draw(axes: Axes) -> None:
        everything = [value for series in values.values() for value in series]
        span = (min(everything), max(everything)) if everything else (0.0, 1.0)
        for name, series in values.items():
            axes.hist(series, bins=30, range=span, histtype="step", label=name)
        axes.set_xlabel(label)
        axes.set_ylabel("pictures")
        axes.legend(frameon=False)

    return _svg(draw)


def lines(
    x: Sequence[float],
    series: Mapping[str, Sequence[float | None]],
    x_label: str,
    y_label: str,
    marks: Sequence[float] = (),
) -> str:
    """Values over ``x``; None leaves a gap, ``marks`` are upright lines (cuts)."""

    def draw(axes: Axes) -> None:
        for name, values in series.items():
            numbers = [float("nan") if value is None else value for value in values]
            axes.plot(list(x), numbers, linewidth=1, label=name)
        for mark in marks:
            axes.axvline(mark, color="0.8", linewidth=1, zorder=0)
        axes.set_xlabel(x_label)
        axes.set_ylabel(y_label)
        axes.legend(frameon=False)

    return _svg(draw)


def _svg(draw: Callable[[Axes], None]) -> str:
    matplotlib = require("matplotlib", "evaluate")
    figure = require("matplotlib.figure", "evaluate").Figure(figsize=_SIZE, layout="constrained")
    draw(figure.add_subplot())
    out = io.StringIO()
    # With a fixed salt and no date the same figures give the same file.
    with matplotlib.rc_context({"svg.hashsalt": "vidcolor"}):
        figure.savefig(out, format="svg", metadata={"Date": None})
    text = out.getvalue()
    return text[text.index("<svg") :]
