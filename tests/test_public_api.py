"""The names that ``import vidcolor`` offers."""

from __future__ import annotations

import ast
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import vidcolor
from vidcolor.errors import SettingsError

ROOT = Path(vidcolor.__file__).parent.parent


def type_checking_imports() -> dict[str, str]:
    """Name → module of what type checkers see."""
    tree = ast.parse(Path(vidcolor.__file__).read_text(encoding="utf-8"))
    blocks = [node for node in tree.body if isinstance(node, ast.If)]
    return {
        alias.name: str(node.module)
        for block in blocks
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }


def test_type_checkers_see_what_is_loaded() -> None:
    assert type_checking_imports() == vidcolor._HOME


def test_all_is_complete_and_sorted() -> None:
    assert vidcolor.__all__ == sorted([*vidcolor._HOME, "__version__"])
    assert dir(vidcolor) == vidcolor.__all__


@pytest.mark.parametrize("name", vidcolor.__all__)
def test_every_name_loads(name: str) -> None:
    value = getattr(vidcolor, name)
    if name != "__version__":
        assert value.__module__ == vidcolor._HOME[name]
        assert value.__doc__


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'colourise'"):
        _ = vidcolor.colourise


def test_a_misspelt_change_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"colorize_video .*did you mean 'look\.strength'"):
        vidcolor.colorize_video(tmp_path / "none.mp4", lok__strength=1)


@pytest.mark.parametrize("strength", [9, -1, float("nan"), "loud"])
def test_a_photos_strength_is_checked(tmp_path: Path, strength: float) -> None:
    with pytest.raises(SettingsError, match=r"colorize_image: strength = "):
        vidcolor.colorize_image(tmp_path / "none.png", strength=strength)


def test_version_is_pyprojects() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert vidcolor.__version__ == project["version"]


def test_import_and_help_load_nothing_heavy() -> None:
    code = (
        "import sys, vidcolor\n"
        "from typer.testing import CliRunner\n"
        "from vidcolor.cli import app\n"
        "for args in (['--help'], ['run', '--help'], ['image', '--help'], ['train', '--help']):\n"
        "    assert CliRunner().invoke(app, args).exit_code == 0, args\n"
        "print(*{'torch', 'av', 'cv2', 'numpy', 'PIL', 'lightning'} & set(sys.modules))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
