"""Everything that decides what a run produces."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from vidcolor.colorizer import Colorizer
from vidcolor.config import RunSettings
from vidcolor.errors import InputNotFoundError
from vidcolor.frames import MediaInfo
from vidcolor.jobs.folder import file_facts
from vidcolor.media.plan import IMAGE_SEQUENCE, OutputPlan
from vidcolor.media.sequence import find_files

IRRELEVANT = dict.fromkeys(
    ("overwrite", "keep_partial", "allow_drop", "strict_streams", "preset", "description"), True
)
"""Settings that decide whether there is a result, not what it is."""

LIBRARIES = ("vidcolor", "torch", "numpy", "opencv-python", "av")
"""Whose versions may change a result."""


def run_facts(
    info: MediaInfo, settings: RunSettings, plan: OutputPlan, colorizer: Colorizer
) -> dict[str, Any]:
    """What an unfinished run must have in common with one that goes on with its work.

    On a CPU the number of threads and the versions of the libraries decide the last bits.

    Raises
    ------
    InputNotFoundError
        If the source cannot be read any more.
    """
    listed = settings.temporal.shots
    chosen = settings.model_dump(mode="json", exclude={**IRRELEVANT, "temporal": {"shots"}})
    try:
        source = _source_facts(info)
        shots = None if listed is None else file_facts(Path(listed))["samples"]
    except OSError as error:
        raise InputNotFoundError(
            f"{error.filename or info.path} cannot be read: {error.strerror}; check the path"
        ) from error
    return {
        "source": {"path": info.path, **source},
        "settings": chosen,
        "shots": shots,
        "plan": {"codec": plan.codec, "options": plan.options, "target": repr(plan.target)},
        "weights": colorizer.info.sha256,
        "device": f"{colorizer.device} {colorizer.precision}",
        "threads": torch.get_num_threads(),
        "versions": {name: version(name) for name in LIBRARIES},
    }


def _source_facts(info: MediaInfo) -> dict[str, Any]:
    if info.container != IMAGE_SEQUENCE:
        return file_facts(Path(info.path))
    files = find_files(info.path)
    paths = [files.path(number) for number in files.numbers]
    return {"files": [[path.name, path.stat().st_size, path.stat().st_mtime_ns] for path in paths]}
