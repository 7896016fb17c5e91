"""The discriminator of pix2pix: judges overlapping patches of 70 × 70 pixels.

Isola et al. 2017, "Image-to-Image Translation with Conditional Adversarial Networks",
https://arxiv.org/abs/1611.07004, section 6.1.2 (C64-C128-C256-C512). Norms come from the batch, as
in the paper's code.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

WIDTHS = (64, 128, 256, 512)
"""Channels of the hidden layers; all but the last halve the picture."""

RECEPTIVE_FIELD = 70
"""Pixels that each verdict sees."""

LEAST_SIDE = 24
"""Pixels; on smaller pictures there would be no verdict left."""


class PatchGAN(nn.Module):
    """Says for every patch whether ab belongs to L."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        inputs = 3
        for index, width in enumerate(WIDTHS):
            stride = 1 if width == WIDTHS[-1] else 2
            layers.append(nn.Conv2d(inputs, width, 4, stride, padding=1, bias=index == 0))
            if index:
                layers.append(nn.BatchNorm2d(width))
            layers.append(nn.LeakyReLU(0.2, inplace=True))
            inputs = width
        layers.append(nn.Conv2d(inputs, 1, 4, padding=1))
        self.layers = nn.Sequential(*layers)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.normal_(module.weight, std=0.02)
            elif isinstance(module, nn.BatchNorm2d):
                nn.init.normal_(module.weight, mean=1.0, std=0.02)

    def forward(self, L: Tensor, ab: Tensor) -> Tensor:
        """Verdicts as logits; above 0 is "true".

        Parameters
        ----------
        L:
            (N, 1, h, w) 0…100.
        ab:
            (N, 2, h, w) CIE units.

        Returns
        -------
        Tensor
            (N, 1, h/8 − 2, w/8 − 2), rounded down: 30 × 30 for 256 × 256.

        Raises
        ------
        ValueError
            If a side is below 24 pixels.
        """
        if min(L.shape[-2:]) < LEAST_SIDE:
            raise ValueError(
                f"pictures must be at least {LEAST_SIDE} px wide and high, not {tuple(L.shape)}"
            )
        verdicts: Tensor = self.layers(torch.cat((L / 50 - 1, ab / 110), dim=1))
        return verdicts
