"""Finds checkpoints by name or path and reads what they say about themselves; without torch."""

from __future__ import annotations

import difflib
from pathlib import Path

from vidcolor.errors import UnknownCheckpointError
from vidcolor.models.checkpoint_file import SUFFIX, CheckpointInfo, opened, parse_info
from vidcolor.resources import shipped_folder

DEFAULT_CHECKPOINT = "filmnet"
"""The shipped checkpoint that ``default`` stands for."""


def read_info(path: str | Path) -> CheckpointInfo:
    """Read a checkpoint's metadata alone; its tensors are not checked.

    Raises
    ------
    CheckpointError
        As `load_checkpoint`.
    """
    path = Path(path)
    with opened(path, framework="numpy") as file:
        return parse_info(path, file.metadata() or {})


def list_shipped() -> list[CheckpointInfo]:
    """What is in the folder of shipped checkpoints, the default first, the rest by name."""
    infos = [read_info(path) for path in _shipped_paths().values()]
    return sorted(infos, key=lambda info: (info.path.stem != DEFAULT_CHECKPOINT, info.path.stem))


def resolve(name_or_path: str | Path) -> Path:
    """The file that a name or path means; shipped names win over files of that name.

    Raises
    ------
    UnknownCheckpointError
        If there is none.
    """
    wanted = str(name_or_path)
    shipped = _shipped_paths()
    name = DEFAULT_CHECKPOINT if wanted == "default" else wanted
    if name in shipped:
        return shipped[name]
    path = Path(wanted)
    if wanted != "default" and path.is_file():
        return path
    known = ("default", *shipped)
    close = difflib.get_close_matches(wanted, known, n=1)
    hint = f"did you mean {close[0]!r}? " if close and close[0] != wanted else ""
    what = "is a folder" if path.is_dir() else "is neither a shipped checkpoint nor a file"
    choices = f"choose {', '.join(sorted(shipped))}" if shipped else "none are shipped"
    raise UnknownCheckpointError(
        f"checkpoint {wanted!r} {what}: {hint}{choices}, or give the path of a {SUFFIX} file"
    )


def _shipped_paths() -> dict[str, Path]:
    try:
        folder = shipped_folder("checkpoints")
    except FileNotFoundError:
        return {}
    return {path.stem: path for path in sorted(folder.glob(f"*{SUFFIX}"))}
