"""Settings of a run, and the presets in ``pipelines/*.toml`` that fill them."""

from __future__ import annotations

import difflib
import tomllib
from pathlib import Path
from typing import Any, Literal, Self, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from vidcolor.errors import SettingsError
from vidcolor.resources import shipped_folder

Deinterlace = Literal["auto", "off", "bwdif"]
"""What is done with frames that hold two moments; see `RunSettings.deinterlace`."""

S = TypeVar("S", bound=BaseModel)


class _Settings(BaseModel):
    model_config = ConfigDict(
        extra="forbid", frozen=True, use_attribute_docstrings=True, allow_inf_nan=False
    )


class EncodeSettings(_Settings):
    """How the coloured film is encoded and wrapped."""

    container: Literal["keep", "mkv", "mp4", "mov"] = "keep"
    """``keep``: MP4, MOV and MKV stay what they are, everything else becomes MKV."""
    codec: str = "libx264"
    """libav encoder for luma of up to ``codec_max_bits`` bits."""
    codec_max_bits: int = 10
    """Deepest luma that ``codec`` is used for."""
    codec_deep: str = "libx265"
    """Encoder for luma deeper than ``codec_max_bits``, up to ``codec_deep_max_bits``."""
    codec_deep_max_bits: int = 12
    """Deepest luma that ``codec_deep`` is used for; beyond it FFV1."""
    options: dict[str, str] = Field(default_factory=dict)
    """Private options of ``codec``, such as ``crf``; one that it does not know is an error."""
    options_deep: dict[str, str] = Field(default_factory=dict)
    """Private options of ``codec_deep``."""
    min_bits: Literal[8, 10, 12] = 8
    """Shallower luma is shifted left to this depth, which loses nothing."""
    min_chroma: Literal["4:2:0", "4:2:2", "4:4:4"] = "4:2:0"
    """Chroma is never coarser than this, nor coarser than the source's."""
    scale: float = Field(default=1.0, gt=0, le=1)
    """Size of the output against the source; only ``preview`` gives up exact luma for speed."""


class NetworkSettings(_Settings):
    """Which network colours, and how."""

    checkpoint: str = "default"
    """Name of a shipped checkpoint, or a path to a ``.safetensors`` file."""
    device: str = "auto"
    """``auto``, ``cpu``, ``cuda``, ``cuda:N`` or ``mps``."""
    engine: Literal["auto", "torch", "openvino"] = "auto"
    """What runs the network on a CPU. ``auto`` is OpenVINO, which takes less time, for films
    of at least `vidcolor.colorizer.LEAST_FRAMES_TO_COMPILE` frames, and torch where OpenVINO is
    missing or fails, for shorter films, for stills and on all other devices. The two differ in the
    last bits."""
    batch_size: int | None = Field(default=None, ge=1, le=1024)
    """Frames given to the network at a time; None is what fits a GPU, or one for each CPU core."""
    short_side: int | None = Field(default=None, ge=32, le=2048)
    """Short side in pixels of the picture the network sees; None takes the checkpoint's own."""
    skip_repeats: bool = True
    """Frames that show what the one before shows (pull-down, held drawings, titles) get its colours
    without the network; see `vidcolor.temporal.repeats`."""
    every: Literal[1, 2, 4, 8] = 2
    """The network sees every so many frames; those between get its colours along motion where that
    can be followed. 1 gives it every frame but repeats. See `vidcolor.temporal.spared`."""
    vividness: float = Field(default=1.0, ge=0.25, le=4.0)
    """How much colourful bins count against pale ones where the network is unsure, for networks
    with ab bins: each is weighed by vividness^(its CIE chroma / 20). Above 1 is more vivid, below
    1 paler."""


class TemporalSettings(_Settings):
    """How colours are kept steady over time."""

    radius: Literal[0, 1, 3, 7, 15] = 7
    """Frames to either side that are averaged along motion, never across a cut; 0 is off."""
    shots: str | None = None
    """Path of a shot list, whose cuts are used; None finds them. See ``vidcolor shots``."""


class ShotLook(_Settings):
    """What a user may change about the colours, for the film or for one shot of its list."""

    strength: float = Field(default=1.0, ge=0.0, le=3.0)
    """Gain on a* and b*: 0 is grey, 1 the network's own."""
    shadows: float = Field(default=1.0, ge=0.0, le=2.0)
    """Gain at black, less and less of it up to mid grey; below 1 calms shadows."""
    highlights: float = Field(default=1.0, ge=0.0, le=2.0)
    """Gain at white, less and less of it down to mid grey."""
    warmth: float = Field(default=0.0, ge=-30.0, le=30.0)
    """CIE units added to b*: above 0 yellower, below 0 bluer; black and white stay neutral."""
    tint: float = Field(default=0.0, ge=-30.0, le=30.0)
    """CIE units added to a*: above 0 towards magenta, below 0 towards green; as ``warmth``."""
    skin_guard: float = Field(default=0.0, ge=0.0, le=1.0)
    """How far colours of the hue of skin are spared from all of the above."""
    max_chroma: float | None = Field(default=None, ge=5.0, le=150.0)
    """No colour gets a higher CIE chroma √(a*² + b*²); those near it are bent towards it."""
    palette: str | None = None
    """A picture whose mean and spread of colours the shot gets."""
    palette_share: float = Field(default=1.0, ge=0.0, le=1.0)
    """How far."""


class LookSettings(ShotLook):
    """What a user may change about the colours."""

    keep_tint: bool = False
    """Shots of one hue, tinted or toned prints, keep the source's chroma."""
    keep_color_shots: bool = False
    """Shots that are in colour already keep the source's chroma."""


WORK_LEAST_S = 5.0
"""Least length of a segment where work is kept: the shorter, the less a change costs."""


class SegmentSettings(_Settings):
    """How a film is divided; a run that was interrupted goes on after the last whole segment."""

    least_s: float = Field(default=20.0, ge=0)
    """Seconds after which a cut ends a segment."""
    most_s: float = Field(default=60.0, gt=0)
    """Seconds after which a segment ends, cut or not."""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.least_s > self.most_s:
            raise ValueError(f"least_s = {self.least_s:g} must not exceed most_s")
        return self


class Limits(_Settings):
    """What is too much of something: beyond it there is one clear error that names the limit.

    Generous for real films, far below what would exhaust a machine.
    """

    max_pixels: int = Field(default=1 << 28, gt=0, lt=1 << 31)
    """Width × height: 16384×16384, four times a 16K scan; one luma plane of 256 MiB."""
    max_streams: int = Field(default=128, gt=0, le=1_000_000)
    """Streams in a container."""
    max_frames: int = Field(default=50_000_000, gt=0)
    """Frames of a film, announced or read, or pictures in a sequence: 9 days at 60 per second."""
    max_duration_s: float = Field(default=30 * 86400.0, gt=0)
    """Length of a film in seconds, announced or read: 30 days."""
    max_bad_packets: int = Field(default=100, ge=0)
    """Packets in a row that may fail to decode. A lost keyframe costs one group of pictures, a few
    seconds at most; more than that is not damage but the wrong file. ``keep_partial`` lifts it."""
    stall_s: float = Field(default=900.0, gt=0)
    """Seconds after which a stage that neither ends what it does nor waits for another is given up:
    far more than any frame takes."""


class RunSettings(_Settings):
    """Everything that decides what ``vidcolor run`` produces."""

    preset: str = "film"
    """Where the values below came from; shown in the summary."""
    description: str = ""
    """One line for ``--help`` and the docs."""
    encode: EncodeSettings = EncodeSettings()
    network: NetworkSettings = NetworkSettings()
    temporal: TemporalSettings = TemporalSettings()
    look: LookSettings = LookSettings()
    segments: SegmentSettings = SegmentSettings()
    limits: Limits = Limits()
    references: str | None = None
    """Folder of keyframes whose edited colours are carried through their shots; see
    ``vidcolor keyframes``."""
    hints: str | None = None
    """Path of a hints file, whose colours are carried likewise."""
    deinterlace: Deinterlace = "auto"
    """``auto``: interlaced and telecined frames are found, their luma is kept and each field gets
    its own colours. ``bwdif``: FFmpeg's filter makes one whole frame of each. ``off``: all frames
    are treated as progressive."""
    start_s: float = Field(default=0.0, ge=0)
    """Where to begin, in seconds of presentation time."""
    duration_s: float | None = Field(default=None, gt=0)
    """How much to colour, in seconds; None is to the end."""
    keep_partial: bool = False
    """Accept a source that ends early or has undecodable packets."""
    allow_drop: bool = False
    """Go on when the container cannot hold a stream; otherwise ``strict_streams`` decides."""
    report: bool = False
    """Write a report of the run beside the output; see docs/report.md."""
    strict_streams: bool = False
    """A stream that would be dropped stops the run unless ``allow_drop``."""
    allow_hdr: bool = False
    """Colour PQ and HLG sources with the SDR solve's assumptions, which is not accurate."""
    overwrite: bool = False
    """Replace an existing output."""
    keep_work: bool = False
    """Keep segments and colours beside the output, so that a changed look or edit renders only what
    it changes. Segments then begin at cuts from `WORK_LEAST_S` on."""


RUN_PRESETS = ("film", "preview", "archive", "prores")
"""Presets for running, in the order they are listed; one ``pipelines/NAME.toml`` each."""


def load_preset(name_or_path: str) -> RunSettings:
    """Settings from a shipped preset's name or the path of a TOML file.

    Raises
    ------
    SettingsError
        If there is no such preset, or the file is not valid; the message names the field.
    """
    values = read_toml(find_pipeline(name_or_path, RUN_PRESETS))
    values.setdefault("preset", Path(name_or_path).stem)
    return validate_settings(RunSettings, values, origin=f"preset {name_or_path}")


def find_pipeline(name_or_path: str, names: tuple[str, ...], kind: str = "preset") -> Path:
    """Path of the TOML file that ``name_or_path`` means; ``kind`` is what messages call it.

    Raises
    ------
    SettingsError
        If it is neither one of ``names`` nor an existing ``.toml`` file.
    """
    if name_or_path in names:
        return shipped_folder("pipelines") / f"{name_or_path}.toml"
    path = Path(name_or_path)
    if path.suffix == ".toml" and path.is_file():
        return path
    close = difflib.get_close_matches(name_or_path, names, n=1)
    hint = f"did you mean {close[0]!r}? " if close else ""
    raise SettingsError(
        f"no {kind} {name_or_path!r}: {hint}choose {', '.join(names)}, "
        "or give the path of a .toml file"
    )


def read_toml(path: Path) -> dict[str, Any]:
    """Parse ``path``.

    Raises
    ------
    SettingsError
        If it cannot be read or is not TOML.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise SettingsError(f"cannot read {path}: {error}; fix the file and run again") from error


def validate_settings(model: type[S], values: dict[str, Any], origin: str) -> S:
    """Build ``model`` from ``values``; pydantic's errors become one line.

    Parameters
    ----------
    origin:
        Where the values came from; the message begins with it.

    Raises
    ------
    SettingsError
        Naming the field, the value and what is allowed.
    """
    try:
        return model.model_validate(values)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        if first["type"] == "extra_forbidden":
            parts = [part for part in first["loc"] if isinstance(part, str)]
            raise _no_such_field(model, parts, origin) from error
        why = first["msg"].removeprefix("Value error, ")
        if not first["loc"]:  # fields that do not go together; the message names them
            raise SettingsError(f"{origin}: {why}") from error
        where = ".".join(str(part) for part in first["loc"])
        raise SettingsError(
            f"{origin}: {where} = {first.get('input')!r} is not allowed: {why}"
        ) from error


def override(settings: S, changes: dict[str, Any], origin: str = "options") -> S:
    """A copy of ``settings`` with dotted fields replaced, ``{"encode.codec": "ffv1"}``.

    Parameters
    ----------
    origin:
        Where the changes came from; the message begins with it.

    Raises
    ------
    SettingsError
        If there is no such field, or a value is not allowed.
    """
    values = settings.model_dump()
    for dotted, value in changes.items():
        require_field(settings, dotted, origin)
        *parents, leaf = dotted.split(".")
        target = values
        for parent in parents:
            target = target.setdefault(parent, {})
            if not isinstance(target, dict):  # inside a free table, such as encode.options
                raise SettingsError(f"{origin}: no field {dotted!r}: {parent!r} is a value")
        target[leaf] = value
    return validate_settings(type(settings), values, origin=origin)


def require_field(settings: BaseModel, dotted: str, origin: str) -> None:
    """Refuse the name of a field that ``settings`` does not have.

    Raises
    ------
    SettingsError
        With the closest name and those that are allowed.
    """
    owner: Any = settings
    parts = dotted.split(".")
    for depth, part in enumerate(parts):
        if isinstance(owner, dict):
            return  # a free table, such as encode.options, takes any key
        if isinstance(owner, list | tuple):
            raise SettingsError(f"{origin}: {dotted!r} is inside a list, which is given whole")
        if owner is None:
            whole = ".".join(parts[:depth])
            raise SettingsError(
                f"{origin}: {dotted!r} needs {whole!r}, which is not set: set it whole"
            )
        if not isinstance(owner, BaseModel) or part not in type(owner).model_fields:
            raise _no_such_field(type(settings), parts, origin)
        owner = getattr(owner, part)


def _no_such_field(model: type[BaseModel], parts: list[str], origin: str) -> SettingsError:
    dotted = ".".join(parts)
    close = difflib.get_close_matches(dotted, _dotted_fields(model), n=1)
    hint = f"did you mean {close[0]!r}? " if close else ""
    owner: type[BaseModel] | None = model
    for part in parts:
        if owner is None or part not in owner.model_fields:
            break
        owner = _nested(owner, part)
    allowed = f"allowed are {', '.join(sorted(owner.model_fields))}" if owner else "it has no parts"
    return SettingsError(f"{origin}: no field {dotted!r}: {hint}{allowed}")


def _dotted_fields(model: type[BaseModel], prefix: str = "") -> list[str]:
    names = []
    for name in model.model_fields:
        names.append(prefix + name)
        nested = _nested(model, name)
        if nested is not None:
            names += _dotted_fields(nested, f"{prefix}{name}.")
    return names


def _nested(model: type[BaseModel], name: str) -> type[BaseModel] | None:
    """The settings class that a field holds, on its own or in a tuple."""
    annotation = model.model_fields[name].annotation
    for kind in (annotation, *get_args(annotation)):
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            return kind
    return None
