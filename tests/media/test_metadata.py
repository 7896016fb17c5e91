"""Which tags and chapters go on, and how."""

from __future__ import annotations

import itertools
from fractions import Fraction
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from vidcolor.media.metadata import clipped_chapters, kept_tags


def chapter(start: int, end: int, base: Fraction = Fraction(1, 1000)) -> dict[str, Any]:
    return {"id": 1, "start": start, "end": end, "time_base": base, "metadata": {"title": "Reel"}}


def spans(chapters: list[Any]) -> list[tuple[int, int]]:
    return [(c["start"], c["end"]) for c in chapters]


class TestTags:
    def test_what_describes_the_old_file_goes(self) -> None:
        tags = {
            "encoder": "Lavc61 libx264",
            "ENCODER": "Lavf",
            "DURATION": "00:01:00.000000000",
            "DURATION-eng": "00:01:00.000000000",
            "BPS-eng": "12345",
            "NUMBER_OF_FRAMES": "1440",
            "_STATISTICS_WRITING_APP": "mkvmerge",
            "_STATISTICS_TAGS-eng": "BPS DURATION",
            "major_brand": "isom",
            "compatible_brands": "isomiso2avc1mp41",
            "vendor_id": "FFMP",
        }
        assert kept_tags(tags) == {}

    def test_what_is_still_true_stays(self) -> None:
        tags = {
            "title": "An old film",
            "language": "deu",
            "creation_time": "2020-01-01T00:00:00Z",
            "timecode": "01:00:00:00",
            "description": "the encoder of this title",
            "handler_name": "VideoHandler",
        }
        assert kept_tags(tags) == tags

    def test_further_tags_can_be_left_out(self) -> None:
        assert kept_tags({"ALPHA_MODE": "1", "title": "x"}, without=("alpha_mode",)) == {
            "title": "x"
        }

    def test_track_name_of_mp4_is_a_title(self) -> None:
        assert kept_tags({"name": "Commentary"}) == {"title": "Commentary"}
        both = {"name": "a", "title": "b"}
        assert kept_tags(both) == both


class TestChapters:
    def test_whole_film_is_untouched(self) -> None:
        chapters = [chapter(0, 1000), chapter(1000, 2500)]
        assert clipped_chapters(chapters, None, None) == chapters

    def test_cut_to_the_part(self) -> None:
        chapters = [chapter(0, 1000), chapter(1000, 2000), chapter(2000, 3000), chapter(3000, 4000)]
        part = clipped_chapters(chapters, Fraction(3, 2), Fraction(5, 2))
        assert spans(part) == [(1500, 2000), (2000, 2500)]
        assert part[0]["metadata"] == {"title": "Reel"}

    def test_impossible_chapters_are_made_possible(self) -> None:
        assert spans(clipped_chapters([chapter(500, 100)], None, None)) == [(500, 500)]
        assert spans(clipped_chapters([chapter(-20, 100)], None, None)) == [(0, 100)]

    @given(
        start=st.fractions(0, 100),
        length=st.fractions(Fraction(1, 100), 100),
        bounds=st.lists(st.integers(0, 200_000), min_size=2, max_size=6, unique=True).map(sorted),
    )
    def test_never_outside_the_part(
        self, start: Fraction, length: Fraction, bounds: list[int]
    ) -> None:
        chapters = [chapter(a, b) for a, b in itertools.pairwise(bounds)]
        for kept in clipped_chapters(chapters, start, start + length):
            base = kept["time_base"]
            assert start <= kept["start"] * base
            assert kept["start"] <= kept["end"]
            assert kept["end"] * base <= start + length + base
