"""Between a film's planes and 8-bit R′G′B′ pictures, as a player shows them.

Only for pictures that are looked at: what vidcolor colours never goes this way, because R′G′B′
of 8 bits cannot hold every Y′CbCr code.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from vidcolor.color.codes import neutral_code
from vidcolor.color.primaries import luma_weights
from vidcolor.color.sampling import luma_on_chroma_grid, siting_shift, upsample_ab
from vidcolor.color.tags import luma_range
from vidcolor.frames import ColorTags, EncodeTarget, Plane

Rgb8 = npt.NDArray[np.uint8]
"""(H, W, 3) R′G′B′ codes, 0…255."""

Coefficients = npt.NDArray[np.float64]
"""(3, 4): a matrix, and what is added."""


def rgb_from_planes(
    luma: Plane,
    chroma: tuple[Plane, Plane] | None,
    bit_depth: int,
    subsampling: tuple[int, int],
    tags: ColorTags,
) -> Rgb8:
    """A frame as R′G′B′. What lies outside 0…255 is clipped, channel by channel, as players do.

    Parameters
    ----------
    luma:
        (H, W) codes.
    chroma:
        (Cb, Cr) codes; None for a grey picture.
    subsampling:
        log2 of the chroma's horizontal and vertical subsampling; 4:2:0 is (1, 1).
    tags:
        Its matrix, range and chroma siting count; primaries and transfer stay what they are.

    Raises
    ------
    UnsupportedColorError
        For a matrix without luma weights.
    """
    planes = np.empty((*luma.shape, 3), np.float32)
    planes[..., 0] = luma
    if chroma is None:
        planes[..., 1:] = neutral_code(bit_depth)
    else:
        planes[..., 1:] = np.moveaxis(_at_luma(chroma, luma.shape, subsampling, tags), 0, -1)
    rgb = cv2.transform(planes, _to_rgb(bit_depth, tags))
    return np.asarray(cv2.add(rgb, 0.0, dtype=cv2.CV_8U), np.uint8)  # rounds and clips


def planes_from_rgb(rgb: Rgb8, target: EncodeTarget) -> tuple[Plane, Plane, Plane]:
    """Y′, Cb and Cr of a picture in the layout of ``target``, which has 8 bits.

    Grey stays grey: R = G = B gives neutral chroma.
    """
    assert target.layout.bit_depth == 8
    assert target.layout.subsampling is not None
    codes = cv2.transform(rgb.astype(np.float32), _from_rgb(target.color))
    luma, cb, cr = cv2.split(cv2.add(codes, 0.0, dtype=cv2.CV_8U))
    location = target.color.chroma_location
    cb, cr = (luma_on_chroma_grid(c, target.layout.subsampling, location) for c in (cb, cr))
    return luma, cb, cr


def _at_luma(
    chroma: tuple[Plane, Plane],
    size: tuple[int, ...],
    subsampling: tuple[int, int],
    tags: ColorTags,
) -> npt.NDArray[np.float32]:
    """Chroma as float codes at every luma sample: (2, H, W)."""
    planes = np.stack(chroma).astype(np.float32)
    if subsampling == (0, 0):
        return planes
    step_x, step_y = (2**log2 for log2 in subsampling)
    # (2, h, w) -> (2, h·step, w·step), a little more than H × W where a side is odd. Luma lies to
    # the right of a chroma sample by what that lies to the left of its block's middle.
    x, y = siting_shift(subsampling, tags.chroma_location, (step_x, step_y))
    whole = (planes.shape[2] * step_x, planes.shape[1] * step_y)
    return upsample_ab(planes, whole, (-x, -y))[:, : size[0], : size[1]]


def _from_rgb(tags: ColorTags) -> Coefficients:
    """R′G′B′ 0…255 to 8-bit Y′CbCr codes. Source: ITU-T H.273, equations 20 to 25, 38 to 40."""
    kr, kg, kb = luma_weights(tags.matrix)
    black, white = luma_range(8, tags.full_range)
    luma_span, chroma_span = white - black, 255 if tags.full_range else 224
    unit = np.array(
        [
            [kr, kg, kb],
            [-kr / (2 - 2 * kb), -kg / (2 - 2 * kb), 0.5],
            [0.5, -kg / (2 - 2 * kr), -kb / (2 - 2 * kr)],
        ]
    )
    spans = np.array([[luma_span], [chroma_span], [chroma_span]]) / 255
    return np.hstack((unit * spans, [[black], [128], [128]]))


def _to_rgb(bit_depth: int, tags: ColorTags) -> Coefficients:
    """Codes of any depth to R′G′B′ 0…255: the inverse of `_from_rgb`."""
    forth = _from_rgb(tags)
    # The range of more bits is that of 8 bits times a power of two, but for full range's white.
    scale = 255 / (2**bit_depth - 1) if tags.full_range else 0.5 ** (bit_depth - 8)
    back = np.linalg.inv(forth[:, :3])
    middle = np.array(
        [forth[0, 3], neutral_code(bit_depth) * scale, neutral_code(bit_depth) * scale]
    )
    return np.hstack((back * scale, -(back @ middle)[:, None]))
