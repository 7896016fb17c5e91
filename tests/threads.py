"""Threads that a test must not leave behind."""

from __future__ import annotations

import threading


def stages_running() -> list[str]:
    """Threads of a film that is not over. The network's own stay for the next film."""
    names = [thread.name for thread in threading.enumerate()]
    return [name for name in names if name.startswith("vidcolor-") and "network_" not in name]
