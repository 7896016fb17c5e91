"""Whole runs of interlaced and telecined films."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from tests.jobs.test_run import SHORT_SIDE, content, settings_of, stop_after
from tests.synthetic import (
    decode_luma,
    make_fields,
    make_film,
    make_soft_telecine,
    plane_values,
    run_ffmpeg,
)
from vidcolor.colorizer import Colorizer
from vidcolor.config import NetworkSettings
from vidcolor.jobs.folder import find_jobs
from vidcolor.jobs.run import color_film
from vidcolor.media.segments import SegmentFolder

Planes = np.ndarray[Any, Any]


@pytest.fixture(scope="module")
def colorizer(untrained_checkpoint: Path) -> Colorizer:
    return Colorizer(
        NetworkSettings(checkpoint=str(untrained_checkpoint), device="cpu", short_side=SHORT_SIDE)
    )


def chroma(path: Path) -> list[Planes]:
    with av.open(str(path)) as container:
        return [
            np.stack([plane_values(frame, 1), plane_values(frame, 2)]).astype(int)
            for frame in container.decode(video=0)
        ]


def marks(path: Path) -> set[bool]:
    with av.open(str(path)) as container:
        return {bool(frame.interlaced_frame) for frame in container.decode(video=0)}


def same(one: Sequence[Planes], other: Sequence[Planes]) -> bool:
    return len(one) == len(other) and all(map(np.array_equal, one, other))


@pytest.mark.parametrize("marked", [True, False])
@pytest.mark.parametrize(
    ("kind", "pix_fmt"),
    [("fields", "yuv420p"), ("fields", "yuv422p10le"), ("pulldown", "yuv420p"), ("whole", "gray")],
)
def test_luma_times_and_marks_are_kept(
    tmp_path: Path, colorizer: Colorizer, kind: str, marked: bool, pix_fmt: str
) -> None:
    film = make_fields(tmp_path / "film.mkv", kind=kind, marked=marked, pix_fmt=pix_fmt)
    output = tmp_path / "out.mkv"
    report = color_film(film, output, settings_of("archive"), colorizer=colorizer)
    assert report.luma_identical == report.verification.luma_identical == 15
    for (time_in, luma_in), (time_out, luma_out) in zip(
        decode_luma(film), decode_luma(output), strict=True
    ):
        assert time_in == time_out
        np.testing.assert_array_equal(luma_in, luma_out)
    assert marks(output) == {marked}
    told = [notice for notice in report.notices if "field first" in notice]
    assert bool(told) == (marked or kind != "whole")


@pytest.mark.parametrize("order", ["tff", "bff"])
@pytest.mark.parametrize(
    ("preset", "suffix"), [("film", "mp4"), ("film", "mkv"), ("prores", "mov")]
)
def test_the_ffmpeg_program_sees_the_fields(
    tmp_path: Path, colorizer: Colorizer, order: str, preset: str, suffix: str
) -> None:
    film = make_fields(tmp_path / "film.mkv", order=order)
    output = tmp_path / f"out.{suffix}"
    color_film(film, output, settings_of(preset), colorizer=colorizer)
    chosen = f"select=eq(interlace_type\\,{'TOPFIRST' if order == 'tff' else 'BOTTOMFIRST'})"
    raw = run_ffmpeg("-i", str(output), "-vf", chosen, "-f", "rawvideo", "-pix_fmt", "gray", "-")
    assert len(raw) == 15 * 128 * 96


@pytest.mark.parametrize("order", ["tff", "bff"])
def test_each_field_is_coloured_as_its_own_picture(
    tmp_path: Path, colorizer: Colorizer, order: str
) -> None:
    """Another scene begins with a frame's later field, and that field has its colours."""
    film = make_fields(tmp_path / "film.mkv", frames=16, order=order, cut=7, kind="still")
    output = tmp_path / "out.mkv"
    settings = settings_of("archive", temporal__radius=0)
    report = color_film(film, output, settings, colorizer=colorizer)
    assert report.shots == 2
    before, both, after = chroma(output)[6:9]
    earlier, later = (0, 1) if order == "tff" else (1, 0)

    def distance(one: Planes, other: Planes, field: int) -> float:
        return float(np.abs(one[:, field::2] - other[:, field::2]).mean())

    assert 3 * distance(both, before, earlier) < distance(after, before, earlier)
    assert 3 * distance(both, after, later) < distance(after, before, later)


def test_off_treats_frames_as_progressive(tmp_path: Path, colorizer: Colorizer) -> None:
    film = make_fields(tmp_path / "film.mkv")
    films = {}
    for mode in ("auto", "off"):
        settings = settings_of("archive", deinterlace=mode)
        report = color_film(film, tmp_path / f"{mode}.mkv", settings, colorizer=colorizer)
        films[mode] = chroma(tmp_path / f"{mode}.mkv")
    assert not same(films["auto"], films["off"])
    assert any("as if progressive" in notice for notice in report.notices)
    assert marks(tmp_path / "off.mkv") == {True}


def test_a_progressive_film_is_not_concerned(tmp_path: Path, colorizer: Colorizer) -> None:
    film = make_film(tmp_path / "film.mkv", frames=12)
    films = []
    for mode in ("auto", "off", "bwdif"):
        output = tmp_path / f"{mode}.mkv"
        color_film(film, output, settings_of("archive", deinterlace=mode), colorizer=colorizer)
        films.append(chroma(output))
    assert same(films[0], films[1])
    assert same(films[0], films[2])


def test_soft_telecine_keeps_its_whole_frames_and_times(
    tmp_path: Path, colorizer: Colorizer
) -> None:
    film, output = make_soft_telecine(tmp_path / "film.mpg"), tmp_path / "out.mkv"
    report = color_film(film, output, settings_of("archive"), colorizer=colorizer)
    assert report.luma_identical == 30
    assert any(notice.startswith("soft telecine") for notice in report.notices)
    assert marks(output) == {False}
    times = [time_s for time_s, _ in decode_luma(output)]
    steps = [b - a for a, b in itertools.pairwise(times)]
    for long, short in zip(steps[::2], steps[1::2], strict=False):
        assert abs(long - Fraction(1001, 20000)) < Fraction(2, 1000)
        assert abs(short - Fraction(1001, 30000)) < Fraction(2, 1000)


def test_a_scaled_picture_has_no_fields(tmp_path: Path, colorizer: Colorizer) -> None:
    film, output = make_fields(tmp_path / "film.mkv"), tmp_path / "out.mkv"
    report = color_film(film, output, settings_of("preview"), colorizer=colorizer)
    assert any("scaling mixes the fields" in notice for notice in report.notices)
    assert marks(output) == {False}


@pytest.mark.parametrize("kind", ["fields", "pulldown"])
def test_batches_change_nothing(
    tmp_path: Path, untrained_checkpoint: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    film = make_fields(tmp_path / "film.mkv", frames=21, kind=kind, cut=9)
    network = NetworkSettings(
        checkpoint=str(untrained_checkpoint), device="cpu", short_side=SHORT_SIDE
    )
    films = []
    for collected in (1, 4, 16):
        colorizer = Colorizer(network)
        monkeypatch.setattr(colorizer.by_torch, "_pool", None)  # as on a GPU
        monkeypatch.setattr(colorizer.by_torch, "micro_batch", 4)
        monkeypatch.setattr(colorizer, "fix_batch", lambda _, size=collected: size)
        output = tmp_path / f"{collected}.mkv"
        color_film(film, output, settings_of("archive"), colorizer=colorizer)
        films.append(chroma(output))
    assert same(films[0], films[1])
    assert same(films[0], films[2])


@pytest.mark.parametrize(
    ("kind", "mode"), [("fields", "auto"), ("pulldown", "auto"), ("fields", "bwdif")]
)
def test_an_interrupted_run_gives_the_same_film(
    tmp_path: Path, colorizer: Colorizer, kind: str, mode: str
) -> None:
    film = make_fields(tmp_path / "film.mkv", frames=32, kind=kind, cut=11)
    settings = settings_of("archive", deinterlace=mode, segments__most_s=0.6)
    whole = tmp_path / "whole.mkv"
    color_film(film, whole, settings, colorizer=colorizer)
    output = tmp_path / "out.mkv"
    stop_after(24, film, output, settings, colorizer)
    report = color_film(film, output, settings, colorizer=colorizer)
    assert report.frames_resumed > 0
    assert content(output) == content(whole)


@pytest.mark.parametrize("mode", ["auto", "bwdif"])
def test_a_changed_look_renders_kept_fields(
    tmp_path: Path, colorizer: Colorizer, mode: str
) -> None:
    film = make_fields(tmp_path / "film.mkv", frames=24, cut=11)
    output = tmp_path / "out.mkv"
    kept = {"keep_work": True, "overwrite": True, "deinterlace": mode}
    color_film(film, output, settings_of("archive", **kept), colorizer=colorizer)
    (job,) = find_jobs(tmp_path)
    if mode == "auto":  # a shot that begins with a later field begins, in frames, with the next
        segments = SegmentFolder(job.folder, output).finished
        assert [len(record.pts) for record in segments] == [12, 12]
    changed = settings_of("archive", look__warmth=9.0, **kept)
    report = color_film(film, output, changed, colorizer=colorizer)
    assert any("kept work was used" in notice for notice in report.notices)
    anew = tmp_path / "anew"
    anew.mkdir()
    shutil.copy(film, anew / "film.mkv")
    color_film(anew / "film.mkv", anew / "out.mkv", changed, colorizer=colorizer)
    assert content(output) == content(anew / "out.mkv")


def test_deinterlaced_luma_is_what_is_kept(tmp_path: Path, colorizer: Colorizer) -> None:
    film, output = make_fields(tmp_path / "film.mkv"), tmp_path / "out.mkv"
    settings = settings_of("archive", deinterlace="bwdif")
    report = color_film(film, output, settings, colorizer=colorizer)
    assert report.is_deinterlaced
    assert report.luma_identical == report.verification.luma_identical == 15
    assert any("deinterlaced by bwdif" in notice for notice in report.notices)
    assert marks(output) == {False}
    before, after = decode_luma(film), decode_luma(output)
    assert [time_s for time_s, _ in before] == [time_s for time_s, _ in after]
    assert all((one != other).any() for (_, one), (_, other) in zip(before, after, strict=True))
