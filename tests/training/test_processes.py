"""Several processes that share each batch (gloo on the CPU)."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.photographs.made import write_photo_shards

RECIPE = """
max_steps = 4
precision = "32-true"
checkpoint_steps = 2
log_steps = 1
licence = "none"
phases = [{{ share = 1.0, size = 32, batch = 4, extra_share = 0.25 }}]
network = {{ architecture = "alpha" }}
loss = {{ kind = "l1" }}
optimizer = {{ schedule = "constant", warmup_steps = 0 }}
degradation = {{ clean = 1.0 }}
validation = {{ every_steps = 4, photos = 4, size = 32, pictures = 2 }}
{gan}
"""


def _command(folder: Path, devices: int, recipe: Path) -> list[str]:
    command = [sys.executable, "-m", "vidcolor", "train", str(recipe), "--device", "cpu"]
    command += ["--data", str(folder / "photos"), "--devices", str(devices), "--progress", "json"]
    return [*command, "-o", str(folder / f"by-{devices}")]


def _train(folder: Path, devices: int, recipe: Path, *more: str) -> list[dict[str, Any]]:
    command = [*_command(folder, devices, recipe), *more]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=300, check=False, env=environment
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.parametrize(("gan", "tolerance"), [("", 1e-4), ("gan = {}", 0.02)])
def test_two_processes_learn_what_one_does(tmp_path: Path, gan: str, tolerance: float) -> None:
    # The judge of a GAN has batch norms, which see only their own process's pictures.
    write_photo_shards(tmp_path / "photos")
    recipe = tmp_path / "alpha.toml"
    recipe.write_text(RECIPE.format(gan=gan))
    scores = []
    for devices in (1, 2):
        lines = _train(tmp_path, devices, recipe)
        assert sum("result" in line for line in lines) == 1  # the helper says nothing
        scores.append(lines[-1]["result"]["scores"]["val"])
        assert (tmp_path / f"by-{devices}" / "alpha.safetensors").is_file()
    assert scores[1]["psnr_ab"] == pytest.approx(scores[0]["psnr_ab"], rel=tolerance)
    assert scores[0]["psnr_ab"] != scores[0]["psnr_grey"]


@pytest.mark.parametrize("signal_number", [signal.SIGINT, signal.SIGTERM])
def test_two_processes_stop_together_and_go_on(tmp_path: Path, signal_number: int) -> None:
    write_photo_shards(tmp_path / "photos")
    recipe = tmp_path / "alpha.toml"
    recipe.write_text(RECIPE.format(gan="").replace("max_steps = 4", "max_steps = 60"))
    command = _command(tmp_path, 2, recipe)
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        first = json.loads(process.stdout.readline())
        process.send_signal(signal_number)  # to the first process only
        try:
            _, error = process.communicate(timeout=120)
        finally:
            process.kill()
    assert process.returncode == 128 + signal_number
    assert b"go on with --resume" in error
    assert 0 < first["training"]["step"] < 60
    lines = _train(tmp_path, 2, recipe, "--resume")
    assert lines[0]["training"]["step"] > first["training"]["step"]
    assert lines[-1]["result"]["steps"] == 60
