"""A long run on one film: does it hold more and more memory, files or threads?

    python benchmarks/soak.py --film FILM [--minutes 60] [--size 854x480] [--device cpu]

Makes a film from the pictures of FILM, repeated until colouring it takes about --minutes (found
out on a short piece), colours it in a fresh process and looks every second at what that holds:
resident memory, open files, threads, from /proc. Prints them over time, and whether the last
quarter of the run holds more than the first after warming up. Fails if memory grew by more than
5 %, if files or threads grew at all, or if frames were lost. Linux only.
"""

from __future__ import annotations

import argparse
import datetime
import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from typing import Any

from common import machine, make_source, print_table

RATE = 24
TRIAL_FRAMES = 960
"""Coloured first, to learn how fast this machine is; as long films are, by the same engine."""

WARM_UP = 0.2
"""Share of the run after which memory, files and threads are to be what they stay."""

TOLD_LATE = 3
"""Last samples that may be of the joining already: progress is told every half second."""

MOST_GROWTH = 0.05
ROWS = 12


@dataclass(frozen=True)
class Sample:
    """What the process held at a moment."""

    time_s: float
    rss_mb: float
    files: int
    threads: int
    frames: int


def look(process: int, since: float, frames: int) -> Sample:
    """What ``process`` holds now."""
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    status = dict(line.split(":", 1) for line in lines)
    return Sample(
        time.monotonic() - since,
        int(status["VmRSS"].split()[0]) / 1024,
        len(list(Path(f"/proc/{process}/fd").iterdir())),
        int(status["Threads"]),
        frames,
    )


def color(source: Path, output: Path, device: str) -> tuple[list[Sample], dict[str, Any]]:
    """Samples taken while frames were coloured, and the run's summary."""
    command = [sys.executable, "-m", "vidcolor", "run", str(source), "-o", str(output)]
    command += ["--device", device, "--progress", "json"]
    events: dict[str, dict[str, Any]] = {}  # the last of each kind
    samples = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:

        def read() -> None:
            assert process.stdout is not None
            for line in process.stdout:
                event = json.loads(line)
                events[event["event"]] = event

        reader = threading.Thread(target=read)
        reader.start()
        begin = time.monotonic()
        while process.poll() is None:
            time.sleep(1.0)
            now = events.get("progress", {"stage": "loading"})
            if now["stage"] == "color":
                try:
                    samples.append(look(process.pid, begin, int(now["frames_done"])))
                except (OSError, KeyError):  # it has just ended
                    break
        reader.join()
    if process.returncode:
        sys.exit(f"vidcolor run failed: {events.get('error')}")
    return samples[:-TOLD_LATE], events["summary"]


def rate(samples: Sequence[Sample]) -> float:
    """Frames a second once the first have been done."""
    begun = next(sample for sample in samples if sample.frames > 0)
    last = samples[-1]
    return (last.frames - begun.frames) / (last.time_s - begun.time_s)


def growth(values: Sequence[float]) -> float:
    """Of the last quarter's mean against that of the first."""
    quarter = max(1, len(values) // 4)
    return mean(values[-quarter:]) / mean(values[:quarter]) - 1


def main() -> None:
    """Print the table; fail if something grows."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--film", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--size", default="854x480")
    parser.add_argument("--device", default="auto")
    options = parser.parse_args()
    width, height = (int(side) for side in options.size.split("x"))
    with tempfile.TemporaryDirectory() as scratch:
        source, output = Path(scratch) / "source.mp4", Path(scratch) / "output.mp4"
        make_source(source, width, height, TRIAL_FRAMES, options.film, RATE)
        trial, _ = color(source, output, options.device)
        frames = max(TRIAL_FRAMES, round(rate(trial) * 60 * options.minutes))
        output.unlink()
        make_source(source, width, height, frames, options.film, RATE)
        samples, summary = color(source, output, options.device)
    warm = samples[int(WARM_UP * len(samples)) :]
    if len(warm) < 8:
        sys.exit(f"only {len(warm)} samples: give more --minutes")
    print(f"{datetime.date.today()}, {machine()}")
    print(f"`soak.py --film {options.film.name} --minutes {options.minutes:g}`\n")
    shown = [samples[i * (len(samples) - 1) // (ROWS - 1)] for i in range(ROWS)]
    rows = [
        [f"{s.time_s / 60:.1f}", f"{s.frames:,}", f"{s.rss_mb:.0f}", str(s.files), str(s.threads)]
        for s in shown
    ]
    print_table(["minutes", "frames done", "RSS MB", "open files", "threads"], rows)
    grown = growth([s.rss_mb for s in warm])
    quarter = max(1, len(warm) // 4)
    more = {
        name: max(getattr(s, name) for s in warm[-quarter:])
        - max(getattr(s, name) for s in warm[:quarter])
        for name in ("files", "threads")
    }
    print(
        f"\n{summary['frames_in']:,} frames in, {summary['frames_out']:,} out, "
        f"{summary['fps']:.1f} per second. After warming up ({WARM_UP:.0%} of the run) memory "
        f"changed by {grown:+.1%}, open files by {more['files']:+d}, threads by "
        f"{more['threads']:+d}; peak {max(s.rss_mb for s in samples):.0f} MB."
    )
    if not frames == summary["frames_in"] == summary["frames_out"]:
        sys.exit(f"of {frames} frames some were lost")
    if grown > MOST_GROWTH or any(count > 0 for count in more.values()):
        sys.exit("it grows")


if __name__ == "__main__":
    main()
