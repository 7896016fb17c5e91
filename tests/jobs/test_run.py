"""Runs that are interrupted and go on."""

from __future__ import annotations

import hashlib
import json
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
import cv2
import numpy as np
import pytest

from tests.synthetic import decode_luma, make_fields, make_film
from vidcolor.colorizer import Colorizer
from vidcolor.config import NetworkSettings, RunSettings, load_preset, override
from vidcolor.errors import Interrupted, SourceChangedError
from vidcolor.frames import ColoredFrame
from vidcolor.jobs.folder import find_jobs
from vidcolor.jobs.run import color_film
from vidcolor.luma import FrameHashes, luma_sha256
from vidcolor.media import moving
from vidcolor.media.segments import SegmentFolder
from vidcolor.media.writer import FilmWriter
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
    """Colour until so many frames are written, or the film is."""
    cancel = threading.Event()
    write = FilmWriter.write

    def write_and_stop(writer: FilmWriter, frame: ColoredFrame) -> None:
        write(writer, frame)
        if writer.report.frames >= frames:
            cancel.set()
            time.sleep(0.2)  # it is looked at ten times a second

    def watch(event: ProgressEvent) -> None:
        if event.stage in ("join", "verify"):
            cancel.set()

    given: dict[str, Any] = {"colorizer": colorizer, "cancel": cancel, "on_progress": watch}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(FilmWriter, "write", write_and_stop)
        with pytest.raises(Interrupted) as caught:
            color_film(film, output, settings, **given)
    return caught.value


def told(report: RunReport) -> tuple[Any, ...]:
    """What does not depend on time."""
    return (
        report.frames_in,
        report.frames_out,
        report.luma_identical,
        report.shots,
        report.frames_repeated,
        report.frames_carried,
        report.notices,
        report.streams,
        report.source_luma_sha256,
        report.encoder_luma_sha256,
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
    reports = [f"{name}.mkv.vidcolor.json" for name in ("out", "whole") if settings.report]
    names = sorted(["out.mkv", "whole.mkv", *reports])
    assert sorted(p.name for p in tmp_path.iterdir()) == names
    for path in map(Path, reports):
        luma = json.loads((tmp_path / path).read_text())["luma"]
        assert luma["source_sha256"] == luma["read_back_sha256"] == whole.source_luma_sha256


@pytest.mark.parametrize("stage", ["join", "verify"])
def test_a_run_that_is_stopped_after_its_segments_were_moved(
    film: Path, tmp_path: Path, colorizer: Colorizer, stage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(moving, "LOOK_PACKETS", 1)
    monkeypatch.setattr("vidcolor.report.TELL_S", 0.0)
    settings = settings_of("archive")
    output, whole = tmp_path / "out.mkv", tmp_path / "whole.mkv"
    color_film(film, whole, settings, colorizer=colorizer)
    cancel, moved, stages = threading.Event(), [], []
    move = SegmentFolder.move

    def moving_one(*arguments: Any) -> None:
        move(*arguments)
        moved.append(arguments)
        if stage == "join":
            cancel.set()

    def watch(event: ProgressEvent) -> None:
        if event.stage == "verify":
            cancel.set()

    with monkeypatch.context() as patch:
        patch.setattr(SegmentFolder, "move", moving_one)
        given: dict[str, Any] = {"colorizer": colorizer, "cancel": cancel, "on_progress": watch}
        with pytest.raises(Interrupted) as caught:
            color_film(film, output, settings, **given)
    assert moved
    assert f"{FRAMES} coloured frames are kept" in caught.value.__notes__[0]
    (job,) = find_jobs(tmp_path)
    assert job.frames == FRAMES
    assert job.is_complete
    assert not job.is_made
    stopped = threading.Event()
    stopped.set()
    with pytest.raises(Interrupted) as caught:  # while they are taken back
        color_film(film, output, settings, colorizer=colorizer, cancel=stopped)
    assert f"{FRAMES} coloured frames are kept" in caught.value.__notes__[0]
    report = color_film(
        *(film, output, settings),
        colorizer=colorizer,
        on_progress=lambda event: stages.append(event.stage),
    )
    assert stages[0] == "recover"
    assert report.frames_resumed == FRAMES
    assert content(output) == content(whole)
    assert find_jobs(tmp_path) == []


def test_a_compiled_network_too_gives_the_same_film(
    film: Path, tmp_path: Path, untrained_checkpoint: Path
) -> None:
    settings = settings_of(
        "archive",
        network__checkpoint=str(untrained_checkpoint),
        network__device="cpu",
        network__short_side=64,
        network__engine="openvino",
    )
    whole = color_film(film, tmp_path / "whole.mkv", settings)
    assert whole.engine.startswith("OpenVINO")
    output = tmp_path / "out.mkv"
    stop_after(70, film, output, settings, Colorizer(settings.network))
    report = color_film(film, output, settings)
    assert report.frames_resumed > 0
    assert content(output) == content(tmp_path / "whole.mkv")
    by_torch = override(settings, {"network.engine": "torch"})
    assert color_film(film, tmp_path / "torch.mkv", by_torch).engine == "torch"


def test_a_film_of_a_known_size_needs_no_torch(
    film: Path, tmp_path: Path, untrained_checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which would take longer to load than all else up to the first frame."""
    monkeypatch.setattr("platformdirs.user_cache_path", lambda *_, **__: tmp_path / "cache")
    changes = {
        "network.checkpoint": str(untrained_checkpoint),
        "network.device": "cpu",
        "network.short_side": SHORT_SIDE,
    }
    first, second = tmp_path / "first.mkv", tmp_path / "second.mkv"
    color_film(film, first, override(load_preset("archive"), changes))
    code = f"""
import sys
from pathlib import Path
import platformdirs
platformdirs.user_cache_path = lambda *_, **__: Path({str(tmp_path / "cache")!r})
from vidcolor.config import load_preset, override
from vidcolor.jobs.run import color_film
settings = override(load_preset("archive"), {changes!r})
print(color_film({str(film)!r}, {str(second)!r}, settings).engine, "torch" in sys.modules)
"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.startswith("OpenVINO")
    assert ran.stdout.endswith("False\n")
    assert content(second) == content(first)


def test_a_run_that_was_stopped_while_it_was_checked(
    film: Path, tmp_path: Path, colorizer: Colorizer
) -> None:
    settings, output = settings_of("archive"), tmp_path / "out.mkv"
    stop_after(FRAMES + 1, film, output, settings, colorizer)
    report = color_film(film, output, settings, colorizer=colorizer)
    assert report.frames_resumed == report.frames_out == FRAMES
    assert report.verification.luma_identical == FRAMES
    luma = json.loads(Path(str(report.report_file)).read_text())["luma"]
    assert luma["source_sha256"] == luma["read_back_sha256"] == report.source_luma_sha256


def test_other_settings_begin_anew(film: Path, tmp_path: Path, colorizer: Colorizer) -> None:
    output = tmp_path / "out.mkv"
    stop_after(60, film, output, settings_of(), colorizer)
    (job,) = find_jobs(tmp_path)
    report = color_film(film, output, settings_of(temporal__radius=1), colorizer=colorizer)
    assert report.frames_resumed == 0
    assert find_jobs(tmp_path) == [job]
    accepting = settings_of(overwrite=True, keep_partial=True)
    report = color_film(film, output, accepting, colorizer=colorizer)
    assert report.frames_resumed == job.frames


def test_a_report_may_be_asked_for_when_a_run_goes_on(
    film: Path, tmp_path: Path, colorizer: Colorizer
) -> None:
    output = tmp_path / "out.mkv"
    shifted = {"encode__min_bits": 10, "encode__codec": "ffv1", "encode__options": {}}
    stop_after(60, film, output, settings_of(**shifted), colorizer)
    report = color_film(film, output, settings_of(report=True, **shifted), colorizer=colorizer)
    assert 0 < report.frames_resumed < FRAMES
    luma = json.loads(Path(str(report.report_file)).read_text())["luma"]
    for path, name in ((film, "source_sha256"), (output, "encoder_sha256")):
        hashes = FrameHashes()
        for _, plane in decode_luma(path):
            hashes.append(luma_sha256(plane))
        assert luma[name] == hashes.total()
    assert luma["source_sha256"] != luma["encoder_sha256"]


def test_to_begin_anew(film: Path, tmp_path: Path, colorizer: Colorizer) -> None:
    output = tmp_path / "out.mkv"
    stop_after(60, film, output, settings_of(), colorizer)
    report = color_film(film, output, settings_of(), colorizer=colorizer, resume=False)
    assert report.frames_resumed == 0
    assert find_jobs(tmp_path) == []


def test_a_source_that_changes_meanwhile(film: Path, tmp_path: Path, colorizer: Colorizer) -> None:
    source = tmp_path / "film.mkv"
    shutil.copy(film, source)

    def append(event: ProgressEvent) -> None:
        if event.frames_done:
            with source.open("ab") as file:
                file.write(b"more")

    with pytest.raises(SourceChangedError, match=r"film\.mkv was changed"):
        color_film(
            source, tmp_path / "out.mkv", settings_of(), colorizer=colorizer, on_progress=append
        )
    assert [p.name for p in tmp_path.iterdir()] == ["film.mkv"]


def test_a_shot_list_may_change_meanwhile(film: Path, tmp_path: Path, colorizer: Colorizer) -> None:
    listed = tmp_path / "list.toml"
    listed.write_text("[[shot]]\nstart = 0\n[[shot]]\nstart = 2\n")
    settings, output = settings_of(temporal__shots=str(listed)), tmp_path / "out.mkv"
    stop_after(60, film, output, settings, colorizer)
    report = color_film(
        film, output, settings, colorizer=colorizer, on_progress=lambda _: listed.unlink(True)
    )
    assert report.frames_resumed > 0
    assert report.shots == 2


@pytest.mark.parametrize("suffix", ["mkv", "mp4"])
def test_parts_lists_and_uneven_times(tmp_path: Path, colorizer: Colorizer, suffix: str) -> None:
    source = make_film(
        tmp_path / f"film.{suffix}", frames=100, cuts=(20, 60), vfr=True, width=128, height=96
    )
    listed = tmp_path / "list.csv"
    listed.write_text("start,begins\n0,start\n0.9,dissolve\n1.7,cut\n3,fade\n")
    settings = settings_of(start_s=0.5, duration_s=3.0, temporal__shots=str(listed))
    whole, output = tmp_path / f"whole.{suffix}", tmp_path / f"out.{suffix}"
    undisturbed = color_film(source, whole, settings, colorizer=colorizer)
    stop_after(45, source, output, settings, colorizer)
    report = color_film(source, output, settings, colorizer=colorizer)
    assert report.frames_resumed > 0
    assert told(report) == told(undisturbed)
    assert content(output) == content(whole)


def test_another_rate_of_pictures_begins_anew(
    tmp_path: Path, colorizer: Colorizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(0)
    for number in range(40):
        picture = cv2.GaussianBlur(rng.integers(0, 255, (96, 128), dtype=np.uint8), (0, 0), 3)
        cv2.imwrite(str(tmp_path / f"s_{number:03d}.png"), picture)
    scans, settings = tmp_path / "s_%03d.png", settings_of(segments__most_s=0.5)
    output = tmp_path / "out.mkv"
    with monkeypatch.context() as patch:
        patch.setattr("vidcolor.engine.verify_any", _fail)
        with pytest.raises(ArithmeticError):
            color_film(scans, output, settings, colorizer=colorizer, rate="24")
    assert len(find_jobs(tmp_path)) == 1
    other = color_film(scans, output, settings, colorizer=colorizer, rate="12")
    assert other.frames_resumed == 0
    again = color_film(
        scans, output, override(settings, {"overwrite": True}), colorizer=colorizer, rate="24"
    )
    assert again.frames_resumed == 40
    assert find_jobs(tmp_path) == []


def _fail(*_: Any) -> None:
    raise ArithmeticError


def test_black_frames_before_a_segment_do_not_decide_a_shot(
    tmp_path: Path, colorizer: Colorizer
) -> None:
    source = fade_in(tmp_path / "film.mkv", black=40, frames=80)
    kept = {}
    for most_s in (1.5, 60.0):
        settings = settings_of("archive", look__keep_color_shots=True, segments__most_s=most_s)
        output = tmp_path / f"{most_s}.mkv"
        report = color_film(source, output, settings, colorizer=colorizer)
        assert "keep their own colours" in " ".join(report.notices)
        kept[most_s] = content(output)
    assert len(set(kept.values())) == 1


def fade_in(path: Path, black: int, frames: int) -> Path:
    """A shot in colour after black frames, without a cut that anybody could see."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=24)
        stream.width, stream.height, stream.pix_fmt = 128, 96, "yuv420p"
        ramp = np.linspace(0, 200, 128)[None].repeat(96, 0)
        for index in range(frames):
            level = min(1.0, max(0.0, (index - black) / 20))
            luma = (16 + ramp * level).astype(np.uint8)
            cb, cr = (np.full((48, 64), 128 + value * level) for value in (40, -30))
            cb[:, :32] -= 60 * level
            planes = [luma.ravel(), cb.astype(np.uint8).ravel(), cr.astype(np.uint8).ravel()]
            picture = np.concatenate(planes).reshape(144, 128)
            frame = av.VideoFrame.from_ndarray(picture, "yuv420p")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


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
    for _ in range(3):
        with subprocess.Popen([*command, "-o", str(outputs / "out.mkv")]) as process:
            before = len(list(outputs.glob(".out.mkv.*/0*.json")))
            while process.poll() is None:
                if len(list(outputs.glob(".out.mkv.*/0*.json"))) > before:
                    break
                time.sleep(0.01)
            time.sleep(rng.uniform(0, 0.05))
            process.send_signal(signal.SIGKILL)
        if (outputs / "out.mkv").exists():  # it was quicker
            (outputs / "out.mkv").unlink()
            break
    ran = subprocess.run(
        [*command, "-o", str(outputs / "out.mkv")],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "going on after" in ran.stderr
    assert content(outputs / "out.mkv") == content(outputs / "whole.mkv")
    assert sorted(p.name for p in outputs.iterdir()) == ["out.mkv", "whole.mkv"]


def test_repeats_of_an_interrupted_run_are_counted_once(
    tmp_path: Path, colorizer: Colorizer
) -> None:
    film = make_fields(tmp_path / "film.mkv", frames=40, kind="still", marked=False)
    settings = settings_of("archive", segments__most_s=0.5, report=False)
    whole = color_film(film, tmp_path / "whole.mkv", settings, colorizer=colorizer)
    assert whole.frames_repeated > 20
    output = tmp_path / "out.mkv"
    stop_after(20, film, output, settings, colorizer)
    report = color_film(film, output, settings, colorizer=colorizer)
    assert report.frames_resumed > 0
    assert report.frames_repeated == whole.frames_repeated


@pytest.mark.parametrize("radius", [0, 7])
def test_a_run_whose_network_sees_every_fourth_frame(
    film: Path, tmp_path: Path, untrained_checkpoint: Path, radius: int
) -> None:
    settings = settings_of("archive", network__every=4, temporal__radius=radius)
    seen: list[int] = []

    def counting(batch_size: int) -> Colorizer:
        colorizer = Colorizer(
            NetworkSettings(
                checkpoint=str(untrained_checkpoint),
                device="cpu",
                short_side=SHORT_SIDE,
                batch_size=batch_size,
            )
        )
        predict = colorizer.predict

        def counted(pictures: Any, turns: int = 0) -> Any:
            seen.append(len(pictures))
            return predict(pictures, turns)

        colorizer.predict = counted  # type: ignore[method-assign]
        return colorizer

    whole = color_film(film, tmp_path / "whole.mkv", settings, colorizer=counting(1))
    assert sum(seen) == FRAMES - whole.frames_carried - whole.frames_repeated
    assert sum(seen) < FRAMES // 2
    written = json.loads(Path(str(whole.report_file)).read_text())
    assert written["frames"]["carried"] == whole.frames_carried
    output = tmp_path / "out.mkv"
    stop_after(60, film, output, settings, counting(3))
    report = color_film(film, output, settings, colorizer=counting(3))
    assert report.frames_resumed > 0
    assert told(report) == told(whole)
    assert content(output) == content(tmp_path / "whole.mkv")


def test_without_settings_it_is_the_preset_film(
    film: Path, tmp_path: Path, colorizer: Colorizer
) -> None:
    output = tmp_path / "out.mkv"
    color_film(film, output, colorizer=colorizer)
    crf = load_preset("film").encode.options["crf"]
    # x264 writes its settings into the stream; without any it takes 23.
    assert f"crf={crf}.0".encode() in output.read_bytes()
