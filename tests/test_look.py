"""`vidcolor.look`."""

from __future__ import annotations

import numpy as np
import pytest

from vidcolor.config import LookSettings
from vidcolor.look import Look

AB = np.array([[[10.0, -20.0]], [[30.0, 0.5]]], np.float32)


def test_strength_is_a_gain_on_ab() -> None:
    changed = Look(strength=1.5).apply(AB)
    np.testing.assert_allclose(changed, AB * 1.5)
    assert changed.dtype == np.float32
    assert AB[0, 0, 0] == 10.0


def test_strength_zero_is_grey() -> None:
    assert not Look(strength=0.0).apply(AB).any()


def test_strength_one_changes_nothing() -> None:
    assert Look().apply(AB) is AB


@pytest.mark.parametrize("strength", [0.0, 0.7, 3.0])
def test_settings_become_the_look(strength: float) -> None:
    assert Look.from_settings(LookSettings(strength=strength)) == Look(strength=strength)
