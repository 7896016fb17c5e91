"""Correct against colourful: the curve of each checkpoint on the same photographs.

    python benchmarks/tradeoff.py --photos VAL --checkpoints default FILE … [-o docs]

The palest colouring has the best PSNR, so no single figure compares networks. Each is swept by a
gain on its ab, and a network with ab bins also by its temperature alone; at each point PSNR and
ΔE00 against the truth with its luma kept (protocol luma) and the share of the truth's
colourfulness (the ratio of the means). Rows for the best lookup by lightness and the mean ab are
swept too. ``--cache`` keeps what was measured, by the checkpoints' sha256 and decoding.
``--short-sides`` and ``--flip`` add curves of the first checkpoint that sees the pictures at other
sizes, or each picture and its mirror image, whose colours are averaged.
"""

from __future__ import annotations

import argparse
import datetime
import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from common import machine, print_table

from vidcolor.colorizer import Colorizer
from vidcolor.config import NetworkSettings
from vidcolor.evaluation.charts import lines
from vidcolor.evaluation.colorings import LightnessLookup, MeanColor, Network, Tally
from vidcolor.evaluation.measures import color_difference, colorfulness, psnr, to_lab
from vidcolor.evaluation.pictures import PhotoFiles
from vidcolor.evaluation.protocols import Ab, Subject, luma_subject
from vidcolor.models.filmnet import FilmNet

GAINS = (0.6, 0.8, 1.0, 1.2, 1.4, 1.7, 2.1, 2.6)
TEMPERATURES = (0.2, 0.38, 0.6, 1.0)
"""Of networks that have one; with a gain of 1."""

SHARES = (0.3, 0.4, 0.5, 0.6, 0.65, 0.7, 0.75, 0.8, 0.9)
"""Of the truth's colourfulness, at which curves are compared."""


class Colors(Protocol):
    """What predicts."""

    def ab(self, subject: Subject, index: int) -> Ab: ...


class Flipped:
    """The mean of a network's colours for a picture and for its mirror image."""

    def __init__(self, colors: Colors) -> None:
        self._colors = colors

    def ab(self, subject: Subject, index: int) -> Ab:
        mirrored = replace(subject, lightness=np.ascontiguousarray(subject.lightness[:, ::-1]))
        both = self._colors.ab(subject, index) + self._colors.ab(mirrored, index)[:, :, ::-1]
        return np.asarray(both / 2, np.float32)


@dataclass(frozen=True, slots=True)
class Point:
    """Means over the photographs."""

    name: str
    psnr: float
    delta_e: float
    colorfulness: float


def measure(subjects: list[Subject], colors: Colors, gains: tuple[float, ...]) -> list[Point]:
    """One point for each gain."""
    sums = np.zeros((len(gains), 3))
    for index, subject in enumerate(subjects):
        ab = colors.ab(subject, index)
        for row, gain in enumerate(gains):
            shown = subject.show(np.asarray(ab * np.float32(gain), np.float32))
            error = color_difference(subject.truth_lab, to_lab(shown)).mean()
            mse = float(np.mean((shown - subject.truth) ** 2))
            sums[row] += psnr(mse), error, colorfulness(shown)
    sums /= len(subjects)
    return [Point(f"× {gain:g}", *row) for gain, row in zip(gains, sums.tolist(), strict=True)]


def measure_checkpoint(path: str, subjects: list[Subject]) -> dict[str, list[Point]]:
    """Curves by what is swept."""
    colorizer = Colorizer(NetworkSettings(checkpoint=path, device="cpu"))
    network = colorizer.by_torch.network
    curves: dict[str, list[Point]] = {}
    if isinstance(network, FilmNet):
        shipped = network.temperature, network.gain, network.tilt
        curves["as shipped"] = measure(subjects, Network("", colorizer), (1.0,))
        network.gain, network.tilt = 1.0, 0.0
        curves["temperature"] = []
        for temperature in TEMPERATURES:
            network.temperature = temperature
            (point,) = measure(subjects, Network("", colorizer), (1.0,))
            curves["temperature"].append(
                Point(f"T = {temperature:g}", point.psnr, point.delta_e, point.colorfulness)
            )
        temperature, _, tilt = shipped
        # Of bins without a tilt the plain mean is best.
        network.temperature, network.tilt = (temperature, tilt) if tilt else (1.0, 0.0)
        curves["gain"] = measure(subjects, Network("", colorizer), GAINS)
        network.temperature, network.gain, network.tilt = shipped
    else:
        curves["gain"] = measure(subjects, Network("", colorizer), GAINS)
    return curves


def measure_variants(
    path: str, subjects: list[Subject], short_sides: list[int], flip: bool
) -> dict[str, list[Point]]:
    """Curves by gain of the mean of the bins, by what is different."""
    curves = {}
    for short_side in short_sides:
        settings = NetworkSettings(checkpoint=path, device="cpu", short_side=short_side)
        colorizer = Colorizer(settings)
        decode_means(colorizer)
        curves[f"at {short_side} px"] = measure(subjects, Network("", colorizer), GAINS)
    if flip:
        colorizer = Colorizer(NetworkSettings(checkpoint=path, device="cpu"))
        decode_means(colorizer)
        curves["with its mirror image"] = measure(subjects, Flipped(Network("", colorizer)), GAINS)
    return curves


def decode_means(colorizer: Colorizer) -> None:
    if isinstance(colorizer.by_torch.network, FilmNet):
        network = colorizer.by_torch.network
        network.temperature, network.gain, network.tilt = 1.0, 1.0, 0.0


def at_shares(curve: list[Point], truth: float, field: str) -> list[float | None]:
    """The curve at `SHARES`; None where it does not reach."""
    points = sorted((point.colorfulness / truth, getattr(point, field)) for point in curve)
    shares, values = zip(*points, strict=True)
    return [
        float(np.interp(share, shares, values)) if shares[0] <= share <= shares[-1] else None
        for share in SHARES
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--photos", type=Path, required=True)
    parser.add_argument("--most", type=int, default=260)
    parser.add_argument("--checkpoints", nargs="+", required=True)
    parser.add_argument("--short-sides", type=int, nargs="+", default=[], metavar="N")
    parser.add_argument("--flip", action="store_true")
    parser.add_argument("--cache", type=Path)
    parser.add_argument("-o", "--output", type=Path)
    options = parser.parse_args()
    print(f"{datetime.date.today()}, {machine()}")
    print(f"`{parser.prog} --most {options.most}`\n")
    files = PhotoFiles(options.photos, options.most)
    decoded = [files.decode(file) for file in files.files]
    subjects = [luma_subject(photo) for photo in decoded if photo is not None]
    truth = float(np.mean([colorfulness(subject.truth) for subject in subjects]))
    known: dict[str, Any] = {}
    if options.cache and options.cache.exists():
        known = json.loads(options.cache.read_text())
    tally = Tally()
    for subject in subjects:
        tally.add(subject)
    (grey,) = measure(subjects, MeanColor(tally), (0.0,))
    curves: dict[str, list[Point]] = {
        "mean ab": measure(subjects, MeanColor(tally), GAINS),
        "best L → ab": measure(subjects, LightnessLookup(tally), GAINS),
    }
    for path in options.checkpoints:
        info = Colorizer(NetworkSettings(checkpoint=path, device="cpu")).info
        key = f"{info.sha256} {json.dumps(info.config, sort_keys=True)} {len(subjects)}"
        if key not in known:
            found = measure_checkpoint(path, subjects)
            known[key] = {what: [asdict(p) for p in points] for what, points in found.items()}
            if options.cache:
                options.cache.write_text(json.dumps(known))
        name = "default" if path == "default" else info.name
        for what, points in known[key].items():
            curves[name if what == "gain" else f"{name}, {what}"] = [Point(**p) for p in points]
    first = options.checkpoints[0]
    curves |= measure_variants(first, subjects, options.short_sides, options.flip)
    report(curves, grey, truth, len(subjects), options.output)


def report(
    curves: dict[str, list[Point]], grey: Point, truth: float, count: int, output: Path | None
) -> None:
    """Print the tables, and draw the curves."""
    print(f"{count} photographs; grey: {grey.psnr:.2f} dB, ΔE00 {grey.delta_e:.2f}\n")
    for name, points in curves.items():
        if "," in name:
            for point in points:
                share = point.colorfulness / truth
                print(
                    f"{name}, {point.name}: {point.psnr:.2f} dB, "
                    f"ΔE00 {point.delta_e:.2f}, {share:.0%}"
                )
    for field, what in (("psnr", "PSNR, dB"), ("delta_e", "ΔE00")):
        series = {
            name: at_shares(points, truth, field)
            for name, points in curves.items()
            if len(points) > 1
        }
        print(f"\n{what}, by colourfulness\n")
        rows = [
            [name, *("–" if v is None else f"{v:.2f}" for v in values)]
            for name, values in series.items()
        ]
        print_table(["", *(f"{share:.0%}" for share in SHARES)], rows)
        if output is not None:
            series["grey"] = [getattr(grey, field)] * len(SHARES)
            drawn = lines(SHARES, series, "share of the true colourfulness", what)
            (output / f"tradeoff_{field}.svg").write_text(drawn, encoding="utf-8")


if __name__ == "__main__":
    main()
