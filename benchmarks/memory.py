"""Peak memory against the film's length.

    python benchmarks/memory.py [--minutes 1 10] [--size 1920x1080] [--film FILE]

Colours films of the given lengths in fresh processes and prints the peak resident set size.
The encoder runs at its fastest setting, which changes how long this takes, not how memory
depends on length.
"""

from __future__ import annotations

import argparse
import datetime
import json
import sys
import tempfile
from pathlib import Path

from common import machine, make_source, measure, peak_rss_mb, print_table

RATE = 24


def colorize(source: Path, output: Path) -> None:
    """Colour ``source``; prints JSON."""
    from vidcolor.config import load_preset, override
    from vidcolor.jobs.run import color_film

    settings = override(
        load_preset("film"),
        {"encode.options": {"preset": "ultrafast", "crf": "23"}, "network.device": "cpu"},
    )
    report = color_film(source, output, settings)
    print(
        json.dumps({"frames": report.frames_out, "fps": report.fps, "peak_rss_mb": peak_rss_mb()})
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--minutes", type=float, nargs="+", default=[1, 10])
    parser.add_argument("--size", default="1920x1080")
    parser.add_argument("--film", type=Path, help="take the pictures from this film")
    parser.add_argument("--child", nargs=2, type=Path, metavar=("SOURCE", "OUTPUT"))
    options = parser.parse_args()
    if options.child:
        colorize(*options.child)
        return
    print(f"{datetime.date.today()}, {machine()}\n`{' '.join(['python', *sys.argv])}`\n")
    width, height = (int(side) for side in options.size.split("x"))
    rows = []
    peaks = []
    with tempfile.TemporaryDirectory() as folder:
        for minutes in options.minutes:
            frames = round(minutes * 60 * RATE)
            source = make_source(
                Path(folder) / f"{minutes:g}.mp4", width, height, frames, film=options.film
            )
            output = Path(folder) / f"{minutes:g}.color.mp4"
            run = measure(Path(__file__), "--child", str(source), str(output))
            assert run.result["frames"] == frames
            peaks.append(run.peak_rss_mb)
            rows.append(
                [
                    f"{minutes:g} min",
                    str(frames),
                    f"{run.peak_rss_mb:.0f}",
                    f"{run.peak_rss_mb / peaks[0]:.3f}",
                    f"{run.result['fps']:.1f}",
                ]
            )
    print_table(["length", "frames", "peak RSS MB", "against the first", "fps"], rows)


if __name__ == "__main__":
    main()
