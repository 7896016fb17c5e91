"""How the time to colour a film grows: with its length, its size, its segments, the processes.

    python benchmarks/scaling.py [--film FILE] [--lengths 240 960 3840] [--sizes 320x240 640x480 …]

Every run is a fresh process on an otherwise idle machine; times are from when the checkpoint is
loaded until the verified film has its name. Those of the lengths include what only the first frames
of a process cost; before all others a few frames were coloured. To the sizes a line is fitted,
ms/frame = a + b · megapixels, by least squares of the relative errors; what a feature film and an
archive take follows from a size's own measurement, or from the line if it was not measured. The
network runs as in long films, by OpenVINO.

Processes colour equal pieces of one film side by side, as by ``--start`` and ``--duration``, each
bound to its own share of the cores. Their rate is that of all frames, from when all are ready until
the last is done.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from common import machine, make_source, measure, peak_rss_mb, print_table

RATE = 24
FEATURE_MINUTES = 90
ARCHIVE_HOURS = 10_000
PREDICTED = ["854x480", "1920x1080", "3840x2160"]
SMALL_SIZES = ["320x240", "640x480", "854x480", "1280x720"]
WARM_FRAMES = 8
LARGE_PIXELS = 4e6
"""Pictures larger than this get half the frames."""


def colorize(source: Path, output: Path, options: argparse.Namespace) -> None:
    """Colour ``source``; prints JSON."""
    from vidcolor.colorizer import Colorizer
    from vidcolor.config import load_preset, override
    from vidcolor.jobs.run import color_film

    # The films are short; what is wanted is the time of long ones.
    engine = {"network.device": "cpu", "network.engine": "openvino"}
    changes = engine | json.loads(options.changes)
    settings = override(load_preset(options.preset), changes)
    begin = time.perf_counter()
    colorizer = Colorizer(settings.network, deferred=True)
    load_s = time.perf_counter() - begin
    if options.warm:
        piece = {"duration_s": options.warm / RATE, "overwrite": True}
        color_film(source, output, override(settings, piece), colorizer=colorizer)
        output.unlink()
    if options.wait:
        print("ready", flush=True)
        sys.stdin.readline()
    begin, cpu_begin = time.perf_counter(), time.process_time()
    report = color_film(source, output, settings, colorizer=colorizer)
    print(
        json.dumps(
            {
                "wall_s": time.perf_counter() - begin,
                "cpu_s": time.process_time() - cpu_begin,
                "load_s": load_s,
                "frames": report.frames_out,
                "join_ms": report.stage_ms["join"],
                "verify_ms": report.stage_ms["verify"],
                "peak_rss_mb": peak_rss_mb(),
            }
        )
    )


def pixels(size: str) -> tuple[int, int]:
    """Width and height of ``854x480``."""
    width, height = (int(side) for side in size.split("x"))
    return width, height


class Bench:
    """Makes films in a folder and measures runs over them."""

    def __init__(self, folder: Path, options: argparse.Namespace) -> None:
        self._folder, self._options = folder, options
        self.cores = sorted(os.sched_getaffinity(0))

    def source(self, size: str, frames: int) -> Path:
        """A film to colour, made at its first use."""
        path = self._folder / f"{size}.{frames}.mp4"
        if not path.exists():
            make_source(path, *pixels(size), frames, film=self._options.film, rate=RATE)
        return path

    def run(
        self,
        size: str,
        frames: int,
        repeats: int,
        changes: dict[str, float] | None = None,
        warm: int = WARM_FRAMES,
    ) -> dict[str, float]:
        """Medians of some runs with changed settings, after ``warm`` frames."""
        source = self.source(size, frames)
        results = []
        for _ in range(repeats):
            arguments = self._arguments(source, "one", changes or {}, warm)
            results.append(measure(Path(__file__), *arguments).result)
        return {name: statistics.median(r[name] for r in results) for name in results[0]}

    def run_beside(self, size: str, frames: int, count: int) -> float:
        """Wall seconds of ``count`` processes with a piece of the film each."""
        source = self.source(size, frames)
        share = len(self.cores) // count
        # Half a frame early, so that rounding does not move a frame to the other piece.
        borders = [max(0.0, (frames * index // count - 0.5) / RATE) for index in range(count + 1)]
        children = []
        for index in range(count):
            piece = {"start_s": borders[index], "duration_s": borders[index + 1] - borders[index]}
            arguments = self._arguments(source, str(index), piece, WARM_FRAMES)
            # A child is bound to the cores that its parent is bound to when it starts.
            os.sched_setaffinity(0, self.cores[index * share : (index + 1) * share])
            children.append(
                subprocess.Popen(
                    [sys.executable, __file__, *arguments, "--wait"],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    text=True,
                )
            )
        os.sched_setaffinity(0, self.cores)
        for child in children:
            assert child.stdout is not None
            child.stdout.readline()
        begin = time.perf_counter()
        for child in children:
            assert child.stdin is not None
            child.stdin.write("go\n")
            child.stdin.flush()
        outputs = [child.communicate()[0] for child in children]
        wall_s = time.perf_counter() - begin
        if any(child.returncode for child in children):
            sys.exit(f"one of {count} processes failed")
        done = sum(json.loads(output)["frames"] for output in outputs)
        if done != frames:
            sys.exit(f"{count} processes coloured {done} frames, not {frames}")
        return wall_s

    def _arguments(
        self, source: Path, name: str, changes: dict[str, float], warm: int
    ) -> list[str]:
        output = self._folder / f"color.{name}.mkv"
        output.unlink(missing_ok=True)
        child = ["--child", str(source), str(output), "--changes", json.dumps(changes)]
        return [*child, "--warm", str(warm), "--preset", self._options.preset]


def by_length(bench: Bench, options: argparse.Namespace) -> None:
    """Table of lengths, and what a film takes before its first frame counts."""
    print(f"### Length, {options.size}\n")
    rows, walls = [], []
    for frames in options.lengths:
        run = bench.run(options.size, frames, 1, warm=0)
        walls.append(run["wall_s"])
        per_frame = [1000 * run["wall_s"] / frames, run["join_ms"], run["verify_ms"]]
        columns = [f"{run['load_s']:.2f}", f"{run['wall_s']:.1f}", *(f"{v:.2f}" for v in per_frame)]
        rows.append([str(frames), *columns, f"{run['peak_rss_mb']:.0f}"])
    header = ["frames", "load the checkpoint, s", "wall s", "ms/frame", "join ms/frame"]
    print_table([*header, "verify ms/frame", "peak RSS MB"], rows)
    if len(walls) > 1:
        slope, start_s = np.polyfit(options.lengths, walls, 1)
        print(f"\nwall s = {start_s:.2f} + {1000 * slope:.1f} ms · frames")


def by_size(bench: Bench, options: argparse.Namespace) -> None:
    """Tables of sizes, the fitted line, and what follows from both."""
    print("\n### Size\n")
    rows, measured = [], {}
    for size in options.sizes:
        width, height = pixels(size)
        frames = options.frames // (2 if width * height > LARGE_PIXELS else 1)
        run = bench.run(size, frames, options.repeats)
        ms = measured[size] = 1000 * run["wall_s"] / frames
        cpu_ms = 1000 * run["cpu_s"] / frames
        shown = [f"{width * height / 1e6:.2f}", str(frames), f"{ms:.1f}", f"{1000 / ms:.1f}"]
        rows.append([size, *shown, f"{cpu_ms:.1f}", f"{run['peak_rss_mb']:.0f}"])
    header = ["size", "megapixels", "frames", "ms/frame", "fps", "CPU ms/frame"]
    print_table([*header, "peak RSS MB"], rows)
    if len(measured) < 2:
        return
    megapixels = np.array([np.prod(pixels(size)) / 1e6 for size in measured])
    times = np.array(list(measured.values()))
    slope, constant = np.polyfit(megapixels, times, 1, w=1 / times)
    errors = (constant + slope * megapixels) / times - 1
    rms, worst = np.sqrt((errors**2).mean()), np.abs(errors).max()
    print(f"\nms/frame = {constant:.1f} + {slope:.1f} · megapixels; ", end="")
    print(f"residual {rms:.1%} (root mean square), {worst:.1%} at most")
    print(f"\n### What that makes on this machine, {len(bench.cores)} cores\n")
    rows = []
    for size in PREDICTED:
        ms = measured.get(size, constant + slope * np.prod(pixels(size)) / 1e6)
        hours = FEATURE_MINUTES * 60 * RATE * ms / 3.6e6
        core_hours = ARCHIVE_HOURS * RATE * ms / 1000 * len(bench.cores)
        origin = "measured" if size in measured else "from the line"
        rows.append([size, f"{ms:.1f}", origin, f"{hours:.1f}", f"{core_hours:,.0f}"])
    feature, archive = f"{FEATURE_MINUTES} min", f"{ARCHIVE_HOURS:,} h"
    print_table(["size", "ms/frame", "", f"hours for {feature}", f"core-hours for {archive}"], rows)


def by_segments(bench: Bench, options: argparse.Namespace) -> None:
    """Table of segments."""
    print(f"\n### Segments, {options.size}, {options.span} frames\n")
    rows = []
    for count in options.segments:
        # Half a frame less, so that rounding does not make a segment longer.
        length_s = (options.span / count - 0.5) / RATE if count > 1 else 2 * options.span / RATE
        changes = {"segments.least_s": length_s, "segments.most_s": length_s}
        run = bench.run(options.size, options.span, options.repeats, changes)
        per_frame = [1000 * run[name] / options.span for name in ("wall_s", "cpu_s")]
        values = [*per_frame, run["join_ms"], run["verify_ms"]]
        rows.append([str(count), *(f"{value:.2f}" for value in values)])
    header = ["segments", "ms/frame", "CPU ms/frame", "join ms/frame", "verify ms/frame"]
    print_table(header, rows)


def by_processes(bench: Bench, options: argparse.Namespace) -> None:
    """Table of processes."""
    print(f"\n### Processes, {options.size}, {options.span} frames in all\n")
    counts = options.processes or sorted({1, 2, len(bench.cores)})
    rows, first = [], 0.0
    for count in (count for count in counts if count <= len(bench.cores)):
        runs = [bench.run_beside(options.size, options.span, count) for _ in range(options.repeats)]
        fps = options.span / statistics.median(runs)
        first = first or fps
        share = len(bench.cores) // count
        rows.append([str(count), str(share), f"{fps:.1f}", f"{fps / first:.2f}"])
    print_table(["processes", "cores each", "fps, all together", "against the first"], rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--film", type=Path, help="take the pictures from this film")
    parser.add_argument("--preset", default="film")
    parser.add_argument("--size", default="640x480", help="of all but the table of sizes")
    parser.add_argument("--lengths", type=int, nargs="+", default=[240, 960, 3840])
    parser.add_argument("--sizes", nargs="+", default=[*SMALL_SIZES, *PREDICTED[1:]])
    parser.add_argument("--frames", type=int, default=120, help="of each size")
    parser.add_argument("--span", type=int, default=240, help="frames to divide")
    parser.add_argument("--segments", type=int, nargs="+", default=[1, 2, 4, 8])
    parser.add_argument("--processes", type=int, nargs="+", help="default: 1, 2, all cores")
    parser.add_argument("--repeats", type=int, default=2, help="of all but the lengths")
    parser.add_argument("--child", nargs=2, type=Path, metavar=("SOURCE", "OUTPUT"))
    parser.add_argument("--changes", default="{}", help=argparse.SUPPRESS)
    parser.add_argument("--warm", type=int, default=0, help=argparse.SUPPRESS)
    parser.add_argument("--wait", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        colorize(*options.child, options)
        return
    print(f"{datetime.date.today()}, {machine()}\n`{' '.join(['python', *sys.argv])}`")
    print(f"\nPreset {options.preset}.\n")
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder), options)
        for table in (by_length, by_size, by_segments, by_processes):
            table(bench, options)


if __name__ == "__main__":
    main()
