"""``vidcolor extract``: make a training set from colour films."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vidcolor.cli import options
from vidcolor.cli.console import one_line, print_json, report_grid, stderr
from vidcolor.cli.progress import Mode, bar
from vidcolor.cli.session import report_failure, session
from vidcolor.cli.signals import stop_on_signals
from vidcolor.errors import InputNotFoundError, Interrupted

if TYPE_CHECKING:
    from vidcolor.training.extract import ExtractReport


def extract(
    films: Annotated[
        list[str],
        typer.Argument(metavar="FILM|DIR", help="Films in colour.", show_default=False),
    ],
    output: Annotated[
        Path,
        typer.Option("-o", "--output", metavar="DIR", help="A new folder for the pictures."),
    ],
    per_shot: Annotated[int, typer.Option(min=1, metavar="N", help="Frames of each shot.")] = 1,
    short_side: Annotated[
        int, typer.Option(min=32, metavar="PX", help="Of the pictures; smaller ones stay.")
    ] = 256,
    split: Annotated[
        float, typer.Option(min=0, max=1, metavar="SHARE", help="Shots kept for validation.")
    ] = 0.1,
    progress: options.Progress = "auto",
    verbose: options.Verbose = 0,
    quiet: options.Quiet = False,
    log_file: options.LogFile = None,
) -> None:
    """Make a training set from films: frames of each shot, shots split into train and val."""
    with session(-1 if quiet else verbose, log_file):
        from vidcolor.cli.films import find_films, is_sequence
        from vidcolor.training.extract import ExtractSettings, extract_frames

        settings = ExtractSettings(per_shot=per_shot, short_side=short_side, split=split)

        sources = find_films(films)
        for source in sources:
            if is_sequence(source):
                raise InputNotFoundError(
                    f"{source} is an image sequence: its pictures can be trained on as they are, "
                    "with vidcolor train --data FOLDER"
                )
        mode: Mode = "none" if quiet and progress == "auto" else progress
        with stop_on_signals(lambda: None) as stop, _reporting(mode) as show:
            try:
                report = extract_frames(
                    sources, output, settings, cancel=stop.event, on_progress=show
                )
            except Interrupted:
                stopped = Interrupted(stop.signal_number)
                stopped.args = (f"stopped; the pictures so far are in {output}",)
                raise stopped from None
        if progress == "json":
            print_json({"result": report})
        elif not quiet:
            report_grid(_summary(report, output))
        codes = [report_failure(error, about=film) for film, error in report.failed.items()]
        if codes:
            raise typer.Exit(codes[0])


@contextmanager
def _reporting(mode: Mode) -> Iterator[Callable[[Path, int, int], None]]:
    if mode == "json":
        yield lambda film, frames, pictures: print_json(
            {"extract": {"film": film, "frames": frames, "pictures": pictures}}
        )
    elif mode == "none" or not stderr().is_terminal:
        yield lambda *_: None
    else:
        with bar() as shown:
            task = shown.add_task("", total=None, name="", note="")

            def show(film: Path, frames: int, pictures: int) -> None:
                note = f"{frames} frames read, {pictures} pictures"
                shown.update(task, name=one_line(str(film)), note=note)

            yield show


def _summary(report: ExtractReport, output: Path) -> list[tuple[str, str]]:
    left_out = ", ".join(f"{count} {reason}" for reason, count in report.left_out.items())
    return [
        ("films", f"{report.films}, {report.frames_read} frames, {report.shots} shots"),
        ("pictures", f"{report.train} to train on, {report.val} to validate on"),
        ("left out", left_out or "none"),
        ("dataset", str(output)),
    ]
