"""What a film's stages hand on to each other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from vidcolor.ab_cache import HalfUnits
from vidcolor.colorizer import AbPlanes, SmallPicture
from vidcolor.frames import ColoredFrame, Frame
from vidcolor.source_color import FrameColor
from vidcolor.temporal.flow import Array
from vidcolor.temporal.shot_list import ListedShot
from vidcolor.temporal.spared import NETWORK, AbSource


@dataclass(slots=True)
class Work:
    """A frame on its way, with what has been found out about it so far."""

    frame: Frame
    small: SmallPicture
    """Of the frame, or of its earlier field."""
    has_chroma: bool
    source: FrameColor
    """What the decoded chroma holds."""
    listed: ListedShot | None = None
    """By the shot list, if there is one."""
    later: SmallPicture | None = None
    """Of the later field, if the two show different moments; see Note [Colours of fields]."""
    ab_from: AbSource = NETWORK
    ab: AbPlanes | None = None
    weight: Array | None = None
    """(h, w) of the cells of ``ab``; None is 1."""
    later_ab: AbPlanes | None = None
    steps: HalfUnits | None = None
    """Of steadied ab."""
    later_steps: HalfUnits | None = None
    keeps: bool = False
    """The source's own chroma stays."""
    shot: int = 0
    colored: ColoredFrame | None = None
    state: dict[str, Any] | None = None
    """Of the run before this frame, if a segment begins with it."""

    @property
    def nbytes(self) -> int:
        # The decoder's chroma planes stay alive with its luma: at most twice more (4:4:4).
        planes = self.frame.luma.nbytes * (3 if self.has_chroma else 1)
        if self.colored is not None:
            planes += self.colored.cb.nbytes + self.colored.cr.nbytes
        pictures = 1 if self.later is None else 2
        return planes + pictures * self.small.lightness.nbytes
