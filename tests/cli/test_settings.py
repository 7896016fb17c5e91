"""From options to settings."""

from __future__ import annotations

import pytest

from vidcolor.cli.settings import OPTION_OF_FIELD, build_settings
from vidcolor.config import load_preset
from vidcolor.errors import SettingsError


def test_without_options_a_preset_is_itself() -> None:
    nothing = dict.fromkeys(OPTION_OF_FIELD, None) | {"overwrite": False, "keep_partial": False}
    assert build_settings("archive", nothing) == load_preset("archive")


def test_an_option_wins_over_the_preset() -> None:
    settings = build_settings("preview", {"temporal.radius": 0, "start_s": 1.5, "overwrite": True})
    assert settings.temporal.radius == 0
    assert settings.start_s == 1.5
    assert settings.overwrite
    assert settings.encode == load_preset("preview").encode


def test_a_wrong_value_names_the_option_not_the_field() -> None:
    with pytest.raises(SettingsError, match=r"^--smooth = 5 is not allowed: .*0, 1, 3, 7 or 15"):
        build_settings("film", {"temporal.radius": 5})
    with pytest.raises(SettingsError, match=r"^--strength = 9\.0 is not allowed"):
        build_settings("film", {"look.strength": 9.0})


def test_crf_and_encoder_options_join_the_presets() -> None:
    encode = build_settings("film", {}, crf=20.0, encoder_options=["tune=film"]).encode
    assert encode.options == {"crf": "20", "preset": "medium", "tune": "film"}
    assert encode.options_deep == encode.options
    assert encode.codec == "libx264"


def test_an_encoder_option_wins_over_crf_and_may_hold_an_equals_sign() -> None:
    given = ["crf=1", "crf=2", "x264-params=keyint=1:me=dia"]
    encode = build_settings("film", {}, crf=20.0, encoder_options=given).encode
    assert encode.options["crf"] == "2"
    assert encode.options["x264-params"] == "keyint=1:me=dia"


@pytest.mark.parametrize(
    ("preset", "codec", "options"),
    [
        ("film", "libx264", {"crf": "16", "preset": "medium"}),
        ("preview", "libx265", {"crf": "25", "preset": "ultrafast"}),
        ("film", "libsvtav1", {}),
    ],
)
def test_a_codec_keeps_only_the_options_made_for_it(
    preset: str, codec: str, options: dict[str, str]
) -> None:
    encode = build_settings(preset, {}, codec=codec).encode
    assert (encode.codec, encode.codec_deep) == (codec, codec)
    assert encode.options == encode.options_deep == options
