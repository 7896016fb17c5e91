"""What a film should hold, found without making it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.media.recolor import fast_settings, recolor
from tests.synthetic import make_film
from vidcolor.media.expectation import expected_plan, expected_streams
from vidcolor.media.probe import probe


@pytest.mark.parametrize(
    ("source", "output", "part"),
    [
        ("mkv", "mkv", {}),
        ("mkv", "mp4", {"duration_s": 0.3}),
        ("mkv", "mov", {"start_s": 0.1, "duration_s": 0.3}),
        ("mp4", "mkv", {"start_s": 0.2}),
    ],
)
def test_it_is_what_a_run_carries_over(
    tmp_path: Path, source: str, output: str, part: dict[str, float]
) -> None:
    kind = "srt" if source == "mkv" else "mov_text"
    extras = {"attachment": True} if source == "mkv" else {}
    film = make_film(tmp_path / f"film.{source}", audio=2, subtitles=kind, chapters=True, **extras)
    settings = fast_settings(allow_drop=True, **part)
    made = recolor(film, tmp_path / f"out.{output}", settings)
    source_info, output_info = probe(film), probe(made.path)
    plan = expected_plan(source_info, output_info)
    assert plan.streams == made.plan.streams
    assert plan.container == made.plan.container
    ticks: list[None] = []
    found = expected_streams(source_info, plan, **part, tick=lambda: ticks.append(None))
    assert found.chapter_marks == made.report.chapter_marks
    assert found.file_digests == made.report.file_digests
    assert found.pictures_and_files == made.report.pictures_and_files
    for one, other in zip(found.streams, made.report.streams, strict=True):
        assert one.packets == other.packets > 0
        assert one.digest.digest() == other.digest.digest()
        assert (one.codec, one.language, one.title) == (other.codec, other.language, other.title)
        assert list(one.times_s) == pytest.approx(list(other.times_s), abs=0.001)
    assert len(ticks) == 1
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted([film.name, made.path.name])
