"""What a user wants changed in single frames: edited keyframes and hints."""

from __future__ import annotations

import threading
from pathlib import Path

from vidcolor.colorizer import Colorizer
from vidcolor.config import RunSettings
from vidcolor.film_hints import hinted_frames
from vidcolor.frames import MediaInfo
from vidcolor.hints import read_hints
from vidcolor.keyframes import Keyframes
from vidcolor.references import Edit, load_references
from vidcolor.temporal.film_shots import find_shots
from vidcolor.temporal.shot_list import ShotList


def find_edits(
    source: str | Path,
    info: MediaInfo,
    settings: RunSettings,
    shots: ShotList | None,
    colorizer: Colorizer,
    *,
    rate: str | None = None,
    cancel: threading.Event | None = None,
) -> list[Edit]:
    """Those that ``settings`` name; hints after keyframes, so that they are painted over them.

    Raises
    ------
    SettingsError
        If a list or hint is wrong.
    InputError
        If a picture cannot be read.
    """
    edits: list[Edit] = []
    if settings.references is not None:
        folder = Path(settings.references)
        edits += load_references(folder, Path(source).name, info.video)
    if settings.hints is not None:
        hints = read_hints(Path(settings.hints))
        found = find_shots(source, rate=rate, keep_partial=True, cancel=cancel).with_list(shots)
        keyframes = Keyframes(source, settings, shots, colorizer, rate=rate, cancel=cancel)
        edits += hinted_frames(hints, keyframes, found, info.video)
    return edits
