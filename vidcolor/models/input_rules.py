"""What a network wants to see; without torch, for callers that do not run it themselves."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class InputRules:
    """How a picture must be prepared for a network; data, so that callers need no special cases."""

    short_side: int = 256
    """Short side in pixels at which the network works best; aspect is always kept."""
    multiple_of: int = 32
    """Both sides are padded (reflected, right and bottom) to a multiple of this."""
