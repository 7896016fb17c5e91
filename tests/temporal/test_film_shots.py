from __future__ import annotations

import threading
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from tests.synthetic import make_film
from vidcolor.contact_sheet import GAP, LABEL_HEIGHT, TILE_HEIGHT, TILE_WIDTH
from vidcolor.errors import InputError, Interrupted
from vidcolor.temporal.film_shots import draw_sheet, find_shots


@pytest.fixture
def film(tmp_path: Path) -> Path:
    return make_film(tmp_path / "film.mkv", frames=40, cuts=(12, 27))


def test_the_cuts_of_a_film(film: Path) -> None:
    counted: list[int] = []
    found = find_shots(film, on_frame=lambda count, _: counted.append(count))
    assert found.listed.film == "film.mkv"
    assert [shot.begins for shot in found.listed.shots] == ["start", "cut", "cut"]
    starts = [shot.start_s for shot in found.listed.shots]
    assert starts == pytest.approx([0, 12 / 24, 27 / 24], abs=0.002)
    assert found.frames == 40
    assert counted == list(range(1, 41))
    assert [end for _, end in found.spans] == pytest.approx([*starts[1:], 40 / 24], abs=0.002)


def test_the_sheet_shows_the_middle_of_each_shot(film: Path) -> None:
    found = find_shots(film)
    sheet = draw_sheet(film, found)
    width, height = TILE_WIDTH + GAP, TILE_HEIGHT + LABEL_HEIGHT + GAP
    assert sheet.shape == (height + GAP, 3 * width + GAP)
    tiles = [sheet[GAP : GAP + TILE_HEIGHT, GAP + n * width : (n + 1) * width] for n in range(3)]
    assert all(tile.std() > 5 for tile in tiles)
    assert not np.array_equal(tiles[0], tiles[1])
    label = sheet[GAP + TILE_HEIGHT : -GAP, GAP:width]
    assert label.max() == 255


def test_a_film_that_begins_late(tmp_path: Path) -> None:
    late = make_film(tmp_path / "late.mkv", frames=40, cuts=(12, 27), start_pts=2400)
    early = make_film(tmp_path / "early.mkv", frames=40, cuts=(12, 27))
    found = find_shots(late)
    expected = find_shots(early)
    assert [shot.begins for shot in found.listed.shots] == ["start", "cut", "cut"]
    assert [end for _, end in found.spans] == pytest.approx([end for _, end in expected.spans])
    assert np.array_equal(draw_sheet(late, found), draw_sheet(early, expected))


def test_one_frame(tmp_path: Path) -> None:
    film = make_film(tmp_path / "one.mkv", frames=1)
    found = find_shots(film)
    ((shot, end),) = found.spans
    assert (shot.start_s, end) == (0.0, pytest.approx(1 / 24, abs=0.002))
    assert draw_sheet(film, found).max() > 100


def test_upright_and_with_square_pixels(tmp_path: Path) -> None:
    wide = make_film(tmp_path / "wide.mkv", frames=12, width=64, height=64, sar=Fraction(4))
    sheet = draw_sheet(wide, find_shots(wide))
    lit = np.flatnonzero(sheet[GAP : GAP + TILE_HEIGHT].max(axis=0))
    rows = np.flatnonzero(sheet[: GAP + TILE_HEIGHT].max(axis=1))
    assert (len(lit), len(rows)) == (TILE_WIDTH, TILE_WIDTH // 4)


def test_a_stop(film: Path) -> None:
    cancel = threading.Event()
    cancel.set()
    with pytest.raises(Interrupted):
        find_shots(film, cancel=cancel)
    with pytest.raises(Interrupted):
        draw_sheet(film, find_shots(film), cancel=cancel)


def test_a_file_that_is_no_film(tmp_path: Path) -> None:
    (tmp_path / "no.mkv").write_text("no film")
    with pytest.raises(InputError):
        find_shots(tmp_path / "no.mkv")
