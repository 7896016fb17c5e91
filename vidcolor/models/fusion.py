"""Deep Koalarization: a CNN that is told what Inception-ResNet-v2 sees in the picture.

Baldassarre, González Morín and Rodés-Guirao 2017, "Deep Koalarization: Image Colorization using
CNNs and Inception-ResNet-v2", https://arxiv.org/abs/1712.03400. The authors' extractor ends in 1001
classes, the first of which is "background"; timm's has the 1000 without it, so a constant 0 stands
in its place. The extractor is never trained.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.fusion import fuse_conv_bn_eval

from vidcolor.models.alpha import conv_relu
from vidcolor.models.backbones import fill_backbone
from vidcolor.models.base import ColorNetwork, Prediction, check_size, refuse_hints
from vidcolor.models.extras import require
from vidcolor.models.inference import FoldableModule
from vidcolor.models.input_rules import InputRules

EXTRACTOR_SIZE = 299
"""Side in pixels of the square that the extractor sees."""

EMBEDDING = 1001
"""Numbers that say what is in the picture."""

AB_SCALE = 128.0
"""CIE units at which tanh ends."""

WHITE = 100.0
"""L* of the padding."""


def pad_to_square(L: Tensor, size: int) -> Tensor:
    """Shrink or enlarge (N, 1, h, w) to fit a square, aspect kept, the rest white, centred."""
    height, width = L.shape[-2:]
    scale = size / max(height, width)
    inner = max(1, round(height * scale)), max(1, round(width * scale))
    L = F.interpolate(L, size=inner, mode="bilinear", align_corners=False, antialias=True)
    top, left = (size - inner[0]) // 2, (size - inner[1]) // 2
    edges = (left, size - inner[1] - left, top, size - inner[0] - top)
    return F.pad(L, edges, value=WHITE)


class Fusion(ColorNetwork, FoldableModule):
    """6.6 million parameters that learn, and the extractor's 55.8 million that do not."""

    architecture: ClassVar[str] = "fusion"
    stride: ClassVar[int] = 1
    rules: ClassVar[InputRules] = InputRules(short_side=224, multiple_of=8)

    def __init__(self) -> None:
        super().__init__()
        timm = require("timm", "zoo")
        self.extractor = timm.create_model("inception_resnet_v2", pretrained=False)
        self.extractor.requires_grad_(False).eval()
        self.encoder = nn.Sequential(
            *conv_relu(1, 64, stride=2),
            *conv_relu(64, 128),
            *conv_relu(128, 128, stride=2),
            *conv_relu(128, 256),
            *conv_relu(256, 256, stride=2),
            *conv_relu(256, 512),
            *conv_relu(512, 512),
            *conv_relu(512, 256),
        )
        self.fuse = nn.Sequential(nn.Conv2d(256 + EMBEDDING, 256, 1), nn.ReLU())
        self.decoder = nn.Sequential(
            *conv_relu(256, 128),
            nn.Upsample(scale_factor=2),
            *conv_relu(128, 64),
            *conv_relu(64, 64),
            nn.Upsample(scale_factor=2),
            *conv_relu(64, 32),
            nn.Conv2d(32, 2, 3, padding=1),
            nn.Tanh(),
            nn.Upsample(scale_factor=2),
        )

    def config(self) -> dict[str, Any]:
        """See `ColorNetwork.config`."""
        return {}

    def train(self, mode: bool = True) -> Fusion:
        """As usual, but the extractor never leaves eval mode."""
        super().train(mode)
        self.extractor.eval()
        return self

    def load_imagenet_backbone(self, path: str | Path) -> None:
        """Fill the extractor from weights of timm's inception_resnet_v2."""
        fill_backbone(self.extractor, path, what="timm's inception_resnet_v2")

    def forward(self, L: Tensor, hints: Tensor | None = None) -> Prediction:
        """See `ColorNetwork.forward`.

        Raises
        ------
        ValueError
            With hints, or for a size that is not a multiple of 8.
        """
        refuse_hints(self.architecture, hints)
        check_size(L, self.rules.multiple_of)
        cells = self.encoder((L / 50 - 1).to(self.dtype))
        tiled = self.embed(L).to(cells.dtype)[:, :, None, None].expand(-1, -1, *cells.shape[-2:])
        fused = self.fuse(torch.cat((cells, tiled), dim=1))
        return Prediction(AB_SCALE * self.decoder(fused).float())

    @torch.no_grad()
    def embed(self, L: Tensor) -> Tensor:
        """(N, 1001): what the extractor sees in (N, 1, h, w)."""
        square = pad_to_square(L, EXTRACTOR_SIZE) / 50 - 1
        classes = self.extractor(square.to(self.dtype).expand(-1, 3, -1, -1))
        return F.pad(classes, (1, 0))

    def fold_batch_norm(self) -> None:
        """timm pairs each convolution with a norm that carries the activation."""
        for module in self.extractor.modules():
            norm = getattr(module, "bn", None)
            if isinstance(norm, nn.BatchNorm2d):
                module.conv = fuse_conv_bn_eval(module.conv, norm)
                module.bn = norm.act
