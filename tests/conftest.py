"""What every test runs under: two threads, fixed seeds, and no silent ERROR in the log."""

from __future__ import annotations

import logging
import random
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, settings

SEED = 20_260_101
"""Seed of all random generators before each test."""

# No deadline: an example that encodes a film takes as long as the machine lets it.
# `tmp_path` is shared by the examples of one property; they overwrite their files.
settings.register_profile(
    "vidcolor",
    deadline=None,
    max_examples=20,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
settings.load_profile("vidcolor")
torch.set_num_threads(2)


@pytest.fixture(autouse=True)
def _same_seeds() -> None:
    random.seed(SEED)
    np.random.seed(SEED)
    torch.manual_seed(SEED)


@pytest.fixture(autouse=True)
def _no_error_in_log(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Fail a test during which anything was logged at ERROR or above."""
    yield
    errors = [r.getMessage() for r in caplog.get_records("call") if r.levelno >= logging.ERROR]
    assert not errors, f"logged at ERROR: {errors}"


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Nothing is put into the user's own cache folder, nor taken from it."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(folder))  # for programs that a test starts
        patch.setattr("platformdirs.user_cache_path", lambda *_, **__: folder)
        yield


@pytest.fixture(scope="session")
def untrained_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A default network with random weights, whose colours are far from grey, as a checkpoint."""
    from vidcolor.models.checkpoint import save_checkpoint
    from vidcolor.models.filmnet import FilmNet

    torch.manual_seed(SEED)
    network = FilmNet()
    with torch.no_grad():
        # Random logits average out to grey; the residual alone makes colour that shows.
        network.residual.weight.normal_(std=0.5)
        network.residual.bias.copy_(torch.tensor([0.8, -0.8]))
    path = tmp_path_factory.mktemp("checkpoint") / "untrained.safetensors"
    save_checkpoint(path, network, name="untrained", licence="MIT")
    return path
