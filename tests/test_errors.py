"""Every error has its own exit code, and the documents list them all."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from vidcolor import errors
from vidcolor.errors import Interrupted, VidcolorError

PAGE = Path(__file__).parent.parent / "docs" / "exit-codes.md"

BASES = {"VidcolorError", "InputError", "OutputError", "CheckpointError"}
"""Raised only through their subclasses."""


def all_errors() -> Iterator[type[VidcolorError]]:
    for _, item in inspect.getmembers(errors, inspect.isclass):
        if issubclass(item, VidcolorError):
            yield item


def codes() -> dict[str, int]:
    return {e.__name__: e.exit_code for e in all_errors() if e.__name__ not in BASES}


def test_exit_codes_are_unique_and_free() -> None:
    given = list(codes().values())
    assert len(given) == len(set(given)) > 25
    # 0 is success, 1 a bug, 2 typer's; 128 and above are signals.
    assert all(3 <= code < 128 or code == 130 for code in given)


def test_the_page_lists_exactly_these() -> None:
    rows = re.findall(r"^\| (\d+) \| `(\w+)` \| .+ \|$", PAGE.read_text("utf-8"), re.MULTILINE)
    assert {name: int(code) for code, name in rows} == codes()


def test_the_tree_in_the_docstring_lists_exactly_these() -> None:
    assert errors.__doc__
    rows = re.findall(r"[├└]── (\w+) +(\d+) ", errors.__doc__)
    assert {name: int(code) for name, code in rows} == codes()


@pytest.mark.parametrize("error", list(all_errors()), ids=lambda e: e.__name__)
def test_every_error_says_when(error: type[VidcolorError]) -> None:
    assert vars(error)["__doc__"]  # its own: getdoc would take the base's


@pytest.mark.parametrize(("number", "code"), [(2, 130), (15, 143)])
def test_interrupted_has_the_signals_code(number: int, code: int) -> None:
    assert Interrupted(number).signal_exit_code == code
