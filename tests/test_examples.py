"""The program that makes the sample film."""

from __future__ import annotations

import runpy
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from tests.synthetic import decode_luma
from vidcolor.media.probe import probe

SCRIPT = Path(__file__).parent.parent / "examples" / "sample_film.py"


def test_the_sample_is_a_black_and_white_film_with_sound(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "build" / "sample.mp4"
    monkeypatch.setattr("sys.argv", [str(SCRIPT), str(output)])
    runpy.run_path(str(SCRIPT), run_name="__main__")
    assert "144 frames, 640×360" in capsys.readouterr().out
    info = probe(output)
    assert [stream.kind for stream in info.streams] == ["video", "audio"]
    assert info.notices == ()
    frames = [luma for _, luma in decode_luma(output)]
    assert len(frames) == 144
    # Three shots: within one the pan moves little, at a cut everything changes.
    steps = [np.abs(np.subtract(a, b, dtype=int)).mean() for a, b in pairwise(frames)]
    assert sorted(np.argsort(steps)[-2:]) == [47, 95]
