"""`vidcolor.color.table_cache`, as `ChromaTable.build` uses it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from vidcolor.color import ChromaTable, table
from vidcolor.color.table_cache import FORMAT, keep_table, read_table
from vidcolor.frames import ColorTags

TAGS = ColorTags(1, 1, 1, full_range=False)
NAME = "chroma-1-1"
FILE = f"{NAME}-v{FORMAT}.npz"
SIDE = 9


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty cache; nothing is remembered by the process, before or after. Tables are small."""
    folder = tmp_path / "cache" / "vidcolor"
    monkeypatch.setattr("platformdirs.user_cache_path", lambda *_, **__: folder)
    monkeypatch.setattr(table, "LUMA_NODES", SIDE)
    monkeypatch.setattr(table, "AB_NODES", SIDE)
    with table._building:  # by a thread that an earlier test has left
        table._build.cache_clear()
    yield folder
    table._build.cache_clear()


@pytest.fixture
def solutions(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many values were asked for at each call of the solver."""
    calls = []
    solve = table.solve_chroma

    def counted(luma: np.ndarray, ab: np.ndarray, tags: ColorTags) -> np.ndarray:
        calls.append(luma.size)
        return solve(luma, ab, tags)

    monkeypatch.setattr(table, "solve_chroma", counted)
    return calls


class Trap:
    """Makes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __reduce__(self) -> tuple[object, tuple[Path]]:
        return Path.touch, (self._path,)


def atlas() -> np.ndarray:
    """Of a table that this process has not built before."""
    table._build.cache_clear()
    return ChromaTable.build(TAGS)._atlas


def test_the_second_process_reads_what_the_first_solved(folder: Path, solutions: list[int]) -> None:
    solved, read = atlas(), atlas()
    np.testing.assert_array_equal(read, solved)
    assert solutions == [SIDE**3, table.CHECKED_NODES]
    assert [path.name for path in folder.iterdir()] == [FILE]


@pytest.mark.parametrize(
    "damage",
    ["one byte", "half", "empty", "text", "pickle", "other values", "other shape", "other tags"],
)
def test_a_table_that_is_not_right_is_solved_again(
    folder: Path, solutions: list[int], damage: str
) -> None:
    expected = atlas()
    path = folder / FILE
    content = bytearray(path.read_bytes())
    if damage == "one byte":
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
    elif damage == "half":
        path.write_bytes(content[: len(content) // 2])
    elif damage in ("empty", "text"):
        path.write_bytes(b"" if damage == "empty" else b"no table")
    elif damage == "pickle":
        np.savez(path, chroma=np.array([Trap(folder / "sprung")], dtype=object))
    elif damage == "other tags":
        table._build.cache_clear()
        ChromaTable.build(ColorTags(6, 6, 1, full_range=False))
        os.replace(folder / FILE.replace(NAME, "chroma-6-6"), path)
        solutions.pop(1)
    else:
        solved = read_table(NAME)
        assert solved is not None
        keep_table(NAME, solved[:, 1:] if damage == "other shape" else solved * np.float32(1.01))
    np.testing.assert_array_equal(atlas(), expected)
    assert solutions.count(SIDE**3) == 2
    atlas()
    assert solutions[-1] == table.CHECKED_NODES  # repaired
    assert [file.name for file in folder.iterdir()] == [FILE]


def test_a_folder_that_cannot_be_written_is_no_failure(folder: Path) -> None:
    folder.parent.mkdir()
    folder.write_text("a file in the way")
    assert atlas().any()


def test_a_folder_without_access_is_no_failure(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As of another user; file modes do not stop root, whom tests may run as."""

    def refuse(path: Path, *_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    folder.mkdir(parents=True)
    with monkeypatch.context() as patch:
        for method in ("stat", "open", "mkdir"):
            patch.setattr(Path, method, refuse)
        assert atlas().any()
    assert not list(folder.iterdir())


@pytest.mark.usefixtures("folder")
def test_nothing_is_written_without_a_home_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("platformdirs.user_cache_path", lambda *_, **__: Path("~/.cache"))
    assert atlas().any()
    assert not list(tmp_path.iterdir())
