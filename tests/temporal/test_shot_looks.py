from __future__ import annotations

import pytest

from vidcolor.config import LookSettings
from vidcolor.look import Look
from vidcolor.temporal.shot_list import Shot, ShotList
from vidcolor.temporal.shot_looks import ShotLooks

FILM = LookSettings(strength=0.8, warmth=2)
SHOTS = ShotList(
    "",
    (
        Shot(0.0, "start"),
        Shot(2.0, "cut", look=(("strength", 1.5), ("shadows", 0.5))),
        Shot(4.0, "dissolve", 1.0, look=(("tint", 3.0),)),
    ),
)


def test_a_film_has_one_look() -> None:
    expected = [(Look(strength=0.8, warmth=2), 1.0)]
    assert ShotLooks(FILM, None).at(1.0) == expected
    assert ShotLooks(FILM, ShotList("", SHOTS.shots[:1])).at(1.0) == expected


def test_a_shot_changes_what_it_names() -> None:
    looks = ShotLooks(FILM, SHOTS)
    assert looks.at(1.99) == [(Look(strength=0.8, warmth=2), 1.0)]
    assert looks.at(2.0) == [(Look(strength=1.5, shadows=0.5, warmth=2), 1.0)]


def test_a_dissolve_mixes() -> None:
    looks = ShotLooks(FILM, SHOTS)
    before = Look(strength=1.5, shadows=0.5, warmth=2)
    after = Look(strength=0.8, warmth=2, tint=3)
    assert looks.at(3.49) == [(before, 1.0)]
    for time_s, share in ((3.6, 0.1), (4.0, 0.5), (4.4, 0.9)):
        (first, first_share), (second, second_share) = looks.at(time_s)
        assert (first, second) == (before, after)
        assert (first_share, second_share) == pytest.approx((1 - share, share))
    assert looks.at(4.51) == [(after, 1.0)]
