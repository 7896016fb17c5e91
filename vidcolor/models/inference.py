"""Make a network faster for prediction without changing what it computes."""

from __future__ import annotations

from typing import TypeVar

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from vidcolor.models.base import ColorNetwork

N = TypeVar("N", bound=ColorNetwork)


class FoldableModule(nn.Module):
    """A module whose batch norms follow something other than one convolution."""

    def fold_batch_norm(self) -> None:
        """Move this module's own batch norms into its convolutions."""
        raise NotImplementedError


def prepare_for_inference(network: N, dtype: torch.dtype = torch.float32) -> N:
    """Fold batch norms into the convolutions before them, then convert the parameters.

    Folding comes first, in float32, because running statistics lose too much in bfloat16.
    Parameters that are stored in bfloat16 save autocast's conversion of all of them for every
    batch, which on a CPU costs a batch of one as much as some of the layers.

    Parameters
    ----------
    network:
        Changed in place; afterwards it can only predict, and its ``state_dict`` no longer fits
        its architecture.
    dtype:
        float32, or bfloat16 where the device has instructions for it. Inputs stay float32, and
        so does the decoding of the bins.

    Returns
    -------
    ``network`` in eval mode.
    """
    network.eval().requires_grad_(False)
    for module in list(network.modules()):
        if isinstance(module, nn.Sequential):
            _fold_sequence(module)
        elif isinstance(module, FoldableModule):
            module.fold_batch_norm()
    network.to(dtype)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.float()  # one behind a ReLU stays: zero padding comes before the next layer
    return network


def _fold_sequence(sequence: nn.Sequential) -> None:
    """Fuse each convolution in ``sequence`` that a batch norm directly follows."""
    for index in range(len(sequence) - 1):
        convolution, norm = sequence[index], sequence[index + 1]
        if not isinstance(norm, nn.BatchNorm2d):
            continue
        if isinstance(convolution, nn.Conv2d | nn.ConvTranspose2d):
            transposed = isinstance(convolution, nn.ConvTranspose2d)
            sequence[index] = fuse_conv_bn_eval(convolution, norm, transpose=transposed)
            sequence[index + 1] = nn.Identity()
