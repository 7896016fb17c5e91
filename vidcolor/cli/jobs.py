"""``vidcolor jobs``: what interrupted runs have left, to go on with or to delete."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vidcolor.cli.console import plain, print_json, report_grid, stdout
from vidcolor.cli.session import session
from vidcolor.errors import InputNotFoundError, JobBusyError, OutputFolderError

if TYPE_CHECKING:
    from vidcolor.jobs.folder import FoundJob

app = typer.Typer(
    help="List and delete what interrupted runs have left; the same 'run' goes on with it.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)

Folder = Annotated[
    Path,
    typer.Argument(
        metavar="DIR", help="Where the outputs would be.", show_default="the current folder"
    ),
]

MEGABYTE = 10**6
"""Bytes."""


@app.command("list")
def list_all(
    folder: Folder = Path(),
    as_json: Annotated[
        bool, typer.Option("--json", metavar="", help="As one JSON object.")
    ] = False,
) -> None:
    """List films of which work is kept: unfinished ones, and those of --keep-work."""
    with session():
        found = _find(folder)
        if as_json:
            print_json({"jobs": found})
        elif not found:
            stdout().print(plain(f"nothing unfinished in {folder}"), soft_wrap=True)
        else:
            report_grid((Path(job.output).name, _described(job)) for job in found)


@app.command()
def clean(folder: Folder = Path()) -> None:
    """Delete what is kept of unfinished films, but for those that are running."""
    with session():
        from vidcolor.jobs.folder import delete_job

        for job in _find(folder):
            try:
                delete_job(job)
            except JobBusyError:
                stdout().print(plain(f"left alone, it is running: {job.output}"), soft_wrap=True)
                continue
            except OSError as error:
                raise OutputFolderError(
                    f"cannot delete {job.folder}: {error.strerror}; delete it yourself"
                ) from error
            stdout().print(plain(f"deleted: {job.folder}"), soft_wrap=True)


def _find(folder: Path) -> list[FoundJob]:
    from vidcolor.jobs.folder import find_jobs

    try:
        return find_jobs(folder)
    except OSError as error:
        raise InputNotFoundError(
            f"the folder {folder} cannot be read: {error.strerror}; check the path"
        ) from error


def _described(job: FoundJob) -> str:
    running = ", running now" if job.is_running else ""
    size = f"{job.size_bytes / MEGABYTE:,.1f} MB"
    if job.is_leftover:
        return f"the output is whole; left over by a run that was killed at its end ({size})"
    done = "are done, all: joining and checking is left" if job.is_complete else "are done"
    if job.is_made:
        done = "are kept, all"
    return f"{job.frames} frames of {job.source} {done} ({size}){running}"
