from __future__ import annotations

import itertools

from torch import nn

from vidcolor.models.beta import Beta


def test_layers_are_those_described() -> None:
    network = Beta()
    down = [layer for layer in network.encoder if isinstance(layer, nn.Conv2d)]
    assert [layer.out_channels for layer in down] == [64, 64, 128, 128, 256, 256, 512, 256]
    assert [layer.stride[0] for layer in down] == [1, 2, 1, 2, 1, 2, 1, 1]
    widths = [1, 64, 64, 128, 128, 256, 256, 512, 256, 128, 64, 32, 2]
    expected = sum(9 * i * o + o for i, o in itertools.pairwise(widths))
    assert network.num_parameters == expected
