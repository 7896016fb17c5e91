"""``vidcolor train`` as a user types it."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Program
from tests.photographs.made import write_photo_shards

TINY = """
max_steps = 2
precision = "32-true"
log_steps = 1
licence = "none"
phases = [{ share = 1.0, size = 32, batch = 2 }]
network = { architecture = "alpha" }
loss = { kind = "l1" }
degradation = { clean = 1.0 }
validation = { every_steps = 2, photos = 4, size = 32, pictures = 0 }
"""


@pytest.fixture(autouse=True)
def _memory_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    # It cannot be undone, and other tests in this process measure memory.
    monkeypatch.setattr("vidcolor.training.memory.keep_freed_memory", lambda: False)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    return write_photo_shards(tmp_path / "photos")


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.toml"
    path.write_text(TINY)
    return path


def test_a_run_and_its_export(
    vidcolor: Program, tmp_path: Path, photos: Path, recipe: Path
) -> None:
    folder = tmp_path / "run"
    options = (recipe, "--data", photos, "-o", folder, "--device", "cpu")
    result = vidcolor("train", *options)
    assert result.exit_code == 0, result.stderr
    assert "of the true colourfulness" in result.stdout
    assert "step 1/2" in result.stderr
    assert "step 1/2" not in result.stdout
    weights = folder / "tiny.safetensors"
    assert str(weights) in result.stdout
    before = weights.read_bytes()
    weights.unlink()
    result = vidcolor("train", *options, "--export-only", "--progress", "json")
    assert json.loads(result.stdout) == {"result": {"checkpoint": str(weights)}}
    assert len(weights.read_bytes()) == len(before)


def test_progress_as_json(vidcolor: Program, tmp_path: Path, photos: Path, recipe: Path) -> None:
    options = ("--data", photos, "-o", tmp_path / "run", "--device", "cpu")
    result = vidcolor("train", recipe, *options, "--progress", "json")
    *reports, last = [json.loads(line) for line in result.stdout.splitlines()]
    assert [report["training"]["step"] for report in reports] == [1, 2, 2]
    assert "psnr_rgb" in reports[-1]["training"]["scores"]["val"]
    assert last["result"]["checkpoint"] == str(tmp_path / "run" / "tiny.safetensors")


def test_a_second_run_in_the_folder(
    vidcolor: Program, tmp_path: Path, photos: Path, recipe: Path
) -> None:
    options = (recipe, "--data", photos, "-o", tmp_path / "run", "--device", "cpu")
    assert vidcolor("train", *options, "-q").exit_code == 0
    result = vidcolor("train", *options)
    assert result.exit_code == 40
    assert "already holds a run: go on with --resume" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ((), 40, "no recipe given"),
        (("train-filmnett",), 40, "train-filmnet"),
        (("--init", "no-such-checkpoint"), 30, "no-such-checkpoint"),
        (("train-alpha", "--freeze", "encoder"), 40, "names no encoder"),
        (("train-alpha", "--set", "optimizer.rat=1"), 40, "optimizer.rate"),
        (("train-unet", "--set", "gan.content=50"), 40, "needs 'gan', which is not set"),
        (("train-alpha", "--devices", "4096", "--device", "cpu"), 41, "4096 devices"),
        (("train-alpha", "--set", "seed"), 40, "KEY=VALUE"),
        (("train-alpha", "--export-only"), 40, "no run to go on with"),
        (("train-alpha", "--resume"), 40, "no run to go on with"),
        (("train-alpha", "--device", "gpu"), 41, "'gpu' is not available"),
    ],
)
def test_mistakes_are_one_clear_line(
    vidcolor: Program, tmp_path: Path, arguments: tuple[str, ...], code: int, words: str
) -> None:
    nowhere = tmp_path / "nowhere"  # mistakes are found before photographs are looked for
    result = vidcolor("train", *arguments, "--data", nowhere, "-o", tmp_path / "run")
    assert result.exit_code == code, result.stderr
    assert words in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1


def test_no_photographs(vidcolor: Program, tmp_path: Path, recipe: Path) -> None:
    result = vidcolor("train", recipe, "--data", tmp_path / "nowhere", "-o", tmp_path / "run")
    assert result.exit_code == 50
    assert "is not a folder" in result.stderr


def test_an_empty_folder_is_nothing_to_train_on(
    vidcolor: Program, tmp_path: Path, recipe: Path
) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    result = vidcolor("train", recipe, "--data", empty, "-o", tmp_path / "run")
    assert result.exit_code == 50
    assert "nothing to train on" in result.stderr


def test_without_lightning_the_extra_is_named(
    vidcolor: Program, photos: Path, recipe: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    find = importlib.util.find_spec

    def without(name: str, package: str | None = None) -> Any:
        return None if name == "lightning" else find(name, package)

    monkeypatch.setattr(importlib.util, "find_spec", without)
    result = vidcolor("train", recipe, "--data", photos)
    assert result.exit_code == 43
    assert "pip install 'vidcolor[train]'" in result.stderr
