"""What ships beside the code is found, in a checkout and in a wheel."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from vidcolor import resources
from vidcolor.config import RUN_PRESETS, find_pipeline

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project's wheel, built without network."""
    folder = tmp_path_factory.mktemp("wheel")
    options = ["--no-deps", "--no-build-isolation", "--disable-pip-version-check", "--quiet"]
    command = [sys.executable, "-m", "pip", "wheel", str(ROOT), *options, "--wheel-dir", folder]
    subprocess.run(command, check=True, capture_output=True, cwd=folder)
    (built,) = folder.glob("vidcolor-*.whl")
    return built


@pytest.mark.parametrize("name", RUN_PRESETS)
def test_presets_are_found_in_a_checkout(name: str) -> None:
    assert find_pipeline(name, RUN_PRESETS) == ROOT / "pipelines" / f"{name}.toml"


def test_every_file_of_the_shipped_folders_is_in_the_wheel(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    for kind in ("pipelines", "checkpoints"):
        shipped = [path.relative_to(ROOT) for path in (ROOT / kind).rglob("*") if path.is_file()]
        assert shipped
        assert {f"vidcolor/{path.as_posix()}" for path in shipped} <= names
    assert "vidcolor/py.typed" in names


def test_a_wheel_carries_no_tests_and_no_benchmarks(wheel: Path) -> None:
    folders = {name.split("/")[0] for name in zipfile.ZipFile(wheel).namelist()}
    assert {name for name in folders if not name.endswith(".dist-info")} == {"vidcolor"}


def test_an_unpacked_wheel_finds_its_own_presets(wheel: Path, tmp_path: Path) -> None:
    zipfile.ZipFile(wheel).extractall(tmp_path)
    code = (
        "from vidcolor.resources import shipped_folder\n"
        "from vidcolor.config import RUN_PRESETS, load_preset\n"
        "for name in RUN_PRESETS: load_preset(name)\n"
        "print(shipped_folder('checkpoints'))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert Path(done.stdout.strip()) == tmp_path / "vidcolor" / "checkpoints"


def test_a_broken_installation_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resources, "_PACKAGE", tmp_path / "vidcolor")
    with pytest.raises(FileNotFoundError, match=r"pipelines/ is missing .* reinstall"):
        resources.shipped_folder("pipelines")
