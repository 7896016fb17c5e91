"""What the command-line tests share: a small network, and the program in this process."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from typer.testing import CliRunner, Result

from tests.synthetic import make_film
from vidcolor.cli import app
from vidcolor.models.checkpoint import save_checkpoint
from vidcolor.models.filmnet import FilmNet
from vidcolor.models.input_rules import InputRules

Program = Callable[..., Result]


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An untrained network that works on 64-pixel pictures: real and quick, its colours faint.

    `untrained_checkpoint` has colours that show.
    """
    path = tmp_path_factory.mktemp("checkpoint") / "untrained.safetensors"
    torch.manual_seed(1)
    rules = InputRules(short_side=64, multiple_of=32)
    save_checkpoint(path, FilmNet(), name="untrained", licence="MIT", rules=rules)
    return path


@pytest.fixture
def vidcolor() -> Program:
    """``vidcolor("run", path, …)``: the command line in this process."""

    def call(*arguments: str | Path) -> Result:
        # A wide terminal, so that file names of temporary folders are not folded.
        return CliRunner().invoke(app, [str(a) for a in arguments], env={"COLUMNS": "400"})

    return call


@pytest.fixture
def film(tmp_path: Path) -> Path:
    """12 frames with sound."""
    return make_film(tmp_path / "old.mp4", frames=12, audio=1)


@pytest.fixture
def color(vidcolor: Program, checkpoint: Path) -> Program:
    """``vidcolor run`` with the small network, encoding as fast as it can."""

    def call(*arguments: str | Path) -> Any:
        fast = ("--checkpoint", checkpoint, "--encoder-option", "preset=ultrafast")
        # On a slow machine a progress line could come between what the tests look at.
        return vidcolor("run", *fast, "--progress", "none", *arguments)

    return call


def events(output: str) -> list[dict[str, Any]]:
    """The objects that ``--progress json`` printed."""
    return [json.loads(line) for line in output.splitlines()]


def error_line(result: Result) -> str:
    """The one line that a failed command must write to stderr."""
    (line,) = result.stderr.splitlines()
    assert line.startswith("vidcolor: error: ")
    return line.removeprefix("vidcolor: error: ")
