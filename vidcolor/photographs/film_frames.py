"""Colour frames of films as small pictures."""

from __future__ import annotations

import cv2
import numpy as np

from vidcolor.color import (
    luma_from_codes,
    luma_range,
    neutral_code,
    resolve_tags,
    rgb_from_luma_chroma,
)
from vidcolor.frames import Frame, Plane, VideoInfo
from vidcolor.photographs.photos import Photo


def frame_to_rgb(frame: Frame, video: VideoInfo, short_side: int) -> Photo | None:
    """A frame as a picture, upright, with square pixels.

    Parameters
    ----------
    frame:
        With the source's chroma.
    video:
        Of the stream that it comes from; unspecified colour tags are chosen by size.
    short_side:
        In pixels; smaller frames keep their size.

    Returns
    -------
    (H, W, 3) uint8 R′G′B′; None if the frame has no chroma.

    Raises
    ------
    UnsupportedColorError
        If the stream's colour tags are not covered.
    """
    if frame.chroma is None:
        return None
    tags = resolve_tags(video.color, video.width, video.height)
    width = video.width * float(video.sample_aspect_ratio)
    scale = min(1.0, short_side / min(width, video.height))
    size = max(1, round(width * scale)), max(1, round(video.height * scale))
    bits = video.layout.bit_depth
    luma = luma_from_codes(_shrunk(frame.luma, size), bits, tags.full_range).astype(np.float32)
    black, white = luma_range(bits, tags.full_range)
    # ITU-T H.273, equations 23 to 25: limited chroma spans 224 codes where luma spans 219.
    span = white - black if tags.full_range else (white - black) * 224 / 219
    cb, cr = (
        (_shrunk(plane, size).astype(np.float32) - neutral_code(bits)) / np.float32(span)
        for plane in frame.chroma
    )
    rgb = rgb_from_luma_chroma(luma, cb, cr, tags.matrix)
    upright = video.upright(rgb)
    return np.ascontiguousarray((upright * 255).round().astype(np.uint8))


def _shrunk(plane: Plane, size: tuple[int, int]) -> Plane:
    return np.asarray(cv2.resize(plane, size, interpolation=cv2.INTER_AREA))
