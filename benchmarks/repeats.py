"""What frames that repeat the one before save, and what their colours lose.

    python benchmarks/repeats.py --clips DIR [--frames 120]

Each colour clip is greyed and brought from 24 to 30 frames a second as a pull-down does it, every
fourth frame twice; so is a title that stands still under grain. Each is coloured with
``network.skip_repeats`` and without. The error is CIEDE2000 against the true colours, on every
fifth frame at half size.
"""

from __future__ import annotations

import argparse
import datetime
import sys
import tempfile
from fractions import Fraction
from itertools import islice
from pathlib import Path

import av
import cv2
import numpy as np
from common import films_in, machine, print_table

from vidcolor.config import load_preset, override
from vidcolor.evaluation.measures import color_difference, to_lab
from vidcolor.jobs.run import color_film

RATE = 30
HELD = 5
"""Of so many frames a second of the pull-down the last repeats the one before."""


def pulled_down(clip: Path, most: int) -> list[np.ndarray]:
    """The clip's frames, RGB, every fourth of them twice."""
    with av.open(str(clip)) as container:
        frames = [f.to_ndarray(format="rgb24") for f in islice(container.decode(video=0), most)]
    return [frames[n - n // HELD - (n % HELD == HELD - 1)] for n in range(len(frames) * 5 // 4)]


def title(most: int) -> list[np.ndarray]:
    """White letters on black under grain."""
    rng = np.random.default_rng(0)
    still = np.full((360, 480), 24, np.uint8)
    cv2.putText(still, "THE END", (90, 200), cv2.FONT_HERSHEY_TRIPLEX, 2.0, 220, 3, cv2.LINE_AA)
    pictures = (still + rng.normal(0, 3, still.shape) for _ in range(most))
    return [np.dstack(3 * [np.clip(p, 0, 255).astype(np.uint8)]) for p in pictures]


def write_grey(frames: list[np.ndarray], path: Path) -> None:
    """As H.264, CRF 18."""
    height, width = (side // 2 * 2 for side in frames[0].shape[:2])
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=RATE, options={"crf": "18"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for index, rgb in enumerate(frames):
            grey = cv2.cvtColor(rgb[:height, :width], cv2.COLOR_RGB2GRAY)
            frame = av.VideoFrame.from_ndarray(cv2.cvtColor(grey, cv2.COLOR_GRAY2RGB), "rgb24")
            frame.pts, frame.time_base = index, Fraction(1, RATE)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def error(film: Path, truth: list[np.ndarray]) -> float:
    """Mean CIEDE2000."""
    errors = []
    with av.open(str(film)) as container:
        for index, frame in enumerate(container.decode(video=0)):
            if index % 5 == HELD - 1:  # those that the pull-down repeats
                shown = frame.to_ndarray(format="rgb24")
                true = truth[index][: shown.shape[0], : shown.shape[1]]
                half = [cv2.resize(p, None, fx=0.5, fy=0.5, interpolation=3) for p in (shown, true)]
                labs = [to_lab(p.astype(np.float32) / 255) for p in half]
                errors.append(float(color_difference(*labs).mean()))
    return float(np.mean(errors))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--clips", type=Path, required=True)
    parser.add_argument("--frames", type=int, default=120)
    options = parser.parse_args()
    print(f"{datetime.date.today()}, {machine()}\n`{' '.join(['python', *sys.argv])}`\n")
    sources = {clip.stem: pulled_down(clip, options.frames) for clip in films_in(options.clips)}
    sources["a title"] = title(options.frames)
    rows = []
    for name, frames in sources.items():
        with tempfile.TemporaryDirectory() as folder:
            grey = Path(folder) / "grey.mp4"
            write_grey(frames, grey)
            row = [name, str(len(frames))]
            for skips in (True, False):
                output = Path(folder) / f"{skips}.mkv"
                settings = override(
                    load_preset("film"), {"network.every": 1, "network.skip_repeats": skips}
                )
                report = color_film(grey, output, settings)
                if skips:
                    row.append(f"{report.frames_repeated / report.frames_out:.0%}")
                row += [f"{report.stage_ms['network']:.1f}", f"{error(output, frames):.2f}"]
        rows.append(row)
        print(" | ".join(row), file=sys.stderr)
    header = ["clip", "frames", "spared", "network, ms/frame", "ΔE00"]
    print_table([*header, "network, ms/frame, all frames", "ΔE00, all frames"], rows)


if __name__ == "__main__":
    main()
