from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from tests.photographs.made import quick_recipe, write_photo_shards
from vidcolor.errors import DeviceError, SettingsError
from vidcolor.models.filmnet import FilmNet
from vidcolor.training.library import load_library
from vidcolor.training.setup import (
    check_devices,
    check_init,
    check_recipe,
    create_network,
    initialize,
)

CPU = torch.device("cpu")


def test_a_network_without_bins_or_of_no_known_name_is_refused() -> None:
    with pytest.raises(SettingsError, match="filmnet"):
        create_network(quick_recipe(**{"network.architecture": "filmnit"}))


def _encoder_file(path: Path) -> Path:
    """Weights like published ones: three input channels, batch norms with nothing but a bias."""
    state = FilmNet().encoder.state_dict()
    stem = "features.0.0.weight"
    state[stem] = state[stem].repeat(1, 3, 1, 1) / 3
    save_file({name: value.contiguous() for name, value in state.items()}, path)
    return path


def test_an_imagenet_encoder_is_loaded_and_calibrated(tmp_path: Path) -> None:
    recipe = quick_recipe()
    shards = write_photo_shards(tmp_path / "photos")
    photos = load_library([shards], recipe.data).train
    network = create_network(recipe)
    path = _encoder_file(tmp_path / "encoder.safetensors")
    torch.manual_seed(5)
    initialize(network, f"imagenet:{path}", photos, torch.ones(313))
    norm = network.encoder.features[0][1]
    assert isinstance(norm, torch.nn.BatchNorm2d)
    assert norm.running_var is not None
    assert not torch.equal(norm.running_var, torch.ones(32))
    picture = torch.rand(4, 1, 32, 32) * 100
    fresh = create_network(recipe).eval()
    assert not torch.allclose(network.eval()(picture).ab, fresh(picture).ab)


def test_first_weights_depend_only_on_the_seed() -> None:
    first = create_network(quick_recipe())
    torch.manual_seed(99)
    again = create_network(quick_recipe()).state_dict()
    for name, value in first.state_dict().items():
        assert torch.equal(value, again[name]), name
    other = create_network(quick_recipe(seed=2)).state_dict()
    assert not torch.equal(other["logits.weight"], first.state_dict()["logits.weight"])


def test_more_devices_than_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    check_devices(CPU, 2, quick_recipe())
    with pytest.raises(DeviceError, match=r"4 devices of the kind 'cpu'.*2 found"):
        check_devices(CPU, 4, quick_recipe())


def test_a_batch_that_cannot_be_shared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: 8)
    with pytest.raises(SettingsError, match=r"batches of 4 pictures.*multiple of 3"):
        check_devices(CPU, 3, quick_recipe())


def test_an_encoder_prefix_that_names_nothing() -> None:
    recipe = quick_recipe(**{"network.encoder_parameters": "encodr."})
    with pytest.raises(SettingsError, match=r"'encodr\.': no parameter of filmnet"):
        check_recipe(create_network(recipe), recipe)


def test_a_judge_needs_more_than_a_few_pixels() -> None:
    changes = {"gan": {}, "loss.kind": "l1", "validation.size": 64}
    recipe = quick_recipe(**changes, phases=[{"share": 1.0, "size": 64, "batch": 2}])
    with pytest.raises(SettingsError, match=r"colours of 16 px.*at least 96"):
        check_recipe(create_network(recipe), recipe)


def test_a_network_without_a_backbone_takes_no_imagenet_weights(tmp_path: Path) -> None:
    (tmp_path / "weights.pth").touch()
    recipe = quick_recipe(**{"network.architecture": "alpha", "network.options": {}})
    with pytest.raises(SettingsError, match="alpha has no backbone"):
        check_init(create_network(recipe), f"imagenet:{tmp_path / 'weights.pth'}")
