"""Where files are that belong to the program: those that ship with it, those that it keeps."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import platformdirs

_PACKAGE = Path(__file__).resolve().parent


def shipped_folder(kind: Literal["pipelines", "checkpoints"]) -> Path:
    """The folder of shipped ``kind`` files.

    A wheel carries it inside the package; an editable install or a checkout has it
    beside the package.

    Raises
    ------
    FileNotFoundError
        If neither exists: the installation is broken.
    """
    for candidate in (_PACKAGE / kind, _PACKAGE.parent / kind):
        if candidate.is_dir():
            return candidate
    raise FileNotFoundError(f"the folder {kind}/ is missing beside {_PACKAGE}; reinstall vidcolor")


def cache_folder() -> Path | None:
    """Where things are kept for this user that take long to make again; it may not exist yet.

    Returns
    -------
    None without a home folder: the path would then begin in the working folder.
    """
    folder = platformdirs.user_cache_path("vidcolor", appauthor=False)
    return folder if folder.is_absolute() else None
