"""Settings and presets."""

from __future__ import annotations

from pathlib import Path

import pytest

from vidcolor.config import (
    RUN_PRESETS,
    RunSettings,
    find_pipeline,
    load_preset,
    override,
    read_toml,
)
from vidcolor.errors import SettingsError


@pytest.mark.parametrize("name", RUN_PRESETS)
def test_every_preset_loads_and_says_what_it_is_for(name: str) -> None:
    settings = load_preset(name)
    assert settings.preset == name
    assert settings.description.endswith(".")


def test_film_differs_from_the_defaults_only_in_what_it_names() -> None:
    """So that ``RunSettings()`` and the preset ``film`` treat a film alike."""
    film = load_preset("film")
    named = {"description": film.description, "encode": film.encode}
    assert film == RunSettings().model_copy(update=named)
    assert film.encode.container == RunSettings().encode.container


def test_what_archive_promises() -> None:
    archive = load_preset("archive")
    assert archive.strict_streams
    assert archive.report
    assert (archive.encode.codec, archive.encode.container) == ("ffv1", "mkv")


def test_presets_to_keep_or_work_on_show_every_frame_to_the_network() -> None:
    every = {name: load_preset(name).network.every for name in RUN_PRESETS}
    assert every == {"film": 2, "preview": 4, "archive": 1, "prores": 1}


def test_a_misspelt_preset_suggests_the_close_one() -> None:
    with pytest.raises(
        SettingsError, match=r"no preset 'achive': did you mean 'archive'\?.*\.toml"
    ):
        load_preset("achive")


def test_a_preset_of_ones_own(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text("[look]\nstrength = 0.5\n")
    settings = load_preset(str(path))
    assert (settings.preset, settings.look.strength) == ("mine", 0.5)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "[look]\nstrenght = 1\n",
            r"mine\.toml: no field 'look\.strenght': did you mean 'look\.strength'\? "
            r"allowed are highlights, .*, strength, tint, warmth$",
        ),
        ("[lok]\nstrength = 1\n", r"no field 'lok': .*allowed are allow_drop, .*, temporal$"),
        ("[look]\nstrength = 4\n", r"look\.strength = 4 is not allowed: .*less than"),
        ("[temporal]\nradius = 2\n", r"temporal\.radius = 2 is not allowed: .*0, 1, 3, 7 or 15"),
        ("[look\n", r"cannot read .*mine\.toml: .*fix the file"),
    ],
)
def test_a_wrong_preset_names_the_field(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(text)
    with pytest.raises(SettingsError, match=said) as caught:
        load_preset(str(path))
    assert "\n" not in str(caught.value)


def test_a_missing_toml_file_is_no_preset(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="no preset"):
        find_pipeline(str(tmp_path / "none.toml"), RUN_PRESETS)


def test_a_file_that_is_not_text(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SettingsError, match="cannot read"):
        read_toml(path)


def test_override_replaces_only_what_it_names() -> None:
    film = load_preset("film")
    changed = override(film, {"encode.codec": "ffv1", "overwrite": True})
    assert (changed.encode.codec, changed.overwrite) == ("ffv1", True)
    assert override(changed, {"encode.codec": "libx264", "overwrite": False}) == film


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"lok.strength": 1}, r"no field 'lok\.strength': did you mean 'look\.strength'\?"),
        ({"strength": 1}, r"did you mean 'look\.strength'\? allowed are allow_drop, .*look"),
        ({"look.strength.more": 1}, r"no field 'look\.strength\.more': .*it has no parts"),
        ({"encode.options.crf.x": 1}, r"encode\.options\.crf\.x': 'crf' is a value"),
        ({"zzz": 1}, r"no field 'zzz': allowed are"),
        ({"look.strength": float("nan")}, "finite"),
    ],
)
def test_override_refuses_a_field_that_is_not_there(changes: dict[str, object], said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        override(load_preset("film"), changes)


def test_override_reaches_into_a_free_table() -> None:
    changed = override(load_preset("film"), {"encode.options.tune": "film"})
    assert changed.encode.options["tune"] == "film"


def test_override_refuses_what_is_not_allowed() -> None:
    with pytest.raises(SettingsError, match=r"options: start_s = -1 is not allowed"):
        override(RunSettings(), {"start_s": -1})


def test_brackets_without_an_end(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text("x = " + "[" * 5000)
    with pytest.raises(SettingsError, match="cannot read"):
        load_preset(str(tmp_path / "mine.toml"))
