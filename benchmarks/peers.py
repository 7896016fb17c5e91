"""`vidcolor run` against the way films are mostly coloured today, with the same network.

    python benchmarks/peers.py [--film FILE …] [--frames 120] [--sizes 854x480 1920x1080]

That way, written here from its description: ffmpeg writes every frame to a folder; a loop reads
one after the other, converts it to CIE Lab at full size (scikit-image), asks the network for ab,
enlarges them, converts back and writes the coloured frame; ffmpeg makes a film of them and adds the
sound. Nothing is steadied, nothing is verified. Both ways use the same checkpoint at the same size,
and x264 with the preset's options. There torch divides each picture among all cores, as it does
unless it is told otherwise. Each run is a fresh process, in turn. Times and CPU time are of all
processes, without the start of Python and imports. Disk is the largest size of the folder that
holds the result and all that is beside it, memory that of Python and ffmpeg together; both are
sampled while they run. Work is what of that disk the result does not take in the end.
"""

from __future__ import annotations

import argparse
import datetime
import importlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

from common import machine, make_source, measure, peak_rss_mb, print_table

if TYPE_CHECKING:
    import numpy as np

    from vidcolor.colorizer import Colorizer

PRESET = "film"
RATE = 24


class Peaks:
    """Largest size of a folder's files, and of this process and its children, while it runs."""

    LEAST_PAUSE_S = 0.02
    SHARE = 0.02
    """Of the time that may go into sampling."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._done = threading.Event()
        self._own_name = Path("/proc/self/comm").read_text()
        self.disk = 0
        self.memory_mb = 0.0

    def __enter__(self) -> Peaks:
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()
        self.memory_mb = max(self.memory_mb, peak_rss_mb())

    def _watch(self) -> None:
        pause_s = self.LEAST_PAUSE_S
        while not self._done.wait(pause_s):
            begin = time.thread_time()
            self._sample()
            pause_s = max(self.LEAST_PAUSE_S, (time.thread_time() - begin) / self.SHARE)
        self._sample()

    def _sample(self) -> None:
        self.disk = max(self.disk, sum(map(allocated, self._folder.rglob("*"))))
        pids = [
            pid
            for task in Path("/proc/self/task").iterdir()
            for pid in read_if_there(task / "children").split()
            # Until a child is another program, its memory is this one's.
            if read_if_there(Path(f"/proc/{pid}/comm")) not in ("", self._own_name)
        ]
        self.memory_mb = max(self.memory_mb, sum(map(resident_mb, ["self", *pids])))


def allocated(path: Path) -> int:
    """Bytes of a file on disk; 0 if it was just renamed or deleted."""
    try:
        return path.stat().st_blocks * 512
    except FileNotFoundError:
        return 0


def read_if_there(path: Path) -> str:
    """A file of ``/proc``; empty once its process has ended."""
    try:
        return path.read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def resident_mb(pid: str) -> float:
    """Present resident memory of a process."""
    for line in read_if_there(Path(f"/proc/{pid}/status")).splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return 0.0


def by_frames_on_disk(source: Path, output: Path, kind: str) -> int:
    """The way of today; returns the number of frames."""
    import cv2
    import imageio_ffmpeg
    import numpy as np
    from skimage import color

    from vidcolor.colorizer import Colorizer
    from vidcolor.config import load_preset

    settings = load_preset(PRESET)
    colorizer = Colorizer(settings.network)
    ffmpeg = [imageio_ffmpeg.get_ffmpeg_exe(), "-nostdin", "-v", "error", "-y"]
    grey, colored = output.parent / "grey", output.parent / "colored"
    grey.mkdir()
    colored.mkdir()
    quality = ["-q:v", "2"] if kind == "jpg" else []
    subprocess.run([*ffmpeg, "-i", source, *quality, grey / f"%06d.{kind}"], check=True)
    names = sorted(path.name for path in grey.iterdir())
    for name in names:
        rgb = cv2.imread(str(grey / name))[..., ::-1]
        size = rgb.shape[1], rgb.shape[0]
        lab = color.rgb2lab(rgb)
        grid = colorizer.grid(*size)
        lightness = lab[..., 0].astype(np.float32)
        small = cv2.resize(lightness, (grid.width, grid.height), interpolation=cv2.INTER_AREA)
        lab[..., 1:] = np.dstack([cv2.resize(plane, size) for plane in predict(colorizer, small)])
        shown = np.rint(255 * color.lab2rgb(lab)).astype(np.uint8)
        cv2.imwrite(str(colored / name), shown[..., ::-1])
    options = [
        part for key, value in settings.encode.options.items() for part in (f"-{key}", value)
    ]
    inputs = ["-framerate", str(RATE), "-i", colored / f"%06d.{kind}", "-i", source]
    copied = ["-map", "0:v", "-map", "1:a", "-c:a", "copy"]
    encoder = ["-c:v", settings.encode.codec, *options, "-pix_fmt", "yuv420p"]
    subprocess.run([*ffmpeg, *inputs, *copied, *encoder, output], check=True)
    return len(names)


def predict(colorizer: Colorizer, lightness: np.ndarray) -> np.ndarray:
    """(2, h, w) ab of one picture of L*, by all threads that torch has."""
    import torch

    height, width = lightness.shape
    step, cell = colorizer.rules.multiple_of, colorizer.stride
    borders = (0, -width % step, 0, -height % step)
    with torch.inference_mode():
        L = torch.nn.functional.pad(torch.from_numpy(lightness)[None, None], borders, "reflect")
        ab = colorizer.by_torch.network(L.contiguous(memory_format=torch.channels_last)).ab[0]
    return ab[:, : height // cell, : width // cell].float().numpy()


def streaming(source: Path, output: Path) -> int:
    """Ours; returns the number of frames."""
    from vidcolor.config import load_preset
    from vidcolor.jobs.run import color_film

    return color_film(source, output, load_preset(PRESET)).frames_out


def load_packages(way: str) -> None:
    """What a way imports, which is no part of its time."""
    if way == "vidcolor":
        importlib.import_module("vidcolor.jobs.run")
    else:
        for name in ("imageio_ffmpeg", "skimage.color", "vidcolor.colorizer"):
            importlib.import_module(name)
        # scikit-image loads its parts when they are first used.
        assert sys.modules["skimage.color"].rgb2lab


def child(way: str, source: Path) -> None:
    """One measured run; prints JSON."""
    load_packages(way)
    with tempfile.TemporaryDirectory(dir=source.parent) as folder:
        output = Path(folder) / "out.mp4"
        begin, cpu_begin = time.perf_counter(), sum(os.times()[:4])
        with Peaks(Path(folder)) as peaks:
            if way == "vidcolor":
                frames = streaming(source, output)
            else:
                frames = by_frames_on_disk(source, output, way)
            wall_s = time.perf_counter() - begin
        result = {
            "wall_s": wall_s,
            "cpu_s": sum(os.times()[:4]) - cpu_begin,
            "frames": frames,
            "disk_mb": peaks.disk / 1e6,
            "work_mb": (peaks.disk - output.stat().st_size) / 1e6,
            "output_mb": output.stat().st_size / 1e6,
            "memory_mb": peaks.memory_mb,
        }
    print(json.dumps(result))


def make_sounding_source(folder: Path, size: str, options: argparse.Namespace) -> Path:
    """The film, with a tone as its sound."""
    import imageio_ffmpeg

    width, height = (int(side) for side in size.split("x"))
    silent = make_source(
        folder / f"{size}.silent.mp4", width, height, options.frames, options.film, RATE
    )
    source = folder / f"{size}.mp4"
    tone = f"sine=duration={options.frames / RATE}:sample_rate=48000"
    ffmpeg = [imageio_ffmpeg.get_ffmpeg_exe(), "-nostdin", "-v", "error"]
    inputs = ["-i", silent, "-f", "lavfi", "-i", tone]
    subprocess.run([*ffmpeg, *inputs, "-c:v", "copy", "-c:a", "aac", source], check=True)
    return source


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument(
        "--film", type=Path, nargs="+", help="take the pictures from this film, or from several"
    )
    parser.add_argument("--frames", type=int, default=120)
    parser.add_argument("--sizes", nargs="+", default=["854x480", "1920x1080"])
    parser.add_argument("--ways", nargs="+", default=["jpg", "png"], choices=["jpg", "png"])
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--child", nargs=2, metavar=("WAY", "SOURCE"))
    options = parser.parse_args()
    if options.child:
        child(options.child[0], Path(options.child[1]))
        return
    print(f"{datetime.date.today()}, {machine()}\n`{' '.join(['python', *sys.argv])}`\n")
    with tempfile.TemporaryDirectory() as folder:
        for size in options.sizes:
            compare(Path(folder), size, options)


def compare(folder: Path, size: str, options: argparse.Namespace) -> None:
    """Measure one picture size and print its table."""
    source = make_sounding_source(folder, size, options)
    runs: dict[str, list[dict[str, float]]] = {way: [] for way in ("vidcolor", *options.ways)}
    for _ in range(options.repeats):
        for way, results in runs.items():
            results.append(measure(Path(__file__), "--child", way, str(source)).result)
    rows = []
    for way, results in runs.items():
        frames, output_mb = results[0]["frames"], results[0]["output_mb"]
        cpu_s = statistics.median(r["cpu_s"] for r in results)
        cells = [
            f"{1000 * statistics.median(r['wall_s'] for r in results) / frames:.1f}",
            ratio(results, runs["vidcolor"], "wall_s"),
            f"{1000 * cpu_s / frames:.1f}",
            f"{output_mb:.1f}",
            f"{max(r['disk_mb'] for r in results):.1f}",
            ratio(results, runs["vidcolor"], "disk_mb"),
            f"{max(r['work_mb'] for r in results):.1f}",
            ratio(results, runs["vidcolor"], "work_mb"),
            f"{max(r['memory_mb'] for r in results):.0f}",
            ratio(results, runs["vidcolor"], "memory_mb"),
        ]
        rows.append(["vidcolor" if way == "vidcolor" else f"frames on disk, {way.upper()}", *cells])
    print(f"### {size}, {options.frames} frames\n")
    header = ["", "ms/frame", "× ours", "CPU ms/frame", "result MB", "peak disk MB", "× ours"]
    print_table([*header, "work MB", "× ours", "peak RSS MB", "× ours"], rows)
    print()


def ratio(results: list[dict[str, float]], ours: list[dict[str, float]], name: str) -> str:
    """Median over the rounds of what one way took, against what ours took in the same round."""
    pairs = zip(results, ours, strict=True)
    return f"{statistics.median(theirs[name] / own[name] for theirs, own in pairs):.1f}"


if __name__ == "__main__":
    main()
