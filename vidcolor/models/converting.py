"""From torch's form of a network to OpenVINO's; see Note [What is compiled]."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Collection
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from vidcolor.models.base import ColorNetwork
from vidcolor.models.compiled import MODELS, CompiledNetwork, CompileError, ModelFiles, Precision

log = logging.getLogger(__name__)

MOST_DIFFERENCE = 0.5
"""Mean difference from torch's ab, CIE units, above which a compiled network is not used. In
bfloat16 the default's differ by 0.04."""

TRACED_SIDE = 64
"""Least side in pixels of the picture that a network is traced with."""


def compile_network(
    network: ColorNetwork,
    load: Callable[[], ColorNetwork],
    files: ModelFiles,
    *,
    height: int,
    width: int,
    workers: int,
) -> CompiledNetwork:
    """A network for pictures of one size, converted if that was not done before.

    Parameters
    ----------
    network:
        On the CPU, ready for inference, in float32 or bfloat16, which the trunk is computed in.
    load:
        Gives the network again, ready for inference in float32.
    files:
        Where its models are kept.
    height, width, workers:
        As for `CompiledNetwork`.

    Raises
    ------
    CompileError
        If OpenVINO fails, or computes something else than torch.
    """
    precision: Precision = "bfloat16" if network.dtype is torch.bfloat16 else "float32"

    def compiled_and_compared() -> tuple[CompiledNetwork, float]:
        made = CompiledNetwork(files, precision, height=height, width=width, workers=workers)
        return made, _difference(network, made, height, width)

    try:
        missing = files.find_missing()
        if missing:
            files.keep(_converted(network, load(), missing))
        compiled, difference = compiled_and_compared()
        if missing != MODELS and not difference <= MOST_DIFFERENCE:  # of other weights?
            files.keep(_converted(network, load(), MODELS))
            compiled, difference = compiled_and_compared()
    except CompileError:
        raise
    except Exception as error:  # whatever its converter meets in a network
        raise CompileError(f"OpenVINO cannot compile {network.architecture}: {error}") from error
    if not difference <= MOST_DIFFERENCE:
        raise CompileError(
            f"{network.architecture} compiled by OpenVINO differs from torch by "
            f"{difference:.2f} CIE units on average"
        )
    return compiled


def _difference(network: ColorNetwork, compiled: CompiledNetwork, height: int, width: int) -> float:
    """Mean difference from torch on a picture with edges, a gradient and grain."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    picture = 30 + 50 * x / width + 15 * np.sign(np.sin(y / 9) * np.sin(x / 13))
    picture += rng.normal(0, 2, picture.shape)
    L = np.clip(picture, 0, 100).astype(np.float32)
    with torch.inference_mode():
        expected = network(torch.from_numpy(L)[None, None]).ab[0].float().numpy()
    return float(np.abs(compiled(L) - expected).mean())


class _Trunk(nn.Module):
    """The trunk with channels last, as it is computed and as `ColorNetwork.finish` is fastest."""

    def __init__(self, network: ColorNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, L: Tensor) -> tuple[Tensor, ...]:
        return tuple(output.permute(0, 2, 3, 1) for output in self.network.trunk(L))


class _Finish(nn.Module):
    """What makes ab of the trunk's outputs."""

    def __init__(self, network: ColorNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, *outputs: Tensor) -> Tensor:
        return self.network.finish(*(output.permute(0, 3, 1, 2) for output in outputs))


def _converted(
    network: ColorNetwork, plain: ColorNetwork, names: Collection[str]
) -> dict[str, Any]:
    """OpenVINO's models of those names: the trunk of ``plain``, in float32, and the finish of
    ``network``, as it is set."""
    import openvino

    log.info("converting the network for OpenVINO")
    side = max(TRACED_SIDE, network.rules.multiple_of)
    example = torch.full((1, 1, side, side), 50.0)
    trunk, finish = _Trunk(plain).eval(), _Finish(network).eval()
    models = {}
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # the tracer's, about what stays constant
        outputs = trunk(example)
        finish(*outputs)  # what it remembers by itself must not be part of the trace
        if "trunk" in names:
            models["trunk"] = openvino.convert_model(_traced(trunk, example), input=[1, 1, -1, -1])
        if "finish" in names:
            shapes = [[1, -1, -1, output.shape[-1]] for output in outputs]
            models["finish"] = openvino.convert_model(_traced(finish, *outputs), input=shapes)
    return models


def _traced(module: nn.Module, *example: Tensor) -> Any:
    # Tracing it once more to compare would take longer than all else; `_difference` compares.
    return torch.jit.trace(module, example, check_trace=False)  # type: ignore[no-untyped-call]
