from __future__ import annotations

from pathlib import Path

import pytest

from tests.photographs.made import encoded, photograph
from vidcolor.colorizer import Colorizer
from vidcolor.config import NetworkSettings


@pytest.fixture(scope="session")
def colorizer(untrained_checkpoint: Path) -> Colorizer:
    settings = NetworkSettings(checkpoint=str(untrained_checkpoint), device="cpu", short_side=64)
    return Colorizer(settings)


@pytest.fixture(scope="session")
def photo_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Seven colour photographs."""
    folder = tmp_path_factory.mktemp("photos")
    for seed in range(7):
        (folder / f"photo-{seed}.png").write_bytes(encoded(photograph(seed, 72, 48)))
    return folder
