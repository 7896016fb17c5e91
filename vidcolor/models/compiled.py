"""A network compiled by OpenVINO for pictures of one size: for CPUs, faster than torch.

Note [What is compiled]
    Two models, NumPy arrays to NumPy arrays: `ColorNetwork.trunk` with float32 weights, for any
    size of picture, and `ColorNetwork.finish`, which holds what the user may set, as the
    vividness, and is always computed in float32. Making them takes seconds and is the work of
    `vidcolor.models.converting`; they are kept in the user's cache folder. Turning them into code
    for one size takes a fraction of a second, in each run.

Note [Checked networks]
    Tracing sees what a network does with one picture, and may take a number of that picture for a
    constant. So a compiled network is compared with torch on a picture of its size before it is
    used. A record beside the models says for which sizes that was done, with a digest of the models
    and of itself: as long as all that agrees, a film needs no torch. The names of these files stand
    for weights, settings, processor and versions of all that makes them.

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
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, PositiveInt

from vidcolor import __version__
from vidcolor.cache import cache_path, scratch_folder
from vidcolor.devices import torch_version
from vidcolor.models.checkpoint_file import CheckpointInfo

log = logging.getLogger(__name__)

FORMAT = 2
"""Of what is kept in the cache; raised when a network changes although its weights do not. 2 has
`ColorNetwork.finish`."""

MODELS = ("trunk", "finish")
"""See Note [What is compiled]."""

Precision = Literal["bfloat16", "float32"]
"""What a network is computed in."""

_Bytes = npt.NDArray[np.uint8]


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


class _Record(BaseModel):
    """See Note [Checked networks]."""

    stride: PositiveInt
    """Input pixels per output cell."""
    precision: Precision
    sizes: list[tuple[int, int]] = []
    """(height, width) of the pictures for which OpenVINO computes what torch does."""
    digest: str = ""
    """Of the models that were compared, and of all above."""


class ModelFiles:
    """OpenVINO's form of one network, and what is known of it, in the user's cache folder.

    A model is one archive of NumPy's, whose own checksums tell damage, with OpenVINO's two files.
    It is always used as it was saved: saving simplifies it, which changes last bits.

    Parameters
    ----------
    info:
        The network's checkpoint.
    vividness:
        That is set, see `ColorNetwork.set_vividness`.

    Raises
    ------
    CompileError
        If OpenVINO is not installed, or does not start.
    """

    def __init__(self, info: CheckpointInfo, vividness: float = 1.0) -> None:
        sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]  # see Note
        try:
            import openvino

            self.core = openvino.Core()
            name, abilities = (
                self.core.get_property("CPU", key)
                for key in ("FULL_DEVICE_NAME", "OPTIMIZATION_CAPABILITIES")
            )
        except ImportError as error:
            raise CompileError(f"OpenVINO cannot be imported: {error}") from error
        except Exception as error:
            raise CompileError(f"OpenVINO does not start: {error}") from error
        self._openvino = openvino
        self.version = f"OpenVINO {openvino.__version__.split('-')[0]}"
        network = [info.architecture, info.version, info.sha256, info.config, asdict(info.rules)]
        versions = [__version__, torch_version(), openvino.__version__, FORMAT]
        # The processor decides how torch and OpenVINO compute.
        basis = [network, versions, str(name).strip(), sorted(abilities)]
        trunk, finish = _key(basis), _key([*basis, vividness])
        self._paths = {
            "trunk": cache_path(f"network-{trunk}.npz"),
            "finish": cache_path(f"network-{finish}.npz"),
        }
        self._record_path = cache_path(f"network-{finish}.json")
        self._models: dict[str, Any] = {}
        self._digests: dict[str, bytes] = {}
        """Of the models that are in the cache as they are here."""

    def find_missing(self) -> tuple[str, ...]:
        """Read what is kept; returns those of `MODELS` that are not there, or damaged."""
        for name, path in self._paths.items():
            if path is None or name in self._models:
                continue
            try:
                with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
                    xml, weights = file["xml"], file["bin"]
                self._take(name, xml, weights)
            except FileNotFoundError:
                pass
            except Exception as error:  # no access; whatever a damaged archive leads to
                log.debug("%s cannot be used: %s", path, error)
        return tuple(name for name in MODELS if name not in self._models)

    def _take(self, name: str, xml: _Bytes, weights: _Bytes) -> None:
        self._models[name] = self.core.read_model(
            xml.tobytes(), self._openvino.Tensor(weights, shared_memory=False)
        )
        self._digests[name] = b"".join(
            hashlib.blake2b(part.data).digest() for part in (xml, weights)
        )

    def read(self, name: str) -> Any:
        """A new copy of a model that is there."""
        return self._models[name].clone()

    def keep(self, models: dict[str, Any]) -> None:
        """Take these models from now on, and keep them if that is possible."""
        for name, model in models.items():
            xml, weights = self._saved(model, self._paths[name])
            self._take(name, xml, weights)
            if not _write(self._paths[name], partial(np.savez, xml=xml, bin=weights)):
                del self._digests[name]  # the file is not what is here

    def _saved(self, model: Any, place: Path | None) -> tuple[_Bytes, _Bytes]:
        """What OpenVINO makes of a model when it saves it, beside ``place`` or in any folder."""

        def save(folder: Path) -> tuple[_Bytes, _Bytes]:
            path = folder / "network.xml"
            self._openvino.save_model(model, path, compress_to_fp16=False)
            return np.fromfile(path, np.uint8), np.fromfile(path.with_suffix(".bin"), np.uint8)

        if place is not None:
            try:
                with scratch_folder(place) as scratch:
                    return save(scratch)
            except (OSError, RuntimeError) as error:
                log.debug("a network cannot be saved beside %s: %s", place, error)
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
            return save(Path(name))

    def find_checked(self) -> CheckedNetwork | None:
        """What an earlier run has found out; None if nothing."""
        if self.find_missing():
            return None
        record = self._read_record()
        return CheckedNetwork(self, record) if record else None

    def note_checked(self, stride: int, precision: Precision, height: int, width: int) -> None:
        """Remember that these models do for such pictures what torch does, if they are kept."""
        if self._digests.keys() != set(MODELS):
            return
        record = self._read_record()
        if record is None or (record.stride, record.precision) != (stride, precision):
            record = _Record(stride=stride, precision=precision)
        record.sizes = sorted({*record.sizes, (height, width)})
        record.digest = self._digest(record)
        text = record.model_dump_json()
        _write(self._record_path, lambda new: new.write_text(text, encoding="utf-8"))

    def _read_record(self) -> _Record | None:
        """None if there is none, or it is of other models than these."""
        if self._record_path is None:
            return None
        try:
            record = _Record.model_validate_json(self._record_path.read_bytes())
        except (OSError, ValueError):
            return None
        return record if record.digest == self._digest(record) else None

    def _digest(self, record: _Record) -> str:
        """Of the models as they are here, and of the record but for its digest."""
        said = record.model_dump_json(exclude={"digest"}).encode()
        parts = [self._digests.get(name, b"") for name in MODELS]
        return hashlib.blake2b(b"".join([*parts, said]), digest_size=16).hexdigest()


def _key(parts: list[Any]) -> str:
    """A file name's part that stands for all of these."""
    text = json.dumps(parts, sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=12).hexdigest()


def _write(path: Path | None, write: Callable[[Path], object]) -> bool:
    """Have a file of the cache written and moved to its place; whether that was possible."""
    if path is None:
        return False
    try:
        with scratch_folder(path) as scratch:
            write(scratch / path.name)
            os.replace(scratch / path.name, path)
    except OSError as error:
        log.info("%s cannot be kept: %s", path, error)
        return False
    return True


class CheckedNetwork:
    """A network that was compiled and compared with torch before; see Note [Checked networks].

    Attributes
    ----------
    stride:
        Input pixels per output cell.
    precision:
        What the trunk is computed in.
    """

    def __init__(self, files: ModelFiles, record: _Record) -> None:
        self._files = files
        self._sizes = record.sizes
        self.stride = record.stride
        self.precision = record.precision

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
