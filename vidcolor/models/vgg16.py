"""VGG-16 as the encoder, its features as skips, a decoder that upsamples.

The backbone is Simonyan and Zisserman 2015, https://arxiv.org/abs/1409.1556, from torchvision,
without its last pooling and its classifier; L is shown to it three times over. The reports that
describe such a colorizer leave the decoder open: here each level is a nearest upsampling, the skip
of that size, and a convolution with batch norm. ab comes out at half the size.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from vidcolor.models.backbones import fill_backbone
from vidcolor.models.base import ColorNetwork, Prediction, check_size, refuse_hints
from vidcolor.models.extras import require
from vidcolor.models.input_rules import InputRules

TAPS = (8, 15, 22, 29)
"""Layers of torchvision's ``features`` whose outputs are used: relu2_2, 3_3, 4_3, 5_3."""

WIDTHS = (128, 256, 512, 512)
"""Their channels, at 1/2, 1/4, 1/8 and 1/16 of the size."""

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
"""Per channel, of values in 0…1: what torchvision's weights expect."""

AB_SCALE = 110.0
"""CIE units at which tanh ends."""


class VGG16(ColorNetwork):
    """21.6 million parameters, 14.7 of them the backbone's."""

    architecture: ClassVar[str] = "vgg16"
    stride: ClassVar[int] = 2
    rules: ClassVar[InputRules] = InputRules(short_side=224, multiple_of=16)

    def __init__(self) -> None:
        super().__init__()
        self.backbone = _backbone()
        self.up = nn.ModuleList(
            _level(deep + skip, skip)
            for deep, skip in zip(WIDTHS[:0:-1], WIDTHS[-2::-1], strict=True)
        )
        self.head = nn.Sequential(nn.Conv2d(WIDTHS[0], 2, 3, padding=1), nn.Tanh())

    def config(self) -> dict[str, Any]:
        """See `ColorNetwork.config`."""
        return {}

    def load_imagenet_backbone(self, path: str | Path) -> None:
        """Fill the backbone from weights of torchvision's vgg16 (names ``features.N.…``)."""
        fill_backbone(nn.ModuleDict({"features": self.backbone}), path, what="torchvision's vgg16")

    def forward(self, L: Tensor, hints: Tensor | None = None) -> Prediction:
        """See `ColorNetwork.forward`.

        Raises
        ------
        ValueError
            With hints, or for a size that is not a multiple of 16.
        """
        refuse_hints(self.architecture, hints)
        check_size(L, self.rules.multiple_of)
        channels = zip(IMAGENET_MEAN, IMAGENET_STD, strict=True)
        x = torch.cat([(L / 100 - mean) / std for mean, std in channels], dim=1).to(self.dtype)
        skips = []
        for index, layer in enumerate(self.backbone):
            x = layer(x)
            if index in TAPS:
                skips.append(x)
        skips.pop()
        for up in self.up:
            x = nn.functional.interpolate(x, scale_factor=2.0, mode="nearest")
            x = up(torch.cat((x, skips.pop()), dim=1))
        return Prediction(AB_SCALE * self.head(x).float())


def _backbone() -> nn.Sequential:
    """torchvision's layers up to the last tap, initialised as torchvision does."""
    models = require("torchvision.models", "zoo")
    with torch.device("meta"):  # spares the memory and time of the classifier's 124 million values
        features = models.vgg16(weights=None).features
    backbone = nn.Sequential(*list(features)[: TAPS[-1] + 1]).to_empty(device="cpu")
    for layer in backbone:
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
            assert layer.bias is not None
            nn.init.zeros_(layer.bias)
    return backbone


def _level(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()
    )
