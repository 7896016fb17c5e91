"""A coloured film against its source, at any time after the run."""

from __future__ import annotations

import dataclasses
import json
import shutil
import threading
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest

from tests.media.recolor import FAST_X264, fast_settings, recolor
from tests.synthetic import fill_plane, make_fields, make_film, make_frame, plane_values, run_ffmpeg
from vidcolor.config import override
from vidcolor.errors import Interrupted, NotMediaError, SettingsError
from vidcolor.frames import ColorTags
from vidcolor.media.expectation import expected_streams
from vidcolor.media.film_check import Point
from vidcolor.report_file import FORMAT, hash_files, report_path
from vidcolor.verification.films import FilmVerification, verify_films

FRAMES = 12

SETTINGS = {"start_s": 0.0, "duration_s": None, "keep_partial": False, "deinterlace": "auto"}
"""What a report keeps of them for us."""


def results(found: FilmVerification) -> dict[str, str]:
    return {point.name: point.result for point in found.points}


def point(found: FilmVerification, name: str) -> Point:
    (one,) = [each for each in found.points if each.name == name]
    return one


def differing(found: FilmVerification) -> set[str]:
    assert not found.is_kept
    return {each.name for each in found.points if each.result == "differs"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("verify")


@pytest.fixture(scope="module")
def source(folder: Path) -> Path:
    return make_film(
        folder / "film.mkv",
        frames=FRAMES,
        audio=2,
        subtitles="srt",
        chapters=True,
        attachment=True,
        color=ColorTags(1, 1, 1, full_range=False),
        metadata={"title": "Der Film", "director": "F. W. M."},
    )


@pytest.fixture(scope="module")
def archive(source: Path) -> Path:
    return recolor(source, source.with_name("archive.mkv"), fast_settings("archive")).path


def remade(path: Path, *arguments: str) -> Path:
    """The film, passed through the ffmpeg program with ``arguments``."""
    changed = path.with_name(f"changed{path.suffix}")
    changed.unlink(missing_ok=True)
    mode = ("-default_mode", "passthrough", "-disposition:a:0", "0")
    run_ffmpeg("-i", str(path), "-map", "0", "-c", "copy", *mode, *arguments, str(changed))
    return changed


def test_a_lossless_film(source: Path, archive: Path) -> None:
    found = verify_films(source, archive)
    assert found.is_kept
    assert set(results(found).values()) == {"same"}
    assert found.lossless
    assert found.frames == found.luma_identical == FRAMES
    assert (found.psnr_db, found.worst_psnr_db, found.largest_difference) == (None, None, 0)
    assert found.source_luma_sha256 == found.output_luma_sha256
    assert point(found, "stream 1 (audio)").detail.endswith("byte for byte")
    assert point(found, "attachments").detail.startswith("1")
    assert point(found, "chapters").detail != "0"
    assert found.report is None


@pytest.mark.parametrize(
    ("suffix", "film", "preset"),
    [
        ("mp4", {"audio": 1, "vfr": True, "rotation": 90}, "film"),
        ("mov", {"audio": 1, "color": ColorTags(1, 1, 1, full_range=False)}, "prores"),
        ("mkv", {"pix_fmt": "yuv420p10le", "gray": True}, "film"),
        ("mkv", {"start_pts": 5000, "time_base": None, "vfr": True, "audio": 1}, "archive"),
    ],
    ids=["mp4", "mov", "10 bit", "start"],
)
def test_every_container(tmp_path: Path, suffix: str, film: dict[str, Any], preset: str) -> None:
    path = make_film(tmp_path / f"film.{suffix}", frames=FRAMES, **film)
    made = recolor(path, tmp_path / f"out.{suffix}", fast_settings(preset)).path
    found = verify_films(path, made)
    assert found.is_kept, found.points
    assert results(found)["luma"] == ("same" if preset == "archive" else "close")
    if preset != "archive":
        assert found.worst_psnr_db is not None
        assert found.worst_psnr_db > 35
        assert found.source_luma_sha256 != found.output_luma_sha256
        strictly = verify_films(path, made, least_psnr_db=found.worst_psnr_db + 0.1)
        assert differing(strictly) == {"luma"}


def test_shifted_luma_is_exact(tmp_path: Path) -> None:
    path = make_film(tmp_path / "film.mkv", frames=FRAMES)
    settings = override(fast_settings("archive"), {"encode.min_bits": 10})
    found = verify_films(path, recolor(path, tmp_path / "out.mkv", settings).path)
    assert found.is_kept
    assert found.luma_identical == FRAMES
    assert found.source_luma_sha256 != found.output_luma_sha256


def test_another_container(source: Path, folder: Path) -> None:
    """What MP4 has no place for is told, and is a difference only to who says so."""
    settings = fast_settings(allow_drop=True)
    made = recolor(source, folder / "other.mp4", settings).path
    found = verify_films(source, made)
    assert found.is_kept, found.points
    assert {"attachment", "tags"} <= {p.name for p in found.points if p.result == "lost"}
    assert "director" in point_lost(found, "tags").lower()
    strictly = verify_films(source, made, strict=True)
    assert not strictly.is_kept
    assert "attachment" in strictly.differing


def point_lost(found: FilmVerification, name: str) -> str:
    (one,) = [each for each in found.points if each.name == name and each.result == "lost"]
    return one.detail


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        (("-map", "-0:a:1"), {"streams"}),
        (("-map", "-0:s"), {"streams"}),
        (("-map", "-0:t"), {"streams"}),
        (("-map_chapters", "-1"), {"chapters"}),
        (("-metadata:s:a:1", "language=fra"), {"streams"}),
        (("-metadata", "title=Another"), {"tags"}),
        (("-t", "0.3"), {"frames", "times", "chapters"}),
    ],
)
def test_something_is_missing_or_other(
    source: Path, archive: Path, arguments: tuple[str, ...], names: set[str]
) -> None:
    found = verify_films(source, remade(archive, *arguments))
    assert names <= differing(found)
    if "frames" not in names:
        assert point(found, "luma").result == "same"
        assert differing(found) == names


def test_one_byte_of_sound(source: Path, archive: Path) -> None:
    path = archive.with_name("byte.mkv")
    content = bytearray(archive.read_bytes())
    with av.open(str(archive)) as container:
        payloads = [bytes(p) for p in container.demux(container.streams.audio[1]) if p.size]
    content[content.index(payloads[5]) + 10] ^= 1
    path.write_bytes(content)
    assert differing(verify_films(source, path)) == {"stream 2 (audio)"}


def test_one_sample_of_luma(tmp_path: Path) -> None:
    path = make_film(tmp_path / "film.mkv", frames=FRAMES, color=ColorTags(1, 1, 1, False))
    good = recolor(path, tmp_path / "good.mkv", fast_settings("archive")).path
    bad = tmp_path / "bad.mkv"
    with av.open(str(good)) as whole, av.open(str(bad), "w") as out:
        template = whole.streams.video[0]
        stream = out.add_stream("ffv1", rate=24)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.codec_context.time_base = template.time_base
        for name in ("colorspace", "color_primaries", "color_trc", "color_range"):
            setattr(stream.codec_context, name, 1)
        for index, frame in enumerate(whole.decode(template)):
            luma = plane_values(frame)
            luma[10, 20] += 3 * (index == 7)
            fresh = make_frame(index, 64, 48, "yuv420p")
            fill_plane(fresh.planes[0], luma)
            fresh.pts, fresh.time_base = frame.pts, frame.time_base
            out.mux(stream.encode(fresh))
        out.mux(stream.encode(None))
    found = verify_films(path, bad)
    assert "luma" in differing(found)
    assert (found.luma_identical, found.largest_difference) == (FRAMES - 1, 3)
    assert "in frame 7" in point(found, "luma").detail


def test_fewer_bits(tmp_path: Path) -> None:
    path = make_film(tmp_path / "film.mkv", frames=4, pix_fmt="yuv420p10le", codec="ffv1")
    made = tmp_path / "out.mkv"
    run_ffmpeg("-i", str(path), "-c:v", "ffv1", "-pix_fmt", "yuv420p", str(made))
    found = verify_films(path, made)
    assert point(found, "luma").detail.startswith("8 bits instead of 10")
    assert "luma" in differing(found)


def test_a_part(source: Path, folder: Path) -> None:
    part = {"start_s": 0.125, "duration_s": 0.25}
    made = recolor(source, folder / "part.mkv", fast_settings("archive", **part)).path
    assert verify_films(source, made, **part).is_kept
    assert "frames" in differing(verify_films(source, made))


def test_numbered_pictures(tmp_path: Path) -> None:
    from tests.media.recolor import colored
    from vidcolor.media.output import open_writer, plan_any
    from vidcolor.media.sequence import open_source

    rng = np.random.default_rng(0)
    for number in range(3):
        grey = rng.integers(0, 65536, (48, 64)).astype(np.uint16)
        cv2.imwrite(str(tmp_path / f"s_{number:03d}.tif"), grey)
    scans, made = tmp_path / "s_%03d.tif", tmp_path / "out.mkv"
    settings = fast_settings("archive")
    with open_source(scans, rate="24") as reader:
        plan = plan_any(reader.info, settings, made)
        with open_writer(reader.info, made, plan, settings) as writer:
            for frame in reader:
                writer.write(colored(frame, plan.target))
            writer.finish()
            writer.commit()
    found = verify_films(scans, made, rate="24")
    assert found.is_kept, found.points
    assert found.luma_identical == 3
    with pytest.raises(SettingsError, match="cannot be verified"):
        verify_films(made, scans)


@pytest.mark.parametrize(
    ("codec", "suffix", "change", "said"),
    [
        ("ffv1", "mkv", "setfield=bff", "in the other order"),
        ("libx264", "mp4", "setfield=prog", "nor is its container"),
        ("libx264", "mkv", "copy", "its container alone is"),
        ("libx264", "mkv", "setfield=bff", "in the other order"),
        ("prores_ks", "mov", "setfield=bff", "in the other order"),
    ],
)
def test_the_order_of_fields(
    tmp_path: Path, codec: str, suffix: str, change: str, said: str
) -> None:
    source = make_fields(tmp_path / "film.mkv", frames=4)
    options: dict[str, Any] = {"ffv1": {}, "prores_ks": {}}.get(codec, FAST_X264)
    preset = "prores" if codec == "prores_ks" else "film"
    settings = fast_settings(preset, encode__codec=codec, encode__options=options)
    made = recolor(source, tmp_path / f"made.{suffix}", settings).path
    assert verify_films(source, made).is_kept
    other = tmp_path / f"other.{suffix}"
    coded = "setfield=bff" in change and codec != "ffv1"
    flags = ("-flags", "+ildct+ilme") if coded else ()
    shape = ("-pix_fmt", "yuv422p10le") if codec == "prores_ks" else ()
    run_ffmpeg("-i", str(made), "-vf", change, "-c:v", codec, *flags, *shape, str(other))
    found = verify_films(source, other)
    assert "fields" in differing(found)
    assert said in next(point.detail for point in found.points if point.name == "fields")


def test_another_encoder_may_mark_only_the_frames_that_need_it(tmp_path: Path) -> None:
    source = make_fields(tmp_path / "film.mkv", frames=8, whole_until=3)
    made = recolor(source, tmp_path / "made.mkv", fast_settings("archive")).path
    other = tmp_path / "other.mkv"
    marks = (
        "split[a][b];[a]trim=end_frame=3,setfield=prog[c];"
        "[b]trim=start_frame=3,setpts=PTS-STARTPTS[d];[c][d]concat"
    )
    run_ffmpeg("-i", str(made), "-filter_complex", marks, "-c:v", "ffv1", "-g", "1", str(other))
    with av.open(str(other)) as container:
        marked = [bool(frame.interlaced_frame) for frame in container.decode(video=0)]
    assert marked == [False] * 3 + [True] * 5
    found = verify_films(source, other)
    assert found.is_kept, found.points
    assert ("fields", "same", "tff") in [(p.name, p.result, p.detail) for p in found.points]


@pytest.mark.parametrize(("codec", "height"), [("libx265", 96), ("libx264", 90)])
def test_fields_that_the_encoder_cannot_mark(tmp_path: Path, codec: str, height: int) -> None:
    source = make_fields(tmp_path / "film.mkv", frames=4, height=height)
    options = {"preset": "ultrafast", "crf": "12"}
    settings = fast_settings(encode__codec=codec, encode__options=options)
    assert verify_films(source, recolor(source, tmp_path / "made.mkv", settings).path).is_kept


@pytest.mark.parametrize(
    ("suffix", "encoder"),
    [
        ("3gp", ("-c:v", "h263", "-s", "128x96")),
        ("mkv", ("-c:v", "huffyuv", "-pix_fmt", "yuv422p")),
        ("mp4", ("-c:v", "prores_ks", "-f", "mov", "-brand", "mp42")),
    ],
)
def test_a_codec_that_is_read_but_not_written(
    tmp_path: Path, suffix: str, encoder: tuple[str, ...]
) -> None:
    source = make_fields(tmp_path / "film.mkv", frames=4, marked=False, kind="whole")
    made = tmp_path / f"made.{suffix}"
    run_ffmpeg("-i", str(source), *encoder, str(made))
    assert {"frames", "streams"} & differing(verify_films(source, made)) == set()


def test_a_container_that_is_not_written(source: Path, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="does not write"):
        verify_films(source, make_film(tmp_path / "film.avi", codec="mpeg4", frames=2))


def test_a_source_that_cannot_be_read_to_its_end(
    source: Path, archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def damaged(*given: Any, **options: Any) -> Any:
        report = expected_streams(*given, **options)
        report.read_failures, report.gave_up = 3, True
        return report

    monkeypatch.setattr("vidcolor.verification.films.expected_streams", damaged)
    found = verify_films(source, archive)
    assert not found.is_kept
    assert found.differing == ["rest of sound and other streams"]
    assert any("could not be read in 3 places" in notice for notice in found.notices)


def test_the_time_that_is_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vidcolor.report.TELL_S", -1.0)
    path = make_film(tmp_path / "film.mkv", frames=FRAMES, start_pts=5000, time_base=None)
    made = recolor(path, tmp_path / "out.mkv", fast_settings("archive")).path
    times: list[float] = []
    verify_films(path, made, on_progress=lambda event: times.append(event.time_s))
    assert times[:FRAMES] == pytest.approx([n / 24 for n in range(FRAMES)], abs=0.001)


def test_it_can_be_stopped(source: Path, archive: Path) -> None:
    cancel = threading.Event()
    cancel.set()
    with pytest.raises(Interrupted):
        verify_films(source, archive, cancel=cancel)


class TestReport:
    @pytest.fixture
    def films(self, source: Path, archive: Path, tmp_path: Path) -> tuple[Path, Path]:
        copies = tmp_path / "film.mkv", tmp_path / "out.mkv"
        for original, copy in zip((source, archive), copies, strict=True):
            shutil.copy(original, copy)
        self.write(*copies)
        return copies

    def write(self, source: Path, output: Path, **changes: Any) -> None:
        found = verify_films(source, output)
        content = {
            "format": FORMAT,
            "settings": SETTINGS,
            "source": {"rate": None, **dataclasses.asdict(hash_files([source]))},
            "output": dataclasses.asdict(hash_files([output])),
            "luma": {
                "source_sha256": found.source_luma_sha256,
                "read_back_sha256": found.output_luma_sha256,
            },
            **changes,
        }
        report_path(output).write_text(json.dumps(content))

    def test_it_is_found_and_used(self, films: tuple[Path, Path]) -> None:
        found = verify_films(*films)
        assert found.is_kept
        assert found.report == str(report_path(films[1]))
        assert sum(name.startswith("report: ") for name in results(found)) == 4

    def test_films_that_have_changed_since(self, films: tuple[Path, Path]) -> None:
        remade(films[1]).replace(films[1])
        assert differing(verify_films(*films)) == {"report: output file"}

    def test_another_source(self, films: tuple[Path, Path], tmp_path: Path) -> None:
        """Its luma may be the same."""
        copy = recolor(films[0], tmp_path / "copy.mkv", fast_settings("archive")).path
        assert differing(verify_films(copy, films[1])) >= {"report: source file"}
        assert point(verify_films(copy, films[1]), "report: luma of the source").result == "same"

    def test_hashes_that_are_none(self, films: tuple[Path, Path]) -> None:
        self.write(*films, luma={"source_sha256": 5, "read_back_sha256": 5})
        names = {"report: luma of the source", "report: luma of the output"}
        assert differing(verify_films(*films)) == names

    def test_a_name_that_leaves_no_room_for_it(self, films: tuple[Path, Path]) -> None:
        long = films[1].with_name("n" * 246 + ".mkv")
        films[1].rename(long)
        assert verify_films(films[0], long).report is None

    def test_one_that_lies_elsewhere(self, films: tuple[Path, Path], tmp_path: Path) -> None:
        elsewhere = tmp_path / "elsewhere.json"
        report_path(films[1]).rename(elsewhere)
        assert verify_films(*films).report is None
        assert verify_films(*films, report=elsewhere).report == str(elsewhere)

    def test_it_knows_the_part(self, source: Path, tmp_path: Path) -> None:
        part = {"start_s": 0.125, "duration_s": 0.25}
        made = recolor(source, tmp_path / "part.mkv", fast_settings("archive", **part)).path
        found = verify_films(source, made, **part)
        luma = {
            "source_sha256": found.source_luma_sha256,
            "read_back_sha256": found.output_luma_sha256,
        }
        self.write(source, made, settings=SETTINGS | part, luma=luma)
        assert verify_films(source, made).is_kept

    def test_it_knows_what_was_deinterlaced(self, tmp_path: Path) -> None:
        source = make_fields(tmp_path / "fields.mkv", frames=8)
        made = tmp_path / "made.mkv"
        recolor(source, made, fast_settings("archive", deinterlace="bwdif"))
        assert "luma" in differing(verify_films(source, made))
        found = verify_films(source, made, deinterlace="bwdif")
        assert found.is_kept
        luma = {
            "source_sha256": found.source_luma_sha256,
            "read_back_sha256": found.output_luma_sha256,
        }
        self.write(source, made, settings=SETTINGS | {"deinterlace": "bwdif"}, luma=luma)
        assert verify_films(source, made).is_kept

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("{", "no report"),
            ("[" * 100_000, "no report"),
            ('{"format": "x"}', "'x'"),
            (f'{{"format": "{FORMAT}"}}', "damaged"),
        ],
    )
    def test_what_is_none(self, films: tuple[Path, Path], text: str, message: str) -> None:
        report_path(films[1]).write_text(text)
        with pytest.raises(NotMediaError, match=message):
            verify_films(*films)
