"""A checkpoint's network on a device, run by torch.

Note [Fixed micro-batch]
    A convolution library picks its algorithm, and so its rounding, by the shape of the batch.
    The network therefore always runs on one shape: what is missing from a batch is filled up by
    repeating its last picture. On a CPU each picture is a batch of its own, computed by one thread,
    so that neither the batch nor the number of cores can change the result; several pictures are
    computed side by side, which also wastes less than sharing one among the cores. On a GPU another
    batch size may change the result, by one code.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import torch

from vidcolor.devices import cpu_workers, is_out_of_memory, no_memory, one_thread_each
from vidcolor.errors import DamagedCheckpointError, DeviceMemoryError
from vidcolor.models.base import ColorNetwork
from vidcolor.models.checkpoint import load_checkpoint
from vidcolor.models.checkpoint_file import CheckpointInfo
from vidcolor.models.compiled import Precision
from vidcolor.models.inference import prepare_for_inference

log = logging.getLogger(__name__)

Picture = npt.NDArray[np.float32]
R = TypeVar("R")

MPS_BATCH = 4
"""Pictures per batch on Apple GPUs, which do not tell how much memory is free."""

MAX_AUTO_BATCH = 32
"""Largest batch that is chosen by itself; more gains nothing."""

_CUDA_BYTES_PER_PIXEL = 6000
"""Generous bound on the activation memory of the largest network, per input pixel."""


class TorchNetwork:
    """Use it from one thread at a time.

    Parameters
    ----------
    info:
        The checkpoint; its path must be absolute.
    device:
        As torch calls it.
    precision:
        Of the network's parameters.
    vividness:
        See `ColorNetwork.set_vividness`.
    batch_size:
        Pictures per batch; None for as many as suit the device.

    Raises
    ------
    CheckpointError
        If it cannot be loaded, or is not what ``info`` says any more.
    SettingsError
        If the network has no bins for ``vividness`` to work on.
    DeviceMemoryError
        If the device has no room for it.
    """

    def __init__(
        self,
        info: CheckpointInfo,
        device: str,
        *,
        precision: Precision,
        vividness: float,
        batch_size: int | None,
    ) -> None:
        self._info = info
        self._device = torch.device(device)
        self._wanted_batch = batch_size
        self.micro_batch = 1
        """How many pictures go through the network at once."""
        self.halvings = 0
        """How often that was halved because the device ran out of memory."""
        loaded = self._load()
        loaded.set_vividness(vividness)
        bf16 = precision == "bfloat16"
        network = prepare_for_inference(loaded, torch.bfloat16 if bf16 else torch.float32)
        self.stride = network.stride
        try:
            self.network = network.to(self._device).to(memory_format=torch.channels_last)
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
            raise DeviceMemoryError(
                f"{device} has no memory for checkpoint {info.name!r}; close other programs, or "
                "use --device cpu"
            ) from error
        self._pool = one_thread_each(cpu_workers()) if self._device.type == "cpu" else None

    def load_again(self) -> ColorNetwork:
        """The network ready for inference in float32, nothing set.

        Raises
        ------
        CheckpointError
            If the checkpoint is gone, or is another one.
        """
        return prepare_for_inference(self._load())

    def _load(self) -> ColorNetwork:
        loaded = load_checkpoint(self._info.path)
        if loaded.info != self._info:
            raise DamagedCheckpointError(
                f"checkpoint {self._info.path} has changed since it was loaded; run again when "
                "nothing writes to it"
            )
        return loaded.network

    def in_one_thread(self, work: Callable[[], R]) -> R:
        """What ``work`` gives where torch shares no operation among threads: on a CPU, one of its
        own; elsewhere this one."""
        return work() if self._pool is None else self._pool.submit(work).result()

    def fix_batch(self, width: int, height: int) -> int:
        """Choose how many pictures of that size go through the network at once.

        See Note [Fixed micro-batch].

        Returns
        -------
        How many pictures `predict` is best given at a time.
        """
        if self._device.type == "cpu":
            return self._wanted_batch or cpu_workers()
        self.micro_batch = self._batch_that_fits(width, height)
        return self.micro_batch

    def _batch_that_fits(self, width: int, height: int) -> int:
        if self._wanted_batch:
            return self._wanted_batch
        if self._device.type != "cuda":
            return MPS_BATCH
        free, _total = torch.cuda.mem_get_info(self._device)
        fits = free // 2 // (width * height * _CUDA_BYTES_PER_PIXEL)
        return int(min(MAX_AUTO_BATCH, max(1, fits)))

    def predict(self, padded: Sequence[Picture]) -> list[Picture]:
        """One (2, h/s, w/s) float32 ab for each (h, w) L* picture; h and w suit the network.

        Raises
        ------
        DeviceMemoryError
            If even one picture at a time does not fit the device.
        """
        if self._pool is not None:
            return list(self._pool.map(lambda picture: self._batches([picture])[0], padded))
        return self._batches(padded)

    def features(self, padded: Picture) -> Picture | None:
        """The network's (C, h/n, w/n) float32 features of an L* picture; None if it has none.

        Raises
        ------
        DeviceMemoryError
            If the device has no room for it.
        """
        return self.in_one_thread(lambda: self._features(padded))

    def _features(self, padded: Picture) -> Picture | None:
        try:
            L = torch.from_numpy(padded)[None, None].to(self._device)
            with torch.inference_mode():
                found = self.network.features(L.contiguous(memory_format=torch.channels_last))
            return None if found is None else found[0].float().cpu().numpy()
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
            raise no_memory(str(self._device), padded.shape) from error

    def _batches(self, padded: Sequence[Picture]) -> list[Picture]:
        results: list[Picture] = []
        while len(results) < len(padded):
            part = padded[len(results) : len(results) + self.micro_batch]
            try:
                results += self._run(part)
                continue
            except (MemoryError, RuntimeError) as error:
                if not is_out_of_memory(error):
                    raise
            # Outside the handler, where the exception no longer keeps the batch alive.
            self._halve(padded[0].shape)
        return results

    def _run(self, part: Sequence[Picture]) -> list[Picture]:
        filled = [*part, *[part[-1]] * (self.micro_batch - len(part))]
        # (N, h, w) -> (N, 1, h, w)
        L = torch.from_numpy(np.stack(filled)).unsqueeze(1).to(self._device)
        with torch.inference_mode():
            ab = self.network(L.contiguous(memory_format=torch.channels_last)).ab
        return list(ab[: len(part)].float().cpu().numpy())

    def _halve(self, shape: tuple[int, ...]) -> None:
        if self.micro_batch == 1:
            raise no_memory(str(self._device), shape)
        self.micro_batch //= 2
        self.halvings += 1
        log.warning("out of memory on %s: batch halved to %d", self._device, self.micro_batch)
        if self._device.type == "cuda":
            torch.cuda.empty_cache()
