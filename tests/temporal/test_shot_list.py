from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from vidcolor.errors import SettingsError
from vidcolor.tables import SUFFIXES
from vidcolor.temporal.shot_list import (
    BEGINNINGS,
    ListedShot,
    Shot,
    ShotList,
    ShotWalk,
    read_shot_list,
    write_shot_list,
)

SHOTS = ShotList(
    "a “film”\\ä.mp4",
    (
        Shot(0.0, "start"),
        Shot(1.708333, "cut"),
        Shot(3.5, "dissolve", 0.625),
        Shot(60.0, "fade", 2, look=(("strength", 0.8), ("warmth", -2.5))),
        Shot(2000.0, "cut", look=(("warmth", 4.0),)),
    ),
)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_what_is_written_is_read(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"list{suffix}"
    path.write_text(write_shot_list(SHOTS, suffix), encoding="utf-8")
    read = read_shot_list(path)
    assert read.shots == SHOTS.shots
    assert read.film == (SHOTS.film if suffix == ".toml" else "")


@example(film="del \x7f", starts=[0], begins="cut")
@example(film=os.fsdecode(b"caf\xe9.mkv"), starts=[0], begins="cut")
@given(
    film=st.text(),
    starts=st.lists(st.integers(-(10**9), 10**11), min_size=1, max_size=5, unique=True),
    begins=st.sampled_from(BEGINNINGS),
)
def test_any_film_and_times(
    tmp_path_factory: pytest.TempPathFactory, film: str, starts: list[int], begins: str
) -> None:
    shots = tuple(Shot(us / 1e6, begins) for us in sorted(starts))  # type: ignore[arg-type]
    path = tmp_path_factory.mktemp("list") / "list.toml"
    path.write_bytes(write_shot_list(ShotList(film, shots), ".toml").encode())
    read = read_shot_list(path)
    assert read.is_of(film)
    assert not read.is_of(film + "x") or not film
    assert [shot.begins for shot in read.shots] == [begins] * len(shots)
    assert [s.start_s for s in read.shots] == pytest.approx([s.start_s for s in shots], abs=1e-6)


def test_a_list_by_hand_needs_only_starts(tmp_path: Path) -> None:
    (tmp_path / "list.toml").write_text("[[shot]]\nstart = 0\n[[shot]]\nstart = 2.5\n")
    read = read_shot_list(tmp_path / "list.toml")
    assert read == ShotList("", (Shot(0.0, "cut"), Shot(2.5, "cut")))
    (tmp_path / "list.csv").write_text("\ufeffstart,begins\n0,\n2.5,dissolve\n", "utf-8")
    assert read_shot_list(tmp_path / "list.csv").shots[1] == Shot(2.5, "dissolve")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "lists no shot"),
        ("shot = []", "lists no shot"),
        ("shot = 3", "lists no shot"),
        ("shot = [3]", "shot 1 is 3"),
        ("[[shot]]\n", "shot 1: start = None is no number of seconds"),
        ("[[shot]]\nstart = '1'", "shot 1: start = '1' is no number"),
        ("[[shot]]\nstart = true", "start = True is no number"),
        ("[[shot]]\nstart = inf", "start = inf is no number"),
        ("[[shot]]\nstart = 1\nbegin = 'cut'", "shot 1 has 'begin'; allowed are start"),
        ("[[shot]]\nstart = 1\nbegins = 'wipe'", "begins = 'wipe' is none of start, cut"),
        ("[[shot]]\nstart = 1\ntransition = -1", "transition = -1 is no number"),
        ("[[shot]]\nstart = 1\n[[shot]]\nstart = 1", "shot 2 starts at 1 s, not after shot 1"),
        (f"[[shot]]\nstart = 1{'0' * 400}", "is no number of seconds"),
        (f"[[shot]]\nstart = 1{'0' * 5000}", "cannot read the shot list"),
        ("[[shot]", "cannot read the shot list"),
        ("[[shot]]\nstart = 1\nstrength = 9", "shot 1: strength = 9 is not allowed"),
        ("[[shot]]\nstart = 1\nstrength = true", "shot 1: strength = True is no number"),
        ("[[shot]]\nstart = 1\nwarmth = 'much'", "shot 1: warmth = 'much' is not allowed"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "list.toml"
    path.write_text(text)
    with pytest.raises(SettingsError, match=r"list\.toml") as caught:
        read_shot_list(path)
    assert message in str(caught.value)


def test_a_list_from_a_spreadsheet(tmp_path: Path) -> None:
    text = "Start; Begins;transition\r\n0;start;\r\n;;\r\n2,5;dissolve;0,75\r\n"
    (tmp_path / "list.csv").write_text(text, newline="")
    read = read_shot_list(tmp_path / "list.csv")
    assert read.shots == (Shot(0.0, "start"), Shot(2.5, "dissolve", 0.75))


@pytest.mark.parametrize(
    "content",
    [
        *(b"", b"\n", b"start,begins\nsoon,cut\n", b"start\n1,cut\n", b'start\n"1'),
        *(b"\xff\xfe", "start\n1".encode("utf-16")),
    ],
)
def test_a_table_that_cannot_be_read(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "list.csv").write_bytes(content)
    with pytest.raises(SettingsError, match=r"list\.csv"):
        read_shot_list(tmp_path / "list.csv")


def test_files_that_are_no_lists(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"ends in \.toml or \.csv"):
        read_shot_list(tmp_path / "list.txt")
    with pytest.raises(SettingsError, match="cannot read the shot list"):
        read_shot_list(tmp_path / "none.toml")


def test_frames_find_their_shot() -> None:
    times = (-1.0, 0.0, 1.7, 1.70832, 1.708333333, 3.4999, 3.5, 1000.0)
    assert [SHOTS.index_at(t) for t in times] == [0, 0, 0, 1, 1, 2, 2, 3]


def test_a_walk_through_a_list() -> None:
    walk = ShotWalk(SHOTS)
    assert [walk.next(t) for t in (0.0, 1.0, 2.0, 3.6, 70.0)] == [
        ListedShot(0, is_cut=True),
        ListedShot(0, is_cut=False),
        ListedShot(1, is_cut=True),
        ListedShot(2, is_cut=False),  # colours may pass a dissolve
        ListedShot(3, is_cut=False),
    ]
    from_the_middle = ShotWalk(SHOTS)
    assert from_the_middle.next(3.6) == ListedShot(0, is_cut=False)
    assert from_the_middle.next(70.0).number == 1


def test_a_cut_between_two_frames_is_not_lost() -> None:
    shots = (Shot(0.0, "start"), Shot(1.0, "cut"), Shot(1.01, "dissolve", 0.1))
    walk = ShotWalk(ShotList("", shots))
    assert walk.next(0.96) == ListedShot(0, is_cut=True)
    assert walk.next(1.04) == ListedShot(1, is_cut=True)


def test_a_list_of_which_nothing_is_met() -> None:
    walk = ShotWalk(SHOTS)
    walk.next(0.0)
    assert "of the shot list's 5 shots only one was met" in walk.notices()[0]
    walk.next(2.0)
    assert walk.notices() == []
    of_one = ShotWalk(ShotList("", SHOTS.shots[:1]))
    of_one.next(0.0)
    assert of_one.notices() == []
