"""``python -m vidcolor`` is the same as ``vidcolor``."""

from __future__ import annotations

from vidcolor.cli import main

if __name__ == "__main__":
    main()
