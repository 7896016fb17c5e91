"""Solved chroma tables in the user's cache folder.

Solving one takes a second, and several beside a network that wants the same cores; reading it
takes a hundredth.

Note [A table from the cache]
    The file's own checksum tells damage. Some of its values are solved again, so that a table
    which another version of vidcolor has solved otherwise is not used.
"""

from __future__ import annotations

import logging
import os
import tempfile
from pathlib import Path

import numpy as np
import numpy.typing as npt

from vidcolor.resources import cache_folder

log = logging.getLogger(__name__)


def read_table(name: str) -> npt.NDArray[np.float32] | None:
    """The array that was kept under ``name``; None if there is none, or it is damaged."""
    path = _path(name)
    if path is None or not path.is_file():
        return None
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
            return np.asarray(file["chroma"])
    except Exception as error:  # whatever a damaged archive leads to
        log.debug("%s cannot be used: %s", path, error)
        return None


def keep_table(name: str, solved: npt.NDArray[np.float32]) -> None:
    """Keep an array under ``name`` if that is possible."""
    path = _path(name)
    if path is None:
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent) as scratch:
            new = Path(scratch) / path.name
            np.savez(new, chroma=solved)
            os.replace(new, path)
    except OSError as error:
        log.info("the chroma table cannot be kept as %s: %s", path, error)


def _path(name: str) -> Path | None:
    folder = cache_folder()
    return None if folder is None else folder / f"{name}.npz"
