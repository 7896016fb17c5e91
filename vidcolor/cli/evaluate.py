"""``vidcolor evaluate``: measure checkpoints against photographs and films in colour."""

from __future__ import annotations

import itertools
import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from vidcolor.cli import options
from vidcolor.cli.console import jsonable, one_line, plain, print_json, stderr, stdout
from vidcolor.cli.measuring import (
    Report,
    Result,
    Wanted,
    Watch,
    load_colorizers,
    load_judges,
    measure_film,
    measure_photos,
)
from vidcolor.cli.progress import Mode, bar
from vidcolor.cli.session import session
from vidcolor.cli.signals import stop_on_signals
from vidcolor.errors import Interrupted, SettingsError

if TYPE_CHECKING:
    from vidcolor.evaluation.report import Table

PAGE_NAME = "evaluation.html"
FIGURES_NAME = "evaluation.json"

TERMINAL_MEASURES = ("PSNR", "SSIM", "ΔE00", "AuC bal.", "CF", "ΔCF", "JS", "LPIPS", "FID")
"""Of the photographs' measures, those that a terminal has room for; files have them all."""


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
    strength: Annotated[
        list[float] | None,
        typer.Option(
            metavar="X",
            help="Gain on the colours; several draw a curve; may be repeated.",
            show_default="1",
        ),
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
    progress: options.Progress = "auto",
    verbose: options.Verbose = 0,
    quiet: options.Quiet = False,
    log_file: options.LogFile = None,
) -> None:
    """Measure colours against the truth: photographs in colour, or a film in colour."""
    with session(-1 if quiet else verbose, log_file):
        both = {
            "--vividness": vividness,
            "--checkpoint": checkpoint,
            "--strength": strength,
        }
        _check_choice(
            photos,
            film,
            for_photos={"--most": most, "--lpips": lpips, "--fid": fid},
            for_films={"--colored": colored, "--smooth": smooth},
            protocol=protocol,
        )
        if colored and not any(both.values()):
            wanted: list[Wanted] = []  # only what was coloured elsewhere
        else:
            choices = checkpoint or ["default"], vividness or [1.0], strength or [1.0]
            wanted = [Wanted(*choice) for choice in itertools.product(*choices)]
        folder = _make_folder(output)
        mode: Mode = "none" if quiet and progress == "auto" else progress
        with tempfile.TemporaryDirectory(prefix="vidcolor-") as scratch:
            clean_up = partial(shutil.rmtree, scratch, ignore_errors=True)
            with stop_on_signals(clean_up) as stop, _reporting(mode) as report:
                watch = Watch(stop, report)
                try:
                    if photos is not None:
                        judges = load_judges(lpips, fid)
                        result = measure_photos(
                            photos, most, protocol, load_colorizers(wanted, device), judges, watch
                        )
                    else:
                        assert film is not None
                        loaded = load_colorizers(wanted, device)
                        result = measure_film(
                            film, colored or [], loaded, smooth, Path(scratch), watch
                        )
                except Interrupted:
                    raise Interrupted(stop.signal_number) from None
        if progress == "json":
            print_json({"result": result.figures})
        elif not quiet:
            for table in result.tables:
                _print_table(table)
            stdout().print(plain(result.note))
        if folder is not None:
            _write(folder, result)
            if not quiet and progress != "json":
                stdout().print(plain(f"written: {folder / PAGE_NAME}, {folder / FIGURES_NAME}"))


def _check_choice(
    photos: Path | None,
    film: Path | None,
    *,
    for_photos: dict[str, Any],
    for_films: dict[str, Any],
    protocol: str,
) -> None:
    if (photos is None) == (film is None):
        raise SettingsError("give either --photos DIR or --film FILE")
    if film is not None:
        for_photos = {**for_photos, "--protocol": None if protocol == "both" else protocol}
    elif for_photos["--fid"] and protocol == "luma":
        raise SettingsError("--fid is measured with protocol lab; leave out --protocol luma")
    others, mine = (for_films, "--film") if film is None else (for_photos, "--photos")
    for name, value in others.items():
        if value is not None:
            raise SettingsError(f"{name} goes with {mine}; leave it out")


def _make_folder(output: Path | None) -> Path | None:
    if output is None:
        return None
    from vidcolor.media.atomic import make_folder
    from vidcolor.models.extras import require

    for module in ("jinja2", "matplotlib"):
        require(module, "evaluate")
    make_folder(output)
    return output


def _write(folder: Path, result: Result) -> None:
    """Both files, each complete or not there."""
    from vidcolor.media.atomic import write_atomically

    texts = {
        FIGURES_NAME: json.dumps(jsonable(result.figures), indent=1, allow_nan=False) + "\n",
        PAGE_NAME: result.page().html(),
    }
    for name, text in texts.items():
        # Names of files need not be Unicode.
        write_atomically(folder / name, text.encode("utf-8", "backslashreplace"))


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

        def tell(what: str, done: int, total: int) -> None:
            print_json({"evaluate": {"stage": what, "done": done, "of": total or None}})

        yield tell
    elif mode == "none" or not stderr().is_terminal:
        yield lambda *_: None
    else:
        with bar() as shown:
            task = shown.add_task("", total=None, name="reading", note="")
            yield lambda what, done, total: shown.update(
                task, name=one_line(what), total=total or None, completed=done
            )
