"""The "alpha" network: six small convolutions down, three upsamplings, two channels out.

A variant of the beginners' network of E. Wallner, "Colorizing B&W Photos with Neural Networks"
(2017), https://blog.floydhub.com/colorizing-b-w-photos-with-neural-networks/. Of the reports on it
one lists five upsamplings, which would make the picture four times too large, and one counts
three: three it is, and no convolution between them.
"""

from __future__ import annotations

from typing import Any, ClassVar

from torch import Tensor, nn

from vidcolor.models.base import ColorNetwork, Prediction, check_size, refuse_hints
from vidcolor.models.input_rules import InputRules

AB_SCALE = 128.0
"""CIE units at which tanh ends."""


class Alpha(ColorNetwork):
    """25,584 parameters; no norms."""

    architecture: ClassVar[str] = "alpha"
    stride: ClassVar[int] = 1
    rules: ClassVar[InputRules] = InputRules(short_side=256, multiple_of=8)

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(
            *conv_relu(1, 8, stride=2),
            *conv_relu(8, 8),
            *conv_relu(8, 16),
            *conv_relu(16, 32, stride=2),
            *conv_relu(32, 32),
            *conv_relu(32, 32, stride=2),
        )
        self.decoder = nn.Sequential(
            nn.Upsample(scale_factor=2),
            nn.Upsample(scale_factor=2),
            nn.Upsample(scale_factor=2),
            *conv_relu(32, 2),
            nn.Conv2d(2, 2, 3, padding=1),
            nn.Tanh(),
        )
        # Keras's start, as in the source: with PyTorch's, one of the last two ReLUs is silent, and
        # learns nothing, in two of three runs.
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.xavier_uniform_(module.weight)
                assert module.bias is not None
                nn.init.zeros_(module.bias)

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


def conv_relu(inputs: int, outputs: int, stride: int = 1) -> tuple[nn.Module, nn.Module]:
    """A 3 × 3 convolution and a ReLU, to be unpacked into a `nn.Sequential`."""
    return nn.Conv2d(inputs, outputs, 3, stride, padding=1), nn.ReLU()
