"""Tables that people edit: TOML, or CSV as a spreadsheet writes it."""

from __future__ import annotations

import csv
import io
import json
import math
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vidcolor.errors import SettingsError

SUFFIXES = (".toml", ".csv")
"""Of the files."""


@dataclass(frozen=True, slots=True)
class TableFormat:
    """What a table is called, and what its rows may hold."""

    kind: str
    """What a user calls the file: ``shot list``."""
    row: str
    """Name of a row: ``shot`` is ``[[shot]]`` in TOML, and any line below the first in CSV."""
    columns: tuple[str, ...]
    """Names that a row may have."""
    numbers: tuple[str, ...]
    """Those of them that hold a number."""
    least: str
    """What a row must have, as a user writes it."""
    advice: str
    """What to do about a file that cannot be read."""

    def read(self, path: Path) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        """Everything in the file, and its rows, at least one, with no unknown names.

        Raises
        ------
        SettingsError
            If it cannot be read, or naming what is wrong with which row.
        """
        if path.suffix.lower() not in SUFFIXES:
            raise SettingsError(f"{path} is no {self.kind}: give a file that ends in .toml or .csv")
        try:
            text = path.read_text(encoding="utf-8-sig")  # spreadsheets write a byte order mark
            is_csv = path.suffix.lower() == ".csv"
            table = {self.row: self._csv_rows(text)} if is_csv else tomllib.loads(text)
        # ValueError: no TOML, no UTF-8, 9 × 5000; RecursionError: [ × 5000.
        except (OSError, ValueError, RecursionError, csv.Error) as error:
            raise SettingsError(
                f"cannot read the {self.kind} {path}: {error}; {self.advice}"
            ) from error
        rows = table.get(self.row)
        if not isinstance(rows, list) or not rows:
            raise SettingsError(
                f"{path} lists no {self.row}: write at least one, with {self.least}"
            )
        for number, row in enumerate(rows, 1):
            self._check(f"{path}: {self.row} {number}", row)
        return table, rows

    def _check(self, where: str, row: Any) -> None:
        if not isinstance(row, dict):
            raise SettingsError(
                f"{where} is {row!r}; write [[{self.row}]] with {self.least} below it"
            )
        unknown = [key for key in row if key not in self.columns]
        if unknown:
            raise SettingsError(
                f"{where} has {unknown[0]!r}; allowed are {', '.join(self.columns)}"
            )

    def _csv_rows(self, text: str) -> list[dict[str, Any]]:
        """As `tomllib` would read the same rows. Spreadsheets may separate cells by semicolons."""
        separator = ";" if ";" in text.partition("\n")[0] else ","
        lines = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
        heads = [head.strip().lower() for head in next(lines, [])]
        rows: list[dict[str, Any]] = []
        for cells in lines:
            if len(cells) > len(heads):
                raise csv.Error(f"line {lines.line_num} has more cells than the first line")
            row: dict[str, Any] = {
                head: cell.strip() for head, cell in zip(heads, cells, strict=False) if cell.strip()
            }
            for key in self.numbers:
                if key in row:
                    row[key] = _as_number(row[key])
            if row:
                rows.append(row)
        return rows


def quoted(text: str) -> str:
    """A TOML string. JSON escapes what TOML wants escaped, but for DEL."""
    return json.dumps(in_unicode(text), ensure_ascii=False).replace("\x7f", "\\u007f")


def in_unicode(name: str) -> str:
    """File names need not be Unicode: what is not gets question marks."""
    return name.encode("utf-8", "replace").decode()


def finite(value: Any) -> float | None:
    """``value`` as a float if it is a number of a table, neither infinite nor too large."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def _as_number(text: str) -> float | str:
    """A spreadsheet may write 1,5 for 1.5."""
    try:
        return float(text.replace(",", "."))
    except ValueError:
        return text
