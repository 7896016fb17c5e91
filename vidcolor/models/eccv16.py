"""Zhang et al., "Colorful Image Colorization", https://arxiv.org/abs/1603.08511 (ECCV 2016).

A plain stack of convolutions that classifies each cell of a quarter-size grid into one of 313
colours. Tensors have the names and shapes of the published ``colorization_release_v2`` weights,
so that those can be imported; see `vidcolor.models.importing`.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vidcolor.models import bins
from vidcolor.models.base import ColorNetwork, Prediction, check_size, refuse_hints
from vidcolor.models.input_rules import InputRules

LIGHTNESS_CENTER = 50.0
"""Subtracted from L*."""

LIGHTNESS_SCALE = 100.0
"""Then divided by this."""

AB_SCALE = 110.0
"""CIE units of ab that the published weights call 1."""


def convolutions(
    channels: tuple[int, ...], *, stride: int = 1, dilation: int = 1, norm: bool = True
) -> nn.Sequential:
    """3×3 convolutions, each with a ReLU; a batch norm at the end.

    Parameters
    ----------
    channels:
        Of the input, then of each convolution.
    stride:
        Of the last convolution.
    dilation:
        Of all of them; padding keeps the size.
    """
    layers: list[nn.Module] = []
    last = len(channels) - 2
    for index, (inputs, outputs) in enumerate(pairwise(channels)):
        layers += [
            nn.Conv2d(
                inputs,
                outputs,
                3,
                stride=stride if index == last else 1,
                padding=dilation,
                dilation=dilation,
            ),
            nn.ReLU(inplace=True),
        ]
    if norm:
        layers.append(nn.BatchNorm2d(channels[-1]))
    return nn.Sequential(*layers)


def initialize(network: nn.Module) -> None:
    """He's initialisation: these stacks are too deep for torch's default to let anything through.

    https://arxiv.org/abs/1502.01852
    """
    for part in network.modules():
        if isinstance(part, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.kaiming_normal_(part.weight, nonlinearity="relu")
            if part.bias is not None:
                nn.init.zeros_(part.bias)


class ECCV16(ColorNetwork):
    """L* to ab over the 313 bins, at stride 4.

    The published network ends in a fourfold bilinear enlargement, which is left to whoever puts
    the colours on the picture. The temperature of the annealed mean is part of the weights of
    ``model8``, so that ``logits`` need a plain softmax.
    """

    architecture: ClassVar[str] = "eccv16"
    version: ClassVar[int] = 1
    stride: ClassVar[int] = 4
    rules: ClassVar[InputRules] = InputRules(short_side=256, multiple_of=8)

    def __init__(self) -> None:
        super().__init__()
        self.model1 = convolutions((1, 64, 64), stride=2)
        self.model2 = convolutions((64, 128, 128), stride=2)
        self.model3 = convolutions((128, 256, 256, 256), stride=2)
        self.model4 = convolutions((256, 512, 512, 512))
        self.model5 = convolutions((512, 512, 512, 512), dilation=2)
        self.model6 = convolutions((512, 512, 512, 512), dilation=2)
        self.model7 = convolutions((512, 512, 512, 512))
        self.model8 = nn.Sequential(
            nn.ConvTranspose2d(512, 256, 4, stride=2, padding=1),
            nn.ReLU(inplace=True),
            *convolutions((256, 256, 256), norm=False),
            nn.Conv2d(256, bins.NUM_BINS, 1),
        )
        self.model_out = nn.Conv2d(bins.NUM_BINS, 2, 1, bias=False)
        initialize(self)
        self.model_out.weight.requires_grad_(False)  # the colours that the classes stand for
        with torch.no_grad():
            # (313, 2) -> (2, 313, 1, 1)
            self.model_out.weight.copy_(bins.AB_BINS.T[:, :, None, None] / AB_SCALE)

    def config(self) -> dict[str, Any]:
        """See `ColorNetwork.config`."""
        return {}

    def forward(self, L: Tensor, hints: Tensor | None = None) -> Prediction:
        """See `ColorNetwork.forward`. Logits (N, 313, h/4, w/4) are in the parameters' type.

        Raises
        ------
        ValueError
            With hints, or for a size that is not a multiple of 8.
        """
        refuse_hints(self.architecture, hints)
        check_size(L, self.rules.multiple_of)
        x = ((L - LIGHTNESS_CENTER) / LIGHTNESS_SCALE).to(self.dtype)
        x = self.model4(self.model3(self.model2(self.model1(x))))
        logits = self.model8(self.model7(self.model6(self.model5(x))))
        return Prediction(ab=self._mean_color(logits), logits=logits)

    def _mean_color(self, logits: Tensor) -> Tensor:
        # In float32: half-precision softmax over 313 classes is too coarse.
        with torch.autocast(logits.device.type, enabled=False):
            probabilities = torch.softmax(logits.float(), dim=1)
            return F.conv2d(probabilities, self.model_out.weight.float() * AB_SCALE)
