"""``vidcolor checkpoints import``, and the film that is coloured with what it made."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from tests.cli.conftest import Program, error_line
from tests.synthetic import make_film
from vidcolor.models.checkpoint_names import read_info
from vidcolor.models.registry import create


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Random weights in a file like the published one."""
    torch.manual_seed(16)
    path = tmp_path_factory.mktemp("published") / "weights.pth"
    torch.save(create("eccv16").state_dict(), path)
    return path


def test_imported_weights_colour_a_film(vidcolor: Program, published: Path, tmp_path: Path) -> None:
    checkpoint = tmp_path / "eccv16.safetensors"
    result = vidcolor("checkpoints", "import", published, "-o", checkpoint, "--name", "Zhang 2016")
    assert result.exit_code == 0, result.stderr
    for said in ("Zhang 2016", "eccv16 version 1", "BSD-2-Clause", "weights.pth"):
        assert said in result.stdout
    film = make_film(tmp_path / "old.mp4", frames=2)
    output = tmp_path / "new.mp4"
    result = vidcolor("run", film, "-o", output, "--checkpoint", checkpoint, "--progress", "none")
    assert result.exit_code == 0, result.stderr
    assert output.is_file()


def test_output_is_beside_the_file_and_not_replaced(
    vidcolor: Program, published: Path, tmp_path: Path
) -> None:
    source = tmp_path / "weights.pth"
    source.symlink_to(published)
    output = tmp_path / "weights.safetensors"
    output.write_bytes(b"precious")
    result = vidcolor("checkpoints", "import", source)
    assert result.exit_code == 20
    assert "--overwrite" in error_line(result)
    assert output.read_bytes() == b"precious"
    assert vidcolor("checkpoints", "import", source, "--overwrite").exit_code == 0
    assert read_info(output).name == "weights"


def test_what_cannot_be_imported(vidcolor: Program, tmp_path: Path) -> None:
    nothing = tmp_path / "nothing.pth"
    assert vidcolor("checkpoints", "import", nothing).exit_code == 30
    nothing.write_bytes(b"hello")
    result = vidcolor("checkpoints", "import", nothing)
    assert result.exit_code == 31
    assert "nothing.pth" in error_line(result)
    torch.save({"hook": print}, nothing)
    result = vidcolor("checkpoints", "import", nothing)
    assert result.exit_code == 32
    assert "was not loaded" in error_line(result)
    assert [path.name for path in tmp_path.iterdir()] == ["nothing.pth"]


def test_options_that_make_no_sense(vidcolor: Program, published: Path, tmp_path: Path) -> None:
    result = vidcolor("checkpoints", "import", published, "-o", tmp_path / "out.pth")
    assert result.exit_code == 40
    assert ".safetensors" in error_line(result)
    output = tmp_path / "out.safetensors"
    result = vidcolor("checkpoints", "import", published, "-o", output, "--name", " ")
    assert result.exit_code == 40
    assert "--name" in error_line(result)
    result = vidcolor("checkpoints", "import", published, "-o", tmp_path / "no" / "a.safetensors")
    assert result.exit_code == 22
    assert "does not exist" in error_line(result)
    assert not list(tmp_path.iterdir())


def test_a_run_with_published_weights_names_the_command(
    vidcolor: Program, published: Path, tmp_path: Path
) -> None:
    film = make_film(tmp_path / "old.mp4", frames=2)
    result = vidcolor("run", film, "--checkpoint", published, "--progress", "none")
    assert result.exit_code == 32
    assert "vidcolor checkpoints import" in error_line(result)
