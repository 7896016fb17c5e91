from __future__ import annotations

import torch
from torch import nn

from vidcolor.models.alpha import AB_SCALE, Alpha


def conv(inputs: int, outputs: int) -> int:
    return 9 * inputs * outputs + outputs


def test_layers_are_those_described() -> None:
    network = Alpha()
    down = [layer for layer in network.encoder if isinstance(layer, nn.Conv2d)]
    assert [layer.out_channels for layer in down] == [8, 8, 16, 32, 32, 32]
    assert [layer.stride[0] for layer in down] == [2, 1, 1, 2, 1, 2]
    decoder = [nn.Upsample, nn.Upsample, nn.Upsample, nn.Conv2d, nn.ReLU, nn.Conv2d, nn.Tanh]
    assert [type(layer) for layer in network.decoder] == decoder
    widths = [1, 8, 8, 16, 32, 32, 32, 2, 2]
    expected = sum(map(conv, widths, widths[1:]))
    assert network.num_parameters == expected == 25_584


def test_it_seldom_begins_with_a_channel_that_cannot_learn() -> None:
    torch.manual_seed(1)
    L = nn.functional.interpolate(torch.rand(4, 1, 4, 6) * 100, size=(32, 48), mode="bilinear")
    silent = 0
    for seed in range(50):
        torch.manual_seed(seed)
        network = Alpha()
        with torch.no_grad():
            last_relu = network.decoder[:5](network.encoder(L / 100))
        silent += bool((last_relu.amax(dim=(0, 2, 3)) <= 0).any())
    assert silent <= 5


def test_ab_ends_where_tanh_does() -> None:
    network = Alpha().eval()
    with torch.no_grad():
        network.decoder[-2].bias.copy_(torch.tensor([100.0, -100.0]))
        ab = network(torch.full((1, 1, 16, 16), 50.0)).ab
    assert ab[0, 0].min() == AB_SCALE
    assert ab[0, 1].max() == -AB_SCALE
