"""What is in a file, as the ffmpeg program sees it: a second opinion that shares nothing with PyAV.

Its FFmpeg is another version, in a process of its own. Packets are hashed as they lie in the
file (``framehash``), tags come from ``ffmetadata``, the film's pictures from ``showinfo`` and as
raw luma.
"""

from __future__ import annotations

import re
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import ffmpeg
import imageio_ffmpeg
import numpy as np
import numpy.typing as npt
from av.video.format import VideoFormat

DISPOSITIONS = (
    *("default", "dub", "original", "comment", "lyrics", "karaoke", "forced", "hearing impaired"),
    *("visual impaired", "clean effects", "attached pic"),
)
"""Marks of a stream, as the program prints them; two more follow from these in MP4."""

_DEPTHS = ("", "9le", "10le", "12le", "14le", "16le")
READABLE = (
    *(f"yuv{kind}p{bits}" for kind in ("420", "422", "444") for bits in _DEPTHS),
    *("yuv410p", "yuv411p", "yuv440p", "yuvj420p", "yuvj422p", "yuvj444p"),
    *("gray", "gray9le", "gray10le", "gray12le", "gray14le", "gray16le"),
    *(f"yuva{kind}p{bits}" for kind in ("420", "422", "444") for bits in ("", "10le")),
    *("yuva422p12le", "yuva444p12le", "gbrap", "gbrap10le", "gbrap12le", "gbrap16le"),
    *("gbrp", "gbrp9le", "gbrp10le", "gbrp12le", "gbrp14le", "gbrp16le"),
)
"""Formats that are taken as they are; packed ones are taken apart into them, which is exact."""

SHOWN_SIDE = 32
"""Width and height of `Film.shown`."""

_STREAM_LINE = re.compile(r" +Stream #0:(\d+)(?:\[\w+\])?(?:\((\w+)\))?: (\w+): (\S+?),? ?(.*)")
_FRAME_LINE = re.compile(r"n: *\d+ pts: *(-?\d+|NOPTS) .*? fmt:(\w+) (.*)")
_COLOR_LINE = re.compile(
    r"color_range:(\w+) color_space:(\w+) color_primaries:(\w+) color_trc:(\w+)"
)
_ROTATION_LINE = re.compile(r"displaymatrix: rotation of (-?[\d.]+) degrees")


@dataclass
class Packet:
    """One packet of a stream."""

    pts: Fraction | None
    """In seconds."""
    digest: str


@dataclass
class Stream:
    """What is known of one stream."""

    index: int
    kind: str
    codec: str
    flags: frozenset[str] = frozenset()
    """Those of `DISPOSITIONS`."""
    tags: dict[str, str] = field(default_factory=dict)
    header: str = ""
    """Hash of its headers; for an attachment, of the file itself."""
    payload: str = ""
    """Hash of all packets one after the other, however they are cut."""
    packets: list[Packet] = field(default_factory=list)


@dataclass
class Film:
    """The pictures that are coloured."""

    pix_fmt: str = ""
    raw_format: str = ""
    """What the program made of it for `luma`: one of `READABLE`."""
    size: tuple[int, int] = (0, 0)
    sar: Fraction = Fraction(1)
    rotation: int = 0
    fields: str = "P"
    """P is progressive, T and B are interlaced, top or bottom field first."""
    siting: str = ""
    color: tuple[str, ...] = ()
    """Range, matrix, primaries, transfer."""
    times: list[Fraction | None] = field(default_factory=list)
    luma: list[npt.NDArray[Any]] = field(default_factory=list)
    shown: npt.NDArray[np.uint8] | None = None
    """The first picture in grey, turned and mirrored as a player shows it and scaled to
    `SHOWN_SIDE` squared; only for a film with a display matrix."""


@dataclass
class Facts:
    """All of a file."""

    container: str
    tags: dict[str, str]
    chapters: list[tuple[Fraction, Fraction, str]]
    streams: list[Stream]
    film: Film


def read(path: Path, film: int, unwrap: Mapping[int, str] | None = None) -> Facts:
    """What is in the file ``path``, whose stream number ``film`` is decoded.

    Parameters
    ----------
    unwrap:
        Bitstream filters by stream, for packets that carry a header of their container.

    Raises
    ------
    RuntimeError
        With what the program said, if it cannot read the file.
    """
    with tempfile.TemporaryDirectory() as folder:
        at = Path(folder)
        printed, raw = _run(path, film, at, unwrap or {})
        text = printed.decode(errors="replace")
        tags, stream_tags, chapters = _metadata((at / "tags").read_text(errors="replace"))
        streams = _streams(text)
        for stream, own in zip(streams, stream_tags, strict=True):
            stream.tags = own
        _add_packets((at / "packets").read_text(), streams)
        _add_payloads((at / "payloads").read_text(), streams)
    container = re.search(r"Input #0, (\S+), from", text)
    assert container is not None, text
    pictures = _film(text)
    pictures.luma = _luma(raw, pictures)
    if "displaymatrix" in text:
        pictures.shown = _shown(path, film)
    return Facts(container[1], tags, chapters, streams, pictures)


def _run(path: Path, film: int, at: Path, unwrap: Mapping[int, str]) -> tuple[bytes, bytes]:
    source = ffmpeg.input(str(path), copyts=None, noautorotate=None)
    everything: dict[str, Any] = {"map": "0", "copy_unknown": None, "c": "copy"}
    everything |= {f"bsf:{index}": name for index, name in unwrap.items()}
    outputs = [
        ffmpeg.output(source, str(at / name), format=form, **everything)
        for name, form in (
            ("tags", "ffmetadata"),
            ("packets", "framehash"),
            ("payloads", "streamhash"),
        )
    ]
    pictures = ffmpeg.output(
        source[str(film)],
        "pipe:",
        format="rawvideo",
        vf=f"showinfo=checksum=0,format={'|'.join(READABLE)}",
        fps_mode="passthrough",
        enc_time_base="demux",
    )
    node = ffmpeg.merge_outputs(*outputs, pictures).global_args("-hide_banner", "-nostats")
    command = ffmpeg.compile(node, cmd=imageio_ffmpeg.get_ffmpeg_exe())
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{command}: {done.stderr.decode(errors='replace')[-2000:]}")
    return done.stderr, done.stdout


def _streams(text: str) -> list[Stream]:
    """Kinds, codecs and marks, from what is printed about the input."""
    streams = {}  # groups of streams may come in another order
    for line in text.partition("Stream mapping:")[0].splitlines():
        if match := _STREAM_LINE.match(line):
            number, _, kind, codec, rest = match.groups()
            flags = frozenset(name for name in DISPOSITIONS if f"({name})" in rest)
            streams[int(number)] = Stream(int(number), kind.lower(), codec, flags)
    return [streams[number] for number in sorted(streams)]


def _metadata(text: str) -> tuple[dict[str, str], list[dict[str, str]], list[Any]]:
    """Tags of the file and of each stream, and the chapters, from an ``ffmetadata`` file."""
    sections: list[tuple[str, dict[str, str]]] = [("", {})]
    unescaped = re.sub(r"\\\n", "\0", text)  # a line break within a value
    for line in unescaped.splitlines()[1:]:
        if line in ("[STREAM]", "[CHAPTER]"):
            sections.append((line, {}))
        elif "=" in line:
            key, _, value = re.sub(r"\\(.)", r"\1", line).partition("=")
            sections[-1][1][key.lower()] = value.replace("\0", "\n")
    chapters = []
    for kind, found in sections:
        if kind == "[CHAPTER]":
            base = Fraction(found["timebase"])
            times = (int(found[end]) * base for end in ("start", "end"))
            chapters.append((*times, found.get("title", "")))
    return sections[0][1], [tags for kind, tags in sections if kind == "[STREAM]"], chapters


def _add_packets(text: str, streams: list[Stream]) -> None:
    bases: dict[int, Fraction] = {}
    for line in text.splitlines():
        if match := re.match(r"#tb (\d+): (\S+)", line):
            bases[int(match[1])] = Fraction(match[2])
        elif match := re.match(r"#codec_id (\d+): (\S+)", line):
            streams[int(match[1])].codec = match[2]
        elif match := re.match(r"#extradata (\d+), +\d+, (\w+)", line):
            streams[int(match[1])].header = match[2]
        elif not line.startswith("#"):
            cells = [cell.strip() for cell in line.split(",")]
            index, pts, digest = int(cells[0]), cells[2], cells[5]
            time = None if pts == "NOPTS" else int(pts) * bases[index]
            streams[index].packets.append(Packet(time, digest))


def _add_payloads(text: str, streams: list[Stream]) -> None:
    for line in text.splitlines():
        index, _, digest = line.split(",")
        streams[int(index)].payload = digest


def _film(text: str) -> Film:
    """What ``showinfo`` printed, looked for anywhere: threads may write into each other's lines."""
    film = Film()
    base = re.search(r"config in time_base: (\S+),", text)
    made = re.search(r"Video: rawvideo.*?, (\w+)[(,]", text.rpartition("Output #")[2])
    assert base is not None, text
    assert made is not None, text
    film.raw_format = made[1]
    for match in _FRAME_LINE.finditer(text):
        pts, film.pix_fmt, rest = match.groups()
        film.times.append(None if pts == "NOPTS" else int(pts) * Fraction(base[1]))
        if len(film.times) == 1:
            film.sar = Fraction(_value(rest, "sar")) if "sar:0/" not in rest else Fraction(1)
            width, height = _value(rest, "s").split("x")
            film.size = int(width), int(height)
            film.fields, film.siting = _value(rest, "i"), _value(rest, "cl")
    if match := _ROTATION_LINE.search(text.partition("Stream mapping:")[2]):
        film.rotation = round(float(match[1])) % 360
    if match := _COLOR_LINE.search(text):
        film.color = match.groups()
    return film


def _value(text: str, key: str) -> str:
    match = re.search(rf"\b{key}:(\S+)", f" {text}")
    return match[1] if match else ""


def _luma(raw: bytes, film: Film) -> list[npt.NDArray[Any]]:
    """The first plane of every picture: luma, or the G of R′G′B′."""
    form = VideoFormat(film.raw_format, *film.size)
    width, height = film.size
    samples = np.frombuffer(raw, "<u2" if form.components[0].bits > 8 else "u1")
    frames = samples.reshape(len(film.times), -1)
    return [frame[: width * height].reshape(height, width) for frame in frames]


def _shown(path: Path, film: int) -> npt.NDArray[np.uint8]:
    """See `Film.shown`; the program turns and mirrors a picture unless it is told not to."""
    node = ffmpeg.output(
        ffmpeg.input(str(path))[str(film)],
        "pipe:",
        format="rawvideo",
        vf=f"format=gray,scale={SHOWN_SIDE}:{SHOWN_SIDE}:flags=area",
        frames=1,
    )
    out, _ = ffmpeg.run(
        node, cmd=imageio_ffmpeg.get_ffmpeg_exe(), capture_stdout=True, capture_stderr=True
    )
    return np.frombuffer(out, np.uint8).reshape(SHOWN_SIDE, SHOWN_SIDE)


def subtitle_lines(path: Path, index: int) -> list[str]:
    """A text subtitle stream as SubRip, line by line: numbers, times and words."""
    node = ffmpeg.output(
        ffmpeg.input(str(path), copyts=None)[str(index)], "pipe:", format="srt", codec="srt"
    )
    out, _ = ffmpeg.run(
        node, cmd=imageio_ffmpeg.get_ffmpeg_exe(), capture_stdout=True, capture_stderr=True
    )
    return bytes(out).decode().splitlines()
