"""`vidcolor run` against the way films are mostly coloured today, with the same network.

    python benchmarks/peers.py [--film FILE] [--frames 120] [--sizes 854x480 1920x1080]

That way, written here from its description: ffmpeg writes every frame to a folder; a loop reads
one after the other, converts it to CIE Lab at full size (scikit-image), asks the network for ab,
enlarges them, converts back and writes the coloured frame; ffmpeg makes a film of them and adds the
sound. Nothing is steadied, nothing is verified. Both ways use the same checkpoint at the same size,
and x264 with the preset's options. Each run is a fresh process, in turn; times exclude the start of
Python and imports; memory is that of the Python process.
"""

from __future__ import annotations

import argparse
import datetime
import json
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from common import Measured, machine, make_source, measure, peak_rss_mb, print_table

PRESET = "film"


class DiskUse:
    """Largest size of a folder's files while the block runs, sampled."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._done = threading.Event()
        self.most = 0

    def __enter__(self) -> DiskUse:
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._done.wait(0.2):
            total = 0
            for path in self._folder.rglob("*"):
                try:
                    total += path.stat().st_blocks * 512
                except FileNotFoundError:
                    continue  # it was just renamed or deleted
            self.most = max(self.most, total)


def by_frames_on_disk(source: Path, output: Path, kind: str) -> int:
    """The way of today; returns the number of frames."""
    import cv2
    import imageio_ffmpeg
    import numpy as np
    from skimage import color

    from vidcolor.colorizer import Colorizer
    from vidcolor.config import load_preset

    settings = load_preset(PRESET)
    colorizer = Colorizer(settings.network)
    ffmpeg = [imageio_ffmpeg.get_ffmpeg_exe(), "-nostdin", "-v", "error", "-y"]
    grey, colored = output.parent / "grey", output.parent / "colored"
    grey.mkdir()
    colored.mkdir()
    quality = ["-q:v", "2"] if kind == "jpg" else []
    subprocess.run([*ffmpeg, "-i", source, *quality, grey / f"%06d.{kind}"], check=True)
    names = sorted(path.name for path in grey.iterdir())
    for name in names:
        rgb = cv2.imread(str(grey / name))[..., ::-1]
        lab = color.rgb2lab(rgb)
        ab = colorizer.predict_plane(np.ascontiguousarray(rgb[..., 1]))  # R = G = B
        size = rgb.shape[1], rgb.shape[0]
        lab[..., 1:] = np.dstack([cv2.resize(plane, size) for plane in ab])
        shown = np.rint(255 * color.lab2rgb(lab)).astype(np.uint8)
        cv2.imwrite(str(colored / name), shown[..., ::-1])
    options = [
        part for key, value in settings.encode.options.items() for part in (f"-{key}", value)
    ]
    inputs = ["-framerate", "24", "-i", colored / f"%06d.{kind}", "-i", source]
    copied = ["-map", "0:v", "-map", "1:a?", "-c:a", "copy"]
    encoder = ["-c:v", settings.encode.codec, *options, "-pix_fmt", "yuv420p"]
    subprocess.run([*ffmpeg, *inputs, *copied, *encoder, output], check=True)
    return len(names)


def streaming(source: Path, output: Path) -> int:
    """Ours; returns the number of frames."""
    from vidcolor.config import load_preset
    from vidcolor.jobs.run import color_film

    return color_film(source, output, load_preset(PRESET)).frames_out


def child(way: str, source: Path) -> None:
    """One measured run; prints JSON."""
    with tempfile.TemporaryDirectory(dir=source.parent) as folder:
        output = Path(folder) / "out.mp4"
        begin = time.perf_counter()
        with DiskUse(Path(folder)) as disk:
            if way == "vidcolor":
                frames = streaming(source, output)
            else:
                frames = by_frames_on_disk(source, output, way)
            wall_s = time.perf_counter() - begin
        result = output.stat().st_size
    print(
        json.dumps(
            {
                "wall_s": wall_s,
                "frames": frames,
                "disk": disk.most,
                "result": result,
                "peak_rss_mb": peak_rss_mb(),
            }
        )
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--film", type=Path, help="take the pictures from this film")
    parser.add_argument("--frames", type=int, default=120)
    parser.add_argument("--sizes", nargs="+", default=["854x480", "1920x1080"])
    parser.add_argument("--ways", nargs="+", default=["jpg", "png"], choices=["jpg", "png"])
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--child", nargs=2, metavar=("WAY", "SOURCE"))
    options = parser.parse_args()
    if options.child:
        child(options.child[0], Path(options.child[1]))
        return
    print(f"{datetime.date.today()}, {machine()}\n`{' '.join(['python', *sys.argv])}`\n")
    with tempfile.TemporaryDirectory() as folder:
        for size in options.sizes:
            compare(Path(folder), size, options)


def compare(folder: Path, size: str, options: argparse.Namespace) -> None:
    """Measure one picture size and print its table."""
    width, height = (int(side) for side in size.split("x"))
    source = make_source(folder / f"{size}.mp4", width, height, options.frames, film=options.film)
    runs: dict[str, list[Measured]] = {way: [] for way in ("vidcolor", *options.ways)}
    for _ in range(options.repeats):
        for way, measured in runs.items():
            measured.append(measure(Path(__file__), "--child", way, str(source)))
    ours = statistics.median(m.result["wall_s"] for m in runs["vidcolor"])
    rows = []
    for way, measured in runs.items():
        wall_s = statistics.median(m.result["wall_s"] for m in measured)
        one = measured[0].result
        beside = max(m.result["disk"] for m in measured) - one["result"]
        rows.append(
            [
                "vidcolor" if way == "vidcolor" else f"frames on disk, {way.upper()}",
                f"{1000 * wall_s / one['frames']:.0f}",
                f"{wall_s / ours:.1f}",
                f"{statistics.median(m.cpu_s for m in measured):.0f}",
                f"{max(0, beside) / one['frames'] / 2**20:.2f}",
                f"{max(m.peak_rss_mb for m in measured):.0f}",
            ]
        )
    print(f"### {size}, {options.frames} frames\n")
    header = ["", "ms/frame", "time against ours", "CPU s (with start)"]
    print_table([*header, "MB on disk a frame, beside the film", "peak RSS MB"], rows)
    print()


if __name__ == "__main__":
    main()
