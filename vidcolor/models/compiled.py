"""A network compiled by OpenVINO for pictures of one size, for CPUs: it takes less time than torch.

Note [What is compiled]
    `ColorNetwork.trunk`, tensors to tensors, with float32 weights, for any size of picture. That
    takes seconds, so it is kept in the user's cache folder under the digest of the weights. Turning
    it into code for one size takes a third of a second and is done in each run. What the user may
    set, as the vividness, is in `ColorNetwork.finish`, which stays torch's.

Note [No telemetry]
    OpenVINO's converter tells Google Analytics of each use, from child processes, unless its
    package ``openvino_telemetry`` cannot be imported. vidcolor talks to nobody.

    Tracing sees what a network does with one picture, and may take a number of that picture for a
    constant. So each compiled network is compared with torch on a picture of its size before it is
    used.
"""

from __future__ import annotations

import logging
import os
import sys
import tempfile
import threading
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from vidcolor.cache import cache_path, scratch_folder
from vidcolor.models.base import ColorNetwork

log = logging.getLogger(__name__)

MOST_DIFFERENCE = 0.5
"""Mean difference from torch's ab, CIE units, above which a compiled network is not used. In
bfloat16 the default's differ by 0.04."""

FORMAT = 1
"""Of what is kept in the cache; raised when a trunk changes although its weights do not."""

TRACED_SIDE = 64
"""Least side in pixels of the picture that a network is traced with."""


class CompileError(Exception):
    """OpenVINO is not there, or cannot compile this network; torch can still run it."""


class CompiledNetwork:
    """A network for L* pictures of one size, one at a time, from any number of threads.

    Each picture is computed by one thread, so that neither the number of cores nor what else is
    computed can change a result.

    Parameters
    ----------
    network:
        On the CPU, ready for inference, in float32 or bfloat16; finishes what was compiled, which
        computes in the same type.
    load:
        Gives the network again, ready for inference in float32.
    key:
        Digest of its weights.
    height, width:
        Of the pictures, multiples of the network's own step.
    workers:
        Threads that will call at the same time.

    Raises
    ------
    CompileError
        If OpenVINO is not installed, fails, or computes something else than torch.
    """

    def __init__(
        self,
        network: ColorNetwork,
        load: Callable[[], ColorNetwork],
        key: str,
        *,
        height: int,
        width: int,
        workers: int,
    ) -> None:
        sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]  # see Note
        try:
            import openvino
        except ImportError as error:
            raise CompileError(f"OpenVINO cannot be imported: {error}") from error
        self.version = f"OpenVINO {openvino.__version__.split('-')[0]}"
        self._network = network
        self._threads = threading.local()
        name = f"{network.architecture}{network.version}-{key[:20]}-v{FORMAT}"
        cache = _Cache(openvino, name)
        try:
            self._compile(cache.read() or cache.convert(load()), cache.core, height, width, workers)
            difference = self._difference(height, width)
            if cache.was_read and not difference <= MOST_DIFFERENCE:  # of other weights?
                model = cache.convert(load())
                self._compile(model, cache.core, height, width, workers)
                difference = self._difference(height, width)
        except CompileError:
            raise
        except Exception as error:  # whatever its converter meets in a network
            raise CompileError(
                f"OpenVINO cannot compile {network.architecture}: {error}"
            ) from error
        if not difference <= MOST_DIFFERENCE:
            raise CompileError(
                f"{network.architecture} compiled by OpenVINO differs from torch by "
                f"{difference:.2f} CIE units on average"
            )

    def _compile(self, model: Any, core: Any, height: int, width: int, workers: int) -> None:
        model.reshape([1, 1, height, width])
        options = {
            "NUM_STREAMS": workers,
            "INFERENCE_NUM_THREADS": workers,
            "INFERENCE_PRECISION_HINT": "bf16" if self._network.dtype is torch.bfloat16 else "f32",
            "ENABLE_CPU_PINNING": False,
        }
        self._compiled = core.compile_model(model, "CPU", options)
        self._threads = threading.local()
        streams, threads = (
            int(self._compiled.get_property(name))
            for name in ("NUM_STREAMS", "INFERENCE_NUM_THREADS")
        )
        if threads > streams:
            raise CompileError(
                f"OpenVINO shares {threads} threads among {streams} pictures: its results would "
                "depend on the machine's load"
            )

    def __call__(self, lightness: npt.NDArray[np.float32]) -> Tensor:
        """ab (1, 2, h/s, w/s) float32 for one (h, w) L* picture of the right size."""
        request = getattr(self._threads, "request", None)
        if request is None:
            request = self._threads.request = self._compiled.create_infer_request()
        picture = np.ascontiguousarray(lightness)[None, None]
        outputs = request.infer([picture], share_inputs=True, share_outputs=True)
        with torch.inference_mode():
            tensors = (torch.from_numpy(outputs[n]) for n in range(len(outputs)))
            ab = self._network.finish(*(tensor.permute(0, 3, 1, 2) for tensor in tensors))
        return ab.clone()  # it may be the request's own memory, for the next picture

    def _difference(self, height: int, width: int) -> float:
        """Mean difference from torch on a picture with edges, a gradient and grain."""
        rng = np.random.default_rng(0)
        y, x = np.mgrid[0:height, 0:width].astype(np.float32)
        picture = 30 + 50 * x / width + 15 * np.sign(np.sin(y / 9) * np.sin(x / 13))
        picture += rng.normal(0, 2, picture.shape)
        L = np.clip(picture, 0, 100).astype(np.float32)
        with torch.inference_mode():
            expected = self._network(torch.from_numpy(L)[None, None]).ab
        return float((self(L) - expected.float()).abs().mean())


class _Trunk(nn.Module):
    """The trunk with channels last, as it is computed and as `ColorNetwork.finish` is fastest."""

    def __init__(self, network: ColorNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, L: Tensor) -> tuple[Tensor, ...]:
        return tuple(output.permute(0, 2, 3, 1) for output in self.network.trunk(L))


class _Cache:
    """OpenVINO's form of one network, in the user's cache folder.

    It is always used as read from a file: saving simplifies it, which changes last bits.
    """

    def __init__(self, openvino: Any, name: str) -> None:
        self._openvino = openvino
        self.core = openvino.Core()
        self.was_read = False
        """Whether the cache had it."""
        version = openvino.__version__.replace("/", "_")
        self._kept = cache_path(f"{name}-{version}.xml")

    def read(self) -> Any:
        """None if it is not there, or damaged."""
        if self._kept is None:
            return None
        try:
            model = self.core.read_model(self._kept)
        except Exception as error:
            log.debug("%s cannot be used: %s", self._kept, error)
            return None
        self.was_read = True
        return model

    def convert(self, network: ColorNetwork) -> Any:
        """Make it and keep it."""
        log.info("converting the network for OpenVINO")
        model = _converted(self._openvino, network)
        if self._kept is not None:
            try:
                return self._keep(model, self._kept)
            except (OSError, RuntimeError) as error:
                log.info("the converted network cannot be kept as %s: %s", self._kept, error)
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as scratch:
            path = Path(scratch) / "network.xml"
            self._openvino.save_model(model, path, compress_to_fp16=False)
            return self.core.read_model(path)

    def _keep(self, model: Any, kept: Path) -> Any:
        with scratch_folder(kept) as scratch:
            new = scratch / kept.name
            self._openvino.save_model(model, new, compress_to_fp16=False)
            # The weights first: without the other file they mean nothing.
            os.replace(new.with_suffix(".bin"), kept.with_suffix(".bin"))
            os.replace(new, kept)
        return self.core.read_model(kept)


def _converted(openvino: Any, network: ColorNetwork) -> Any:
    side = max(TRACED_SIDE, network.rules.multiple_of)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the tracer's, about what stays constant
        return openvino.convert_model(
            _Trunk(network).eval(),
            example_input=torch.full((1, 1, side, side), 50.0),
            input=[1, 1, -1, -1],
        )
