"""`vidcolor.cache`."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from vidcolor.cache import cache_path, scratch_folder


def test_a_file_in_the_folder_of_the_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platformdirs.user_cache_path", lambda name, **_: tmp_path / name)
    assert cache_path("a.bin") == tmp_path / "vidcolor" / "a.bin"
    assert not list(tmp_path.iterdir())


def test_no_place_without_a_home_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platformdirs.user_cache_path", lambda *_, **__: Path("~/.cache"))
    assert cache_path("a.bin") is None


def test_only_what_is_moved_stays(tmp_path: Path) -> None:
    path = tmp_path / "new" / "a.bin"
    with scratch_folder(path) as scratch:
        (scratch / "a.bin").write_bytes(b"1")
        (scratch / "rest").write_bytes(b"2")
        os.replace(scratch / "a.bin", path)
    assert list(path.parent.iterdir()) == [path]


def test_nothing_stays_after_a_failure(tmp_path: Path) -> None:
    def fail() -> None:
        with scratch_folder(tmp_path / "a.bin") as scratch:
            (scratch / "a.bin").write_bytes(b"1")
            raise OSError("full")

    with pytest.raises(OSError, match="full"):
        fail()
    assert not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_made_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"in the way")
    with pytest.raises(OSError, match="file"), scratch_folder(tmp_path / "file" / "a.bin"):
        pass
