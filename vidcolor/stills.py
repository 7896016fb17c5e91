"""Colours one photo, or shows one frame, keeping luma to the code."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import cast

import cv2
import numpy as np
import numpy.typing as npt

from vidcolor.color import (
    ChromaTable,
    code_type,
    lightness_table,
    luma_from_codes,
    rgb_from_luma_chroma,
    upsample_ab,
)
from vidcolor.color.table import REMAP_LIMIT
from vidcolor.frames import ColorTags, Plane
from vidcolor.hints import Hint, apply_hints
from vidcolor.look import Look
from vidcolor.media.still_image import StillImage

Predict = Callable[[Plane, int, bool], npt.NDArray[np.float32]]
"""(luma, bit depth, full range) -> ab (2, h, w) that covers the whole picture."""

STRIP_ROWS = 256
"""Rows coloured at once; bounds memory to about 60 bytes per pixel of a strip."""

RgbCodes = npt.NDArray[np.uint8] | npt.NDArray[np.uint16]
"""(H, W, 3) R′G′B′ code values."""

STILL_TAGS = ColorTags(matrix=1, primaries=1, transfer=13, full_range=True, chroma_location=2)
"""sRGB, its luma weighted as BT.709 does."""


def color_still(
    still: StillImage, predict: Predict, look: Look, hints: Sequence[Hint] = ()
) -> RgbCodes:
    """Colour a photo.

    The luma of the result (BT.709 weights on its codes) is that of ``still`` within one code,
    which is the rounding of three channels. Where a channel would clip, the pixel gets less
    chroma instead of another luma.

    Parameters
    ----------
    still:
        What `vidcolor.media.images.read_image` returned.
    predict:
        `vidcolor.colorizer.Colorizer.predict_plane`, or anything like it.
    look:
        Applied to ab, after the hints.
    hints:
        Inside the picture; see `vidcolor.hints`.

    Returns
    -------
    (H, W, 3) sRGB codes, uint8 or uint16 as ``still.luma``.
    """
    predicted = predict(still.luma, still.bit_depth, True)
    cells = (predicted.shape[2], predicted.shape[1])
    small = cv2.resize(still.luma, cells, interpolation=cv2.INTER_AREA)
    hinted = apply_hints(hints, predicted, still.luma, still.bit_depth, full_range=True)
    ab = look.apply(hinted, lightness_table(still.bit_depth, True)[small])
    return rgb_from_luma_ab(still.luma, ab, still.bit_depth)


def rgb_from_luma_ab(
    luma: Plane,
    ab: npt.NDArray[np.float32],
    bit_depth: int,
    tags: ColorTags = STILL_TAGS,
    out_depth: int | None = None,
) -> RgbCodes:
    """R′G′B′ codes with exactly that luma, as `color_still` says.

    Parameters
    ----------
    luma:
        (H, W) codes of ``bit_depth`` in the range of ``tags``.
    ab:
        (2, h, w) CIE a* and b* over the whole picture.
    tags:
        Resolved, see `vidcolor.color.resolve_tags`.
    out_depth:
        Bits of the result; None is ``bit_depth``.
    """
    height, width = luma.shape
    out_depth = out_depth or bit_depth
    rgb = cast(RgbCodes, np.empty((height, width, 3), code_type(out_depth)))
    if not ab.any() and out_depth == bit_depth and tags.full_range:
        rgb[:] = luma[..., None]
        return rgb
    table = ChromaTable.build(tags)
    # Across first, at ab's own height; each strip is then interpolated down from that.
    across = upsample_ab(table.coordinates(ab), (width, ab.shape[1]))
    white = np.float32(2**out_depth - 1)
    for rows, columns in _blocks(height, width):
        codes = luma[rows, columns]
        luma01 = luma_from_codes(codes, bit_depth, tags.full_range).astype(np.float32)
        coordinates = _interpolate_rows(across[:, :, columns], rows, height)
        cb, cr = table.look_up(table.first_rows(luma01), coordinates)
        block = rgb_from_luma_chroma(luma01, cb, cr, tags.matrix)
        np.rint(np.multiply(block, white, out=block), out=block)
        rgb[rows, columns] = block
    return rgb


def _blocks(height: int, width: int) -> Iterator[tuple[slice, slice]]:
    """Strips of the picture, and parts of strips where it is too wide for one look-up."""
    for top in range(0, height, STRIP_ROWS):
        for left in range(0, width, REMAP_LIMIT):
            yield (
                slice(top, min(top + STRIP_ROWS, height)),
                slice(left, min(left + REMAP_LIMIT, width)),
            )


def _interpolate_rows(
    across: npt.NDArray[np.float32], rows: slice, height: int
) -> npt.NDArray[np.float32]:
    """Bilinear rows of the full-height picture, each computed by itself: (2, rows, W)."""
    cells = across.shape[1]
    # Centres on centres, as in `upsample_ab`.
    position = (np.arange(rows.start, rows.stop) + 0.5) * (cells / height) - 0.5
    position = np.clip(position, 0, cells - 1)
    above = position.astype(int)
    below = np.minimum(above + 1, cells - 1)
    weight = (position - above).astype(np.float32)[:, None]
    return np.asarray(across[:, above] * (1 - weight) + across[:, below] * weight, np.float32)
