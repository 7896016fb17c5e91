"""A network compiled by OpenVINO for pictures of one size: for CPUs, faster than torch.

Note [What is compiled]
    Two models, NumPy arrays to NumPy arrays: `ColorNetwork.trunk` with float32 weights, for any
    size of picture, and `ColorNetwork.finish`, which holds what the user may set, as the
    vividness, and is always computed in float32. Making them takes seconds and is the work of
    `vidcolor.models.converting`; they are kept in the user's cache folder under the digest of the
    weights. Turning them into code for one size takes a third of a second, in each run.

Note [Checked networks]
    Tracing sees what a network does with one picture, and may take a number of that picture for a
    constant. So a compiled network is compared with torch on a picture of its size before it is
    used. A record beside the models says for which sizes that was done, on which kind of processor,
    and has the digest of the models: as long as all that agrees, a film needs no torch.

Note [No telemetry]
    OpenVINO's converter tells Google Analytics of each use, from child processes, unless its
    package ``openvino_telemetry`` cannot be imported. vidcolor talks to nobody.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, PositiveInt

from vidcolor.cache import cache_path, scratch_folder
from vidcolor.models.checkpoint_file import CheckpointInfo

log = logging.getLogger(__name__)

FORMAT = 2
"""Of what is kept in the cache; raised when a network changes although its weights do not. 2 has
`ColorNetwork.finish`."""

MODELS = ("trunk", "finish")
"""See Note [What is compiled]."""

Precision = Literal["bfloat16", "float32"]
"""What a network is computed in."""


class CompileError(Exception):
    """OpenVINO is not there, or cannot compile this network; torch can still run it."""


class CompiledNetwork:
    """A network for L* pictures of one size, one at a time, from any number of threads.

    Each picture is computed by one thread, so that neither the number of cores nor what else is
    computed can change a result.

    Parameters
    ----------
    models:
        Of this network.
    precision:
        What the trunk is computed in.
    height, width:
        Of the pictures, multiples of the network's own step.
    workers:
        Threads that will call at the same time.

    Raises
    ------
    CompileError
        If OpenVINO would share threads among pictures.
    """

    def __init__(
        self, models: ModelFiles, precision: Precision, *, height: int, width: int, workers: int
    ) -> None:
        self.version = models.version
        trunk, finish = map(models.read, MODELS)
        trunk.reshape([1, 1, height, width])
        finish.reshape({n: output.partial_shape for n, output in enumerate(trunk.outputs)})
        self._steps = [
            _compiled(models.core, trunk, "bf16" if precision == "bfloat16" else "f32", workers),
            _compiled(models.core, finish, "f32", workers),
        ]
        self._threads = threading.local()

    def __call__(self, lightness: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """(2, h/s, w/s) float32 ab for one (h, w) L* picture of the right size."""
        requests = getattr(self._threads, "requests", None)
        if requests is None:
            requests = [step.create_infer_request() for step in self._steps]
            self._threads.requests = requests
        values = [np.ascontiguousarray(lightness)[None, None]]
        for request in requests:
            outputs = request.infer(values, share_inputs=True, share_outputs=True)
            values = [outputs[n] for n in range(len(outputs))]
        ab: npt.NDArray[np.float32] = values[0][0]
        return ab.copy()  # it may be the request's own memory, for the next picture


def _compiled(core: Any, model: Any, precision: str, workers: int) -> Any:
    options = {
        "NUM_STREAMS": workers,
        "INFERENCE_NUM_THREADS": workers,
        "INFERENCE_PRECISION_HINT": precision,
        "ENABLE_CPU_PINNING": False,
    }
    compiled = core.compile_model(model, "CPU", options)
    streams, threads = (
        int(compiled.get_property(name)) for name in ("NUM_STREAMS", "INFERENCE_NUM_THREADS")
    )
    if threads > streams:
        raise CompileError(
            f"OpenVINO shares {threads} threads among {streams} pictures: its results would "
            "depend on the machine's load"
        )
    return compiled


class _Checked(BaseModel):
    """What was found out on one kind of processor."""

    precision: Precision
    sizes: set[tuple[int, int]] = set()
    """(height, width) of the pictures for which OpenVINO computes what torch does."""


class _Record(BaseModel):
    """See Note [Checked networks]."""

    stride: PositiveInt
    digest: str
    """Of the models' files."""
    processors: dict[str, _Checked] = {}


class ModelFiles:
    """OpenVINO's form of one network, and what is known of it, in the user's cache folder.

    Models are always used as read from a file: saving simplifies them, which changes last bits.

    Parameters
    ----------
    info:
        The network's checkpoint.
    vividness:
        That is set, see `ColorNetwork.set_vividness`.

    Raises
    ------
    CompileError
        If OpenVINO is not installed.
    """

    def __init__(self, info: CheckpointInfo, vividness: float = 1.0) -> None:
        sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]  # see Note
        try:
            import openvino
        except ImportError as error:
            raise CompileError(f"OpenVINO cannot be imported: {error}") from error
        self._openvino = openvino
        self.core = openvino.Core()
        self.version = f"OpenVINO {openvino.__version__.split('-')[0]}"
        weights = json.dumps([info.sha256, info.config], sort_keys=True)
        key = hashlib.blake2b(weights.encode(), digest_size=10).hexdigest()
        build = openvino.__version__.replace("/", "_")
        stem = f"{info.architecture}{info.version}-{key}-v{FORMAT}"
        self._kept = {
            "trunk": cache_path(f"{stem}-{build}.xml"),
            "finish": cache_path(f"{stem}-vividness{vividness:g}-{build}.xml"),
        }
        self._record = cache_path(f"{stem}-vividness{vividness:g}-{build}.json")
        self._read: dict[str, Any] = {}

    def find_missing(self) -> tuple[str, ...]:
        """Read what is kept; returns those of `MODELS` that are not there, or damaged."""
        for name, path in self._kept.items():
            if path is not None:
                try:
                    self._read[name] = self.core.read_model(path)
                except Exception as error:
                    log.debug("%s cannot be used: %s", path, error)
        return tuple(name for name in MODELS if name not in self._read)

    def read(self, name: str) -> Any:
        """A new copy of a model that is there."""
        return self._read[name].clone()

    def keep(self, models: dict[str, Any]) -> None:
        """Take these models from now on, and keep them if that is possible."""
        for name, model in models.items():
            self._read[name] = self._saved(model, self._kept[name])

    def _saved(self, model: Any, kept: Path | None) -> Any:
        if kept is not None:
            try:
                with scratch_folder(kept) as scratch:
                    new = scratch / kept.name
                    self._openvino.save_model(model, new, compress_to_fp16=False)
                    # The weights first: without the other file they mean nothing.
                    os.replace(new.with_suffix(".bin"), kept.with_suffix(".bin"))
                    os.replace(new, kept)
                return self.core.read_model(kept)
            except (OSError, RuntimeError) as error:
                log.info("the converted network cannot be kept as %s: %s", kept, error)
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as scratch_name:
            path = Path(scratch_name) / "network.xml"
            self._openvino.save_model(model, path, compress_to_fp16=False)
            return self.core.read_model(path)

    def checked(self) -> CheckedNetwork | None:
        """What an earlier run has found out on such a processor; None if nothing."""
        record = self._read_record()
        known = record and record.processors.get(self._processor)
        if not record or not known or self.find_missing():
            return None
        return CheckedNetwork(self, record.stride, known)

    def note_checked(self, stride: int, precision: Precision, height: int, width: int) -> None:
        """Remember that what is kept now does for such pictures what torch does."""
        if self._record is None:
            return
        try:
            record = self._read_record() or _Record(stride=stride, digest=self._digest())
            known = record.processors.get(self._processor)
            if known is None or known.precision != precision:
                known = record.processors[self._processor] = _Checked(precision=precision)
            known.sizes.add((height, width))
            with scratch_folder(self._record) as scratch:
                new = scratch / self._record.name
                new.write_text(record.model_dump_json(), encoding="utf-8")
                os.replace(new, self._record)
        except OSError as error:
            log.info("%s cannot be kept: %s", self._record, error)

    def _read_record(self) -> _Record | None:
        """None if there is none, or it is of other models than those that are kept."""
        if self._record is None:
            return None
        try:
            record = _Record.model_validate_json(self._record.read_bytes())
            return record if record.digest == self._digest() else None
        except (OSError, ValueError):
            return None

    def _digest(self) -> str:
        """Of all files of the models that are kept."""
        digest = hashlib.blake2b(digest_size=16)
        for path in self._kept.values():
            assert path is not None
            for part in (path, path.with_suffix(".bin")):
                digest.update(hashlib.blake2b(part.read_bytes()).digest())
        return digest.hexdigest()

    @property
    def _processor(self) -> str:
        """What decides how OpenVINO and torch compute: the processor's name and abilities."""
        name = self.core.get_property("CPU", "FULL_DEVICE_NAME")
        abilities = self.core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
        return " ".join([str(name).strip(), *sorted(abilities)])


class CheckedNetwork:
    """A network that was compiled and compared with torch before; see Note [Checked networks].

    Attributes
    ----------
    stride:
        Input pixels per output cell.
    precision:
        What the trunk is computed in.
    """

    def __init__(self, files: ModelFiles, stride: int, known: _Checked) -> None:
        self._files = files
        self.stride = stride
        self.precision = known.precision
        self._sizes = known.sizes

    def compile(self, height: int, width: int, workers: int) -> CompiledNetwork | None:
        """For pictures of that size; None if they were not compared, or OpenVINO fails."""
        if (height, width) not in self._sizes:
            return None
        try:
            return CompiledNetwork(
                self._files, self.precision, height=height, width=width, workers=workers
            )
        except Exception as error:  # torch then finds out what is wrong
            log.debug("the network compiled earlier cannot be used: %s", error)
            return None
