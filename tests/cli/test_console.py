"""How things are printed."""

from __future__ import annotations

import json
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import pytest

from vidcolor.cli.console import clock, jsonable, one_line, plain


@dataclass
class Box:
    rate: Fraction
    inner: dict[str, object]


def test_jsonable_is_what_json_can_say() -> None:
    box = Box(Fraction(24000, 1001), {"path": Path("a"), "list": (1, None, {2.5})})
    value = jsonable(box)
    assert value == {"rate": "24000/1001", "inner": {"path": "a", "list": [1, None, [2.5]]}}
    assert json.loads(json.dumps(value)) == value


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain – ünï 字 🎬", "plain – ünï 字 🎬"),
        ("two\nlines\t", r"two\nlines\t"),
        ("\x1b[31m\x9b\u202e", r"\x1b[31m\x9b\u202e"),
    ],
)
def test_one_line(text: str, shown: str) -> None:
    assert one_line(text) == shown
    assert plain(text).plain == shown


def test_a_name_that_is_no_unicode_can_be_printed() -> None:
    assert one_line(b"\xff.mp4".decode("utf-8", "surrogateescape")) == r"\udcff.mp4"


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(None, "-:--:--"), (0, "0:00:00"), (59.6, "0:01:00"), (36_610, "10:10:10"), (-1, "0:00:00")],
)
def test_clock(seconds: float | None, shown: str) -> None:
    assert clock(seconds) == shown
