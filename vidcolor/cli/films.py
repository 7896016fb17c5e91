"""Which films a command line means, and where each one's output goes."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from vidcolor.errors import InputIsDirectoryError, OutputFolderError, SettingsError

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

    Raises
    ------
    InputIsDirectoryError
        If a folder holds no film.
    """
    return [film for argument in arguments for film in _expand(argument)]


def _expand(argument: str) -> list[str]:
    folder = Path(argument)
    if not argument or not folder.is_dir():
        return [argument]
    films = [
        path
        for path in sorted(folder.iterdir())
        if path.suffix.lower() in FILM_SUFFIXES
        and not path.stem.endswith(OUR_MARK)
        and not path.name.startswith(".")
        and path.is_file()
    ]
    if not films:
        raise InputIsDirectoryError(
            f"no film in the folder {argument!r}: subfolders are not searched; name the files, "
            "or give the pattern of an image sequence, such as 'scan_%06d.tif' --rate 24"
        )
    return [str(path) for path in films]


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
    if not Path(output).is_dir():
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
    """
    if job.file is not None:
        return job.file
    from vidcolor.media.plan import default_output
    from vidcolor.media.probe import is_sequence_pattern, probe

    info = None if is_sequence_pattern(job.source) else probe(job.source)
    beside = default_output(Path(job.source), settings, info)
    return beside if job.folder is None else job.folder / beside.name


def is_folder(output: str) -> bool:
    """Whether ``-o`` means a folder: it is one, or is written like one."""
    separators = tuple(filter(None, (os.sep, os.altsep)))
    return Path(output).is_dir() or output.endswith(separators)


class UnfinishedFiles:
    """Finds what a run that is stopped at once leaves beside its output.

    Only what was not there when the run began is ever deleted: another run of vidcolor may be
    writing in the same folder.
    """

    def __init__(self, output: Path) -> None:
        self._output = output
        self._before = self._present()

    def _present(self) -> set[Path]:
        # A long name is shortened to make room for the rest of the temporary one; that of an
        # image sequence stands for many files and becomes a folder.
        name = self._output.name
        start = f".{self._output.stem.replace('%', '') if '%' in name else name}"[:60]
        try:
            found = list(self._output.parent.iterdir())
        except OSError:
            return set()
        return {p for p in found if p.name.startswith(start) and p.name.endswith(".part")}

    def delete(self) -> None:
        """Delete them."""
        for path in self._present() - self._before:
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)


def check_rate(films: Sequence[str], rate: str | None) -> None:
    """Refuse ``--rate`` for a film that has times of its own.

    Raises
    ------
    SettingsError
        Naming the film.
    """
    if rate is None:
        return
    from vidcolor.media.probe import is_sequence_pattern

    for film in films:
        if not is_sequence_pattern(film):
            raise SettingsError(
                f"--rate is for image sequences such as 'scan_%06d.tif', and {film!r} is not one: "
                "a film keeps its own times; leave --rate away"
            )
