"""The command line: one file per command. Nothing imports this package.

Only what ``--help`` needs is imported at the top of these files; torch, PyAV and OpenCV
wait until a command runs.
"""

from __future__ import annotations

from vidcolor.cli.program import app, main

__all__ = ["app", "main"]
