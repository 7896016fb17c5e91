"""What the command-line tests share: a small network, and the program in this process."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner, Result

from vidcolor.cli import app
from vidcolor.models.base import InputRules
from vidcolor.models.checkpoint import save_checkpoint
from vidcolor.models.filmnet import FilmNet

Program = Callable[..., Result]


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An untrained network that works on 64-pixel pictures: real, quick and colourless."""
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


def error_line(result: Result) -> str:
    """The one line that a failed command must write to stderr."""
    (line,) = result.stderr.splitlines()
    assert line.startswith("vidcolor: error: ")
    return line.removeprefix("vidcolor: error: ")
