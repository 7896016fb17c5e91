"""``vidcolor run``, end to end."""

from __future__ import annotations

import json
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.cli.conftest import Program, error_line
from tests.synthetic import decode_luma, make_film


@pytest.fixture
def film(tmp_path: Path) -> Path:
    return make_film(tmp_path / "old.mp4", frames=12, audio=1)


@pytest.fixture
def color(vidcolor: Program, checkpoint: Path) -> Program:
    """``vidcolor run`` with the small network, encoding as fast as it can."""

    def call(*arguments: str | Path) -> Any:
        fast = ("--checkpoint", checkpoint, "--encoder-option", "preset=ultrafast")
        # On a slow machine a progress line could come between what the tests look at.
        return vidcolor("run", *fast, "--progress", "none", *arguments)

    return call


def events(output: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in output.splitlines()]


def test_a_film_is_coloured_beside_itself(color: Program, film: Path) -> None:
    before = film.read_bytes()
    result = color(film)
    assert (result.exit_code, result.stderr) == (0, "")
    output = film.with_name("old.color.mp4")
    assert len(decode_luma(output)) == 12
    assert film.read_bytes() == before
    assert sorted(p.name for p in film.parent.iterdir()) == ["old.color.mp4", "old.mp4"]
    for said in ("12 in, 12 out, 64×48 libx264", "identical in all 12 frames", "untrained on cpu"):
        assert said in result.stdout
    assert "#1 audio: copied" in result.stdout


def test_archive_keeps_every_luma_value(vidcolor: Program, checkpoint: Path, film: Path) -> None:
    result = vidcolor(
        "run", "--preset", "archive", "--progress", "none", "--checkpoint", checkpoint, film
    )
    assert (result.exit_code, result.stderr) == (0, "")
    before, after = decode_luma(film), decode_luma(film.with_name("old.color.mkv"))
    assert all(np.array_equal(a[1], b[1]) for a, b in zip(before, after, strict=True))


def test_several_films_go_on_after_a_failure(color: Program, tmp_path: Path) -> None:
    good = [make_film(tmp_path / f"{name}.mp4", frames=6) for name in "ac"]
    (tmp_path / "b.mp4").write_text("not a film, whatever its name says\n")
    result = color(tmp_path)
    assert result.exit_code == 6
    assert "b.mp4" in error_line(result)
    for path in good:
        assert path.with_name(f"{path.stem}.color.mp4").exists()
    table = result.stdout.splitlines()[-5:]
    assert "2 coloured, 1 failed" in table[-1]
    assert "failed (6)" in "".join(table)


def test_the_exit_code_is_the_first_failures(color: Program, tmp_path: Path) -> None:
    (tmp_path / "empty.mp4").touch()
    result = color(tmp_path / "none.mp4", tmp_path / "empty.mp4")
    assert result.exit_code == 3
    assert len(result.stderr.splitlines()) == 2


def test_films_of_one_name_do_not_replace_each_other(color: Program, tmp_path: Path) -> None:
    films = []
    for folder in ("x", "y", "out"):
        (tmp_path / folder).mkdir()
        films.append(tmp_path / folder / "a.mp4")
    for path in films[:2]:
        make_film(path, frames=4)
    result = color(*films[:2], "-o", tmp_path / "out", "--overwrite")
    assert result.exit_code == 40
    assert "just written for another film" in error_line(result)


def test_progress_and_summary_as_json(color: Program, film: Path, tmp_path: Path) -> None:
    result = color("--progress", "json", film, tmp_path / "none.mp4")
    assert result.exit_code == 3
    seen = events(result.stdout)
    assert {e["event"] for e in seen[:-3]} == {"progress"}
    summary, error, end = seen[-3:]
    assert summary["event"] == "summary"
    assert (summary["frames_in"], summary["frames_out"], summary["luma_identical"]) == (12, 12, 12)
    assert Path(summary["output"]).exists()
    assert (error["event"], error["exit_code"]) == ("error", 3)
    assert end == {
        "event": "end",
        "colored": 1,
        "failed": 1,
        "not_started": 0,
        "exit_code": 3,
    }


def test_quiet_says_nothing(color: Program, film: Path) -> None:
    result = color("-q", film)
    assert (result.exit_code, result.output) == (0, "")


def test_a_dry_run_writes_nothing(color: Program, film: Path) -> None:
    result = color("--dry-run", film, "--crf", "20")
    assert (result.exit_code, result.stderr) == (0, "")
    for said in ("old.color.mp4", "libx264", "crf=20", "64×48 yuv420p", "#1 audio: copied"):
        assert said in result.stdout
    assert [p.name for p in film.parent.iterdir()] == ["old.mp4"]


def test_a_dry_run_as_json(color: Program, film: Path) -> None:
    result = color("--dry-run", "--progress", "json", film)
    (plan,) = events(result.stdout)
    assert (plan["event"], plan["plan"]["codec"]) == ("plan", "libx264")
    assert plan["output"] == str(film.with_name("old.color.mp4"))


def test_a_dry_run_finds_what_would_fail(color: Program, vidcolor: Program, film: Path) -> None:
    film.with_name("old.color.mp4").touch()
    assert color("--dry-run", film).exit_code == 20
    result = vidcolor("run", "--dry-run", film, "--checkpoint", "none.safetensors")
    assert result.exit_code == 30


def test_a_part_of_a_film(color: Program, tmp_path: Path) -> None:
    film = make_film(tmp_path / "long.mkv", frames=48, rate=24)
    output = tmp_path / "part.mkv"
    assert color(film, "-o", output, "--start", "0:00.5", "--duration", "1").exit_code == 0
    times = [float(time_s) for time_s, _ in decode_luma(output)]
    assert len(times) == 24
    assert times[0] == pytest.approx(0.5, abs=0.002)


def test_an_image_sequence_in_and_out(vidcolor: Program, checkpoint: Path, tmp_path: Path) -> None:
    ramp = np.arange(48 * 64, dtype=np.uint8).reshape(48, 64)
    for number in (7, 8, 9):
        Image.fromarray(ramp + np.uint8(number)).save(tmp_path / f"scan_{number:04d}.tif")
    pattern = tmp_path / "out_%04d.png"
    command = ("run", tmp_path / "scan_%04d.tif", "--rate", "23.976", "-o", pattern)
    command = (*command, "--progress", "none")
    assert vidcolor(*command, "--dry-run", "--checkpoint", checkpoint).exit_code == 0
    assert not list(tmp_path.glob("*out*"))
    result = vidcolor(*command, "--checkpoint", checkpoint)
    assert (result.exit_code, result.stderr) == (0, "")
    written = sorted(tmp_path.glob("*out*"))
    assert [path.name for path in written] == [f"out_{n:04d}.png" for n in (7, 8, 9)]
    with Image.open(written[0]) as picture:
        assert (picture.mode, picture.size) == ("RGB", (64, 48))


def test_an_existing_output_needs_overwrite(color: Program, film: Path) -> None:
    output = film.with_name("old.color.mp4")
    output.write_text("precious")
    result = color(film)
    assert result.exit_code == 20
    assert "--overwrite" in error_line(result)
    assert output.read_text() == "precious"
    assert color(film, "--overwrite").exit_code == 0
    assert len(decode_luma(output)) == 12


def test_the_film_itself_is_never_the_output(color: Program, film: Path) -> None:
    before = film.read_bytes()
    assert color(film, "-o", film, "--overwrite").exit_code == 21
    assert film.read_bytes() == before


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--preset", "achive"], 40, "did you mean 'archive'"),
        (["--smooth", "5"], 40, "--smooth = 5 is not allowed"),
        (["--batch-size", "0"], 40, "--batch-size = 0 is not allowed"),
        (["--rate", "24"], 40, "leave --rate away"),
        (["--device", "cuda:99"], 41, "'cuda:99' is not available"),
        (["--device", "gpu"], 41, "use auto, cpu, cuda"),
        (["--checkpoint", "filmnett"], 30, "'filmnett'"),
        (["--codec", "libx246"], 40, "did you mean 'libx26"),
        (["--encoder-option", "presett=slow"], 26, "presett"),
        (["-o", "none/out.mp4"], 22, "none"),
        (["-o", "out.avi"], 40, ".mkv"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_what_is_wrong_is_one_line(
    color: Program, film: Path, arguments: list[str], code: int, said: str
) -> None:
    result = color(film, *arguments)
    assert result.exit_code == code
    assert said in error_line(result)
    assert result.stdout == ""
    assert [p.name for p in film.parent.iterdir()] == ["old.mp4"]


def test_a_pickle_is_no_checkpoint(vidcolor: Program, film: Path, tmp_path: Path) -> None:
    evil = tmp_path / "weights.pth"
    evil.write_bytes(pickle.dumps({"a": 1}))
    result = vidcolor("run", film, "--checkpoint", evil)
    assert result.exit_code == 32
    assert "pickle" in error_line(result)


@pytest.mark.parametrize(
    "arguments",
    [
        ["--crff", "3"],
        ["--start", "soon"],
        ["--progress", "xml"],
        ["--encoder-option", "tune"],
        ["--crf", "99"],
        [],
    ],
)
def test_what_typer_cannot_parse_is_2(vidcolor: Program, film: Path, arguments: list[str]) -> None:
    result = vidcolor("run", *arguments, *([film] if arguments else []))
    assert result.exit_code == 2
    assert "Traceback" not in result.stderr


def test_a_checkpoint_that_cannot_be_had_stops_all_at_once(
    vidcolor: Program, tmp_path: Path
) -> None:
    for name in "ab":
        make_film(tmp_path / f"{name}.mp4", frames=2)
    result = vidcolor("run", tmp_path, "--checkpoint", "none.safetensors")
    assert result.exit_code == 30
    error_line(result)


def wait_for_unfinished(folder: Path) -> None:
    """Until a run writes its temporary file there."""
    deadline = time.monotonic() + 60
    while not list(folder.glob(".*.part")) and time.monotonic() < deadline:
        time.sleep(0.02)


@pytest.fixture
def long_film(tmp_path: Path) -> Path:
    return make_film(tmp_path / "long.mkv", frames=400, moving=False)


def test_ctrl_c_leaves_nothing_behind(color: Program, long_film: Path) -> None:
    def interrupt() -> None:
        wait_for_unfinished(long_film.parent)
        os.kill(os.getpid(), signal.SIGINT)

    other = make_film(long_film.with_name("never_begun.mkv"), frames=2)
    thread = threading.Thread(target=interrupt)
    thread.start()
    result = color(long_film, other)
    thread.join()
    assert result.exit_code == 130
    assert error_line(result).endswith("the input is untouched")
    assert "0 coloured, 1 failed, 1 not started" in result.stdout
    assert sorted(p.name for p in long_film.parent.iterdir()) == ["long.mkv", "never_begun.mkv"]


def test_sigterm_ends_the_program_and_leaves_nothing_behind(
    long_film: Path, checkpoint: Path
) -> None:
    before = long_film.read_bytes()
    command = [sys.executable, "-m", "vidcolor", "run", long_film, "--checkpoint", checkpoint]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        wait_for_unfinished(long_film.parent)
        process.terminate()
        _, said = process.communicate(timeout=60)
    assert process.returncode == 143
    assert [p.name for p in long_film.parent.iterdir()] == ["long.mkv"]
    assert long_film.read_bytes() == before
    assert b"vidcolor: error: stopped;" in said
    assert b"Traceback" not in said
