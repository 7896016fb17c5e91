"""``vidcolor.cli.train``, mounted alone."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from tests.training.photographs import write_photo_shards
from vidcolor.cli.train import train
from vidcolor.errors import MissingExtraError, SettingsError, TrainingDataError

SMALL = (
    "precision='32-true'",
    "phases=[{share = 1.0, size = 32, batch = 2}]",
    "validation.every_steps=2",
    "validation.photos=2",
    "validation.size=32",
    "validation.temperatures=[0.5]",
    "loss.prior_photos=4",
    "log_steps=1",
)
"""Makes the shipped recipe quick."""

app = typer.Typer()
app.command()(train)


@pytest.fixture(autouse=True)
def _memory_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    # It cannot be undone, and other tests in this process measure memory.
    monkeypatch.setattr("vidcolor.training.memory.keep_freed_memory", lambda: False)


@pytest.fixture
def shards(tmp_path: Path) -> Path:
    return write_photo_shards(tmp_path / "photos")


def _invoke(*arguments: object, **kwargs: Any) -> Any:
    changes = [part for change in SMALL for part in ("--set", change)]
    return CliRunner().invoke(app, [*map(str, arguments), *changes], **kwargs)


def test_a_run_from_the_command_line(shards: Path, tmp_path: Path) -> None:
    output = tmp_path / "run"
    arguments = ("train-filmnet", "--data", shards, "-o", output, "--device", "cpu")
    result = _invoke(*arguments, "--max-steps", 2, "--progress", "json")
    assert result.exit_code == 0, result.output
    *reports, last = [json.loads(line) for line in result.stdout.splitlines()]
    assert [report["training"]["step"] for report in reports] == [1, 2, 2]
    assert "psnr_rgb" in reports[-1]["training"]["scores"]["val"]
    weights = output / "filmnet.safetensors"
    assert last["result"]["checkpoint"] == str(weights)
    weights.unlink()
    result = _invoke(*arguments, "--max-steps", 2, "--export-only")
    assert result.exit_code == 0, result.output
    assert weights.is_file()


def test_progress_for_people_goes_to_stderr(shards: Path, tmp_path: Path) -> None:
    result = _invoke(
        *("train-filmnet", "--data", shards, "-o", tmp_path / "run", "--device", "cpu"),
        *("--max-steps", 2),
    )
    assert result.exit_code == 0, result.output
    assert "step 1/2" in result.stderr
    assert "grey" in result.stderr
    assert "step 1/2" not in result.stdout


@pytest.mark.parametrize(
    ("arguments", "exit_code", "message"),
    [
        (("nothing",), SettingsError.exit_code, "train-filmnet"),
        (("train-filmnet", "--set", "seed"), SettingsError.exit_code, "KEY=VALUE"),
        (("train-filmnet", "--resume"), SettingsError.exit_code, "last.ckpt"),
        (("train-filmnet", "--export-only"), SettingsError.exit_code, "last.ckpt"),
        (("train-filmnet", "--device", "tpu9"), 41, "tpu9"),
    ],
)
def test_mistakes_get_one_line(
    shards: Path, tmp_path: Path, arguments: tuple[str, ...], exit_code: int, message: str
) -> None:
    result = _invoke(*arguments, "--data", shards, "-o", tmp_path / "run")
    assert result.exit_code == exit_code
    assert message in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_an_empty_folder_is_nothing_to_train_on(tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    result = _invoke("train-filmnet", "--data", empty, "-o", tmp_path / "run")
    assert result.exit_code == TrainingDataError.exit_code
    assert "nothing to train on" in result.stderr


def test_without_lightning_the_extra_is_named(
    shards: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    find = importlib.util.find_spec

    def without(name: str, package: str | None = None) -> Any:
        return None if name == "lightning" else find(name, package)

    monkeypatch.setattr(importlib.util, "find_spec", without)
    result = _invoke("train-filmnet", "--data", shards)
    assert result.exit_code == MissingExtraError.exit_code
    assert "pip install 'vidcolor[train]'" in result.stderr
