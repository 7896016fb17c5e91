"""``vidcolor compare`` as a user types it."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.cli.conftest import Program, error_line
from tests.synthetic import decode_luma, make_film
from vidcolor.comparison import films as films_module
from vidcolor.media.probe import probe


@pytest.fixture
def color_film(tmp_path: Path) -> Path:
    return make_film(tmp_path / "new.mp4", frames=12, colorful=True)


def photo(path: Path, *rgb: int) -> Path:
    Image.new("RGB", (300, 200), rgb).save(path)
    return path


@pytest.fixture
def photos(tmp_path: Path) -> tuple[Path, Path]:
    return photo(tmp_path / "a.png", 10, 20, 30), photo(tmp_path / "b.jpg", 210, 200, 190)


def test_two_films(vidcolor: Program, film: Path, color_film: Path, tmp_path: Path) -> None:
    output = tmp_path / "both.mkv"
    result = vidcolor("compare", film, color_film, "-o", output, "--progress", "none")
    assert result.exit_code == 0, result.stderr
    assert result.stdout.split()[:4] == [str(output), "frames", "12,", "128×48"]
    assert len(probe(output).streams) == 2  # the picture and the first film's sound
    again = vidcolor("compare", film, color_film, "-o", output)
    assert again.exit_code == 20
    assert "--overwrite" in error_line(again)
    assert vidcolor("compare", film, color_film, "-o", output, "--overwrite", "-q").stdout == ""


def test_a_part_on_a_split_screen(
    vidcolor: Program,
    film: Path,
    color_film: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("vidcolor.report.TELL_S", -1.0)  # tell of every frame
    output = tmp_path / "both.mp4"
    options = ["--layout", "split", "--position", "0.25", "--start", "0:00:00.25"]
    part = ["--duration", "0.125", "--no-labels", "--progress", "json"]
    result = vidcolor("compare", film, color_film, "-o", output, *options, *part)
    assert result.exit_code == 0, result.stderr
    *events, last = [json.loads(line) for line in result.stdout.splitlines()]
    assert {event["event"] for event in events} == {"progress"}
    assert events[0]["stage"] == "compare"
    assert events[0]["frames_total"] == 3
    assert last["result"]["frames"] == 3
    assert last["result"]["width"] == 64
    times = [float(time) for time, _ in decode_luma(output)]
    assert times == pytest.approx([6 / 24, 7 / 24, 8 / 24], abs=1e-6)
    for _, luma in decode_luma(output):
        assert luma[:, 15:17].mean() > 200  # the divider
        assert luma[:, 31:33].mean() < 180


def test_labels(vidcolor: Program, photos: tuple[Path, Path], tmp_path: Path) -> None:
    def drawn(name: str, *options: str) -> Any:
        result = vidcolor("compare", *photos, "-o", tmp_path / name, *options)
        assert result.exit_code == 0, result.stderr
        return np.asarray(Image.open(tmp_path / name))

    bare = drawn("bare.png", "--no-labels")
    assert bare.shape == (200, 600, 3)
    assert np.unique(bare[:, :300]).tolist() == [10, 20, 30]
    named = drawn("named.png")
    assert (named[:, :300] != bare[:, :300]).any()
    assert (named[:, 300:] != bare[:, 300:]).any()
    np.testing.assert_array_equal(drawn("same.png", "--label-a", "a.png"), named)
    own = drawn("own.png", "--label-a", "grey", "--label-b", "b.jpg")
    assert (own[:, :300] != named[:, :300]).any()
    np.testing.assert_array_equal(own[:, 300:], named[:, 300:])


def test_two_photos_on_a_split_screen(
    vidcolor: Program, photos: tuple[Path, Path], tmp_path: Path
) -> None:
    output = tmp_path / "both.webp"
    result = vidcolor("compare", *photos, "-o", output, "--layout", "split", "--progress", "json")
    assert json.loads(result.stdout) == {"result": {"output": str(output)}}
    found = np.asarray(Image.open(output).convert("RGB")).astype(int)
    assert found.shape == (200, 300, 3)
    assert (found[100, :148] == (10, 20, 30)).all()
    assert np.abs(found[100, 152:] - (210, 200, 190)).max() <= 2


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["old.mp4", "a.png", "-o", "x.mp4"], 40, "old.mp4 is a film and a.png a photo; give two"),
        (["old.mp4", "old.mp4", "-o", "x.png"], 40, "give it one of .mkv, .mp4, .m4v, .mov"),
        (["a.png", "a.png", "-o", "x.mp4"], 40, "picks no picture format; choose .png"),
        (["a.png", "a.png", "-o", "a.png", "--overwrite"], 21, "would be destroyed"),
        (["old.mp4", "old.mp4", "-o", "old.mp4", "--overwrite"], 21, "would be destroyed"),
        (["a.png", "a.png", "-o", "x.png", "--start", "1"], 40, "are for films"),
        (["a.png", "a.png", "-o", "x.png", "--position", "0.2"], 40, "is for --layout split"),
        (["s_%04d.png", "old.mp4", "-o", "x.mp4"], 40, "image sequence, which cannot be compared"),
        (["old.mp4", "none.mp4", "-o", "x.mp4"], 3, "none.mp4 does not exist"),
        (["old.mp4", ".", "-o", "x.mp4"], 4, "is a folder"),
        (["old.mp4", "text.mp4", "-o", "x.mp4"], 6, "text.mp4"),
        (["old.mp4", "old.mp4", "-o", "nowhere/x.mp4"], 22, "nowhere does not exist"),
        (["old.mp4", "old.mp4", "-o", "x.mp4", "--duration", "0"], 40, "duration_s"),
        (["old.mp4", "old.mp4", "-o", "x.mp4", "--position", "1.5"], 2, ""),
    ],
)
def test_what_cannot_be(
    vidcolor: Program,
    film: Path,
    photos: tuple[Path, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    code: int,
    message: str,
) -> None:
    del film, photos
    monkeypatch.chdir(tmp_path)
    Path("text.mp4").write_text("just words " * 50)
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    result = vidcolor("compare", *arguments)
    assert result.exit_code == code, result.stderr
    if code != 2:
        assert message in error_line(result)
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_leaves_nothing_behind(
    vidcolor: Program,
    film: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    number: signal.Signals,
    code: int,
) -> None:
    compose = films_module.compose

    def stopped(*arguments: Any) -> Any:
        os.kill(os.getpid(), number)
        monkeypatch.setattr(films_module, "compose", compose)
        return compose(*arguments)

    monkeypatch.setattr(films_module, "compose", stopped)
    result = vidcolor("compare", film, film, "-o", tmp_path / "both.mp4")
    assert result.exit_code == code
    assert "stopped" in result.stderr
    assert list(tmp_path.iterdir()) == [film]


def test_the_log_says_what_was_done(vidcolor: Program, film: Path, tmp_path: Path) -> None:
    long = make_film(tmp_path / "long.mp4", frames=24)
    log, output = tmp_path / "log.txt", tmp_path / "both.mp4"
    assert vidcolor("compare", long, film, "-o", output, "-q", "--log-file", log).exit_code == 0
    said = log.read_text()
    for line in (f"sources {long} and {film}", f"notice: {film} ends first", f"wrote {output}"):
        assert line in said


def test_names_that_are_not_unicode(vidcolor: Program, film: Path, tmp_path: Path) -> None:
    odd = film.rename(Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.mp4")))
    result = vidcolor("compare", odd, odd, "-o", tmp_path / "both.mp4", "--progress", "none")
    assert result.exit_code == 0, result.stderr
