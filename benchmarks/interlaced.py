"""Interlaced film: chroma of each field with --deinterlace auto and with off.

    python benchmarks/interlaced.py --data CLIPS

The pictures of progressive clips in colour become fields, two to a frame, top field first. They are
greyed, coloured with the preset archive, and each field's chroma lines are compared with those of
the picture that the field was taken from:

* against its colouring: the same network on the greyed progressive clip, all of whose pictures it
  sees whole;
* against its true colours, where the error of the progressive clip's colouring stands beside it.

Errors are root mean squares in 8-bit codes of Cb and Cr, over the lines of all fields, and where
luma differs by `MOVING_CODES` or more between the two fields of a frame.
"""

from __future__ import annotations

import argparse
import datetime
import tempfile
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from common import films_in, machine, print_table

from vidcolor.color import luma_on_chroma_grid
from vidcolor.colorizer import Colorizer
from vidcolor.config import NetworkSettings, load_preset, override
from vidcolor.jobs.run import color_film
from vidcolor.media.reader import FilmReader

MOVING_CODES = 10
"""8-bit codes of luma on the chroma grid between two fields, above which something moves."""

RATE = 50
"""Fields per second; the clips' own rate has no part in it."""

Planes = np.ndarray
"""(frames, 2, h, w) chroma codes, or (frames, H, W) luma codes."""


def read(film: Path, most: int) -> tuple[Planes, Planes]:
    """Luma and chroma, 8 bits, 4:2:0, the height a multiple of four."""
    lumas, chromas = [], []
    with FilmReader(film, keep_partial=True) as reader:
        if reader.info.video.layout.name not in ("yuv420p", "yuvj420p"):
            return np.empty((0, 0, 0)), np.empty((0, 2, 0, 0))
        for frame in reader:
            height, width = (side // 4 * 4 for side in frame.luma.shape)
            assert frame.chroma is not None
            lumas.append(frame.luma[:height, :width].copy())
            chromas.append(np.stack([plane[: height // 2, : width // 2] for plane in frame.chroma]))
            if len(lumas) == most:
                break
    return np.stack(lumas), np.stack(chromas)


def write(path: Path, lumas: Planes, rate: Fraction, *, interlaced: bool) -> Path:
    """A grey film, lossless."""
    _, height, width = lumas.shape
    with av.open(str(path), "w") as out:
        stream = out.add_stream("ffv1", rate=rate)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        graph = av.filter.Graph()
        source = graph.add_buffer(template=stream, time_base=1 / rate)
        mode = graph.add("setfield", "mode=tff" if interlaced else "mode=prog")
        graph.link_nodes(source, mode, graph.add("buffersink")).configure()
        if interlaced:
            stream.codec_context.flags |= av.codec.context.Flags.interlaced_dct
            stream.codec_context.field_order = 2
        neutral = np.full((height // 2, width), 128, np.uint8)
        for index, luma in enumerate(lumas):
            frame = av.VideoFrame.from_ndarray(np.vstack([luma, neutral]), "yuv420p")
            frame.pts, frame.time_base = index, 1 / rate
            graph.push(frame)
            out.mux(stream.encode(graph.pull()))
        out.mux(stream.encode(None))
    return path


def colored(source: Path, mode: str, colorizer: Colorizer) -> Planes:
    """Chroma of the coloured film."""
    settings = override(load_preset("archive"), {"deinterlace": mode, "overwrite": True})
    output = source.with_name(f"{source.stem}.{mode}.mkv")
    color_film(source, output, settings, colorizer=colorizer)
    return read(output, 10**6)[1]


def woven(pictures: Planes) -> Planes:
    """Every second line of each two pictures in a row, in the last two axes."""
    frames = pictures[0::2].copy()
    frames[..., 1::2, :] = pictures[1::2][..., 1::2, :]
    return frames


def moving(lumas: Planes) -> np.ndarray:
    """(frames, h, w) on the chroma grid."""
    small = np.stack([luma_on_chroma_grid(luma, (1, 1)) for luma in lumas]).astype(int)
    moves: np.ndarray = np.abs(small[0::2] - small[1::2]) >= MOVING_CODES
    return moves


def errors(chroma: Planes, expected: Planes, where: np.ndarray) -> tuple[float, float]:
    """Everywhere, and ``where``."""
    square = np.square(chroma.astype(float) - expected).mean(axis=1)
    return float(np.sqrt(square.mean())), float(np.sqrt(square[where].mean()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of clips in colour")
    parser.add_argument("--pictures", type=int, default=48, help="of each clip; an even number")
    parser.add_argument("--checkpoint", default="default")
    options = parser.parse_args()
    colorizer = Colorizer(NetworkSettings(checkpoint=options.checkpoint))
    rows = []
    for film in films_in(options.data):
        lumas, true = read(film, options.pictures // 2 * 2)
        if len(lumas) < options.pictures // 2 * 2:
            continue
        with tempfile.TemporaryDirectory() as folder:
            progressive = write(Path(folder) / "p.mkv", lumas, Fraction(RATE), interlaced=False)
            frames = Path(folder) / "i.mkv"
            write(frames, woven(lumas), Fraction(RATE, 2), interlaced=True)
            whole = colored(progressive, "off", colorizer)
            results = {"progressive": woven(whole)}
            results |= {mode: colored(frames, mode, colorizer) for mode in ("auto", "off")}
        where = moving(lumas)
        row = [film.stem, f"{100 * where.mean():.0f} %"]
        true_fields = woven(true)
        for expected in (results["progressive"], true_fields):
            found = {mode: errors(chroma, expected, where) for mode, chroma in results.items()}
            names = ["auto", "off", "progressive"][: 2 if expected is not true_fields else 3]
            for place in (0, 1):
                row.append(" / ".join(f"{found[name][place]:.2f}" for name in names))
        rows.append(row)
    print(f"{machine()}, {datetime.date.today()}, {options.pictures} pictures of each clip")
    print("auto / off, and against true colours / the progressive clip's own error\n")
    header = ["clip", "moving", "colouring: all", "moving parts", "true colours: all"]
    print_table([*header, "moving parts"], rows)


if __name__ == "__main__":
    main()
