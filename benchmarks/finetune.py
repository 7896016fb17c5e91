"""What fine-tuning the default checkpoint on some of an archive's frames does for the others.

    python benchmarks/finetune.py --data CLIPS [--split shots|time] [--steps 600]

Takes frames from colour films with ``vidcolor extract``, tunes ``--init default`` on one half and
colours the other half before and after, each frame as a still. ``--split shots`` keeps half of the
shots (by the hash that ``extract`` splits with); ``--split time`` the second half of each shot,
which is what an archive with colour for a part of each scene would have. Prints a Markdown table
of CIEDE2000, PSNR and colourfulness; ``--output`` keeps frames, run and log.
"""

from __future__ import annotations

import argparse
import csv
import datetime
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np
import torch
from common import films_in, machine, print_table
from skimage.color import deltaE_ciede2000, rgb2lab

import vidcolor
from vidcolor.colorizer import Colorizer
from vidcolor.config import NetworkSettings
from vidcolor.training.extract import MANIFEST, ExtractSettings, extract_frames
from vidcolor.training.memory import keep_freed_memory
from vidcolor.training.metrics import colorfulness
from vidcolor.training.recipe import load_recipe
from vidcolor.training.run import run_training

Scores = dict[str, list[float]]
"""Values of pictures, by what is measured."""


def make_frames(films: list[Path], folder: Path, split: str, per_shot: int) -> None:
    """A training set in ``folder``, split by shots or within them."""
    if not (folder / MANIFEST).exists():
        share = 0.5 if split == "shots" else 0.0
        extract_frames(films, folder, ExtractSettings(per_shot=per_shot, split=share))
    if split == "time":
        (folder / "val").mkdir(exist_ok=True)
        for pictures in by_shot(folder).values():
            for name in pictures[len(pictures) // 2 :]:
                picture = folder / name
                if picture.exists():
                    picture.rename(folder / "val" / picture.name)


def by_shot(folder: Path) -> dict[tuple[str, str], list[str]]:
    """Names of the pictures by film and shot, in the order of time."""
    with (folder / MANIFEST).open(encoding="utf-8") as file:
        rows = sorted(csv.DictReader(file), key=lambda row: float(row["time_s"]))
    shots: dict[tuple[str, str], list[str]] = {}
    for row in rows:
        shots.setdefault((row["film"], row["shot"]), []).append(row["file"])
    return shots


def read_rgb(path: Path) -> np.ndarray:
    """(H, W, 3) uint8."""
    return cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)


def score(truth: np.ndarray, shown: np.ndarray, scores: Scores) -> None:
    """Add one picture's values."""
    difference = deltaE_ciede2000(rgb2lab(truth), rgb2lab(shown))
    mse = np.mean((truth / 255.0 - shown / 255.0) ** 2)
    colors = colorfulness(torch.from_numpy(shown.transpose(2, 0, 1).copy())[None] / 255)
    scores.setdefault("ΔE00", []).append(float(difference.mean()))
    scores.setdefault("PSNR", []).append(float(-10 * np.log10(max(mse, 1e-10))))
    scores.setdefault("colours", []).append(float(colors))


def colored(pictures: list[Path], checkpoint: str | None, folder: Path) -> dict[str, Scores]:
    """Scores by film, of greying and colouring ``pictures``; None leaves them grey."""
    colorizer = Colorizer(NetworkSettings(checkpoint=checkpoint)) if checkpoint else None
    found: dict[str, Scores] = {}
    for path in pictures:
        truth = read_rgb(path)
        output = folder / path.name
        if colorizer:
            vidcolor.colorize_image(path, output, overwrite=True, colorizer=colorizer)
            shown = read_rgb(output)
        else:
            luma = truth @ np.array([0.2126, 0.7152, 0.0722])
            shown = np.repeat(luma.round().astype(np.uint8)[..., None], 3, axis=2)
        film = path.name.rsplit("-", 1)[0]
        for name in (film, "all"):
            score(truth, shown, found.setdefault(name, {}))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of colour films")
    parser.add_argument("--split", choices=("shots", "time"), default="shots")
    parser.add_argument("--per-shot", type=int, default=16)
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    keep_freed_memory()
    print(f"{datetime.date.today()}, {machine()}")
    print(f"`{parser.prog} --split {options.split} --steps {options.steps}`\n")
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.output or Path(scratch)
        frames = folder / "frames"
        films = films_in(options.data)
        make_frames(films, frames, options.split, options.per_shot)
        test = sorted((frames / "val").iterdir())
        tuned = folder / "run" / "finetuned.safetensors"
        begin = time.perf_counter()
        if not tuned.exists():
            recipe = load_recipe("train-finetune", {"max_steps": options.steps})
            run_training(recipe, [frames], folder / "run", init="default", device="cpu")
        minutes = (time.perf_counter() - begin) / 60
        trained = len(list((frames / "train").iterdir()))
        print(f"{trained} frames to tune on, {len(test)} to test on; tuned in {minutes:.0f} min\n")
        results = []
        for name, checkpoint in (("grey", None), ("before", "default"), ("after", str(tuned))):
            pictures = folder / name
            pictures.mkdir(exist_ok=True)
            results.append(colored(test, checkpoint, pictures))
        truth = {film: [colorfulness_of(path) for path in paths] for film, paths in groups(test)}
    rows = []
    for film in truth:
        row = [film, str(len(truth[film]))]
        for measure in ("ΔE00", "PSNR"):
            row += [f"{np.mean(result[film][measure]):.2f}" for result in results]
        true = np.mean(truth[film])
        row += [f"{np.mean(result[film]['colours']) / true:.0%}" for result in results[1:]]
        rows.append(row)
    print_table(
        [
            *("film", "frames", "ΔE00 grey", "before", "after", "PSNR dB grey", "before", "after"),
            *("colourfulness before", "after"),
        ],
        rows,
    )


def colorfulness_of(path: Path) -> float:
    """Of a picture as it is."""
    return float(colorfulness(torch.from_numpy(read_rgb(path).transpose(2, 0, 1))[None] / 255))


def groups(pictures: list[Path]) -> list[tuple[str, list[Path]]]:
    """Pictures by film, and all."""
    films: dict[str, list[Path]] = {}
    for path in pictures:
        films.setdefault(path.name.rsplit("-", 1)[0], []).append(path)
    return [*films.items(), ("all", pictures)]


if __name__ == "__main__":
    main()
