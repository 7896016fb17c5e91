"""Runs that are interrupted and go on."""

from __future__ import annotations

import hashlib
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import av
import pytest

from tests.synthetic import make_film
from vidcolor.colorizer import Colorizer
from vidcolor.config import NetworkSettings, RunSettings, load_preset, override
from vidcolor.errors import Interrupted, SourceChangedError
from vidcolor.jobs.folder import find_jobs
from vidcolor.jobs.run import color_film
from vidcolor.report import ProgressEvent, RunReport

SHORT_SIDE = 32
"""Working size of the network in these tests, for speed."""

FRAMES, CUTS = 120, (20, 47, 90)


@pytest.fixture(scope="module")
def colorizer(untrained_checkpoint: Path) -> Colorizer:
    return Colorizer(
        NetworkSettings(checkpoint=str(untrained_checkpoint), device="cpu", short_side=SHORT_SIDE)
    )


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    # x264 itself encodes pictures of 64×48 differently from run to run, larger ones never.
    path = tmp_path_factory.mktemp("film") / "film.mkv"
    size = {"width": 128, "height": 96}
    sound = {"audio": 1, "subtitles": "srt"}
    return make_film(path, frames=FRAMES, cuts=CUTS, colorful=True, **size, **sound)


def settings_of(preset: str = "film", **changes: Any) -> RunSettings:
    """Segments of 0.4 to 1.5 s: they begin at frames 20, 47, 83 (not at a cut) and 93."""
    changes = {name.replace("__", "."): value for name, value in changes.items()}
    short = {"segments.least_s": 0.4, "segments.most_s": 1.5}
    return override(load_preset(preset), {**short, **changes})


def content(path: Path) -> str:
    """Of all decoded frames, times, and packets of the other streams."""
    digest = hashlib.sha256()
    with av.open(str(path)) as container:
        for packet in container.demux():
            if packet.stream.type == "video":
                for frame in packet.decode():
                    digest.update(f"{frame.pts}×{frame.time_base}".encode())
                    digest.update(frame.to_ndarray().tobytes())
            elif packet.size:
                digest.update(f"{packet.stream_index} {packet.pts} {packet.dts}".encode())
                digest.update(bytes(packet))
    return digest.hexdigest()


def stop_after(
    frames: int, film: Path, output: Path, settings: RunSettings, colorizer: Colorizer
) -> Interrupted:
    """Colour until so many frames are written."""
    cancel = threading.Event()

    def watch(event: ProgressEvent) -> None:
        if event.frames_done >= frames or event.stage != "color":
            cancel.set()

    with pytest.raises(Interrupted) as caught:
        color_film(film, output, settings, colorizer=colorizer, cancel=cancel, on_progress=watch)
    return caught.value


def told(report: RunReport) -> tuple[Any, ...]:
    """What does not depend on time."""
    return (
        report.frames_in,
        report.frames_out,
        report.luma_identical,
        report.shots,
        report.notices,
        report.streams,
    )


@pytest.mark.parametrize("preset", ["film", "archive"])
@pytest.mark.parametrize("radius", [0, 7])
def test_an_interrupted_run_gives_the_same_film(
    film: Path, tmp_path: Path, colorizer: Colorizer, preset: str, radius: int
) -> None:
    settings = settings_of(
        preset, temporal__radius=radius, look__keep_color_shots=True, look__strength=1.2
    )
    whole = color_film(film, tmp_path / "whole.mkv", settings, colorizer=colorizer)
    assert whole.frames_resumed == 0
    output = tmp_path / "out.mkv"
    for frames in (30, 50, 70, 100):
        stopped = stop_after(frames, film, output, settings, colorizer)
        assert not output.exists()
        assert "the same command goes on" in stopped.__notes__[0]
    report = color_film(film, output, settings, colorizer=colorizer)
    assert report.frames_resumed > 0
    assert told(report) == told(whole)
    assert content(output) == content(tmp_path / "whole.mkv")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["out.mkv", "whole.mkv"]


def test_a_run_that_was_stopped_while_it_was_checked(
    film: Path, tmp_path: Path, colorizer: Colorizer
) -> None:
    settings, output = settings_of("archive"), tmp_path / "out.mkv"
    stop_after(FRAMES + 1, film, output, settings, colorizer)
    report = color_film(film, output, settings, colorizer=colorizer)
    assert report.frames_resumed == report.frames_out == FRAMES
    assert report.verification.luma_identical == FRAMES


def test_other_settings_begin_anew(film: Path, tmp_path: Path, colorizer: Colorizer) -> None:
    output = tmp_path / "out.mkv"
    stop_after(60, film, output, settings_of(), colorizer)
    (job,) = find_jobs(tmp_path)
    report = color_film(film, output, settings_of(look__strength=0.5), colorizer=colorizer)
    assert report.frames_resumed == 0
    assert find_jobs(tmp_path) == [job]
    accepting = settings_of(overwrite=True, keep_partial=True)
    report = color_film(film, output, accepting, colorizer=colorizer)
    assert report.frames_resumed == job.frames


def test_to_begin_anew(film: Path, tmp_path: Path, colorizer: Colorizer) -> None:
    output = tmp_path / "out.mkv"
    stop_after(60, film, output, settings_of(), colorizer)
    report = color_film(film, output, settings_of(), colorizer=colorizer, resume=False)
    assert report.frames_resumed == 0
    assert find_jobs(tmp_path) == []


def test_a_source_that_changes_meanwhile(film: Path, tmp_path: Path, colorizer: Colorizer) -> None:
    source = tmp_path / "film.mkv"
    shutil.copy(film, source)

    def touch(event: ProgressEvent) -> None:
        if event.frames_done:
            os.utime(source)

    with pytest.raises(SourceChangedError, match=r"film\.mkv was changed"):
        color_film(
            source, tmp_path / "out.mkv", settings_of(), colorizer=colorizer, on_progress=touch
        )
    assert [p.name for p in tmp_path.iterdir()] == ["film.mkv"]


def test_a_killed_run_goes_on(film: Path, tmp_path: Path, untrained_checkpoint: Path) -> None:
    preset = tmp_path / "short.toml"
    preset.write_text(
        "[segments]\nleast_s = 0.4\nmost_s = 1.5\n"
        f'[network]\ncheckpoint = "{untrained_checkpoint}"\nshort_side = {SHORT_SIDE}\n'
    )
    outputs = tmp_path / "outputs"
    outputs.mkdir()
    command = [sys.executable, "-m", "vidcolor", "run", str(film), "--preset", str(preset)]
    subprocess.run([*command, "-o", str(outputs / "whole.mkv")], check=True, capture_output=True)
    rng = random.Random(1)
    kills = 0
    while kills < 3:
        with subprocess.Popen([*command, "-o", str(outputs / "out.mkv")]) as process:
            kept = sum(job.frames for job in find_jobs(outputs))
            while process.poll() is None and kept == sum(j.frames for j in find_jobs(outputs)):
                time.sleep(0.01)
            time.sleep(rng.uniform(0, 0.1))
            if process.poll() is not None:
                break
            process.send_signal(signal.SIGKILL)
            kills += 1
    assert kills
    ran = subprocess.run(
        [*command, "-o", str(outputs / "out.mkv"), "--overwrite"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "going on after" in ran.stderr or kills < 3
    assert content(outputs / "out.mkv") == content(outputs / "whole.mkv")
    assert sorted(p.name for p in outputs.iterdir()) == ["out.mkv", "whole.mkv"]
