"""What ``vidcolor evaluate`` runs: checkpoints loaded, photographs or a film measured."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from vidcolor.cli.signals import StopRequest
from vidcolor.errors import SettingsError

if TYPE_CHECKING:
    from vidcolor.colorizer import Colorizer
    from vidcolor.config import LookSettings
    from vidcolor.evaluation.colorings import Coloring
    from vidcolor.evaluation.report import Page, Table
    from vidcolor.report import ProgressEvent

RESERVED = ("grey", "mean ab", "best L → ab", "oracle", "truth")
"""Rows that every table has."""

Report = Callable[[str, int, int], None]
"""What is done, how much of it, of how much (0 where that is not known)."""


@dataclass(frozen=True, slots=True)
class Watch:
    """How a measurement is stopped and watched."""

    stop: StopRequest
    report: Report


@dataclass(frozen=True, slots=True)
class Result:
    """What was measured, as it is printed and written."""

    tables: Sequence[Table]
    page: Callable[[], Page]
    figures: dict[str, Any]
    note: str
    """One line under the tables."""


class Wanted(NamedTuple):
    """A row to be measured."""

    checkpoint: str
    vividness: float = 1.0
    strength: float = 1.0


@dataclass(frozen=True, slots=True)
class Measured:
    """A checkpoint, loaded, and the gain on its colours."""

    colorizer: Colorizer
    look: LookSettings


def load_colorizers(wanted: list[Wanted], device: str | None) -> dict[str, Measured]:
    """What is measured, by the name of its row."""
    from vidcolor.colorizer import Colorizer
    from vidcolor.config import LookSettings, NetworkSettings, validate_settings

    names = [row_name(one) for one in wanted]
    if len(set(names)) < len(names):  # two runs of one recipe
        names = [row_name(one, whole=True) for one in wanted]
    _require_different(names)
    loaded: dict[str, Measured] = {}
    colorizers: dict[tuple[str, float], Colorizer] = {}
    for name, (checkpoint, vividness, strength) in zip(names, wanted, strict=True):
        look = validate_settings(LookSettings, {"strength": strength}, origin="options")
        key = checkpoint, vividness
        if key not in colorizers:
            given = {"checkpoint": checkpoint, "vividness": vividness, "device": device or "auto"}
            settings = validate_settings(NetworkSettings, given, origin="options")
            colorizers[key] = Colorizer(settings)
        loaded[name] = Measured(colorizers[key], look)
    return loaded


def _require_different(names: Sequence[str]) -> None:
    repeated = sorted({name for name in names if names.count(name) > 1 or name in RESERVED})
    if repeated:
        raise SettingsError(
            f"{repeated[0]!r} would be the name of two rows; give each checkpoint and film once, "
            f"under a name other than {', '.join(RESERVED)}"
        )


def load_judges(lpips: Path | None, fid: Path | None) -> dict[str, Any]:
    from vidcolor.evaluation.perceptual import Fid, Lpips

    return {"lpips": Lpips(lpips) if lpips else None, "fid": Fid(fid) if fid else None}


def row_name(wanted: Wanted, *, whole: bool = False) -> str:
    """``default``, or ``default, vividness 1.5, strength 1.2``; ``whole`` keeps a file's path."""
    is_file = wanted.checkpoint.endswith(".safetensors") and not whole
    name = Path(wanted.checkpoint).stem if is_file else wanted.checkpoint
    if wanted.vividness != 1.0:
        name += f", vividness {wanted.vividness:g}"
    return name if wanted.strength == 1.0 else f"{name}, strength {wanted.strength:g}"


def measure_photos(
    photos: Path,
    most: int | None,
    protocol: str,
    measured: dict[str, Measured],
    judges: dict[str, Any],
    watch: Watch,
) -> Result:
    from vidcolor.evaluation.colorings import Network, Oracle
    from vidcolor.evaluation.examples import render_examples
    from vidcolor.evaluation.pictures import PhotoFiles, evaluate_photos
    from vidcolor.evaluation.protocols import PROTOCOLS
    from vidcolor.evaluation.report import photo_json, photo_page, photo_table
    from vidcolor.look import Look

    files = PhotoFiles(photos, most)
    colorings: list[Coloring] = [
        Network(name, one.colorizer, Look.from_settings(one.look)) for name, one in measured.items()
    ]
    first_name, first = next(iter(measured.items()))
    look = Look.from_settings(first.look)
    as_film = Network(f"{first_name}, film-like input", first.colorizer, look, film_like=True)
    colorings += [as_film, Oracle(first.colorizer)]
    evaluation = evaluate_photos(
        files,
        colorings,
        protocols=PROTOCOLS if protocol == "both" else (protocol,),
        cancel=watch.stop.event,
        on_progress=partial(watch.report, "measuring"),
        **judges,
    )
    count = f"{len(evaluation.files)} photographs"
    note = f"{count}, {len(evaluation.broken)} more could not be decoded"
    about = (
        f"{note}. Small figures are 95 % bootstrap intervals over the photographs. Rows grey, "
        "mean ab and best L → ab know nothing of the picture; the oracle has the true colours at "
        "the network's resolution."
    )

    def page() -> Page:
        examples = render_examples(files, evaluation, colorings[0])
        return photo_page(evaluation, f"Evaluation of {first_name}", about, examples, first_name)

    return Result(
        [photo_table(table) for table in evaluation.tables],
        page,
        {"checkpoints": _identities(measured), **photo_json(evaluation)},
        note,
    )


def measure_film(
    film: Path,
    colored: list[Path],
    measured: dict[str, Measured],
    smooth: int | None,
    scratch: Path,
    watch: Watch,
) -> Result:
    from vidcolor.cli.films import check_film
    from vidcolor.evaluation.films import evaluate_film
    from vidcolor.evaluation.report import film_json, film_page, film_table

    for path in (film, *colored):
        check_film(str(path))
    names = [path.name for path in colored]
    if len(set(names)) < len(names):
        names = [str(path) for path in colored]
    _require_different([*names, *measured])
    rows = dict(zip(names, colored, strict=True))
    for index, (name, one) in enumerate(measured.items()):
        rows[name] = scratch / f"{index}.mkv"
        _color(film, rows[name], one, smooth, name, watch)
    evaluation = evaluate_film(
        film, rows, cancel=watch.stop.event, on_progress=partial(watch.report, "measuring")
    )
    title = f"Evaluation on {film.name}"
    about = "The film's own colours are the truth; its luma alone was coloured."
    return Result(
        [film_table(evaluation)],
        lambda: film_page(evaluation, title, about),
        {"checkpoints": _identities(measured), **film_json(evaluation)},
        f"{len(evaluation.times_s)} frames, {len(evaluation.cuts)} shots",
    )


def _color(
    film: Path,
    output: Path,
    measured: Measured,
    smooth: int | None,
    name: str,
    watch: Watch,
) -> None:
    """What ``vidcolor run --preset archive`` makes of the film: losslessly encoded."""
    from vidcolor.config import load_preset, override
    from vidcolor.jobs.run import color_film

    changes: dict[str, Any] = {"allow_drop": True, "look.strength": measured.look.strength}
    if smooth is not None:
        changes["temporal.radius"] = smooth

    def report(event: ProgressEvent) -> None:
        watch.report(f"colouring by {name}", event.frames_done, event.frames_total or 0)

    settings = override(load_preset("archive"), changes)
    stop = watch.stop.event
    color_film(
        film, output, settings, colorizer=measured.colorizer, cancel=stop, on_progress=report
    )


def _identities(measured: dict[str, Measured]) -> dict[str, dict[str, str]]:
    infos = {name: one.colorizer.info for name, one in measured.items()}
    return {name: {"name": info.name, "sha256": info.sha256} for name, info in infos.items()}
