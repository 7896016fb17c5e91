"""The contract that every colour network fulfils."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from vidcolor.errors import SettingsError
from vidcolor.models.input_rules import InputRules


@dataclass(slots=True)
class Prediction:
    """What a network says about a batch of N pictures of h × w pixels, at stride s."""

    ab: Tensor
    """(N, 2, h/s, w/s) float32, CIE a* and b* (about −110…110)."""
    logits: Tensor | None = None
    """(N, Q, h/s, w/s) unnormalised log-probabilities of the ab bins; None without bins."""


class ColorNetwork(nn.Module, ABC):
    """A network from L* to ab.

    Subclasses are registered under their ``architecture`` in `vidcolor.models.registry` and
    can be rebuilt from ``type(network)(**network.config())``.
    """

    architecture: ClassVar[str]
    """Registry name, also stored in checkpoints."""
    version: ClassVar[int] = 1
    """Raised when old checkpoints no longer fit."""
    stride: ClassVar[int]
    """Input pixels per output cell."""
    rules: ClassVar[InputRules] = InputRules()

    @abstractmethod
    def config(self) -> dict[str, Any]:
        """Keyword arguments that rebuild this network; JSON values only."""

    @abstractmethod
    def forward(self, L: Tensor, hints: Tensor | None = None) -> Prediction:
        """Predict ab.

        Parameters
        ----------
        L:
            (N, 1, h, w) float32 CIE L* of the grey picture, 0…100;
            h and w are multiples of ``rules.multiple_of``.
        hints:
            (N, 3, h, w): a*, b* and a 0/1 mask of where they are given. None for none;
            networks that cannot use hints raise ``ValueError``.
        """

    def trunk(self, L: Tensor) -> tuple[Tensor, ...]:
        """All of `forward` that can be traced and compiled; `finish` makes ab of it.

        Parameters
        ----------
        L:
            As for `forward`.
        """
        return (self.forward(L).ab,)

    def finish(self, *outputs: Tensor) -> Tensor:
        """(N, 2, h/s, w/s) float32 ab of what `trunk` returns."""
        (ab,) = outputs
        return ab

    def features(self, L: Tensor) -> Tensor | None:
        """(N, C, h/n, w/n) by which cells of different pictures can be compared; None if the
        network has none to offer.

        Parameters
        ----------
        L:
            As for `forward`.
        """
        del L
        return None

    def load_imagenet_backbone(self, path: str | Path) -> None:
        """Fill the part that others have trained on ImageNet from a file.

        Raises
        ------
        SettingsError
            If the network has no such part.
        CheckpointError
            If the file does not fit.
        """
        del path
        raise SettingsError(
            f"{self.architecture} has no part that ImageNet weights fit: leave out --init imagenet:"
        )

    def set_vividness(self, vividness: float) -> None:
        """Commit further (above 1) or less far (below 1) where several colours are likely.

        Raises
        ------
        SettingsError
            If the network has no bins and so nothing to choose from, and 1 is not meant.
        """
        if vividness != 1.0:
            raise SettingsError(
                f"vividness {vividness:g} needs a network with ab bins, which {self.architecture} "
                "is not: leave it out; strength scales the colours of any network"
            )

    @property
    def num_parameters(self) -> int:
        """Number of learnt values, buffers excluded."""
        return sum(p.numel() for p in self.parameters())

    @property
    def dtype(self) -> torch.dtype:
        """Type of the parameters."""
        return next(self.parameters()).dtype


def check_size(L: Tensor, multiple_of: int) -> None:
    """Raise ``ValueError`` unless ``L`` is (N, 1, h, w) with sides that suit a network."""
    if L.ndim != 4 or L.shape[1] != 1 or L.shape[2] % multiple_of or L.shape[3] % multiple_of:
        raise ValueError(
            f"L must be (N, 1, h, w) with h and w multiples of {multiple_of}, "
            f"not {tuple(L.shape)}; pad it"
        )


def refuse_hints(architecture: str, hints: Tensor | None) -> None:
    """Raise ``ValueError`` if there are hints."""
    if hints is not None:
        raise ValueError(f"{architecture} takes no hints; use one that does, such as siggraph17")
