"""What a user wants changed: edited keyframes and hints, and looks with a palette."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

from vidcolor.colorizer import Colorizer
from vidcolor.config import RunSettings
from vidcolor.film_hints import hinted_frames
from vidcolor.frames import MediaInfo
from vidcolor.hints import read_hints
from vidcolor.keyframes import Keyframes
from vidcolor.palettes import shot_palettes, wanted_palettes
from vidcolor.references import Edit, load_references
from vidcolor.temporal.film_shots import FilmShots, find_shots
from vidcolor.temporal.shot_list import Shot, ShotList
from vidcolor.temporal.shot_looks import ShotLooks


def find_looks(
    source: str | Path,
    settings: RunSettings,
    shots: ShotList | None,
    colorizer: Colorizer,
    *,
    rate: str | None = None,
    cancel: threading.Event | None = None,
    on_frame: Callable[[], None] = lambda: None,
) -> ShotLooks:
    """The looks of all shots.

    Raises
    ------
    InputError
        If the picture of a palette cannot be read.
    """
    if not wanted_palettes(settings.look, list(shots.shots) if shots else [Shot(0.0, "start")]):
        return ShotLooks(settings.look, shots)
    found = _shots_of(source, shots, rate, cancel, on_frame)
    keyframes = Keyframes(
        source, settings, shots, colorizer, rate=rate, cancel=cancel, on_frame=on_frame
    )
    palettes = shot_palettes(settings.look, found, keyframes)
    return ShotLooks(settings.look, found.listed, palettes)


def find_edits(
    source: str | Path,
    info: MediaInfo,
    settings: RunSettings,
    shots: ShotList | None,
    colorizer: Colorizer,
    *,
    rate: str | None = None,
    cancel: threading.Event | None = None,
    on_frame: Callable[[], None] = lambda: None,
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
        found = _shots_of(source, shots, rate, cancel, on_frame)
        keyframes = Keyframes(
            source, settings, shots, colorizer, rate=rate, cancel=cancel, on_frame=on_frame
        )
        edits += hinted_frames(hints, keyframes, found, info.video)
    return edits


def _shots_of(
    source: str | Path,
    shots: ShotList | None,
    rate: str | None,
    cancel: threading.Event | None,
    on_frame: Callable[[], None],
) -> FilmShots:
    found = find_shots(
        source, rate=rate, keep_partial=True, cancel=cancel, on_frame=lambda *_: on_frame()
    )
    return found.with_list(shots)
