"""Names that are loaded on first use."""

from __future__ import annotations

import sys
import types

import pytest

import vidcolor.models
from vidcolor.lazy import lazy_names


@pytest.fixture
def package(monkeypatch: pytest.MonkeyPatch) -> types.ModuleType:
    module = types.ModuleType("a_package")
    monkeypatch.setitem(sys.modules, "a_package", module)
    monkeypatch.setattr(
        module, "__getattr__", lazy_names("a_package", {"sqrt": "math"}), raising=False
    )
    return module


def test_a_name_is_loaded_once(package: types.ModuleType) -> None:
    assert "sqrt" not in vars(package)
    assert package.sqrt(9) == 3
    assert "sqrt" in vars(package)


def test_an_unknown_name_is_an_attribute_error(package: types.ModuleType) -> None:
    with pytest.raises(AttributeError, match="module 'a_package' has no attribute 'cbrt'"):
        _ = package.cbrt


@pytest.mark.parametrize("name", vidcolor.models.__all__)
def test_the_names_of_networks_load(name: str) -> None:
    value = getattr(vidcolor.models, name)
    home = vidcolor.models._HOME[name]
    assert getattr(value, "__module__", home) == home or isinstance(value, str)
