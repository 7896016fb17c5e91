"""How option values are read."""

from __future__ import annotations

import pytest
import typer

from vidcolor.cli.options import frame_rate, key_value, seconds


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0", 0.0),
        ("90", 90.0),
        ("90.5", 90.5),
        (".5", 0.5),
        ("1:30", 90.0),
        ("01:02:03.456", 3723.456),
        ("100:00:00", 360_000.0),
    ],
)
def test_seconds(text: str, value: float) -> None:
    assert seconds(text) == pytest.approx(value)


@pytest.mark.parametrize("text", ["", "-1", "1:60", "60:00:00:00", "1:99:00", "1e3", "nan", "2s"])
def test_what_is_not_a_time(text: str) -> None:
    with pytest.raises(typer.BadParameter, match=r"is not a time: write seconds"):
        seconds(text)


@pytest.mark.parametrize(
    ("text", "exact"),
    [("24", "24"), ("23.976", "24000/1001"), ("29.97", "30000/1001"), ("12.5", "25/2")],
)
def test_frame_rate(text: str, exact: str) -> None:
    assert frame_rate(text) == exact


@pytest.mark.parametrize("text", ["0", "-24", "24/0", "fast", "", "nan", "inf"])
def test_what_is_not_a_frame_rate(text: str) -> None:
    with pytest.raises(typer.BadParameter, match=r"is not a frame rate"):
        frame_rate(text)


@pytest.mark.parametrize("text", ["tune=film", "x264-params=keyint=1", "key="])
def test_key_value(text: str) -> None:
    assert key_value(text) == text


@pytest.mark.parametrize("text", ["tune", "=film", " =x", ""])
def test_what_is_not_key_value(text: str) -> None:
    with pytest.raises(typer.BadParameter, match=r"is not KEY=VALUE"):
        key_value(text)
