"""What makes filmnet better: short trainings that differ in one thing.

    python benchmarks/experiments.py --data PHOTOS --imagenet FILE [--steps 450] [NAME …]

Each experiment is the recipe train-filmnet with one change, trained for the same steps from the
same seed (``--seed`` repeats them with another) and measured on the same held-out photographs.
PSNR alone would reward pale colours: the table also gives PSNR where a gain on the plain mean of
the bins makes the colours as vivid as every other experiment's, interpolated between gains.
``--output`` keeps the runs; a later call goes on with those that are missing there.
"""

from __future__ import annotations

import argparse
import datetime
from pathlib import Path
from typing import Any

import numpy as np
from common import machine, print_table

from vidcolor.models import load_checkpoint
from vidcolor.training.memory import keep_freed_memory
from vidcolor.training.recipe import load_recipe
from vidcolor.training.run import run_training

TEMPERATURES = (0.38, 1.0)
GAINS = (0.9, 1.0, 1.1, 1.2, 1.3, 1.4, 1.5, 1.6, 1.8)

COLORFULNESS = 0.6
"""Share of the truth's colourfulness at which PSNRs are compared."""

EXPERIMENTS: dict[str, dict[str, Any]] = {
    "base": {},
    "scratch": {"init": None},
    "no-rebalancing": {"loss.rebalance": 1.0},
    "more-rebalancing": {"loss.rebalance": 0.5},
    "no-huber": {"loss.huber": 0.0},
    "more-huber": {"loss.huber": 0.2},
    "no-histogram": {"loss.histogram": 0.0},
    "clean-half": {"degradation.clean": 0.6},
    "always-dirty": {"degradation.clean": 0.0},
    "no-small-photos": {"no_extra": True},
    "one-size": {"one_size": 128},
    "augmented": {"crop.rotation": 6.0, "crop.brightness": 0.15},
    "wide-crops": {"crop.min_area": 0.7},
    "slow-encoder": {"optimizer.encoder_rate": 5e-5},
    "fast-encoder": {"optimizer.encoder_rate": 6e-4},
    "no-decay": {"optimizer.weight_decay": 0.0},
    "all-cells": {"loss.cell_step": 1},
}
"""Changes by name; ``init``, ``no_extra`` and ``one_size`` are not fields of a recipe."""


def recipe_changes(name: str, steps: int, seed: int) -> dict[str, Any]:
    """Dotted fields that differ from the shipped recipe."""
    wanted = dict(EXPERIMENTS[name])
    wanted.pop("init", None)
    phases = [phase.model_dump() for phase in load_recipe("train-filmnet").phases]
    if wanted.pop("no_extra", False):
        phases = [{**phase, "extra_share": 0.0} for phase in phases]
    if size := wanted.pop("one_size", None):
        # As many pixels as all phases together.
        pixels = sum(p["share"] * p["batch"] * p["size"] ** 2 for p in phases)
        batch = round(pixels / size**2)
        phases = [{"share": 1.0, "size": size, "batch": batch, "extra_share": 0.15}]
    return {
        "max_steps": steps,
        "seed": seed,
        "phases": phases,
        "optimizer.warmup_steps": 40,
        "validation.every_steps": steps,
        "validation.photos": 512,
        "validation.temperatures": TEMPERATURES,
        "validation.gains": GAINS,
        "validation.pictures": 4,
        **wanted,
    }


def psnr_at(sweep: dict[str, dict[str, float]], colorfulness: float) -> float | None:
    """PSNR of the sweep of gains at T = 1 where the colourfulness is that share of the truth's."""
    points = sorted(
        (scores["colorfulness_ratio"], scores["psnr_rgb"])
        for name, scores in sweep.items()
        if name.startswith("1 × ")
    )
    shares, decibels = zip(*points, strict=True)
    if not shares[0] <= colorfulness <= shares[-1]:
        return None
    return float(np.interp(colorfulness, shares, decibels))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("names", nargs="*", default=list(EXPERIMENTS), metavar="NAME")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--imagenet", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=450)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--output", type=Path, default=Path("runs/experiments"))
    options = parser.parse_args()
    keep_freed_memory()
    print(f"{datetime.date.today()}, {machine()}")
    print(f"`{parser.prog} --steps {options.steps} --seed {options.seed}`\n")
    rows = []
    for name in options.names:
        folder = options.output / f"{name}-{options.seed}"
        weights = folder / "filmnet.safetensors"
        if not weights.exists():
            begins = "init" not in EXPERIMENTS[name]
            run_training(
                load_recipe("train-filmnet", recipe_changes(name, options.steps, options.seed)),
                [options.data],
                folder,
                init=f"imagenet:{options.imagenet}" if begins else None,
                device="cpu",
            )
        training = load_checkpoint(weights).info.training
        if "decoding" not in training:
            parser.error(f"{weights} is an earlier program's: delete {folder}")
        sweep, scores = training["decoding"]["sweep"], training["scores"]
        at_same = psnr_at(sweep, COLORFULNESS)
        rows.append(
            [
                name,
                "–" if at_same is None else f"{at_same:.2f}",
                f"{sweep['0.38 × 1']['psnr_rgb']:.2f}",
                f"{sweep['0.38 × 1']['colorfulness_ratio']:.0%}",
                f"{sweep['1 × 1']['psnr_rgb']:.2f}",
                f"{scores['val_film']['psnr_rgb']:.2f}",
                f"{scores['held_out']['psnr_rgb']:.2f}",
                f"{training['hours'] * 60:.0f}",
            ]
        )
        print(" | ".join(rows[-1]), flush=True)
    print()
    print_table(
        [
            *("experiment", f"PSNR at {COLORFULNESS:.0%} colourfulness", "PSNR, T = 0.38"),
            *("colourfulness", "PSNR, T = 1", "as film, T = 0.38", "unfamiliar, T = 0.38"),
            "minutes",
        ],
        rows,
    )


if __name__ == "__main__":
    main()
