"""`vidcolor.hints`: the file, and what it does to ab."""

from __future__ import annotations

import textwrap
from pathlib import Path

import numpy as np
import pytest
import skimage.color
import skimage.measure
from hypothesis import given
from hypothesis import strategies as st

from vidcolor.errors import SettingsError
from vidcolor.frames import Plane
from vidcolor.hints import (
    GRID_MOST_CELLS,
    Hint,
    HintList,
    ab_of_code,
    apply_hints,
    paint,
    read_hints,
)

RED = ab_of_code("#c81e1e")
ZERO = np.zeros((2, 4, 6), np.float32)


def read(folder: Path, text: str, suffix: str = ".toml") -> HintList:
    path = folder / f"hints{suffix}"
    path.write_text(text, encoding="utf-8")
    return read_hints(path)


def test_points_scribbles_and_pins_are_read(tmp_path: Path) -> None:
    text = """
        [[hint]]
        x = 412
        y = 230.5
        color = "#7a3b2e"

        [[hint]]
        time = 12.5
        points = [[30, 40], [90, 44], [140, 60]]
        color = "auto"
        radius = 6
    """
    point, pin = read(tmp_path, text).hints
    assert point == Hint(((412.0, 230.5),), ab_of_code("#7a3b2e"))
    assert pin == Hint(((30.0, 40.0), (90.0, 44.0), (140.0, 60.0)), None, 6.0, 12.5)


def test_the_example_of_the_manual_can_be_read(tmp_path: Path) -> None:
    manual = (Path(__file__).parent.parent / "docs" / "usage.md").read_text(encoding="utf-8")
    block = manual.split("with, in `street.toml`,")[1].split("\n\nA hint changes")[0]
    point, scribble, pin = read(tmp_path, textwrap.dedent(block)).hints
    assert (len(point.points), len(scribble.points), pin.ab) == (1, 3, None)


def test_a_table_from_a_spreadsheet(tmp_path: Path) -> None:
    text = "\ufeffTime;x;y;color;radius\r\n;4,5;7;#C81E1E;\r\n;;;;\r\n1,5;8;9;auto;2\r\n"
    hints = read(tmp_path, text, ".csv").hints
    assert hints == (Hint(((4.5, 7.0),), RED), Hint(((8.0, 9.0),), None, 2.0, 1.5))


@given(st.integers(0, 0xFFFFFF))
def test_a_code_has_the_ab_of_its_colour(code: int) -> None:
    rgb = np.array([code >> 16, code >> 8 & 255, code & 255]) / 255
    lab = skimage.color.rgb2lab(rgb[None, None])[0, 0]
    assert ab_of_code(f"#{code:06x}") == pytest.approx(lab[1:], abs=0.02)


PLACE = "[[hint]]\nx = 1\ny = 2\n"
COLOR = 'color = "#aabbcc"\n'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "lists no hint: write at least one"),
        ("hint = [3]", "hint 1 is 3; write [[hint]]"),
        (PLACE, "hint 1: color = None is no colour"),
        (PLACE + "color = 'red'", "color = 'red' is no colour; write \"#rrggbb\""),
        (PLACE + "color = '#abc'", "color = '#abc' is no colour"),
        (PLACE + "color = '#aabbcg'", "color = '#aabbcg' is no colour"),
        (PLACE + "color = 3", "color = 3 is no colour"),
        (PLACE + COLOR + "radius = 0", "radius = 0 is not above 0"),
        (PLACE + COLOR + "radius = -2", "radius = -2 is not above 0"),
        (PLACE + COLOR + "radius = 'big'", "radius = 'big' is no number of pixels"),
        (PLACE + COLOR + "time = inf", "time = inf is no number of seconds"),
        (PLACE + COLOR + "colour = 3", "hint 1 has 'colour'; allowed are time, x, y"),
        (PLACE + COLOR + "points = [[1, 2]]", "hint 1 has both points and x, y"),
        (PLACE + COLOR + "[[hint]]\ny = 2\n" + COLOR, "hint 2 has no place; write x and y"),
        ("[[hint]]\nx = true\ny = 2\n" + COLOR, "x = True is no number of pixels"),
        ("[[hint]]\nx = nan\ny = 2\n" + COLOR, "x = nan is no number of pixels"),
        (f"[[hint]]\nx = 1{'0' * 400}\ny = 2\n" + COLOR, "is no number of pixels"),
        ("[[hint]]\npoints = []\n" + COLOR, "points = [] is no line"),
        ("[[hint]]\npoints = 3\n" + COLOR, "points = 3 is no line"),
        ("[[hint]]\npoints = [1, 2]\n" + COLOR, "points = [1, 2] is no line"),
        ("[[hint]]\npoints = [[1, 2], [3]]\n" + COLOR, "points = [[1, 2], [3]] is no line"),
        ("[[hint]]\npoints = [[1, 'a']]\n" + COLOR, "is no line"),
        ("[[hint", "cannot read the hints file"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(SettingsError, match=r"hints\.toml") as caught:
        read(tmp_path, text)
    assert message in str(caught.value)


@pytest.mark.parametrize("text", ["", "x,y,color\n", "x,y,color\nleft,2,auto\n", "x,y\n1,2\n"])
def test_a_table_that_cannot_be_used(tmp_path: Path, text: str) -> None:
    with pytest.raises(SettingsError, match=r"hints\.csv"):
        read(tmp_path, text, ".csv")


def test_files_that_are_no_hints(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"no hints file: give a file that ends in \.toml or"):
        read_hints(tmp_path / "hints.json")
    with pytest.raises(SettingsError, match="cannot read the hints file"):
        read_hints(tmp_path / "none.toml")


def test_brackets_without_an_end(tmp_path: Path) -> None:
    path = tmp_path / "hints.toml"
    path.write_text("[[hint]]\npoints = " + "[" * 5000)
    with pytest.raises(SettingsError, match="cannot read the hints file"):
        read_hints(path)


def test_a_hint_must_lie_inside_the_picture() -> None:
    corners = HintList("h", (Hint(((0, 0), (59, 39)), None),))
    corners.check_inside(60, 40)
    with pytest.raises(SettingsError, match=r"h: hint 1: x = 59 is outside .* 59×40 .* 0…58"):
        corners.check_inside(59, 40)
    below = HintList("h", (Hint(((0, 0),), None), Hint(((1, 39.5),), None)))
    with pytest.raises(SettingsError, match=r"hint 2: y = 39\.5 is outside .* 0…39"):
        below.check_inside(60, 40)
    with pytest.raises(SettingsError, match=r"x = -1 is outside"):
        HintList("h", (Hint(((-1, 0),), None),)).check_inside(60, 40)


def test_a_point_marks_the_cell_it_is_in() -> None:
    for x, y in np.ndindex(60, 40):
        _, marked = paint([Hint(((x, y),), RED)], ZERO, (60, 40))
        assert marked[y // 10, x // 10]
        assert marked.sum() <= 4


def test_a_disc_has_its_radius() -> None:
    _, marked = paint([Hint(((50, 50),), RED, 20)], np.zeros((2, 101, 101), np.float32), (101, 101))
    assert marked.sum() == pytest.approx(np.pi * 20**2, rel=0.02)
    assert marked[50, 30]
    assert not marked[50, 29]


@given(st.lists(st.tuples(st.integers(0, 199), st.integers(0, 99)), min_size=2, max_size=4))
def test_a_scribble_has_no_gaps(points: list[tuple[int, int]]) -> None:
    line = Hint(tuple((float(x), float(y)) for x, y in points), RED, 0.1)
    _, marked = paint([line], np.zeros((2, 10, 20), np.float32), (200, 100))
    for x, y in points:
        assert marked[y // 10, x // 10]
    assert skimage.measure.label(marked, connectivity=2).max() == 1


def test_what_is_painted_is_the_difference_and_the_last_hint_wins() -> None:
    ab = np.full((2, 4, 6), 5, np.float32)
    whole = Hint(((30, 20),), RED, 100)
    wanted, marked = paint([whole, Hint(((5, 5),), None)], ab, (60, 40))
    assert marked.all()
    np.testing.assert_allclose(wanted[:, 3, 3], np.array(RED) - 5, rtol=1e-5)
    assert not wanted[:, 0, 0].any()


def halves(bit_depth: int = 8) -> Plane:
    luma = np.full((61, 90), 0.3)
    luma[:, 45:] = 0.7
    return np.rint(luma * (2**bit_depth - 1)).astype(np.uint8 if bit_depth == 8 else np.uint16)


@pytest.mark.parametrize("bit_depth", [8, 16])
def test_a_hint_colours_its_half_and_leaves_the_other(bit_depth: int) -> None:
    automatic = np.random.default_rng(0).uniform(-20, 20, (2, 16, 24)).astype(np.float32)
    luma = halves(bit_depth)
    line = ((20.0, 15.0), (20.0, 45.0))
    changed = apply_hints([Hint(line, RED)], automatic, luma, bit_depth, full_range=True)
    same = apply_hints([Hint(line, None)], automatic, luma, bit_depth, full_range=True)
    wanted = np.hypot(*(np.array(RED)[:, None, None] - same[:, 15:46, 20:21])).mean()
    change = np.hypot(*(changed - same))
    np.testing.assert_allclose(changed[:, 30, 20], RED, atol=1)
    assert change[:, :45].mean() > 0.9 * wanted
    assert change[:, :45].min() > 0.5 * wanted
    assert change[:, 45:].max() < 0.01


def test_a_pin_changes_nothing_and_holds_off_others() -> None:
    automatic = np.full((2, 15, 22), 10, np.float32)
    luma = np.full((61, 90), 100, np.uint8)
    pin = Hint(((45.0, 0.0), (45.0, 60.0)), None)
    alone = apply_hints([pin], automatic, luma, 8, full_range=True)
    np.testing.assert_array_equal(alone, np.full_like(alone, 10))
    both = apply_hints([Hint(((10.0, 30.0),), RED), pin], automatic, luma, 8, full_range=True)
    assert np.abs(both[:, :, 50:] - 10).max() < 0.5
    assert both[0, 30, 30] > 20


def test_no_hints_give_the_same_array() -> None:
    assert apply_hints([], ZERO, halves(), 8, full_range=True) is ZERO


def test_limited_range_is_read_as_such() -> None:
    luma = np.full((30, 40), 16, np.uint8)
    luma[:, 20:] = 33  # a step of 0.078 in limited, 0.067 in full range
    line = [Hint(((10.0, 2.0), (10.0, 27.0)), RED)]
    full = apply_hints(line, ZERO, luma, 8, full_range=True)
    limited = apply_hints(line, ZERO, luma, 8, full_range=False)
    assert 1 < limited[0, 15, 25] < 0.95 * full[0, 15, 25]


@given(
    height=st.integers(1, 40),
    width=st.integers(1, 40),
    cells=st.tuples(st.integers(1, 50), st.integers(1, 50)),
)
def test_any_size(height: int, width: int, cells: tuple[int, int]) -> None:
    luma = np.full((height, width), 90, np.uint8)
    automatic = np.zeros((2, *cells), np.float32)
    changed = apply_hints([Hint(((width - 1, 0),), RED)], automatic, luma, 8, full_range=True)
    assert changed.shape == (2, max(height, cells[0]), max(width, cells[1]))
    assert changed[0, 0, -1] == pytest.approx(RED[0], rel=0.05)


@pytest.mark.parametrize(("height", "width"), [(3000, 2), (2, 40_000), (1200, 1700)])
def test_long_and_large_pictures_keep_the_grid_small(height: int, width: int) -> None:
    luma = np.full((height, width), 90, np.uint8)
    changed = apply_hints([Hint(((1.0, 1.0),), RED)], ZERO[:, :1], luma, 8, full_range=True)
    assert changed[0].size <= 1.2 * GRID_MOST_CELLS
    np.testing.assert_allclose(changed[:, 0, 0], RED, rtol=0.05)
