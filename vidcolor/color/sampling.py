"""Chroma siting: luma averaged to the chroma grid, and ab upsampled to it."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from vidcolor.frames import Plane

FloatArray = npt.NDArray[np.float32]

# AVChromaLocation -> (horizontal, vertical) place of a chroma sample in its block of luma
# samples. Source: libavutil/pixfmt.h and ITU-T H.273, figure 1.
_FIRST, _MIDDLE, _LAST = "first", "middle", "last"
_SITING = {
    1: (_FIRST, _MIDDLE),  # left: MPEG-2, H.264
    2: (_MIDDLE, _MIDDLE),  # center: MPEG-1, JPEG
    3: (_FIRST, _FIRST),  # topleft: BT.2020, DV
    4: (_MIDDLE, _FIRST),
    5: (_FIRST, _LAST),
    6: (_MIDDLE, _LAST),
}
_UNSPECIFIED_SITING = _SITING[1]

# Of a chroma sample midway between two lines of the frame, in the lines of its own field: a quarter
# of the way from the first to the second in the top field, three quarters in the bottom field.
# Source: ITU-T H.262, figure 6-2. Sited on a line (DV), it is on one of its own field.
_QUARTER, _THREE_QUARTERS = "quarter", "three quarters"
_IN_FIELD = {_MIDDLE: (_QUARTER, _THREE_QUARTERS)}


def luma_on_chroma_grid(
    luma: Plane,
    subsampling: tuple[int, int],
    chroma_location: int = 0,
    field: int | None = None,
) -> Plane:
    """Luma as the chroma samples see it: area-averaged around each of them.

    A chroma sample midway between luma samples gets their mean; one that sits on a luma
    sample gets [1 2 1]/4 of it and its neighbours; one a quarter of the way to the next gets
    [1 4 3]/8. Edges are replicated.

    Parameters
    ----------
    luma:
        (H, W) codes.
    subsampling:
        log2 of the horizontal and vertical subsampling: 4:2:0 is (1, 1), 4:2:2 is (1, 0).
    chroma_location:
        AVChromaLocation; 0, unspecified, counts as left.
    field:
        None if ``luma`` is a frame; 0 or 1 if it is the top or bottom field of one, whose chroma
        has lines of its own.

    Returns
    -------
    (⌈H/2^sy⌉, ⌈W/2^sx⌉) codes of the same type, within one code of the exact average (1¼ where
    the sample sits on luma samples in both directions); ``luma`` itself for 4:4:4.
    """
    if subsampling == (0, 0):
        return luma
    horizontal, vertical = _SITING.get(chroma_location, _UNSPECIFIED_SITING)
    if field is not None and vertical in _IN_FIELD:
        vertical = _IN_FIELD[vertical][field]
    width, columns, x_starts = _boxes(luma.shape[1], subsampling[0], horizontal)
    height, rows, y_starts = _boxes(luma.shape[0], subsampling[1], vertical)
    padded = _pad(
        luma, (min(y_starts), max(y_starts) + rows), (min(x_starts), max(x_starts) + columns)
    )
    boxes: dict[tuple[int, int], Plane] = {
        (y, x): cv2.resize(
            padded[y - y_starts[0] :, x - x_starts[0] :][:rows, :columns],
            (width, height),
            interpolation=cv2.INTER_AREA,
        )
        for y in set(y_starts)
        for x in set(x_starts)
    }
    means = [boxes[y, x] for y in y_starts for x in x_starts]
    while len(means) > 1:
        means = [
            cv2.addWeighted(one, 0.5, other, 0.5, 0)
            for one, other in zip(means[::2], means[1::2], strict=True)
        ]
    return means[0]


def upsample_ab(
    ab: FloatArray, size: tuple[int, int], shift: tuple[float, float] = (0.0, 0.0)
) -> FloatArray:
    """Bilinear upsampling; the cells cover the whole picture, edges are replicated.

    Parameters
    ----------
    ab:
        (2, h, w).
    size:
        (width, height) of the result.
    shift:
        How far right and down, in cells, all samples of the result sit from where an even
        grid has them; see `siting_shift`. At most one cell.

    Returns
    -------
    (2, height, width) float32.
    """
    shifted = _shift(_shift(ab, shift[0], axis=2), shift[1], axis=1)
    out = np.empty((2, size[1], size[0]), np.float32)
    for plane, result in zip(shifted, out, strict=True):
        cv2.resize(plane, size, result, interpolation=cv2.INTER_LINEAR)
    return out


def siting_shift(
    subsampling: tuple[int, int], chroma_location: int, pixels_per_cell: tuple[float, float]
) -> tuple[float, float]:
    """The ``shift`` of `upsample_ab` that honours the chroma siting.

    Half a luma pixel at most, so a few hundredths of a cell: `upsample_ab` makes it by
    blending neighbouring cells, which is exact on ramps and costs nothing at full size.
    """
    places = _SITING.get(chroma_location, _UNSPECIFIED_SITING)
    x, y = (
        _offset(log2, place) / pixels
        for log2, place, pixels in zip(subsampling, places, pixels_per_cell, strict=True)
    )
    return x, y


def _offset(log2: int, place: str) -> float:
    """Luma pixels from the middle of a block to its chroma sample."""
    half: float = (2**log2 - 1) / 2
    return {_FIRST: -half, _MIDDLE: 0.0, _LAST: half}[place]


def _boxes(size: int, log2: int, place: str) -> tuple[int, int, tuple[int, ...]]:
    """Samples, luma pixels under them, and where the averaged boxes start.

    On-sample filters are the mean of two boxes one pixel apart: [1 1 0] + [0 1 1] = [1 2 1]; a
    quarter of the way it is the mean of that and of the box midway.
    """
    factor = 2**log2
    samples = -(-size // factor)
    starts = {
        _FIRST: (-(factor // 2), 1 - factor // 2),
        _MIDDLE: (0,),
        _LAST: (factor // 2 - 1, factor // 2),
        _QUARTER: (-(factor // 2), 1 - factor // 2, 0, 0),
        _THREE_QUARTERS: (0, 0, factor // 2 - 1, factor // 2),
    }[place]
    return samples, samples * factor, starts if factor > 1 else (0,)


def _pad(luma: Plane, rows: tuple[int, int], columns: tuple[int, int]) -> Plane:
    """``luma`` extended to the given half-open ranges by repeating its edges."""
    top, left = max(0, -rows[0]), max(0, -columns[0])
    bottom = max(0, rows[1] - luma.shape[0])
    right = max(0, columns[1] - luma.shape[1])
    if not (top or left or bottom or right):
        return luma
    padded: Plane = cv2.copyMakeBorder(luma, top, bottom, left, right, cv2.BORDER_REPLICATE)
    return padded


def _shift(ab: FloatArray, cells: float, axis: int) -> FloatArray:
    """Resample at ``cells`` to the right of each sample, linearly, edges replicated."""
    if not cells:
        return ab
    size = ab.shape[axis]
    step = 1 if cells > 0 else -1
    neighbours = ab.take(np.clip(np.arange(size) + step, 0, size - 1), axis=axis)
    weight = np.float32(abs(cells))
    return np.asarray(ab * (1 - weight) + neighbours * weight, np.float32)
