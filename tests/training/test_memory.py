from __future__ import annotations

import subprocess
import sys

import pytest

PROGRAM = """
import sys
import numpy as np
from vidcolor.training.memory import keep_freed_memory

def resident_mib():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096 / 2**20

if "keep" in sys.argv:
    assert keep_freed_memory()
before = resident_mib()
block = np.ones(2**26, np.uint8)
del block
print(resident_mib() - before)
"""
"""Prints how much of 64 MiB a process still holds after it was freed."""


def _held_mib(*arguments: str) -> float:
    command = [sys.executable, "-c", PROGRAM, *arguments]
    return float(subprocess.run(command, capture_output=True, check=True, text=True).stdout)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="mallopt is glibc's")
def test_freed_memory_stays_in_the_process() -> None:
    # In processes of their own: there is no way back.
    assert _held_mib() < 16
    assert _held_mib("keep") > 48
