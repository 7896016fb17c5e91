"""The generator of pix2pix: a U-Net of eight levels, for 256 × 256 down to one pixel.

Isola et al. 2017, "Image-to-Image Translation with Conditional Adversarial Networks",
https://arxiv.org/abs/1611.07004, section 6.1.1. Differences: pictures need not be square; the
optional fusion of a global prior at the bottleneck follows the U-Net GAN colorizers; dropout, the
paper's noise, is off when predicting unless a seed asks for it, so that films do not flicker.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from vidcolor.models.base import ColorNetwork, Prediction, check_size, refuse_hints
from vidcolor.models.input_rules import InputRules

WIDTHS = (64, 128, 256, 512, 512, 512, 512, 512)
"""Channels at 1/2, 1/4 … 1/256 of the size."""

DROPOUT_LEVELS = 3
"""Decoder levels, from the deepest, whose dropout is the generator's noise: the paper's CD blocks.
Some implementations begin one level later."""

DROPOUT = 0.5
"""Share of the values that it silences."""

AB_SCALE = 110.0
"""CIE units at which tanh ends."""


class Down(nn.Sequential):
    """Convolution to half the size; its own activation comes first."""

    def __init__(self, inputs: int, outputs: int, *, norm: bool) -> None:
        layers: list[nn.Module] = [nn.LeakyReLU(0.2)] if inputs > 1 else []
        layers.append(nn.Conv2d(inputs, outputs, 4, 2, padding=1, bias=not norm))
        if norm:
            layers.append(nn.BatchNorm2d(outputs))
        super().__init__(*layers)


class Noise(nn.Module):
    """Dropout: random in training; in eval mode none, or with a seed always the same."""

    def __init__(self, seed: int | None) -> None:
        super().__init__()
        self.seed = seed

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, h, w) -> (N, C, h, w)."""
        if self.training:
            return nn.functional.dropout(x, DROPOUT)
        if self.seed is None:
            return x
        # Drawn on the CPU, whose generator gives every device the same; one mask for all pictures.
        generator = torch.Generator().manual_seed(self.seed)
        keep = torch.rand(x.shape[1:], generator=generator, device="cpu") >= DROPOUT
        return x * (keep.to(x.device, x.dtype) / (1.0 - DROPOUT))


class Up(nn.Sequential):
    """Transposed convolution to twice the size."""

    def __init__(self, inputs: int, outputs: int, noise: Noise | None) -> None:
        super().__init__(
            nn.ReLU(),
            nn.ConvTranspose2d(inputs, outputs, 4, 2, padding=1, bias=False),
            nn.BatchNorm2d(outputs),
            *([] if noise is None else [noise]),
        )


class GlobalPrior(nn.Module):
    """Fuse what the whole picture is about into every cell of the bottleneck.

    Iizuka et al. 2016, "Let there be Color!", https://doi.org/10.1145/2897824.2925974, section 3.3:
    the mean over the cells goes through two layers, is copied to each cell, and joins it through
    a 1 × 1 convolution.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.summary = nn.Sequential(
            nn.Linear(channels, channels), nn.ReLU(), nn.Linear(channels, channels), nn.ReLU()
        )
        self.fuse = nn.Conv2d(2 * channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, h, w) -> (N, C, h, w)."""
        whole = self.summary(x.mean(dim=(2, 3)))[:, :, None, None].expand_as(x)
        fused: Tensor = self.fuse(torch.cat((x, whole), dim=1))
        return fused


class UNet(ColorNetwork):
    """54 million parameters.

    Parameters
    ----------
    global_prior:
        Fuse a summary of the whole picture at the bottleneck.
    noise_seed:
        0 or more: predict with dropout, the same for every picture of a size. None: without.
    """

    architecture: ClassVar[str] = "unet"
    stride: ClassVar[int] = 1
    rules: ClassVar[InputRules] = InputRules(short_side=256, multiple_of=256)

    def __init__(self, global_prior: bool = False, noise_seed: int | None = None) -> None:
        super().__init__()
        if noise_seed is not None and noise_seed < 0:
            raise ValueError(f"noise_seed must be 0 or more, or None, not {noise_seed}")
        last = len(WIDTHS) - 1
        # The bottleneck has no norm: one cell in a batch of one would be normalised to nothing.
        self.down = nn.ModuleList(
            Down(inputs, outputs, norm=0 < level < last)
            for level, (inputs, outputs) in enumerate(pairwise((1, *WIDTHS)))
        )
        self.prior = GlobalPrior(WIDTHS[-1]) if global_prior else nn.Identity()
        deepest_first = WIDTHS[::-1]
        self.up = nn.ModuleList(
            Up(inputs * (2 if level else 1), outputs, _noise(level, noise_seed))
            for level, (inputs, outputs) in enumerate(pairwise(deepest_first))
        )
        self.head = nn.Sequential(
            nn.ReLU(), nn.ConvTranspose2d(2 * WIDTHS[0], 2, 4, 2, padding=1), nn.Tanh()
        )
        self._global_prior = global_prior
        self._noise_seed = noise_seed
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
                nn.init.normal_(module.weight, std=0.02)
            elif isinstance(module, nn.BatchNorm2d):
                nn.init.normal_(module.weight, mean=1.0, std=0.02)

    def config(self) -> dict[str, Any]:
        """See `ColorNetwork.config`."""
        return {"global_prior": self._global_prior, "noise_seed": self._noise_seed}

    def forward(self, L: Tensor, hints: Tensor | None = None) -> Prediction:
        """See `ColorNetwork.forward`.

        Raises
        ------
        ValueError
            With hints, or for a size that is not a multiple of 256.
        """
        refuse_hints(self.architecture, hints)
        check_size(L, self.rules.multiple_of)
        x = (L / 50 - 1).to(self.dtype)
        skips = []
        for down in self.down:
            x = down(x)
            skips.append(x)
        x = self.prior(skips.pop())
        for up in self.up:
            x = torch.cat((up(x), skips.pop()), dim=1)
        return Prediction(AB_SCALE * self.head(x).float())


def _noise(level: int, seed: int | None) -> Noise | None:
    if level >= DROPOUT_LEVELS:
        return None
    return Noise(None if seed is None else DROPOUT_LEVELS * seed + level)  # each level its own
