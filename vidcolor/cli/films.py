"""Which films a command line means, and where each one's output goes."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from vidcolor.errors import (
    InputError,
    InputIsDirectoryError,
    InputNotFoundError,
    OutputFolderError,
    OutputIsInputError,
    SettingsError,
)

if TYPE_CHECKING:
    from vidcolor.config import RunSettings

FILM_SUFFIXES = (
    *(".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".divx", ".mpg", ".mpeg", ".m2v", ".vob"),
    *(".ts", ".m2ts", ".mts", ".mxf", ".gxf", ".wmv", ".asf", ".flv", ".ogv", ".ogg", ".3gp"),
    *(".3g2", ".dv", ".y4m", ".nut"),
)
"""What counts as a film when a folder is given; a file named on its own may end in anything."""

OUR_MARK = ".color"
"""Stem ending of our own outputs, ``NAME.color.EXT``; skipped in a folder."""


@dataclass(frozen=True, slots=True)
class Job:
    """One film to be coloured, and where the user wants the result."""

    source: str
    """A path, or the pattern of an image sequence; kept as typed, so that a URL stays one."""
    file: Path | None = None
    """``-o FILE``: exactly there."""
    folder: Path | None = None
    """``-o DIR``: under a name of ours in there; neither means beside the film."""


def find_films(arguments: Sequence[str]) -> list[str]:
    """The films that ``arguments`` name: files as they are, folders as the films in them.

    Of several arguments one that cannot be read stays as it is, to fail in its turn
    (`check_film`) and not keep the others from being done.

    Raises
    ------
    InputError
        If the only argument is a folder that holds no film or cannot be read.
    """
    return expand_all(arguments, films_in)


def expand_all(arguments: Sequence[str], files_in: Callable[[str], list[str]]) -> list[str]:
    """``arguments``, with what ``files_in`` finds in them in place of folders."""
    found: list[str] = []
    for argument in arguments:
        try:
            found += files_in(argument) if is_existing_folder(argument) else [argument]
        except InputError:
            if len(arguments) == 1:
                raise
            found.append(argument)
    return found


def films_in(folder: str) -> list[str]:
    """The films directly in ``folder``, by name.

    Raises
    ------
    InputIsDirectoryError
        If there is none.
    InputNotFoundError
        If the folder cannot be read.
    """
    films = files_with(folder, FILM_SUFFIXES)
    if not films:
        raise InputIsDirectoryError(
            f"no film in the folder {folder!r}: subfolders are not searched; name the files, "
            "or give the pattern of an image sequence, such as 'scan_%06d.tif' --rate 24"
        )
    return films


def files_with(folder: str, suffixes: Sequence[str]) -> list[str]:
    """Visible files in ``folder`` that end in one of ``suffixes`` and are not our own outputs.

    Raises
    ------
    InputNotFoundError
        If the folder cannot be read.
    """
    with paths_explained(folder):
        return [
            str(path)
            for path in sorted(Path(folder).iterdir())
            if path.suffix.lower() in suffixes
            and not path.stem.endswith(OUR_MARK)
            and not path.name.startswith(".")
            and path.is_file()
        ]


def check_film(source: str) -> None:
    """Find a wrong path before the seconds that loading torch takes.

    Raises
    ------
    InputError
        One of its subclasses.
    """
    from vidcolor.media.safety import check_input_path

    if is_existing_folder(source):
        films_in(source)
    if not is_sequence(source):
        check_input_path(source)


def is_existing_folder(path: str) -> bool:
    """Whether there is such a folder; a path that cannot even be looked at is none."""
    try:
        return bool(path) and Path(path).is_dir()
    except OSError:
        return False


def is_sequence(source: str) -> bool:
    """Whether ``source`` is the pattern of an image sequence.

    Raises
    ------
    InputNotFoundError
        If it cannot be a path.
    """
    from vidcolor.media.probe import is_sequence_pattern

    with paths_explained(source):
        return is_sequence_pattern(source)


@contextmanager
def paths_explained(path: object) -> Iterator[None]:
    """An `OSError` about ``path``, such as a name that is too long, becomes one clear line.

    Raises
    ------
    InputNotFoundError
        In its place.
    """
    try:
        yield
    except OSError as error:
        reason = error.strerror or error
        raise InputNotFoundError(f"{path} cannot be read: {reason}; check the path") from error


def plan_jobs(films: Sequence[str], output: str | None) -> list[Job]:
    """Pair each film with what ``-o`` says.

    Parameters
    ----------
    output:
        A folder for all of them, a file for exactly one, None for beside each film.

    Raises
    ------
    OutputFolderError
        If the folder is not there, or several films would have to share one file.
    """
    if output is None:
        return [Job(film) for film in films]
    if len(films) == 1 and not is_folder(output):
        return [Job(films[0], file=Path(output))]
    if not is_existing_folder(output):
        raise OutputFolderError(
            f"there is no folder {output!r}: make it first (mkdir), or colour one film at a time "
            "with -o FILE"
        )
    return [Job(film, folder=Path(output)) for film in films]


def settle_output(job: Job, settings: RunSettings) -> Path:
    """The output's path, after a look at what the film really is.

    Raises
    ------
    InputError
        If the film cannot be opened.
    OutputFolderError
        If what the user gave cannot be a path.
    """
    if job.file is not None:
        _is_sequence_output(job.file)
        return job.file
    from vidcolor.media.plan import default_output
    from vidcolor.media.probe import probe

    info = None if is_sequence(job.source) else probe(job.source)
    beside = default_output(Path(job.source), settings, info)
    return beside if job.folder is None else job.folder / beside.name


def check_spares_inputs(output: Path, sources: Iterable[str]) -> None:
    """Refuse an output that is one of the command line's inputs, even with ``--overwrite``.

    Raises
    ------
    OutputIsInputError
        Naming the input.
    """
    for source in sources:
        # What does not exist cannot be destroyed.
        with suppress(OSError):
            if os.path.samefile(output, source):
                raise OutputIsInputError(
                    f"{output} is also an input ({source}) and would be destroyed; give another "
                    "output with -o"
                )


def is_folder(output: str) -> bool:
    """Whether ``-o`` means a folder: it is one, or is written like one."""
    separators = tuple(filter(None, (os.sep, os.altsep)))
    return is_existing_folder(output) or output.endswith(separators)


class UnfinishedFiles:
    """Finds what a run that is stopped at once leaves beside its output.

    Only names that this output's temporary file can have, and only what was not there when the
    run began: other runs of vidcolor may be writing in the same folder.
    """

    def __init__(self, output: Path) -> None:
        self._folder = output.parent
        self._name = _temporary_name(output)
        self._before = self._present()

    def _present(self) -> set[Path]:
        try:
            return {path for path in self._folder.iterdir() if self._name.fullmatch(path.name)}
        except OSError:
            return set()

    def delete(self) -> None:
        """Delete them."""
        for path in self._present() - self._before:
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)


def _is_sequence_output(output: Path) -> bool:
    from vidcolor.media.probe import is_sequence_pattern

    try:
        return is_sequence_pattern(output)
    except OSError as error:
        reason = error.strerror or error
        raise OutputFolderError(
            f"{output} cannot be written: {reason}; choose another output"
        ) from error


def _temporary_name(output: Path) -> re.Pattern[str]:
    """The names that `AtomicFile` or, for pictures, `SequenceWriter` may choose."""
    from vidcolor.media.atomic import LONGEST_NAME_BYTES

    if _is_sequence_output(output):
        stem = output.stem.replace("%", "")[:100]
    else:
        room = LONGEST_NAME_BYTES - len("..00000000.part")
        stem = os.fsdecode(os.fsencode(output.name)[:room])
    return re.compile(rf"\.{re.escape(stem)}\.[0-9a-f]{{8}}\.part", re.DOTALL)


def check_rate(films: Sequence[str], rate: str | None) -> None:
    """Refuse ``--rate`` for a film that has times of its own.

    Raises
    ------
    SettingsError
        Naming the film.
    """
    if rate is None:
        return
    for film in films:
        if not is_sequence(film):
            raise SettingsError(
                f"--rate is for image sequences such as 'scan_%06d.tif', and {film!r} is not one: "
                "a film keeps its own times; leave --rate away"
            )
