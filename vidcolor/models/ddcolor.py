"""DDColor, "Towards Photo-Realistic Image Colorization via Dual Decoders",
https://arxiv.org/abs/2212.11613 (ICCV 2023): ConvNeXt, with a transformer over learnt colours.

The parts are spandrel's (https://github.com/chaiNNer-org/spandrel), an optional dependency, so
that tensors have the names and shapes of the published weights. How the parts are joined is
written here: spandrel hands the encoder's features on through hooks, and with those two pictures
cannot be computed side by side.
"""

from __future__ import annotations

import warnings
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn.utils import remove_spectral_norm
from torch.nn.utils.spectral_norm import SpectralNorm

from vidcolor.models.base import ColorNetwork, Prediction, check_size, refuse_hints
from vidcolor.models.extras import require
from vidcolor.models.filmnet import gray_from_lightness
from vidcolor.models.inference import FoldableModule
from vidcolor.models.input_rules import InputRules

ENCODERS = {"tiny": "convnext-t", "large": "convnext-l"}
"""spandrel's name of the encoder by size; 55.0 and 227.9 million parameters with the decoders."""

AB_LIMIT = 128.0
"""CIE units at which ab is cut off; the published weights now and then overshoot sRGB by far."""

_POWER_ITERATIONS = 5
"""Enough that a new network's spectral norms are about right; one more comes with every step."""


class DDColor(ColorNetwork, FoldableModule):
    """L* to ab at the picture's own size.

    Parameters
    ----------
    size:
        ``tiny`` or ``large``.

    Raises
    ------
    MissingExtraError
        If spandrel is not installed.
    ValueError
        For another size.
    """

    architecture: ClassVar[str] = "ddcolor"
    version: ClassVar[int] = 1
    stride: ClassVar[int] = 1
    rules: ClassVar[InputRules] = InputRules(short_side=512, multiple_of=32)

    mean: Tensor
    std: Tensor

    def __init__(self, size: str = "tiny") -> None:
        super().__init__()
        if size not in ENCODERS:
            raise ValueError(f"size must be {' or '.join(ENCODERS)}, not {size!r}")
        self._size = size
        parts = _build(ENCODERS[size])
        self.encoder = parts.encoder
        self.decoder = parts.decoder
        self.refine_net = parts.refine_net
        self.register_buffer("mean", parts.mean)
        self.register_buffer("std", parts.std)
        _drop_hooks(self)
        _settle_spectral_norms(self)
        self.encoder.arch.norm.requires_grad_(False)  # published, and used by nothing

    def config(self) -> dict[str, Any]:
        """See `ColorNetwork.config`."""
        return {"size": self._size}

    def forward(self, L: Tensor, hints: Tensor | None = None) -> Prediction:
        """See `ColorNetwork.forward`.

        Raises
        ------
        ValueError
            With hints, or for a size that is not a multiple of 32.
        """
        refuse_hints(self.architecture, hints)
        check_size(L, self.rules.multiple_of)
        gray = (gray_from_lightness(L) + 1.0) / 2.0
        x = ((gray.expand(-1, 3, -1, -1) - self.mean) / self.std).to(self.dtype)
        if self.dtype == torch.bfloat16:
            # The positions of the transformer are float32, whatever the parameters are.
            with torch.autocast(L.device.type, torch.bfloat16):
                ab = self._ab(x)
        else:
            ab = self._ab(x)
        return Prediction(ab=ab.float().clamp(-AB_LIMIT, AB_LIMIT))

    def _ab(self, x: Tensor) -> Tensor:
        """(N, 3, h, w) normalised RGB -> (N, 2, h, w) CIE units."""
        *skips, deepest = self._encode(x)
        scales = []
        out = deepest
        for stage, skip in zip(self.decoder.layers, reversed(skips), strict=True):
            joined = torch.cat([stage.shuf(out), stage.bn(skip)], dim=1)
            out = stage.conv(stage.relu(joined))
            scales.append(out)
        colors = self.decoder.color_decoder(scales, self.decoder.last_shuf(out))
        ab: Tensor = self.refine_net(torch.cat([colors, x], dim=1))
        return ab

    def _encode(self, x: Tensor) -> list[Tensor]:
        """Features at strides 4, 8, 16 and 32, each normalised."""
        arch = self.encoder.arch
        norms = (arch.norm0, arch.norm1, arch.norm2, arch.norm3)
        features = []
        for shrink, stage, norm in zip(arch.downsample_layers, arch.stages, norms, strict=True):
            x = stage(shrink(x))
            features.append(norm(x))
        return features

    def fold_batch_norm(self) -> None:
        """Divide weights by their spectral norm for good, so that what follows can be folded."""
        for module in self.modules():
            if _spectral_norms(module):
                remove_spectral_norm(module)


def _build(encoder: str) -> Any:
    """spandrel's network with random weights."""
    with warnings.catch_warnings():
        # Other architectures of that package use torch.jit, which warns when it is imported.
        warnings.simplefilter("ignore")
        module = require("spandrel_extra_arches.architectures.DDColor", "peers")
    return module.DDColor(
        encoder_name=encoder,
        decoder_name="MultiScaleColorDecoder",
        input_size=(32, 32),  # of a picture that only shows it the number of channels
        nf=512,
        num_output_channels=2,
        last_norm="Spectral",
        num_queries=100,
        num_scales=3,
        dec_layers=9,
    )


def _drop_hooks(network: DDColor) -> None:
    for hook in network.encoder.hooks:
        hook.remove()
    network.encoder.hooks = []
    network.decoder.hooks = []
    for stage in network.decoder.layers:
        stage.hook = None


def _spectral_norms(module: nn.Module) -> list[SpectralNorm]:
    return [hook for hook in module._forward_pre_hooks.values() if isinstance(hook, SpectralNorm)]


def _settle_spectral_norms(network: nn.Module) -> None:
    """Find the norm of each new weight; from a random start the first outputs overflow."""
    for module in network.modules():
        for norm in _spectral_norms(module):
            for _ in range(_POWER_ITERATIONS):
                with torch.no_grad():
                    norm.compute_weight(module, do_power_iteration=True)
