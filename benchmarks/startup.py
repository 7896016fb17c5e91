"""How long the command line takes to answer, to colour a first frame, and to colour pictures.

    python benchmarks/startup.py [--film FILE] [--size 854x480] [--repeats 5]

Each run is a fresh process, timed from before it is started until it ends; CPU time is user time,
of all its threads. The table holds medians; files are in the system's cache after the first run.
vidcolor's own cache is a folder for this program alone: empty at each run of the rows that say so,
filled for all others. (It is set by XDG_CACHE_HOME, which counts on Linux only.)

The first frame of ``vidcolor run`` has been coloured and given to the encoder when a progress event
first counts one. Events are printed at every tick of the engine, about ten a second, in place of
the two a second of ``--progress json``: the time is at most some 0.1 s too long. Films below
`vidcolor.colorizer.LEAST_FRAMES_TO_COMPILE` frames are coloured by torch, others by OpenVINO.
``probe`` and the pictures are given the longer film, and a photo of 512×512 pixels.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from common import machine, make_source, print_table

SECONDS, SHORT_SECONDS = 10, 4
"""Of the films that are made: they must not end before their first frame is seen."""

PICTURES = 10

EMPTY = "empty cache"

EVERY_TICK = """
import vidcolor.cli.progress as progress
from vidcolor.cli import main
progress.JSON_INTERVAL_S = 0
main()
"""


def timed(*arguments: str) -> tuple[float, float]:
    """Wall and user CPU seconds of ``python -m vidcolor ARGUMENTS``."""
    begin = time.perf_counter()
    child = subprocess.Popen(
        [sys.executable, "-m", "vidcolor", *arguments],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    assert child.stderr is not None
    told = child.stderr.read()
    _pid, status, usage = os.wait4(child.pid, 0)
    wall_s = time.perf_counter() - begin
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        sys.exit(f"vidcolor {' '.join(arguments)} failed: {told.decode()[-2000:]}")
    return wall_s, usage.ru_utime


def first_frame(film: Path, output: Path) -> tuple[float, float]:
    """Wall and user CPU seconds until the first frame has been given to the encoder."""
    given = ["run", str(film), "-o", str(output), "--progress", "json", "--no-resume"]
    begin = time.perf_counter()
    with subprocess.Popen(
        [sys.executable, "-c", EVERY_TICK, *given],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as child:
        assert child.stdout is not None
        line = ""
        for line in child.stdout:
            if json.loads(line).get("frames_done"):
                wall_s = time.perf_counter() - begin
                # proc(5): field 14 counts ticks in user mode; the name before may hold spaces
                fields = Path(f"/proc/{child.pid}/stat").read_text().rpartition(")")[2].split()
                user_s = int(fields[11]) / os.sysconf("SC_CLK_TCK")
                child.send_signal(signal.SIGINT)
                break
        else:
            sys.exit(f"vidcolor run ended without a frame: {line}")
        child.stdout.read()
    return wall_s, user_s


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--film", type=Path, help="take the pictures from this film")
    parser.add_argument("--size", default="854x480")
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    print(f"{datetime.date.today()}, {machine()}\n`{' '.join(['python', *sys.argv])}`\n")
    width, height = (int(side) for side in options.size.split("x"))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ["XDG_CACHE_HOME"] = str(folder / "cache")
        film, short = (
            make_source(folder / f"{seconds}s.mp4", width, height, 24 * seconds, film=options.film)
            for seconds in (SECONDS, SHORT_SECONDS)
        )
        photos = make_photos(folder)
        rows = measure_all(film, short, photos, options.repeats, folder / "cache")
    print_table(["", "wall s", "user CPU s", "slowest wall s"], rows)


def make_photos(folder: Path) -> list[str]:
    """Paths of `PICTURES` copies of a photo."""
    import cv2
    from skimage import data

    photo = cv2.cvtColor(data.astronaut(), cv2.COLOR_RGB2GRAY)
    paths = [str(folder / f"{index}.png") for index in range(PICTURES)]
    for path in paths:
        cv2.imwrite(path, photo)
    return paths


def measure_all(
    film: Path, short: Path, photos: list[str], repeats: int, cache: Path
) -> list[list[str]]:
    """Rows of the table."""
    commands = {
        "`--version`": ["--version"],
        "`--help`": ["--help"],
        "`run --help`": ["run", "--help"],
        "`probe FILM`": ["probe", str(film)],
        f"`image`, 1 picture, {EMPTY}": ["image", photos[0]],
        "`image`, 1 picture": ["image", photos[0]],
        f"`image`, {PICTURES} pictures": ["image", *photos],
    }
    rows = []
    medians = {}
    for name, arguments in commands.items():
        extra = ["--overwrite", "--quiet"] if arguments[0] == "image" else []
        runs = []
        for _ in range(repeats):
            clear_if(EMPTY in name, cache)
            runs.append(timed(*arguments, *extra))
        rows.append(row(name, runs))
        medians[name] = [statistics.median(column) for column in zip(*runs, strict=True)]
    one, several = list(medians.values())[-2:]
    further = [(b - a) / (PICTURES - 1) for a, b in zip(one, several, strict=True)]
    rows.append(["`image`, each further picture", *(f"{value:.2f}" for value in further), ""])
    for given, seconds in ((short, SHORT_SECONDS), (film, SECONDS)):
        for state in (f", {EMPTY}", ""):
            runs = []
            for index in range(repeats):
                clear_if(EMPTY in state, cache)
                runs.append(first_frame(given, given.with_name(f"color{index}.mp4")))
            rows.append(row(f"`run FILM` of {seconds} s, first frame{state}", runs))
    return rows


def clear_if(wanted: bool, cache: Path) -> None:
    """Delete what vidcolor has kept."""
    if wanted:
        shutil.rmtree(cache, ignore_errors=True)


def row(name: str, runs: list[tuple[float, float]]) -> list[str]:
    """Medians of wall and CPU time, and the slowest run."""
    walls, users = zip(*runs, strict=True)
    times = (statistics.median(walls), statistics.median(users), max(walls))
    return [name, *(f"{seconds:.2f}" for seconds in times)]


if __name__ == "__main__":
    main()
