"""``vidcolor shots``: find a film's shots and write them down."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vidcolor.cli import options
from vidcolor.cli.console import one_line, plain, print_json, stderr, stdout
from vidcolor.cli.progress import Mode, bar
from vidcolor.cli.session import session
from vidcolor.cli.signals import stop_on_signals
from vidcolor.errors import Interrupted, SettingsError

if TYPE_CHECKING:
    from vidcolor.temporal.film_shots import FilmShots

LIST_SUFFIX = ".shots.toml"
"""Of the list beside a film, ``NAME.shots.toml``."""

_TELL_FRAMES = 25
"""Frames between two lines of ``--progress json``."""


def shots(
    film: Annotated[
        str,
        typer.Argument(metavar="FILM", help="A film or an image sequence.", show_default=False),
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--output",
            metavar="FILE",
            help="Where the list goes: .toml or .csv.",
            show_default="NAME.shots.toml beside the film",
        ),
    ] = None,
    sheet: Annotated[
        Path | None,
        typer.Option(metavar="PNG", help="Also draw a picture of each shot.", show_default=False),
    ] = None,
    overwrite: options.Overwrite = False,
    rate: options.Rate = None,
    keep_partial: options.KeepPartial = False,
    limit: options.Limit = None,
    progress: options.Progress = "auto",
    verbose: options.Verbose = 0,
    quiet: options.Quiet = False,
    log_file: options.LogFile = None,
) -> None:
    """Find cuts, dissolves and fades; write a list to edit and give to 'run --shots'."""
    with session(-1 if quiet else verbose, log_file):
        from vidcolor.cli.films import check_film, check_rate, check_spares_inputs, is_sequence
        from vidcolor.cli.settings import given_limits
        from vidcolor.media.atomic import check_output
        from vidcolor.media.safety import limits_in_force
        from vidcolor.media.sequence import find_files

        limits = given_limits(limit)
        check_film(film)
        check_rate([film], rate)
        path = output or Path(film).with_suffix(LIST_SUFFIX)
        _check_names(path, sheet)
        for target in filter(None, (path, sheet)):
            check_output(Path(film), target, overwrite)
            if is_sequence(film):
                files = find_files(film)
                check_spares_inputs(target, (str(files.path(n)) for n in files.numbers))
        mode: Mode = "none" if quiet and progress == "auto" else progress
        with (
            limits_in_force(limits),
            stop_on_signals(lambda: None) as stop,
            _reporting(mode) as tell,
        ):
            try:
                found = _find(film, rate, keep_partial, stop.event, tell)
                _write_list(path, found)
                if sheet is not None:
                    _draw(sheet, film, rate, found, stop.event, tell)
            except Interrupted:
                raise Interrupted(stop.signal_number) from None
        if progress == "json":
            print_json({"result": found})
        elif not quiet:
            _print(found)
            for target in filter(None, (path, sheet)):
                stdout().print(plain(f"written: {target}"), soft_wrap=True)


def _check_names(path: Path, sheet: Path | None) -> None:
    from vidcolor.tables import SUFFIXES

    if path.suffix.lower() not in SUFFIXES:
        raise SettingsError(f"-o {path}: a shot list ends in {' or '.join(SUFFIXES)}")
    if sheet is not None and sheet.suffix.lower() != ".png":
        raise SettingsError(f"--sheet {sheet}: the sheet is a PNG; give a name that ends in .png")


Tell = Callable[[str, int, float], None]
"""Called with what is counted, how many there were, and the film's time in seconds."""


def _find(
    film: str, rate: str | None, keep_partial: bool, cancel: threading.Event, tell: Tell
) -> FilmShots:
    from vidcolor.temporal.film_shots import find_shots

    return find_shots(
        film,
        rate=rate,
        keep_partial=keep_partial,
        cancel=cancel,
        on_frame=lambda count, time_s: tell("frames", count, time_s),
    )


def _write_list(path: Path, found: FilmShots) -> None:
    from vidcolor.media.atomic import write_atomically
    from vidcolor.temporal.shot_list import write_shot_list

    write_atomically(path, write_shot_list(found.listed, path.suffix.lower()).encode())


def _draw(
    sheet: Path,
    film: str,
    rate: str | None,
    found: FilmShots,
    cancel: threading.Event,
    tell: Tell,
) -> None:
    import cv2

    from vidcolor.media.atomic import write_atomically
    from vidcolor.temporal.film_shots import draw_sheet

    drawn = draw_sheet(
        film, found, rate=rate, cancel=cancel, on_shot=lambda count: tell("pictures", count, 0.0)
    )
    done, png = cv2.imencode(".png", drawn)
    assert done
    write_atomically(sheet, png.tobytes())


def _print(found: FilmShots) -> None:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1))
    for head in ("shot", "start", "length", "begins"):
        table.add_column(head, justify="left" if head == "begins" else "right")
    for number, (shot, end) in enumerate(found.spans, 1):
        begins = shot.begins + (f", {shot.transition_s:.2f} s" if shot.transition_s else "")
        length = f"{end - shot.start_s:.3f} s"
        table.add_row(str(number), f"{shot.start_s:.3f} s", length, begins)
    stdout().print(table)


@contextmanager
def _reporting(mode: Mode) -> Iterator[Tell]:
    if mode == "json":

        def tell(what: str, count: int, time_s: float) -> None:
            if what != "frames" or count % _TELL_FRAMES == 0:
                print_json({"shots": {"stage": what, "done": count, "time_s": time_s}})

        yield tell
    elif mode == "none" or not stderr().is_terminal:
        yield lambda *_: None
    else:
        with bar() as shown:
            task = shown.add_task("", total=None, name="", note="")
            yield lambda what, count, _: shown.update(task, note=one_line(f"{count} {what}"))
