"""From a luma plane to ab: the network, its device, its batches."""

from __future__ import annotations

import dataclasses
import functools
import logging
import math
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

import cv2
import numpy as np
import numpy.typing as npt

from vidcolor.color import lightness_table
from vidcolor.config import NetworkSettings
from vidcolor.devices import (
    cpu_workers,
    has_fast_bf16,
    is_certainly_cpu,
    is_out_of_memory,
    no_memory,
    pick_device,
)
from vidcolor.errors import CheckpointError, DamagedCheckpointError, DeviceError
from vidcolor.frames import Plane
from vidcolor.luma import area_averaged
from vidcolor.models.checkpoint_file import CheckpointInfo, is_undamaged
from vidcolor.models.checkpoint_names import read_info, resolve
from vidcolor.models.compiled import (
    CheckedNetwork,
    CompiledNetwork,
    CompileError,
    ModelFiles,
    Precision,
)
from vidcolor.models.input_rules import InputRules

if TYPE_CHECKING:
    from vidcolor.models.base import ColorNetwork
    from vidcolor.models.torch_network import TorchNetwork

log = logging.getLogger(__name__)

AbPlanes = npt.NDArray[np.float32]
"""(2, h, w) CIE a* and b*."""

MAX_ASPECT = 4
"""Pictures longer than this (a slit scan) are shrunk to it, so that memory stays bounded."""

LEAST_FRAMES_TO_COMPILE = 100
"""Of a film. Compiling takes some seconds when a checkpoint is first used and some tenths later,
when it saves the start of torch, and always a third of the network's time (docs/benchmarks.md)."""


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
    deferred:
        True for films: torch and the weights, which take seconds, are loaded only when it turns
        out that the film needs them. See Note [Checked networks] in `vidcolor.models.compiled`.

    Raises
    ------
    CheckpointError, DeviceError
        If either is not to be had.
    SettingsError
        If the network has no bins for ``vividness`` to work on.
    """

    info: CheckpointInfo
    """What was loaded."""
    device: str
    """As torch calls it."""
    precision: Precision
    """What the network computes in; colour maths is float32."""

    def __init__(self, settings: NetworkSettings | None = None, *, deferred: bool = False) -> None:
        self._settings = settings = settings or NetworkSettings()
        self._is_deferred = deferred
        self._compiled: CompiledNetwork | None = None
        self._compiled_size: tuple[int, int] | None = None
        self._cannot_compile = False
        self._pool: ThreadPoolExecutor | None = None
        can_defer = deferred and settings.engine != "torch" and is_certainly_cpu(settings.device)
        place = None if can_defer else pick_device(settings.device)
        info = read_info(resolve(settings.checkpoint))
        self.info = dataclasses.replace(info, path=info.path.absolute())  # it may be read later
        self.rules: InputRules = self.info.rules
        self.short_side = settings.short_side or self.rules.short_side
        self._checked = self._find_checked() if can_defer else None
        if self._checked is not None:
            self.device, self.precision = "cpu", self._checked.precision
            self.stride = self._checked.stride
        else:
            place = place or pick_device(settings.device)
            self.device = str(place)
            self.precision = "bfloat16" if has_fast_bf16(place) else "float32"
            self.stride = self.by_torch.stride

    def _find_checked(self) -> CheckedNetwork | None:
        if not is_undamaged(self.info):
            return None  # loading says so
        try:
            return ModelFiles(self.info, self._settings.vividness).find_checked()
        except CompileError:
            return None  # `compile` says so, if it matters

    @functools.cached_property
    def by_torch(self) -> TorchNetwork:
        """The network as torch runs it; loaded when it is first asked for."""
        from vidcolor.models.torch_network import TorchNetwork

        return TorchNetwork(
            self.info,
            self.device,
            precision=self.precision,
            vividness=self._settings.vividness,
            batch_size=self._settings.batch_size,
        )

    @property
    def halvings(self) -> int:
        """How often the batch was halved because the device ran out of memory."""
        return self.by_torch.halvings if "by_torch" in vars(self) else 0

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
        CheckpointError, DeviceMemoryError
            If torch is needed, and cannot load the network any more, or has no room for it.
        """
        wanted, size = self._settings.engine, self._padded(grid)
        pays = wanted == "openvino" or (frames or 0) >= LEAST_FRAMES_TO_COMPILE
        if self.device != "cpu" or wanted == "torch" or not pays or self._cannot_compile:
            self._compiled = None
            _ = self.by_torch  # loaded now, not in the first frame's time
            return
        if self._compiled is not None and self._compiled_size == size:
            return
        height, width = size
        self._compiled, self._compiled_size = None, size
        if self._checked is not None:
            self._compiled = self._checked.compile(height, width, cpu_workers())
        try:
            self._compiled = self._compiled or self._compile_with_torch(height, width)
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

    def _compile_with_torch(self, height: int, width: int) -> CompiledNetwork:
        """For pictures of that size, having compared it with torch."""
        from vidcolor.models.converting import compile_network

        files = ModelFiles(self.info, self._settings.vividness)
        size = {"height": height, "width": width}
        network = self.by_torch.network
        compiled = self.by_torch.in_one_thread(
            lambda: compile_network(
                network, self._loaded_again, files, workers=cpu_workers(), **size
            )
        )
        if self._is_deferred:  # others, as benchmarks, may have changed what is computed
            files.note_checked(self.stride, self.precision, **size)
            self._checked = files.find_checked()
        return compiled

    def _loaded_again(self) -> ColorNetwork:
        try:
            return self.by_torch.load_again()
        except CheckpointError as error:
            raise CompileError(str(error)) from error

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

        Returns
        -------
        How many pictures `predict` is best given at a time.
        """
        if self._compiled_for(self._padded(grid)) is not None:
            return self._settings.batch_size or cpu_workers()
        return self.by_torch.fix_batch(grid.width, grid.height)

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
        upright = [np.ascontiguousarray(np.rot90(p, quarter_turns)) for p in pictures]
        if not upright:
            return []
        height, width = upright[0].shape
        padded = [self._reflected(picture) for picture in upright]
        compiled = self._compiled_for(padded[0].shape)
        if compiled is None:
            results = self.by_torch.predict(padded)
        else:
            results = self._run_compiled(compiled, padded)
        for ab in results:
            self._check_finite(ab)
        rows, columns = height // self.stride, width // self.stride
        return [
            np.ascontiguousarray(np.rot90(ab[:, :rows, :columns], -quarter_turns, axes=(1, 2)))
            for ab in results
        ]

    def _run_compiled(
        self, compiled: CompiledNetwork, padded: Sequence[npt.NDArray[np.float32]]
    ) -> list[AbPlanes]:
        if self._pool is None:
            self._pool = ThreadPoolExecutor(cpu_workers(), "vidcolor-network")
        try:
            return list(self._pool.map(compiled, padded))
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
            raise no_memory(self.device, padded[0].shape) from error

    def _compiled_for(self, shape: tuple[int, ...]) -> CompiledNetwork | None:
        """What was compiled for upright, padded pictures of (height, width), if anything."""
        return self._compiled if self._compiled_size == shape else None

    def features(
        self, picture: npt.NDArray[np.float32], quarter_turns: int = 0
    ) -> npt.NDArray[np.float32] | None:
        """The network's (C, h, w) features of an L* picture as stored; None if it has none.

        They cover the picture to within a cell. Arguments are those of `predict`.
        """
        upright = np.ascontiguousarray(np.rot90(picture, quarter_turns))
        planes = self.by_torch.features(self._reflected(upright))
        if planes is None:
            return None
        self._check_finite(planes)
        step = self.rules.multiple_of
        rows, columns = (
            math.ceil(side * cells / (side + -side % step))
            for side, cells in zip(upright.shape, planes.shape[1:], strict=True)
        )
        cut = planes[:, :rows, :columns]
        return np.ascontiguousarray(np.rot90(cut, -quarter_turns, axes=(1, 2)))

    def _reflected(self, upright: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """With sides that suit the network."""
        bottom, right = (-side % self.rules.multiple_of for side in upright.shape)
        return np.asarray(
            cv2.copyMakeBorder(upright, 0, bottom, 0, right, cv2.BORDER_REFLECT_101), np.float32
        )

    def predict_plane(self, luma: Plane, bit_depth: int = 8, full_range: bool = True) -> AbPlanes:
        """ab (2, h, w) for one upright luma plane with square pixels, covering all of it."""
        height, width = luma.shape
        small = self.shrink(luma, self.grid(width, height), bit_depth, full_range)
        return self.predict([small.lightness])[0]

    def _check_finite(self, planes: npt.NDArray[np.float32]) -> None:
        if not np.isfinite(planes).all():
            raise DamagedCheckpointError(
                f"checkpoint {self.info.name!r} predicts values that are not numbers (in "
                f"{self.precision} on {self.device}); use another checkpoint or --device cpu"
            )
