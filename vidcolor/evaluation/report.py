"""Reports of an evaluation: rows for a terminal, JSON, one HTML page."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from importlib import resources
from typing import Any

import cv2
import numpy as np

from vidcolor.evaluation import charts
from vidcolor.evaluation.examples import Example
from vidcolor.evaluation.films import FilmEvaluation
from vidcolor.evaluation.measures import Rgb, resized
from vidcolor.evaluation.pictures import MEASURES, PERCEPTUAL, PhotoEvaluation, ProtocolResult
from vidcolor.evaluation.resampling import Estimate
from vidcolor.models.extras import require

ABOUT_PROTOCOLS = {
    "luma": "Protocol luma: pictures keep their size and their luma Y′; only the colours differ.",
    "lab": "Protocol lab, the papers': pictures are stretched to 256 × 256 and the L* of the "
    "colour picture is put together with the predicted ab.",
}
"""What each table compares."""

SHORT_NAMES = {
    "mse": "MSE",
    "psnr": "PSNR",
    "ssim": "SSIM",
    "delta_e": "ΔE00",
    "delta_e_p90": "ΔE00 p90",
    "auc": "AuC",
    "auc_balanced": "AuC bal.",
    "colorfulness": "CF",
    "colorfulness_absolute": "CF abs.",
    "colorfulness_gap": "ΔCF",
    "colorfulness_distance": "|ΔCF|",
    "js": "JS",
    "cast": "cast",
    "lpips": "LPIPS",
    "fid": "FID",
}
"""Column heads."""

_DECIMALS = {"mse": 5, "ssim": 4, "js": 3, "cast": 2, "lpips": 4, "auc": 1, "auc_balanced": 1}
"""Digits behind the point; 2 where nothing is said."""

PICTURE_SIDE = 256
"""Long side in pixels of the pictures in a page."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell of a page's table."""

    text: str
    interval: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """One table of a page."""

    title: str
    about: str
    header: Sequence[str]
    rows: Sequence[Sequence[Cell]]


@dataclass(frozen=True, slots=True)
class Chart:
    """One chart of a page."""

    title: str
    svg: str


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture of a page."""

    data: str
    """A ``data:`` URI."""
    caption: str


@dataclass(frozen=True, slots=True)
class Group:
    """Pictures under one heading."""

    title: str
    about: str
    pictures: Sequence[Picture]


@dataclass(frozen=True, slots=True)
class Page:
    """An HTML report: one file that needs no other."""

    title: str
    about: str
    tables: Sequence[Table]
    charts: Sequence[Chart] = ()
    groups: Sequence[Group] = ()
    glossary: dict[str, str] = field(default_factory=dict)

    def html(self) -> str:
        """The page.

        Raises
        ------
        MissingExtraError
            Without the extra ``evaluate``.
        """
        jinja2 = require("jinja2", "evaluate")
        template = resources.files("vidcolor.evaluation").joinpath("page.html")
        environment = jinja2.Environment(autoescape=True)
        parts = {name: getattr(self, name) for name in self.__slots__}
        return str(environment.from_string(template.read_text(encoding="utf-8")).render(parts))


def number(name: str, value: float) -> str:
    """A measure's value, rounded as it is shown."""
    return f"{value:.{_DECIMALS.get(name, 2)}f}"


def interval(name: str, estimate: Estimate) -> str:
    """``22.10 – 23.40``."""
    return f"{number(name, estimate.low)} – {number(name, estimate.high)}"


def photo_table(table: ProtocolResult) -> Table:
    """A protocol's rows, with the truth's own colourfulness as the last."""
    rows = [
        [Cell(row.name)]
        + [Cell(number(n, e.value), interval(n, e)) for n, e in row.estimates.items()]
        for row in table.rows
    ]
    names = list(table.rows[0].estimates)
    truth = [Cell("truth")]
    truth += [Cell(number(n, table.truth[n])) if n in table.truth else Cell("") for n in names]
    return Table(
        f"Protocol {table.protocol}",
        ABOUT_PROTOCOLS[table.protocol],
        ["", *(SHORT_NAMES[name] for name in names)],
        [*rows, truth],
    )


def photo_page(
    evaluation: PhotoEvaluation,
    title: str,
    about: str,
    examples: Iterable[tuple[str, list[Example]]],
    shown: str,
) -> Page:
    """The HTML report over photographs.

    Parameters
    ----------
    examples:
        From `vidcolor.evaluation.examples.render_examples`.
    shown:
        Name of the row that the examples come from.
    """
    rows = {row.name: row for row in evaluation.tables[0].rows}
    compared = [rows[name] for name in ("grey", shown, "oracle") if name in rows]
    histograms = []
    for measure in ("delta_e", "psnr"):
        values = {row.name: [getattr(s, measure) for s in row.pictures] for row in compared}
        drawn = charts.histogram(values, MEASURES[measure])
        histograms.append(Chart(SHORT_NAMES[measure], drawn))
    return Page(
        title=title,
        about=about,
        tables=[photo_table(table) for table in evaluation.tables],
        charts=histograms,
        groups=[
            Group(
                f"{label.capitalize()} pictures of {shown}",
                "Chosen by mean CIEDE2000 alone: grey, coloured, true.",
                [_strip(example) for example in pictures],
            )
            for label, pictures in examples
        ],
        glossary={SHORT_NAMES[name]: meaning for name, meaning in (MEASURES | PERCEPTUAL).items()},
    )


def _strip(example: Example) -> Picture:
    panels = [_small(picture) for picture in (example.grey, example.colored, example.truth)]
    caption = f"{example.name}: ΔE00 {example.delta_e:.1f}"
    return Picture(data_uri(np.hstack(panels)), caption)


def _small(picture: Rgb) -> Rgb:
    height, width = picture.shape[:2]
    scale = min(1.0, PICTURE_SIDE / max(height, width))
    return resized(picture, max(1, round(width * scale)), max(1, round(height * scale)))


def data_uri(picture: Rgb) -> str:
    """A picture as a JPEG inside a page."""
    codes = (np.clip(picture, 0, 1) * 255).round().astype(np.uint8)
    done, jpeg = cv2.imencode(
        ".jpg", cv2.cvtColor(codes, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 85]
    )
    assert done
    return "data:image/jpeg;base64," + base64.b64encode(jpeg.tobytes()).decode("ascii")


def photo_json(evaluation: PhotoEvaluation) -> dict[str, Any]:
    """Everything that was measured, picture by picture too."""
    return {
        "pictures": [file.name for file in evaluation.files],
        "broken": evaluation.broken,
        "tables": [
            {
                "protocol": table.protocol,
                "truth": table.truth,
                "rows": [
                    {
                        "name": row.name,
                        "measures": {name: asdict(e) for name, e in row.estimates.items()},
                        "pictures": [asdict(scores) for scores in row.pictures],
                    }
                    for row in table.rows
                ],
            }
            for table in evaluation.tables
        ],
    }


FILM_MEASURES = {
    "psnr": ("PSNR", "PSNR of R′G′B′, dB, mean over frames"),
    "delta_e": ("ΔE00", "CIEDE2000, mean over pixels and frames"),
    "colorfulness": ("CF", "colourfulness, signed (Hasler and Süsstrunk)"),
    "cdc": ("CDC", "colour distribution consistency over 1, 2 and 4 frames; grey films do well"),
    "cdc_gap": ("CDC − truth", "the same less the colour film's own: what the colouring adds"),
    "warp_error": (
        "warp error",
        "squared R′G′B′ error along motion outside occlusions, × 1000; the flow is DIS on the "
        "colour film's luma, so figures from other flows do not compare",
    ),
    "flicker": ("flicker", "change of ab along motion from frame to frame, CIE units"),
    "first_frame_delta_e": ("ΔE00 after cuts", "CIEDE2000 of the first frames after cuts"),
    "luma_change": ("luma change", "largest difference of a luma code from the colour film's"),
}
"""Column heads, and what they mean."""

_FILM_DECIMALS = {"cdc": 5, "cdc_gap": 5, "warp_error": 3, "flicker": 3, "luma_change": 0}


def film_values(evaluation: FilmEvaluation) -> dict[str, dict[str, float | None]]:
    """Figures by row and by the names of `FILM_MEASURES`."""
    truth = next(row for row in evaluation.rows if row.name == "truth").scores
    table: dict[str, dict[str, float | None]] = {}
    for row in evaluation.rows:
        scores = row.scores
        gap = None if scores.cdc is None or truth.cdc is None else scores.cdc - truth.cdc
        table[row.name] = {
            "psnr": scores.psnr,
            "delta_e": scores.delta_e,
            "colorfulness": scores.colorfulness,
            "cdc": scores.cdc,
            "cdc_gap": gap,
            "warp_error": None if scores.warp_error is None else 1000 * scores.warp_error,
            "flicker": scores.flicker,
            "first_frame_delta_e": scores.first_frame_delta_e,
            "luma_change": row.luma_change,
        }
    return table


def film_table(evaluation: FilmEvaluation) -> Table:
    """One row to a colouring."""
    rows = [
        [Cell(name)] + [Cell(film_number(measure, value)) for measure, value in values.items()]
        for name, values in film_values(evaluation).items()
    ]
    about = (
        f"{len(evaluation.times_s)} frames, {len(evaluation.cuts)} shots. Pairs of frames are "
        "never compared across a cut."
    )
    header = ["", *(head for head, _ in FILM_MEASURES.values())]
    return Table("Film, with its luma kept", about, header, rows)


def film_number(measure: str, value: float | None) -> str:
    """A film measure's value as it is shown; a dash where there was nothing to measure."""
    return "–" if value is None else f"{value:.{_FILM_DECIMALS.get(measure, 2)}f}"


def film_page(evaluation: FilmEvaluation, title: str, about: str) -> Page:
    """The HTML report over a film."""
    marks = [evaluation.times_s[start] for start in evaluation.cuts]
    plots = []
    for measure in ("delta_e", "colorfulness", "flicker"):
        series = {
            row.name: [getattr(scores, measure) for scores in row.frames]
            for row in evaluation.rows
            if not (row.name in ("grey", "truth") and measure == "delta_e")
        }
        head, meaning = FILM_MEASURES[measure]
        drawn = charts.lines(evaluation.times_s, series, "seconds", meaning, marks)
        plots.append(Chart(f"{head} over time", drawn))
    strip = evaluation.strip
    pictures = [
        Picture(
            data_uri(np.hstack([_small(shown[index]) for shown in strip.pictures.values()])),
            f"{time_s:.2f} s",
        )
        for index, time_s in enumerate(strip.times_s)
    ]
    shown = ", ".join(strip.pictures)
    return Page(
        title=title,
        about=about,
        tables=[film_table(evaluation)],
        charts=plots,
        groups=[Group("Frames", f"Evenly spaced: {shown}.", pictures)],
        glossary=dict(FILM_MEASURES.values()),
    )


def film_json(evaluation: FilmEvaluation) -> dict[str, Any]:
    """Everything that was measured, frame by frame too."""
    return {
        "film": evaluation.film.name,
        "times_s": evaluation.times_s,
        "cuts": evaluation.cuts,
        "rows": [
            {
                "name": row.name,
                "measures": values,
                "cdc_by_gap": row.scores.cdc_by_gap,
                "frames": [asdict(scores) for scores in row.frames],
            }
            for row, values in zip(evaluation.rows, film_values(evaluation).values(), strict=True)
        ],
    }
