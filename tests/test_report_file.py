"""The file that says how an output was made."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from tests.synthetic import make_film, run_ffmpeg
from vidcolor.colorizer import Colorizer
from vidcolor.config import NetworkSettings, RunSettings, load_preset, override
from vidcolor.errors import InputNotFoundError, OutputError, OutputExistsError
from vidcolor.jobs.run import color_film
from vidcolor.report_file import (
    FORMAT,
    hash_files,
    read_report_file,
    report_path,
    write_report_file,
)
from vidcolor.verification.films import verify_films

PAGE = Path(__file__).parent.parent / "docs" / "report.md"


@pytest.fixture(scope="module")
def colorizer(untrained_checkpoint: Path) -> Colorizer:
    return Colorizer(
        NetworkSettings(checkpoint=str(untrained_checkpoint), device="cpu", short_side=32)
    )


def settings_of(preset: str = "film", **changes: Any) -> RunSettings:
    return override(load_preset(preset), {k.replace("__", "."): v for k, v in changes.items()})


def ffmpeg_luma_hash(path: Path) -> str:
    """What somebody finds who has only the ffmpeg program, as docs/report.md says."""
    told = run_ffmpeg(
        *("-v", "error", "-i", str(path), "-map", "0:v:0", "-vf", "extractplanes=y"),
        *("-fps_mode", "passthrough", "-f", "framehash", "-hash", "sha256", "-"),
    )
    hashes = [line.split(b",")[-1].strip() for line in told.splitlines() if line[:1] != b"#"]
    return hashlib.sha256(b"".join(each + b"\n" for each in hashes)).hexdigest()


@pytest.mark.parametrize(
    ("preset", "pix_fmt", "min_bits"),
    [("archive", "yuv420p10le", 8), ("archive", "yuv420p", 10), ("film", "yuv420p", 8)],
)
def test_luma_hashes_are_those_of_ffmpeg(
    tmp_path: Path, colorizer: Colorizer, preset: str, pix_fmt: str, min_bits: int
) -> None:
    source = make_film(tmp_path / "film.mkv", frames=6, pix_fmt=pix_fmt, codec="ffv1", vfr=True)
    output = tmp_path / "out.mkv"
    settings = settings_of(preset, report=True, encode__min_bits=min_bits)
    report = color_film(source, output, settings, colorizer=colorizer)
    luma = read_report_file(report_path(output))["luma"]
    assert luma["source_sha256"] == ffmpeg_luma_hash(source) == report.source_luma_sha256
    assert (luma["encoder_sha256"] == luma["source_sha256"]) is (min_bits == 8)
    exact = preset == "archive"
    assert luma["read_back_sha256"] == (luma["encoder_sha256"] if exact else None)
    assert (luma["encoder_sha256"] == ffmpeg_luma_hash(output)) is exact


def test_what_is_in_it(tmp_path: Path, colorizer: Colorizer) -> None:
    source = make_film(tmp_path / "film.mkv", frames=6, audio=1)
    output = tmp_path / "out.mkv"
    report = color_film(source, output, settings_of("archive"), colorizer=colorizer)
    path = report_path(output)
    assert report.report_file == str(path)
    content = read_report_file(path)
    assert content["source"]["sha256"] == hashlib.sha256(source.read_bytes()).hexdigest()
    assert content["output"]["sha256"] == hashlib.sha256(output.read_bytes()).hexdigest()
    assert content["output"]["name"] == "out.mkv"
    assert content["network"]["sha256"] == colorizer.info.sha256
    assert content["frames"]["out"] == content["luma"]["identical_frames"] == 6
    assert content["settings"] == settings_of("archive").model_dump(mode="json")
    assert [stream["action"] for stream in content["streams"]] == ["color", "copy"]
    # Whoever reads the documents knows every field, and finds it.
    table = PAGE.read_text("utf-8").partition("###")[0]
    rows = re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)
    assert rows == list(content)


def test_only_if_asked_for(tmp_path: Path, colorizer: Colorizer) -> None:
    source, output = make_film(tmp_path / "film.mkv", frames=3), tmp_path / "out.mkv"
    report = color_film(source, output, settings_of(), colorizer=colorizer)
    assert report.report_file is None
    assert sorted(p.name for p in tmp_path.iterdir()) == ["film.mkv", "out.mkv"]


@pytest.mark.parametrize("report", [True, False])
def test_an_old_one_is_not_replaced_unasked(
    tmp_path: Path, colorizer: Colorizer, monkeypatch: pytest.MonkeyPatch, report: bool
) -> None:
    source, output = make_film(tmp_path / "film.mkv", frames=3), tmp_path / "out.mkv"
    old = json.dumps({"format": "vidcolor-report-0"}, indent=4)
    report_path(output).write_text(old)
    with monkeypatch.context() as patched:
        patched.setattr("vidcolor.jobs.run.FilmRun", lambda *_: pytest.fail("it has begun"))
        with pytest.raises(OutputExistsError, match=r"out\.mkv\.vidcolor\.json exists"):
            color_film(source, output, settings_of(report=report), colorizer=colorizer)
    assert not output.exists()
    assert report_path(output).read_text() == old
    color_film(source, output, settings_of(report=report, overwrite=True), colorizer=colorizer)
    assert report_path(output).exists() == report
    if report:
        assert read_report_file(report_path(output))["frames"]["out"] == 3


@pytest.mark.parametrize("content", ["", "mine", "[]", '{"format": "another-1"}'])
@pytest.mark.parametrize("report", [True, False])
def test_what_is_no_report_is_never_replaced(
    tmp_path: Path,
    colorizer: Colorizer,
    monkeypatch: pytest.MonkeyPatch,
    report: bool,
    content: str,
) -> None:
    source, output = make_film(tmp_path / "film.mkv", frames=3), tmp_path / "out.mkv"
    output.write_text("an earlier film")
    report_path(output).write_text(content)
    settings = settings_of(report=report, overwrite=True)
    monkeypatch.setattr("vidcolor.jobs.run.FilmRun", lambda *_: pytest.fail("it has begun"))
    with pytest.raises(OutputExistsError, match=r"json is no report of vidcolor.*move it away"):
        color_film(source, output, settings, colorizer=colorizer)
    assert report_path(output).read_text() == content
    assert output.read_text() == "an earlier film"


def test_what_is_no_report_is_left_where_nothing_is_replaced(
    tmp_path: Path, colorizer: Colorizer
) -> None:
    source, output = make_film(tmp_path / "film.mkv", frames=3), tmp_path / "out.mkv"
    report_path(output).write_text("mine")
    color_film(source, output, settings_of(), colorizer=colorizer)
    assert output.exists()
    assert report_path(output).read_text() == "mine"


def test_it_goes_with_the_output_that_it_tells_of(tmp_path: Path, colorizer: Colorizer) -> None:
    source, output = make_film(tmp_path / "film.mkv", frames=6), tmp_path / "out.mkv"
    color_film(source, output, settings_of(report=True, duration_s=0.1), colorizer=colorizer)
    assert report_path(output).exists()
    color_film(source, output, settings_of(overwrite=True), colorizer=colorizer)
    assert not report_path(output).exists()
    assert verify_films(source, output).is_kept


def test_a_film_is_finished_even_if_its_report_is_not(
    tmp_path: Path, colorizer: Colorizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise OutputExistsError("somebody was quicker")

    monkeypatch.setattr("vidcolor.jobs.run.write_report_file", fail)
    source, output = make_film(tmp_path / "film.mkv", frames=3), tmp_path / "out.mkv"
    with pytest.raises(OutputError) as caught:
        color_film(source, output, settings_of(report=True), colorizer=colorizer)
    assert caught.value.__notes__ == [f"the film itself is finished: {output}"]
    assert output.exists()


@pytest.mark.parametrize("overwrite", [True, False])
def test_one_that_was_made_meanwhile(
    tmp_path: Path, colorizer: Colorizer, monkeypatch: pytest.MonkeyPatch, overwrite: bool
) -> None:
    def later(path: Path, content: Any) -> None:
        path.write_text("mine")
        write_report_file(path, content)

    monkeypatch.setattr("vidcolor.jobs.run.write_report_file", later)
    source, output = make_film(tmp_path / "film.mkv", frames=3), tmp_path / "out.mkv"
    settings = settings_of(report=True, overwrite=overwrite)
    with pytest.raises(OutputExistsError, match=r"json was made by somebody else") as caught:
        color_film(source, output, settings, colorizer=colorizer)
    assert caught.value.__notes__ == [f"the film itself is finished: {output}"]
    assert report_path(output).read_text() == "mine"
    names = ["film.mkv", output.name, report_path(output).name]
    assert sorted(path.name for path in tmp_path.iterdir()) == names


def test_pictures(tmp_path: Path, colorizer: Colorizer) -> None:
    source = make_film(tmp_path / "film.mkv", frames=3)
    output = tmp_path / "out_%03d.png"
    color_film(source, output, settings_of(report=True), colorizer=colorizer)
    content = read_report_file(tmp_path / "out_%03d.png.vidcolor.json")
    assert content["source"]["rate"] is None
    pictures = sorted(tmp_path.glob("out_*.png"))
    assert content["output"] == {
        "name": "out_%03d.png",
        "files": 3,
        "bytes": sum(p.stat().st_size for p in pictures),
        "sha256": hash_files(pictures).sha256,
    }
    assert content["luma"]["encoder_sha256"] is None


def test_numbered_scans_are_verified_at_their_rate(tmp_path: Path, colorizer: Colorizer) -> None:
    rng = np.random.default_rng(0)
    for number in range(3):
        cv2.imwrite(str(tmp_path / f"s_{number}.png"), rng.integers(0, 255, (48, 64), np.uint8))
    scans, output = tmp_path / "s_%d.png", tmp_path / "out.mkv"
    color_film(scans, output, settings_of("archive"), rate="18", colorizer=colorizer)
    content = read_report_file(report_path(output))
    assert (content["source"]["rate"], content["source"]["files"]) == ("18", 3)
    found = verify_films(scans, output)
    assert found.is_kept
    assert found.source_luma_sha256 == content["luma"]["source_sha256"]
    assert not verify_films(scans, output, rate="24").is_kept


def test_hash_of_several_files_is_that_of_sha256sums_lines(tmp_path: Path) -> None:
    paths = [tmp_path / "a", tmp_path / "b"]
    for path in paths:
        path.write_text(path.name)
    lines = "".join(f"{hashlib.sha256(p.name.encode()).hexdigest()}  {p.name}\n" for p in paths)
    found = hash_files(paths)
    assert (found.files, found.bytes) == (2, 2)
    assert found.sha256 == hashlib.sha256(lines.encode()).hexdigest()
    assert hash_files(paths[:1]).sha256 == hashlib.sha256(b"a").hexdigest()
    with pytest.raises(InputNotFoundError, match="cannot be read"):
        hash_files([tmp_path / "c"])


def test_the_format_is_told_first(tmp_path: Path, colorizer: Colorizer) -> None:
    source, output = make_film(tmp_path / "film.mkv", frames=2), tmp_path / "out.mkv"
    color_film(source, output, settings_of(report=True), colorizer=colorizer)
    text = report_path(output).read_text("ascii")
    assert json.loads(text)["format"] == FORMAT
    assert text.startswith('{\n  "format"')
