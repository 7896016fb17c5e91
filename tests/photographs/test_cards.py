from __future__ import annotations

import numpy as np
import pytest

from vidcolor.photographs.cards import draw_card


@pytest.mark.parametrize("size", [32, 128, 256])
def test_cards_are_neutral_and_have_something_on_them(size: int) -> None:
    rng = np.random.default_rng(0)
    cards = [draw_card(size, rng) for _ in range(20)]
    for card in cards:
        assert card.shape == (size, size, 3)
        assert card.dtype == np.uint8
        assert (card == card[..., :1]).all()
        assert np.ptp(card) > 40
    assert len({card.tobytes() for card in cards}) == 20


def test_a_seed_draws_the_same_card() -> None:
    first, second = (draw_card(64, np.random.default_rng(3)) for _ in range(2))
    assert np.array_equal(first, second)
