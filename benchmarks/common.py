"""What the benchmarks share: a film to measure on, a child process to measure, a table."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np

FILM_PICTURES = 240
"""Taken from films, all of them together."""

GRAIN_CODES = 3.0
"""Standard deviation of the grain on a generated film, in 8-bit codes."""


@dataclass
class Measured:
    """One child process: what it printed, and what the system says it cost."""

    result: dict[str, Any]
    wall_s: float
    cpu_s: float

    @property
    def peak_rss_mb(self) -> float:
        """As the child itself reported it; see `peak_rss_mb`."""
        return float(self.result["peak_rss_mb"])


def peak_rss_mb() -> float:
    """Peak resident memory of this process.

    Not getrusage's: Linux starts a child's figure at what its parent held before the exec.
    """
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    sys.exit("peak memory is read from /proc/self/status, which this system lacks")


def measure(script: Path, *arguments: str) -> Measured:
    """Run ``script ARGUMENTS`` in a fresh interpreter; its last line of output is JSON."""
    begin = time.perf_counter()
    with subprocess.Popen(
        [sys.executable, str(script), *arguments], stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        output = child.stdout.read()
        _pid, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
    wall_s = time.perf_counter() - begin
    if child.returncode:
        sys.exit(f"{script.name} {' '.join(arguments)} failed: {output[-2000:]}")
    return Measured(
        result=json.loads(output.strip().splitlines()[-1]),
        wall_s=wall_s,
        cpu_s=usage.ru_utime + usage.ru_stime,
    )


def machine() -> str:
    """One line: processor, cores, versions."""
    import torch

    name = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                name = line.split(":", 1)[1].strip()
                break
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    bf16 = getattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)()
    return (
        f"{name}, {cores} cores, bf16 {'native' if bf16 else 'not native'}, "
        f"Python {platform.python_version()}, torch {torch.__version__}, PyAV {av.__version__}"
    )


def make_source(
    path: Path,
    width: int,
    height: int,
    frames: int,
    film: Path | Sequence[Path] | None = None,
    rate: int = 24,
) -> Path:
    """A black-and-white H.264 film to measure on.

    Its pictures are those of ``film``, or of several in a row, which gives cuts, scaled to fill
    and played forth and back; without one, a slow pan over a photo with grain.
    """
    films = [film] if isinstance(film, Path) else film or []
    most = FILM_PICTURES // max(1, len(films))
    pictures = [luma for each in films for luma in _film_pictures(each, width, height, most)]
    pictures = pictures or _pan_pictures(width, height)
    there_and_back = [*pictures, *pictures[-2:0:-1]]
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=rate)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        # Without B-frames the packets of one round can be repeated with later times.
        stream.options = {"crf": "18", "preset": "veryfast", "bf": "0"}
        neutral = np.full((height // 2, width), 128, np.uint8)
        packets = []
        for index, luma in enumerate(there_and_back[:frames]):
            # (H, W) luma over (H/2, W): both chroma planes, the layout PyAV takes for yuv420p
            frame = av.VideoFrame.from_ndarray(np.vstack([luma, neutral]), "yuv420p")
            frame.pts, frame.time_base = index, Fraction(1, rate)
            packets += stream.encode(frame)
        packets += stream.encode(None)
        payloads = [(bytes(packet), packet.is_keyframe) for packet in packets]
        for index in range(frames):
            payload, is_keyframe = payloads[index % len(payloads)]
            packet = av.Packet(payload)
            packet.stream, packet.is_keyframe = stream, is_keyframe
            packet.pts = packet.dts = index
            packet.duration, packet.time_base = 1, Fraction(1, rate)
            container.mux(packet)
    return path


def _film_pictures(film: Path, width: int, height: int, most: int) -> list[np.ndarray]:
    pictures = []
    with av.open(str(film)) as container:
        for frame in container.decode(video=0):
            luma = frame.to_ndarray(format="gray")
            scale = max(width / luma.shape[1], height / luma.shape[0])
            size = (
                max(width, round(luma.shape[1] * scale)),
                max(height, round(luma.shape[0] * scale)),
            )
            luma = cv2.resize(luma, size, interpolation=cv2.INTER_CUBIC)
            top, left = (size[1] - height) // 2, (size[0] - width) // 2
            pictures.append(np.ascontiguousarray(luma[top : top + height, left : left + width]))
            if len(pictures) == most:
                break
    return pictures


def _pan_pictures(width: int, height: int, count: int = 48) -> list[np.ndarray]:
    from skimage import data

    photo = cv2.cvtColor(data.astronaut(), cv2.COLOR_RGB2GRAY)
    big = cv2.resize(photo, (width + 4 * count, width + 4 * count), interpolation=cv2.INTER_CUBIC)
    rng = np.random.default_rng(0)
    pictures = []
    for index in range(count):
        part = big[index : index + height, 4 * index : 4 * index + width].astype(np.float32)
        part += rng.normal(0, GRAIN_CODES, part.shape)
        pictures.append(np.clip(part, 16, 235).astype(np.uint8))
    return pictures


def films_in(folder: Path, at_least: int = 1) -> list[Path]:
    """The MP4 and Matroska files in ``folder``, by name; ends the program if there are too few."""
    films = []
    if folder.is_dir():
        films = sorted(path for path in folder.iterdir() if path.suffix in (".mp4", ".mkv"))
    if len(films) < at_least:
        sys.exit(f"{folder} holds {len(films)} films (.mp4, .mkv), at least {at_least} are needed")
    return films


def print_table(header: list[str], rows: list[list[str]]) -> None:
    """Print a Markdown table, as ``docs/benchmarks.md`` keeps it."""
    print("| " + " | ".join(header) + " |")
    print("|" + "|".join("---" for _ in header) + "|")
    for row in rows:
        print("| " + " | ".join(row) + " |")
