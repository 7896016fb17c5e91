"""The output appears whole or not at all."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from vidcolor.errors import (
    DiskFullError,
    OutputExistsError,
    OutputFolderError,
    OutputIsInputError,
)
from vidcolor.media.atomic import (
    LONGEST_NAME_BYTES,
    AtomicFile,
    check_free_space,
    check_output,
    output_error,
)


@pytest.fixture
def film(tmp_path: Path) -> Path:
    path = tmp_path / "film.mp4"
    path.write_bytes(b"film")
    return path


@pytest.fixture
def read_only_folder(tmp_path: Path) -> Iterator[Path]:
    """A folder that not even root may write to."""
    folder = tmp_path / "read_only"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "ro,size=64k", "tmpfs", str(folder)],
        capture_output=True,
        check=False,
    )
    if mounted.returncode:
        folder.chmod(0o555)
        if os.access(folder, os.W_OK):
            pytest.skip("neither mount nor chmod makes a folder read-only for this user")
    yield folder
    if not mounted.returncode:
        subprocess.run(["umount", str(folder)], check=True)


class TestAtomicFile:
    def test_final_name_appears_only_at_commit(self, tmp_path: Path) -> None:
        file = AtomicFile(tmp_path / "out.mkv")
        file.temp.write_bytes(b"coloured")
        assert file.temp.parent == tmp_path
        assert file.temp.name.startswith(".out.mkv.")
        assert file.temp.name.endswith(".part")
        assert not file.final.exists()
        file.sync()
        assert file.commit() == tmp_path / "out.mkv"
        assert [path.name for path in tmp_path.iterdir()] == ["out.mkv"]
        assert file.final.read_bytes() == b"coloured"

    def test_abort_removes_and_may_be_repeated(self, tmp_path: Path) -> None:
        file = AtomicFile(tmp_path / "out.mkv")
        file.abort()
        file.abort()
        assert list(tmp_path.iterdir()) == []

    def test_abort_after_commit_keeps_the_file(self, tmp_path: Path) -> None:
        file = AtomicFile(tmp_path / "out.mkv")
        file.commit()
        file.abort()
        assert file.final.exists()

    def test_two_runs_never_share_a_name(self, tmp_path: Path) -> None:
        first, second = AtomicFile(tmp_path / "out.mkv"), AtomicFile(tmp_path / "out.mkv")
        assert first.temp != second.temp

    def test_existing_file_stays_until_commit(self, film: Path) -> None:
        file = AtomicFile(film)
        file.temp.write_bytes(b"new")
        assert film.read_bytes() == b"film"
        file.commit()
        assert film.read_bytes() == b"new"

    def test_mode_follows_umask(self, tmp_path: Path) -> None:
        old = os.umask(0o027)
        try:
            file = AtomicFile(tmp_path / "out.mkv")
        finally:
            os.umask(old)
        assert file.temp.stat().st_mode & 0o777 == 0o640

    def test_refused_rename_keeps_the_film(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refuse(*_: object) -> None:
            raise PermissionError(errno.EACCES, "no")

        file = AtomicFile(tmp_path / "out.mkv")
        file.temp.write_bytes(b"a day of work")
        monkeypatch.setattr(os, "replace", refuse)
        with pytest.raises(OutputFolderError) as caught:
            file.commit()
        file.abort()
        assert str(file.temp) in str(caught.value)
        assert os.strerror(errno.EACCES) in str(caught.value)
        assert file.temp.read_bytes() == b"a day of work"

    def test_final_made_by_somebody_else_is_not_replaced(self, tmp_path: Path) -> None:
        file = AtomicFile(tmp_path / "out.mkv")
        file.temp.write_bytes(b"hours of work")
        file.final.write_bytes(b"somebody else's")
        with pytest.raises(OutputExistsError, match="kept as"):
            file.commit()
        file.abort()
        assert file.final.read_bytes() == b"somebody else's"
        assert file.temp.read_bytes() == b"hours of work"

    def test_longest_name(self, tmp_path: Path) -> None:
        name = "é" * 125 + ".mkv"
        assert len(os.fsencode(name)) == LONGEST_NAME_BYTES - 1
        file = AtomicFile(tmp_path / name)
        assert file.commit().name == name

    def test_vanished_folder(self, tmp_path: Path) -> None:
        folder = tmp_path / "usb"
        folder.mkdir()
        file = AtomicFile(folder / "out.mkv")
        shutil.rmtree(folder)
        with pytest.raises(OutputFolderError, match=r"out\.mkv"):
            file.sync()
        with pytest.raises(OutputFolderError, match=r"out\.mkv"):
            file.commit()
        file.abort()

    def test_missing_folder(self, tmp_path: Path) -> None:
        with pytest.raises(OutputFolderError, match="No such file or directory"):
            AtomicFile(tmp_path / "missing" / "out.mkv")


class TestCheckOutput:
    def test_new_file_is_fine(self, film: Path, tmp_path: Path) -> None:
        check_output(film, tmp_path / "out.mp4", overwrite=False)
        assert [path.name for path in tmp_path.iterdir()] == ["film.mp4"]

    def test_existing_needs_overwrite(self, film: Path, tmp_path: Path) -> None:
        output = tmp_path / "out.mp4"
        output.touch()
        with pytest.raises(OutputExistsError, match="--overwrite"):
            check_output(film, output, overwrite=False)
        check_output(film, output, overwrite=True)

    @pytest.mark.parametrize("kind", ["same", "dotted", "hard link", "symbolic link"])
    def test_input_under_any_name(self, film: Path, tmp_path: Path, kind: str) -> None:
        output = tmp_path / "other.mp4"
        if kind == "same":
            output = film
        elif kind == "dotted":
            output = tmp_path / "." / "film.mp4"
        elif kind == "hard link":
            os.link(film, output)
        else:
            output.symlink_to(film)
        with pytest.raises(OutputIsInputError):
            check_output(film, output, overwrite=True)
        assert film.read_bytes() == b"film"

    @pytest.mark.parametrize("dangling", [False, True])
    def test_symbolic_link(self, film: Path, tmp_path: Path, dangling: bool) -> None:
        if not dangling:
            (tmp_path / "target").touch()
        output = tmp_path / "out.mp4"
        output.symlink_to(tmp_path / "target")
        with pytest.raises(OutputExistsError, match="symbolic link"):
            check_output(film, output, overwrite=True)

    def test_folder_as_output(self, film: Path, tmp_path: Path) -> None:
        (tmp_path / "out.mp4").mkdir()
        with pytest.raises(OutputExistsError, match="is a folder"):
            check_output(film, tmp_path / "out.mp4", overwrite=True)

    def test_pipe_as_output(self, film: Path, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "out.mp4")
        with pytest.raises(OutputExistsError, match="pipe"):
            check_output(film, tmp_path / "out.mp4", overwrite=True)

    def test_missing_folder(self, film: Path, tmp_path: Path) -> None:
        with pytest.raises(OutputFolderError, match="does not exist"):
            check_output(film, tmp_path / "no" / "out.mp4", overwrite=False)

    def test_file_in_place_of_the_folder(self, film: Path) -> None:
        with pytest.raises(OutputFolderError, match="is not a folder"):
            check_output(film, film / "out.mp4", overwrite=False)

    def test_read_only_folder(self, film: Path, read_only_folder: Path) -> None:
        with pytest.raises(OutputFolderError, match="cannot be written"):
            check_output(film, read_only_folder / "out.mp4", overwrite=False)
        with pytest.raises(OutputFolderError):
            AtomicFile(read_only_folder / "out.mp4")

    def test_too_long_name(self, film: Path, tmp_path: Path) -> None:
        with pytest.raises(OutputFolderError, match="255 bytes"):
            check_output(film, tmp_path / ("x" * 252 + ".mp4"), overwrite=False)

    def test_image_sequence_is_no_file(self, tmp_path: Path) -> None:
        check_output(tmp_path / "scan_%04d.png", tmp_path / "out.mkv", overwrite=False)


def test_free_space(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=5_000_000))
    check_free_space(tmp_path, 5_000_000)
    with pytest.raises(DiskFullError, match=r"5\.0 MB left and at least 6\.0 MB"):
        check_free_space(tmp_path, 6_000_000)


def test_free_space_of_a_vanished_folder_is_left_to_the_write(tmp_path: Path) -> None:
    check_free_space(tmp_path / "gone", 1 << 60)


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        (errno.ENOSPC, DiskFullError),
        (errno.EDQUOT, DiskFullError),
        (errno.EFBIG, DiskFullError),
        (errno.EIO, OutputFolderError),
        (errno.EROFS, OutputFolderError),
    ],
)
def test_system_errors_become_one_line(number: int, kind: type[Exception]) -> None:
    error = output_error(OSError(number, "whatever"), Path("/films/out.mkv"))
    assert type(error) is kind
    assert "/films/out.mkv" in str(error)
    assert os.strerror(number) in str(error)
    assert "\n" not in str(error)
