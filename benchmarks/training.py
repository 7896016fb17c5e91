"""How much of training is the network: pictures per second against bare forward and backward.

    python benchmarks/training.py --data PHOTOS [--recipe train-filmnet] [--rounds 3]

For each phase of the recipe, by turns: a real run (photographs from memory, crops, degradation,
loss, backward, optimizer, averaged weights, logs) and a bare loop of forward, loss and backward
over one batch that is made beforehand. Prints a Markdown table of medians and the ratio.
"""

from __future__ import annotations

import argparse
import datetime
import statistics
import tempfile
import time
from pathlib import Path

import torch
from common import machine, print_table

from vidcolor.devices import pick_device
from vidcolor.training.batches import BatchMaker
from vidcolor.training.export import make_module
from vidcolor.training.library import load_library
from vidcolor.training.losses import count_prior
from vidcolor.training.memory import keep_freed_memory
from vidcolor.training.module import ColorModule
from vidcolor.training.recipe import PhaseRecipe, Recipe, load_recipe
from vidcolor.training.run import run_training
from vidcolor.training.setup import create_network

WARM_UP_STEPS = 3
"""Steps of a bare loop that are not timed."""


def of_one_phase(name: str, phase: PhaseRecipe, steps: int) -> Recipe:
    """The recipe with nothing but ``phase``, and no validation before its end."""
    changes = {
        "max_steps": 2 * steps,
        "phases": [{**phase.model_dump(), "share": 1.0}],
        "log_steps": steps,
        "checkpoint_steps": 100 * steps,
        "validation.every_steps": 2 * steps,
        "validation.photos": 32,
        "validation.pictures": 0,
    }
    return load_recipe(name, changes)


def real_rate(recipe: Recipe, data: Path, device: str) -> float:
    """Pictures per second of the second half of a run."""
    rates: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        run_training(
            recipe,
            [data],
            Path(folder),
            device=device,
            on_progress=lambda progress: rates.append(progress.pictures_per_s),
        )
    return rates[1]  # the first has the start in it


def bare_rate(module: ColorModule, maker: BatchMaker, steps: int) -> float:
    """Pictures per second of forward, loss and backward alone."""
    device = module.device
    batch = maker.batch(0)
    batch = module.transfer_batch_to_device(batch, device, 0)
    L, target = module.prepare(batch, degraded=True)
    L = L.contiguous(memory_format=torch.channels_last)
    precise = module.recipe.precision == "32-true"
    begin = 0.0
    for step in range(WARM_UP_STEPS + steps):
        if step == WARM_UP_STEPS:
            begin = _now(device)
        with torch.autocast(device.type, torch.bfloat16, enabled=not precise):
            response = module.objective.respond(module.network, L)
            loss = module.objective.losses(response, target, step)["loss"]
        module.network.zero_grad()
        loss.backward()
    return steps * len(batch.rgb) / (_now(device) - begin)


def _now(device: torch.device) -> float:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--recipe", default="train-filmnet")
    parser.add_argument("--steps", type=int, default=20, help="timed in each round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--device", default="auto")
    options = parser.parse_args()
    keep_freed_memory()
    device = pick_device(options.device)
    print(f"{datetime.date.today()}, {machine()}, on {device.type}")
    print(f"`{parser.prog} --recipe {options.recipe} --steps {options.steps}`\n")
    rows = []
    for phase in load_recipe(options.recipe).phases:
        recipe = of_one_phase(options.recipe, phase, options.steps)
        library = load_library([options.data], recipe.data)
        network = create_network(recipe)
        prior = count_prior(library.train, recipe.loss.prior_photos, network.stride)
        module = make_module(network, recipe, prior)
        module.to(device).to(memory_format=torch.channels_last).train()
        maker = BatchMaker(library.train, library.extra, recipe)
        del library
        real, bare = [], []
        for _ in range(options.rounds):
            bare.append(bare_rate(module, maker, options.steps))
            real.append(real_rate(recipe, options.data, options.device))
        maker.close()
        ratios = [r / b for r, b in zip(real, bare, strict=True)]
        rows.append(
            [
                f"{phase.batch} × {phase.size}²",
                f"{statistics.median(bare):.1f}",
                f"{statistics.median(real):.1f}",
                f"{statistics.median(ratios):.0%}",
                ", ".join(f"{ratio:.0%}" for ratio in ratios),
            ]
        )
    header = ["batch", "bare pictures/s", "training pictures/s", "ratio", "ratios of the rounds"]
    print_table(header, rows)


if __name__ == "__main__":
    main()
