"""What a film's colour tags mean, and what to assume where they are missing."""

from __future__ import annotations

import dataclasses
import functools

import numpy as np
import numpy.typing as npt

from vidcolor.color.lab import lightness_from_luma
from vidcolor.color.primaries import luma_weights, rgb_to_relative_xyz
from vidcolor.errors import UnsupportedColorError
from vidcolor.frames import UNSPECIFIED, ColorTags

HDR_TRANSFERS = {16: "PQ (SMPTE ST 2084)", 18: "HLG (ARIB STD-B67)"}
"""TransferCharacteristics that are refused: their luma is not SDR video."""

SD_MAX_SIZE = (1024, 576)
"""Largest (width, height) that is taken for standard definition, as mpv and FFmpeg users do."""

_BT709 = (1, 1, 1)
_BT601_525 = (6, 6, 6)

# (matrix, primaries, transfer) that go together, by the matrix a file does state.
_BY_MATRIX = {
    1: _BT709,
    4: (4, 4, 4),
    5: (5, 5, 6),
    6: _BT601_525,
    7: (7, 7, 7),
    9: (9, 9, 14),
}
# The same by the primaries, for a file that states only those.
_BY_PRIMARIES = {1: _BT709, 5: (5, 5, 6), 6: _BT601_525, 7: (7, 7, 7), 9: (9, 9, 14)}


def resolve_tags(tags: ColorTags, width: int, height: int, *, allow_hdr: bool = False) -> ColorTags:
    """Fill in the fields that the file leaves unspecified.

    What is stated decides what is not: a BT.2020 matrix brings BT.2020 primaries. If
    neither matrix nor primaries are stated, pictures up to 1024×576 are BT.601 (525
    lines), larger ones BT.709. Fields that are stated are never changed.

    Parameters
    ----------
    tags:
        As read from the file.
    width, height:
        Picture size in pixels.
    allow_hdr:
        Accept PQ and HLG, and treat their code values as SDR: not accurate.

    Returns
    -------
    Tags without unspecified matrix, primaries or transfer; ``guessed`` names those chosen here.

    Raises
    ------
    UnsupportedColorError
        For PQ and HLG unless ``allow_hdr``; for matrices and primaries that the chroma
        solve does not cover.
    """
    family = _family(tags, width, height)
    names = ("matrix", "primaries", "transfer")
    chosen = {
        name: value
        for name, value in zip(names, family, strict=True)
        if getattr(tags, name) == UNSPECIFIED
    }
    if chosen:
        guessed = (*tags.guessed, *(name for name in chosen if name not in tags.guessed))
        tags = dataclasses.replace(tags, **chosen, guessed=guessed)  # type: ignore[arg-type]
    _check_supported(tags, allow_hdr)
    return tags


@functools.cache
def lightness_table(bit_depth: int, full_range: bool) -> npt.NDArray[np.float32]:
    """L* (0…100) of each luma code; codes beyond black and white are clipped.

    Returns
    -------
    (2**bit_depth,) float32, read-only and remembered: it is looked up for every frame.
    """
    luma01 = luma_from_codes(np.arange(2**bit_depth), bit_depth, full_range)
    table = lightness_from_luma(luma01).astype(np.float32)
    table.flags.writeable = False
    return table


def luma_range(bit_depth: int, full_range: bool) -> tuple[int, int]:
    """Codes of black and of white.

    Source: ITU-T H.273, equations 20 and 22.
    """
    if full_range:
        return 0, 2**bit_depth - 1
    return 16 << (bit_depth - 8), 235 << (bit_depth - 8)


def luma_from_codes(
    codes: npt.NDArray[np.generic], bit_depth: int, full_range: bool
) -> npt.NDArray[np.float64]:
    """Y′ in 0…1 of luma codes, clipped to black and white; any shape."""
    black, white = luma_range(bit_depth, full_range)
    luma = (codes.astype(np.float64) - black) / (white - black)
    return np.clip(luma, 0.0, 1.0)


def _family(tags: ColorTags, width: int, height: int) -> tuple[int, int, int]:
    if tags.matrix in _BY_MATRIX:
        return _BY_MATRIX[tags.matrix]
    if tags.primaries in _BY_PRIMARIES:
        return _BY_PRIMARIES[tags.primaries]
    is_sd = width <= SD_MAX_SIZE[0] and height <= SD_MAX_SIZE[1]
    return _BT601_525 if is_sd else _BT709


def _check_supported(tags: ColorTags, allow_hdr: bool) -> None:
    if tags.transfer in HDR_TRANSFERS and not allow_hdr:
        raise UnsupportedColorError(
            f"the film is HDR, transfer {tags.transfer} = {HDR_TRANSFERS[tags.transfer]}; convert "
            "it to SDR first, or accept inaccurate colours with --allow-hdr"
        )
    luma_weights(tags.matrix)
    rgb_to_relative_xyz(tags.primaries)
