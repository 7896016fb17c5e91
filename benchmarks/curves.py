"""The runs of zoo.py over time: does each learn more than the mean colour, and is the GAN stable?

    python benchmarks/curves.py --data PHOTOS --runs runs/zoo [--output docs]

Prints, for each network, the validation loss at the first and last validation beside the loss of
the best constant answer on the same photographs (the mean ab; for networks with ab bins the
frequencies of the bins). ``--output`` writes the curves as ``training_curves.svg`` and the GAN's
losses as ``gan_losses.svg``.
"""

from __future__ import annotations

import argparse
import csv
import datetime
from pathlib import Path
from typing import Any

import torch
from common import machine, print_table
from zoo import changes

from vidcolor.evaluation.charts import lines
from vidcolor.models.base import Prediction
from vidcolor.models.filmnet import TrainingOutput
from vidcolor.training.batches import FixedBatches
from vidcolor.training.library import PhotoLibrary, load_library
from vidcolor.training.losses import ab_target, count_prior
from vidcolor.training.module import unit_rgb
from vidcolor.training.objectives import BinObjective, make_objective
from vidcolor.training.recipe import Recipe, load_recipe
from vidcolor.training.setup import create_network

STEADY_STEPS = 25
"""Steps over which the GAN's losses are averaged for the chart."""


def columns(run: Path, *names: str) -> list[tuple[float, ...]]:
    """(step, values …) of every logged row that has all ``names``."""
    (log,) = run.glob("log/from-step-000000/metrics.csv")
    with log.open(newline="") as file:
        rows = list(csv.DictReader(file))
    return [
        (float(row["step"]), *(float(row[name]) for name in names))
        for row in rows
        if all(row.get(name) for name in names)
    ]


@torch.no_grad()
def constant_loss(recipe: Recipe, library: PhotoLibrary) -> float:
    """The validation loss of a network that always says what the training photographs are like
    on average."""
    network = create_network(recipe)
    prior = count_prior(library.train, recipe.loss.prior_photos, network.stride)
    objective = make_objective(network.architecture, recipe.loss, prior)
    some = library.train.spaced(1000)
    means = [
        ab_target(unit_rgb(batch.rgb), network.stride).mean(dim=(2, 3))
        for batch in FixedBatches(some, recipe.validation.size)
    ]
    mean_ab = torch.cat(means).mean(dim=0).view(1, 2, 1, 1)
    log_prior = prior.clamp(min=1e-8).log().view(1, -1, 1, 1)
    total, count = 0.0, 0
    for batch in FixedBatches(library.val.spaced(recipe.validation.photos), recipe.validation.size):
        target = ab_target(unit_rgb(batch.rgb), network.stride)
        n, _, height, width = target.shape
        ab = mean_ab.expand(n, 2, height, width)
        logits = log_prior.expand(n, -1, height, width)
        response: Any = Prediction(ab, logits)
        if isinstance(objective, BinObjective):
            response = TrainingOutput(logits, torch.zeros_like(ab), logits[:, :, 0, 0])
        total += n * float(objective.losses(response, target)["loss"])
        count += n
    return total / count


def averaged(rows: list[tuple[float, ...]]) -> list[tuple[float, ...]]:
    """Means over `STEADY_STEPS` logged rows."""
    parts = [rows[i : i + STEADY_STEPS] for i in range(0, len(rows), STEADY_STEPS)]
    return [tuple(sum(column) / len(part) for column in zip(*part, strict=True)) for part in parts]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--runs", type=Path, required=True)
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    print(f"{datetime.date.today()}, {machine()}\n`{parser.prog}`\n")
    library = load_library([options.data], load_recipe("train-filmnet").data)
    rows, shares = [], {}
    runs = sorted(path for path in options.runs.iterdir() if (path / "log").is_dir())
    for run in runs:
        curve = columns(run, "val_loss")
        constant = constant_loss(load_recipe(f"train-{run.name}", changes(run.name, 10)), library)
        first, last = curve[0][1], curve[-1][1]
        lowest = min(loss for _, loss in curve)
        rows.append([run.name, f"{constant:.5f}", f"{first:.5f}", f"{last:.5f}", f"{lowest:.5f}"])
        steps = curve[-1][0] + 1
        shares[run.name] = [((step + 1) / steps, loss / constant) for step, loss in curve]
    header = ["network", "loss of the constant", "first validation", "last", "lowest"]
    print_table(header, rows)
    if options.output is None:
        return
    grid = [index / 10 for index in range(1, 11)]
    series = {
        name: [min(points, key=lambda point: abs(point[0] - x))[1] for x in grid]
        for name, points in shares.items()
    }
    series["constant"] = [1.0] * len(grid)
    drawn = lines(grid, series, "share of the run", "validation loss / constant's")
    (options.output / "training_curves.svg").write_text(drawn, encoding="utf-8")
    gan = options.runs / "unet-gan"
    if gan in runs:
        names = ("loss_discriminator", "judged_real", "judged_fake", "loss")
        over_time = averaged(columns(gan, *names))
        series = {n: [row[1 + i] for row in over_time] for i, n in enumerate(names[:3])}
        drawn = lines([row[0] for row in over_time], series, "step", "loss, probability")
        (options.output / "gan_losses.svg").write_text(drawn, encoding="utf-8")


if __name__ == "__main__":
    main()
