"""``vidcolor train``: train a network from a recipe."""

from __future__ import annotations

import importlib.util
import logging
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from vidcolor.cli import options
from vidcolor.cli.console import clock, one_line, print_json, report_grid, settings_line, stderr
from vidcolor.cli.progress import Mode, bar
from vidcolor.cli.session import session
from vidcolor.cli.signals import StopRequest, stop_on_signals
from vidcolor.errors import Interrupted, MissingExtraError, SettingsError

if TYPE_CHECKING:
    from vidcolor.training.callbacks import TrainingProgress
    from vidcolor.training.recipe import Recipe
    from vidcolor.training.run import TrainingResult

SHIPPED = (
    "train-filmnet",
    "train-finetune",
    "train-alpha",
    "train-beta",
    "train-eccv16",
    "train-fusion",
    "train-siggraph17",
    "train-unet",
    "train-unet-gan",
    "train-vgg16",
)
"""`vidcolor.training.recipe.RECIPES`, repeated because importing that would slow down --help."""

FINETUNE_RECIPE = "train-finetune"
"""What ``--init CHECKPOINT`` alone means."""

log = logging.getLogger("vidcolor.cli")

_NEEDED = ("lightning",)
"""What the extra ``train`` brings."""


def train(
    data: Annotated[
        list[Path],
        typer.Option(metavar="DIR", help="Folder of photographs or tar shards; may be repeated."),
    ],
    recipe: Annotated[
        str | None,
        typer.Argument(
            metavar="[RECIPE|PATH]",
            help=f"{', '.join(SHIPPED)}, or a .toml of your own. With --init CHECKPOINT it may be "
            f"left out and is then {FINETUNE_RECIPE}.",
            show_default=False,
        ),
    ] = None,
    val: Annotated[
        list[Path] | None,
        typer.Option(metavar="DIR", help="More photographs, only validated on."),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--output",
            metavar="DIR",
            help="The run's folder.",
            show_default="runs/NAME",
        ),
    ] = None,
    init: Annotated[
        str | None,
        typer.Option(
            metavar="imagenet:PATH|CHECKPOINT",
            help="Where the weights begin: a backbone's from ImageNet, or a whole network, "
            "such as default.",
        ),
    ] = None,
    freeze: Annotated[
        Literal["encoder"] | None,
        typer.Option(metavar="encoder", help="Leave these weights as they are."),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", metavar="", help="Go on with the run in the folder.")
    ] = False,
    export_only: Annotated[
        bool,
        typer.Option(
            "--export-only", metavar="", help="Only write the weights of the run as it stands."
        ),
    ] = False,
    max_steps: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Length of the whole run.")
    ] = None,
    change: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="KEY=VALUE", help="Change a field, such as optimizer.rate=3e-4."
        ),
    ] = None,
    device: options.Device = None,
    devices: Annotated[
        int,
        typer.Option(
            min=1,
            metavar="N",
            help="GPUs, or processes on the CPU, that share each batch.",
            rich_help_panel=options.COLOR,
        ),
    ] = 1,
    progress: options.Progress = "auto",
    verbose: options.Verbose = 0,
    quiet: options.Quiet = False,
    log_file: options.LogFile = None,
) -> None:
    """Train a network; a stopped run goes on with --resume as if it had never stopped."""
    if _is_helper():
        verbose, quiet, log_file, progress = 0, True, None, "none"
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115  (its errors follow from the first's)
    with session(-1 if quiet else verbose, log_file):
        _require_extra()
        loaded = _load_recipe(_recipe_name(recipe, init), change or [], max_steps, freeze)
        folder = output or Path("runs") / loaded.name
        log.info("recipe %s: %d steps, into %s", loaded.name, loaded.max_steps, folder)
        log.debug("settings %s", settings_line(loaded))
        mode: Mode = "none" if quiet and progress == "auto" else progress
        if export_only:
            _export(loaded, data, val or [], folder, mode)
            return
        arguments: dict[str, Any] = {
            "val": val or [],
            "init": init,
            "resume": resume,
            "device": device or "auto",
            "devices": devices,
        }
        # What a second Ctrl-C leaves behind is the checkpoint before: there is nothing to delete.
        with stop_on_signals(lambda: None) as stop, _reporting(mode) as report:
            result = _train(loaded, data, folder, stop, {**arguments, "on_progress": report})
        for name, value in _summary(result, folder):
            log.info("%s: %s", name, value)
        if progress == "json":
            print_json({"result": result})
        elif not quiet:
            report_grid(_summary(result, folder))


def _is_helper() -> bool:
    """Whether this is one of the processes that ``--devices`` starts, which have nothing to say."""
    return os.environ.get("LOCAL_RANK", "0") != "0"


def _require_extra() -> None:
    missing = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise MissingExtraError(
            f"training needs {', '.join(missing)}: run pip install 'vidcolor[train]'"
        )


def _recipe_name(name: str | None, init: str | None) -> str:
    if name is not None:
        return name
    if init is None or init.startswith("imagenet:"):
        raise SettingsError(
            "no recipe given: name one (vidcolor train --help lists them), or adapt a checkpoint "
            "with --init default"
        )
    return FINETUNE_RECIPE


def _load_recipe(
    name: str, assignments: list[str], max_steps: int | None, freeze: str | None
) -> Recipe:
    from vidcolor.training.recipe import load_recipe, parse_changes

    changes = parse_changes(assignments)
    if max_steps is not None:
        changes["max_steps"] = max_steps
    if freeze:
        changes["optimizer.encoder_rate"] = 0.0
    recipe = load_recipe(name, changes)
    if freeze and recipe.network.encoder_parameters is None:
        raise SettingsError(
            f"--freeze encoder: recipe {name} names no encoder; set network.encoder_parameters"
        )
    return recipe


def _train(
    recipe: Recipe, data: list[Path], folder: Path, stop: StopRequest, arguments: dict[str, Any]
) -> TrainingResult:
    from vidcolor.training.memory import keep_freed_memory
    from vidcolor.training.run import run_training

    keep_freed_memory()
    result = run_training(recipe, data, folder, cancel=stop.event, **arguments)
    if _is_helper():
        return result  # the first process says how it ended; its watchdog kills on a failed helper
    if result.checkpoint is None and stop.event.is_set():
        stopped = Interrupted(stop.signal_number)
        stopped.args = (f"stopped after step {result.steps}; go on with --resume -o {folder}",)
        raise stopped
    return result


def _export(recipe: Recipe, data: list[Path], val: list[Path], folder: Path, mode: Mode) -> None:
    from vidcolor.training.export import LAST_CHECKPOINT, export_stored, load_state
    from vidcolor.training.library import load_library

    load_state(folder / LAST_CHECKPOINT, recipe)  # before the photographs are read
    library = load_library(data, recipe.data, val_folders=val, skip=folder)
    path = export_stored(recipe, library, folder)
    if mode == "json":
        print_json({"result": {"checkpoint": path}})
    elif mode != "none":
        report_grid([("weights", str(path))])


def _summary(result: TrainingResult, folder: Path) -> list[tuple[str, str]]:
    rows = [("steps", str(result.steps)), ("run", str(folder))]
    rows += [(name, _scores(scores)) for name, scores in result.scores.items()]
    if result.checkpoint is not None:
        rows.append(("weights", str(result.checkpoint)))
    return rows


def _scores(scores: dict[str, float]) -> str:
    return (
        f"{scores['psnr_rgb']:.2f} dB (grey {scores['psnr_grey']:.2f}), "
        f"{scores['colorfulness_ratio']:.0%} of the true colourfulness"
    )


@contextmanager
def _reporting(mode: Mode) -> Iterator[Callable[[TrainingProgress], None]]:
    if mode == "json":
        yield lambda progress: print_json({"training": progress})
    elif mode == "none":
        yield lambda _: None
    elif not stderr().is_terminal:
        yield _print_progress
    else:
        with bar() as shown:
            task = shown.add_task("", total=None, name="reading photographs", note="")

            def show(progress: TrainingProgress) -> None:
                shown.update(
                    task,
                    name=f"step {progress.step} of {progress.max_steps}",
                    total=progress.max_steps,
                    completed=progress.step,
                    note=_note(progress),
                )
                _print_scores(progress)

            yield show


def _note(progress: TrainingProgress) -> str:
    return (
        f"loss {progress.loss:.4f}  {progress.pictures_per_s:.0f} pictures/s  "
        f"{clock(progress.eta_s)} left"
    )


def _print_progress(progress: TrainingProgress) -> None:
    line = f"step {progress.step}/{progress.max_steps}  {_note(progress)}"
    stderr().print(one_line(line), markup=False)
    _print_scores(progress)


def _print_scores(progress: TrainingProgress) -> None:
    for name, scores in progress.scores.items():
        stderr().print(one_line(f"  {name}: {_scores(scores)}"), markup=False)
