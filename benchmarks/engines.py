"""What a picture costs in the network: torch against OpenVINO, in bfloat16 and in float32.

    python benchmarks/engines.py [--film FILE] [--size 854x480] [--frames 300] [--repeats 3]

Colours the same pictures, at the size at which the network sees a film, in fresh processes, one for
each engine and number format, turn by turn, with a thread for each core. Wall time is of all
pictures together; CPU time is user and system time of all threads. Ratios are those of each turn;
the table holds their medians. Differences are means of |Δa*| and |Δb*| over the different pictures,
of which there are 48. OpenVINO's first run converts the network, which is then kept in a cache for
this program alone (by XDG_CACHE_HOME, which counts on Linux only).

On a machine without instructions for bfloat16 that half says little: vidcolor does not use it.
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

import numpy as np
from common import machine, make_source, measure, print_table

ENGINES = ["torch", "openvino"]
PRECISIONS = ["bfloat16", "float32"]
PICTURES = 48
WARM_PICTURES = 16


def color(source: Path, result: Path, engine: str, precision: str, frames: int) -> None:
    """Colour pictures of ``source``, keep each one's ab in ``result``; prints JSON."""
    import vidcolor.colorizer
    from vidcolor.config import NetworkSettings
    from vidcolor.media.sequence import open_source

    vidcolor.colorizer.has_fast_bf16 = lambda _device: precision == "bfloat16"
    colorizer = vidcolor.colorizer.Colorizer(NetworkSettings(device="cpu", engine=engine))
    with open_source(source) as reader:
        video = reader.info.video
        grid = colorizer.grid(video.width, video.height)
        pictures = [
            colorizer.shrink(frame.luma, grid, video.layout.bit_depth, False).lightness
            for frame in reader
        ]
    begin = time.perf_counter()
    colorizer.compile(grid, frames)
    compile_s = time.perf_counter() - begin
    batch = colorizer.fix_batch(grid)
    colorizer.predict(pictures[:WARM_PICTURES])
    kept = []
    begin, cpu_begin = time.perf_counter(), time.process_time()
    for first in range(0, frames, batch):
        kept += colorizer.predict(
            [pictures[i % len(pictures)] for i in range(first, first + batch)]
        )
    wall_s, cpu_s = time.perf_counter() - begin, time.process_time() - cpu_begin
    np.save(result, np.stack(kept[: len(pictures)]))
    values = {
        "wall_ms": 1000 * wall_s / len(kept),
        "cpu_ms": 1000 * cpu_s / len(kept),
        "compile_s": compile_s,
        "engine": colorizer.engine(grid),
        "size": f"{grid.width}×{grid.height}",
    }
    print(json.dumps(values))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--film", type=Path, help="take the pictures from this film")
    parser.add_argument("--size", default="854x480")
    parser.add_argument("--frames", type=int, default=300)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--child", nargs=4, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        source, result, engine, precision = options.child
        color(Path(source), Path(result), engine, precision, options.frames)
        return
    print(f"{datetime.date.today()}, {machine()}\n`{' '.join(['python', *sys.argv])}`\n")
    width, height = (int(side) for side in options.size.split("x"))
    results: dict[tuple[str, str], list[dict[str, Any]]] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ["XDG_CACHE_HOME"] = str(folder / "cache")
        source = make_source(folder / "film.mp4", width, height, PICTURES, film=options.film)
        for _ in range(options.repeats):
            for precision in PRECISIONS:
                for engine in ENGINES:
                    child = [str(source), str(folder / f"{engine}.{precision}.npy")]
                    run = measure(
                        Path(__file__), "--frames", str(options.frames),
                        "--child", *child, engine, precision,
                    )  # fmt: skip
                    results.setdefault((precision, engine), []).append(run.result)
        planes = {key: np.load(folder / f"{key[1]}.{key[0]}.npy") for key in results}
    rows = []
    for (precision, engine), runs in results.items():
        pairs = zip(runs, results[precision, "torch"], strict=True)
        ratio = statistics.median(run["wall_ms"] / torch["wall_ms"] for run, torch in pairs)
        differences = [
            np.abs(planes[precision, engine] - planes[other, "torch"]).mean()
            for other in (precision, "float32")
        ]
        wall_ms, cpu_ms = (
            statistics.median(run[name] for run in runs) for name in ("wall_ms", "cpu_ms")
        )
        compile_s = [run["compile_s"] for run in runs]
        shown = [f"{wall_ms:.1f}", f"{ratio:.2f}", f"{cpu_ms:.1f}"]
        shown += [f"{difference:.3f}" for difference in differences]
        shown += [f"{compile_s[0]:.1f}", f"{statistics.median(compile_s[1:] or compile_s):.1f}"]
        rows.append([precision, runs[0]["engine"], *shown])
    print(f"The network sees {next(iter(results.values()))[0]['size']}.\n")
    header = ["", "engine", "wall ms/picture", "÷ torch", "CPU ms/picture", "ab from torch's"]
    print_table([*header, "from torch's in float32", "to compile, first, s", "later, s"], rows)


if __name__ == "__main__":
    main()
