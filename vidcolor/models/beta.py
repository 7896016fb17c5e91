"""The "beta" network: a deeper plain CNN for 256 × 256, without norms or skips.

The reports that name it leave its layers open. These are the middle network's of E. Wallner,
"Colorizing B&W Photos with Neural Networks" (2017),
https://blog.floydhub.com/colorizing-b-w-photos-with-neural-networks/: eight convolutions to 1/8 of
the size, four on the way back.
"""

from __future__ import annotations

from typing import Any, ClassVar

from torch import Tensor, nn

from vidcolor.models.alpha import AB_SCALE, conv_relu
from vidcolor.models.base import ColorNetwork, Prediction, check_size, refuse_hints
from vidcolor.models.input_rules import InputRules


class Beta(ColorNetwork):
    """3.9 million parameters."""

    architecture: ClassVar[str] = "beta"
    stride: ClassVar[int] = 1
    rules: ClassVar[InputRules] = InputRules(short_side=256, multiple_of=8)

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(
            *conv_relu(1, 64),
            *conv_relu(64, 64, stride=2),
            *conv_relu(64, 128),
            *conv_relu(128, 128, stride=2),
            *conv_relu(128, 256),
            *conv_relu(256, 256, stride=2),
            *conv_relu(256, 512),
            *conv_relu(512, 256),
        )
        self.decoder = nn.Sequential(
            *conv_relu(256, 128),
            nn.Upsample(scale_factor=2),
            *conv_relu(128, 64),
            nn.Upsample(scale_factor=2),
            *conv_relu(64, 32),
            nn.Conv2d(32, 2, 3, padding=1),
            nn.Tanh(),
            nn.Upsample(scale_factor=2),
        )

    def config(self) -> dict[str, Any]:
        """See `ColorNetwork.config`."""
        return {}

    def forward(self, L: Tensor, hints: Tensor | None = None) -> Prediction:
        """See `ColorNetwork.forward`.

        Raises
        ------
        ValueError
            With hints, or for a size that is not a multiple of 8.
        """
        refuse_hints(self.architecture, hints)
        check_size(L, self.rules.multiple_of)
        x = (L / 100).to(self.dtype)
        return Prediction(AB_SCALE * self.decoder(self.encoder(x)).float())
