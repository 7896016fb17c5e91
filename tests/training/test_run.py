from __future__ import annotations

import csv
import math
import shutil
import threading
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor

from tests.photographs.made import (
    encoded,
    photograph,
    quick_recipe,
    sunset,
    write_photo_shards,
    write_shard,
)
from vidcolor.errors import (
    DamagedCheckpointError,
    DeviceError,
    DeviceMemoryError,
    OutputFolderError,
    SettingsError,
    TrainingDivergedError,
    UnknownCheckpointError,
)
from vidcolor.models.checkpoint import load_checkpoint
from vidcolor.models.filmnet import FilmNet
from vidcolor.photographs.photos import PhotoSet
from vidcolor.training.callbacks import TrainingProgress
from vidcolor.training.export import BEST_CHECKPOINT, LAST_CHECKPOINT, export_stored
from vidcolor.training.library import load_library
from vidcolor.training.metrics import Decoding
from vidcolor.training.recipe import Recipe
from vidcolor.training.run import BROKEN_FILES, run_training
from vidcolor.training.setup import create_network, initialize

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_photo_shards(tmp_path_factory.mktemp("photos"))


class _Run:
    """One run of the quick recipe, and what it reported."""

    def __init__(self, shards: Path, output: Path) -> None:
        self.shards = shards
        self.output = output
        self.losses: dict[int, float] = {}
        self.scores: dict[str, dict[str, float]] = {}

    def __call__(self, recipe: Recipe | None = None, **arguments: Any) -> Any:
        return run_training(
            recipe or quick_recipe(),
            [self.shards],
            self.output,
            device="cpu",
            on_progress=self._note,
            **arguments,
        )

    def _note(self, progress: TrainingProgress) -> None:
        self.losses[progress.step] = progress.loss
        self.scores.update(progress.scores)

    def state(self) -> dict[str, Any]:
        found: dict[str, Any] = torch.load(self.output / LAST_CHECKPOINT, weights_only=True)
        return found


@pytest.fixture(scope="module")
def straight(shards: Path, tmp_path_factory: pytest.TempPathFactory) -> _Run:
    """Six steps without a stop."""
    run = _Run(shards, tmp_path_factory.mktemp("straight"))
    run()
    return run


def _assert_same(a: dict[str, Tensor], b: dict[str, Tensor]) -> None:
    assert a.keys() == b.keys()
    for name, value in a.items():
        assert torch.equal(value, b[name]), name


def test_a_resumed_run_is_the_run_that_never_stopped(
    straight: _Run, shards: Path, tmp_path: Path
) -> None:
    halves = _Run(shards, tmp_path)
    first = halves(stop_after=3)
    assert (first.steps, first.checkpoint) == (3, None)
    second = halves(resume=True)
    assert second.steps == 6
    assert halves.losses == straight.losses
    assert sorted(halves.losses) == [1, 2, 3, 4, 5, 6]
    _assert_same(halves.state()["state_dict"], straight.state()["state_dict"])


def test_a_killed_run_goes_on_from_its_last_checkpoint(
    straight: _Run, shards: Path, tmp_path: Path
) -> None:
    class KilledError(Exception):
        pass

    def die(progress: TrainingProgress) -> None:
        if progress.step == 5:
            raise KilledError

    arguments: dict[str, Any] = {"device": "cpu"}
    with pytest.raises(KilledError):
        run_training(quick_recipe(), [shards], tmp_path, on_progress=die, **arguments)
    run = _Run(shards, tmp_path)
    assert run.state()["global_step"] == 4
    run(resume=True)
    assert run.losses == {step: straight.losses[step] for step in (5, 6)}
    assert not any(thread.name == "batches" for thread in threading.enumerate())


def _watched() -> Recipe:
    """A run whose rate and end depend on its validations."""
    return quick_recipe(
        **{
            "max_steps": 8,
            "optimizer.rate": 1e-6,
            "optimizer.encoder_rate": 1e-6,
            "optimizer.schedule": "plateau",
            "optimizer.plateau_patience": 0,
            "optimizer.warmup_steps": 0,
            "validation.every_steps": 2,
            "validation.patience": 9,
        }
    )


def _memory(run: _Run) -> dict[str, Any]:
    """What a run remembers of its validations."""
    state = run.state()
    stopping = next(value for name, value in state["callbacks"].items() if "EarlyStop" in name)
    rates = [group["lr"] for group in state["optimizer_states"][0]["param_groups"]]
    return {"waited": stopping["wait_count"], "rates": rates}


@pytest.mark.parametrize("at", [3, 4])
def test_a_stop_leaves_no_trace_in_what_validations_decide(
    shards: Path, tmp_path: Path, at: int
) -> None:
    straight = _Run(shards, tmp_path / "straight")
    straight(_watched())
    stopped = _Run(shards, tmp_path / "stopped")
    cancel = threading.Event()
    reported: list[int] = []

    def stop(progress: TrainingProgress) -> None:
        if progress.scores:
            reported.append(progress.step)
        if progress.step == at:
            cancel.set()

    run_training(
        _watched(), [shards], stopped.output, device="cpu", cancel=cancel, on_progress=stop
    )
    assert reported == [2, 4][: at // 2]  # none for the stop's sake
    stopped(_watched(), resume=True)
    assert _memory(stopped) == _memory(straight)
    assert _memory(straight)["waited"] > 0
    assert min(_memory(straight)["rates"]) < 1e-6


def test_a_run_killed_while_validating_does_that_validation_again(
    shards: Path, tmp_path: Path
) -> None:
    class KilledError(Exception):
        pass

    def die(progress: TrainingProgress) -> None:
        if progress.scores and progress.step == 4:
            raise KilledError

    straight = _Run(shards, tmp_path / "straight")
    straight(_watched())
    killed = _Run(shards, tmp_path / "killed")
    with pytest.raises(KilledError):
        run_training(_watched(), [shards], killed.output, device="cpu", on_progress=die)
    killed(_watched(), resume=True)
    assert _memory(killed) == _memory(straight)


def test_a_run_that_diverges_says_so(shards: Path, tmp_path: Path) -> None:
    recipe = quick_recipe(**{"optimizer.rate": 1e30, "optimizer.clip": 1e30})
    with pytest.raises(TrainingDivergedError, match=r"at step \d: the run has diverged"):
        run_training(recipe, [shards], tmp_path, device="cpu")


def test_nothing_is_read_before_the_settings_are_checked(tmp_path: Path) -> None:
    nowhere = [tmp_path / "no-photographs"]
    with pytest.raises(UnknownCheckpointError, match="typo"):
        run_training(quick_recipe(), nowhere, tmp_path / "a", init="imagenet:typo.pth")
    (tmp_path / "file").touch()
    with pytest.raises(OutputFolderError, match="cannot make the folder"):
        run_training(quick_recipe(), nowhere, tmp_path / "file" / "run")


def test_a_runs_own_pictures_are_not_trained_on(tmp_path: Path) -> None:
    for index in range(40):
        (tmp_path / f"photo-{index}.png").write_bytes(encoded(photograph(index)))
    run = _Run(tmp_path, tmp_path / "runs" / "one")
    run(stop_after=4)
    assert list(run.output.rglob("*.png"))
    counts = load_library([tmp_path], quick_recipe().data, skip=run.output).counts()
    assert counts["train"] + counts["val"] == 40


def test_what_a_finished_run_leaves_behind(straight: _Run) -> None:
    loaded = load_checkpoint(straight.output / "filmnet.safetensors", CPU)
    training = loaded.info.training
    assert training["steps"] == 6
    assert training["pictures_seen"] == 3 * 4 + 3 * 2
    assert training["photos"]["train"] == 12
    assert training["photos_by_source"] == {"town": 6, "farm": 6}
    assert training["seed"] == 1
    assert training["init"] is None
    assert training["hours"] >= 0
    assert any(source["terms"] for source in training["sources"])
    assert "research" in loaded.info.licence
    network = loaded.network
    assert isinstance(network, FilmNet)
    chosen = Decoding(network.temperature, network.gain, network.tilt)
    assert training["decoding"]["chosen"] == str(chosen)
    sweep = training["decoding"]["sweep"]
    assert set(sweep) == {"0.4 × 1", "0.4 × 1.5", "1 × 1", "1 × 1.5"}
    assert sweep["1 × 1.5"]["colorfulness_ratio"] > sweep["1 × 1"]["colorfulness_ratio"]
    average = {
        name.removeprefix("average."): value
        for name, value in straight.state()["state_dict"].items()
        if name.startswith("average.")
    }
    for name, value in loaded.network.state_dict().items():
        # Exported as float16: 11 bits.
        torch.testing.assert_close(value, average[name], rtol=1e-3, atol=1e-6, msg=name)


def test_validation_is_reported_for_clean_and_for_film(straight: _Run) -> None:
    assert set(straight.scores) == {"val", "val_film"}
    assert straight.scores["val"]["psnr_rgb"] > 5
    log = straight.output / "log/from-step-000000/metrics.csv"
    rows = list(csv.DictReader(log.read_text().splitlines()))
    assert any(row.get("val_loss") for row in rows)
    assert any(row.get("loss_huber") for row in rows)


def test_held_out_sources_are_validated_apart(shards: Path, tmp_path: Path) -> None:
    run = _Run(shards, tmp_path)
    changes = {"data.held_out_sources": ("farm",), "max_steps": 2, "validation.every_steps": 2}
    run(quick_recipe(**changes))
    assert set(run.scores) == {"val", "val_film", "held_out"}


def test_learning_lowers_the_loss(tmp_path: Path) -> None:
    for shard, seeds in (("train-0.tar", range(20)), ("val.tar", range(50, 54))):
        write_shard(tmp_path / shard, {f"s-{seed}.png": encoded(sunset(seed)) for seed in seeds})
    run = _Run(tmp_path, tmp_path / "run")
    changes: dict[str, Any] = {
        "max_steps": 24,
        "phases": [{"share": 1.0, "size": 32, "batch": 8}],
        "degradation.clean": 1.0,
        "crop.min_area": 1.0,
        "optimizer.rate": 3e-3,
        "network.options.drop_path": 0.0,
        "validation.every_steps": 100,
        "checkpoint_steps": 100,
    }
    run(quick_recipe(**changes))
    first, last = (sum(run.losses[s] for s in steps) / 4 for steps in (range(1, 5), range(21, 25)))
    assert last < 0.8 * first


def test_cancel_stops_with_a_checkpoint(shards: Path, tmp_path: Path) -> None:
    cancel = threading.Event()

    def stop(progress: TrainingProgress) -> None:
        if progress.step == 3:
            cancel.set()

    result = run_training(
        quick_recipe(), [shards], tmp_path, device="cpu", cancel=cancel, on_progress=stop
    )
    assert (result.steps, result.checkpoint) == (3, None)
    assert _Run(shards, tmp_path).state()["global_step"] == 3


def test_an_export_of_the_stored_run_has_the_same_weights(
    straight: _Run, shards: Path, tmp_path: Path
) -> None:
    recipe = quick_recipe()
    output = tmp_path / "run"
    shutil.copytree(straight.output, output)
    exported = output / "filmnet.safetensors"
    before = load_checkpoint(exported, CPU)
    exported.unlink()
    library = load_library([shards], recipe.data)
    renamed = quick_recipe(licence="for the test only")
    assert export_stored(renamed, library, output) == exported
    after = load_checkpoint(exported, CPU)
    _assert_same(after.network.state_dict(), before.network.state_dict())
    assert after.info.licence == "for the test only"
    with pytest.raises(SettingsError, match="no run"):
        export_stored(recipe, library, tmp_path)


def test_a_run_does_not_overwrite_another(straight: _Run) -> None:
    with pytest.raises(SettingsError, match="--resume"):
        straight()


def test_nothing_to_resume_is_an_error(shards: Path, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"no last\.ckpt"):
        _Run(shards, tmp_path)(resume=True)


def test_resuming_with_another_recipe_is_refused(straight: _Run) -> None:
    with pytest.raises(SettingsError, match="optimizer differ"):
        straight(quick_recipe(**{"optimizer.rate": 0.1}), resume=True)


def test_an_unknown_device_is_refused(shards: Path, tmp_path: Path) -> None:
    with pytest.raises(DeviceError):
        run_training(quick_recipe(), [shards], tmp_path, device="cuda:99")


def test_a_checkpoint_can_be_the_beginning(straight: _Run) -> None:
    network = create_network(quick_recipe())
    path = straight.output / "filmnet.safetensors"
    initialize(network, str(path), PhotoSet(), torch.ones(313))
    _assert_same(network.state_dict(), load_checkpoint(path, CPU).network.state_dict())


def test_each_validation_is_also_a_picture(straight: _Run) -> None:
    names = sorted(path.name for path in (straight.output / "pictures").iterdir())
    assert names == ["step-000004.png"]
    sheet = cv2.imread(str(straight.output / "pictures" / names[0]))
    assert sheet.shape == (3 * 32, 4 * 32, 3)
    grey, _, true = sheet[:32], sheet[32:64], sheet[64:]
    assert np.ptp(grey.astype(int), axis=2).max() == 0
    assert np.ptp(true.astype(int), axis=2).max() > 50


def test_there_is_a_log_for_tensorboard(straight: _Run) -> None:
    assert list(straight.output.glob("log/from-step-000000/events.out.tfevents.*"))


@pytest.mark.parametrize(("architecture", "kind"), [("alpha", "mse"), ("vgg16", "l1")])
def test_other_networks_train_by_regression(
    shards: Path, tmp_path: Path, architecture: str, kind: str
) -> None:
    run = _Run(shards, tmp_path / "run")
    changes = {
        "network.architecture": architecture,
        "network.options": {},
        "network.encoder_parameters": None,
        "loss.kind": kind,
        "optimizer.kind": "rmsprop",
        "optimizer.schedule": "constant",
        "max_steps": 2,
        "validation.every_steps": 2,
    }
    result = run(quick_recipe(**changes))
    assert load_checkpoint(result.checkpoint).info.architecture == architecture
    assert math.isfinite(run.scores["val"]["psnr_rgb"])


def test_a_run_that_no_longer_gets_better_ends_and_keeps_its_best(
    shards: Path, tmp_path: Path
) -> None:
    run = _Run(shards, tmp_path / "run")
    changes = {
        "max_steps": 40,
        "optimizer.rate": 1e-9,
        "optimizer.schedule": "plateau",
        "optimizer.plateau_patience": 0,
        "optimizer.warmup_steps": 0,
        "optimizer.encoder_rate": 0.0,
        "validation.every_steps": 2,
        "validation.patience": 2,
        "validation.keep": "best",
    }
    result = run(quick_recipe(**changes))
    assert result.steps < 40
    assert result.checkpoint is not None
    best = torch.load(tmp_path / "run" / BEST_CHECKPOINT, weights_only=True)
    assert load_checkpoint(result.checkpoint).info.training["steps"] == best["global_step"]
    assert not list(run.output.rglob("epoch=*.ckpt"))  # Lightning's own


def test_pictures_of_a_size_that_the_network_cannot_take(shards: Path, tmp_path: Path) -> None:
    recipe = quick_recipe(**{"validation.size": 40})
    with pytest.raises(SettingsError, match=r"40 px do not suit filmnet.*multiples of 32"):
        run_training(recipe, [shards], tmp_path, device="cpu")


def test_too_little_memory_names_the_batch_to_try(
    shards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr("vidcolor.training.module.ColorModule.training_step", full)
    with pytest.raises(DeviceMemoryError, match=r"batches of 4 pictures of 32 px.*batch to 2"):
        run_training(quick_recipe(), [shards], tmp_path, device="cpu")


def test_broken_photographs_are_listed(tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    write_photo_shards(photos)
    (photos / "broken.png").write_bytes(b"not a picture")
    recipe = quick_recipe(max_steps=1)
    run_training(recipe, [photos], tmp_path / "run", device="cpu", stop_after=1)
    assert (tmp_path / "run" / BROKEN_FILES).read_text() == "broken.png\n"


def test_a_damaged_checkpoint_is_told(shards: Path, tmp_path: Path) -> None:
    (tmp_path / LAST_CHECKPOINT).write_bytes(b"not a checkpoint")
    with pytest.raises(DamagedCheckpointError, match="begin the run anew"):
        run_training(quick_recipe(), [shards], tmp_path, device="cpu", resume=True)


def test_another_network_to_begin_with_is_told_before_reading(straight: _Run) -> None:
    changes = {"network.architecture": "alpha", "network.options": {}, "loss.kind": "l1"}
    recipe = quick_recipe(**changes, **{"network.encoder_parameters": None})
    weights = straight.output / "filmnet.safetensors"
    with pytest.raises(SettingsError, match="holds a 'filmnet', not a 'alpha'"):
        run_training(recipe, [Path("nowhere")], straight.output / "other", init=str(weights))
