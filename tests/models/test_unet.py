from __future__ import annotations

import itertools

import pytest
import torch
from torch import nn

from vidcolor.models.unet import WIDTHS, Noise, UNet


@pytest.fixture(scope="module")
def network() -> UNet:
    torch.manual_seed(1)
    return UNet()


def test_eight_levels_down_to_one_pixel(network: UNet) -> None:
    x = torch.zeros(2, 1, 256, 256)
    sizes = []
    with torch.no_grad():
        for down in network.down:
            x = down(x)
            sizes.append((x.shape[1], x.shape[2]))
    assert sizes == list(zip(WIDTHS, (128, 64, 32, 16, 8, 4, 2, 1), strict=True))


def test_parameters(network: UNet) -> None:
    down = (1, *WIDTHS)
    weights = sum(16 * i * o for i, o in itertools.pairwise(down))
    up_inputs = (512, 1024, 1024, 1024, 1024, 512, 256, 128)
    up_outputs = (512, 512, 512, 512, 256, 128, 64, 2)
    weights += sum(16 * i * o for i, o in zip(up_inputs, up_outputs, strict=True))
    biases = 64 + 512 + 2  # the first, the bottleneck and the last: no norm follows them
    norms = 2 * (sum(WIDTHS[1:-1]) + sum(up_outputs[:-1]))
    assert network.num_parameters == weights + biases + norms


def test_the_bottleneck_has_no_norm(network: UNet) -> None:
    for level, down in enumerate(network.down):
        has_norm = any(isinstance(layer, nn.BatchNorm2d) for layer in down)
        assert has_norm == (0 < level < 7)
    network.train()
    try:  # a norm over one cell of one picture would raise
        assert network(torch.rand(1, 1, 256, 256) * 100).ab.isfinite().all()
    finally:
        network.eval()


def test_dropout_is_noise_in_training_only(network: UNet) -> None:
    L = torch.rand(1, 1, 256, 256) * 100
    with torch.no_grad():
        network.train()
        assert not torch.equal(network(L).ab, network(L).ab)
        network.eval()
        assert torch.equal(network(L).ab, network(L).ab)


def test_dropout_is_in_the_three_deepest_decoder_blocks(network: UNet) -> None:
    noisy = [any(isinstance(layer, Noise) for layer in up) for up in network.up]
    assert noisy == [True, True, True, False, False, False, False]


def test_a_seed_asks_for_noise_that_stays(network: UNet) -> None:
    seeded = UNet(noise_seed=5).eval()
    seeded.load_state_dict(network.state_dict())
    L = torch.rand(1, 1, 256, 256) * 100
    with torch.no_grad():
        first, second = seeded(torch.cat((L, L))).ab
        assert torch.equal(first, second)
        assert torch.equal(seeded(L).ab, seeded(L).ab)
        assert not torch.equal(seeded(L).ab, network.eval()(L).ab)
    assert seeded.config()["noise_seed"] == 5
    with pytest.raises(ValueError, match="0 or more, or None, not -1"):
        UNet(noise_seed=-1)


def test_noise_silences_half_and_keeps_the_mean() -> None:
    ones = torch.ones(2, 64, 16, 16)
    first, other = Noise(1).eval()(ones), Noise(2).eval()(ones)
    assert set(first.unique().tolist()) == {0.0, 2.0}
    assert first.mean() == pytest.approx(1.0, abs=0.05)
    assert torch.equal(first[0], first[1])
    assert not torch.equal(first, other)
    assert torch.equal(Noise(None).eval()(ones), ones)


def test_the_prior_carries_the_whole_picture_to_every_cell() -> None:
    network = UNet(global_prior=True)
    assert network.config() == {"global_prior": True, "noise_seed": None}
    cells = torch.zeros(1, 512, 2, 3, requires_grad=True)
    network.prior(cells)[0, :, 0, 0].sum().backward()
    assert cells.grad is not None
    assert cells.grad[0, :, 1, 2].abs().sum() > 0
