"""A film's shots as a file that people can edit: TOML, or CSV for a spreadsheet.

::

    film = "old_film.mp4"

    [[shot]]
    start = 0.0
    begins = "start"

    [[shot]]
    start = 12.345
    begins = "dissolve"
    transition = 0.5
    strength = 0.8

A shot begins with the first frame at or after ``start``, in seconds from the film's beginning.
It may have a look of its own: any field of `vidcolor.config.ShotLook`.
"""

from __future__ import annotations

import bisect
import csv
import io
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal, get_args

from vidcolor.config import ShotLook, validate_settings
from vidcolor.errors import SettingsError
from vidcolor.tables import TableFormat, finite, in_unicode, quoted

Beginning = Literal["start", "cut", "dissolve", "fade"]
"""How a shot begins; ``start`` is the film's own."""

BEGINNINGS: tuple[str, ...] = get_args(Beginning)

TOLERANCE_S = 0.0005
"""A frame this much before a start belongs to it: written times are rounded."""

LOOK_FIELDS = tuple(ShotLook.model_fields)
"""Of the look that a shot may have."""

_COLUMNS = ("start", "begins", "transition")

_FORMAT = TableFormat(
    kind="shot list",
    row="shot",
    columns=(*_COLUMNS, *LOOK_FIELDS),
    numbers=("start", "transition", *(name for name in LOOK_FIELDS if name != "palette")),
    least="start = SECONDS",
    advice="make one with vidcolor shots FILM",
)


@dataclass(frozen=True, slots=True)
class Shot:
    """One shot, up to the start of the next."""

    start_s: float
    """Of a dissolve or fade, its middle."""
    begins: Beginning
    transition_s: float = 0.0
    """Seconds in which both shots are seen (dissolve) or neither (fade)."""
    look: tuple[tuple[str, float | str], ...] = ()
    """Those of `LOOK_FIELDS` in which it differs from the film, with its values."""


@dataclass(frozen=True, slots=True)
class ShotList:
    """The shots of one film, by time, at least one."""

    film: str
    """File name, without folder; empty if nobody wrote it down."""
    shots: tuple[Shot, ...]

    def is_of(self, film: str) -> bool:
        """Whether this may be a list for the film of this file name."""
        return self.film in ("", film, in_unicode(film))

    def index_at(self, time_s: float) -> int:
        """Which shot a frame belongs to; one before the first start belongs to the first."""
        begun = bisect.bisect_right(self.shots, time_s + TOLERANCE_S, key=lambda s: s.start_s)
        return max(0, begun - 1)

    def mix_at(self, time_s: float) -> list[tuple[Shot, float]]:
        """The shots that are seen at a time, with weights that add up to 1: two in a dissolve."""
        index = self.index_at(time_s)
        for later in (index, index + 1):
            if not 0 < later < len(self.shots) or self.shots[later].begins != "dissolve":
                continue
            shot = self.shots[later]
            share = (time_s - shot.start_s) / max(self._mixed_s(later), TOLERANCE_S) + 0.5
            if 0 < share < 1:
                return [(self.shots[later - 1], 1 - share), (shot, share)]
        return [(self.shots[index], 1.0)]

    def _mixed_s(self, index: int) -> float:
        """Length of a dissolve, as far as it does not run into the next one."""
        around = self.shots[max(0, index - 1) : index + 2]
        nearest = min(later.start_s - earlier.start_s for earlier, later in pairwise(around))
        return min(self.shots[index].transition_s, nearest)


@dataclass(frozen=True, slots=True)
class ListedShot:
    """What a shot list says of one frame."""

    number: int
    """0-based count of the shots begun so far; a run may begin in the middle of a list."""
    is_cut: bool
    """The frame is the first after a cut, which no colour passes. Over dissolves and fades
    colours may pass where motion can be followed."""


class ShotWalk:
    """Follows a film through its shot list."""

    def __init__(self, shots: ShotList) -> None:
        self._list = shots
        self._index: int | None = None
        self._number = -1

    def next(self, time_s: float) -> ListedShot:
        """The shot of the next frame, which is shown at ``time_s``."""
        index = self._list.index_at(time_s)
        # A short shot between two frames has none of its own, and may begin with a cut.
        begun = self._list.shots[index if self._index is None else self._index + 1 : index + 1]
        self._index = index
        self._number += bool(begun)
        return ListedShot(self._number, any(shot.begins in ("start", "cut") for shot in begun))

    def notices(self) -> list[str]:
        """What a user should know after the last frame."""
        shots = self._list.shots
        if self._number > 0 or len(shots) == 1:
            return []
        return [
            f"of the shot list's {len(shots)} shots only one was met: if that is wrong, compare "
            "its times, in seconds from the film's beginning, with the film"
        ]


def write_shot_list(shots: ShotList, suffix: str) -> str:
    """The text of a shot list file.

    Parameters
    ----------
    suffix:
        One of `SUFFIXES`.
    """
    return _as_csv(shots) if suffix == ".csv" else _as_toml(shots)


def read_list_of(path: Path, film: str) -> ShotList:
    """Read the shot list of the film with the file name ``film``.

    Raises
    ------
    SettingsError
        As `read_shot_list`, and if the list is another film's.
    """
    shots = read_shot_list(path)
    if not shots.is_of(film):
        raise SettingsError(
            f"{path} lists the shots of {shots.film!r}, not of {film!r}: make a list with "
            "vidcolor shots, or correct the film's name in it"
        )
    return shots


def read_shot_list(path: Path) -> ShotList:
    """Read a shot list, by hand or by `write_shot_list`.

    Raises
    ------
    SettingsError
        If it cannot be read, or naming what is wrong with which shot.
    """
    table, rows = _FORMAT.read(path)
    shots = [_shot(path, number, row) for number, row in enumerate(rows, 1)]
    for number, (earlier, later) in enumerate(pairwise(shots), 2):
        if later.start_s <= earlier.start_s:
            raise SettingsError(
                f"{path}: shot {number} starts at {later.start_s:g} s, not after shot "
                f"{number - 1} ({earlier.start_s:g} s); put the shots in order"
            )
    return ShotList(str(table.get("film", "")), tuple(shots))


def _shot(path: Path, number: int, row: dict[str, Any]) -> Shot:
    where = f"{path}: shot {number}"
    begins = row.get("begins", "cut")
    if begins not in BEGINNINGS:
        allowed = ", ".join(BEGINNINGS)
        raise SettingsError(f"{where}: begins = {begins!r} is none of {allowed}")
    given = {name: row[name] for name in LOOK_FIELDS if name in row}
    for name, value in given.items():
        if isinstance(value, bool):
            raise SettingsError(f"{where}: {name} = {value} is no number")
    if isinstance(given.get("palette"), str):
        given["palette"] = str(path.parent / given["palette"])
    validated = validate_settings(ShotLook, given, where)
    return Shot(
        _seconds(where, row, "start"),
        begins,
        _seconds(where, row, "transition", 0.0),
        tuple((name, getattr(validated, name)) for name in given),
    )


def _seconds(where: str, row: dict[str, Any], key: str, default: float | None = None) -> float:
    value = row.get(key, default)
    seconds = finite(value)
    if seconds is not None and (key == "start" or seconds >= 0):
        return seconds
    raise SettingsError(f"{where}: {key} = {value!r} is no number of seconds, such as 12.345")


def _as_toml(shots: ShotList) -> str:
    lines = [
        "# A shot begins with the first frame at or after its start, seconds from the beginning.",
        "# Edit, and use with: vidcolor run FILM --shots THIS_FILE",
        f"film = {quoted(shots.film)}",
    ]
    for shot in shots.shots:
        lines += ["", "[[shot]]", f"start = {_number(shot.start_s)}", f'begins = "{shot.begins}"']
        if shot.transition_s:
            lines.append(f"transition = {_number(shot.transition_s)}")
        lines += [
            f"{name} = {quoted(value) if isinstance(value, str) else _number(value)}"
            for name, value in shot.look
        ]
    return "\n".join(lines) + "\n"


def _as_csv(shots: ShotList) -> str:
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    looks = [dict(shot.look) for shot in shots.shots]
    used = [name for name in LOOK_FIELDS if any(name in look for look in looks)]
    writer.writerow((*_COLUMNS, *used))
    for shot, look in zip(shots.shots, looks, strict=True):
        cells = [_number(shot.start_s), shot.begins, _number(shot.transition_s)]
        own = [look.get(name, "") for name in used]
        writer.writerow(cells + [v if isinstance(v, str) else _number(v) for v in own])
    return text.getvalue()


def _number(value: float) -> str:
    """Microseconds, without needless zeros, as TOML and spreadsheets read a float."""
    text = f"{value:.6f}".rstrip("0")
    return text + "0" if text.endswith(".") else text
