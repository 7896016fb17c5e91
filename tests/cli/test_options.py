"""How option values are read."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest
import typer

from tests.cli.conftest import Program, error_line
from tests.synthetic import make_film
from vidcolor.cli.options import frame_rate, key_value, seconds
from vidcolor.config import Limits
from vidcolor.errors import InputLimitError, SettingsError
from vidcolor.frames import ColorTags


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


@pytest.fixture(scope="module")
def long_film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four frames, the last of them shown a second after what is allowed."""
    last = int(Limits().max_duration_s) + 1
    return make_film(
        tmp_path_factory.mktemp("long") / "film.mkv",
        frames=4,
        pts=[0, 1, 2, last],
        time_base=Fraction(1),
        color=ColorTags(1, 1, 1, full_range=False),
    )


@pytest.mark.parametrize(
    ("command", "films", "options"),
    [
        ("preview", 1, ("--at", "0", "-o", "out.png")),
        ("keyframes", 1, ("-o", "frames")),
        ("shots", 1, ("-o", "out.csv", "--sheet", "out.png", "--progress", "none")),
        ("probe", 1, ()),
        ("compare", 2, ("-o", "out.mkv", "--progress", "none")),
        ("verify", 2, ("--progress", "none")),
    ],
)
def test_limits_can_be_raised_wherever_a_film_is_read(
    vidcolor: Program,
    checkpoint: Path,
    long_film: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    command: str,
    films: int,
    options: tuple[str, ...],
) -> None:
    monkeypatch.chdir(tmp_path)
    colors = command in ("preview", "keyframes")
    network = ("--checkpoint", checkpoint) if colors else ()
    given = (command, *[long_film] * films, *options, *network)
    refused = vidcolor(*given)
    assert refused.exit_code == InputLimitError.exit_code
    assert "--limit max_duration_s=N" in error_line(refused)
    assert not list(tmp_path.iterdir())
    raised = vidcolor(*given, "--limit", "max_duration_s=1e7")
    assert raised.exit_code == 0, raised.stderr
    unknown = vidcolor(*given, "--limit", "duration=1")
    assert unknown.exit_code == SettingsError.exit_code
    assert "duration" in error_line(unknown)
