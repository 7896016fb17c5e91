"""How the cores are best shared: threads of the network, of OpenCV, of decoder and encoder.

    python benchmarks/threads.py [--film FILE] [--sizes 854x480 …] [--frames 240] [--repeats 3]

Colours the same film with the preset ``film`` in fresh processes, one for each share, turn by turn,
on an otherwise idle machine. Times exclude the start of Python and loading the checkpoint, and
include verification. Ratios are to what vidcolor does, the first row, in the same turn; the table
holds their medians, and the least and the largest.
"""

from __future__ import annotations

import argparse
import datetime
import functools
import json
import os
import statistics
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from common import machine, make_source, measure, print_table


@dataclass(frozen=True)
class Shares:
    """Threads; 0 is what vidcolor chooses."""

    network: int = 0
    opencv: int = 0
    decoder: int = 0
    encoder: int = 0

    def __str__(self) -> str:
        given = [f"{name} {count}" for name, count in asdict(self).items() if count]
        return ", ".join(given) or "as it is"


def shares_to_try(cores: int) -> list[Shares]:
    """Each stage with half, twice and one of the threads that it has, others as they are."""
    half, twice = max(1, cores // 2), 2 * cores
    tried = [Shares(), Shares(network=half), Shares(network=twice)]
    tried += [Shares(opencv=1), Shares(decoder=1), Shares(encoder=half), Shares(encoder=twice)]
    return [*tried, Shares(opencv=1, decoder=1)]


def color(source: Path, output: Path, shares: Shares) -> None:
    """Colour ``source``; prints JSON."""
    import cv2

    import vidcolor.colorizer
    from vidcolor.config import load_preset, override
    from vidcolor.jobs.run import color_film
    from vidcolor.media.reader import FilmReader

    if shares.network:
        vidcolor.colorizer.cpu_workers = lambda: shares.network
    if shares.opencv:
        cv2.setNumThreads(shares.opencv)
    # The films are short; what is wanted is the time of long ones.
    settings = override(
        load_preset("film"), {"network.device": "cpu", "network.engine": "openvino"}
    )
    if shares.encoder:
        threads = {"threads": str(shares.encoder)}
        settings = override(settings, {"encode.options": settings.encode.options | threads})
    if shares.decoder:
        FilmReader.__init__ = functools.partialmethod(FilmReader.__init__, threads=shares.decoder)
    colorizer = vidcolor.colorizer.Colorizer(settings.network)
    begin, cpu_begin = time.perf_counter(), time.process_time()
    report = color_film(source, output, settings, colorizer=colorizer)
    wall_s, cpu_s = time.perf_counter() - begin, time.process_time() - cpu_begin
    per_frame = 1000 / report.frames_out
    print(json.dumps({"wall_ms": wall_s * per_frame, "cpu_ms": cpu_s * per_frame}))


def main() -> None:
    """Print a table for each size."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--film", type=Path, help="take the pictures from this film")
    parser.add_argument("--sizes", nargs="+", default=["854x480", "1920x1080"])
    parser.add_argument("--frames", type=int, default=240)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--child", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        source, output, shares = options.child
        color(Path(source), Path(output), Shares(**json.loads(shares)))
        return
    cores = len(os.sched_getaffinity(0))
    print(f"{datetime.date.today()}, {machine()}\n`{' '.join(['python', *sys.argv])}`\n")
    for size in options.sizes:
        width, height = (int(side) for side in size.split("x"))
        runs: dict[Shares, list[dict[str, float]]] = {}
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            source = make_source(
                folder / "film.mp4", width, height, options.frames, film=options.film
            )
            for turn in range(options.repeats):
                for shares in shares_to_try(cores):
                    output = folder / f"{turn}.mp4"
                    child = [str(source), str(output), json.dumps(asdict(shares))]
                    runs.setdefault(shares, []).append(
                        measure(Path(__file__), "--child", *child).result
                    )
                    output.unlink()
        print(f"### {size}, {options.frames} frames, {cores} cores\n")
        rows = [row(shares, results, runs[Shares()]) for shares, results in runs.items()]
        print_table(["threads", "wall ms/frame", "CPU ms/frame", "wall ÷ as it is"], rows)
        print()


def row(
    shares: Shares, results: list[dict[str, float]], as_it_is: list[dict[str, float]]
) -> list[str]:
    """Medians, and the ratio of each turn."""
    medians = [statistics.median(r[name] for r in results) for name in ("wall_ms", "cpu_ms")]
    ratios = [a["wall_ms"] / b["wall_ms"] for a, b in zip(results, as_it_is, strict=True)]
    spread = f"{statistics.median(ratios):.2f} ({min(ratios):.2f}…{max(ratios):.2f})"
    return [str(shares), *(f"{value:.1f}" for value in medians), spread]


if __name__ == "__main__":
    main()
