"""``vidcolor checkpoints``: what is shipped, what a file says about itself, is it whole?

And ``import``, which makes a checkpoint of weights that others have published.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vidcolor.cli.console import plain, print_json, report_grid, stdout
from vidcolor.cli.session import session

if TYPE_CHECKING:
    from vidcolor.models.checkpoint_file import CheckpointInfo

app = typer.Typer(
    help="List, describe, verify and import the networks' weights.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)

MEBIBYTE = 2**20
"""Bytes."""


@app.command("list")
def list_all(
    as_json: Annotated[
        bool, typer.Option("--json", metavar="", help="As one JSON object.")
    ] = False,
) -> None:
    """List what is shipped; the first is the default."""
    with session():
        from vidcolor.models.checkpoint_names import list_shipped

        infos = list_shipped()
        if as_json:
            print_json({"checkpoints": infos})
            return
        report_grid(
            (info.path.stem, f"{info.architecture}, {_size(info)}, {info.licence}")
            for info in infos
        )


@app.command()
def info(
    checkpoint: Annotated[
        str, typer.Argument(metavar="NAME|PATH", help="'default', a shipped name, or a file.")
    ] = "default",
    as_json: Annotated[
        bool, typer.Option("--json", metavar="", help="As one JSON object.")
    ] = False,
) -> None:
    """Show what a checkpoint says about itself: architecture, training data, licence."""
    with session():
        from vidcolor.models.checkpoint_names import read_info, resolve

        found = read_info(resolve(checkpoint))
        if as_json:
            print_json({"checkpoint": found})
            return
        stdout().print(plain(found.name, "bold"))
        report_grid(info_rows(found))


@app.command()
def verify(
    checkpoint: Annotated[
        str | None,
        typer.Argument(
            metavar="NAME|PATH",
            help="All that are shipped, if none is given.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Load weights and compare them with their recorded sha256."""
    with session():
        from vidcolor.models.checkpoint import verify_checkpoint
        from vidcolor.models.checkpoint_names import list_shipped, resolve

        shipped = [item.path for item in list_shipped()]
        paths = shipped if checkpoint is None and shipped else [resolve(checkpoint or "default")]
        for path in paths:
            found = verify_checkpoint(path)
            stdout().print(plain(f"{found.path}: whole, sha256 {found.sha256}"), soft_wrap=True)


@app.command("import")
def import_file(
    source: Annotated[
        Path,
        typer.Argument(
            metavar="FILE",
            help="ECCV16, SIGGRAPH17 or DDColor as .pth, or ECCV16 as .caffemodel.",
            show_default=False,
        ),
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "-o", "--output", metavar="OUT", help="A .safetensors file; by default beside FILE."
        ),
    ] = None,
    name: Annotated[
        str | None, typer.Option(metavar="NAME", help="What it calls itself; by default as FILE.")
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", metavar="", help="Replace an existing OUT.")
    ] = False,
) -> None:
    """Make a checkpoint of published weights; what they are is told by their content."""
    with session():
        from vidcolor.errors import SettingsError
        from vidcolor.media.atomic import check_free_space, check_output, output_error
        from vidcolor.models.checkpoint_file import SUFFIX
        from vidcolor.models.importing import import_weights

        ending = SUFFIX if source.suffix != SUFFIX else f".imported{SUFFIX}"
        target = output or source.parent / (source.stem + ending)
        if target.suffix != SUFFIX:
            raise SettingsError(f"--output: a checkpoint's name ends in {SUFFIX}, not {target}")
        if name is not None and not name.strip():
            raise SettingsError("--name: a checkpoint's name cannot be empty; leave the option out")
        check_output(source, target, overwrite)
        try:
            check_free_space(target.parent, source.stat().st_size if source.is_file() else 0)
            found = import_weights(source, target, name=name)
        except OSError as error:
            raise output_error(error, target) from error
        stdout().print(plain(found.name, "bold"))
        report_grid(info_rows(found))


def info_rows(info: CheckpointInfo) -> Iterable[tuple[str, str]]:
    """(name, value) of each line about a checkpoint."""
    yield "file", f"{info.path}, {_size(info)}"
    yield "architecture", f"{info.architecture} version {info.version}"
    for key, value in info.config.items():
        yield f"  {key}", str(value)
    yield "input", f"short side {info.rules.short_side}, multiple of {info.rules.multiple_of}"
    yield "licence", info.licence
    yield "sha256", info.sha256
    if info.training:
        yield "training", ""
        yield from _tree(info.training)


def _tree(values: dict[str, Any], depth: int = 1) -> Iterable[tuple[str, str]]:
    """Nested metadata, one line for each leaf."""
    for key, value in values.items():
        indented = "  " * depth + key
        if isinstance(value, dict):
            yield indented, ""
            yield from _tree(value, depth + 1)
        elif isinstance(value, list):
            yield indented, ", ".join(map(str, value))
        else:
            yield indented, str(value)


def _size(info: CheckpointInfo) -> str:
    return f"{info.size_bytes / MEBIBYTE:.1f} MiB"
