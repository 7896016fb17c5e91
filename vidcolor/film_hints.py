"""Colour hints in a film: spread over their frame, then carried through its shot."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import cv2
import numpy as np

from vidcolor.color import upsample_ab
from vidcolor.errors import SettingsError
from vidcolor.frames import VideoInfo
from vidcolor.hints import Hint, HintList, apply_hints
from vidcolor.keyframes import ColoredKeyframe, Keyframes
from vidcolor.references import Keyframe
from vidcolor.temporal.carry import Array, Paint
from vidcolor.temporal.film_shots import FilmShots

FULL_CHANGE = 4.0
"""CIE units: where hints change ab by this much their colours replace the automatic ones in the
other frames of the shot; where they change less, as much less."""


@dataclass(frozen=True, slots=True, eq=False)
class HintedFrame:
    """One frame with hints; an `Edit`."""

    keyframe: Keyframe
    upright: Paint
    hints: tuple[Hint, ...]

    def paint(self, grid: tuple[int, int], video: VideoInfo) -> Paint:
        """See `Edit.paint`."""
        a, b, weight = (
            cv2.resize(
                np.ascontiguousarray(video.as_stored(plane)),
                grid[::-1],
                interpolation=cv2.INTER_AREA,
            )
            for plane in (*self.upright.ab, self.upright.weight)
        )
        return Paint(np.stack([a, b]), weight)

    def content(self) -> bytes:
        """See `Edit.content`."""
        return hashlib.sha256(repr(self.hints).encode()).digest()


def hinted_frames(
    hints: HintList, keyframes: Keyframes, found: FilmShots, video: VideoInfo
) -> list[HintedFrame]:
    """The frames that ``hints`` are given for, in the automatic colours as the hints change them.

    Parameters
    ----------
    keyframes:
        Of the film.
    found:
        Its shots.
    video:
        Its stream.

    Raises
    ------
    SettingsError
        If a hint has no time, a time outside the film, or a place outside the picture.
    """
    hints.check_inside(*video.display_size)
    times = []
    for number, hint in enumerate(hints.hints, 1):
        if hint.time_s is None or not 0 <= hint.time_s < found.end_s:
            given = "no time" if hint.time_s is None else f"time = {hint.time_s:g}"
            raise SettingsError(
                f"{hints.name}: hint {number} has {given}; a film of {found.end_s:.3f} s needs one "
                "inside it, in seconds"
            )
        times.append(hint.time_s)
    order = sorted(range(len(times)), key=times.__getitem__)
    groups = [
        (time_s, tuple(hints.hints[index] for index in group))
        for time_s, group in groupby(order, key=times.__getitem__)
    ]
    edits = []
    colored = keyframes.walk([time_s for time_s, _ in groups])
    for (_, of_frame), frame in zip(groups, colored, strict=True):
        index = found.listed.index_at(frame.time_s)
        shot, end_s = found.spans[index]
        keyframe = Keyframe(Path(hints.name), frame.time_s, min(shot.start_s, frame.time_s), end_s)
        edits.append(HintedFrame(keyframe, _hinted(of_frame, frame), of_frame))
    return edits


def _hinted(hints: tuple[Hint, ...], frame: ColoredKeyframe) -> Paint:
    video = frame.info.video
    size = video.display_size
    luma = video.upright(frame.luma)
    shrinks = luma.size > size[0] * size[1]
    method = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    shown = cv2.resize(np.ascontiguousarray(luma), size, interpolation=method)
    automatic = np.ascontiguousarray(video.upright(frame.ab, rows=1))
    bits, full_range = video.layout.bit_depth, frame.tags.full_range
    changed = apply_hints(hints, automatic, shown, bits, full_range)
    change = changed - upsample_ab(automatic, (changed.shape[2], changed.shape[1]))
    weight: Array = np.minimum(np.hypot(*change) / FULL_CHANGE, 1).astype(np.float32)
    return Paint(np.asarray(changed, np.float32), weight)
