"""`vidcolor run` against a plain PyAV transcode with the same encoder settings.

    python benchmarks/throughput.py [--film FILE] [--frames 240] [--sizes 854x480 1920x1080]

Both decode the same H.264 source and encode with the preset's codec, options and size; each runs in
a fresh process, in turn (A B A B …), on an otherwise idle machine. Times and CPU time exclude the
start of Python and imports; those of vidcolor include loading the checkpoint. A second of the film
is coloured before, unmeasured, which fills the user's cache folder. Its output is verified after
the last frame is written, so that the ratio without verification is that of the wall time less the
time of this stage.

Wall ÷ (CPU ÷ cores) says how well vidcolor's stages overlap: at 1 all cores were busy all the time.
CPU time includes threads that wait by spinning, of which OpenMP may have some.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from common import machine, make_source, measure, peak_rss_mb, print_table

from vidcolor.config import load_preset, override


class Stopwatch:
    """Wall time, and CPU time of all threads of this process, since it was made."""

    def __init__(self) -> None:
        self._begin = time.perf_counter(), time.process_time()

    def print(self, **others: Any) -> None:
        """As JSON, with what else was measured."""
        wall_s, cpu_s = time.perf_counter() - self._begin[0], time.process_time() - self._begin[1]
        cores = len(os.sched_getaffinity(0))
        common = {"wall_s": wall_s, "cpu_s": cpu_s, "cores": cores, "peak_rss_mb": peak_rss_mb()}
        print(json.dumps(common | others))


def transcode(source: Path, output: Path, preset: str) -> None:
    """The plain transcode: decode, scale if the preset does, encode. Prints JSON."""
    import av

    encode = load_preset(preset).encode
    watch = Stopwatch()
    frames = 0
    with av.open(str(source)) as reader, av.open(str(output), "w") as writer:
        video = reader.streams.video[0]
        video.thread_type = "AUTO"
        width, height = (2 * round(n * encode.scale / 2) for n in (video.width, video.height))
        out = writer.add_stream(encode.codec, rate=video.average_rate)
        out.width, out.height, out.pix_fmt = width, height, "yuv420p"
        out.codec_context.time_base = video.time_base
        out.codec_context.thread_type = "AUTO"  # PyAV's default cuts pictures into slices
        out.options = dict(encode.options)
        for frame in reader.decode(video):
            # Averaging areas, as vidcolor does; the same frame if nothing is to be scaled.
            scaled = frame.reformat(width, height, interpolation="AREA")
            scaled.pict_type = av.video.frame.PictureType.NONE
            writer.mux(out.encode(scaled))
            frames += 1
        writer.mux(out.encode(None))
    watch.print(frames=frames, size=f"{width}x{height}", output_mb=output.stat().st_size / 1e6)


def colorize(
    source: Path, output: Path, preset: str, device: str, duration_s: float | None = None
) -> None:
    """The same with vidcolor. Prints JSON."""
    from vidcolor.jobs.run import color_film

    changes = {"network.device": device, "duration_s": duration_s}
    settings = override(load_preset(preset), changes)
    watch = Stopwatch()
    report = color_film(source, output, settings)
    watch.print(
        frames=report.frames_out,
        size=f"{report.width}x{report.height}",
        output_mb=output.stat().st_size / 1e6,
        stage_ms=report.stage_ms,
        precision=f"{report.precision}, {report.engine}",
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--film", type=Path, help="take the pictures from this film")
    parser.add_argument("--frames", type=int, default=600)
    parser.add_argument("--sizes", nargs="+", default=["854x480", "1920x1080"])
    parser.add_argument("--preset", default="film")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--child", nargs=3, metavar=("WHAT", "SOURCE", "OUTPUT"))
    options = parser.parse_args()
    if options.child:
        what, source, output = options.child
        if what == "transcode":
            transcode(Path(source), Path(output), options.preset)
        else:
            duration_s = 1.0 if what == "warm" else None
            colorize(Path(source), Path(output), options.preset, options.device, duration_s)
        return
    print(f"{datetime.date.today()}, {machine()}\n`{' '.join(['python', *sys.argv])}`\n")
    with tempfile.TemporaryDirectory() as folder:
        for size in options.sizes:
            compare(Path(folder), size, options)


def compare(folder: Path, size: str, options: argparse.Namespace) -> None:
    """Measure one picture size and print its tables."""
    width, height = (int(side) for side in size.split("x"))
    source = make_source(folder / f"{size}.mp4", width, height, options.frames, film=options.film)
    suffix = ".mkv" if load_preset(options.preset).encode.container == "mkv" else ".mp4"

    def run(what: str) -> dict[str, Any]:
        with tempfile.TemporaryDirectory(dir=folder) as place:
            child = ("--child", what, str(source), str(Path(place) / f"out{suffix}"))
            given = ("--preset", options.preset, "--device", options.device)
            return measure(Path(__file__), *child, *given).result

    run("warm")
    runs: dict[str, list[dict[str, Any]]] = {"transcode": [], "vidcolor": []}
    for _ in range(options.repeats):
        for what, results in runs.items():
            results.append(run(what))
    written = {result["size"] for results in runs.values() for result in results}
    if len(written) > 1:
        sys.exit(f"the two wrote pictures of other sizes: {', '.join(sorted(written))}")
    print(f"### {size}, preset {options.preset}, device {options.device}\n")
    print_table(
        ["", "frames", "written", "MB", "ms/frame", "fps", "CPU ms/frame", "peak RSS MB"],
        [row(what, results) for what, results in runs.items()],
    )
    print_ratios(runs["transcode"], runs["vidcolor"])
    print_table(
        ["stage", "busy ms/frame"],
        [
            [name, f"{statistics.median(r['stage_ms'][name] for r in runs['vidcolor']):.2f}"]
            for name in runs["vidcolor"][0]["stage_ms"]
        ],
    )
    print()


def row(what: str, results: list[dict[str, Any]]) -> list[str]:
    """Of the first table: medians, and the largest peak."""
    frames = results[0]["frames"]
    wall_s = statistics.median(r["wall_s"] for r in results)
    return [
        what,
        str(frames),
        results[0]["size"],
        f"{results[0]['output_mb']:.1f}",
        f"{1000 * wall_s / frames:.1f}",
        f"{frames / wall_s:.1f}",
        f"{1000 * statistics.median(r['cpu_s'] for r in results) / frames:.1f}",
        f"{max(r['peak_rss_mb'] for r in results):.0f}",
    ]


def print_ratios(plain: list[dict[str, Any]], ours: list[dict[str, Any]]) -> None:
    """Between the tables: pair by pair, with verification and without, and the overlap."""
    verify_s = [r["stage_ms"]["verify"] * r["frames"] / 1000 for r in ours]
    walls = {
        "with verification": [r["wall_s"] for r in ours],
        "without": [r["wall_s"] - s for r, s in zip(ours, verify_s, strict=True)],
    }
    print()
    for name, seconds in walls.items():
        ratios = [s / r["wall_s"] for s, r in zip(seconds, plain, strict=True)]
        pairs = ", ".join(f"{ratio:.2f}" for ratio in ratios)
        print(f"**ratio {statistics.median(ratios):.2f}** {name} (pairs {pairs})  ")
    cores = ours[0]["cores"]
    overlap = statistics.median(r["wall_s"] / (r["cpu_s"] / r["cores"]) for r in ours)
    print(f"wall ÷ (CPU ÷ cores) {overlap:.2f}, {cores} cores  ")
    print(f"verification {statistics.median(verify_s):.2f} s, network in {ours[0]['precision']}\n")


if __name__ == "__main__":
    main()
