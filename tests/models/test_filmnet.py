from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from vidcolor.color import lightness_from_luma
from vidcolor.errors import DamagedCheckpointError, UnknownCheckpointError
from vidcolor.models import filmnet, mobilenet
from vidcolor.models.bins import NUM_BINS
from vidcolor.models.filmnet import DropPath, FilmNet, gray_from_lightness


def random_lightness(n: int, side: int = 64) -> torch.Tensor:
    return torch.rand(n, 1, side, side) * 100.0


def test_is_small_enough_to_ship() -> None:
    assert FilmNet().num_parameters <= 8_000_000


def test_gray_is_the_inverse_of_the_lightness_that_training_makes() -> None:
    luma = torch.linspace(0.0, 1.0, 1001).reshape(1, 1, 1, -1)
    gray = gray_from_lightness(lightness_from_luma(luma))
    assert torch.allclose(gray, luma * 2.0 - 1.0, atol=1e-5)


def test_gray_stays_in_range_outside_the_lightness_range() -> None:
    gray = gray_from_lightness(torch.tensor([-5.0, 120.0]).reshape(1, 1, 1, 2))
    assert gray.flatten().tolist() == pytest.approx([-1.0, 1.0], abs=1e-6)


def test_forward_train_and_forward_are_the_same_network() -> None:
    network = FilmNet().eval()
    L = random_lightness(2)
    with torch.no_grad():
        output = network.forward_train(L)
        prediction = network(L)
    assert torch.equal(output.logits, prediction.logits)
    assert output.global_logits.shape == (2, NUM_BINS)
    assert output.residual.abs().max() <= filmnet.RESIDUAL_LIMIT
    mean = filmnet.bins.decode(output.logits, network.temperature)
    assert torch.allclose(mean + output.residual, prediction.ab)


def test_temperature_can_be_set_later_and_is_kept_in_the_config() -> None:
    network = FilmNet().eval()
    torch.nn.init.normal_(network.logits.weight)
    L = random_lightness(1)
    with torch.no_grad():
        washed_out = network(L).ab.std()
        network.temperature = 0.1
        vivid = network(L).ab.std()
    assert vivid > washed_out
    assert network.config()["temperature"] == 0.1
    assert FilmNet(**network.config()).temperature == 0.1


def test_gain_scales_ab_and_is_kept_in_the_config() -> None:
    network = FilmNet().eval()
    torch.nn.init.normal_(network.logits.weight)
    L = random_lightness(1)
    with torch.no_grad():
        plain = network(L).ab
        network.gain = 1.25
        torch.testing.assert_close(network(L).ab, 1.25 * plain)
    assert FilmNet(**network.config()).gain == 1.25


def test_vividness_weighs_bins_by_their_chroma() -> None:
    near, far = 10.0, 50.0  # CIE units: grey or orange, equally likely
    logits = torch.full((1, filmnet.bins.NUM_BINS, 1, 1), -100.0)
    chroma = filmnet.bins.AB_BINS.norm(dim=1)
    for wanted in (near, far):
        logits[0, (chroma - wanted).abs().argmin()] = 0.0
    picked = chroma[logits.flatten() == 0]
    found = {}
    for vividness in (0.25, 1.0, 4.0):
        network = FilmNet(temperature=1.0, tilt=0.03)
        network.set_vividness(vividness)
        ab = network.decode(logits, torch.zeros(1, 2, 1, 1))
        found[vividness] = ab.norm().item()
        weights = vividness ** (picked / 20) * torch.exp(0.03 * picked)
        bins_picked = filmnet.bins.AB_BINS[logits.flatten() == 0]
        expected = (weights[:, None] * bins_picked).sum(dim=0) / weights.sum()
        torch.testing.assert_close(ab.flatten(), expected, rtol=1e-4, atol=1e-3)
    assert found[0.25] < found[1.0] < found[4.0]


def test_tilt_is_kept_in_the_config() -> None:
    assert FilmNet(**FilmNet(tilt=0.06).config()).tilt == 0.06


@pytest.mark.parametrize(
    "config",
    [
        {"temperature": 0.0},
        {"temperature": math.nan},
        {"drop_path": 1.0},
        {"gain": 0.0},
        {"gain": math.nan},
        {"tilt": math.inf},
    ],
)
def test_impossible_config_is_refused(config: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(config))):
        FilmNet(**config)


def test_hints_are_refused() -> None:
    L = random_lightness(1)
    with pytest.raises(ValueError, match="no hints"):
        FilmNet()(L, torch.zeros(1, 3, 64, 64))


def test_bin_prior_is_the_first_guess() -> None:
    network = FilmNet().eval()
    for head in (network.logits, network.histogram):
        torch.nn.init.zeros_(head.weight)
    prior = torch.rand(NUM_BINS) + 0.01
    network.set_bin_prior(prior)
    with torch.no_grad():
        output = network.forward_train(random_lightness(1))
    expected = prior / prior.sum()
    assert torch.allclose(output.logits.softmax(1)[0, :, 3, 4], expected, atol=1e-6)
    assert torch.allclose(output.global_logits.softmax(1)[0], expected, atol=1e-6)


def test_every_cell_sees_the_whole_picture() -> None:
    """Attention and the global vector reach from corner to corner."""
    network = FilmNet().eval()
    L = random_lightness(1, 128).requires_grad_()
    network(L).ab[0, :, 0, 0].sum().backward()
    assert L.grad is not None
    assert L.grad[0, 0, -8:, -8:].abs().max() > 0


def test_drop_path_keeps_the_mean_and_is_off_in_eval() -> None:
    x = torch.ones(4000, 2, 1, 1)
    layer = DropPath(0.25)
    dropped = layer.train()(x)
    assert dropped.unique().tolist() == pytest.approx([0.0, 1 / 0.75])
    assert torch.equal(dropped[:, 0], dropped[:, 1])  # whole pictures
    assert dropped.mean() == pytest.approx(1.0, abs=0.05)
    assert torch.equal(layer.eval()(x), x)


def torchvision_weights(path: Path) -> torch.nn.Module:
    """A torchvision MobileNetV2 with random weights and statistics, saved to ``path``."""
    from torchvision.models import mobilenet_v2

    reference = mobilenet_v2(weights=None)
    with torch.no_grad():
        reference.train()(torch.rand(4, 3, 64, 64))
    reference.eval()
    save_file(reference.features.state_dict(prefix="features."), path)
    return reference.features[:18]


def test_encoder_computes_what_torchvisions_does(tmp_path: Path) -> None:
    reference = torchvision_weights(tmp_path / "weights.safetensors")
    network = FilmNet().eval()
    network.load_imagenet_backbone(tmp_path / "weights.safetensors")
    gray = torch.rand(2, 1, 64, 96) * 2.0 - 1.0
    with torch.no_grad():
        expected = reference(gray.expand(-1, 3, -1, -1))
        taps = network.encoder(gray)
    assert torch.allclose(taps[32], expected, rtol=1e-3, atol=1e-4)
    for stride, features in taps.items():
        assert features.shape == (2, mobilenet.TAP_CHANNELS[stride], 64 // stride, 96 // stride)


def test_missing_and_unsuitable_encoder_weights(tmp_path: Path) -> None:
    network = FilmNet()
    with pytest.raises(UnknownCheckpointError, match="nowhere"):
        network.load_imagenet_backbone(tmp_path / "nowhere.safetensors")
    broken = tmp_path / "broken.safetensors"
    broken.write_bytes(b"not safetensors")
    with pytest.raises(DamagedCheckpointError, match="cannot read"):
        network.load_imagenet_backbone(broken)
    save_file({"something": torch.zeros(1)}, broken)
    with pytest.raises(DamagedCheckpointError, match=r"features\.0\.0\.weight"):
        network.load_imagenet_backbone(broken)


def folded(network: FilmNet) -> None:
    """Batch norms as in weights whose norms were folded: nothing but a bias."""
    for module in network.encoder.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.normal_(module.bias, std=0.3)


def test_calibration_keeps_the_function_and_makes_train_mode_agree() -> None:
    network = FilmNet().eval()
    folded(network)
    L = random_lightness(8)
    gray = gray_from_lightness(L)
    with torch.no_grad():
        before = network.encoder(gray)
        filmnet.calibrate_batch_norm(network, L.split(3))
        after = network.encoder(gray)
        trained = network.encoder.train()(gray)
    for stride in before:
        scale = before[stride].std()
        assert (after[stride] - before[stride]).abs().max() < 1e-3 * scale
        # Batch statistics of the pictures that were calibrated on are the running ones.
        assert (trained[stride] - before[stride]).abs().max() < 1e-2 * scale
    assert not torch.equal(network.encoder.features[0][1].running_mean, torch.zeros(32))


def test_calibration_keeps_the_mode_and_needs_pictures() -> None:
    network = FilmNet().train()
    with pytest.raises(ValueError, match="at least one batch"):
        filmnet.calibrate_batch_norm(network, [])
    assert network.encoder.training
    assert not network.encoder.features[0][1]._forward_pre_hooks


def test_features_tell_cells_apart() -> None:
    network = FilmNet().eval()
    L = random_lightness(1)
    with torch.no_grad():
        features = network.features(L)
        channels = mobilenet.TAP_CHANNELS[8] + mobilenet.TAP_CHANNELS[16]
        assert features.shape == (1, channels, 8, 8)
        assert features.dtype == torch.float32
        torch.testing.assert_close(network.features(L), features)
        assert not torch.allclose(network.features(random_lightness(1)), features, atol=1e-3)
    halves = features.split([mobilenet.TAP_CHANNELS[8], mobilenet.TAP_CHANNELS[16]], dim=1)
    for half in halves:  # both have the same say
        assert half.norm(dim=1).mean().item() == pytest.approx(1, abs=1e-4)
