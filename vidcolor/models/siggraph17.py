"""Zhang et al., "Real-Time User-Guided Image Colorization with Learned Deep Priors",
https://arxiv.org/abs/1705.02999 (SIGGRAPH 2017).

Tensors have the names and shapes of the published ``siggraph17`` weights, so that those can be
imported; see `vidcolor.models.importing`.
"""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from vidcolor.models.base import ColorNetwork, Prediction, check_size
from vidcolor.models.eccv16 import (
    AB_SCALE,
    LIGHTNESS_CENTER,
    LIGHTNESS_SCALE,
    convolutions,
    initialize,
)
from vidcolor.models.input_rules import InputRules

CLASSES = 529
"""Cells of the 23 × 23 grid over ab that the published weights were also trained to classify."""


def _halved(x: Tensor) -> Tensor:
    """Every second pixel, as the published network does it in place of strides."""
    return x[:, :, ::2, ::2]


def _enlarging(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(nn.ConvTranspose2d(inputs, outputs, 4, stride=2, padding=1))


def _shortcut(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(inputs, outputs, 3, padding=1))


class SIGGRAPH17(ColorNetwork):
    """L* and hint points to ab, at the picture's own size.

    A mask of hints goes in as 0 and 1. The authors' later code subtracts 0.5 from it; which of the
    two the published weights want has not been settled, so look at the effect of a hint before
    you rely on one.

    ``model_class`` is in the published weights and takes no part in predicting.
    """

    architecture: ClassVar[str] = "siggraph17"
    version: ClassVar[int] = 1
    stride: ClassVar[int] = 1
    rules: ClassVar[InputRules] = InputRules(short_side=256, multiple_of=8)

    def __init__(self) -> None:
        super().__init__()
        self.model1 = convolutions((4, 64, 64))
        self.model2 = convolutions((64, 128, 128))
        self.model3 = convolutions((128, 256, 256, 256))
        self.model4 = convolutions((256, 512, 512, 512))
        self.model5 = convolutions((512, 512, 512, 512), dilation=2)
        self.model6 = convolutions((512, 512, 512, 512), dilation=2)
        self.model7 = convolutions((512, 512, 512, 512))
        self.model8up = _enlarging(512, 256)
        self.model3short8 = _shortcut(256, 256)
        self.model8 = nn.Sequential(nn.ReLU(inplace=True), *convolutions((256, 256, 256)))
        self.model9up = _enlarging(256, 128)
        self.model2short9 = _shortcut(128, 128)
        self.model9 = nn.Sequential(nn.ReLU(inplace=True), *convolutions((128, 128)))
        self.model10up = _enlarging(128, 128)
        self.model1short10 = _shortcut(64, 128)
        self.model10 = nn.Sequential(
            nn.ReLU(inplace=True), nn.Conv2d(128, 128, 3, padding=1), nn.LeakyReLU(0.2)
        )
        self.model_class = nn.Sequential(nn.Conv2d(256, CLASSES, 1))
        projection = nn.Conv2d(128, 2, 1)
        self.model_out = nn.Sequential(projection, nn.Tanh())
        initialize(self)
        nn.init.normal_(projection.weight, std=0.02)  # begins away from tanh's flat ends
        self.model_class.requires_grad_(False)

    def config(self) -> dict[str, Any]:
        """See `ColorNetwork.config`."""
        return {}

    def forward(self, L: Tensor, hints: Tensor | None = None) -> Prediction:
        """See `ColorNetwork.forward`.

        Raises
        ------
        ValueError
            For a size that is not a multiple of 8, or hints that do not fit ``L``.
        """
        check_size(L, self.rules.multiple_of)
        x1 = self.model1(_network_input(L, hints).to(self.dtype))
        x2 = self.model2(_halved(x1))
        x3 = self.model3(_halved(x2))
        deepest = self.model7(self.model6(self.model5(self.model4(_halved(x3)))))
        x8 = self.model8(self.model8up(deepest) + self.model3short8(x3))
        x9 = self.model9(self.model9up(x8) + self.model2short9(x2))
        x10 = self.model10(self.model10up(x9) + self.model1short10(x1))
        projection, squash = self.model_out
        return Prediction(ab=squash(projection(x10).float()) * AB_SCALE)


def _network_input(L: Tensor, hints: Tensor | None) -> Tensor:
    """(N, 4, h, w): L*, a*, b* brought to about −1…1, and the mask."""
    lightness = (L - LIGHTNESS_CENTER) / LIGHTNESS_SCALE
    n, _, h, w = L.shape
    if hints is None:
        return torch.cat([lightness, L.new_zeros(n, 3, h, w)], dim=1)
    if hints.shape != (n, 3, h, w):
        raise ValueError(f"hints must be {(n, 3, h, w)} like L, not {tuple(hints.shape)}")
    ab, mask = hints[:, :2], hints[:, 2:]
    return torch.cat([lightness, ab * mask / AB_SCALE, mask], dim=1)
