"""Solved chroma tables in the user's cache folder.

Solving one takes long enough to be waited for (docs/benchmarks.md), above all beside a network that
wants the same cores; reading it does not.

Note [A table from the cache]
    The file's own checksum tells damage. Its name holds `FORMAT`, and some of its values are solved
    again, so that neither an older version's table is used nor one of other tags.
"""

from __future__ import annotations

import logging
import os

import numpy as np
import numpy.typing as npt

from vidcolor.cache import cache_path, scratch_folder

log = logging.getLogger(__name__)

FORMAT = 1
"""Of what is kept; raised when `solve_chroma` or the table's nodes change."""


def read_table(name: str) -> npt.NDArray[np.float32] | None:
    """What was kept under ``name``; None if there is nothing, or it is damaged.

    Its shape and type are for the caller to check.
    """
    path = cache_path(_file_name(name))
    if path is None:
        return None
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
            return np.asarray(file["chroma"])
    except FileNotFoundError:
        return None
    except Exception as error:  # no access; whatever a damaged archive leads to
        log.debug("%s cannot be used: %s", path, error)
        return None


def keep_table(name: str, solved: npt.NDArray[np.float32]) -> None:
    """Keep an array under ``name`` if that is possible."""
    path = cache_path(_file_name(name))
    if path is None:
        return
    try:
        with scratch_folder(path) as scratch:
            new = scratch / path.name
            np.savez(new, chroma=solved)
            os.replace(new, path)
    except OSError as error:
        log.info("the chroma table cannot be kept as %s: %s", path, error)


def _file_name(name: str) -> str:
    return f"{name}-v{FORMAT}.npz"
