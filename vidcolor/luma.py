"""Luma between the decoder and the encoder, and whether a frame has colours of its own."""

from __future__ import annotations

import zlib

import cv2
import numpy as np
import numpy.typing as npt

from vidcolor.frames import EncodeTarget, Frame, Plane

COLORED_SPREAD = 6.0
"""Mean distance of chroma from neutral, in 8-bit codes, above which a film counts as coloured.
Tape noise and a sepia tint stay below it on a black-and-white film."""

SMALL_SHORT_SIDE = 144
"""Pixels of the luma that shots are found on."""


def target_luma(luma: Plane, target: EncodeTarget) -> Plane:
    """The luma plane that the encoder gets: the decoder's own, unless ``target`` differs.

    Parameters
    ----------
    luma:
        (h, w) code values as decoded.
    target:
        Its size, if another, is reached by area averaging; its ``luma_shift`` widens the code
        values to more bits exactly.
    """
    if luma.shape != (target.height, target.width):
        luma = cv2.resize(luma, (target.width, target.height), interpolation=cv2.INTER_AREA)
    if target.layout.bit_depth > 8 and luma.dtype == np.uint8:
        luma = luma.astype(np.uint16)
    return np.left_shift(luma, luma.dtype.type(target.luma_shift)) if target.luma_shift else luma


def small_luma(frame: Frame, bit_depth: int) -> npt.NDArray[np.uint8]:
    """8-bit luma of at most `SMALL_SHORT_SIDE` px short side, as stored, for finding shots."""
    height, width = frame.luma.shape
    scale = min(1.0, SMALL_SHORT_SIDE / min(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    small = cv2.resize(frame.luma, size, interpolation=cv2.INTER_AREA)
    eight_bits: npt.NDArray[np.uint8] = (small >> (bit_depth - 8)).astype(np.uint8)
    return eight_bits


def luma_crc(luma: Plane) -> int:
    """CRC-32 of a luma plane's code values, rows packed."""
    return zlib.crc32(np.ascontiguousarray(luma).data)


def is_colored(frame: Frame, bit_depth: int) -> bool:
    """Whether the chroma of a frame with ``bit_depth`` bits is further from neutral than noise
    or a tint; see `COLORED_SPREAD`."""
    planes = frame.chroma or ()
    return any(chroma_spread(plane, bit_depth) > COLORED_SPREAD for plane in planes)


def chroma_spread(plane: Plane, bit_depth: int) -> float:
    """Mean distance of a chroma plane from neutral, in 8-bit codes."""
    sample = plane[::8, ::8].astype(np.float32)
    neutral = float(1 << (bit_depth - 1))
    return float(np.abs(sample - neutral).mean()) / (1 << (bit_depth - 8))
