"""What a run keeps beside its output until it is finished, and finds again after a crash.

A folder ``.OUTPUT.FINGERPRINT.vidcolor`` holds the segments that are encoded. The fingerprint
stands for everything that decides them: source, settings, weights and versions. Work of other
settings is therefore never mixed in; it stays in a folder of its own until somebody deletes it.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from filelock import FileLock, Timeout

from vidcolor.errors import JobBusyError, SourceChangedError, VerificationError
from vidcolor.media.atomic import LONGEST_NAME_BYTES, output_error, write_atomically
from vidcolor.media.segments import SegmentFolder

SUFFIX = ".vidcolor"
"""Of a job's folder."""

DESCRIPTION = "job.json"
"""File in it that says what the job is."""

LOCK = "lock"
"""File in it that a running vidcolor holds."""

FINGERPRINT_DIGITS = 12
"""Hexadecimal digits of the fingerprint in the folder's name."""

SAMPLED_BYTES, SAMPLES = 2**20, 32
"""A source is known by its size, its time of change and this many stretches of its content:
reading all of a large scan would take minutes."""

UNUSABLE = (VerificationError, SourceChangedError)
"""Errors after which nobody should go on with what there is."""

_NAME = re.compile(rf"\..+\.[0-9a-f]{{{FINGERPRINT_DIGITS}}}{re.escape(SUFFIX)}", re.DOTALL)


class Job:
    """One unfinished output; a context manager.

    When it ends with an error, finished segments are kept for the next run, and the error gets
    a note that says so. Without any, and when it ends well, nothing is left.

    Parameters
    ----------
    output:
        Final name of what is made.
    facts:
        Everything that decides the result, as JSON can hold it.
    resume:
        Go on with what is there; False throws it away.

    Raises
    ------
    JobBusyError
        If a run with the same fingerprint is at work.
    OutputFolderError, DiskFullError
        If the folder cannot be made.
    """

    def __init__(self, output: Path, facts: dict[str, Any], *, resume: bool = True) -> None:
        self.folder = _folder_of(output, fingerprint(facts))
        self._lock = FileLock(self.folder / LOCK, timeout=0)
        try:
            self.folder.mkdir(exist_ok=True)
            self._lock.acquire()
            if not resume:
                _empty(self.folder)
        except Timeout:
            raise JobBusyError(
                f"another vidcolor is colouring {facts['source']['path']} to {output} just now; "
                "wait for it, or give another output with -o"
            ) from None
        except OSError as error:
            raise output_error(error, output) from error
        description = {"output": str(output), **facts}
        text = json.dumps(description, indent=1)
        write_atomically(self.folder / DESCRIPTION, text.encode("utf-8", "backslashreplace"))
        self.segments = SegmentFolder(self.folder, output)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        is_of_use = error is not None and not isinstance(error, UNUSABLE)
        if not is_of_use or not self.segments.finished:
            with contextlib.suppress(OSError):
                _empty(self.folder)
            self._lock.release()
            shutil.rmtree(self.folder, ignore_errors=True)
            return
        self._lock.release()
        assert error is not None
        frames = sum(len(record.pts) for record in self.segments.finished)
        error.add_note(
            f"{frames} coloured frames are kept: the same command goes on after them; "
            "vidcolor jobs lists and deletes such work"
        )


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


def find_jobs(folder: Path) -> list[FoundJob]:
    """The unfinished jobs whose output lies directly in ``folder``, by name.

    Raises
    ------
    OSError
        If the folder cannot be read.
    """
    paths = sorted(path for path in folder.iterdir() if _NAME.fullmatch(path.name))
    return [_describe(path) for path in paths if path.is_dir()]


def delete_job(job: FoundJob) -> None:
    """Delete all that is kept of it.

    Raises
    ------
    JobBusyError
        If it is running.
    OSError
        If something cannot be deleted.
    """
    try:
        with FileLock(job.folder / LOCK, timeout=0):
            _empty(job.folder)
    except Timeout:
        raise JobBusyError(
            f"{job.output} is being made just now; stop that vidcolor first"
        ) from None
    shutil.rmtree(job.folder)


def fingerprint(facts: dict[str, Any]) -> str:
    """Of everything that decides a result."""
    text = json.dumps(facts, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8", "backslashreplace")).hexdigest()


def file_facts(path: Path) -> dict[str, Any]:
    """What a file is known by: size, time of change, digest of samples of its content.

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
    return {
        "bytes": status.st_size,
        "modified_ns": status.st_mtime_ns,
        "samples": digest.hexdigest(),
    }


def _folder_of(output: Path, digits: str) -> Path:
    absolute = output.absolute()
    ending = f".{digits[:FINGERPRINT_DIGITS]}{SUFFIX}"
    room = LONGEST_NAME_BYTES - len(ending) - 1
    stem = os.fsdecode(os.fsencode(absolute.name)[:room])
    return absolute.parent / f".{stem}{ending}"


def _empty(folder: Path) -> None:
    for path in folder.iterdir():
        if path.name != LOCK:
            path.unlink()


def _describe(folder: Path) -> FoundJob:
    try:
        known = json.loads((folder / DESCRIPTION).read_bytes())
        source, output = str(known["source"]["path"]), str(known["output"])
    except (OSError, ValueError, TypeError, KeyError):
        source, output = "?", "?"
    lock = FileLock(folder / LOCK, timeout=0)
    is_running = False
    try:
        lock.acquire()
        lock.release()
    except Timeout:
        is_running = True
    except OSError:
        pass  # a folder that cannot be written: nobody is at work in it
    sizes = []
    for path in folder.iterdir():
        with contextlib.suppress(OSError):
            sizes.append(path.stat().st_size)
    frames = 0
    for record in folder.glob("[0-9]*.json"):
        with contextlib.suppress(OSError, ValueError, TypeError, KeyError):
            frames += len(json.loads(record.read_bytes())["pts"])
    return FoundJob(folder, source, output, frames, sum(sizes), is_running)
