"""The media matrix: some rows in every run, all with ``-m whole_matrix``."""

from __future__ import annotations

import copy
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import pytest

from tests.matrix.case import Case
from tests.matrix.comparing import differences
from tests.matrix.making import by_pyav
from tests.matrix.rows import CASES, markdown
from tests.matrix.running import Bench
from tests.matrix.second_reader import Facts, read
from vidcolor.frames import ColorTags

DOCS = Path(__file__).parent.parent / "docs" / "formats.md"

IN_EVERY_RUN = (
    *("hevc-gray12-mp4", "dv-avi", "theora-ogg", "ffv1-rgb10-mkv", "full-range-archive"),
    *("33x17-h264", "interlaced-prores", "edit-list-mp4-to-mkv", "glued-ts", "no-pts-avi-h264"),
    *("rotation-270-archive", "sound-eight-mkv", "flags-mkv-to-mov", "pgs-m2ts", "dvdsub-vob"),
    *("chapters-mp4-archive", "cover-jpg-mp4-to-mov", "timecode-mov", "data-ts-archive"),
)
"""Rows that differ as much as possible and take little time."""


def marked(case: Case) -> object:
    marks = [] if case.name in IN_EVERY_RUN else [pytest.mark.whole_matrix]
    return pytest.param(case, id=case.name, marks=marks)


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return Bench.in_folder(tmp_path_factory.mktemp("bench"))


@pytest.mark.parametrize("case", [marked(case) for case in CASES])
def test_row(case: Case, bench: Bench, tmp_path: Path) -> None:
    assert bench.run(case, tmp_path).failures == ()


def test_names() -> None:
    names = [case.name for case in CASES]
    assert len(set(names)) == len(names) >= 120
    assert set(IN_EVERY_RUN) <= set(names)


def test_the_table_in_the_documentation_is_this_one() -> None:
    text = DOCS.read_text(encoding="utf-8")
    table = text.partition("<!-- matrix -->\n")[2].partition("\n<!-- /matrix -->")[0]
    assert table == markdown(), "put what tests/media_matrix.py --markdown prints there"


def test_what_changes_without_a_notice_is_documented() -> None:
    text = DOCS.read_text(encoding="utf-8")
    assert all(words in text for case in CASES for words in case.documented.values())


@pytest.fixture(scope="module")
def rich(tmp_path_factory: pytest.TempPathFactory) -> Facts:
    """A film with some of everything, as the second reader sees it."""
    make = by_pyav(
        "film.mkv",
        audio=2,
        subtitles=["srt"],
        chapters=True,
        attachment=True,
        color=ColorTags(1, 1, 1, full_range=False),
        metadata={"title": "A film", "artist": "Nobody"},
    )
    return read(make(tmp_path_factory.mktemp("rich")), 0)


def test_a_film_does_not_differ_from_itself(rich: Facts) -> None:
    assert list(differences(rich, copy.deepcopy(rich), film=0, luma="exact")) == []


def one_code(facts: Facts) -> None:
    luma = facts.film.luma[3].copy()
    luma[5, 7] ^= 1
    facts.film.luma[3] = luma


def late(facts: Facts) -> None:
    packet = facts.streams[1].packets[4]
    assert packet.pts is not None
    packet.pts += Fraction(2, 1000)


CHANGES: dict[str, Callable[[Facts], object]] = {
    "frames": lambda facts: facts.film.times.pop(),
    "size": lambda facts: setattr(facts.film, "size", (64, 50)),
    "times": lambda facts: facts.film.times.__setitem__(2, Fraction(81, 1000)),
    "luma": one_code,
    "sar": lambda facts: setattr(facts.film, "sar", Fraction(16, 11)),
    "rotation": lambda facts: setattr(facts.film, "rotation", 90),
    "fields": lambda facts: setattr(facts.film, "fields", "T"),
    "siting": lambda facts: setattr(facts.film, "siting", "topleft"),
    "range": lambda facts: setattr(facts.film, "color", ("pc", *facts.film.color[1:])),
    "transfer": lambda facts: setattr(facts.film, "color", (*facts.film.color[:3], "unknown")),
    "alpha": lambda facts: setattr(facts.film, "pix_fmt", "yuva420p"),
    "depth": lambda facts: setattr(facts.film, "raw_format", "yuv420p10le"),
    "stream 1": late,
    "stream 2": lambda facts: setattr(facts.streams[2], "payload", "another"),
    "stream 3": lambda facts: facts.streams[3].packets.pop(0),
    "streams": lambda facts: facts.streams.pop(3),
    "language 2": lambda facts: facts.streams[2].tags.pop("language"),
    "title 1": lambda facts: facts.streams[1].tags.pop("title"),
    "flags 2": lambda facts: setattr(facts.streams[2], "flags", frozenset()),
    "chapters": lambda facts: facts.chapters.pop(),
    "tag artist": lambda facts: facts.tags.pop("artist"),
    "tag title": lambda facts: facts.tags.pop("title"),
    "timecode": lambda facts: facts.tags.__setitem__("timecode", "01:00:00:00"),
    "attachments": lambda facts: setattr(facts.streams[4], "header", "another"),
    "covers": lambda facts: setattr(facts.streams[1], "flags", frozenset({"attached pic"})),
}


@pytest.mark.parametrize(
    ("matrix", "said"),
    [
        ((0, False), "one has a display matrix"),
        ((180, False), "codes on average"),
        ((90, True), "codes on average"),
    ],
)
def test_another_display_matrix_is_seen(
    tmp_path: Path, matrix: tuple[int, bool], said: str
) -> None:
    def film(name: str, rotation: int, mirrored: bool) -> Facts:
        make = by_pyav(name, frames=1, rotation=rotation, mirrored=mirrored)
        return read(make(tmp_path), 0)

    mirrored = film("mirrored.mkv", 0, True)
    assert list(differences(mirrored, mirrored, film=0, luma="exact")) == []
    found = dict(differences(mirrored, film("film.mkv", *matrix), film=0, luma="exact"))
    assert said in found["shown"]


@pytest.mark.parametrize("what", CHANGES)
def test_a_change_is_seen(rich: Facts, what: str) -> None:
    changed = copy.deepcopy(rich)
    CHANGES[what](changed)
    found = [key for key, _ in differences(rich, changed, film=0, luma="exact")]
    assert what in found
