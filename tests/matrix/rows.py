"""All rows of the media matrix, and its table."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from tests.matrix import (
    codecs,
    colors,
    files,
    lossless,
    refusals,
    shapes,
    sound,
    subtitles,
    times,
)
from tests.matrix.case import Case

CASES: tuple[Case, ...] = (
    *codecs.CASES,
    *lossless.CASES,
    *colors.CASES,
    *shapes.CASES,
    *times.CASES,
    *sound.CASES,
    *subtitles.CASES,
    *files.CASES,
    *refusals.CASES,
)


def markdown(cases: Iterable[Case] = CASES) -> str:
    """The table of docs/formats.md."""
    return "\n".join(["| source | | run | outcome |", "|---|---|---|---|", *map(_row, cases)])


def _row(case: Case) -> str:
    preset = "film" if case.preset == "exact" else case.preset
    command = " ".join([preset, *case.options])
    return f"| {case.name} | {case.says} | {command} | {_outcome(case)} |"


def _outcome(case: Case) -> str:
    if case.refused:
        return f"refused ({case.refused[0]}): “{case.refused[1]}”"
    by_reason: dict[str, list[str]] = {}
    for what, said in case.changes.items():
        by_reason.setdefault(said, []).append(what)
    parts = [f"{', '.join(what)} changed: “{said}”" for said, what in by_reason.items()]
    parts += [f"{what} changed: {said}" for what, said in case.documented.items()]
    parts += [f"“{said}”" for said in case.told]
    is_same = not (case.changes or case.documented)
    return "; ".join(["kept" if is_same else "rest kept", *parts])


def chosen(pattern: str) -> Iterator[Case]:
    """The rows in whose name ``pattern`` occurs."""
    return (case for case in CASES if pattern in case.name)
