"""``vidcolor compare``: two films or two photos in one picture."""

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
from vidcolor.errors import Interrupted, NotMediaError, SettingsError

if TYPE_CHECKING:
    from vidcolor.comparison.films import FilmComparison
    from vidcolor.comparison.picture import Arrangement

log = logging.getLogger("vidcolor.cli")


def compare(
    first: Annotated[
        str, typer.Argument(metavar="A", help="A film or a photo.", show_default=False)
    ],
    second: Annotated[
        str, typer.Argument(metavar="B", help="Another of the same kind.", show_default=False)
    ],
    output: Annotated[
        Path,
        typer.Option(
            "-o",
            "--output",
            metavar="FILE",
            help=".mp4, .mkv or .mov for films; .png, .jpg, .webp or .tif for photos.",
        ),
    ],
    layout: Annotated[
        Literal["side", "split"],
        typer.Option(help="side: both whole; split: the left part of A, the right part of B."),
    ] = "side",
    position: Annotated[
        float | None,
        typer.Option(min=0, max=1, metavar="0…1", help="Where split divides.", show_default="0.5"),
    ] = None,
    labels: Annotated[
        bool, typer.Option("--labels/--no-labels", help="Write the names into the picture.")
    ] = True,
    label_a: Annotated[
        str | None, typer.Option(metavar="TEXT", help="Label of A.", show_default="its file name")
    ] = None,
    label_b: Annotated[
        str | None, typer.Option(metavar="TEXT", help="Label of B.", show_default="its file name")
    ] = None,
    overwrite: options.Overwrite = False,
    start: options.Start = None,
    duration: Annotated[
        float | None,
        typer.Option(
            metavar="TIME", parser=options.seconds, help="Only this much.", show_default=False
        ),
    ] = None,
    keep_partial: options.KeepPartial = False,
    limit: options.Limit = None,
    allow_hdr: options.AllowHdr = False,
    progress: options.Progress = "auto",
    verbose: options.Verbose = 0,
    quiet: options.Quiet = False,
    log_file: options.LogFile = None,
) -> None:
    """Show two films, or two photos, side by side or on a split screen."""
    with session(-1 if quiet else verbose, log_file):
        from vidcolor.cli.settings import given_limits
        from vidcolor.comparison.picture import Arrangement, names_of

        if position is not None and layout != "split":
            raise SettingsError(f"--position {position:g} is for --layout split; add that")
        are_photos = _are_photos(first, second)
        log.info("sources %s and %s", first, second)
        names = names_of(Path(first), Path(second))
        texts = (names[0] if label_a is None else label_a, names[1] if label_b is None else label_b)
        place = 0.5 if position is None else position
        arrangement = Arrangement(layout, place, texts if labels else None)
        if are_photos:
            if start is not None or duration is not None:
                raise SettingsError("--start and --duration are for films; leave them away")
            if limit:
                raise SettingsError("--limit is for films; leave it away")
            from vidcolor.comparison.photos import compare_photos

            compare_photos(first, second, output, arrangement, overwrite=overwrite)
            result: Any = {"output": output}
        else:
            given = {
                "start_s": start or 0.0,
                "duration_s": duration,
                "keep_partial": keep_partial,
                "allow_hdr": allow_hdr,
                "overwrite": overwrite,
                "limits": given_limits(limit),
            }
            result = _films(first, second, output, arrangement, given, progress, quiet)
        for notice in () if are_photos else result.notices:
            log.info("notice: %s", notice)
        log.info("wrote %s", output)
        if progress == "json":
            print_json({"result": result})
        elif not quiet:
            stdout().print(plain(output, "bold"), soft_wrap=True)
            if not are_photos:
                report_grid(_summary(result))


def _are_photos(first: str, second: str) -> bool:
    """Whether both are photos, not films.

    Raises
    ------
    SettingsError
        If one is a photo and the other a film, or one an image sequence.
    InputError
        If one cannot be read.
    """
    from vidcolor.cli.films import is_sequence
    from vidcolor.media.image_pixels import sniff_format
    from vidcolor.media.safety import check_input_path

    kinds = []
    for path in (first, second):
        if is_sequence(path):
            raise SettingsError(
                f"{path} is an image sequence, which cannot be compared; give a film, or two of "
                "its pictures"
            )
        try:
            sniff_format(check_input_path(path))
            kinds.append("photo")
        except NotMediaError:
            kinds.append("film")
    if kinds[0] != kinds[1]:
        raise SettingsError(
            f"{first} is a {kinds[0]} and {second} a {kinds[1]}; give two films or two photos"
        )
    return kinds[0] == "photo"


def _films(
    first: str,
    second: str,
    output: Path,
    arrangement: Arrangement,
    given: dict[str, Any],
    progress: Mode,
    quiet: bool,
) -> FilmComparison:
    from vidcolor.cli.films import Job, UnfinishedFiles
    from vidcolor.comparison.films import compare_films
    from vidcolor.config import RunSettings, validate_settings

    settings = validate_settings(RunSettings, given, origin="options")
    reporter = choose_reporter(progress, quiet)
    unfinished = UnfinishedFiles(output)
    with stop_on_signals(unfinished.delete) as stop, reporter.film(Job(str(output))) as show:
        try:
            return compare_films(
                *(first, second, output, arrangement, settings),
                cancel=stop.event,
                on_progress=show,
            )
        except Interrupted:
            raise Interrupted(stop.signal_number) from None


def _summary(done: FilmComparison) -> list[tuple[str, str]]:
    rows = [("frames", f"{done.frames}, {done.width}×{done.height}")]
    return rows + [("notice" if i == 0 else "", line) for i, line in enumerate(done.notices)]
