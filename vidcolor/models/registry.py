"""Architecture name → network class. A class is imported only when it is asked for."""

from __future__ import annotations

import difflib
import importlib
from typing import Any

from vidcolor.errors import SettingsError
from vidcolor.models.base import ColorNetwork

_TARGETS: dict[str, str] = {
    "alpha": "vidcolor.models.alpha:Alpha",
    "beta": "vidcolor.models.beta:Beta",
    "ddcolor": "vidcolor.models.ddcolor:DDColor",
    "eccv16": "vidcolor.models.eccv16:ECCV16",
    "filmnet": "vidcolor.models.filmnet:FilmNet",
    "fusion": "vidcolor.models.fusion:Fusion",
    "siggraph17": "vidcolor.models.siggraph17:SIGGRAPH17",
    "unet": "vidcolor.models.unet:UNet",
    "vgg16": "vidcolor.models.vgg16:VGG16",
}
"""``module:class`` by architecture name; strings, so that optional packages stay unloaded."""


def register(architecture: str, target: str) -> None:
    """Add a network.

    Parameters
    ----------
    architecture:
        Its name, as in `ColorNetwork.architecture`.
    target:
        ``package.module:ClassName``, imported on first use.

    Raises
    ------
    ValueError
        If the name stands for another class already, or ``target`` has no colon.
    """
    if ":" not in target:
        raise ValueError(f"target must be 'package.module:ClassName', not {target!r}")
    if _TARGETS.setdefault(architecture, target) != target:
        raise ValueError(f"architecture {architecture!r} is {_TARGETS[architecture]} already")


def architectures() -> tuple[str, ...]:
    """Names of all networks, sorted."""
    return tuple(sorted(_TARGETS))


def network_class(architecture: str) -> type[ColorNetwork]:
    """The class behind a name.

    Raises
    ------
    SettingsError
        If there is none.
    """
    if architecture not in _TARGETS:
        close = difflib.get_close_matches(architecture, architectures(), n=1)
        hint = f"did you mean {close[0]!r}? " if close else ""
        raise SettingsError(
            f"no network {architecture!r}: {hint}choose {', '.join(architectures())}"
        )
    module, _, name = _TARGETS[architecture].partition(":")
    found: type[ColorNetwork] = getattr(importlib.import_module(module), name)
    return found


def create(architecture: str, config: dict[str, Any] | None = None) -> ColorNetwork:
    """A network with random weights, in train mode.

    Parameters
    ----------
    architecture:
        One of `architectures`.
    config:
        Keyword arguments of its class; see `ColorNetwork.config`.

    Raises
    ------
    SettingsError
        If there is no such network, or ``config`` does not fit it.
    """
    cls = network_class(architecture)
    try:
        return cls(**(config or {}))
    except (TypeError, ValueError) as error:
        raise SettingsError(
            f"network {architecture!r} cannot be built from {config}: {error}"
        ) from error
