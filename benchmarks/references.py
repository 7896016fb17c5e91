"""What a reference frame does for its shot: the true first frame, and one object's new colour.

    python benchmarks/references.py --data CLIPS

First the clips: each is taken for black and white, and the true first frame of each shot is its
reference; CIEDE2000 to the truth of the automatic and of the carried colours, over the shot and at
some distances from the reference. Then an edit of one thing: an ellipse of one clip moves over
a picture of the next on a known path, its colour is changed in the first frame, and the table
says how much of the change reaches it later, and how much reaches everything else.
"""

from __future__ import annotations

import argparse
import datetime
import itertools
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import numpy.typing as npt
from common import films_in, machine, print_table

from vidcolor.color import luma_from_rgb_codes
from vidcolor.colorizer import Colorizer
from vidcolor.config import NetworkSettings
from vidcolor.edit_carrier import EditCarrier
from vidcolor.evaluation.measures import color_difference, to_lab, unit
from vidcolor.media.reader import FilmReader
from vidcolor.photographs.film_frames import frame_to_rgb
from vidcolor.references import Keyframe, Reference
from vidcolor.stills import rgb_from_luma_ab
from vidcolor.temporal.film_shots import find_shots
from vidcolor.temporal.smooth import TemporalSmoother

DISTANCES = (1, 24, 72)
"""Frames from the reference."""

SIDE = 256
"""Short side in pixels of the pictures that are compared."""

EVERY = 3
"""Frames of a shot are compared at `DISTANCES`, and every so many."""

MOST_FRAMES = 120
"""Of a shot, from its beginning; the reach is a matter of distance, not of length."""

EDIT = (50.0, 30.0)
"""a*, b* that the object gets: a strong red."""

FRAMES = 80
"""Of the film with the object."""

WIDTH, HEIGHT = 448, 256
"""Of its pictures, in pixels."""

MARGIN = 8
"""Pixels around the object's edge that count neither as it nor as the rest: two ab cells."""

Rgb = npt.NDArray[np.uint8]


def frames_of(film: Path, start_s: float, end_s: float) -> Iterator[tuple[int, Rgb]]:
    """(pts, true picture) of a shot's first frames."""
    with FilmReader(film, start_s=start_s, duration_s=end_s - start_s, keep_partial=True) as reader:
        for frame in itertools.islice(reader, MOST_FRAMES):
            rgb = frame_to_rgb(frame, reader.info.video, SIDE)
            assert rgb is not None
            yield frame.pts, rgb


def measure_shot(
    film: Path, start_s: float, end_s: float, colorizer: Colorizer
) -> dict[int, tuple[float, float]]:
    """(automatic, carried) mean ΔE00 by distance from the first frame."""
    shot = list(frames_of(film, start_s, end_s))
    keyframe = Keyframe(film, start_s, start_s, end_s)
    carrier = EditCarrier(film, colorizer)
    smoother = TemporalSmoother()
    lumas = [luma_from_rgb_codes(rgb, 8) for _, rgb in shot]
    steadied = []
    for index, luma in enumerate(lumas):
        grid = colorizer.grid(luma.shape[1], luma.shape[0])
        small = colorizer.shrink(luma, grid, 8, full_range=True)
        ab = colorizer.predict([small.lightness])[0]
        steadied += smoother.push(index, small.luma_u8(8), ab, index == 0)
    steadied += smoother.flush()
    found = {}
    with carrier.carry([Reference(keyframe, shot[0][1], None)]) as carried:
        for distance, ((pts, rgb), luma, item) in enumerate(
            zip(shot, lumas, steadied, strict=True)
        ):
            if distance == 0 or (distance % EVERY and distance not in DISTANCES):
                continue
            truth = to_lab(unit(rgb))
            found[distance] = tuple(
                float(color_difference(truth, to_lab(unit(rgb_from_luma_ab(luma, ab, 8)))).mean())
                for ab in (item.ab, carried.apply(pts, item.ab))
            )
    return found  # type: ignore[return-value]


def cut(before: float, after: float) -> str:
    return f"{before:.2f} → {after:.2f}, {after / before - 1:+.0%}".replace("-", "−")


def measure_clips(films: list[Path], colorizer: Colorizer) -> None:
    """Print the table of shots."""
    rows = []
    everywhere: dict[int, list[tuple[float, float]]] = defaultdict(list)
    for film in films:
        by_distance: dict[int, list[tuple[float, float]]] = defaultdict(list)
        spans = [(shot.start_s, end) for shot, end in find_shots(film, keep_partial=True).spans]
        for start_s, end_s in spans:
            for distance, pair in measure_shot(film, start_s, end_s, colorizer).items():
                by_distance[distance].append(pair)
                everywhere[distance].append(pair)
        rows.append([film.stem, str(len(spans)), *cells(by_distance)])
        print(" | ".join(rows[-1]), flush=True)
    rows.append(["all", "", *cells(everywhere)])
    print()
    print_table(["clip", "shots", "whole shot", *(f"frame {d}" for d in DISTANCES)], rows)


def cells(by_distance: dict[int, list[tuple[float, float]]]) -> list[str]:
    """The whole, and each of `DISTANCES`."""
    every = [pair for pairs in by_distance.values() for pair in pairs]
    chosen = [every, *(by_distance.get(distance, []) for distance in DISTANCES)]
    return [cut(*np.mean(pairs, axis=0)) if pairs else "–" for pairs in chosen]


def first_picture(film: Path) -> Rgb:
    with FilmReader(film, keep_partial=True) as reader:
        rgb = frame_to_rgb(next(iter(reader)), reader.info.video, HEIGHT + 64)
    assert rgb is not None
    return rgb


def moving_object(thing: Rgb, ground: Rgb) -> Iterator[tuple[Rgb, npt.NDArray[np.bool_]]]:
    """Pictures with the place of the object: it goes round while the ground pans slowly."""
    ground = cv2.resize(ground, (WIDTH + 64, HEIGHT + 64), interpolation=cv2.INTER_AREA)
    thing = cv2.resize(thing, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)
    for index in range(FRAMES):
        turn = 2 * np.pi * index / FRAMES
        dx, dy = round(60 * np.cos(turn)), round(30 * np.sin(turn))
        pan = round(64 * index / FRAMES)
        picture = ground[pan // 2 : pan // 2 + HEIGHT, pan : pan + WIDTH].copy()
        inside = np.zeros((HEIGHT, WIDTH), np.uint8)
        centre = (WIDTH // 2 + dx, HEIGHT // 2 + dy)
        cv2.ellipse(inside, centre, (60, 70), 0, 0, 360, 1, -1)
        moved = np.roll(thing, (dy, dx), axis=(0, 1))
        picture[inside > 0] = moved[inside > 0]
        yield picture, inside > 0


def write_film(path: Path, lumas: list[npt.NDArray[np.uint8]]) -> None:
    """A lossless grey film."""
    with av.open(str(path), "w") as out:
        stream = out.add_stream("ffv1", rate=24)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "gray"
        stream.time_base = Fraction(1, 24)
        for index, luma in enumerate(lumas):
            frame = av.VideoFrame.from_ndarray(luma, format="gray")
            frame.pts = index
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))


def measure_edit(films: list[Path], colorizer: Colorizer) -> None:
    """Print the table of the edited object."""
    rows = []
    shares: dict[int, list[tuple[float, float]]] = defaultdict(list)
    pictures = [first_picture(film) for film in films]
    for thing, ground in zip(pictures, [*pictures[1:], pictures[0]], strict=True):
        scene = list(moving_object(thing, ground))
        lumas = [luma_from_rgb_codes(rgb, 8) for rgb, _ in scene]
        painted = np.zeros((2, *lumas[0].shape), np.float32)
        painted[:, scene[0][1]] = np.array(EDIT, np.float32)[:, None]
        rgb = np.asarray(rgb_from_luma_ab(lumas[0], painted, 8), np.uint8)
        with tempfile.TemporaryDirectory() as folder:
            film = Path(folder) / "film.mkv"
            write_film(film, lumas)
            reference = Reference(Keyframe(film, 0.0, 0.0, 60.0), rgb, scene[0][1])
            with (
                FilmReader(film) as reader,
                EditCarrier(film, colorizer).carry([reference]) as carried,
            ):
                first = 0.0
                for index, frame in enumerate(reader):
                    inside, outside = reached(carried.apply(frame.pts, AUTOMATIC), scene[index][1])
                    first = first or inside
                    shares[index].append((inside / first, outside / first))
    for distance in DISTANCES:
        inside, outside = np.mean(shares[distance], axis=0)
        rows.append([str(distance), f"{inside:.0%}", f"{outside:.2%}"])
    print_table(["frames from the edit", "share of it in the object", "in all the rest"], rows)
    print(f"\n{len(films)} scenes")


AUTOMATIC = np.zeros((2, HEIGHT // 4, WIDTH // 4), np.float32)
"""Grey, so that what is seen is the edit alone."""


def reached(ab: npt.NDArray[np.float32], inside: npt.NDArray[np.bool_]) -> tuple[float, float]:
    """Mean chroma inside the object and outside."""
    height, width = inside.shape
    chroma = np.hypot(*(cv2.resize(plane, (width, height)) for plane in ab))
    kernel = np.ones((2 * MARGIN + 1, 2 * MARGIN + 1), np.uint8)
    core = cv2.erode(inside.astype(np.uint8), kernel) > 0
    around = cv2.dilate(inside.astype(np.uint8), kernel) > 0
    return float(chroma[core].mean()), float(chroma[~around].mean())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, required=True)
    options = parser.parse_args()
    print(f"{datetime.date.today()}, {machine()}")
    print(f"`{parser.prog}`\n")
    colorizer = Colorizer(NetworkSettings(device="cpu"))
    films = films_in(options.data)
    measure_edit(films, colorizer)
    print()
    measure_clips(films, colorizer)


if __name__ == "__main__":
    main()
