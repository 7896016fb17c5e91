"""What is compared: two ways from a colour photograph to a coloured one.

``luma`` is what vidcolor is for: the network sees the photograph's luma Y′, and the result keeps
it to the code. ``lab`` is how papers about photographs do it: the picture is stretched to
256 × 256, its CIE L* is the input and is put together with the predicted ab, whatever luma that
gives. Their figures differ; neither can be compared with the other's.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt
import torch

from vidcolor.color import lab_to_rgb, luma_from_rgb_codes, upsample_ab
from vidcolor.color.tags import lightness_table
from vidcolor.evaluation.measures import Lab, Rgb, resized, to_lab, unit
from vidcolor.frames import Plane
from vidcolor.look import Look
from vidcolor.media.still_image import StillImage
from vidcolor.stills import color_still

Ab = npt.NDArray[np.float32]
"""(2, h, w) CIE a* and b* that cover a picture, at any size."""

LAB_SIDE = 256
"""Pixels; the size of the ``lab`` protocol."""


@dataclass(frozen=True, slots=True, eq=False)
class Subject:
    """A photograph under one protocol."""

    truth: Rgb
    truth_lab: Lab
    lightness: npt.NDArray[np.float32]
    """(H, W) L* 0…100 that colourings are given."""
    show: Callable[[Ab], Rgb]
    """The coloured picture, from ab."""


def luma_subject(rgb: npt.NDArray[np.uint8]) -> Subject:
    """(H, W, 3) R′G′B′ codes under the ``luma`` protocol, at their own size."""
    luma: Plane = luma_from_rgb_codes(rgb, 8)
    truth = unit(rgb)

    def show(ab: Ab) -> Rgb:
        return unit(color_still(StillImage(luma, 8), lambda *_: ab, Look()))

    return Subject(truth, to_lab(truth), lightness_table(8, True)[luma], show)


def lab_subject(rgb: npt.NDArray[np.uint8]) -> Subject:
    """(H, W, 3) R′G′B′ codes under the ``lab`` protocol."""
    shrinks = rgb.shape[0] * rgb.shape[1] >= LAB_SIDE**2
    method = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    truth = unit(np.asarray(cv2.resize(rgb, (LAB_SIDE, LAB_SIDE), interpolation=method)))
    truth_lab = to_lab(truth)
    lightness = truth_lab[0]

    def show(ab: Ab) -> Rgb:
        full = upsample_ab(ab, (LAB_SIDE, LAB_SIDE))
        lab = torch.from_numpy(np.concatenate((lightness[None], full)))[None]
        shown = lab_to_rgb(lab)[0].clamp(0, 1).permute(1, 2, 0).numpy()
        return np.ascontiguousarray(shown, np.float32)

    return Subject(truth, truth_lab, lightness, show)


PROTOCOLS: dict[str, Callable[[npt.NDArray[np.uint8]], Subject]] = {
    "luma": luma_subject,
    "lab": lab_subject,
}
"""By name."""


def lightness_at(subject: Subject, width: int, height: int) -> npt.NDArray[np.float32]:
    """The subject's L* at a network's size."""
    return resized(subject.lightness, width, height)
