"""``vidcolor checkpoints``."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli.conftest import Program, error_line
from vidcolor.models.checkpoint_names import list_shipped, resolve


def test_list_shows_what_is_shipped(vidcolor: Program) -> None:
    names = [info.path.stem for info in list_shipped()]
    assert names, "no checkpoint is shipped"
    assert resolve("default").stem == names[0]
    result = vidcolor("checkpoints", "list")
    assert result.exit_code == 0
    assert [line.split()[0] for line in result.stdout.splitlines()] == names
    listed = json.loads(vidcolor("checkpoints", "list", "--json").stdout)["checkpoints"]
    assert [Path(item["path"]).stem for item in listed] == names


def test_info(vidcolor: Program, checkpoint: Path) -> None:
    result = vidcolor("checkpoints", "info", checkpoint)
    assert result.exit_code == 0
    for said in ("untrained", "filmnet version", "short side 64", "MIT"):
        assert said in result.stdout
    found = json.loads(vidcolor("checkpoints", "info", checkpoint, "--json").stdout)["checkpoint"]
    assert found["rules"] == {"short_side": 64, "multiple_of": 32}


def test_verify_says_whole_or_damaged(vidcolor: Program, checkpoint: Path, tmp_path: Path) -> None:
    result = vidcolor("checkpoints", "verify", checkpoint)
    assert result.exit_code == 0
    assert "whole, sha256" in result.stdout
    damaged = tmp_path / "damaged.safetensors"
    content = bytearray(checkpoint.read_bytes())
    content[-100] ^= 1
    damaged.write_bytes(content)
    result = vidcolor("checkpoints", "verify", damaged)
    assert result.exit_code == 31
    assert "sha256" in error_line(result)


def test_an_unknown_name(vidcolor: Program) -> None:
    for command in ("info", "verify"):
        result = vidcolor("checkpoints", command, "none")
        assert result.exit_code == 30
        assert "'none'" in error_line(result)
