"""Runs that keep their work: a changed look or edit renders only what it changes."""

from __future__ import annotations

import shutil
import threading
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from tests.jobs.test_run import CUTS, FRAMES, content, film, settings_of, stop_after
from tests.synthetic import make_film
from vidcolor.colorizer import Colorizer
from vidcolor.config import Limits, NetworkSettings, override
from vidcolor.errors import DiskFullError, StalledError
from vidcolor.jobs.folder import find_jobs
from vidcolor.jobs.run import color_film
from vidcolor.media.segment_encoder import SegmentEncoder
from vidcolor.media.segments import SegmentFolder
from vidcolor.media.sequence import open_source
from vidcolor.references import KEYFRAME_LIST, Keyframe, keyframe_list
from vidcolor.report import RunReport

__all__ = ["film"]

RATE = 24


@pytest.fixture(scope="module")
def colorizer(untrained_checkpoint: Path) -> Colorizer:
    return Colorizer(
        NetworkSettings(checkpoint=str(untrained_checkpoint), device="cpu", short_side=32)
    )


@pytest.fixture
def shots(tmp_path: Path) -> Path:
    return write_shots(tmp_path / "shots.csv", {})


def write_shots(path: Path, strengths: dict[int, float]) -> Path:
    """The film's four shots; segments begin at each."""
    starts = [0, *CUTS]
    rows = [f"{n / RATE - 0.001:.4f},{strengths.get(i, '')}" for i, n in enumerate(starts)]
    path.write_text("start,strength\n" + "\n".join(rows) + "\n")
    return path


def kept(shots: Path, preset: str = "archive", **changes: Any) -> Any:
    usual = {"keep_work": True, "overwrite": True, "temporal__shots": str(shots)}
    return settings_of(preset, segments__most_s=60.0, **{**usual, **changes})


def packets(folder: Path) -> list[bytes]:
    segments = SegmentFolder(folder, folder)
    return [segments.packets_path(record).read_bytes() for record in segments.finished]


def whole(film: Path, tmp_path: Path, settings: Any, colorizer: Colorizer) -> str:
    """Content of the film that a run without any kept work makes."""
    output = tmp_path / "whole.mkv"
    color_film(film, output, override(settings, {"keep_work": False}), colorizer=colorizer)
    digest = content(output)
    output.unlink()
    return digest


def rendered(report: RunReport) -> int:
    (notice,) = [notice for notice in report.notices if "kept work" in notice]
    return int(notice.split(": ")[1].split()[0])


@pytest.mark.parametrize("preset", ["archive", "film"])
def test_one_shots_look_renders_one_segment(
    film: Path, tmp_path: Path, shots: Path, colorizer: Colorizer, preset: str
) -> None:
    output = tmp_path / "out.mkv"
    settings = kept(shots, preset)
    first = color_film(film, output, settings, colorizer=colorizer)
    (job,) = find_jobs(tmp_path)
    assert job.is_complete
    assert job.frames == FRAMES
    before = packets(job.folder)
    assert len(before) == 4
    write_shots(shots, {2: 0.3})
    colorizer_that_must_rest = Colorizer.__new__(Colorizer)
    colorizer_that_must_rest.__dict__.update(colorizer.__dict__)
    colorizer_that_must_rest.predict = None  # type: ignore[assignment,method-assign]
    report = color_film(film, output, settings, colorizer=colorizer_that_must_rest)
    assert rendered(report) == 1
    assert (report.frames_in, report.frames_out) == (FRAMES, FRAMES)
    assert report.luma_identical == first.luma_identical == FRAMES
    assert report.source_luma_sha256 == first.source_luma_sha256
    assert report.encoder_luma_sha256 == first.encoder_luma_sha256
    after = packets(job.folder)
    assert [one == other for one, other in zip(before, after, strict=True)] == [
        *(True, True, False, True)
    ]
    assert content(output) == whole(film, tmp_path, settings, colorizer)
    # Back again, and then nothing at all.
    write_shots(shots, {})
    assert rendered(color_film(film, output, settings, colorizer=colorizer)) == 1
    assert packets(job.folder) == before
    assert rendered(color_film(film, output, settings, colorizer=colorizer)) == 0
    assert len(list(job.folder.glob("*.packets"))) == 4


def test_a_look_of_the_film_renders_all(
    film: Path, tmp_path: Path, shots: Path, colorizer: Colorizer
) -> None:
    output = tmp_path / "out.mkv"
    color_film(film, output, kept(shots), colorizer=colorizer)
    settings = kept(shots, look__warmth=6.0)
    assert rendered(color_film(film, output, settings, colorizer=colorizer)) == 4
    assert content(output) == whole(film, tmp_path, settings, colorizer)


def test_an_edit_renders_its_shot(
    film: Path, tmp_path: Path, shots: Path, colorizer: Colorizer
) -> None:
    output = tmp_path / "out.mkv"
    color_film(film, output, kept(shots), colorizer=colorizer)
    folder = tmp_path / "keyframes"
    folder.mkdir()
    picture = np.full((96, 128, 3), (40, 40, 200), np.uint8)
    assert cv2.imwrite(str(folder / "a.png"), picture)
    start, end = CUTS[0] / RATE - 0.001, CUTS[1] / RATE - 0.001
    keyframe = Keyframe(folder / "a.png", start + 0.5, start, end)
    (folder / KEYFRAME_LIST).write_text(keyframe_list(film.name, [keyframe]))
    settings = kept(shots, references=str(folder))
    assert rendered(color_film(film, output, settings, colorizer=colorizer)) == 1
    assert content(output) == whole(film, tmp_path, settings, colorizer)


def test_shots_that_keep_their_own_colours(
    film: Path, tmp_path: Path, shots: Path, colorizer: Colorizer
) -> None:
    """What was decided about them is kept with the colours."""
    output = tmp_path / "out.mkv"
    color_film(film, output, kept(shots, look__keep_color_shots=True), colorizer=colorizer)
    before = content(output)
    write_shots(shots, {1: 0.0})
    settings = kept(shots, look__keep_color_shots=True)
    assert rendered(color_film(film, output, settings, colorizer=colorizer)) == 1
    assert content(output) == before


def test_another_network_begins_anew(
    film: Path, tmp_path: Path, shots: Path, colorizer: Colorizer
) -> None:
    output = tmp_path / "out.mkv"
    color_film(film, output, kept(shots), colorizer=colorizer)
    report = color_film(film, output, kept(shots, temporal__radius=0), colorizer=colorizer)
    assert not any("kept work" in notice for notice in report.notices)
    assert len(find_jobs(tmp_path)) == 2


def test_a_changed_look_of_an_unfinished_film(
    film: Path, tmp_path: Path, shots: Path, colorizer: Colorizer
) -> None:
    """With kept colours segments are rendered again; without they are coloured again."""
    for keep_work in (True, False):
        output = tmp_path / f"{keep_work}.mkv"
        settings = kept(shots) if keep_work else kept(shots, keep_work=False)
        stop_after(60, film, output, settings, colorizer)
        (job,) = find_jobs(tmp_path)
        assert job.frames == CUTS[1]
        write_shots(shots, {1: 0.3})
        report = color_film(film, output, settings, colorizer=colorizer)
        assert report.frames_resumed == (CUTS[1] if keep_work else CUTS[0])
        assert content(output) == whole(film, tmp_path, settings, colorizer)
        write_shots(shots, {})
        for job in find_jobs(tmp_path):
            shutil.rmtree(job.folder)


@pytest.mark.parametrize("damage", ["missing", "short", "changed"])
def test_kept_colours_that_are_damaged(
    film: Path, tmp_path: Path, shots: Path, colorizer: Colorizer, damage: str
) -> None:
    output = tmp_path / "out.mkv"
    color_film(film, output, kept(shots), colorizer=colorizer)
    (job,) = find_jobs(tmp_path)
    cache = job.folder / "000002.ab"
    before = cache.read_bytes()
    if damage == "missing":
        cache.unlink()
    else:
        cut = before[:-7]
        cache.write_bytes(cut if damage == "short" else before[:200] + b"!!!!" + before[204:])
    write_shots(shots, {2: 0.3})
    report = color_film(film, output, kept(shots), colorizer=colorizer)
    assert report.frames_resumed == CUTS[1]  # that segment and what follows are coloured again
    assert content(output) == whole(film, tmp_path, kept(shots), colorizer)


def test_looks_that_change_places_within_a_segment(
    film: Path, tmp_path: Path, shots: Path, colorizer: Colorizer
) -> None:
    """All four shots are one segment: where which look holds counts, not their order alone."""
    output = tmp_path / "out.mkv"
    one = {"segments__least_s": 4.9}
    for strengths in ({1: 0.3, 2: 0.3, 3: 0.3}, {2: 0.3, 3: 0.3}):
        write_shots(shots, strengths)
        report = color_film(film, output, kept(shots, **one), colorizer=colorizer)
    assert rendered(report) == 1
    assert content(output) == whole(film, tmp_path, kept(shots, **one), colorizer)


def test_frames_that_are_others_than_before(
    film: Path, tmp_path: Path, shots: Path, colorizer: Colorizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where recordings were glued together and a time is sought in the wrong one."""
    output = tmp_path / "out.mkv"
    color_film(film, output, kept(shots), colorizer=colorizer)
    write_shots(shots, {2: 0.3})
    other = make_film(tmp_path / "other.mkv", frames=FRAMES, width=128, height=96)

    def elsewhere(_: Any, **options: Any) -> Any:
        return open_source(other, **options)

    with monkeypatch.context() as patch:
        patch.setattr("vidcolor.jobs.rerender.open_source", elsewhere)
        report = color_film(film, output, kept(shots), colorizer=colorizer)
    assert report.frames_resumed == CUTS[1]
    assert content(output) == whole(film, tmp_path, kept(shots), colorizer)


def test_a_full_disk_is_said(
    film: Path, tmp_path: Path, shots: Path, colorizer: Colorizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    output = tmp_path / "out.mkv"
    color_film(film, output, kept(shots), colorizer=colorizer)
    before = content(output)
    write_shots(shots, {2: 0.3})
    usage = shutil.disk_usage(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr("shutil.disk_usage", lambda _: usage._replace(free=1000))
        with pytest.raises(DiskFullError):
            color_film(film, output, kept(shots), colorizer=colorizer)
    assert content(output) == before
    assert rendered(color_film(film, output, kept(shots), colorizer=colorizer)) == 1


def test_limits_hold_here_too(
    film: Path, tmp_path: Path, shots: Path, colorizer: Colorizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    output = tmp_path / "out.mkv"
    seen: list[Limits] = []

    def noted(path: Any, *, limits: Limits, **options: Any) -> Any:
        seen.append(limits)
        return open_source(path, limits=limits, **options)

    monkeypatch.setattr("vidcolor.jobs.rerender.open_source", noted)
    settings = kept(shots, limits__max_frames=1000)
    color_film(film, output, settings, colorizer=colorizer)
    write_shots(shots, {2: 0.3})
    assert rendered(color_film(film, output, settings, colorizer=colorizer)) == 1
    assert [limits.max_frames for limits in seen] == [1000]


def test_a_stage_that_hangs_is_noticed(
    film: Path, tmp_path: Path, shots: Path, colorizer: Colorizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    output = tmp_path / "out.mkv"
    color_film(film, output, kept(shots), colorizer=colorizer)
    write_shots(shots, {2: 0.3})
    released, stuck = threading.Event(), []

    def hang(encoder: SegmentEncoder, *_: object) -> None:
        stuck.append(encoder)
        released.wait(60)
        raise ArithmeticError

    before = set(threading.enumerate())
    with monkeypatch.context() as patch:
        patch.setattr("vidcolor.stages.PATIENCE_S", 0.0)
        patch.setattr(SegmentEncoder, "write", hang)
        try:
            with pytest.raises(StalledError, match="'writer' has not moved"):
                color_film(film, output, kept(shots, limits__stall_s=0.5), colorizer=colorizer)
        finally:
            released.set()
            for thread in set(threading.enumerate()) - before:
                if thread.name.startswith("vidcolor-"):
                    thread.join(60)
            for encoder in stuck:
                encoder.abort()
    assert rendered(color_film(film, output, kept(shots), colorizer=colorizer)) == 1
