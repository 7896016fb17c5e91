"""`vidcolor.look`."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vidcolor.config import LookSettings
from vidcolor.look import SKIN_HUE, SKIN_HUE_WIDTH, Look, mixed

AB = np.array([[[10.0, -20.0]], [[30.0, 0.5]]], np.float32)
MID = np.full((1, 2), 50.0, np.float32)


def at_lightness(look: Look, lightness: float, a: float = 20.0, b: float = -20.0) -> list[float]:
    ab = np.array([[[a]], [[b]]], np.float32)
    return look.apply(ab, np.full((1, 1), lightness, np.float32)).ravel().tolist()


def at_hue(look: Look, degrees: float, chroma: float = 20.0) -> float:
    """Gain that a colour of this hue gets."""
    a, b = chroma * np.cos(np.radians(degrees)), chroma * np.sin(np.radians(degrees))
    return float(np.hypot(*at_lightness(look, 50, a, b))) / chroma


def test_strength_is_a_gain_on_ab() -> None:
    changed = Look(strength=1.5).apply(AB, MID)
    np.testing.assert_allclose(changed, AB * 1.5)
    assert changed.dtype == np.float32
    assert AB[0, 0, 0] == 10.0


def test_strength_zero_is_grey() -> None:
    assert not Look(strength=0.0, warmth=20, shadows=2).apply(AB, MID).any()


def test_a_look_that_changes_nothing_returns_the_array() -> None:
    assert Look().apply(AB, MID) is AB
    assert mixed(AB, MID, [(Look(), 1.0)]) is AB


@pytest.mark.parametrize(
    ("look", "gains"),
    [
        (Look(shadows=0.5), {0: 0.5, 25: 0.875, 50: 1, 100: 1}),
        (Look(highlights=2), {0: 1, 50: 1, 75: 1.25, 100: 2}),
        (Look(shadows=0, highlights=0, strength=2), {0: 0, 50: 2, 100: 0}),
    ],
)
def test_gains_by_lightness(look: Look, gains: dict[float, float]) -> None:
    for lightness, gain in gains.items():
        assert at_lightness(look, lightness) == pytest.approx([20 * gain, -20 * gain])


def test_warmth_and_tint_spare_black_and_white() -> None:
    look = Look(warmth=8, tint=-4)
    assert at_lightness(look, 50, 0, 0) == [-4, 8]
    assert at_lightness(look, 0, 0, 0) == at_lightness(look, 100, 0, 0) == [0, 0]


def test_the_guard_spares_skin_alone() -> None:
    look = Look(strength=2, skin_guard=1)
    assert at_hue(look, SKIN_HUE) == pytest.approx(1)
    assert 1 < at_hue(look, SKIN_HUE + SKIN_HUE_WIDTH / 2) < 2
    for hue in (SKIN_HUE - SKIN_HUE_WIDTH, SKIN_HUE + SKIN_HUE_WIDTH, 180, -120):
        assert at_hue(look, hue) == pytest.approx(2)
    assert at_hue(Look(strength=2, skin_guard=0.5), SKIN_HUE) == pytest.approx(1.5)


@given(chroma=st.floats(0.1, 150), hue=st.floats(-180, 180))
def test_the_ceiling(chroma: float, hue: float) -> None:
    gain = at_hue(Look(max_chroma=40), hue, chroma)
    assert chroma * gain <= 40.001
    assert gain == pytest.approx(1) if chroma <= 30 else gain < 1


def test_lightness_may_be_larger_than_ab() -> None:
    lightness = np.zeros((8, 16), np.float32)
    lightness[:, 8:] = 50
    changed = Look(shadows=0).apply(AB, lightness)
    np.testing.assert_allclose(changed[:, 0], [[0, -20], [0, 0.5]], atol=1e-6)


def test_looks_are_mixed_by_weight() -> None:
    looks = [(Look(strength=0), 0.25), (Look(strength=2), 0.75)]
    np.testing.assert_allclose(mixed(AB, MID, looks), AB * 1.5)


def test_settings_become_the_look() -> None:
    values = {"strength": 0.7, "shadows": 0.5, "warmth": -3.0, "max_chroma": 60.0}
    assert Look.from_settings(LookSettings(**values)) == Look(**values)
