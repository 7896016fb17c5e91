"""The ``vidcolor`` program: its commands, and what it does with an error."""

from __future__ import annotations

import contextlib
import io
import os
import sys
from typing import Annotated, NoReturn

import typer

from vidcolor import __version__
from vidcolor.cli import (
    checkpoints,
    compare,
    evaluate,
    extract,
    image,
    jobs,
    keyframes,
    preview,
    probe,
    run,
    shots,
    train,
    verify,
)
from vidcolor.cli.session import report_failure

app = typer.Typer(
    name="vidcolor",
    help="Give an old black-and-white film its colours back: same luma, same times, same sound.",
    epilog="Exit codes are listed in docs/exit-codes.md.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"vidcolor {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool,
        typer.Option(
            "--version",
            metavar="",
            help="Print the version and exit.",
            callback=_print_version,
            is_eager=True,
        ),
    ] = False,
) -> None:
    pass


app.command(name="run")(run.run)
app.command(name="image")(image.image)
app.command(name="preview")(preview.preview)
app.command(name="keyframes")(keyframes.keyframes)
app.command(name="probe")(probe.probe)
app.command(name="shots")(shots.shots)
app.command(name="compare")(compare.compare)
app.command(name="verify")(verify.verify)
app.command(name="extract")(extract.extract)
app.command(name="train")(train.train)
app.command(name="evaluate")(evaluate.evaluate)
app.add_typer(checkpoints.app, name="checkpoints")
app.add_typer(jobs.app, name="jobs")


def main() -> NoReturn:
    """Run the command line and exit."""
    for stream in (sys.stdout, sys.stderr):
        # A terminal or log that knows only ASCII gets a question mark, not a crash.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    code: int | str = 1
    try:
        app()
        code = 0
    except SystemExit as end:
        code = 0 if end.code is None else end.code
        raise
    except Exception as error:
        code = report_failure(error)
    finally:
        _leave_behind_what_is_stuck(code)
    sys.exit(code)


def _leave_behind_what_is_stuck(code: object) -> None:
    """End at once if a stage has stalled: an orderly end would wait for its threads."""
    from vidcolor.stages import is_stalled

    if is_stalled():
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError):
                stream.flush()
        os._exit(code if isinstance(code, int) else 1)
