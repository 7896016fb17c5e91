"""A file that appears under its final name only when it is complete.

It is written under a hidden name in the same folder, ``.NAME.<random>.part``, made durable with
fsync, verified by the caller, and then renamed. A crash leaves at most such a ``.part`` file,
never half a film under a name that somebody might trust.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path

from vidcolor.errors import (
    DiskFullError,
    OutputError,
    OutputExistsError,
    OutputFolderError,
    OutputIsInputError,
)

DISK_FULL_ERRNOS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
"""No space, quota exceeded, and larger than the file system (or a limit) allows."""

LONGEST_NAME_BYTES = 255
"""NAME_MAX of the usual file systems."""

_TEMP_EXTRA_BYTES = len(".") + len(".00000000") + len(".part")


def check_output(source: Path, output: Path, overwrite: bool) -> None:
    """Refuse an output that cannot or must not be written; touches nothing.

    Parameters
    ----------
    source:
        The film, or an image sequence's pattern (then never the same file).
    output:
        Where the coloured film is to go.
    overwrite:
        Whether an existing file may be replaced; a symbolic link never is.

    Raises
    ------
    OutputIsInputError
        If both are one file, whatever the names (hard and symbolic links included).
    OutputExistsError
        If ``output`` exists and ``overwrite`` is False, or is a symbolic link or no file.
    OutputFolderError
        If the folder is missing, is no folder or cannot be written.
    """
    if _is_same_file(source, output):
        raise OutputIsInputError(
            f"{output} is the film itself; give another output, it would be destroyed"
        )
    _check_folder(output)
    if output.is_symlink():
        raise OutputExistsError(
            f"{output} is a symbolic link; give the path of a file, links are not followed"
        )
    if output.is_dir():
        raise OutputExistsError(f"{output} is a folder; give the name of a file in it")
    if output.exists() and not output.is_file():
        raise OutputExistsError(f"{output} is a device or pipe; give the name of a file")
    if output.exists() and not overwrite:
        raise OutputExistsError(
            f"{output} exists; choose another output or allow it with --overwrite"
        )


def check_free_space(folder: Path, needed_bytes: int) -> None:
    """Refuse to go on when ``folder``'s file system has less than ``needed_bytes`` left.

    Raises
    ------
    DiskFullError
        Naming both numbers. A folder that has vanished is left for the write to report.
    """
    try:
        free = shutil.disk_usage(folder).free
    except OSError:
        return
    if free < needed_bytes:
        raise DiskFullError(
            f"{folder} has {_megabytes(free)} left and at least {_megabytes(needed_bytes)} are "
            "needed; free some space or choose another folder"
        )


def output_error(error: OSError, path: Path) -> OutputError:
    """The one clear line for an operating system's ``error`` while writing ``path``."""
    reason = os.strerror(error.errno) if error.errno else str(error)
    if error.errno in DISK_FULL_ERRNOS:
        return DiskFullError(
            f"no space left for {path} ({reason}); free some space or choose another folder"
        )
    return OutputFolderError(
        f"cannot write {path}: {reason}; check the folder or choose another one"
    )


@contextlib.contextmanager
def output_explained(path: Path) -> Iterator[None]:
    """The system's errors while ``path`` is written, as `output_error` says them.

    Raises
    ------
    DiskFullError, OutputFolderError
        In their place.
    """
    try:
        yield
    except OSError as error:
        raise output_error(error, path) from error


def make_folder(folder: Path) -> None:
    """Make ``folder`` where it is missing, and see that it can be written into.

    Raises
    ------
    OutputFolderError
        If it cannot.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputFolderError(
            f"cannot make the folder {folder}: {error.strerror}; choose another with -o"
        ) from error
    if not os.access(folder, os.W_OK):
        raise OutputFolderError(f"the folder {folder} cannot be written; choose another with -o")


class AtomicFile:
    """The temporary file of one output.

    Attributes
    ----------
    temp:
        Path to write to, absolute; exists, empty, from the start.
    final:
        Path that `commit` gives it.
    """

    def __init__(
        self, final: Path, folder: Path | None = None, *, replaces: bool | None = None
    ) -> None:
        """Make the temporary file, beside ``final`` or in a ``folder`` on the same disk.

        ``replaces`` is whether `commit` may replace a file; None is if there is one by now.
        """
        self.final = final.absolute()
        self._folder = folder or self.final.parent
        self._existed = self.final.exists() if replaces is None else replaces
        self._open = True
        self.temp = self._create()

    def sync(self) -> None:
        """Make the content durable (fsync).

        Raises
        ------
        DiskFullError, OutputFolderError
            If the system cannot: some report a full disk only here.
        """
        sync_file(self.temp, self.final)

    def commit(self) -> Path:
        """Rename to the final name, durably; returns that.

        Raises
        ------
        OutputExistsError
            If somebody else made the final file in the meantime; the finished temporary file
            is then kept and named in the message.
        OutputFolderError
            If the folder vanished or the rename is refused; the finished file is kept then too.
        """
        if self.final.exists() and not self._existed:
            self._open = False  # keeps it
            raise OutputExistsError(
                f"{self.final} was made by somebody else meanwhile; the finished film is kept "
                f"as {self.temp}"
            )
        self._open = False  # from here on it is a finished film, which is never thrown away
        try:
            os.replace(self.temp, self.final)
        except OSError as error:
            reason = os.strerror(error.errno) if error.errno else str(error)
            raise OutputFolderError(
                f"cannot give the finished film its name {self.final}: {reason}; it is kept as "
                f"{self.temp}, rename it yourself"
            ) from error
        sync_folder(self.final.parent)
        return self.final

    def abort(self) -> None:
        """Delete the temporary file; nothing to do after `commit`, safe to call twice."""
        if self._open:
            self._open = False
            with contextlib.suppress(OSError):
                self.temp.unlink()

    def leave(self) -> None:
        """Let the temporary file stay as it is: something in it is needed."""
        self._open = False

    def _create(self) -> Path:
        # A name of our own and O_EXCL: never another run's file, never through a link.
        temp = self._folder / temporary_name(self.final)
        try:
            os.close(os.open(temp, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666))
        except OSError as error:
            raise output_error(error, self.final) from error
        return temp


def temporary_name(final: Path) -> str:
    """``.NAME.<random>.part``, for a file or folder that belongs to ``final`` until it is done."""
    room = LONGEST_NAME_BYTES - _TEMP_EXTRA_BYTES
    stem = os.fsdecode(os.fsencode(final.name)[:room])
    return f".{stem}.{secrets.token_hex(4)}.part"


def sync_file(path: Path, about: Path) -> None:
    """Make the content of ``path`` durable; a message speaks of ``about``.

    Raises
    ------
    DiskFullError, OutputFolderError
        If the system cannot: some report a full disk only here.
    """
    try:
        descriptor = os.open(path, os.O_RDWR)  # which Windows wants for this
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise output_error(error, about) from error


def write_atomically(path: Path, content: bytes, *, replaces: bool | None = None) -> None:
    """Write a small file in one move; a crash leaves what was there before.

    Parameters
    ----------
    replaces:
        Whether it may take the place of another; None if there is one now. See `AtomicFile`.

    Raises
    ------
    OutputExistsError
        If somebody has made such a file meanwhile, and it may not be replaced.
    DiskFullError, OutputFolderError
        If it cannot be written.
    """
    file = AtomicFile(path, replaces=replaces)
    try:
        file.temp.write_bytes(content)
        file.sync()
        file.commit()
    except OSError as error:
        raise output_error(error, path) from error
    except OutputExistsError as error:
        with contextlib.suppress(OSError):
            file.temp.unlink()
        raise OutputExistsError(
            f"{file.final} was made by somebody else meanwhile, and is left as it is; move it "
            "away, or allow it with --overwrite"
        ) from error
    finally:
        file.abort()


def _is_same_file(source: Path, output: Path) -> bool:
    try:
        return os.path.samefile(source, output)
    except OSError:  # one of them does not exist
        return False


def _check_folder(output: Path) -> None:
    folder = output.parent
    if len(os.fsencode(output.name)) > LONGEST_NAME_BYTES:
        raise OutputFolderError(
            f"the output's name is longer than {LONGEST_NAME_BYTES} bytes: {output.name[:60]}…; "
            "choose a shorter one"
        )
    if not os.path.exists(folder):  # unlike Path.exists, no error where access is refused
        raise OutputFolderError(f"the folder {folder} does not exist; create it first")
    if not folder.is_dir():
        raise OutputFolderError(f"{folder} is not a folder; choose another output")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise OutputFolderError(f"the folder {folder} cannot be written; choose another output")


def sync_folder(folder: Path) -> None:
    """Make the names in ``folder`` durable, where the system can; never fails."""
    # Not every file system lets a folder be opened or synced; the rename itself has succeeded.
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _megabytes(count: int) -> str:
    return f"{count / 1e6:,.1f} MB"
