"""Devices to compute on: which there are, what they are good at, their threads and memory."""

from __future__ import annotations

import contextlib
import ctypes
import functools
import importlib.util
import os
import re
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from vidcolor.errors import DeviceError, DeviceMemoryError

if TYPE_CHECKING:
    import torch

MAX_CPU_WORKERS = 16
"""Most pictures that a CPU computes side by side; each needs some 60 MB."""

_NVIDIA_DRIVERS = {"linux": "libcuda.so.1", "win32": "nvcuda.dll"}
"""Libraries without which torch finds no NVIDIA GPU on these systems."""


def is_certainly_cpu(wanted: str) -> bool:
    """Whether `pick_device` would surely choose the CPU; asks no torch, which takes long to load.

    False where only torch can tell.
    """
    if wanted != "auto":
        return wanted == "cpu"
    driver = _NVIDIA_DRIVERS.get(sys.platform)
    if driver is None or not re.search(r"^hip\b.*= None$", _torch_says(), re.MULTILINE):
        return False  # a torch for AMD's GPUs, or a strange one
    return not _can_be_loaded(driver)


def torch_version() -> str:
    """What ``torch.__version__`` is; loads torch only if it does not say so in the usual place."""
    found = re.search(r"^__version__ = ['\"](.+)['\"]$", _torch_says(), re.MULTILINE)
    if found:
        return found[1]
    import torch

    return str(torch.__version__)


@functools.cache
def _torch_says() -> str:
    """The module in which torch says what it is; empty if that is not found."""
    spec = importlib.util.find_spec("torch")
    for folder in (spec and spec.submodule_search_locations) or ():
        with contextlib.suppress(OSError, ValueError):
            return Path(folder, "version.py").read_text(encoding="utf-8")
    return ""


def _can_be_loaded(library: str) -> bool:
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


def pick_device(wanted: str) -> torch.device:
    """The device that ``wanted`` names; ``auto`` prefers CUDA, then MPS, then the CPU.

    Raises
    ------
    DeviceError
        If it is not available, or not a device name.
    """
    import torch

    if wanted == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(wanted)
    except RuntimeError:
        device = torch.device("meta")
    if device.type == "cpu":
        return device
    if device.type == "cuda":
        count = torch.cuda.device_count() if torch.cuda.is_available() else 0
        if (device.index or 0) < count:
            return device
        raise DeviceError(
            f"device {wanted!r} is not available: {count} CUDA devices found; "
            "use --device auto or cpu"
        )
    if device.type == "mps" and torch.backends.mps.is_available():
        return device
    raise DeviceError(f"device {wanted!r} is not available: use auto, cpu, cuda, cuda:N or mps")


def has_fast_bf16(device: torch.device) -> bool:
    """Whether bfloat16 is faster than float32 there (native instructions, not emulation)."""
    import torch

    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if device.type == "cpu":
        # Private in torch, so its absence only means float32.
        native = getattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)
        return bool(native())
    return False


def cpu_workers() -> int:
    """How many pictures a CPU computes side by side: one for each core, within a bound."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return min(MAX_CPU_WORKERS, cores or 1)


def one_thread_each(workers: int) -> ThreadPoolExecutor:
    """Threads in which torch shares no operation among others, whatever it does elsewhere."""
    import torch

    return ThreadPoolExecutor(
        workers, "vidcolor-network", initializer=torch.set_num_threads, initargs=(1,)
    )


_MEMORY_WORDS = ("out of memory", "ALLOC_FAILED", "can't allocate memory", "bad_alloc")
# What torch, cuBLAS, cuDNN, the CPU allocator and C++ say; only some raise a type of their own.


def is_out_of_memory(error: BaseException) -> bool:
    """Whether ``error`` says that a device, or this machine, has no memory left."""
    return (
        isinstance(error, MemoryError)
        or type(error).__name__ == "OutOfMemoryError"  # torch's
        or any(words in str(error) for words in _MEMORY_WORDS)
    )


def no_memory(device: str, shape: tuple[int, ...]) -> DeviceMemoryError:
    """What is raised where not even one picture of (height, width) fits."""
    height, width = shape
    return DeviceMemoryError(
        f"{device} has no memory for one picture of {width}×{height}; close other programs, use "
        "--device cpu, or a preset with a smaller short_side"
    )
