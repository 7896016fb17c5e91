from __future__ import annotations

import numpy as np
import pytest

from tests.photographs.made import photograph
from vidcolor.color import luma_from_rgb_codes
from vidcolor.evaluation.measures import mean_squared_error, psnr, resized
from vidcolor.evaluation.protocols import LAB_SIDE, PROTOCOLS, lab_subject, luma_subject

NEUTRAL = np.zeros((2, 2, 2), np.float32)


def test_the_luma_protocol_keeps_luma_within_a_code() -> None:
    rgb = photograph(2)
    subject = luma_subject(rgb)
    colored = (subject.show(np.full((2, 2, 2), 12, np.float32)) * 255).round().astype(np.uint8)
    before, after = luma_from_rgb_codes(rgb, 8), luma_from_rgb_codes(colored, 8)
    assert np.abs(before.astype(int) - after.astype(int)).max() <= 1
    assert colored.shape == rgb.shape


def test_the_lab_protocol_stretches_and_keeps_lightness() -> None:
    subject = lab_subject(photograph(2, 300, 200))
    assert subject.truth.shape == (LAB_SIDE, LAB_SIDE, 3)
    np.testing.assert_array_equal(subject.lightness, subject.truth_lab[0])


@pytest.mark.parametrize("name", PROTOCOLS)
def test_true_colours_give_the_true_picture(name: str) -> None:
    rgb = photograph(5, 128, 96)
    # Softer than a photograph can be: no colour is clipped at its lightness.
    subject = PROTOCOLS[name]((rgb // 4 + 96).astype(np.uint8))
    shown = subject.show(subject.truth_lab[1:])
    assert psnr(mean_squared_error(subject.truth, shown)) > 40


@pytest.mark.parametrize("name", PROTOCOLS)
def test_without_colours_the_picture_is_grey(name: str) -> None:
    shown = PROTOCOLS[name](photograph(5)).show(NEUTRAL)
    assert np.ptp(shown, axis=2).max() < 1e-3


def test_resized_averages_down_and_interpolates_up() -> None:
    checks = np.indices((4, 4)).sum(axis=0) % 2
    np.testing.assert_allclose(resized(checks.astype(np.float32), 2, 2), 0.5)
    assert resized(np.ones((2, 2, 3), np.float32), 5, 4).shape == (4, 5, 3)
