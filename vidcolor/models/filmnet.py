"""The default network: a U-Net on MobileNetV2 with attention at its deepest point.

::

    L ─► Y′ ─► MobileNetV2 ──1/32──► attention ×2 ──► mean ──► histogram of the picture
                 │ │ │                   │              │
                 │ │ └──1/16──► lateral ─┴─► up ─ FiLM ◄┤
                 │ └────1/8───► lateral ───► up ─ FiLM ◄┘
                 └──────1/4───► lateral ───► up ──► 313 logits, 2 residuals ──► ab at 1/4

Output at a quarter of the input's size is enough for colour: with true ab it limits four photos
to 32…42 dB, far above what any network reaches.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.fusion import fuse_conv_bn_eval

from vidcolor.models import bins, mobilenet
from vidcolor.models.base import ColorNetwork, Prediction, check_size, refuse_hints
from vidcolor.models.inference import FoldableModule
from vidcolor.models.input_rules import InputRules

BOTTLENECK_CHANNELS = 256
"""Width of the tokens at stride 32 and of the picture's global vector."""

ATTENTION_HEADS = 8
"""Heads of each self-attention block; 32 channels each."""

ATTENTION_BLOCKS = 2
"""Self-attention blocks at stride 32."""

DECODER_CHANNELS = {16: 256, 8: 160, 4: 96}
"""Width of each decoder stage by stride. Half of the multiplications are at stride 4, so width
is spent where the grid is coarse."""

RESIDUAL_LIMIT = 10.0
"""Largest correction in CIE units that the residual adds to the mean of the bins: one bin."""

VIVID_CHROMA = 20.0
"""CIE chroma of a bin that a vividness of 2 lets count twice as much as grey."""


class TrainingOutput(NamedTuple):
    """Everything that a loss may need; see `FilmNet.forward_train`."""

    logits: Tensor
    """(N, 313, h/4, w/4) log-probabilities of the bins, unnormalised; autocast's type."""
    residual: Tensor
    """(N, 2, h/4, w/4) float32, −10…10 CIE units."""
    global_logits: Tensor
    """(N, 313) guess of the picture's ab histogram; autocast's type."""


class DropPath(nn.Module):
    """Skip a residual branch for whole pictures at random (https://arxiv.org/abs/1603.09382)."""

    def __init__(self, probability: float) -> None:
        super().__init__()
        self.probability = probability

    def forward(self, x: Tensor) -> Tensor:
        """Unchanged in eval mode; in training scaled so that the mean stays."""
        if not self.training or self.probability == 0.0:
            return x
        keep = 1.0 - self.probability
        mask = x.new_empty((len(x),) + (1,) * (x.ndim - 1)).bernoulli_(keep)
        return x * (mask / keep)


class AttentionBlock(nn.Module):
    """Pre-norm transformer block on a feature map.

    Position comes from a depthwise convolution, so any size works (conditional positional
    encoding, https://arxiv.org/abs/2102.10882).
    """

    def __init__(self, channels: int, heads: int, drop_path: float) -> None:
        super().__init__()
        self.heads = heads
        self.position = nn.Conv2d(channels, channels, 3, padding=1, groups=channels)
        self.norm_attention = nn.LayerNorm(channels)
        self.query_key_value = nn.Linear(channels, 3 * channels)
        self.project = nn.Linear(channels, channels)
        self.norm_mlp = nn.LayerNorm(channels)
        self.mlp = nn.Sequential(
            nn.Linear(channels, 4 * channels), nn.GELU(), nn.Linear(4 * channels, channels)
        )
        self.drop_path = DropPath(drop_path)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, h, w) -> (N, C, h, w)."""
        n, c, h, w = x.shape
        x = x + self.position(x)
        tokens = x.permute(0, 2, 3, 1).reshape(n, h * w, c)
        tokens = tokens + self.drop_path(self._attend(self.norm_attention(tokens)))
        tokens = tokens + self.drop_path(self.mlp(self.norm_mlp(tokens)))
        # A view with channels_last strides, which is what the convolutions want.
        pixels: Tensor = tokens.reshape(n, h, w, c).permute(0, 3, 1, 2)
        return pixels

    def _attend(self, tokens: Tensor) -> Tensor:
        n, length, c = tokens.shape
        # (N, T, 3C) -> 3 × (N, heads, T, C/heads)
        qkv = self.query_key_value(tokens).reshape(n, length, 3, self.heads, c // self.heads)
        query, key, value = qkv.permute(2, 0, 3, 1, 4).unbind(0)
        mixed = F.scaled_dot_product_attention(query, key, value)
        projected: Tensor = self.project(mixed.transpose(1, 2).reshape(n, length, c))
        return projected


class ResidualBlock(nn.Module):
    """Two 3×3 convolutions around a skip."""

    def __init__(self, channels: int, drop_path: float) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(channels, channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(channels),
            nn.SiLU(inplace=True),
            nn.Conv2d(channels, channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(channels),
        )
        self.drop_path = DropPath(drop_path)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, h, w) -> (N, C, h, w)."""
        branch: Tensor = self.drop_path(self.body(x))
        return F.silu(x + branch)


class DecoderStage(FoldableModule):
    """Double the size, join the encoder's features of that size, refine.

    Concatenation followed by a 1×1 convolution is the sum of two 1×1 convolutions, and the one on
    the coarse input commutes with bilinear upsampling. Written that way it costs a quarter.
    """

    def __init__(
        self, coarse: int, skip: int, channels: int, global_channels: int, drop_path: float
    ) -> None:
        super().__init__()
        self.reduce = nn.Conv2d(coarse, channels, 1, bias=False)
        self.lateral = nn.Conv2d(skip, channels, 1, bias=False)
        self.norm: nn.Module = nn.BatchNorm2d(channels)
        self.film = nn.Linear(global_channels, 2 * channels) if global_channels else None
        self.block = ResidualBlock(channels, drop_path)

    def forward(self, x: Tensor, skip: Tensor, picture: Tensor) -> Tensor:
        """(N, coarse, h, w), (N, skip, 2h, 2w), (N, global) -> (N, channels, 2h, 2w)."""
        reduced = self.reduce(x)
        size = skip.shape[-2:]
        x = F.interpolate(reduced, size=size, mode="bilinear", align_corners=False)
        x = self.norm(x + self.lateral(skip))
        if self.film is not None:
            # Feature-wise linear modulation, https://arxiv.org/abs/1709.07871
            scale, shift = self.film(picture)[:, :, None, None].chunk(2, dim=1)
            x = torch.addcmul(x + shift, x, scale)
        refined: Tensor = self.block(F.silu(x))
        return refined

    def fold_batch_norm(self) -> None:
        """The norm scales both convolutions; its offset becomes the bias of the lateral one."""
        if not isinstance(self.norm, nn.BatchNorm2d):
            return
        offset_free = nn.BatchNorm2d(self.norm.num_features, eps=self.norm.eps).eval()
        offset_free.load_state_dict(self.norm.state_dict())
        for offset in (offset_free.running_mean, offset_free.bias):
            assert offset is not None
            offset.data.zero_()
        self.reduce = fuse_conv_bn_eval(self.reduce, offset_free)
        self.lateral = fuse_conv_bn_eval(self.lateral, self.norm)
        self.norm = nn.Identity()


class FilmNet(ColorNetwork):
    """L* to ab over the 313 bins, at stride 4.

    Parameters
    ----------
    drop_path:
        Probability, while training, that a residual branch is skipped.
    temperature:
        Decode temperature of the annealed mean; may be set at any time and is kept in
        checkpoints.
    gain:
        Factor on the decoded ab; the same holds for it. Where several colours are likely their
        mean is paler than each.
    tilt:
        How much colourful bins count against pale ones, see `vidcolor.models.bins.decode`;
        likewise. It brings back colourfulness at a smaller error than a gain, and a gain at a
        smaller one than a low temperature.
    """

    architecture: ClassVar[str] = "filmnet"
    version: ClassVar[int] = 1
    stride: ClassVar[int] = 4
    rules: ClassVar[InputRules] = InputRules(short_side=192, multiple_of=32)

    def __init__(
        self,
        drop_path: float = 0.0,
        temperature: float = bins.ANNEALED_MEAN_TEMPERATURE,
        gain: float = 1.0,
        tilt: float = 0.0,
    ) -> None:
        super().__init__()
        if not 0.0 <= drop_path < 1.0:
            raise ValueError(f"drop_path must be in [0, 1), not {drop_path}")
        if not temperature > 0.0:
            raise ValueError(f"temperature must be above 0, not {temperature}")
        if not 0.0 < gain < math.inf:
            raise ValueError(f"gain must be above 0, not {gain}")
        if not math.isfinite(tilt):
            raise ValueError(f"tilt must be a number, not {tilt}")
        self.temperature = temperature
        self.gain = gain
        self.tilt = tilt
        self._drop_path = drop_path
        width = BOTTLENECK_CHANNELS
        taps = mobilenet.TAP_CHANNELS
        self.encoder = mobilenet.MobileNetV2Encoder()
        self.entry = nn.Sequential(nn.Conv2d(taps[32], width, 1, bias=False), nn.BatchNorm2d(width))
        self.attention = nn.Sequential(
            *(AttentionBlock(width, ATTENTION_HEADS, drop_path) for _ in range(ATTENTION_BLOCKS))
        )
        self.norm_picture = nn.LayerNorm(width)
        self.picture = nn.Sequential(nn.Linear(width, width), nn.GELU())
        self.histogram = nn.Linear(width, bins.NUM_BINS)
        self.stage16 = DecoderStage(width, taps[16], DECODER_CHANNELS[16], width, drop_path)
        self.stage8 = DecoderStage(
            DECODER_CHANNELS[16], taps[8], DECODER_CHANNELS[8], width, drop_path
        )
        self.stage4 = DecoderStage(DECODER_CHANNELS[8], taps[4], DECODER_CHANNELS[4], 0, drop_path)
        self.logits = nn.Conv2d(DECODER_CHANNELS[4], bins.NUM_BINS, 1)
        self.residual = nn.Conv2d(DECODER_CHANNELS[4], 2, 1)
        self._initialize()

    def _initialize(self) -> None:
        for module in (self.entry, self.stage16, self.stage8, self.stage4):
            for part in module.modules():
                if isinstance(part, nn.Conv2d):
                    nn.init.kaiming_normal_(part.weight, mode="fan_out", nonlinearity="relu")
        for part in self.attention.modules():
            if isinstance(part, nn.Linear):
                nn.init.trunc_normal_(part.weight, std=0.02)
                nn.init.zeros_(part.bias)
        for stage in (self.stage16, self.stage8):
            assert stage.film is not None
            nn.init.zeros_(stage.film.weight)  # begins as the identity
            nn.init.zeros_(stage.film.bias)
        for head in (self.logits, self.residual, self.histogram):
            nn.init.normal_(head.weight, std=0.01)
            assert head.bias is not None
            nn.init.zeros_(head.bias)

    def config(self) -> dict[str, Any]:
        """See `ColorNetwork.config`."""
        return {
            "drop_path": self._drop_path,
            "temperature": self.temperature,
            "gain": self.gain,
            "tilt": self.tilt,
        }

    def set_vividness(self, vividness: float) -> None:
        """See `ColorNetwork.set_vividness`: weighs each bin by vividness^(chroma / 20).

        A low temperature would do that only for a network whose loss lifts rare colours; without,
        the likeliest bin is often grey. A high one makes all bins alike, and their mean is not grey
        but the middle of the gamut.
        """
        self.tilt += math.log(vividness) / VIVID_CHROMA

    @torch.no_grad()
    def set_bin_prior(self, prior: Tensor) -> None:
        """Start both classifiers from how often each bin occurs, (313,) non-negative.

        The first steps of training then need not learn the average picture.
        """
        p = prior.float() / prior.float().sum()
        log_prior = torch.log(p.clamp(min=1e-6))
        for head in (self.logits, self.histogram):
            assert head.bias is not None
            head.bias.copy_(log_prior - log_prior.mean())

    def load_imagenet_backbone(self, path: str | Path) -> None:
        """Fill the encoder; see `mobilenet.load_imagenet_encoder`."""
        mobilenet.load_imagenet_encoder(self.encoder, path)

    def features(self, L: Tensor) -> Tensor:
        """See `ColorNetwork.features`: the encoder's at strides 8 and 16, at stride 8."""
        check_size(L, self.rules.multiple_of)
        taps = self.encoder(gray_from_lightness(L).to(self.dtype))
        fine, coarse = taps[8].float(), taps[16].float()
        coarse = F.interpolate(coarse, fine.shape[-2:], mode="bilinear", align_corners=False)
        # Each has the same say, however many channels it has.
        both = [x / x.norm(dim=1, keepdim=True).mean().clamp(min=1e-6) for x in (fine, coarse)]
        return torch.cat(both, dim=1)

    def forward_train(self, L: Tensor) -> TrainingOutput:
        """Everything before decoding.

        Parameters
        ----------
        L:
            As for `forward`.
        """
        decoded, global_vector = self._features(L)
        residual = self._residual(decoded)
        return TrainingOutput(self.logits(decoded), residual, self.histogram(global_vector))

    def forward(self, L: Tensor, hints: Tensor | None = None) -> Prediction:
        """See `ColorNetwork.forward`. Logits come in the parameters' or autocast's type.

        Raises
        ------
        ValueError
            With hints, or for a size that is not a multiple of 32.
        """
        refuse_hints(self.architecture, hints)
        logits, residual = self.trunk(L)
        return Prediction(ab=self.decode(logits, residual), logits=logits)

    def trunk(self, L: Tensor) -> tuple[Tensor, Tensor]:
        """See `ColorNetwork.trunk`: the logits, and the residual in float32."""
        decoded, _ = self._features(L)
        return self.logits(decoded), self._residual(decoded)

    def finish(self, *outputs: Tensor) -> Tensor:
        """See `ColorNetwork.finish`."""
        logits, residual = outputs
        return self.decode(logits, residual)

    def _residual(self, decoded: Tensor) -> Tensor:
        return RESIDUAL_LIMIT * torch.tanh(self.residual(decoded).float())

    def decode(self, logits: Tensor, residual: Tensor) -> Tensor:
        """(N, 2, h, w) ab from both heads, with the present temperature, gain and vividness."""
        return self.gain * (bins.decode(logits, self.temperature, self.tilt) + residual)

    def _features(self, L: Tensor) -> tuple[Tensor, Tensor]:
        """Decoder features (N, 96, h/4, w/4) and the picture's global vector (N, 256)."""
        check_size(L, self.rules.multiple_of)
        gray = gray_from_lightness(L).to(self.dtype)
        taps = self.encoder(gray)
        x = self.attention(self.entry(taps[32]))
        picture = self.picture(self.norm_picture(x.mean(dim=(2, 3))))
        x = self.stage16(x, taps[16], picture)
        x = self.stage8(x, taps[8], picture)
        x = self.stage4(x, taps[4], picture)
        return x, picture


def gray_from_lightness(L: Tensor) -> Tensor:
    """Gamma-encoded grey, −1…1, of CIE L*: what an encoder trained on photographs expects.

    Inverse of `vidcolor.color.lightness_from_luma`, scaled by 255/127.5 − 1: L* to relative
    luminance (CIE 15:2004, 8.2.1.1, constants κ = 24389/27 and ε = 216/24389), then the sRGB curve
    (IEC 61966-2-1).
    """
    L = L.float()
    luminance = torch.where(L > 8.0, ((L + 16.0) / 116.0) ** 3, L * (27.0 / 24389.0))
    luminance = luminance.clamp(0.0, 1.0)
    luma = torch.where(
        luminance > 0.0031308,
        1.055 * luminance.clamp(min=1e-8) ** (1.0 / 2.4) - 0.055,
        12.92 * luminance,
    )
    return luma * 2.0 - 1.0


def calibrate_batch_norm(network: FilmNet, batches: Iterable[Tensor]) -> None:
    """As `mobilenet.calibrate_batch_norm`, from batches of L* (N, 1, h, w), 0…100."""
    dtype = network.dtype
    mobilenet.calibrate_batch_norm(
        network.encoder, (gray_from_lightness(L).to(dtype) for L in batches)
    )
