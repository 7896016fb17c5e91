"""What `fuzz.py` feeds: small whole files of every kind, and what reads each of them."""

from __future__ import annotations

import random
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent))
from tests.media.icc_profiles import ADOBE_RGB_TO_D50, gamma_curve, rgb_profile
from tests.models.caffe_files import write_caffemodel
from tests.synthetic import make_film, run_ffmpeg
from vidcolor.config import Limits

LIMITS = Limits(max_pixels=1 << 22)
"""Far below the default: what a header may ask for is to be refused or decoded within the time."""

MOST_FRAMES = 40
"""Read of a film."""

KEYFRAMES = "keyframes.toml"
SCANS = "scan_%02d"


@dataclass(frozen=True)
class Target:
    """One way into vidcolor."""

    name: str
    weight: int
    """How often it has a turn, against the others."""
    run: Callable[[Path, random.Random], None]
    seeds: tuple[str, ...]
    """File names of `make_seeds` that are mutated for it."""


B_FRAMES = {"preset": "medium", "x264-params": "bframes=2:keyint=4"}
ALL: dict[str, Any] = {"audio": 1, "chapters": True, "metadata": {"title": "a film"}}

FILMS: dict[str, dict[str, Any]] = {
    "h264.mp4": {"options": B_FRAMES, "subtitles": "mov_text", **ALL},
    "fragments.mp4": {"container_options": {"movflags": "frag_keyframe+empty_moov"}, "audio": 1},
    "h265.mp4": {"codec": "libx265"},
    "hev1.mkv": {"codec": "libx265", "pix_fmt": "yuv420p10le"},
    "av1.mp4": {"codec": "libsvtav1", "width": 64, "height": 64, "options": {"preset": "12"}},
    "prores.mov": {"codec": "prores_ks", "pix_fmt": "yuv422p10le", "audio": 1},
    "mjpeg.mov": {"codec": "mjpeg", "pix_fmt": "yuvj420p", "rotation": 90},
    "h264.mkv": {"options": B_FRAMES, "subtitles": ["srt", "ass"], "attachment": True, **ALL},
    "ffv1.mkv": {"codec": "ffv1", "pix_fmt": "gray10le", "vfr": True},
    "vp9.webm": {
        "codec": "libvpx-vp9",
        "options": {"deadline": "realtime", "cpu-used": "8"},
        "subtitles": "webvtt",
    },
    "mpeg4.avi": {"codec": "mpeg4", "audio": 1, "audio_codec": "pcm_s16le"},
    "huffyuv.avi": {"codec": "huffyuv", "pix_fmt": "yuv422p", "width": 32, "height": 32},
    "mpeg2.mpg": {"codec": "mpeg2video", "rate": 25, "options": {"bf": "2"}, "audio": 1,
                  "audio_codec": "mp2"},
    "h264.ts": {"options": B_FRAMES, "audio": 1},
    "mpeg2.mxf": {"codec": "mpeg2video", "rate": 25},
    "flv1.flv": {"codec": "flv1"},
    "wmv2.wmv": {"codec": "wmv2", "format": "asf", "audio": 1, "audio_codec": "mp2"},
    "ffv1.nut": {"codec": "ffv1"},
    "raw.nut": {"codec": "rawvideo", "pix_fmt": "yuyv422", "width": 32, "height": 16},
}  # fmt: skip
"""Options for `make_film`."""

REWRAPPED = {
    "theora.ogv": (),
    "lossless.y4m": ("-s", "32x24"),
    "h264.h264": ("-c:v", "libx264"),
    "m2v.m2v": ("-c:v", "mpeg2video", "-r", "25"),
    "film.gif": (),
    "dv.dv": ("-s", "720x576", "-r", "25", "-pix_fmt", "yuv420p", "-frames:v", "1"),
    "vp8.ivf": ("-c:v", "libvpx", "-deadline", "realtime"),
}
"""Arguments for the ffmpeg program, where PyAV has no encoder or muxer."""

PICTURES = {
    "8.png": (np.uint8, 3, ()),
    "16.png": (np.uint16, 3, ()),
    "gray.png": (np.uint8, 1, ()),
    "alpha.png": (np.uint8, 4, ()),
    "8.jpg": (np.uint8, 3, ()),
    "gray.jpg": (np.uint8, 1, ()),
    "8.tif": (np.uint8, 3, ()),
    "16.tif": (np.uint16, 3, ()),
    "plain.tif": (np.uint16, 1, (cv2.IMWRITE_TIFF_COMPRESSION, 1)),
    "8.webp": (np.uint8, 3, ()),
    "8.bmp": (np.uint8, 3, ()),
}
"""Type, channels and OpenCV's options."""

SEQUENCES = ("scan_01.png", "scan_01.tif", "scan_01.dpx")

HINTS = """[[hint]]
x = 41.5
y = 23
color = "#7a3b2e"

[[hint]]
points = [[3, 4], [9, 44], [60, 40]]
color = "auto"
radius = 6
time = 0.1
"""
SHOTS = """film = "input.mp4"
[[shot]]
start = 0.0
begins = "start"
[[shot]]
start = 12.345
begins = "dissolve"
transition = 0.5
strength = 0.8
warmth = -4
"""
KEYFRAME_LIST = """film = "input.mp4"
[[keyframe]]
file = "shot-0001.png"
time = 3.125
start = 0.0
end = 6.25
"""
TEXTS = {
    "hints.toml": HINTS,
    "hints.csv": "x;y;color;radius\n41,5;23;#7a3b2e;6\n3;4;auto;\n",
    "shots.toml": SHOTS,
    "shots.csv": "start,begins,transition,strength\n0,start,,\n12.345,dissolve,0.5,0.8\n",
    KEYFRAMES: KEYFRAME_LIST,
}


def make_seeds(folder: Path) -> None:
    """Write all of them into ``folder``."""
    import torch

    torch.set_num_threads(1)
    size = {"width": 64, "height": 48, "frames": 6}
    for name, options in FILMS.items():
        make_film(folder / name, **{**size, **options})
    source = make_film(folder / "source.mkv", codec="ffv1", **size)
    for name, arguments in REWRAPPED.items():
        run_ffmpeg("-i", str(source), *arguments, str(folder / name))
    source.unlink()
    _make_pictures(folder)
    _make_weights(folder)
    for name, text in TEXTS.items():
        (folder / name).write_text(text, encoding="utf-8")
    for preset in (Path(__file__).parent.parent / "pipelines").glob("*.toml"):
        kind = "recipe-" if preset.stem.startswith("train-") else "preset-"
        shutil.copy(preset, folder / (kind + preset.name))


def _make_pictures(folder: Path) -> None:
    from PIL import Image

    rng = np.random.default_rng(0)
    for name, (dtype, channels, options) in PICTURES.items():
        top = np.iinfo(dtype).max
        picture = rng.integers(0, top, (24, 32, channels), dtype=dtype, endpoint=True)
        cv2.imwrite(str(folder / name), picture, options)
    picture = Image.fromarray(rng.integers(0, 255, (24, 32, 3), np.uint8))
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 6, "a photo"
    profile = rgb_profile(ADOBE_RGB_TO_D50, gamma_curve(2.2))
    for name in ("profile.jpg", "profile.tif", "profile.png", "profile.webp"):
        picture.save(folder / name, exif=exif, icc_profile=profile)
    picture.convert("P").save(folder / "palette.png", transparency=3)
    picture.convert("CMYK").save(folder / "cmyk.jpg")
    picture.convert("1").save(folder / "bit.tif", compression="group4")
    for name in SEQUENCES:
        run_ffmpeg("-i", str(folder / "16.png"), "-pix_fmt", "rgb48", "-update", "1",
                   str(folder / name))  # fmt: skip


def _make_weights(folder: Path) -> None:
    import torch

    from vidcolor.models import registry
    from vidcolor.models.checkpoint import save_checkpoint

    torch.manual_seed(0)
    save_checkpoint(
        folder / "alpha.safetensors", registry.create("alpha", {}), name="alpha", licence="MIT"
    )
    state = {"model8.6.weight": torch.ones(3, 2, 1, 1), "model1.0.bias": torch.zeros(4)}
    torch.save(state, folder / "zip.pth")
    torch.save(state, folder / "pickle.pth", _use_new_zipfile_serialization=False)
    layers = {
        "conv": ("Convolution", [np.ones((2, 3, 1, 1)), np.zeros(2)]),
        "norm": ("BatchNorm", [np.ones(3), np.ones(3), np.ones(1)]),
    }
    write_caffemodel(folder / "small.caffemodel", layers)


def _film(path: Path, rng: random.Random) -> None:
    from vidcolor.media.plan import plan_output
    from vidcolor.media.reader import FilmReader

    start_s = rng.choice((0.0, 0.0, 0.0, 0.1))
    with FilmReader(
        path,
        keep_partial=rng.random() < 0.5,
        start_s=start_s,
        limits=LIMITS,
        threads=rng.choice((1, 1, 1, 2)),
    ) as reader:
        if rng.random() < 0.2:
            plan_output(reader.info, _settings(), path.with_name("out.mkv"))
        for count, _ in enumerate(reader):
            if count > MOST_FRAMES:
                break


def _run(path: Path, rng: random.Random) -> None:
    from vidcolor.config import override
    from vidcolor.jobs.run import color_film

    changes = {"keep_partial": rng.random() < 0.5, "allow_drop": True, "duration_s": 1.5}
    output = path.with_name("out" + rng.choice((".mkv", ".mp4", ".mov")))
    color_film(path, output, override(_settings(), changes), colorizer=_colorizer())


@cache
def _settings() -> Any:
    from vidcolor.config import RunSettings, override

    return override(
        RunSettings(),
        {
            "network.short_side": 32,
            "overwrite": True,
            "encode.options": {"preset": "ultrafast"},
            "limits.max_pixels": LIMITS.max_pixels,
        },
    )  # fmt: skip


@cache
def _colorizer() -> Any:
    import torch

    from vidcolor.colorizer import Colorizer
    from vidcolor.config import NetworkSettings

    torch.set_num_threads(1)
    # Of the seeds, which lie beside the folder of what is fed.
    checkpoint = str(SEED_FOLDER[0] / "alpha.safetensors")
    return Colorizer(NetworkSettings(checkpoint=checkpoint, device="cpu", short_side=32))


SEED_FOLDER: list[Path] = []
"""Where `make_seeds` has written; set by the program."""


def _picture(path: Path, rng: random.Random) -> None:
    from vidcolor.media.images import read_image, read_rgb

    (read_image if rng.random() < 0.5 else read_rgb)(path, max_pixels=LIMITS.max_pixels)


def _sequence(path: Path, rng: random.Random) -> None:
    from vidcolor.media.sequence import open_source

    pattern = path.with_name(SCANS + path.suffix)
    scan = path.rename(path.with_name("scan_01" + path.suffix))
    try:
        with open_source(pattern, rate="24", keep_partial=rng.random() < 0.5, limits=LIMITS) as r:
            list(r)
    finally:
        scan.rename(path)


def _checkpoint(path: Path, rng: random.Random) -> None:
    from vidcolor.models.checkpoint import load_checkpoint
    from vidcolor.models.checkpoint_names import read_info

    (read_info if rng.random() < 0.3 else load_checkpoint)(path)


def _weights(path: Path, _rng: random.Random) -> None:
    from vidcolor.models.importing import import_weights

    import_weights(path, path.with_name("out.safetensors"))


def _preset(path: Path, _rng: random.Random) -> None:
    from vidcolor.config import load_preset

    load_preset(str(path))


def _recipe(path: Path, _rng: random.Random) -> None:
    from vidcolor.training.recipe import load_recipe

    load_recipe(str(path))


def _shots(path: Path, _rng: random.Random) -> None:
    from vidcolor.temporal.shot_list import read_list_of, write_shot_list

    shots = read_list_of(path, "input.mp4")
    for suffix in (".toml", ".csv"):
        write_shot_list(shots, suffix)
    for time_s in (0.0, 5.0, 12.4):
        shots.mix_at(time_s)


def _hints(path: Path, _rng: random.Random) -> None:
    from vidcolor.hints import apply_hints, read_hints

    hints = read_hints(path)
    hints.check_inside(64, 48)
    luma = np.linspace(0, 255, 48 * 64).astype(np.uint8).reshape(48, 64)
    apply_hints(hints.hints, np.zeros((2, 12, 16), np.float32), luma, 8, True)


def _keyframes(path: Path, _rng: random.Random) -> None:
    from vidcolor.references import read_keyframes

    folder = path.with_name("keyframes")
    folder.mkdir(exist_ok=True)
    shutil.copy(path, folder / KEYFRAMES)
    for keyframe in read_keyframes(folder, "input.mp4"):
        keyframe.original.exists()


def _settings_files(kind: str) -> tuple[str, ...]:
    folder = Path(__file__).parent.parent / "pipelines"
    names = sorted(path.name for path in folder.glob("*.toml"))
    is_recipe = kind == "recipe"
    return tuple(f"{kind}-{n}" for n in names if n.startswith("train-") is is_recipe)


ALL_FILMS = (*FILMS, *REWRAPPED)
MORE_PICTURES = (
    *("profile.jpg", "profile.tif", "profile.png", "profile.webp"),
    *("palette.png", "cmyk.jpg", "bit.tif"),
)
TARGETS = (
    Target("film: probe and reader", 40, _film, ALL_FILMS),
    Target("film: whole run", 1, _run, tuple(n for n in ALL_FILMS if n != "dv.dv")),
    Target("picture, palette", 20, _picture, (*PICTURES, *MORE_PICTURES)),
    Target("image sequence", 6, _sequence, SEQUENCES),
    Target("checkpoint", 10, _checkpoint, ("alpha.safetensors",)),
    Target("weights to import", 6, _weights, ("zip.pth", "pickle.pth", "small.caffemodel")),
    Target("preset", 6, _preset, _settings_files("preset")),
    Target("recipe", 3, _recipe, _settings_files("recipe")),
    Target("shot list", 4, _shots, ("shots.toml", "shots.csv")),
    Target("hints", 4, _hints, ("hints.toml", "hints.csv")),
    Target("keyframe list", 3, _keyframes, (KEYFRAMES,)),
)
