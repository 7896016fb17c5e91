"""``vidcolor verify``: is a coloured film still its source, but for the colours?"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from vidcolor.cli import options
from vidcolor.cli.console import plain, print_json, report_grid, stdout
from vidcolor.cli.progress import Mode, choose_reporter
from vidcolor.cli.session import session
from vidcolor.cli.signals import stop_on_signals
from vidcolor.errors import FilmDiffersError, Interrupted

if TYPE_CHECKING:
    from vidcolor.verification.films import FilmVerification

log = logging.getLogger("vidcolor.cli")

STYLES = {
    "same": "green",
    "close": "green",
    "differs": "red",
    "lost": "yellow",
    "unchecked": "yellow",
}
"""Of the word in the table."""

MOST_DB = 200.0
"""Nobody's PSNR is higher: that of one code value in a 16-bit film of a billion samples."""


def verify(
    source: Annotated[
        str,
        typer.Argument(
            metavar="SRC", help="The film that was coloured, or its pictures.", show_default=False
        ),
    ],
    output: Annotated[
        str, typer.Argument(metavar="OUT", help="The coloured film.", show_default=False)
    ],
    report: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="What 'vidcolor run --report' wrote.",
            show_default="OUT.vidcolor.json, if it is there",
        ),
    ] = None,
    start: Annotated[
        float | None,
        typer.Option(
            metavar="TIME",
            parser=options.seconds,
            help="Where the part begins that was coloured: seconds or HH:MM:SS.mmm.",
            show_default="the report's, or 0",
        ),
    ] = None,
    duration: Annotated[
        float | None,
        typer.Option(
            metavar="TIME",
            parser=options.seconds,
            help="How much was coloured.",
            show_default="the report's, or all",
        ),
    ] = None,
    rate: options.Rate = None,
    deinterlace: Annotated[
        Literal["auto", "off", "bwdif"] | None,
        typer.Option(
            metavar="auto|off|bwdif",
            help="How the fields of an interlaced film were treated.",
            show_default="the report's, or auto",
        ),
    ] = None,
    least_psnr: Annotated[
        float | None,
        typer.Option(
            metavar="DB",
            help="A frame of a lossy film whose luma is further off differs.",
            min=0,
            max=MOST_DB,
            show_default="30",
        ),
    ] = None,
    strict: Annotated[
        bool,
        typer.Option(
            "--strict", metavar="", help="What the container has no place for differs, too."
        ),
    ] = False,
    keep_partial: options.KeepPartial = False,
    limit: options.Limit = None,
    as_json: Annotated[
        bool, typer.Option("--json", metavar="", help="Everything, as one JSON object.")
    ] = False,
    progress: options.Progress = "auto",
    verbose: options.Verbose = 0,
    quiet: options.Quiet = False,
    log_file: options.LogFile = None,
) -> None:
    """Check a coloured film against its source: frames, times, luma, sound and all else."""
    with session(-1 if quiet else verbose, log_file):
        from vidcolor.cli.settings import named
        from vidcolor.verification.films import LEAST_PSNR_DB

        given = {
            "report": report,
            "rate": rate,
            "start_s": start,
            "duration_s": duration,
            "deinterlace": deinterlace,
            "keep_partial": keep_partial,
            "limits": named(limit or ()),
            "least_psnr_db": LEAST_PSNR_DB if least_psnr is None else least_psnr,
            "strict": strict,
        }
        found = _verified(source, output, given, progress, quiet or as_json)
        for point in found.points:
            log.info("%s: %s: %s", point.result, point.name, point.detail)
        if as_json or progress == "json":
            print_json({"verification": found})
        elif not quiet:
            _print(found)
        if not found.is_kept:
            names = ", ".join(dict.fromkeys(found.differing))
            raise FilmDiffersError(
                f"{output} is not {source} with colours: see {names}; colour the film again, or "
                "find out who changed one of them"
            )


def _verified(
    source: str, output: str, given: dict[str, Any], progress: Mode, quiet: bool
) -> FilmVerification:
    from vidcolor.cli.films import Job, check_film
    from vidcolor.verification.films import verify_films

    check_film(source)
    check_film(output)
    reporter = choose_reporter(progress, quiet)
    with stop_on_signals(lambda: None) as stop, reporter.film(Job(output)) as show:
        try:
            return verify_films(source, output, **given, cancel=stop.event, on_progress=show)
        except Interrupted:
            raise Interrupted(stop.signal_number) from None


def _print(found: FilmVerification) -> None:
    from rich.table import Table

    stdout().print(plain(f"{found.source} → {found.output}", "bold"), soft_wrap=True)
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for point in found.points:
        result = plain(point.result, STYLES[point.result])
        table.add_row(plain(point.name, "dim"), result, plain(point.detail))
    stdout().print(table)
    rows = [("made by", found.made_by)] if found.made_by else []
    rows += [("notice", line) for line in found.notices]
    verdict = "kept: the same film but for its colours" if found.is_kept else "NOT KEPT"
    report_grid([*rows, ("verdict", verdict)])
