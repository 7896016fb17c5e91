"""From a luma plane to ab: the network, its device, its batches."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import cv2
import numpy as np
import numpy.typing as npt
import torch

from vidcolor.color import lightness_table
from vidcolor.config import NetworkSettings
from vidcolor.devices import (
    cpu_workers,
    has_fast_bf16,
    is_out_of_memory,
    one_thread_each,
    pick_device,
)
from vidcolor.errors import DamagedCheckpointError, DeviceError, DeviceMemoryError
from vidcolor.frames import Plane
from vidcolor.luma import area_averaged
from vidcolor.models.base import ColorNetwork, InputRules
from vidcolor.models.checkpoint import load_checkpoint
from vidcolor.models.checkpoint_file import CheckpointInfo
from vidcolor.models.compiled import CompiledNetwork, CompileError
from vidcolor.models.inference import prepare_for_inference

log = logging.getLogger(__name__)

AbPlanes = npt.NDArray[np.float32]
"""(2, h, w) CIE a* and b*."""

MAX_ASPECT = 4
"""Pictures longer than this (a slit scan) are shrunk to it, so that memory stays bounded."""

# Note [Fixed micro-batch]
# A convolution library picks its algorithm, and so its rounding, by the shape of the batch.
# The network therefore always runs on one shape: what is missing from a batch is filled up by
# repeating its last picture. On a CPU each picture is a batch of its own, computed by one thread,
# so that neither the batch nor the number of cores can change the result; several pictures are
# computed side by side, which also wastes less than sharing one among the cores. On a GPU another
# batch size may change the result, by one code.

MPS_BATCH = 4
"""Pictures per batch on Apple GPUs, which do not tell how much memory is free."""

MAX_AUTO_BATCH = 32
"""Largest batch that is chosen by itself; more gains nothing."""

LEAST_FRAMES_TO_COMPILE = 500
"""Of a film. Compiling takes seconds when a checkpoint is first used and some tenths later;
it saves about a quarter of the network's time for each frame (docs/benchmarks.md)."""

_CUDA_BYTES_PER_PIXEL = 6000
"""Generous bound on the activation memory of the largest network, per input pixel."""


@dataclass(frozen=True, slots=True)
class NetworkGrid:
    """How the stored picture becomes the small picture that the network sees."""

    width: int
    """Small picture as stored (before rotation), in pixels; a multiple of the stride."""
    height: int
    quarter_turns: int = 0
    """Counter-clockwise quarter turns that bring the stored picture upright."""


@dataclass(slots=True)
class SmallPicture:
    """One picture at the network's size, still in the orientation in which it is stored."""

    codes: Plane
    """(h, w) luma code values, area-averaged."""
    lightness: npt.NDArray[np.float32]
    """(h, w) L*, 0…100."""

    def luma_u8(self, bit_depth: int) -> npt.NDArray[np.uint8]:
        """(h, w) luma in 8 bits, for shot detection and optical flow."""
        if bit_depth == 8:
            return self.codes.astype(np.uint8, copy=False)
        return (self.codes >> (bit_depth - 8)).astype(np.uint8)


class Colorizer:
    """A loaded checkpoint on a device, ready to predict ab for luma planes.

    Use it from one thread at a time.

    Parameters
    ----------
    settings:
        Checkpoint, device, batch size and working size.

    Raises
    ------
    CheckpointError, DeviceError
        If either is not to be had.
    SettingsError
        If the network has no bins for ``vividness`` to work on.
    """

    info: CheckpointInfo
    """What was loaded."""
    device: torch.device
    precision: str
    """``bfloat16`` or ``float32``: what the network computes in; colour maths is float32."""

    def __init__(self, settings: NetworkSettings | None = None) -> None:
        settings = settings or NetworkSettings()
        self.device = pick_device(settings.device)
        loaded = load_checkpoint(settings.checkpoint)
        self.info = loaded.info
        loaded.network.set_vividness(settings.vividness)
        bf16 = has_fast_bf16(self.device)
        self.precision = "bfloat16" if bf16 else "float32"
        network = prepare_for_inference(loaded.network, torch.bfloat16 if bf16 else torch.float32)
        try:
            self.network = network.to(self.device).to(memory_format=torch.channels_last)
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
            raise DeviceMemoryError(
                f"{self.device} has no memory for checkpoint {self.info.name!r}; close other "
                "programs, or use --device cpu"
            ) from error
        self.stride = loaded.network.stride
        self.rules: InputRules = loaded.info.rules
        self.short_side = settings.short_side or self.rules.short_side
        self._settings = settings
        self._wanted_batch = settings.batch_size
        self._micro_batch = 1
        self._pool = one_thread_each(cpu_workers()) if self.device.type == "cpu" else None
        self.halvings = 0
        """How often the batch was halved because the device ran out of memory."""
        self._compiled: CompiledNetwork | None = None
        self._compiled_size: tuple[int, int] | None = None
        self._cannot_compile = False

    def engine(self, grid: NetworkGrid) -> str:
        """What computes pictures of ``grid``: torch, or OpenVINO with its version."""
        if self._compiled is None or self._compiled_size != self._padded(grid):
            return "torch"
        return self._compiled.version

    def compile(self, grid: NetworkGrid, frames: int | None) -> None:
        """Get ready for a film of so many frames, None if that is not known.

        Compiles the network for pictures of ``grid`` if that pays, see `NetworkSettings.engine`;
        if not, forgets what was compiled for a film before, so that each gets what it would get
        alone.

        Raises
        ------
        DeviceError
            If OpenVINO was asked for and is of no use.
        """
        wanted, size = self._settings.engine, self._padded(grid)
        pays = wanted == "openvino" or (frames or 0) >= LEAST_FRAMES_TO_COMPILE
        if self._pool is None or wanted == "torch" or not pays or self._cannot_compile:
            self._compiled = None
            return
        if self._compiled is not None and self._compiled_size == size:
            return
        height, width = size
        self._compiled, self._compiled_size = None, size
        try:
            self._compiled = self._pool.submit(
                CompiledNetwork,
                self.network,
                self._loaded_again,
                self.info.sha256,
                height=height,
                width=width,
                workers=cpu_workers(),
            ).result()
        except CompileError as error:
            if wanted == "openvino":
                raise DeviceError(
                    f"{error}; use engine = 'auto' or 'torch' under [network] in the preset"
                ) from error
            self._cannot_compile = True
            log.warning(
                "%s; torch runs the network, more slowly (engine = 'torch' under [network] in a "
                "preset spares the attempt)",
                error,
            )

    def _loaded_again(self) -> ColorNetwork:
        again = load_checkpoint(self._settings.checkpoint)
        if again.info.sha256 != self.info.sha256:
            raise CompileError(f"checkpoint {self.info.name!r} has changed since it was loaded")
        return prepare_for_inference(again.network)

    def _padded(self, grid: NetworkGrid) -> tuple[int, int]:
        """(height, width) of pictures of ``grid`` as the network gets them, upright."""
        step = self.rules.multiple_of
        sides = (grid.width, grid.height) if grid.quarter_turns % 2 else (grid.height, grid.width)
        height, width = (side + -side % step for side in sides)
        return height, width

    def grid(
        self,
        width: int,
        height: int,
        sample_aspect_ratio: Fraction = Fraction(1),
        rotation: int = 0,
    ) -> NetworkGrid:
        """The small size for pictures of ``width`` × ``height`` stored pixels.

        The network sees square pixels with the short side at ``short_side``, the right way
        up; sides are rounded to the stride, aspect is otherwise kept.
        """
        shown_width = width * float(sample_aspect_ratio)
        short, long = sorted((shown_width, float(height)))
        scale = min(self.short_side / short, MAX_ASPECT * self.short_side / long)
        step = self.stride
        return NetworkGrid(
            width=max(step, round(shown_width * scale / step) * step),
            height=max(step, round(height * scale / step) * step),
            quarter_turns=round(rotation / 90) % 4,
        )

    def fix_batch(self, grid: NetworkGrid) -> int:
        """Choose how many pictures of ``grid`` go through the network at once.

        See Note [Fixed micro-batch].

        Returns
        -------
        How many pictures `predict` is best given at a time.
        """
        if self.device.type == "cpu":
            return self._wanted_batch or cpu_workers()
        self._micro_batch = self._batch_that_fits(grid)
        return self._micro_batch

    def _batch_that_fits(self, grid: NetworkGrid) -> int:
        if self._wanted_batch:
            return self._wanted_batch
        if self.device.type != "cuda":
            return MPS_BATCH
        free, _total = torch.cuda.mem_get_info(self.device)
        fits = free // 2 // (grid.width * grid.height * _CUDA_BYTES_PER_PIXEL)
        return int(min(MAX_AUTO_BATCH, max(1, fits)))

    def shrink(
        self, luma: Plane, grid: NetworkGrid, bit_depth: int, full_range: bool
    ) -> SmallPicture:
        """Area-average a luma plane to the network's size and look up L*."""
        codes = area_averaged(luma, grid.width, grid.height)
        # Decoders may leave bits above the depth set in damaged frames: clip, do not fail.
        codes = np.minimum(codes, codes.dtype.type(2**bit_depth - 1))
        return SmallPicture(codes, lightness_table(bit_depth, full_range)[codes])

    def predict(
        self, pictures: Sequence[npt.NDArray[np.float32]], quarter_turns: int = 0
    ) -> list[AbPlanes]:
        """ab for L* pictures of one size.

        Parameters
        ----------
        pictures:
            Each (h, w) float32 L* 0…100, as stored; sides are multiples of the stride.
        quarter_turns:
            Counter-clockwise turns that bring them upright; the result is turned back.

        Returns
        -------
        One (2, h / stride, w / stride) float32 array each.

        Raises
        ------
        DeviceMemoryError
            If even one picture at a time does not fit the device.
        """
        upright = [np.rot90(p, quarter_turns) for p in pictures]
        if self._pool is not None:
            results = list(self._pool.map(self._run_alone, upright))
        else:
            results = self._run_batches(upright)
        return [np.ascontiguousarray(np.rot90(ab, -quarter_turns, axes=(1, 2))) for ab in results]

    def features(
        self, picture: npt.NDArray[np.float32], quarter_turns: int = 0
    ) -> npt.NDArray[np.float32] | None:
        """The network's (C, h, w) features of an L* picture as stored; None if it has none.

        They cover the picture to within a cell. Arguments are those of `predict`.
        """
        upright = np.ascontiguousarray(np.rot90(picture, quarter_turns))
        if self._pool is not None:  # see Note [Fixed micro-batch]
            planes = self._pool.submit(self._features, upright).result()
        else:
            planes = self._features(upright)
        if planes is None:
            return None
        return np.ascontiguousarray(np.rot90(planes, -quarter_turns, axes=(1, 2)))

    def _features(self, upright: npt.NDArray[np.float32]) -> npt.NDArray[np.float32] | None:
        height, width = upright.shape
        step = self.rules.multiple_of
        padded = cv2.copyMakeBorder(
            upright, 0, -height % step, 0, -width % step, cv2.BORDER_REFLECT_101
        )
        try:
            L = torch.from_numpy(padded)[None, None].to(self.device)
            with torch.inference_mode():
                found = self.network.features(L.contiguous(memory_format=torch.channels_last))
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
            raise self._no_memory(width, height) from error
        if found is None:
            return None
        planes = found[0].float().cpu().numpy()
        self._check_finite(planes)
        rows, columns = (
            math.ceil(side * cells / (side + -side % step))
            for side, cells in ((height, planes.shape[1]), (width, planes.shape[2]))
        )
        return np.ascontiguousarray(planes[:, :rows, :columns])

    def _run_alone(self, picture: npt.NDArray[np.float32]) -> AbPlanes:
        return self._run_batches([picture])[0]

    def _run_batches(self, upright: Sequence[npt.NDArray[np.float32]]) -> list[AbPlanes]:
        results: list[AbPlanes] = []
        while len(results) < len(upright):
            part = upright[len(results) : len(results) + self._micro_batch]
            try:
                results += self._run(part)
                continue
            except (MemoryError, RuntimeError) as error:
                if not is_out_of_memory(error):
                    raise
            # Outside the handler, where the exception no longer keeps the batch alive.
            self._halve(upright[0].shape)
        return results

    def predict_plane(self, luma: Plane, bit_depth: int = 8, full_range: bool = True) -> AbPlanes:
        """ab (2, h, w) for one upright luma plane with square pixels, covering all of it."""
        height, width = luma.shape
        small = self.shrink(luma, self.grid(width, height), bit_depth, full_range)
        return self.predict([small.lightness])[0]

    def _run(self, pictures: Sequence[npt.NDArray[np.float32]]) -> list[AbPlanes]:
        height, width = pictures[0].shape
        step = self.rules.multiple_of
        bottom, right = -height % step, -width % step
        padded = [
            cv2.copyMakeBorder(np.ascontiguousarray(p), 0, bottom, 0, right, cv2.BORDER_REFLECT_101)
            for p in pictures
        ]
        if self._compiled is not None and self._compiled_size == (height + bottom, width + right):
            ab = torch.cat([self._compiled(picture) for picture in padded])
        else:
            ab = self._run_torch(padded)
        ab = ab[: len(pictures), :, : height // self.stride, : width // self.stride]
        planes = ab.float().cpu().numpy()
        self._check_finite(planes)
        return list(planes)

    def _run_torch(self, padded: list[npt.NDArray[np.float32]]) -> torch.Tensor:
        padded = padded + [padded[-1]] * (self._micro_batch - len(padded))
        # (N, h, w) -> (N, 1, h, w)
        L = torch.from_numpy(np.stack(padded)).unsqueeze(1).to(self.device)
        with torch.inference_mode():
            ab: torch.Tensor = self.network(L.contiguous(memory_format=torch.channels_last)).ab
        return ab

    def _check_finite(self, planes: npt.NDArray[np.float32]) -> None:
        if not np.isfinite(planes).all():
            raise DamagedCheckpointError(
                f"checkpoint {self.info.name!r} predicts values that are not numbers (in "
                f"{self.precision} on {self.device}); use another checkpoint or --device cpu"
            )

    def _no_memory(self, width: int, height: int) -> DeviceMemoryError:
        return DeviceMemoryError(
            f"{self.device} has no memory for one picture of {width}×{height}; "
            "close other programs, use --device cpu, or a preset with a smaller short_side"
        )

    def _halve(self, shape: tuple[int, ...]) -> None:
        if self._micro_batch == 1:
            height, width = shape
            raise self._no_memory(width, height)
        self._micro_batch //= 2
        self.halvings += 1
        log.warning("out of memory on %s: batch halved to %d", self.device, self._micro_batch)
        if self.device.type == "cuda":
            torch.cuda.empty_cache()
