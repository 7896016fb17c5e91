from __future__ import annotations

import sys
from pathlib import Path

import pytest

from vidcolor.errors import SettingsError
from vidcolor.models import registry
from vidcolor.models.filmnet import FilmNet


@pytest.fixture(autouse=True)
def _own_table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_TARGETS", dict(registry._TARGETS))


def test_creates_by_name() -> None:
    network = registry.create("filmnet", {"drop_path": 0.1})
    assert isinstance(network, FilmNet)
    assert network.config()["drop_path"] == 0.1
    assert network.training


def test_names_are_sorted_and_match_their_classes() -> None:
    names = registry.architectures()
    assert list(names) == sorted(names)
    assert "filmnet" in names
    for name in names:
        assert registry.network_class(name).architecture == name


def test_unknown_name_suggests_a_close_one() -> None:
    with pytest.raises(SettingsError, match=r"no network 'filmnte': did you mean 'filmnet'\?"):
        registry.create("filmnte")


@pytest.mark.parametrize("config", [{"no_such": 1}, {"temperature": -1.0}, {"temperature": "x"}])
def test_config_that_does_not_fit_is_one_clear_error(config: dict[str, object]) -> None:
    with pytest.raises(SettingsError, match="'filmnet' cannot be built from"):
        registry.create("filmnet", config)


def test_a_registered_class_is_imported_only_when_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "late_network.py").write_text(
        "from vidcolor.models.filmnet import FilmNet\n"
        "class LateNet(FilmNet):\n"
        "    architecture = 'late'\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    registry.register("late", "late_network:LateNet")
    assert "late" in registry.architectures()
    assert "late_network" not in sys.modules
    try:
        assert registry.create("late").architecture == "late"
    finally:
        sys.modules.pop("late_network", None)


def test_a_name_cannot_be_taken_twice() -> None:
    registry.register("filmnet", "vidcolor.models.filmnet:FilmNet")  # the same again is fine
    with pytest.raises(ValueError, match="already"):
        registry.register("filmnet", "somewhere:Else")
    with pytest.raises(ValueError, match="ClassName"):
        registry.register("other", "somewhere")
