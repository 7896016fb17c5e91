"""What a run keeps beside its output until it is finished, and finds again after a crash.

A folder ``.OUTPUT.FINGERPRINT.vidcolor`` holds the segments that are encoded. The fingerprint
stands for everything that decides them: source, settings, weights and versions. Work of other
settings is therefore never mixed in; it stays in a folder of its own until somebody deletes it.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import logging
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from filelock import BaseFileLock, FileLock, Timeout

from vidcolor.errors import JobBusyError, OutputError, SourceChangedError, VerificationError
from vidcolor.media.atomic import (
    LONGEST_NAME_BYTES,
    output_error,
    output_explained,
    sync_folder,
    write_atomically,
)
from vidcolor.media.segments import SegmentFolder, SegmentRecord, delete

log = logging.getLogger(__name__)

SUFFIX = ".vidcolor"
"""Of a job's folder."""

DESCRIPTION = "job.json"
"""File in it that says what the job is."""

LOCK = "lock"
"""File in it that a running vidcolor holds."""

MADE = "made.json"
"""File in it that says which file is about to get, or has, the output's name: a run that is killed
between the renaming and the deletion of its folder leaves a folder that nobody needs."""

LOCK_S = 1.0
"""How long a lock is waited for: somebody may just be listing the jobs."""

FINGERPRINT_DIGITS = 12
"""Hexadecimal digits of the fingerprint in the folder's name."""

SAMPLED_BYTES, SAMPLES = 2**20, 32
"""A source is known by its size and this many stretches of its content: reading all of a large scan
would take minutes."""

UNUSABLE = (VerificationError, SourceChangedError)
"""Errors after which nobody should go on with what there is."""

UNREADABLE = (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError)
"""What reading a JSON file that is not as it was written may raise."""

_NAME = re.compile(rf"\..+\.[0-9a-f]{{{FINGERPRINT_DIGITS}}}{re.escape(SUFFIX)}", re.DOTALL)


class Job:
    """One unfinished output; a context manager.

    When it ends with an error, finished segments are kept for the next run, and the error gets
    a note that says so. Without any, and when it ends well, nothing is left.

    Parameters
    ----------
    source:
        As the user gave it, for messages and lists.
    output:
        Final name of what is made.
    facts:
        Everything that decides the result, as JSON can hold it.
    resume:
        Go on with what is there; False throws it away.
    keep:
        Keep the segments also when it ends well.
    tick:
        Called while segments are taken back that an earlier run had begun to join, for each of
        their packets; what it raises ends this, and nothing is lost.

    Raises
    ------
    JobBusyError
        If a run with the same fingerprint is at work.
    OutputFolderError, DiskFullError
        If the folder cannot be made.
    """

    def __init__(
        self,
        source: str,
        output: Path,
        facts: dict[str, Any],
        *,
        resume: bool = True,
        keep: bool = False,
        tick: Callable[[], None] = lambda: None,
    ) -> None:
        self._keep = keep
        self.folder = _folder_of(output, fingerprint(facts))
        self._lock = FileLock(self.folder / LOCK)
        try:
            self._acquire()
        except Timeout:
            raise JobBusyError(
                f"another vidcolor is colouring {source} to {output} just now; wait for it, or "
                "give another output with -o"
            ) from None
        except OSError as error:
            raise output_error(error, output) from error
        try:
            with output_explained(output):
                self.segments = SegmentFolder(self.folder, output, keeps=keep)
            if not resume:
                self.segments.finished.clear()
            self.segments.take_back(tick)
            with output_explained(output):
                self.segments.delete_unfinished(spare=[LOCK])
                text = json.dumps({"source": source, "output": str(output), **facts}, indent=1)
                content = text.encode("utf-8", "backslashreplace")
                write_atomically(self.folder / DESCRIPTION, content)
        except BaseException as error:
            self._note_kept(error)
            self._leave()
            raise

    def _acquire(self) -> None:
        while True:
            self.folder.mkdir(exist_ok=True)
            sync_folder(self.folder.parent)
            try:
                self._lock.acquire(timeout=LOCK_S)
            except Timeout:  # an OSError too
                raise
            except FileNotFoundError:
                continue  # the folder was deleted just now
            except (OSError, NotImplementedError) as error:
                if not self.folder.is_dir() or not os.access(self.folder, os.W_OK):
                    raise
                log.warning(
                    "%s: files cannot be locked there (%s): do not colour the same film twice "
                    "at a time",
                    self.folder.parent,
                    error,
                )
                return
            if (self.folder / LOCK).exists():
                return
            self._lock.release()  # it is that of a folder which was deleted just now

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        del kind, trace
        if (error is None and not self._keep) or isinstance(error, UNUSABLE):
            self.segments.finished.clear()
        self._leave()
        if error is not None:
            self._note_kept(error)

    def _note_kept(self, error: BaseException) -> None:
        """Say with ``error`` what the next run will find; never fails."""
        segments = getattr(self, "segments", None)
        kept: list[SegmentRecord] = []
        with contextlib.suppress(OSError):
            kept = [r for r in segments.finished if segments.is_there(r)] if segments else []
        if kept:
            error.add_note(
                f"{sum(len(record.pts) for record in kept)} coloured frames are kept: the same "
                "command goes on after them; vidcolor jobs lists and deletes such work"
            )

    def note_finished(self, finished: Path) -> None:
        """Write down that ``finished`` is about to get the output's name, see `MADE`."""
        # Without the note nothing is lost: the folder would be taken for unfinished work.
        with contextlib.suppress(OSError, OutputError):
            known = {"file": _identity(finished), "keep": self._keep}
            write_atomically(self.folder / MADE, json.dumps(known).encode())

    def _leave(self) -> None:
        """Release the lock; the folder is deleted before if it is known to have nothing to keep."""
        segments = getattr(self, "segments", None)
        if segments is None or segments.finished:
            self._lock.release()
            return
        _delete_locked(self.folder, self._lock)


@dataclass(frozen=True, slots=True)
class FoundJob:
    """An unfinished job on the disk."""

    folder: Path
    source: str
    output: str
    frames: int
    """In finished segments."""
    size_bytes: int
    is_running: bool
    is_complete: bool
    """All frames are coloured."""
    is_made: bool
    """The output is there, and was made of this work."""
    is_leftover: bool
    """It was, by a run that was killed before it could delete this."""


def find_jobs(folder: Path) -> list[FoundJob]:
    """The unfinished jobs whose output lies directly in ``folder``, by name.

    Raises
    ------
    OSError
        If the folder cannot be read.
    """
    paths = sorted(path for path in folder.iterdir() if _NAME.fullmatch(path.name))
    return [_describe(path) for path in paths if _is_folder(path)]


def _is_folder(path: Path) -> bool:
    """No link: what lies elsewhere is never a job, and must not be deleted as one."""
    return path.is_dir() and not path.is_symlink()


def delete_leftovers(output: Path) -> None:
    """Delete what runs that had made ``output`` could not; what is locked or kept stays."""
    folder = output.absolute().parent
    digits = "0" * FINGERPRINT_DIGITS
    stem = _folder_of(output, digits).name.removesuffix(digits + SUFFIX)
    for path in _entries(folder):
        if path.name.startswith(stem) and _NAME.fullmatch(path.name) and _is_folder(path):
            job = _describe(path)
            if job.is_leftover and Path(job.output).name == output.name:
                with contextlib.suppress(OSError, JobBusyError):
                    delete_job(job)
                    log.info("deleted what an earlier run had left of %s", output)


def delete_job(job: FoundJob) -> None:
    """Delete all that is kept of it.

    Raises
    ------
    JobBusyError
        If it is running.
    OSError
        If something cannot be deleted.
    """
    lock = FileLock(job.folder / LOCK)
    try:
        lock.acquire(timeout=LOCK_S)
    except Timeout:
        raise JobBusyError(
            f"{job.output} is being made just now; stop that vidcolor first"
        ) from None
    except NotImplementedError:
        pass  # where files cannot be locked
    _delete_locked(job.folder, lock)
    if job.folder.exists():
        raise OSError(errno.EACCES, os.strerror(errno.EACCES), str(job.folder))


def _delete_locked(folder: Path, lock: BaseFileLock) -> None:
    """Everything in ``folder``, then the lock that is held, then itself; never fails.

    A run that waits for the lock finds its file gone, and begins anew: see `Job._acquire`.
    """
    # Last what says what the rest is.
    for path in sorted(_entries(folder), key=lambda path: path.name in (MADE, DESCRIPTION)):
        if path.name != LOCK:
            with contextlib.suppress(OSError):
                delete(path)
    with contextlib.suppress(OSError):
        (folder / LOCK).unlink()  # Windows does not, as long as it is held
    lock.release()
    with contextlib.suppress(OSError):
        (folder / LOCK).unlink()
    with contextlib.suppress(OSError):
        folder.rmdir()


def _entries(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError:
        return []


def fingerprint(facts: dict[str, Any]) -> str:
    """Of everything that decides a result."""
    text = json.dumps(facts, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8", "backslashreplace")).hexdigest()


def file_facts(path: Path) -> dict[str, Any]:
    """What a file is known by: its size, and a digest of samples of its content.

    Raises
    ------
    OSError
        If it cannot be read.
    """
    digest = hashlib.blake2b(digest_size=16)
    with path.open("rb") as file:
        status = os.fstat(file.fileno())
        step = max(SAMPLED_BYTES, status.st_size // SAMPLES)
        for offset in range(0, status.st_size, step):
            file.seek(offset)
            digest.update(file.read(SAMPLED_BYTES))
        file.seek(max(0, status.st_size - SAMPLED_BYTES))
        digest.update(file.read(SAMPLED_BYTES))
    return {"bytes": status.st_size, "samples": digest.hexdigest()}


def _folder_of(output: Path, digits: str) -> Path:
    absolute = output.absolute()
    ending = f".{digits[:FINGERPRINT_DIGITS]}{SUFFIX}"
    room = LONGEST_NAME_BYTES - len(ending) - 1
    stem = os.fsdecode(os.fsencode(absolute.name)[:room])
    return absolute.parent / f".{stem}{ending}"


def _describe(folder: Path) -> FoundJob:
    try:
        known = json.loads((folder / DESCRIPTION).read_bytes())
        source, output = str(known["source"]), str(known["output"])
    except UNREADABLE:
        source, output = "?", "?"
    size = frames = 0
    is_complete = False
    for path in _entries(folder):
        with contextlib.suppress(*UNREADABLE):
            size += path.stat().st_size
            if path.suffix == ".json" and path.name not in (DESCRIPTION, MADE):
                record = json.loads(path.read_bytes())
                frames += len(record["pts"])
                is_complete |= record["state"].get("is_last", False)
    made = _made(folder, Path(output))
    return FoundJob(
        folder,
        source,
        output,
        frames,
        size,
        is_running=_is_locked(folder),
        is_complete=is_complete,
        is_made=made is not None,
        is_leftover=made is not None and not made["keep"],
    )


def _made(folder: Path, output: Path) -> dict[str, Any] | None:
    """What `Job.note_finished` wrote, if that file has the output's name by now."""
    try:
        known: dict[str, Any] = json.loads((folder / MADE).read_bytes())
        # The folder may have been moved together with the output, which lies beside it.
        is_there = known["file"] == _identity(folder.parent / output.name)
        return {"keep": bool(known["keep"])} if is_there else None
    except UNREADABLE:
        return None


def _identity(path: Path) -> list[int]:
    """What stays the same when a file gets another name."""
    status = path.stat()
    return [status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns]


def _is_locked(folder: Path) -> bool:
    lock = FileLock(folder / LOCK)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return True
    except (OSError, NotImplementedError):
        return False  # nobody can be at work in it, or nobody can tell
    lock.release()
    return False
