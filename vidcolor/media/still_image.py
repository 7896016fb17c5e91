"""The value type for a photo, between reading, colouring and writing."""

from __future__ import annotations

from dataclasses import dataclass

from vidcolor.color import code_type
from vidcolor.frames import Plane


@dataclass(frozen=True, slots=True)
class StillImage:
    """A photo as it is to be coloured: upright, in sRGB's tone curve, without its colours."""

    luma: Plane
    """(H, W) full-range Y′ codes: grey pictures as stored, others weighted as BT.709 does."""
    bit_depth: int
    """8 or 16."""
    alpha: Plane | None = None
    """(H, W) opacity of the same depth, not premultiplied; None where all is opaque."""
    exif: bytes | None = None
    """The EXIF block to write, ``Exif\\0\\0`` first, its orientation already 1."""
    xmp: bytes | None = None
    """The XMP packet to write, without what is not true of the output."""
    icc_profile: bytes | None = None
    """sRGB's profile if the source had any profile, so that the output has one too."""
    dpi: tuple[float, float] | None = None
    """(horizontal, vertical) pixels per inch of the upright picture."""
    source_format: str = "PNG"
    """``PNG``, ``JPEG``, ``TIFF``, ``WEBP`` or ``BMP``."""
    is_color: bool = False
    """The source has colours, which are not used."""

    def __post_init__(self) -> None:
        dtype = code_type(self.bit_depth)
        if self.bit_depth not in (8, 16) or self.luma.ndim != 2 or self.luma.dtype != dtype:
            raise ValueError(f"luma must be (H, W) of 8 or 16 bits: {self!r}")
        alpha = self.alpha
        if alpha is not None and (alpha.shape != self.luma.shape or alpha.dtype != dtype):
            raise ValueError(f"alpha must match luma: {self!r}")

    def __repr__(self) -> str:
        height, width = self.luma.shape[:2]
        alpha = " with alpha" if self.alpha is not None else ""
        return f"StillImage({self.source_format} {width}×{height}, {self.bit_depth} bit{alpha})"
