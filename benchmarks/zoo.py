"""Every network of the zoo, trained on the same photos for the same time.

    python benchmarks/zoo.py --data PHOTOS [--minutes 15] [--networks filmnet unet …]

Each network is trained by its own recipe on crops of one size for the given time (short runs
first measure how many steps that is, so that every schedule is complete), then scored on the
same held-out photographs, as the centre square of 128 px with its luma kept. A network that
cannot take that size gets the picture enlarged. Prints a Markdown table; ``--output`` keeps the
weights and logs, and a later call goes on where this one was stopped.
"""

from __future__ import annotations

import argparse
import datetime
import gc
import json
import tempfile
from pathlib import Path
from typing import Any

import torch
from common import machine, print_table
from skimage.metrics import structural_similarity
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from vidcolor.color import lightness_from_luma, rgb_to_luma
from vidcolor.models import ColorNetwork, load_checkpoint
from vidcolor.photographs.photos import PhotoSet
from vidcolor.training.batches import FixedBatches
from vidcolor.training.export import LAST_CHECKPOINT
from vidcolor.training.library import load_library
from vidcolor.training.losses import ab_target
from vidcolor.training.memory import keep_freed_memory
from vidcolor.training.metrics import color_at_constant_luma, colorfulness
from vidcolor.training.module import unit_rgb
from vidcolor.training.recipe import load_recipe
from vidcolor.training.run import run_training

SIZE = 128
"""Side in pixels of crops and of the squares that are scored."""

BATCHES = {"alpha": 64, "beta": 32, "unet": 16, "unet-gan": 16, "fusion": 32, "vgg16": 16}
"""Pictures per step, where the recipe's own number is for another size."""

SMOKE = ("eccv16", "siggraph17")
"""Networks whose papers train for days on a GPU: these runs only show that they learn."""

MEASURED_STEPS = 24
"""Steps of the run that measures the rate, by their last third: the first ones are slower."""


def changes(name: str, max_steps: int) -> dict[str, Any]:
    """What differs from the shipped recipe."""
    size = 256 if name.startswith("unet") else SIZE
    return {
        "max_steps": max_steps,
        "phases": [{"share": 1.0, "size": size, "batch": BATCHES.get(name, 32)}],
        "checkpoint_steps": max(10, max_steps // 4),
        "log_steps": max(1, min(20, max_steps // 4)),
        "optimizer.warmup_steps": min(50, max_steps // 10) if name == "filmnet" else 0,
        "validation.every_steps": max(1, max_steps // 10),
        "validation.size": size,
        "validation.photos": 128,
        "validation.patience": 0,
        "validation.keep": "last",
    }


def measure_rate(name: str, data: Path) -> float:
    """Pictures per second in training, validation and reading not counted."""
    seen: list[float] = []
    steady = {
        "checkpoint_steps": 2 * MEASURED_STEPS,
        "log_steps": MEASURED_STEPS // 3,
        "validation.every_steps": MEASURED_STEPS,
        "validation.photos": 8,
        "validation.pictures": 0,
    }
    if name == "unet-gan":
        steady["gan.pretrain_share"] = 0.0  # most of its run is the slower part
    with tempfile.TemporaryDirectory() as scratch:
        run_training(
            load_recipe(f"train-{name}", changes(name, MEASURED_STEPS) | steady),
            [data],
            Path(scratch),
            on_progress=lambda p: seen.append(p.pictures_per_s),
            device="cpu",
        )
    return seen[2]


def train(
    name: str, data: Path, folder: Path, minutes: float, rate: float, imagenet: Path | None
) -> None:
    """Train for the steps that take ``minutes`` at ``rate``."""
    batch = load_recipe(f"train-{name}", changes(name, 1)).phases[0].batch
    recipe = load_recipe(
        f"train-{name}", changes(name, max(20, round(60 * minutes * rate / batch)))
    )
    init = f"imagenet:{imagenet}" if imagenet and name == "filmnet" else None
    resume = (folder / LAST_CHECKPOINT).exists()  # a call before this one was stopped
    run_training(recipe, [data], folder, init=init, resume=resume, device="cpu")


@torch.no_grad()
def predict(network: ColorNetwork, L: torch.Tensor) -> torch.Tensor:
    """ab (N, 2, h, w) for (N, 1, SIZE, SIZE), enlarged where the network needs it."""
    unit = network.rules.multiple_of
    if L.shape[-1] % unit:
        L = F.interpolate(L, size=(unit, unit), mode="bilinear", align_corners=False)
    return network(L).ab


def scores(name: str, network: ColorNetwork | None, photos: PhotoSet, mean_ab: Any) -> list[float]:
    """MSE, PSNR, SSIM and share of the true colourfulness; means over the pictures."""
    sums = torch.zeros(4, dtype=torch.float64)
    truth = 0.0
    for batch in FixedBatches(photos, SIZE):
        rgb = unit_rgb(batch.rgb)
        luma = rgb_to_luma(rgb)
        L = lightness_from_luma(luma)
        if network is not None:
            ab = predict(network, L)
        else:
            ab = mean_ab.expand(len(rgb), 2, 1, 1) * (name != "grey")
        colored = color_at_constant_luma(luma, ab)
        mse = (colored - rgb).square().mean(dim=(1, 2, 3))
        for index in range(len(rgb)):
            pair = (rgb[index].numpy(), colored[index].numpy())
            sums[2] += structural_similarity(*pair, channel_axis=0, data_range=1.0)
        sums[0] += mse.sum()
        sums[1] += (-10 * torch.log10(mse.clamp(min=1e-10))).sum()
        sums[3] += colorfulness(colored).sum()
        truth += float(colorfulness(rgb).sum())
    count = len(photos)
    return [float(s) / count for s in sums[:3]] + [float(sums[3]) / truth]


def gflops(network: ColorNetwork) -> float:
    """Of one 256 × 256 picture; a multiplication and an addition are two."""
    counter = FlopCounterMode(display=False)
    with counter, torch.no_grad():
        network(torch.rand(1, 1, 256, 256) * 100)
    return counter.get_total_flops() / 1e9


def read_rates(path: Path, names: list[str], data: Path) -> dict[str, float]:
    """Training rates by network, kept in ``path``; all are measured before the first long run, so
    that what else the machine does during that run does not change anyone's number of steps."""
    rates: dict[str, float] = json.loads(path.read_text()) if path.exists() else {}
    for name in names:
        if name not in rates:
            rates[name] = measure_rate(name, data)
            print(f"{name}: {rates[name]:.1f} pictures/s in training", flush=True)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(rates))
    return rates


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=15)
    parser.add_argument("--smoke-minutes", type=float, default=5)
    parser.add_argument("--output", type=Path, default=Path("runs/zoo"))
    parser.add_argument("--imagenet", type=Path, help="MobileNetV2 weights for filmnet")
    parser.add_argument(
        "--networks",
        nargs="+",
        default=["alpha", "beta", "vgg16", "fusion", "unet", "unet-gan", "filmnet", *SMOKE],
    )
    options = parser.parse_args()
    keep_freed_memory()
    print(f"{datetime.date.today()}, {machine()}\n`{parser.prog} --minutes {options.minutes:g}`\n")
    recipe = load_recipe("train-filmnet")
    library = load_library([options.data], recipe.data)
    targets = [
        ab_target(unit_rgb(batch.rgb), 4).mean(dim=(0, 2, 3))
        for batch in FixedBatches(library.train.spaced(2000), 64)
    ]
    mean_ab = torch.stack(targets).mean(dim=0).reshape(1, 2, 1, 1)
    val = library.val
    del library  # each training reads its own
    rates = read_rates(options.output / "rates.json", options.networks, options.data)
    rows = []
    for name in ("grey", "mean ab"):
        rows.append(row(name, "", "", "", scores(name, None, val, mean_ab)))
    for name in options.networks:
        folder = options.output / name
        weights = folder / f"{load_recipe(f'train-{name}').name}.safetensors"
        if not weights.exists():
            minutes = options.smoke_minutes if name in SMOKE else options.minutes
            train(name, options.data, folder, minutes, rates[name], options.imagenet)
            gc.collect()  # a trainer and its photographs are in a circle of references
        rate = rates[name]
        network = load_checkpoint(weights).network
        mark = " (smoke run)" if name in SMOKE else ""
        rows.append(
            row(
                name + mark,
                f"{network.num_parameters / 1e6:.1f}",
                f"{gflops(network):.1f}",
                f"{rate:.0f}",
                scores(name, network, val, mean_ab),
            )
        )
        print(" | ".join(rows[-1]), flush=True)
    print()
    print_table(
        [
            *("network", "M parameters", "GFLOPs at 256²", "pictures/s in training"),
            *("MSE", "PSNR dB", "SSIM", "colourfulness"),
        ],
        rows,
    )


def row(name: str, millions: str, flops: str, rate: str, values: list[float]) -> list[str]:
    """One line of the table."""
    mse, psnr, ssim, colors = values
    return [
        name,
        millions,
        flops,
        rate,
        f"{mse:.5f}",
        f"{psnr:.2f}",
        f"{ssim:.4f}",
        f"{colors:.0%}",
    ]


if __name__ == "__main__":
    main()
