"""Give an old black-and-white film its colours back: same luma, same times, same sound.

>>> import vidcolor
>>> report = vidcolor.colorize_video("old_film.mp4")  # doctest: +SKIP

The names below are loaded on first use: ``import vidcolor`` itself is instant and does not
need torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vidcolor.lazy import lazy_names

if TYPE_CHECKING:
    from vidcolor.api import colorize_image, colorize_video
    from vidcolor.colorizer import Colorizer
    from vidcolor.config import RunSettings, load_preset
    from vidcolor.errors import (
        CheckpointError,
        DeviceError,
        InputError,
        Interrupted,
        OutputError,
        SettingsError,
        VidcolorError,
    )
    from vidcolor.jobs.run import color_film
    from vidcolor.report import ProgressEvent, RunReport

__version__ = "0.1.0"
"""The same as in pyproject.toml."""

__all__ = [
    "CheckpointError",
    "Colorizer",
    "DeviceError",
    "InputError",
    "Interrupted",
    "OutputError",
    "ProgressEvent",
    "RunReport",
    "RunSettings",
    "SettingsError",
    "VidcolorError",
    "__version__",
    "color_film",
    "colorize_image",
    "colorize_video",
    "load_preset",
]

_HOME = {
    "CheckpointError": "vidcolor.errors",
    "Colorizer": "vidcolor.colorizer",
    "DeviceError": "vidcolor.errors",
    "InputError": "vidcolor.errors",
    "Interrupted": "vidcolor.errors",
    "OutputError": "vidcolor.errors",
    "ProgressEvent": "vidcolor.report",
    "RunReport": "vidcolor.report",
    "RunSettings": "vidcolor.config",
    "SettingsError": "vidcolor.errors",
    "VidcolorError": "vidcolor.errors",
    "color_film": "vidcolor.jobs.run",
    "colorize_image": "vidcolor.api",
    "colorize_video": "vidcolor.api",
    "load_preset": "vidcolor.config",
}
"""Module of each public name."""


__getattr__ = lazy_names(__name__, _HOME)


def __dir__() -> list[str]:
    return sorted(__all__)
