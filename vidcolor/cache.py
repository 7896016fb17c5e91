"""The user's cache folder, where things are kept that take long to make again."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import platformdirs


def cache_path(name: str) -> Path | None:
    """Where the file ``name`` is kept for this user; neither it nor its folder need exist.

    Returns
    -------
    None without a home folder: the path would then begin in the working folder.
    """
    folder = platformdirs.user_cache_path("vidcolor", appauthor=False)
    return folder / name if folder.is_absolute() else None


@contextmanager
def scratch_folder(path: Path) -> Iterator[Path]:
    """A folder, while the block runs, in which ``path`` can be written and then moved to its place.

    Raises
    ------
    OSError
        If the cache cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(
        prefix=f"{path.stem}-", dir=path.parent, ignore_cleanup_errors=True
    ) as scratch:
        yield Path(scratch)
