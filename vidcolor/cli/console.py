"""Where the commands write: results to stdout, everything else to stderr."""

from __future__ import annotations

import dataclasses
import errno
import json
import os
import sys
from collections.abc import Iterable
from contextlib import suppress
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vidcolor.errors import StdoutClosedError

if TYPE_CHECKING:
    from pydantic import BaseModel
    from rich.console import Console
    from rich.text import Text


@cache
def stdout() -> Console:
    """For what the user asked to see: summaries, tables, plans."""
    from rich.console import Console

    class Stdout(Console):
        def on_broken_pipe(self) -> None:
            raise _stdout_closed()

    return Stdout(highlight=False)


@cache
def stderr() -> Console:
    """For progress and log lines, so that stdout can be piped."""
    from rich.console import Console

    return Console(stderr=True, highlight=False)


def one_line(text: object) -> str:
    """``text`` with line breaks and control characters made visible.

    File names and metadata are a stranger's text: an escape code in them must not reach
    the terminal, and an error must stay on one line.
    """
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in str(text))


def plain(text: object, style: str = "") -> Text:
    """``text`` for rich, with neither markup nor control characters taken literally."""
    from rich.text import Text

    return Text(one_line(text), style=style)


def report_grid(rows: Iterable[tuple[str, str]]) -> None:
    """Print (name, value) rows to stdout in two columns, without lines."""
    from rich.table import Table

    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in rows:
        table.add_row(plain(name, "dim"), plain(value))
    stdout().print(table)


def print_error(message: object) -> None:
    """Write the one line that an error gets."""
    print(f"vidcolor: error: {one_line(message)}", file=sys.stderr, flush=True)


def print_json(value: dict[str, Any]) -> None:
    """Write ``value`` as one line of JSON to stdout.

    Raises
    ------
    StdoutClosedError
        If nobody reads it any more; what is written there afterwards goes nowhere.
    """
    # ASCII only: a file name need not be valid Unicode, nor stdout able to show it.
    try:
        print(json.dumps(jsonable(value)), flush=True)
    except OSError as error:
        if error.errno not in (errno.EPIPE, errno.EINVAL):  # the second is Windows'
            raise
        raise _stdout_closed() from None


def _stdout_closed() -> StdoutClosedError:
    """What to raise; whatever is written to stdout afterwards goes nowhere."""
    with suppress(OSError, ValueError), open(os.devnull, "w") as nowhere:
        os.dup2(nowhere.fileno(), sys.stdout.fileno())
    return StdoutClosedError(
        "nobody reads stdout any more, so vidcolor has stopped; run it again with a reader "
        "that stays, or write to a file"
    )


def jsonable(value: Any) -> Any:
    """``value`` in JSON's types: dataclasses become objects, fractions and paths strings."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: jsonable(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, dict):
        return {str(key): jsonable(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [jsonable(item) for item in value]
    if isinstance(value, Fraction | Path | Exception):
        return str(value)
    return value


def settings_line(settings: BaseModel) -> str:
    """Settings for a log; a path in them need not be Unicode."""
    return json.dumps(jsonable(settings.model_dump()), separators=(",", ":"))


def clock(seconds: float | None) -> str:
    """``seconds`` as H:MM:SS; ``-:--:--`` when unknown."""
    if seconds is None:
        return "-:--:--"
    whole = max(0, round(seconds))
    return f"{whole // 3600}:{whole // 60 % 60:02d}:{whole % 60:02d}"
