"""Compares the luma of two films, frame by frame."""

from __future__ import annotations

import math
from array import array
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction

import cv2
import numpy as np

from vidcolor.frames import EncodeTarget, Frame, Plane
from vidcolor.luma import FrameHashes, luma_sha256, target_luma


@dataclass(slots=True)
class LumaComparison:
    """What was found; pairs are frames of the same time."""

    bit_depth: int
    """Of the code values that are compared."""
    frames: int = 0
    """Pairs."""
    identical: int = 0
    """Pairs that are the same in every sample."""
    missing: int = 0
    """Frames of the source whose time the other film does not have."""
    extra: int = 0
    """Frames of the other film whose time the source does not have."""
    largest_difference: int = 0
    """Of two samples, in code values."""
    psnr_db: float = math.inf
    """Of all pairs; infinite where all are identical."""
    worst_psnr_db: float = math.inf
    worst_frame: int | None = None
    """0-based number, in the source, of the frame that has it."""
    source_pts: array[int] = field(default_factory=lambda: array("q"))
    source_end_pts: int = 0
    """When the source's last frame ends."""
    output_frames: int = 0
    source_hashes: FrameHashes = field(default_factory=FrameHashes)
    """Of the source's luma as decoded."""
    output_hashes: FrameHashes = field(default_factory=FrameHashes)

    def as_text(self) -> str:
        """One line."""
        if self.frames == 0:
            return "no frames of the same time"
        if self.identical == self.frames:
            return f"identical in all {self.frames} frames"
        return (
            f"{self.identical} of {self.frames} frames identical; PSNR {self.psnr_db:.1f} dB, at "
            f"worst {self.worst_psnr_db:.1f} dB in frame {self.worst_frame}; largest difference "
            f"{self.largest_difference} of {2**self.bit_depth - 1}"
        )


def compare_luma(
    source: Iterable[Frame],
    output: Iterable[Frame],
    target: EncodeTarget,
    source_depth: int,
    output_tick: Fraction,
    tick: Callable[[int], None],
) -> LumaComparison:
    """Compare frames that are shown at the same time.

    Parameters
    ----------
    target:
        Its size is the output's; its shift leads from the source's depth to the output's.
    source_depth:
        Bits of the source's samples. An output of fewer is compared at this depth.
    output_tick:
        Seconds per tick of the output's clock, by which times may differ.
    tick:
        Called with the presentation time of each frame of the source; what it raises ends this.
    """
    lost_bits = max(0, source_depth - target.layout.bit_depth)
    result = LumaComparison(max(source_depth, target.layout.bit_depth))
    squares = 0.0
    size = target.width * target.height
    others = _counted(output, result)
    other = next(others, None)
    for frame in source:
        tick(frame.pts)
        result.source_pts.append(frame.pts)
        result.source_end_pts = max(result.source_end_pts, frame.pts + frame.duration)
        result.source_hashes.append(luma_sha256(frame.luma))
        time = frame.pts * frame.time_base
        while other is not None and _time(other) < time - output_tick:
            result.extra += 1
            other = next(others, None)
        if other is None or _time(other) > time + output_tick:
            result.missing += 1
            continue
        found = other.luma
        wanted = target_luma(frame.luma, target)
        if lost_bits:  # nothing was shifted
            found = np.left_shift(found.astype(np.uint16), lost_bits)
        squares += _compare(result, frame.index, wanted, found)
        other = next(others, None)
    result.extra += (other is not None) + sum(1 for _ in others)
    result.psnr_db = _psnr(squares, size * max(1, result.frames), result.bit_depth)
    return result


def _compare(result: LumaComparison, index: int, wanted: Plane, found: Plane) -> float:
    """Count a pair; returns the sum of the squared differences."""
    result.frames += 1
    if np.array_equal(wanted, found):
        result.identical += 1
        return 0.0
    if wanted.shape != found.shape:
        raise ValueError(f"luma of {wanted.shape} cannot be compared with {found.shape}")
    if wanted.dtype != found.dtype:
        wanted, found = wanted.astype(np.uint16), found.astype(np.uint16)
    largest = int(cv2.norm(wanted, found, cv2.NORM_INF))
    squares = float(cv2.norm(wanted, found, cv2.NORM_L2)) ** 2
    result.largest_difference = max(result.largest_difference, largest)
    psnr = _psnr(squares, wanted.size, result.bit_depth)
    if psnr < result.worst_psnr_db:
        result.worst_psnr_db, result.worst_frame = psnr, index
    return squares


def _counted(frames: Iterable[Frame], result: LumaComparison) -> Iterator[Frame]:
    for frame in frames:
        result.output_frames += 1
        result.output_hashes.append(luma_sha256(frame.luma))
        yield frame


def _time(frame: Frame) -> Fraction:
    return frame.pts * frame.time_base


def _psnr(squares: float, samples: int, bit_depth: int) -> float:
    if squares == 0:
        return math.inf
    return 10 * math.log10((2**bit_depth - 1) ** 2 * samples / squares)
