"""The layers of the package: who may import whom."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import vidcolor

PACKAGE = Path(vidcolor.__file__).parent

LAYERS = (
    ("errors", "lazy"),
    ("frames", "contact_sheet"),
    ("luma", "fields", "source_color"),
    ("source_shots",),
    ("resources", "cache"),
    ("tables",),
    ("config",),
    ("color", "devices"),
    ("look", "hints", "field_colors"),
    ("media",),
    ("models",),
    ("temporal",),
    ("colorizer",),
    ("stages", "report", "ab_cache"),
    ("work",),
    ("prediction", "steadying"),
    ("report_file",),
    ("stills",),
    ("references",),
    ("edit_carrier",),
    ("engine", "keyframes"),
    ("film_hints", "palettes"),
    ("jobs",),
    ("api",),
    ("comparison", "verification"),
    ("photographs",),
    ("evaluation",),
    ("training",),
    ("cli",),
)
"""First part of the module's name below ``vidcolor``, lowest layer first."""

RANK = {name: rank for rank, names in enumerate(LAYERS) for name in names}

FILES = sorted(PACKAGE.rglob("*.py"))

ABOVE_ALL = {"__init__", "__main__"}
"""The package's own doors: lazy names for Python, ``python -m`` for the shell."""


def imports(path: Path) -> Iterator[tuple[str, int]]:
    """(dotted module or name, line) of everything that ``path`` imports, at any depth."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: relative import"
            yield from ((f"{node.module}.{alias.name}", node.lineno) for alias in node.names)


def layer(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def violations(path: Path) -> Iterator[str]:
    own = layer(path)
    for name, line in imports(path):
        parts = name.split(".")
        if parts[0] != "vidcolor" or len(parts) < 2 or parts[1].startswith("__"):
            continue
        other = parts[1]
        if other != own and RANK[other] >= RANK[own]:
            yield f"{path.name}:{line}: {own} imports {name}"


def test_every_module_has_a_layer() -> None:
    assert {layer(path) for path in FILES} - ABOVE_ALL <= set(RANK)


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_obey_the_order(path: Path) -> None:
    if layer(path) not in ABOVE_ALL:
        assert not list(violations(path))


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_only_media_reads_and_writes_pictures(path: Path) -> None:
    libraries = {name.split(".")[0] for name, _ in imports(path)}
    if layer(path) != "media":
        assert not libraries & {"av", "PIL", "tifffile"}


def test_the_walk_sees_a_violation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Guards the test above: a walk that found nothing would pass it too."""
    bad = tmp_path / "color" / "bad.py"
    bad.parent.mkdir()
    bad.write_text("def f():\n    from vidcolor.cli import main\n    import vidcolor.engine\n")
    monkeypatch.setitem(globals(), "PACKAGE", tmp_path)
    assert len(list(violations(bad))) == 2
