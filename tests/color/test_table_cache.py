"""`vidcolor.color.table_cache`, as `ChromaTable.build` uses it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from vidcolor.color import ChromaTable, table
from vidcolor.color.table_cache import keep_table, read_table
from vidcolor.frames import ColorTags

TAGS = ColorTags(1, 1, 1, full_range=False)
NAME = "chroma-1-1"
SIDE = 9


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty cache; nothing is remembered by the process, before or after. Tables are small."""
    folder = tmp_path / "cache" / "vidcolor"
    monkeypatch.setattr("platformdirs.user_cache_path", lambda *_, **__: folder)
    monkeypatch.setattr(table, "LUMA_NODES", SIDE)
    monkeypatch.setattr(table, "AB_NODES", SIDE)
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


def atlas() -> np.ndarray:
    """Of a table that this process has not built before."""
    table._build.cache_clear()
    return ChromaTable.build(TAGS)._atlas


def test_the_second_process_reads_what_the_first_solved(folder: Path, solutions: list[int]) -> None:
    solved, read = atlas(), atlas()
    np.testing.assert_array_equal(read, solved)
    assert solutions == [SIDE**3, table.CHECKED_NODES]
    assert [path.name for path in folder.iterdir()] == [f"{NAME}.npz"]


@pytest.mark.parametrize(
    "damage", ["one byte", "half", "empty", "text", "other values", "other shape", "pickle"]
)
def test_a_table_that_is_not_right_is_solved_again(
    folder: Path, solutions: list[int], damage: str
) -> None:
    expected = atlas()
    path = folder / f"{NAME}.npz"
    content = bytearray(path.read_bytes())
    if damage == "one byte":
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
    elif damage == "half":
        path.write_bytes(content[: len(content) // 2])
    elif damage in ("empty", "text"):
        path.write_bytes(b"" if damage == "empty" else b"no table")
    elif damage == "pickle":
        np.savez(path, chroma=np.array([{"no": "table"}], dtype=object))
    else:
        solved = read_table(NAME)
        assert solved is not None
        keep_table(NAME, solved[:, 1:] if damage == "other shape" else solved * np.float32(1.01))
    np.testing.assert_array_equal(atlas(), expected)
    assert solutions.count(SIDE**3) == 2
    atlas()
    assert solutions[-1] == table.CHECKED_NODES  # repaired


def test_a_folder_that_cannot_be_written_is_no_failure(folder: Path) -> None:
    folder.parent.mkdir()
    folder.write_text("a file in the way")
    assert atlas().any()


@pytest.mark.usefixtures("folder")
def test_nothing_is_written_without_a_home_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("platformdirs.user_cache_path", lambda *_, **__: Path("~/.cache"))
    assert atlas().any()
    assert not list(tmp_path.iterdir())
