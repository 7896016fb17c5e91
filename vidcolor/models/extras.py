"""Optional packages, imported only when a network needs them."""

from __future__ import annotations

import importlib
from types import ModuleType

from vidcolor.errors import MissingExtraError


def require(module: str, extra: str) -> ModuleType:
    """Import ``module``.

    Parameters
    ----------
    module:
        Dotted name.
    extra:
        Of vidcolor's optional dependencies, the one that brings it.

    Raises
    ------
    MissingExtraError
        If it is not installed, or does not work with what is.
    """
    try:
        return importlib.import_module(module)
    except (ImportError, RuntimeError) as error:  # torchvision beside another build of torch
        raise MissingExtraError(
            f"{module.partition('.')[0]} is needed and cannot be imported ({error}): run "
            f"pip install 'vidcolor[{extra}]'"
        ) from error
