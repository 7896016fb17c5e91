"""``vidcolor extract`` as a user types it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.cli.conftest import Program
from tests.synthetic import make_film


def reel(folder: Path, **changes: Any) -> Path:
    film = {"frames": 36, "cuts": (12, 24), "colorful": True, **changes}
    return make_film(folder / "film.mkv", **film)


def test_a_folder_of_films_becomes_a_dataset(vidcolor: Program, tmp_path: Path) -> None:
    films = tmp_path / "films"
    films.mkdir()
    reel(films)
    result = vidcolor("extract", films, "-o", tmp_path / "set", "--split", "0")
    assert result.exit_code == 0, result.stderr
    assert "3 to train on, 0 to validate on" in result.stdout
    assert len(list((tmp_path / "set" / "train").glob("*.png"))) == 3


def test_json(vidcolor: Program, tmp_path: Path) -> None:
    options = ("-o", tmp_path / "set", "--split", "1", "--progress", "json")
    result = vidcolor("extract", reel(tmp_path), *options)
    *events, last = [json.loads(line) for line in result.stdout.splitlines()]
    assert [event["extract"]["frames"] for event in events] == [25]
    assert last["result"]["val"] == 3


def test_a_black_and_white_film_is_one_clear_line(vidcolor: Program, tmp_path: Path) -> None:
    result = vidcolor("extract", reel(tmp_path, colorful=False), "-o", tmp_path / "set")
    assert result.exit_code == 50
    (line,) = result.stderr.strip().splitlines()
    assert "none of 36 frames is worth training on" in line


def test_a_folder_in_use(vidcolor: Program, tmp_path: Path) -> None:
    result = vidcolor("extract", reel(tmp_path), "-o", tmp_path)
    assert result.exit_code == 20
    assert "is not empty" in result.stderr


def test_an_image_sequence_is_refused_with_a_way_on(vidcolor: Program, tmp_path: Path) -> None:
    (tmp_path / "scan_0001.png").touch()
    result = vidcolor("extract", tmp_path / "scan_%04d.png", "-o", tmp_path / "set")
    assert result.exit_code == 3
    assert "vidcolor train --data FOLDER" in result.stderr
    assert not (tmp_path / "set").exists()


def test_one_bad_film_of_two(vidcolor: Program, tmp_path: Path) -> None:
    bad = tmp_path / "bad.mkv"
    bad.write_text("not a film")
    result = vidcolor("extract", bad, reel(tmp_path), "-o", tmp_path / "set", "--split", "0")
    assert result.exit_code == 6
    assert "bad.mkv" in result.stderr
    assert "3 to train on" in result.stdout
    options = ("-o", tmp_path / "again", "--split", "0", "--progress", "json")
    result = vidcolor("extract", bad, tmp_path / "film.mkv", *options)
    assert result.exit_code == 6
    failed = json.loads(result.stdout.splitlines()[-1])["result"]["failed"]
    assert list(failed) == [str(bad)]
