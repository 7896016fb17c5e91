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
