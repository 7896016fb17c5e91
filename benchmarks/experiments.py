"""What makes filmnet better: short trainings that differ in one thing.

    python benchmarks/experiments.py --data PHOTOS --imagenet FILE [--steps 300] [NAME …]

Each experiment is the recipe train-filmnet with one change, trained for the same steps from the
same seed (``--seed`` repeats them with another; two seeds of ``base`` show what is chance) and
without three sources, on which it is then measured, each weighing alike: what fits the
sources of the training is not what people's films look like. PSNR alone would reward pale
colours, so a gain on the mean of the bins makes every network as vivid as every other,
interpolated between gains. ``--output`` keeps the runs; a later call goes on with those that are
missing there. With ``--checkpoints FILE …`` nothing is trained and those are measured.
"""

from __future__ import annotations

import argparse
import datetime
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from common import machine, print_table

from vidcolor.color import lightness_from_luma, rgb_to_luma
from vidcolor.evaluation.measures import color_difference, colorfulness, psnr, to_lab
from vidcolor.models import bins, load_checkpoint
from vidcolor.models.filmnet import FilmNet
from vidcolor.photographs.photos import PhotoSet
from vidcolor.training.batches import FixedBatches
from vidcolor.training.library import load_library
from vidcolor.training.memory import keep_freed_memory
from vidcolor.training.metrics import Decoding, color_at_constant_luma
from vidcolor.training.module import unit_rgb
from vidcolor.training.recipe import load_recipe
from vidcolor.training.run import run_training

UNFAMILIAR = ("perc-adversarial", "imagenet-sample-imag", "houses-dataset")
"""Sources that no experiment trains on."""

PHOTOS_PER_SOURCE = 120
"""Of each unfamiliar source, and as many of all validation photographs together."""

SIZE = 160
"""Side in pixels of the central square that is measured."""

DECODINGS = (
    *(Decoding(1.0, gain) for gain in (0.6, 0.8, 1.0, 1.25, 1.5, 1.8, 2.2)),
    *(Decoding(0.38, gain) for gain in (0.8, 1.0, 1.25, 1.5)),
)

WARM_UP = 40
"""Steps until the full rate."""

SHARES = (0.55, 0.65)
"""Shares of the truth's colourfulness at which networks are compared."""

_TAIL = {
    "after": "base",
    "phases": [{"share": 1.0, "size": 192, "batch": 32}],
    "optimizer.rate": 1e-4,
    "optimizer.encoder_rate": 2e-5,
}
"""What comes after a training, at the largest size and a low rate."""

EXPERIMENTS: dict[str, dict[str, Any]] = {
    "base": {},
    "scratch": {"init": None},
    "rebalancing": {"loss.rebalance": 0.75},
    "more-rebalancing": {"loss.rebalance": 0.5},
    "no-huber": {"loss.huber": 0.0},
    "more-huber": {"loss.huber": 0.2},
    "no-histogram": {"loss.histogram": 0.0},
    "clean-half": {"degradation.clean": 0.6},
    "always-dirty": {"degradation.clean": 0.0},
    "no-small-photos": {"extra_share": 0.0},
    "more-small-photos": {"extra_share": 0.4},
    "one-size": {"one_size": 128},
    "big-batch": {"batch_factor": 2.0},
    "small-batch": {"batch_factor": 0.5},
    "no-average": {"optimizer.average_decay": 0.0},
    "augmented": {"crop.rotation": 6.0, "crop.brightness": 0.15},
    "wide-crops": {"crop.min_area": 0.7},
    "slow-encoder": {"optimizer.encoder_rate": 5e-5},
    "fast-encoder": {"optimizer.encoder_rate": 6e-4},
    "no-decay": {"optimizer.weight_decay": 0.0},
    "all-cells": {"loss.cell_step": 1},
    "photos-alike": {"data.source_weights": {}},
    "tail": _TAIL,
    "gan-tail": _TAIL | {"gan": {"content": 10.0, "rate": 2e-4}},
    "strong-gan-tail": _TAIL | {"gan": {"content": 2.0, "rate": 2e-4}},
}
"""Changes by name; ``init``, ``extra_share``, ``one_size``, ``batch_factor`` (of the pictures in a
step; as many in all, and rates that follow its square root) and ``after`` (the experiment whose
weights it begins with) are not fields of a recipe."""


@dataclass(frozen=True, slots=True)
class Scores:
    """Means over photographs."""

    psnr: float
    delta_e: float
    colorfulness: float


def recipe_changes(name: str, steps: int, seed: int) -> dict[str, Any]:
    """Dotted fields that differ from the shipped recipe."""
    wanted = dict(EXPERIMENTS[name])
    for key in ("init", "after"):
        wanted.pop(key, None)
    recipe = load_recipe("train-filmnet")
    phases = [phase.model_dump() for phase in recipe.phases]
    if (share := wanted.pop("extra_share", None)) is not None:
        phases = [{**phase, "extra_share": share} for phase in phases]
    if size := wanted.pop("one_size", None):
        # As many pixels as all phases together.
        pixels = sum(p["share"] * p["batch"] * p["size"] ** 2 for p in phases)
        batch = round(pixels / size**2)
        phases = [{"share": 1.0, "size": size, "batch": batch, "extra_share": 0.15}]
    if factor := wanted.pop("batch_factor", None):
        phases = [{**phase, "batch": round(phase["batch"] * factor)} for phase in phases]
        steps = round(steps / factor)
        wanted["optimizer.rate"] = recipe.optimizer.rate * factor**0.5
        wanted["optimizer.encoder_rate"] = recipe.optimizer.encoder_rate * factor**0.5
        wanted["optimizer.warmup_steps"] = round(WARM_UP / factor)
    return {
        "max_steps": steps,
        "seed": seed,
        "phases": phases,
        "data.held_out_sources": (*recipe.data.held_out_sources, *UNFAMILIAR),
        "optimizer.warmup_steps": WARM_UP,
        "validation.every_steps": steps,
        "validation.photos": 64,
        "validation.pictures": 4,
        **wanted,
    }


@torch.no_grad()
def measure(network: FilmNet, photos: PhotoSet) -> tuple[dict[Decoding, Scores], Scores, float]:
    """Scores by decoding, those of grey, and the photographs' own colourfulness."""
    network.eval()
    keys = (None, *DECODINGS)
    found: dict[Decoding | None, list[tuple[float, float, float]]] = {key: [] for key in keys}
    truth: list[float] = []
    for batch in FixedBatches(photos, SIZE):
        rgb = unit_rgb(batch.rgb)
        luma = rgb_to_luma(rgb)
        output = network.forward_train(lightness_from_luma(luma))
        means = {t: bins.decode(output.logits, t) + output.residual for t in (1.0, 0.38)}
        true = [picture.permute(1, 2, 0).numpy() for picture in rgb]
        true_lab = [to_lab(picture) for picture in true]
        truth += [colorfulness(picture) for picture in true]
        for key in keys:
            ab = means[key.temperature] * key.gain if key else torch.zeros_like(means[1.0])
            for index, picture in enumerate(color_at_constant_luma(luma, ab)):
                shown = picture.permute(1, 2, 0).numpy()
                mse = float(np.mean((shown - true[index]) ** 2))
                error = float(color_difference(true_lab[index], to_lab(shown)).mean())
                found[key].append((psnr(mse), error, colorfulness(shown)))
    means_of = {key: Scores(*np.mean(rows, axis=0).tolist()) for key, rows in found.items()}
    grey = means_of.pop(None)
    return {key: scores for key, scores in means_of.items() if key}, grey, float(np.mean(truth))


def at_share(sweep: dict[Decoding, Scores], truth: float, share: float) -> Scores | None:
    """Scores of the gains at T = 1 where the colourfulness is that share of the truth's."""
    points = sorted(
        (scores.colorfulness / truth, scores.psnr, scores.delta_e)
        for decoding, scores in sweep.items()
        if decoding.temperature == 1.0
    )
    shares, decibels, errors = zip(*points, strict=True)
    if not shares[0] <= share <= shares[-1]:
        return None
    return Scores(
        float(np.interp(share, shares, decibels)),
        float(np.interp(share, shares, errors)),
        share * truth,
    )


def row_of(name: str, network: FilmNet, sets: dict[str, PhotoSet]) -> list[str]:
    """One line of the table: for each set, the gain over grey at each of `SHARES`."""
    cells = [name]
    for photos in sets.values():
        sweep, grey, truth = measure(network, photos)
        for share in SHARES:
            there = at_share(sweep, truth, share)
            if there is None:
                cells += ["–", "–"]
                continue
            cells += [
                f"{there.psnr - grey.psnr:+.2f} dB",
                f"{there.delta_e - grey.delta_e:+.2f}",
            ]
        plain = sweep[Decoding(1.0, 1.0)]
        cells.append(f"{plain.psnr - grey.psnr:+.2f} dB at {plain.colorfulness / truth:.0%}")
        annealed = sweep[Decoding(0.38, 1.0)]
        cells.append(f"{annealed.psnr - grey.psnr:+.2f} dB at {annealed.colorfulness / truth:.0%}")
    return cells


def measured_sets(data: Path) -> dict[str, PhotoSet]:
    """Photographs of the unfamiliar sources, each as often, and of the familiar ones."""
    recipe = load_recipe("train-filmnet", {"data.held_out_sources": UNFAMILIAR})
    library = load_library([data], recipe.data)
    pooled = PhotoSet()
    for source in UNFAMILIAR:
        of_source = PhotoSet()
        for index, name in enumerate(library.held_out.sources):
            if name == source:
                of_source.add(library.held_out[index], name)
        for photo in of_source.spaced(PHOTOS_PER_SOURCE):
            pooled.add(photo, source)
    return {"unfamiliar": pooled, "familiar": library.val.spaced(len(pooled))}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("names", nargs="*", default=list(EXPERIMENTS), metavar="NAME")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--imagenet", type=Path)
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--output", type=Path, default=Path("runs/experiments"))
    parser.add_argument("--checkpoints", type=Path, nargs="+", default=[], metavar="FILE")
    options = parser.parse_args()
    keep_freed_memory()
    print(f"{datetime.date.today()}, {machine()}")
    print(f"`{parser.prog} --steps {options.steps} --seed {options.seed}`\n")
    paths = {path.stem: path for path in options.checkpoints}
    if not paths:
        paths = {
            name: options.output / f"{name}-{options.seed}" / "filmnet.safetensors"
            for name in options.names
        }
        for name, weights in paths.items():
            if not weights.exists():
                init: str | None = f"imagenet:{options.imagenet}"
                if after := EXPERIMENTS[name].get("after"):
                    init = str(options.output / f"{after}-{options.seed}" / weights.name)
                elif "init" in EXPERIMENTS[name]:
                    init = None
                elif options.imagenet is None:
                    parser.error("give --imagenet FILE")
                run_training(
                    load_recipe("train-filmnet", recipe_changes(name, options.steps, options.seed)),
                    [options.data],
                    weights.parent,
                    init=init,
                    device="cpu",
                )
    sets = measured_sets(options.data)
    rows = []
    for name, weights in paths.items():
        network = load_checkpoint(weights).network
        assert isinstance(network, FilmNet)
        rows.append(row_of(name, network, sets))
        print(" | ".join(rows[-1]), flush=True)
    print()
    header = ["experiment"]
    for name in sets:
        for share in SHARES:
            header += [f"{name}, at {share:.0%}: PSNR", "ΔE00"]
        header += [f"{name}, T = 1", "T = 0.38"]
    print_table(header, rows)
    for name, photos in sets.items():
        print(f"\n{name}: {len(photos)} photographs")


if __name__ == "__main__":
    main()
