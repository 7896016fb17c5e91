"""Which look a frame gets: the film's, with what its shot says of its own."""

from __future__ import annotations

from collections.abc import Mapping

from vidcolor.color.palette import Palette
from vidcolor.config import LookSettings
from vidcolor.look import Look
from vidcolor.temporal.shot_list import Shot, ShotList


class ShotLooks:
    """Looks by time.

    Parameters
    ----------
    film:
        For all shots that say nothing else.
    shots:
        A shot's own values take the place of the film's.
    palettes:
        Of the shots that are to have one.
    """

    def __init__(
        self,
        film: LookSettings,
        shots: ShotList | None,
        palettes: Mapping[Shot, Palette] | None = None,
    ) -> None:
        palettes = palettes or {}
        self._film = Look.from_settings(film)
        has_own = shots is not None and any(s.look or s in palettes for s in shots.shots)
        self._shots = shots if has_own else None
        self._looks: dict[Shot, Look] = {}
        for shot in shots.shots if shots and has_own else ():
            own = film.model_copy(update=dict(shot.look))
            self._looks[shot] = Look.from_settings(own, palettes.get(shot))

    def at(self, time_s: float) -> list[tuple[Look, float]]:
        """Looks of the frame shown at ``time_s``, with weights that add up to 1."""
        if self._shots is None:
            return [(self._film, 1.0)]
        return [(self._looks[shot], weight) for shot, weight in self._shots.mix_at(time_s)]
