"""Everything that decides what a run produces."""

from __future__ import annotations

import os
from importlib import import_module
from pathlib import Path
from typing import Any

from vidcolor import __version__
from vidcolor.colorizer import Colorizer
from vidcolor.config import RunSettings, ShotLook
from vidcolor.devices import torch_version
from vidcolor.engine import segment_lengths
from vidcolor.errors import InputNotFoundError
from vidcolor.frames import MediaInfo
from vidcolor.jobs.folder import file_facts
from vidcolor.media.plan import IMAGE_SEQUENCE, OutputPlan
from vidcolor.media.sequence import find_files
from vidcolor.temporal.shot_list import ShotList

IRRELEVANT: dict[str, Any] = {
    **dict.fromkeys(("overwrite", "keep_partial", "allow_drop", "strict_streams"), True),
    **dict.fromkeys(("preset", "description", "references", "hints", "report"), True),
    "keep_work": True,
    "segments": True,
    "limits": True,
    "temporal": {"shots"},
    "look": set(ShotLook.model_fields),
    "network": {"checkpoint"},
}
"""Settings that decide whether there is a result, or name what has facts of its own."""

JOB_FORMAT = 7
"""Of what segments keep for the run: 2 has SHA-256 of luma, 3 the number of repeated frames, 4 that
of carried ones, 5 colours of pictures that were halved first, 6 ab that OpenVINO makes of bins,
7 packets without a container."""

LIBRARIES = ("numpy", "cv2", "av")
"""Beside torch, modules whose versions may change a result."""


def run_facts(
    info: MediaInfo,
    settings: RunSettings,
    plan: OutputPlan,
    colorizer: Colorizer,
    engine: str,
    shots: ShotList | None,
) -> dict[str, Any]:
    """What an unfinished run must have in common with one that goes on with its work.

    Looks and edits have a say in single segments only; see `vidcolor.jobs.changes`.

    ``engine`` is what runs the network. On a CPU torch's number of threads and the versions of the
    libraries decide the last bits.

    Raises
    ------
    InputNotFoundError
        If the source cannot be read any more.
    """
    return {
        "format": JOB_FORMAT,
        "content": source_facts(info),
        "video": repr(info.video),
        "settings": settings.model_dump(mode="json", exclude=IRRELEVANT),
        "segments": segment_lengths(settings),
        "shots": shots and [(s.start_s, s.begins, s.transition_s) for s in shots.shots],
        "plan": {"codec": plan.codec, "options": plan.options, "target": repr(plan.target)},
        "weights": colorizer.info.sha256,
        "device": _device_facts(colorizer, engine),
        "versions": {
            "vidcolor": __version__,
            "torch": torch_version(),  # which need not be loaded
            **{name: str(import_module(name).__version__) for name in LIBRARIES},
        },
    }


def _device_facts(colorizer: Colorizer, engine: str) -> list[str | int | None]:
    """Name, precision, engine, torch's threads if it is at work, cores."""
    name, threads = colorizer.device, None
    if engine == "torch":
        import torch

        threads = torch.get_num_threads()
        if name.startswith("cuda"):
            name = torch.cuda.get_device_name(name)
    return [name, colorizer.precision, engine, threads, os.cpu_count()]


def source_files(info: MediaInfo) -> list[Path]:
    """The file of a film, or the pictures of a sequence in their order.

    Raises
    ------
    InputNotFoundError
        If there are none.
    """
    if info.container != IMAGE_SEQUENCE:
        return [Path(info.path)]
    files = find_files(info.path)
    return [files.path(number) for number in files.numbers]


def source_facts(info: MediaInfo) -> dict[str, Any]:
    """What a film, or the pictures of a sequence, are known by.

    Raises
    ------
    InputNotFoundError
        If they cannot be read.
    """
    try:
        paths = source_files(info)
        if info.container != IMAGE_SEQUENCE:
            return file_facts(paths[0])
        return {"files": [[path.name, path.stat().st_size] for path in paths]}
    except OSError as error:
        raise InputNotFoundError(
            f"{error.filename or info.path} cannot be read: {error.strerror}; check the path"
        ) from error
