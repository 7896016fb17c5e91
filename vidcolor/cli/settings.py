"""From a preset and command-line options to the settings of a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from vidcolor.config import (
    EncodeSettings,
    Limits,
    LookSettings,
    RunSettings,
    ShotLook,
    load_preset,
    override,
    validate_settings,
)
from vidcolor.errors import SettingsError

ANY_DEPTH = 16
"""``codec_max_bits`` of a codec that was asked for by name: it is used for every bit depth."""

OPTION_OF_FIELD = {
    "network.checkpoint": "--checkpoint",
    "network.device": "--device",
    "network.batch_size": "--batch-size",
    "network.every": "--network-every",
    "network.vividness": "--vividness",
    "look.strength": "--strength",
    "look.keep_tint": "--keep-tint",
    "look.keep_color_shots": "--keep-color-shots",
    "temporal.radius": "--smooth",
    "temporal.shots": "--shots",
    "references": "--references",
    "hints": "--hints",
    "deinterlace": "--deinterlace",
    "start_s": "--start",
    "duration_s": "--duration",
    "keep_work": "--keep-work",
    "report": "--report",
    "keep_partial": "--keep-partial",
    "allow_drop": "--allow-drop",
    "allow_hdr": "--allow-hdr",
    "overwrite": "--overwrite",
}
"""Settings fields that an option of ``vidcolor run`` replaces."""


def build_settings(
    preset: str,
    given: Mapping[str, Any],
    *,
    look: Sequence[str] = (),
    codec: str | None = None,
    crf: float | None = None,
    encoder_options: Sequence[str] = (),
    limits: Sequence[str] = (),
) -> RunSettings:
    """The preset with what was given on the command line in place of its own values.

    Parameters
    ----------
    given:
        Values by field (a key of `OPTION_OF_FIELD`); None and False leave the preset's.
    look:
        ``KEY=VALUE`` each, of `vidcolor.config.ShotLook`; a later one wins.
    codec, crf, encoder_options:
        See `encode_changes`.
    limits:
        ``KEY=VALUE`` each, of `vidcolor.config.Limits`; a later one wins.

    Raises
    ------
    SettingsError
        Naming the option, the value and what is allowed.
    """
    settings = load_preset(preset)
    for name, value in given.items():
        if value is not None and value is not False:
            settings = _override_one(settings, name, value)
    if look:
        settings = settings.model_copy(update={"look": changed_look(settings.look, look)})
    if limits:
        settings = settings.model_copy(update={"limits": changed_limits(settings.limits, limits)})
    changes = encode_changes(settings.encode, codec, crf, encoder_options)
    return override(settings, {f"encode.{name}": value for name, value in changes.items()})


def changed_look(look: LookSettings, assignments: Sequence[str]) -> LookSettings:
    """``look`` with what ``--look KEY=VALUE`` says.

    Raises
    ------
    SettingsError
        Naming the key, or the value and what is allowed.
    """
    changes = named(assignments)
    shot_look = validate_settings(ShotLook, changes, origin="--look")
    return look.model_copy(update={name: getattr(shot_look, name) for name in changes})


def changed_limits(limits: Limits, assignments: Sequence[str]) -> Limits:
    """``limits`` with what ``--limit KEY=VALUE`` says.

    Raises
    ------
    SettingsError
        Naming the key, or the value and what is allowed.
    """
    return validate_settings(Limits, limits.model_dump() | named(assignments), origin="--limit")


def given_limits(assignments: Sequence[str] | None) -> Limits:
    """The usual limits with what ``--limit KEY=VALUE`` says.

    Raises
    ------
    SettingsError
        Naming the key, or the value and what is allowed.
    """
    return changed_limits(Limits(), assignments or ())


def named(assignments: Sequence[str]) -> dict[str, str]:
    """Values by key of ``KEY=VALUE`` each; a later one wins."""
    pairs = (assignment.split("=", 1) for assignment in assignments)
    return {key.strip(): value.strip() for key, value in pairs}


def _override_one(settings: RunSettings, name: str, value: Any) -> RunSettings:
    try:
        return override(settings, {name: value})
    except SettingsError as error:
        # The user wrote --smooth and does not know the field behind it.
        said = str(error).replace(f"options: {name}", OPTION_OF_FIELD[name])
        raise SettingsError(said) from error


def encode_changes(
    encode: EncodeSettings,
    codec: str | None,
    crf: float | None,
    encoder_options: Sequence[str],
) -> dict[str, Any]:
    """Fields of ``encode`` that ``--codec``, ``--crf`` and ``--encoder-option`` replace.

    A codec asked for by name is used for every bit depth that it can hold, and the preset's
    options are kept only if the preset had them for this codec: another encoder would not know
    them, or read them differently. ``--crf`` and ``--encoder-option`` come on top.

    Parameters
    ----------
    encoder_options:
        ``KEY=VALUE`` each; a later one wins.
    """
    extra = dict(option.split("=", 1) for option in encoder_options)
    if crf is not None:
        extra = {"crf": f"{crf:g}"} | extra
    if codec is None:
        return {
            "options": encode.options | extra,
            "options_deep": encode.options_deep | extra,
        }
    known = {encode.codec_deep: encode.options_deep, encode.codec: encode.options}
    options = known.get(codec, {}) | extra
    return {
        "codec": codec,
        "codec_max_bits": ANY_DEPTH,
        "codec_deep": codec,
        "codec_deep_max_bits": ANY_DEPTH,
        "options": options,
        "options_deep": options,
    }
