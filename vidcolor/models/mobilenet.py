"""MobileNetV2's convolutions, for one grey channel.

Sandler et al., "MobileNetV2: Inverted Residuals and Linear Bottlenecks",
https://arxiv.org/abs/1801.04381, table 2, width 1.0, up to the last bottleneck (320 channels at
stride 32). The 1×1 convolution to 1280 channels after it serves the classifier only and is left
out. Parameter names are those of torchvision's ``mobilenet_v2``, so that published weights fit.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from vidcolor.errors import DamagedCheckpointError, UnknownCheckpointError

_BLOCKS = (
    # expansion, channels, repeats, stride of the first
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)
"""Table 2 of the paper."""

TAPS = {1: 2, 3: 4, 6: 8, 13: 16, 17: 32}
"""Features whose output is handed out: index in ``features`` → stride."""

TAP_CHANNELS = {2: 16, 4: 24, 8: 32, 16: 96, 32: 320}
"""Channels of each output, by stride."""


def _conv_norm_relu6(
    inputs: int, outputs: int, kernel: int, stride: int, groups: int = 1
) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU6(inplace=True),
    )


class InvertedResidual(nn.Module):
    """Expand with 1×1, filter each channel with 3×3, project with 1×1; add the input if it fits."""

    def __init__(self, inputs: int, outputs: int, stride: int, expansion: int) -> None:
        super().__init__()
        hidden = inputs * expansion
        self.adds_input = stride == 1 and inputs == outputs
        layers = [] if expansion == 1 else [_conv_norm_relu6(inputs, hidden, 1, 1)]
        layers += [
            _conv_norm_relu6(hidden, hidden, 3, stride, groups=hidden),
            nn.Conv2d(hidden, outputs, 1, bias=False),
            nn.BatchNorm2d(outputs),
        ]
        self.conv = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        """(N, inputs, h, w) -> (N, outputs, h/stride, w/stride)."""
        filtered: Tensor = self.conv(x)
        return x + filtered if self.adds_input else filtered


class MobileNetV2Encoder(nn.Module):
    """Features of a grey picture at strides 2, 4, 8, 16 and 32."""

    def __init__(self) -> None:
        super().__init__()
        features: list[nn.Module] = [_conv_norm_relu6(1, 32, 3, 2)]
        channels = 32
        for expansion, outputs, repeats, first_stride in _BLOCKS:
            for repeat in range(repeats):
                stride = first_stride if repeat == 0 else 1
                features.append(InvertedResidual(channels, outputs, stride, expansion))
                channels = outputs
        self.features = nn.ModuleList(features)
        self.apply(_initialize)

    def forward(self, gray: Tensor) -> dict[int, Tensor]:
        """Features by stride; channels as in `TAP_CHANNELS`.

        Parameters
        ----------
        gray:
            (N, 1, h, w), −1 (black) … 1 (white) of the gamma-encoded picture.
        """
        taps: dict[int, Tensor] = {}
        x = gray
        for index, feature in enumerate(self.features):
            x = feature(x)
            if index in TAPS:
                taps[TAPS[index]] = x
        return taps


def _initialize(module: nn.Module) -> None:
    if isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight, mode="fan_out")


def load_imagenet_encoder(encoder: MobileNetV2Encoder, path: str | Path) -> None:
    """Fill ``encoder`` with ImageNet weights under torchvision's names.

    The three input channels of the first convolution are summed, which is exact for a grey
    picture. Keys beyond ``features.17`` are ignored. Where the file's batch norms hold nothing
    but a bias, run `calibrate_batch_norm` before training.

    Raises
    ------
    UnknownCheckpointError
        If there is no such file.
    DamagedCheckpointError
        If it is not safetensors, or lacks a tensor.
    """
    path = Path(path)
    if not path.is_file():
        raise UnknownCheckpointError(f"no encoder weights at {path}; give a .safetensors file")
    try:
        stored = load_file(path)
    except (SafetensorError, OSError) as error:
        raise DamagedCheckpointError(
            f"cannot read encoder weights {path}: {error}; give an intact .safetensors file"
        ) from error
    wanted = encoder.state_dict()
    missing = sorted(wanted.keys() - stored.keys())
    if missing:
        raise DamagedCheckpointError(
            f"{path} lacks {len(missing)} tensors of MobileNetV2, the first is {missing[0]}; "
            "give weights with torchvision's names"
        )
    state = {name: stored[name].to(tensor.dtype) for name, tensor in wanted.items()}
    stem = "features.0.0.weight"
    state[stem] = state[stem].sum(dim=1, keepdim=True)
    encoder.load_state_dict(state)


class _Moments:
    """Running mean and variance per channel over everything added, in float64."""

    def __init__(self) -> None:
        self.count = 0
        self.total: Tensor | float = 0.0
        self.total_of_squares: Tensor | float = 0.0

    def add(self, values: Tensor) -> None:
        values = values.double()
        self.count += values.numel() // values.shape[1]
        self.total = self.total + values.sum(dim=(0, 2, 3))
        self.total_of_squares = self.total_of_squares + values.square().sum(dim=(0, 2, 3))

    def result(self) -> tuple[Tensor, Tensor]:
        mean = torch.as_tensor(self.total) / self.count
        variance = torch.as_tensor(self.total_of_squares) / self.count - mean.square()
        return mean, variance.clamp_(min=0.0)


@torch.no_grad()
def calibrate_batch_norm(encoder: MobileNetV2Encoder, batches: Iterable[Tensor]) -> None:
    """Give folded batch norms real statistics without changing the function in eval mode.

    A folded batch norm is y = γ·(x − μ)/√(v + ε) + β with γ, μ, v that describe nothing, so train
    mode would rescale every layer. Measure each input's mean m and variance s over ``batches``
    with the network as it is, then replace μ, v by m, s and choose γ, β for the same line. One
    pass is exact because the function, and so every layer's input, stays the same.

    Parameters
    ----------
    encoder:
        Changed in place; its mode is kept.
    batches:
        (N, 1, h, w) grey pictures, −1…1; a few hundred in all.
    """
    moments: dict[nn.BatchNorm2d, _Moments] = {}
    handles = []
    for module in encoder.modules():
        if isinstance(module, nn.BatchNorm2d):
            moments[module] = _Moments()

            def observe(norm: nn.Module, inputs: tuple[Tensor, ...]) -> None:
                moments[norm].add(inputs[0])  # type: ignore[index]

            handles.append(module.register_forward_pre_hook(observe))
    was_training = encoder.training
    encoder.eval()
    try:
        for batch in batches:
            encoder(batch)
    finally:
        for handle in handles:
            handle.remove()
        encoder.train(was_training)
    if all(seen.count == 0 for seen in moments.values()):
        raise ValueError("calibrate_batch_norm needs at least one batch")
    for norm, seen in moments.items():
        _set_statistics(norm, *seen.result())


def _set_statistics(norm: nn.BatchNorm2d, mean: Tensor, variance: Tensor) -> None:
    """Replace the statistics of ``norm`` and adapt its weight and bias to the same function."""
    assert norm.running_mean is not None
    assert norm.running_var is not None
    slope = norm.weight.double() / torch.sqrt(norm.running_var.double() + norm.eps)
    offset = norm.bias.double() - slope * norm.running_mean.double()
    norm.weight.copy_(slope * torch.sqrt(variance + norm.eps))
    norm.bias.copy_(offset + slope * mean)
    norm.running_mean.copy_(mean)
    norm.running_var.copy_(variance)
