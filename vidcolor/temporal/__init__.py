"""Steadies colours over time: shots, motion, and the average along it."""

from __future__ import annotations

from vidcolor.temporal.flow import FlowEstimator, FlowPicture, MotionLink
from vidcolor.temporal.shots import ShotDetector
from vidcolor.temporal.smooth import RADII, SmoothedAb, TemporalSmoother

__all__ = [
    "RADII",
    "FlowEstimator",
    "FlowPicture",
    "MotionLink",
    "ShotDetector",
    "SmoothedAb",
    "TemporalSmoother",
]
