"""What pictures as output cannot hold."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.media.recolor import fast_settings
from tests.synthetic import make_film
from vidcolor.errors import StreamDropError
from vidcolor.media.output import plan_any
from vidcolor.media.probe import probe


def test_pictures_hold_no_sound(tmp_path: Path) -> None:
    info = probe(make_film(tmp_path / "film.mp4", frames=2, audio=1, subtitles="mov_text"))
    output = tmp_path / "out_%06d.png"
    notices = plan_any(info, fast_settings(), output).notices
    assert "drop: stream 1: aac: pictures hold no audio" in notices
    assert "drop: stream 2: mov_text: pictures hold no subtitle" in notices
    assert any("expanded to the full range" in notice for notice in notices)
    with pytest.raises(StreamDropError, match="audio #1, subtitle #2"):
        plan_any(info, fast_settings("archive"), output)
    assert len(plan_any(info, fast_settings("archive", allow_drop=True), output).dropped) == 2


@pytest.mark.parametrize(
    ("rotation", "mirrored", "words"),
    [
        (90, False, "shown turned by 90° counter-clockwise;"),
        (0, True, "shown mirrored;"),
        (90, True, "shown turned by 90° counter-clockwise and mirrored;"),
        (0, False, None),
    ],
)
def test_pictures_do_not_say_how_they_are_shown(
    tmp_path: Path, rotation: int, mirrored: bool, words: str | None
) -> None:
    film = make_film(tmp_path / "film.mp4", frames=2, rotation=rotation, mirrored=mirrored)
    notices = plan_any(probe(film), fast_settings(), tmp_path / "out_%06d.png").notices
    told = [notice for notice in notices if "as it is stored" in notice]
    assert len(told) == (words is not None)
    assert words is None or words in told[0]
