"""What a user may change about the colours, applied to ab before it becomes chroma."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from vidcolor.config import LookSettings


@dataclass(frozen=True, slots=True)
class Look:
    """A change of CIE a* and b*; luma is never touched."""

    strength: float = 1.0
    """Gain on a* and b*: 0 is grey, 1 leaves them alone."""

    @classmethod
    def from_settings(cls, settings: LookSettings) -> Look:
        """The look that a preset or the command line asks for."""
        return cls(strength=settings.strength)

    def apply(self, ab: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Changed ab, same shape; the very same array where there is nothing to change.

        Parameters
        ----------
        ab:
            (2, h, w) float32 CIE a* and b*.
        """
        if self.strength == 1.0:
            return ab
        return ab * np.float32(self.strength)
