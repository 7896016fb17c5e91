"""How near a coloured film is to the true one, and how steady its colours are.

Frames come one by one and are small, a short side of 288 px or less. Of those that have passed, a
meter keeps the histograms of four and the colours of one, however long the film is. Frames of
different shots are never compared.

The motion is computed once per pair of true frames and given to every meter, so that grey, true
and coloured films are judged along the same motion.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

import cv2
import numpy as np
import numpy.typing as npt
import torch

from vidcolor.color import rgb_to_luma
from vidcolor.evaluation.measures import (
    Rgb,
    color_difference,
    colorfulness,
    js_divergence,
    mean_squared_error,
    psnr,
    resized,
    to_lab,
)

Flow = npt.NDArray[np.float32]
"""(H, W, 2) displacement x, y in px."""

Ab = npt.NDArray[np.float32]
"""(H, W, 2) CIE a* and b*, D65."""

Visible = npt.NDArray[np.bool_]
"""(H, W) true where a pixel is seen in the earlier frame too."""

Histograms = npt.NDArray[np.float64]
"""(3, 256) shares of a picture's pixels per code of R′, G′ and B′."""

CDC_GAPS = (1, 2, 4)
"""Frames between the two of a pair whose histograms are compared (TCVC, `compute_hist.py`)."""

FLOW_SHORT_SIDE_LEAST = 96
"""px. Smaller pictures are enlarged to this before the flow. Below 91 px OpenCV's DIS changes its
own parameters for good, and it can crash on narrow pictures."""

ROUND_TRIP_SHARE = 0.01
"""Of the squared lengths of both vectors: what going there and back may miss by."""
ROUND_TRIP_FLOOR = 0.5
"""px²: allowed on top of that."""
BOUNDARY_SHARE = 0.01
"""Of a vector's squared length: how far the flow may change between neighbours."""
BOUNDARY_FLOOR = 0.002
"""px²: allowed on top of that. All four: `detect_occlusion` in Lai et al.'s `utils.py`,
https://github.com/phoenix104104/fast_blind_video_consistency."""


@dataclass(frozen=True, slots=True, eq=False)
class Motion:
    """Where each pixel of a frame was in the frame before."""

    position: Flow
    """(H, W, 2) absolute x, y in px of the earlier frame."""
    visible: Visible

    def warp(self, earlier: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """A picture of the earlier frame, (H, W) or (H, W, C), moved onto the later one: bilinear,
        its border repeated outside."""
        return _sample(earlier, self.position)


def motion_between(previous_truth: Rgb, truth: Rgb) -> Motion:
    """Motion from ``truth`` back to the frame before it, measured on their 8-bit luma.

    The flow is OpenCV's DIS, preset MEDIUM (Kroeger et al. 2016, "Fast Optical Flow using Dense
    Inverse Search", https://arxiv.org/abs/1603.03590). Lai et al. use FlowNet2, so what is
    measured along this motion does not compare with figures in papers. Nor do they leave out
    pixels that come from outside the picture, which in a steady pan are nearly all of the error.
    """
    earlier, later = luma_codes(previous_truth), luma_codes(truth)
    # Made anew for each pair: the object keeps state, and making it costs a few milliseconds.
    dis = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    back = _flow(dis, later, earlier)
    forth = _flow(dis, earlier, later)
    rows, columns = later.shape
    y, x = np.mgrid[:rows, :columns].astype(np.float32)
    position: Flow = np.dstack((x, y)) + back
    visible = visible_pixels(back, _sample(forth, position)) & _comes_from_inside(position)
    return Motion(position, visible)


def visible_pixels(back: Flow, forth: Flow) -> Visible:
    """Pixels that are not occluded and not on the edge of something that moves.

    With the flow b to the earlier frame and the flow f from there, fetched along b, a pixel is
    left out where |f + b|² > 0.01 (|f|² + |b|²) + 0.5, or where the squared differences of b to
    the next column and row add up to more than 0.01 |b|² + 0.002.

    Source: Lai et al. 2018, https://arxiv.org/abs/1808.00449, as in their `detect_occlusion`.
    """
    missed, limit = _squared(back + forth), _squared(back) + _squared(forth)
    occluded = missed > ROUND_TRIP_SHARE * limit + ROUND_TRIP_FLOOR
    across = np.diff(back, axis=1, append=back[:, -1:])
    down = np.diff(back, axis=0, append=back[-1:])
    change = _squared(across) + _squared(down)
    boundary = change > BOUNDARY_SHARE * _squared(back) + BOUNDARY_FLOOR
    return ~(occluded | boundary)


def _comes_from_inside(position: Flow) -> Visible:
    rows, columns = position.shape[:2]
    x, y = position[..., 0], position[..., 1]
    # A pixel reaches half its side beyond its centre.
    inside = (x >= -0.5) & (x <= columns - 0.5) & (y >= -0.5) & (y <= rows - 0.5)
    return np.asarray(inside, np.bool_)


def warp_error(earlier: Rgb, later: Rgb, motion: Motion) -> float | None:
    """Mean squared R′G′B′ error, 0…1, between a frame and the one before it moved onto it.

    Over the samples of visible pixels, three each, as in the code of Lai et al.: a third of what
    the squared RGB distance per pixel would be. None if no pixel is visible.

    Source: Lai et al. 2018, https://arxiv.org/abs/1808.00449, `evaluate_WarpError.py`. They warp
    the later frame onto the earlier one, which differs in what is occluded.
    """
    if not motion.visible.any():
        return None
    return mean_squared_error(later[motion.visible], motion.warp(earlier)[motion.visible])


def ab_flicker(earlier: Ab, later: Ab, motion: Motion) -> float | None:
    """Mean distance in ab, CIE units, between a pixel and where it was in the frame before.

    Over visible pixels; None if there is none. Unlike `warp_error` it does not see luma, so it is
    0 for a grey film.
    """
    if not motion.visible.any():
        return None
    change = (later - motion.warp(earlier))[motion.visible]
    return float(np.hypot(change[:, 0], change[:, 1]).mean(dtype=np.float64))


def color_histograms(rgb: Rgb) -> Histograms:
    """Shares of the pixels per 8-bit code of each channel."""
    channels = np.moveaxis(_codes(rgb), -1, 0).reshape(3, -1)
    counts = [np.bincount(channel, minlength=256) for channel in channels]
    return np.stack(counts) / channels.shape[1]


def histogram_change(first: Histograms, second: Histograms) -> float:
    """Jensen–Shannon divergence, nats, 0…ln 2: the mean over the three channels."""
    pairs = zip(first, second, strict=True)
    return float(np.mean([js_divergence(p, q) for p, q in pairs]))


def luma_codes(rgb: Rgb) -> npt.NDArray[np.uint8]:
    """(H, W) full-range 8-bit Y′ with the weights of BT.709."""
    tensor = torch.from_numpy(np.ascontiguousarray(rgb)).permute(2, 0, 1)
    return _codes(rgb_to_luma(tensor)[0].numpy())


@dataclass(frozen=True, slots=True)
class FrameScores:
    """One frame against its truth and against the frame before it."""

    psnr: float
    """dB, over R′G′B′."""
    delta_e: float
    """Mean CIEDE2000."""
    colorfulness: float
    """Signed; see `vidcolor.evaluation.measures.colorfulness`."""
    flicker: float | None
    """See `ab_flicker`. None for the first frame of a shot."""
    warp_error: float | None
    """See `warp_error`. None for the first frame of a shot."""
    is_first: bool
    """First frame of a shot."""


@dataclass(frozen=True, slots=True)
class FilmScores:
    """A whole film. A mean is None where there was nothing to measure."""

    frames: int
    shots: int
    psnr: float
    """dB: mean of the frames' PSNR."""
    delta_e: float
    """Mean CIEDE2000."""
    colorfulness: float
    """Signed; mean over frames."""
    cdc: float | None
    """Color Distribution Consistency, nats: `histogram_change` of frames t and t + k of one shot,
    mean over pairs, then over k = 1, 2, 4. None if a k has no pair, for larger ones give larger
    values. Grey is not 0, and less is not always better: read it beside that of the truth.

    Source: TCVC, Liu et al. 2021, https://arxiv.org/abs/2110.04562, `compute_hist.py`."""
    cdc_by_gap: dict[int, float]
    """The same per k, for those that have a pair."""
    warp_error: float | None
    """Mean over pairs of neighbouring frames of one shot; see `warp_error`."""
    flicker: float | None
    """CIE units of ab, mean over pairs of neighbouring frames of one shot; see `ab_flicker`."""
    first_frame_delta_e: float | None
    """Mean CIEDE2000 over the first frames of all shots but the film's first. None for one shot."""


@dataclass(slots=True)
class _Mean:
    """A mean of values that are not kept."""

    total: float = 0.0
    count: int = 0

    def add(self, value: float | None) -> None:
        """Count a value; None is left out."""
        if value is not None:
            self.total += value
            self.count += 1

    @property
    def value(self) -> float | None:
        return self.total / self.count if self.count else None


@dataclass(slots=True)
class _Means:
    psnr: _Mean = field(default_factory=_Mean)
    delta_e: _Mean = field(default_factory=_Mean)
    colorfulness: _Mean = field(default_factory=_Mean)
    flicker: _Mean = field(default_factory=_Mean)
    warp_error: _Mean = field(default_factory=_Mean)
    first_frame_delta_e: _Mean = field(default_factory=_Mean)
    by_gap: dict[int, _Mean] = field(default_factory=lambda: {gap: _Mean() for gap in CDC_GAPS})


class FilmMeter:
    """Scores of a film whose frames come one by one, in order."""

    def __init__(self) -> None:
        self._means = _Means()
        self._shots = 0
        self._shot: int | None = None
        # Of the current shot only: emptied at every cut.
        self._histograms: deque[Histograms] = deque(maxlen=max(CDC_GAPS))
        # Of the frame before, whatever its shot: only motion leads there, and none crosses a cut.
        self._previous: tuple[Rgb, Ab] | None = None

    def add(self, truth: Rgb, shown: Rgb, shot: int, motion: Motion | None) -> FrameScores:
        """Count the next frame.

        Parameters
        ----------
        truth, shown:
            The true frame and the coloured one, of one size.
        shot:
            Index of the frame's shot.
        motion:
            `motion_between` the true frame before and this one; None for the first of a shot.

        Raises
        ------
        ValueError
            If the sizes differ, or if there is no motion within a shot, or one across a cut.
        """
        is_first = shot != self._shot
        self._check(truth, shown, motion, is_first, shot)
        if is_first:
            self._begin_shot(shot)
        shown_lab = to_lab(shown)
        ab = np.ascontiguousarray(np.moveaxis(shown_lab[1:], 0, -1))
        flicker, error = self._compare_with_previous(shown, ab, motion)
        scores = FrameScores(
            psnr=psnr(mean_squared_error(truth, shown)),
            delta_e=float(color_difference(to_lab(truth), shown_lab).mean(dtype=np.float64)),
            colorfulness=colorfulness(shown),
            flicker=flicker,
            warp_error=error,
            is_first=is_first,
        )
        self._count(scores)
        self._count_histograms(color_histograms(shown))
        # A copy: the caller may decode the next frame into the same array.
        self._previous = shown.copy(), ab
        return scores

    def summary(self) -> FilmScores:
        """The film so far.

        Raises
        ------
        ValueError
            Before the first frame.
        """
        means, frames = self._means, self._means.psnr.count
        if not frames:
            raise ValueError("no frame has been added; a film has at least 1")
        by_gap = {gap: mean.value for gap, mean in means.by_gap.items()}
        there = {gap: value for gap, value in by_gap.items() if value is not None}
        return FilmScores(
            frames=frames,
            shots=self._shots,
            psnr=means.psnr.total / frames,
            delta_e=means.delta_e.total / frames,
            colorfulness=means.colorfulness.total / frames,
            cdc=sum(there.values()) / len(CDC_GAPS) if len(there) == len(CDC_GAPS) else None,
            cdc_by_gap=there,
            warp_error=means.warp_error.value,
            flicker=means.flicker.value,
            first_frame_delta_e=means.first_frame_delta_e.value,
        )

    def _check(
        self, truth: Rgb, shown: Rgb, motion: Motion | None, is_first: bool, shot: int
    ) -> None:
        if truth.shape != shown.shape:
            raise ValueError(f"shown is {shown.shape}, but truth is {truth.shape}; resize one")
        if is_first and motion is not None:
            raise ValueError(f"motion into the first frame of shot {shot}: pass None after a cut")
        if not is_first and motion is None:
            raise ValueError(f"no motion within shot {shot}: pass motion_between(previous, truth)")
        if motion is not None and motion.visible.shape != shown.shape[:2]:
            raise ValueError(f"motion is {motion.visible.shape}, but frames are {shown.shape[:2]}")

    def _begin_shot(self, shot: int) -> None:
        self._shot = shot
        self._shots += 1
        self._histograms.clear()

    def _compare_with_previous(
        self, shown: Rgb, ab: Ab, motion: Motion | None
    ) -> tuple[float | None, float | None]:
        """Flicker and warp error."""
        if motion is None or self._previous is None:
            return None, None
        previous, previous_ab = self._previous
        return ab_flicker(previous_ab, ab, motion), warp_error(previous, shown, motion)

    def _count(self, scores: FrameScores) -> None:
        means = self._means
        means.psnr.add(scores.psnr)
        means.delta_e.add(scores.delta_e)
        means.colorfulness.add(scores.colorfulness)
        means.flicker.add(scores.flicker)
        means.warp_error.add(scores.warp_error)
        if scores.is_first and self._shots > 1:
            means.first_frame_delta_e.add(scores.delta_e)

    def _count_histograms(self, histograms: Histograms) -> None:
        for gap, mean in self._means.by_gap.items():
            if gap <= len(self._histograms):
                mean.add(histogram_change(self._histograms[-gap], histograms))
        self._histograms.append(histograms)


def _codes(values: npt.NDArray[np.float32]) -> npt.NDArray[np.uint8]:
    return np.rint(np.clip(values, 0, 1) * 255).astype(np.uint8)


def _squared(flow: Flow) -> npt.NDArray[np.float32]:
    """(H, W) squared lengths."""
    squares: npt.NDArray[np.float32] = np.square(flow).sum(axis=-1)
    return squares


def _sample(picture: npt.NDArray[np.float32], position: Flow) -> npt.NDArray[np.float32]:
    moved: npt.NDArray[np.float32] = cv2.remap(
        picture, position, None, interpolation=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return moved


def _flow(
    dis: cv2.DISOpticalFlow, here: npt.NDArray[np.uint8], there: npt.NDArray[np.uint8]
) -> Flow:
    """Flow from ``here`` to ``there`` in their own px, measured larger if they are small."""
    rows, columns = here.shape
    scale = max(1.0, FLOW_SHORT_SIDE_LEAST / min(rows, columns))
    if scale == 1:
        return np.asarray(dis.calc(here, there, None), np.float32)
    size = round(columns * scale), round(rows * scale)
    large_here = cv2.resize(here, size, interpolation=cv2.INTER_LINEAR)
    large_there = cv2.resize(there, size, interpolation=cv2.INTER_LINEAR)
    flow = resized(dis.calc(large_here, large_there, None), columns, rows)
    return flow * np.array([columns / size[0], rows / size[1]], np.float32)
