"""`vidcolor run` against a plain PyAV transcode with the same encoder settings.

    python benchmarks/throughput.py [--film FILE] [--frames 240] [--sizes 854x480 1920x1080]

Both decode the same H.264 source and encode with the preset's codec and options; each runs in
a fresh process, in turn (A B A B …), on an otherwise idle machine. Times exclude the start of
Python and imports; those of vidcolor include loading the checkpoint and verifying the output.
"""

from __future__ import annotations

import argparse
import datetime
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path

from common import Measured, machine, make_source, measure, peak_rss_mb, print_table


def transcode(source: Path, output: Path, preset: str) -> None:
    """The plain transcode: decode, encode, nothing between. Prints JSON."""
    import av

    from vidcolor.config import load_preset

    encode = load_preset(preset).encode
    begin = time.perf_counter()
    frames = 0
    with av.open(str(source)) as reader, av.open(str(output), "w") as writer:
        video = reader.streams.video[0]
        video.thread_type = "AUTO"
        out = writer.add_stream(encode.codec, rate=video.average_rate)
        out.width, out.height, out.pix_fmt = video.width, video.height, "yuv420p"
        out.codec_context.time_base = video.time_base
        out.options = dict(encode.options)
        for frame in reader.decode(video):
            frame.pict_type = av.video.frame.PictureType.NONE
            writer.mux(out.encode(frame))
            frames += 1
        writer.mux(out.encode(None))
    wall_s = time.perf_counter() - begin
    print(json.dumps({"wall_s": wall_s, "frames": frames, "peak_rss_mb": peak_rss_mb()}))


def colorize(source: Path, output: Path, preset: str, device: str) -> None:
    """The same with vidcolor. Prints JSON."""
    from vidcolor.config import load_preset, override
    from vidcolor.jobs.run import color_film

    settings = override(load_preset(preset), {"network.device": device})
    begin = time.perf_counter()
    report = color_film(source, output, settings)
    print(
        json.dumps(
            {
                "wall_s": time.perf_counter() - begin,
                "frames": report.frames_out,
                "stage_ms": report.stage_ms,
                "precision": report.precision,
                "peak_rss_mb": peak_rss_mb(),
            }
        )
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--film", type=Path, help="take the pictures from this film")
    parser.add_argument("--frames", type=int, default=240)
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
            colorize(Path(source), Path(output), options.preset, options.device)
        return
    print(f"{datetime.date.today()}, {machine()}\n`{' '.join(['python', *sys.argv])}`\n")
    with tempfile.TemporaryDirectory() as folder:
        for size in options.sizes:
            compare(Path(folder), size, options)


def compare(folder: Path, size: str, options: argparse.Namespace) -> None:
    """Measure one picture size and print its tables."""
    width, height = (int(side) for side in size.split("x"))
    source = make_source(folder / f"{size}.mp4", width, height, options.frames, film=options.film)
    runs: dict[str, list[Measured]] = {"transcode": [], "vidcolor": []}
    for _ in range(options.repeats):
        for what, measured in runs.items():
            output = folder / f"{size}.{what}.mp4"
            output.unlink(missing_ok=True)
            measured.append(
                measure(
                    Path(__file__),
                    *("--child", what, str(source), str(output)),
                    *("--preset", options.preset, "--device", options.device),
                )
            )
    ratios = [
        ours.result["wall_s"] / plain.result["wall_s"]
        for ours, plain in zip(runs["vidcolor"], runs["transcode"], strict=True)
    ]
    rows = []
    for what, measured in runs.items():
        walls = [m.result["wall_s"] for m in measured]
        frames = measured[0].result["frames"]
        rows.append(
            [
                what,
                str(frames),
                f"{1000 * statistics.median(walls) / frames:.1f}",
                f"{frames / statistics.median(walls):.1f}",
                f"{statistics.median(m.cpu_s for m in measured):.1f}",
                f"{max(m.peak_rss_mb for m in measured):.0f}",
            ]
        )
    print(f"### {size}, preset {options.preset}, device {options.device}\n")
    print_table(["", "frames", "ms/frame", "fps", "CPU s (with start)", "peak RSS MB"], rows)
    print(
        f"\n**ratio {statistics.median(ratios):.2f}** "
        f"(pairs {', '.join(f'{r:.2f}' for r in ratios)}); network in "
        f"{runs['vidcolor'][0].result['precision']}\n"
    )
    names = runs["vidcolor"][0].result["stage_ms"]
    print_table(
        ["stage", "busy ms/frame"],
        [
            [n, f"{statistics.median(m.result['stage_ms'][n] for m in runs['vidcolor']):.2f}"]
            for n in names
        ],
    )
    print()


if __name__ == "__main__":
    main()
