"""Where the files that ship beside the code are: presets, recipes and checkpoints."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

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
