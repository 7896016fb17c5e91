"""``vidcolor run``, end to end."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from tests.cli.conftest import Program, error_line, events
from tests.synthetic import decode_luma, make_fields, make_film, plane_values
from vidcolor.errors import StalledError


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


def test_frames_that_are_carried_are_counted(color: Program, tmp_path: Path) -> None:
    film = make_film(tmp_path / "film.mp4", frames=8, width=256, height=192)
    result = color(film, "--network-every", "2")
    assert (result.exit_code, result.stderr) == (0, "")
    assert "; spared 4 frames that were coloured along motion" in " ".join(result.stdout.split())


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


def test_a_stalled_film_ends_the_batch(
    color: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its thread may still hold the network."""
    make_film(tmp_path / "a.mp4", frames=2)
    make_film(tmp_path / "b.mp4", frames=2)

    def stall(*_: object, **__: object) -> None:
        monkeypatch.setattr("vidcolor.stages.is_stalled", lambda: True)
        raise StalledError("the stage 'network' has not moved")

    monkeypatch.setattr("vidcolor.jobs.run.color_film", stall)
    result = color(tmp_path)
    assert result.exit_code == StalledError.exit_code
    assert result.stderr.count("has not moved") == 1


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
        "stopped": 0,
        "not_started": 0,
        "exit_code": 3,
    }


@pytest.mark.parametrize("dry_run", [[], ["--dry-run"]])
def test_the_end_comes_last_whatever_fails(
    vidcolor: Program, film: Path, tmp_path: Path, dry_run: list[str]
) -> None:
    other = make_film(tmp_path / "other.mp4", frames=2)
    command = ("run", film, other, "--progress", "json", *dry_run)
    result = vidcolor(*command, "--checkpoint", "none.safetensors")
    error, end = events(result.stdout)
    assert (error["event"], error["source"], error["exit_code"]) == ("error", None, 30)
    assert end == {
        "event": "end",
        "colored": 0,
        "failed": 0,
        "stopped": 0,
        "not_started": 2,
        "exit_code": 30,
    }
    error, end = events(vidcolor(*command, "--preset", "none").stdout)
    assert (error["exit_code"], end["event"], end["exit_code"]) == (40, "end", 40)


def test_the_output_is_in_colour(
    vidcolor: Program, untrained_checkpoint: Path, tmp_path: Path
) -> None:
    source = make_film(tmp_path / "a.mp4", frames=3)
    output = tmp_path / "a.color.mp4"
    command = ("run", "--checkpoint", untrained_checkpoint, "--progress", "none", source)
    assert vidcolor(*command).exit_code == 0
    assert max(spreads(output)) > 10
    assert vidcolor(*command, "--strength", "0", "--overwrite").exit_code == 0
    assert max(spreads(output)) < 1


def spreads(path: Path) -> list[float]:
    """Mean distance from neutral, in codes, of each chroma plane of a film's first frame."""
    with av.open(str(path)) as container:
        frame = next(container.decode(video=0))
    planes = (plane_values(frame, index) for index in (1, 2))
    return [float(np.abs(plane.astype(float) - 128).mean()) for plane in planes]


def test_a_bad_argument_does_not_keep_the_others_from_being_done(
    color: Program, tmp_path: Path
) -> None:
    film = make_film(tmp_path / "a.mp4", frames=2)
    (tmp_path / "empty").mkdir()
    result = color(tmp_path / "empty", tmp_path / f"{'n' * 300}.mp4", film)
    assert result.exit_code == 4
    empty, too_long = result.stderr.splitlines()
    assert "no film in the folder" in empty
    assert "too long" in too_long
    assert (tmp_path / "a.color.mp4").exists()
    assert "1 coloured, 2 failed" in result.stdout


def test_another_input_is_not_overwritten(color: Program, tmp_path: Path) -> None:
    film = make_film(tmp_path / "b.mp4", frames=2)
    other = make_film(tmp_path / "b.color.mp4", frames=2)
    before = other.read_bytes()
    for dry_run in (["--dry-run"], []):
        result = color("--overwrite", film, other, *dry_run)
        assert result.exit_code == 21
        assert "is also an input" in error_line(result)
        assert other.read_bytes() == before
    assert (tmp_path / "b.color.color.mp4").exists()


def test_quiet_says_nothing(color: Program, film: Path) -> None:
    result = color("-q", film)
    assert (result.exit_code, result.output) == (0, "")


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
    source = tmp_path / "scan_%04d.tif"
    command = ("run", source, "--rate", "23.976", "-o", pattern, "--progress", "none")
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
        (
            ["--network-every", "3"],
            40,
            "--network-every = 3 is not allowed: Input should be 1, 2, 4",
        ),
        (["--batch-size", "0"], 40, "--batch-size = 0 is not allowed"),
        (["--rate", "24"], 40, "leave --rate away"),
        (["--device", "cuda:99"], 41, "'cuda:99' is not available"),
        (["--device", "gpu"], 41, "use auto, cpu, cuda"),
        (["--checkpoint", "filmnett"], 30, "'filmnett'"),
        (["--codec", "libx246"], 40, "did you mean 'libx26"),
        (["--encoder-option", "presett=slow"], 26, "presett"),
        (["-o", "none/out.mp4"], 22, "none"),
        (["-o", "out.avi"], 40, ".mkv"),
        (["--shots", "none.toml"], 40, "cannot read the shot list none.toml"),
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


def test_a_shot_list_is_for_one_film(color: Program, film: Path) -> None:
    result = color(film, film, "--shots", "list.toml")
    assert result.exit_code == 40
    assert "is for one film, not for 2" in error_line(result)


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
    """Until a run writes its first segment there."""
    deadline = time.monotonic() + 60
    while not list(folder.glob(".*.vidcolor/*.packets")) and time.monotonic() < deadline:
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
    assert "0 coloured, 0 failed, 1 stopped, 1 not started" in result.stdout
    assert "failed (" not in result.stdout
    assert sorted(p.name for p in long_film.parent.iterdir()) == ["long.mkv", "never_begun.mkv"]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_the_program_and_leaves_nothing_behind(
    long_film: Path, checkpoint: Path, number: signal.Signals, code: int
) -> None:
    before = long_film.read_bytes()
    options = [str(long_film), "--checkpoint", str(checkpoint)]
    command = [sys.executable, "-m", "vidcolor", "run", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        wait_for_unfinished(long_film.parent)
        process.send_signal(number)
        _, said = process.communicate(timeout=60)
    assert process.returncode == code
    assert [p.name for p in long_film.parent.iterdir()] == ["long.mkv"]
    assert long_film.read_bytes() == before
    assert b"vidcolor: error: stopped;" in said
    assert b"Traceback" not in said


def test_a_reader_of_progress_that_goes_away_ends_the_run(
    long_film: Path, checkpoint: Path
) -> None:
    other = make_film(long_film.with_name("never_begun.mkv"), frames=2)
    options = [str(long_film), str(other), "--checkpoint", str(checkpoint), "--progress", "json"]
    command = [sys.executable, "-m", "vidcolor", "run", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        said = process.stderr.read().decode()
    assert process.returncode == 45
    assert "vidcolor: error: " in said
    assert "nobody reads stdout any more" in said
    assert "Traceback" not in said
    assert not list(long_film.parent.glob("*.color.*"))


def test_a_reader_of_a_table_that_goes_away(film: Path) -> None:
    command = [sys.executable, "-m", "vidcolor", "probe", str(film)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        said = process.stderr.read().decode()
    assert process.returncode == 45
    assert "nobody reads stdout any more" in said


def test_the_summary_says_that_luma_was_deinterlaced(color: Program, tmp_path: Path) -> None:
    film = make_fields(tmp_path / "film.mkv", frames=8)
    result = color(film, "--deinterlace", "bwdif")
    assert result.exit_code == 0
    said = " ".join(result.stdout.split())
    assert "identical in all 8 frames, from the deinterlaced frames to the encoder" in said
    assert color(film, "--deinterlace", "bob").exit_code == 2


def test_a_limit_can_be_raised_and_lowered(color: Program, film: Path) -> None:
    few = color(film, "--limit", "max_frames=11")
    assert few.exit_code == 13
    assert "12 frames, allowed are 11" in error_line(few)
    assert "--limit max_frames=N" in error_line(few)
    assert color(film, "--limit", "max_frames=11", "--limit", "max_frames=12").exit_code == 0
    wrong = color(film, "--limit", "max_frame=11")
    assert wrong.exit_code == 40
    assert "did you mean 'max_frames'" in error_line(wrong)


def test_a_stage_that_hangs_ends_the_run(
    color: Program, film: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    released = threading.Event()

    def hang(*_: object) -> None:
        released.wait(60)
        raise ArithmeticError

    monkeypatch.setattr("vidcolor.colorizer.Colorizer.predict", hang)
    before = set(threading.enumerate())
    try:
        stalled = color(film, "--limit", "stall_s=1")
    finally:
        released.set()
        for thread in set(threading.enumerate()) - before:
            if thread.name == "vidcolor-network":
                thread.join(60)
    assert stalled.exit_code == 44
    assert "'network' has not moved for 1 s" in error_line(stalled)
    assert [path for path in film.parent.iterdir() if path != film] == []
