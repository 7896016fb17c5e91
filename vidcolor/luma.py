"""Luma between the decoder and the encoder."""

from __future__ import annotations

import zlib

import cv2
import numpy as np
import numpy.typing as npt

from vidcolor.frames import EncodeTarget, Frame, Plane

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
