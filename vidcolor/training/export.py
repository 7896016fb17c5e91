"""From a finished (or stopped) run to the weights that people load."""

from __future__ import annotations

import json
import pickle
import platform
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from vidcolor.color import lightness_from_luma, rgb_to_luma
from vidcolor.errors import DamagedCheckpointError, SettingsError, TrainingDivergedError
from vidcolor.models import bins, registry
from vidcolor.models.base import ColorNetwork
from vidcolor.models.checkpoint import save_checkpoint
from vidcolor.models.filmnet import FilmNet
from vidcolor.photographs.photos import PhotoSet, source_counts
from vidcolor.training.batches import FixedBatches
from vidcolor.training.gan import GanModule
from vidcolor.training.library import PhotoLibrary
from vidcolor.training.losses import ab_target
from vidcolor.training.metrics import ColorScores, Decoding, ScoreKeeper, choose_decoding
from vidcolor.training.module import ColorModule, unit_rgb
from vidcolor.training.recipe import Recipe

LAST_CHECKPOINT = "last.ckpt"
"""Everything that a resume needs, in the run's folder."""

BEST_CHECKPOINT = "best.ckpt"
"""The state with the lowest validation loss, where the recipe keeps it."""

RUN_FACTS = "run.json"
"""What a run's metadata needs beside its checkpoint, in the run's folder."""

FREE_FIELDS = frozenset(
    {"name", "description", "checkpoint_steps", "log_steps", "validation", "licence", "sources"}
)
"""Fields of a recipe that do not change what is learnt; they may differ between starts."""


def finish(
    module: ColorModule, recipe: Recipe, library: PhotoLibrary, output: Path, steps: int
) -> Path:
    """Write the averaged weights, ``output/NAME.safetensors``, after choosing filmnet's decode
    temperature.

    Returns
    -------
    Path
        Of the checkpoint.
    """
    if recipe.validation.keep == "best" and (output / BEST_CHECKPOINT).is_file():
        best = _read_state(output / BEST_CHECKPOINT)
        module.load_state_dict(best["state_dict"])
        module.on_load_checkpoint(best)
        steps = best["global_step"]
    network = module.average
    training = describe_run(recipe, library, steps, module.hours_trained, output)
    _require_finite(network, steps)
    scores: dict[str, dict[str, Any]] = {**module.latest_scores}
    if isinstance(network, FilmNet):
        scored_with = str(Decoding(network.temperature, network.gain, network.tilt))
        training["decoding"] = set_best_decoding(network, library.val, recipe)
        chosen = training["decoding"]["chosen"]
        scores = {name: {**values, "decoding": scored_with} for name, values in scores.items()}
        scores["val"] = {**training["decoding"]["sweep"][chosen], "decoding": chosen}
        module.latest_scores["val"] = training["decoding"]["sweep"][chosen]
    training["scores"] = scores
    path = output / f"{recipe.name}.safetensors"
    save_checkpoint(
        path,
        network.to("cpu").eval(),
        name=recipe.name,
        licence=recipe.licence,
        training=training,
    )
    return path


def _require_finite(network: ColorNetwork, steps: int) -> None:
    broken = [name for name, value in network.state_dict().items() if not value.isfinite().all()]
    if broken:
        raise TrainingDivergedError(
            f"{len(broken)} weights, the first {broken[0]}, are no finite numbers after step "
            f"{steps}: the run has diverged; begin it anew with a lower optimizer.rate"
        )


def make_module(network: ColorNetwork, recipe: Recipe, prior: torch.Tensor) -> ColorModule:
    """The module that trains ``network`` by ``recipe``; see `ColorModule` for the arguments."""
    return (GanModule if recipe.gan else ColorModule)(network, recipe, prior)


def export_stored(recipe: Recipe, library: PhotoLibrary, output: Path) -> Path:
    """Write the weights of the run in ``output`` as they are in its last checkpoint.

    Raises
    ------
    SettingsError
        If there is no checkpoint, or it belongs to another recipe.
    """
    state = load_state(output / LAST_CHECKPOINT, recipe)
    network = registry.create(recipe.network.architecture, recipe.network.options)
    module = make_module(network, recipe, torch.ones(bins.NUM_BINS))
    module.load_state_dict(state["state_dict"])
    module.on_load_checkpoint(state)
    return finish(module, recipe, library, output, state["global_step"])


def load_state(path: Path, recipe: Recipe) -> dict[str, Any]:
    """The checkpoint at ``path``, if ``recipe`` is the one that made it.

    Raises
    ------
    SettingsError
        If it is missing, or the recipe differs in more than `FREE_FIELDS`.
    DamagedCheckpointError
        If it cannot be read.
    """
    if not path.is_file():
        raise SettingsError(f"{path.parent} holds no run to go on with: there is no {path.name}")
    state = _read_state(path)
    before, now = state["vidcolor"]["recipe"], recipe.model_dump(mode="json")
    changed = [name for name in now if name not in FREE_FIELDS and now[name] != before.get(name)]
    if changed:
        raise SettingsError(
            f"{path} was made with another recipe ({', '.join(changed)} differ): use the recipe "
            "and settings that it was started with, or begin a new run in another folder"
        )
    return state


def _read_state(path: Path) -> dict[str, Any]:
    try:
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except (RuntimeError, ValueError, KeyError, EOFError, pickle.UnpicklingError) as error:
        raise DamagedCheckpointError(
            f"{path} is damaged ({type(error).__name__}): begin the run anew in another folder"
        ) from error
    return state


def describe_run(
    recipe: Recipe, library: PhotoLibrary, steps: int, hours: float, output: Path
) -> dict[str, Any]:
    """JSON values for the checkpoint's ``training`` metadata."""
    main, extra = recipe.pictures_before(steps)
    facts = output / RUN_FACTS
    return {
        "recipe": recipe.model_dump(mode="json", exclude={"sources", "licence"}),
        "sources": [source.model_dump() for source in recipe.sources],
        "photos": library.counts(),
        "photos_by_source": source_counts(library.train),
        "steps": steps,
        "pictures_seen": main + extra,
        "hours": round(hours, 3),
        "seed": recipe.seed,
        "versions": {
            "python": platform.python_version(),
            **{name: version(name) for name in ("torch", "lightning", "numpy")},
        },
        **(json.loads(facts.read_text(encoding="utf-8")) if facts.is_file() else {}),
    }


@torch.no_grad()
def sweep_decodings(
    network: FilmNet, photos: PhotoSet, recipe: Recipe
) -> dict[Decoding, ColorScores]:
    """Scores of ``network`` on clean ``photos`` for each decoding of the recipe."""
    was_training = network.training
    network.eval()
    device = next(network.parameters()).device
    validation = recipe.validation
    keepers = {
        Decoding(temperature, gain, tilt): ScoreKeeper()
        for temperature in validation.temperatures
        for tilt in validation.tilts
        for gain in validation.gains
    }
    for batch in FixedBatches(photos.spaced(validation.photos), validation.size):
        rgb = unit_rgb(batch.rgb).to(device)
        target = ab_target(rgb, network.stride)
        output = network.forward_train(lightness_from_luma(rgb_to_luma(rgb)))
        means = {
            (temperature, tilt): bins.decode(output.logits, temperature, tilt) + output.residual
            for temperature in validation.temperatures
            for tilt in validation.tilts
        }
        for decoding, keeper in keepers.items():
            keeper.add(rgb, means[decoding.temperature, decoding.tilt] * decoding.gain, target)
    network.train(was_training)
    return {decoding: keeper.scores() for decoding, keeper in keepers.items()}


def set_best_decoding(network: FilmNet, photos: PhotoSet, recipe: Recipe) -> dict[str, Any]:
    """Choose how to decode on ``photos``, store it in ``network``, return the sweep."""
    scores = sweep_decodings(network, photos, recipe)
    chosen = choose_decoding(scores, recipe.validation.min_colorfulness)
    network.temperature, network.gain, network.tilt = chosen
    return {"chosen": str(chosen), "sweep": {str(d): s.as_dict() for d, s in scores.items()}}
