"""``vidcolor evaluate``: measure checkpoints against photographs and films in colour."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from vidcolor.cli import options
from vidcolor.cli.console import jsonable, one_line, plain, print_json, stderr, stdout
from vidcolor.cli.progress import Mode, bar
from vidcolor.cli.session import session
from vidcolor.cli.signals import StopRequest, stop_on_signals
from vidcolor.errors import Interrupted, OutputFolderError, SettingsError

if TYPE_CHECKING:
    from vidcolor.colorizer import Colorizer
    from vidcolor.evaluation.colorings import Coloring
    from vidcolor.evaluation.report import Page, Table

PAGE_NAME = "evaluation.html"
FIGURES_NAME = "evaluation.json"

TERMINAL_MEASURES = ("PSNR", "SSIM", "ΔE00", "AuC bal.", "CF", "ΔCF", "JS", "LPIPS", "FID")
"""Of the photographs' measures, those that a terminal has room for; files have them all."""

Report = Callable[[int, int], None]


def evaluate(
    photos: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Colour photographs, or tar shards of them."),
    ] = None,
    film: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A film in colour.", show_default=False)
    ] = None,
    colored: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE",
            help="With --film: a colouring of it to measure, by whatever program; may be repeated.",
        ),
    ] = None,
    checkpoint: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME|PATH", help="What to measure; may be repeated.", show_default="default"
        ),
    ] = None,
    vividness: Annotated[
        list[float] | None,
        typer.Option(metavar="X", help="Several draw a curve; may be repeated.", show_default="1"),
    ] = None,
    smooth: options.Smooth = None,
    protocol: Annotated[
        Literal["both", "luma", "lab"],
        typer.Option(help="luma keeps Y′, as vidcolor does; lab is the papers' of photographs."),
    ] = "both",
    most: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="At most so many photographs, evenly spaced."),
    ] = None,
    lpips: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Measure LPIPS by torchvision's weights of AlexNet, VGG-16 or SqueezeNet 1.1.",
            show_default=False,
        ),
    ] = None,
    fid: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Measure FID by torch-fidelity's Inception weights.",
            show_default=False,
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--output",
            metavar="DIR",
            help=f"Folder for {PAGE_NAME} and {FIGURES_NAME}.",
            show_default="only print the table",
        ),
    ] = None,
    device: options.Device = None,
    progress: Annotated[
        Mode,
        typer.Option(help="json: one object to a line, on stdout.", rich_help_panel=options.SHOWN),
    ] = "auto",
    verbose: options.Verbose = 0,
    quiet: options.Quiet = False,
    log_file: options.LogFile = None,
) -> None:
    """Measure colours against the truth: photographs in colour, or a film in colour."""
    with session(-1 if quiet else verbose, log_file):
        _check_choice(photos, film, colored)
        folder = _make_folder(output)
        names = checkpoint or ["default"]
        levels = vividness or [1.0]
        mode: Mode = "none" if quiet and progress == "auto" else progress
        with stop_on_signals(lambda: None) as stop, _reporting(mode) as report:
            try:
                if photos is not None:
                    colorizers = _load(names, levels, device)
                    judges = _judges(lpips, fid)
                    arguments = (photos, most, protocol, colorizers, judges, folder)
                    result = _photos(*arguments, stop, report)
                else:
                    assert film is not None
                    result = _film(film, colored, names, levels, smooth, device, stop, report)
            except Interrupted:
                raise Interrupted(stop.signal_number) from None
        tables, page, figures = result
        if folder is not None:
            _write(folder, page, figures)
        if progress == "json":
            print_json({"result": figures})
        elif not quiet:
            for table in tables:
                _print_table(table)
            if folder is not None:
                stdout().print(plain(f"written: {folder / PAGE_NAME}, {folder / FIGURES_NAME}"))


Result = tuple["list[Table]", "Callable[[], Page] | None", dict[str, Any]]


def _check_choice(photos: Path | None, film: Path | None, colored: list[Path] | None) -> None:
    if (photos is None) == (film is None):
        raise SettingsError("give either --photos DIR or --film FILE")
    if colored and film is None:
        raise SettingsError("--colored needs --film, the film in colour that it is a colouring of")


def _make_folder(output: Path | None) -> Path | None:
    if output is None:
        return None
    from vidcolor.models.extras import require

    for module in ("jinja2", "matplotlib"):
        require(module, "evaluate")
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputFolderError(
            f"cannot make the folder {output}: {error.strerror}; choose another with -o"
        ) from error
    return output


def _load(names: list[str], levels: list[float], device: str | None) -> dict[str, Colorizer]:
    """Colorizers by the name of their row."""
    from vidcolor.colorizer import Colorizer
    from vidcolor.config import NetworkSettings, validate_settings

    loaded = {}
    for name in names:
        for level in levels:
            given = {"checkpoint": name, "vividness": level, "device": device or "auto"}
            settings = validate_settings(NetworkSettings, given, origin="options")
            loaded[row_name(name, level)] = Colorizer(settings)
    return loaded


def _judges(lpips: Path | None, fid: Path | None) -> dict[str, Any]:
    from vidcolor.evaluation.perceptual import Fid, Lpips

    return {"lpips": Lpips(lpips) if lpips else None, "fid": Fid(fid) if fid else None}


def row_name(checkpoint: str, vividness: float) -> str:
    """``default``, or ``default, vividness 1.5``."""
    stem = Path(checkpoint).stem if checkpoint.endswith(".safetensors") else checkpoint
    return stem if vividness == 1.0 else f"{stem}, vividness {vividness:g}"


def _photos(
    photos: Path,
    most: int | None,
    protocol: str,
    colorizers: dict[str, Colorizer],
    judges: dict[str, Any],
    folder: Path | None,
    stop: StopRequest,
    report: Report,
) -> Result:
    from vidcolor.evaluation.colorings import Network, Oracle
    from vidcolor.evaluation.examples import render_examples
    from vidcolor.evaluation.pictures import PhotoFiles, evaluate_photos
    from vidcolor.evaluation.protocols import PROTOCOLS
    from vidcolor.evaluation.report import photo_json, photo_page, photo_table

    files = PhotoFiles(photos, most)
    colorings: list[Coloring] = [Network(name, one) for name, one in colorizers.items()]
    first_name, first = next(iter(colorizers.items()))
    colorings.append(Network(f"{first_name}, film-like input", first, film_like=True))
    colorings.append(Oracle(first))
    evaluation = evaluate_photos(
        files,
        colorings,
        protocols=PROTOCOLS if protocol == "both" else (protocol,),
        cancel=stop.event,
        on_progress=report,
        **judges,
    )
    figures = {"checkpoints": _identities(colorizers), **photo_json(evaluation)}
    about = (
        f"{len(evaluation.files)} photographs of {photos.name}. Small figures are 95 % bootstrap "
        "intervals over the photographs. Rows grey, mean ab and best L → ab know nothing of the "
        "picture; the oracle has the true colours at the network's resolution."
    )

    def page() -> Page:
        examples = render_examples(files, evaluation, colorings[0])
        return photo_page(evaluation, f"Evaluation of {first_name}", about, examples, first_name)

    tables = [photo_table(table) for table in evaluation.tables]
    return tables, page if folder else None, figures


def _film(
    film: Path,
    colored: list[Path] | None,
    names: list[str],
    levels: list[float],
    smooth: int | None,
    device: str | None,
    stop: StopRequest,
    report: Report,
) -> Result:
    from vidcolor.cli.films import check_film
    from vidcolor.evaluation.films import evaluate_film
    from vidcolor.evaluation.report import film_json, film_page, film_table

    check_film(str(film))
    for path in colored or ():
        check_film(str(path))
    with tempfile.TemporaryDirectory(prefix="vidcolor-") as scratch:
        rows: dict[str, Path] = {path.name: path for path in colored or ()}
        identities = {}
        if not rows:
            colorizers = _load(names, levels, device)
            identities = _identities(colorizers)
            for index, (name, colorizer) in enumerate(colorizers.items()):
                rows[name] = Path(scratch) / f"{index}.mkv"
                _color(film, rows[name], colorizer, smooth, stop)
        evaluation = evaluate_film(film, rows, cancel=stop.event, on_progress=report)
    figures = {"checkpoints": identities, **film_json(evaluation)}
    title = f"Evaluation on {film.name}"
    about = "The film's own colours are the truth; its luma alone was coloured."
    return [film_table(evaluation)], lambda: film_page(evaluation, title, about), figures


def _color(
    film: Path, output: Path, colorizer: Colorizer, smooth: int | None, stop: StopRequest
) -> None:
    """What ``vidcolor run --preset archive`` makes of the film: losslessly encoded."""
    from vidcolor.config import load_preset, override
    from vidcolor.engine import color_film

    changes: dict[str, Any] = {"allow_drop": True}
    if smooth is not None:
        changes["temporal.radius"] = smooth
    settings = override(load_preset("archive"), changes)
    color_film(film, output, settings, colorizer=colorizer, cancel=stop.event)


def _identities(colorizers: dict[str, Colorizer]) -> dict[str, dict[str, str]]:
    return {
        name: {"name": one.info.name, "sha256": one.info.sha256} for name, one in colorizers.items()
    }


def _write(folder: Path, page: Callable[[], Page] | None, figures: dict[str, Any]) -> None:
    try:
        text = json.dumps(jsonable(figures), ensure_ascii=False, indent=1, allow_nan=False)
        (folder / FIGURES_NAME).write_text(text + "\n", encoding="utf-8")
        if page is not None:
            (folder / PAGE_NAME).write_text(page().html(), encoding="utf-8")
    except OSError as error:
        raise OutputFolderError(
            f"cannot write into {folder}: {error.strerror}; free some space or choose another"
        ) from error


def _print_table(table: Table) -> None:
    from rich import box
    from rich.table import Table as RichTable

    shown = RichTable(title=table.title, title_justify="left", box=box.SIMPLE_HEAD, padding=(0, 1))
    columns = [
        index
        for index, head in enumerate(table.header)
        if index == 0
        or len(table.header) <= len(TERMINAL_MEASURES) + 2
        or head in TERMINAL_MEASURES
    ]
    for index in columns:
        shown.add_column(table.header[index], justify="right" if index else "left")
    for row in table.rows:
        cells = [row[index] for index in columns]
        shown.add_row(*(plain(cell.text) for cell in cells))
        if any(cell.interval for cell in cells):
            shown.add_row(*(plain(cell.interval, "dim") for cell in cells))
    stdout().print(shown)


@contextmanager
def _reporting(mode: Mode) -> Iterator[Report]:
    if mode == "json":
        yield lambda done, total: print_json({"evaluate": {"done": done, "of": total}})
    elif mode == "none" or not stderr().is_terminal:
        yield lambda *_: None
    else:
        with bar() as shown:
            task = shown.add_task("", total=None, name=one_line("measuring"), note="")
            yield lambda done, total: shown.update(task, total=total, completed=done)
