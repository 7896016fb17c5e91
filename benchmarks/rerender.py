"""What it costs to change the look of one shot when the work was kept.

    python benchmarks/rerender.py [--shots 10] [--seconds 10]

Makes a film of that many shots (pans over scikit-image's sample pictures, 854 × 480, with grain),
colours it with its work kept, changes the strength of one shot in the middle, and colours it
again. Both runs are measured in this process with the network loaded, so without the start-up;
finding and verifying are parts of both. Then the packets of all other segments are compared.
"""

from __future__ import annotations

import argparse
import datetime
import tempfile
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from common import GRAIN_CODES, machine, print_table
from skimage import data

from vidcolor.colorizer import Colorizer
from vidcolor.config import NetworkSettings, load_preset, override
from vidcolor.jobs.folder import find_jobs
from vidcolor.jobs.run import color_film
from vidcolor.media.segments import SegmentFolder
from vidcolor.report import RunReport

WIDTH, HEIGHT, RATE = 854, 480, 24

PICTURES = ("astronaut", "coffee", "chelsea", "rocket", "camera", "coins", "page", "moon")
"""Of scikit-image, the colour ones greyed."""


def make_film(path: Path, shots: int, seconds: float) -> None:
    """Pans, each over another picture or in another direction."""
    generator = np.random.default_rng(0)
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", rate=RATE)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "gray"
        stream.options = {"crf": "18", "preset": "veryfast"}
        count = round(seconds * RATE)
        for shot in range(shots):
            picture = getattr(data, PICTURES[shot % len(PICTURES)])()
            grey = picture if picture.ndim == 2 else cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
            big = cv2.resize(grey, (WIDTH + 2 * count, HEIGHT + count))
            for index in range(count):
                step = index if shot % 2 else count - index
                luma = big[step // 2 : step // 2 + HEIGHT, step : step + WIDTH].astype(np.float32)
                luma += generator.normal(0, GRAIN_CODES, luma.shape)
                frame = av.VideoFrame.from_ndarray(np.clip(luma, 0, 255).astype(np.uint8), "gray")
                frame.pts, frame.time_base = shot * count + index, Fraction(1, RATE)
                out.mux(stream.encode(frame))
        out.mux(stream.encode(None))


def write_shots(path: Path, shots: int, seconds: float, changed: int | None) -> None:
    rows = [f"{n * seconds:.3f},{0.5 if n == changed else ''}" for n in range(shots)]
    path.write_text("start,strength\n" + "\n".join(rows) + "\n")


def packets(folder: Path) -> list[bytes]:
    segments = SegmentFolder(folder, folder)
    return [segments.packets_path(record).read_bytes() for record in segments.finished]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--shots", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=10.0)
    options = parser.parse_args()
    colorizer = Colorizer(NetworkSettings(device="cpu"))
    runs: dict[str, RunReport] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        film, listed, output = folder / "film.mkv", folder / "shots.csv", folder / "out.mkv"
        make_film(film, options.shots, options.seconds)
        changes = {"temporal.shots": str(listed), "keep_work": True, "overwrite": True}
        settings = override(load_preset("film"), changes)
        changed = options.shots // 2
        write_shots(listed, options.shots, options.seconds, None)
        color_film(
            film, folder / "warm.mkv", override(settings, {"duration_s": 1.0}), colorizer=colorizer
        )
        runs["whole film"] = color_film(film, output, settings, colorizer=colorizer)
        (job,) = [job for job in find_jobs(folder) if job.output == str(output)]
        before = packets(job.folder)
        cache = sum(path.stat().st_size for path in job.folder.glob("*.ab"))
        write_shots(listed, options.shots, options.seconds, changed)
        runs["one shot changed"] = color_film(film, output, settings, colorizer=colorizer)
        same = [a == b for a, b in zip(before, packets(job.folder), strict=True)]
    print(f"{datetime.date.today()}, {machine()}")
    print(f"`{parser.prog}`: {options.shots} shots of {options.seconds:g} s, 854×480\n")
    first = runs["whole film"]
    rows = []
    for what, report in runs.items():
        total = {
            stage: ms * report.wall_s * report.fps / 1000 for stage, ms in report.stage_ms.items()
        }
        fixed = total.get("verify", 0.0) + total.get("join", 0.0)
        rows.append(
            [
                what,
                f"{report.wall_s:.1f} s",
                f"{report.wall_s / first.wall_s:.0%}",
                f"{fixed:.1f} s",
                f"{report.wall_s - fixed:.1f} s",
            ]
        )
    print_table(["", "wall", "of the whole", "joining and verifying", "the rest"], rows)
    print(f"\nsegments: {len(same)}, byte-identical: {sum(same)}")
    minutes = options.shots * options.seconds / 60
    print(f"kept colours: {cache / 1e6 / minutes:.1f} MB per minute of film")


if __name__ == "__main__":
    main()
