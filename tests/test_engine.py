"""Whole films through every stage: what goes in must come out, plus colour."""

from __future__ import annotations

import threading
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.synthetic import (
    audio_packets,
    decode_luma,
    ffmpeg_frame_count,
    ffmpeg_luma,
    make_film,
    plane_values,
    run_ffmpeg,
)
from tests.threads import stages_running
from vidcolor.colorizer import Colorizer
from vidcolor.config import RUN_PRESETS, NetworkSettings, RunSettings, load_preset, override
from vidcolor.errors import (
    DamagedCheckpointError,
    Interrupted,
    SettingsError,
    StreamDropError,
    TruncatedInputError,
    VerificationError,
)
from vidcolor.frames import ColorTags
from vidcolor.jobs.folder import find_jobs
from vidcolor.jobs.run import color_film
from vidcolor.media.writer import FilmWriter
from vidcolor.models.base import Prediction
from vidcolor.report import RunReport
from vidcolor.temporal.shot_list import Shot, ShotList, write_shot_list
from vidcolor.temporal.smooth import TemporalSmoother

SHORT_SIDE = 32
"""Working size of the network in these tests, for speed."""


@pytest.fixture(scope="module")
def colorizer(untrained_checkpoint: Path) -> Colorizer:
    return Colorizer(
        NetworkSettings(checkpoint=str(untrained_checkpoint), device="cpu", short_side=SHORT_SIDE)
    )


def settings_of(preset: str = "film", **changes: Any) -> RunSettings:
    dotted = {name.replace("__", "."): value for name, value in changes.items()}
    return override(load_preset(preset), dotted)


def chroma(path: Path) -> list[np.ndarray]:
    """Cb and Cr of every frame, stacked."""
    with av.open(str(path)) as container:
        return [
            np.stack([plane_values(frame, 1), plane_values(frame, 2)])
            for frame in container.decode(video=0)
        ]


def assert_same_luma_and_times(source: Path, output: Path, tick: Fraction = Fraction(1, 1000)):
    before, after = decode_luma(source), decode_luma(output)
    assert len(before) == len(after) == ffmpeg_frame_count(output)
    for (time_in, luma_in), (time_out, luma_out) in zip(before, after, strict=True):
        assert abs(time_in - time_out) <= tick
        np.testing.assert_array_equal(luma_in, luma_out)


class TestArchive:
    """Lossless output, so every luma value can be compared after decoding."""

    @pytest.mark.parametrize(
        "film",
        [
            {},
            {"gray": True},
            {"pix_fmt": "yuv420p10le"},
            {"pix_fmt": "yuv422p"},
            {"pix_fmt": "yuv444p10le"},
            {"color": ColorTags(1, 1, 1, full_range=True)},
            {"color": ColorTags(9, 9, 14, full_range=False), "pix_fmt": "yuv420p10le"},
            {"vfr": True},
            {"start_pts": 37},
            {"width": 63, "height": 47, "codec": "ffv1"},
            {"rotation": 90},
            {"sar": Fraction(16, 15)},
            {"frames": 1},
        ],
        ids=lambda film: "-".join(f"{k}" for k in film) or "plain",
    )
    def test_every_luma_value_and_time_is_kept(self, film, tmp_path, colorizer):
        source = make_film(tmp_path / "film.mkv", **{"frames": 8, **film})
        output = tmp_path / "out.mkv"
        report = color_film(source, output, settings_of("archive"), colorizer=colorizer)
        assert_same_luma_and_times(source, output)
        assert report.frames_in == report.frames_out == report.luma_identical
        assert report.verification.frames_decoded == report.frames_out
        assert report.verification.luma_identical == report.frames_out

    def test_a_second_reader_agrees(self, tmp_path, colorizer):
        source = make_film(tmp_path / "film.mp4", frames=6)
        output = tmp_path / "out.mkv"
        color_film(source, output, settings_of("archive"), colorizer=colorizer)
        lumas = ffmpeg_luma(output, "yuv420p", 64, 48)
        for (_, ours), theirs in zip(decode_luma(source), lumas, strict=True):
            np.testing.assert_array_equal(ours, theirs)

    def test_a_damaged_packet_costs_its_own_frame_alone(self, tmp_path, colorizer):
        source = make_film(
            tmp_path / "film.mkv", frames=24, audio=1, codec="mjpeg", pix_fmt="yuvj420p"
        )
        whole = decode_luma(source)
        content = bytearray(source.read_bytes())
        with av.open(str(source)) as container:
            bad = [packet for packet in container.demux(video=0) if packet.size][10]
            place = content.index(bytes(bad))
            content[place : place + bad.size] = bytes(bad.size)
        source.write_bytes(content)
        sound = audio_packets(source, 0)
        output = tmp_path / "out.mkv"
        report = color_film(source, output, settings_of("archive"), colorizer=colorizer)
        assert (report.frames_in, report.frames_out, report.undecodable_packets) == (23, 23, 1)
        assert "1 packets could not be decoded" in " ".join(report.notices)
        left = decode_luma(output)
        assert [time for time, _ in left] == [time for time, _ in whole[:10] + whole[11:]]
        assert audio_packets(output, 0) == sound

    def test_sound_is_copied_to_the_byte(self, tmp_path, colorizer):
        source = make_film(tmp_path / "film.mkv", frames=24, audio=2, subtitles="srt")
        output = tmp_path / "out.mkv"
        color_film(source, output, settings_of("archive"), colorizer=colorizer)
        for track in (0, 1):
            assert audio_packets(source, track) == audio_packets(output, track)


@given(
    frames=st.integers(1, 20),
    width=st.integers(16, 70),
    height=st.integers(16, 70),
    steps=st.lists(st.integers(1, 200), min_size=20, max_size=20),
)
def test_frames_times_and_luma_survive_any_film(
    frames, width, height, steps, tmp_path_factory, colorizer
):
    folder = tmp_path_factory.mktemp("any")
    pts = list(np.cumsum(steps[:frames]))
    source = make_film(
        folder / "film.mkv",
        frames=frames,
        width=width,
        height=height,
        codec="ffv1",
        pts=[int(p) for p in pts],
        time_base=Fraction(1, 1000),
    )
    settings = settings_of("archive", temporal__radius=1)
    color_film(source, folder / "out.mkv", settings, colorizer=colorizer)
    assert_same_luma_and_times(source, folder / "out.mkv", tick=Fraction(0))


@pytest.mark.parametrize("preset", RUN_PRESETS)
def test_every_preset_colours(preset, tmp_path, colorizer):
    source = make_film(tmp_path / "film.mp4", frames=10, audio=1)
    report = color_film(source, None, settings_of(preset), colorizer=colorizer)
    output = Path(report.output)
    assert output.parent == tmp_path
    assert output.stem == "film.color"
    assert report.frames_out == 10
    # The untrained network's colours are strong; a grey output would be a failure passed off.
    bits = report.bit_depth
    off_neutral = [
        np.abs(plane.astype(int) - (128 << bits - 8)).mean() for plane in chroma(output)[0]
    ]
    assert max(off_neutral) > 2 << bits - 8
    assert report.luma_identical == (0 if preset == "preview" else 10)
    assert len(audio_packets(output)) == len(audio_packets(source))


def test_preview_is_half_the_size(tmp_path, colorizer):
    source = make_film(tmp_path / "film.mp4", width=128, height=96)
    report = color_film(source, None, settings_of("preview"), colorizer=colorizer)
    assert (report.width, report.height) == (64, 48)
    assert any("scaled to 64×48" in notice for notice in report.notices)


def test_strength_zero_is_exactly_neutral(tmp_path, colorizer):
    source = make_film(tmp_path / "film.mkv")
    settings = settings_of("archive", look__strength=0.0)
    color_film(source, tmp_path / "out.mkv", settings, colorizer=colorizer)
    assert all((planes == 128).all() for planes in chroma(tmp_path / "out.mkv"))


def test_a_batch_of_one_shape_cannot_change_a_byte(tmp_path, untrained_checkpoint, monkeypatch):
    """However many frames are at hand, also with a batch that the film does not fill."""
    source = make_film(tmp_path / "film.mkv", frames=21, cuts=(9,))
    settings = NetworkSettings(
        checkpoint=str(untrained_checkpoint), device="cpu", short_side=SHORT_SIDE
    )
    films = []
    for collected in (1, 4, 16):
        colorizer = Colorizer(settings)
        monkeypatch.setattr(colorizer.by_torch, "_pool", None)  # as on a GPU
        monkeypatch.setattr(colorizer.by_torch, "micro_batch", 4)
        monkeypatch.setattr(colorizer, "fix_batch", lambda _, size=collected: size)
        output = tmp_path / f"{collected}.mkv"
        color_film(source, output, settings_of("archive"), colorizer=colorizer)
        films.append(chroma(output))
    for other in films[1:]:
        for expected, planes in zip(films[0], other, strict=True):
            np.testing.assert_array_equal(expected, planes)


def test_no_colour_crosses_a_cut(tmp_path, colorizer):
    """The second shot alone and after another one: the same chroma from its first frame on."""
    film = {"frames": 24, "cuts": (12,), "codec": "ffv1"}
    source = make_film(tmp_path / "film.mkv", **film)
    settings = settings_of("archive")
    report = color_film(source, tmp_path / "whole.mkv", settings, colorizer=colorizer)
    assert report.shots == 2
    alone = override(settings, {"start_s": 12 / 24})
    color_film(source, tmp_path / "alone.mkv", alone, colorizer=colorizer)
    whole, second = chroma(tmp_path / "whole.mkv"), chroma(tmp_path / "alone.mkv")
    assert len(second) == 12
    for expected, planes in zip(second, whole[12:], strict=True):
        np.testing.assert_array_equal(expected, planes)


def test_a_shot_list_decides_where_shots_begin(tmp_path, colorizer):
    """A cut that nobody would find separates colours; one that the list leaves out does not."""
    source = make_film(tmp_path / "film.mkv", frames=24, cuts=(12,), codec="ffv1")
    films = {}
    for name, starts in {"whole": [0.0], "halved": [0.0, 6 / 24], "found": None}.items():
        settings = settings_of("archive")
        if starts is not None:
            shots = ShotList("film.mkv", tuple(Shot(start, "cut") for start in starts))
            (tmp_path / "list.toml").write_text(write_shot_list(shots, ".toml"))
            settings = override(settings, {"temporal.shots": str(tmp_path / "list.toml")})
        output = tmp_path / f"{name}.mkv"
        report = color_film(source, output, settings, colorizer=colorizer)
        assert report.shots == (len(starts) if starts else 2)
        films[name] = chroma(output)

    def same(first: str, second: str) -> list[bool]:
        pairs = zip(films[first], films[second], strict=True)
        return [all(np.array_equal(p, q) for p, q in zip(*pair, strict=True)) for pair in pairs]

    assert not all(same("whole", "halved")[:12])
    assert all(same("whole", "found"))  # what has nothing in common shares no colour, listed or not


def test_a_shot_list_of_another_film(tmp_path, colorizer):
    source = make_film(tmp_path / "film.mkv")
    (tmp_path / "list.toml").write_text('film = "other.mkv"\n[[shot]]\nstart = 0\n')
    settings = settings_of(temporal__shots=str(tmp_path / "list.toml"))
    with pytest.raises(SettingsError, match=r"lists the shots of 'other\.mkv', not of 'film\.mkv'"):
        color_film(source, tmp_path / "out.mkv", settings, colorizer=colorizer)
    assert not (tmp_path / "out.mkv").exists()


def test_start_and_duration_choose_frames_by_time(tmp_path, colorizer):
    source = make_film(tmp_path / "film.mkv", frames=30, codec="ffv1")
    settings = settings_of("archive", start_s=0.5, duration_s=0.25)
    report = color_film(source, tmp_path / "out.mkv", settings, colorizer=colorizer)
    assert report.frames_out == 6
    kept = decode_luma(source)[12:18]
    for (_, expected), (_, luma) in zip(kept, decode_luma(tmp_path / "out.mkv"), strict=True):
        np.testing.assert_array_equal(expected, luma)


def test_the_way_to_the_start_shows_signs_of_life(tmp_path, colorizer, monkeypatch):
    """In a raw stream there is no seeking, and every frame before the start is decoded."""
    film = make_film(tmp_path / "film.mp4", frames=30, rate=25)
    raw = tmp_path / "film.h264"
    run_ffmpeg("-i", str(film), "-c", "copy", str(raw))
    signs: list[int] = []
    monkeypatch.setattr("vidcolor.engine.sign_of_life", lambda: signs.append(1))
    report = color_film(raw, tmp_path / "o.mkv", settings_of(start_s=0.8), colorizer=colorizer)
    assert report.frames_out == 10
    assert len(signs) >= 20


def test_a_film_in_colour_is_noticed_and_its_luma_kept(tmp_path, colorizer):
    source = make_film(tmp_path / "film.mkv", colorful=True)
    report = color_film(source, tmp_path / "out.mkv", settings_of("archive"), colorizer=colorizer)
    assert any("source is in colour" in notice for notice in report.notices)
    assert_same_luma_and_times(source, tmp_path / "out.mkv")
    grey = make_film(tmp_path / "grey.mkv")
    report = color_film(grey, tmp_path / "out2.mkv", settings_of("archive"), colorizer=colorizer)
    assert not any("source is in colour" in notice for notice in report.notices)


def _tinted(path: Path, **film: Any) -> Path:
    """A film of two shots: sepia, then in colour."""
    shots = [
        make_film(
            path.with_name(f"{name}.mkv"), frames=9, colorful=name == "color", codec="ffv1", **film
        )
        for name in ("sepia", "color")
    ]
    with av.open(str(path), "w") as container:
        stream = None
        for count, shot in enumerate(shots):
            with av.open(str(shot)) as reader:
                for index, frame in enumerate(reader.decode(video=0)):
                    if stream is None:
                        stream = container.add_stream("ffv1", rate=24)
                        stream.width, stream.height = frame.width, frame.height
                        stream.pix_fmt = frame.format.name
                    if count == 0:
                        for plane, value in zip(frame.planes[1:], (110, 150), strict=True):
                            plane.update(bytes([value]) * plane.buffer_size)
                    frame.pts, frame.time_base = 9 * count + index, Fraction(1, 24)
                    frame.pict_type = 0
                    container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


@pytest.mark.parametrize("keeps_tint", [False, True])
@pytest.mark.parametrize("keeps_color", [False, True])
def test_shots_can_keep_the_colours_that_they_have(tmp_path, colorizer, keeps_tint, keeps_color):
    source = _tinted(tmp_path / "film.mkv")
    settings = settings_of(
        "archive", look__keep_tint=keeps_tint, look__keep_color_shots=keeps_color
    )
    report = color_film(source, tmp_path / "out.mkv", settings, colorizer=colorizer)
    assert_same_luma_and_times(source, tmp_path / "out.mkv")
    pairs = zip(chroma(source), chroma(tmp_path / "out.mkv"), strict=True)
    same = [all(np.array_equal(p, q) for p, q in zip(*pair, strict=True)) for pair in pairs]
    assert same == [keeps_tint] * 9 + [keeps_color] * 9
    notices = " ".join(report.notices)
    assert ("and keep their own colours" in notices) is keeps_color
    assert ("--keep-color-shots leaves" in notices) is not keeps_color
    assert ("and keep their tint" in notices) is keeps_tint
    assert "1 of 2 shots, first at 0.38 s" in notices


def test_kept_colours_are_widened_and_scaled_with_the_luma(tmp_path, colorizer):
    source = make_film(tmp_path / "film.mkv", frames=6, colorful=True)
    deep = settings_of(
        look__keep_color_shots=True, encode__min_bits=10, encode__codec="ffv1", encode__options={}
    )
    color_film(source, tmp_path / "deep.mkv", deep, colorizer=colorizer)
    for own, wide in zip(chroma(source), chroma(tmp_path / "deep.mkv"), strict=True):
        for plane, widened in zip(own, wide, strict=True):
            np.testing.assert_array_equal(plane.astype(int) << 2, widened)
    preview = settings_of("preview", look__keep_color_shots=True)
    color_film(source, tmp_path / "small.mkv", preview, colorizer=colorizer)
    for own, small in zip(chroma(source), chroma(tmp_path / "small.mkv"), strict=True):
        assert abs(own[0].mean() - small[0].mean()) < 3


class TestEndings:
    """Whatever ends a run early leaves the source untouched and nothing half-written."""

    def left_over(self, folder: Path) -> list[str]:
        return sorted(path.name for path in folder.iterdir())

    def test_cancelled(self, tmp_path, colorizer):
        source = make_film(tmp_path / "film.mp4", frames=60)
        before = source.read_bytes()
        cancel = threading.Event()

        with pytest.raises(Interrupted):
            color_film(
                source,
                settings=settings_of(),
                colorizer=colorizer,
                cancel=cancel,
                on_progress=lambda _: cancel.set(),
            )
        assert self.left_over(tmp_path) == ["film.mp4"]
        assert source.read_bytes() == before
        assert not stages_running()

    def test_cancelled_while_verifying(self, tmp_path, colorizer):
        source = make_film(tmp_path / "film.mp4", frames=30)
        cancel = threading.Event()

        def stop_late(event):
            if event.stage == "verify":
                cancel.set()

        with pytest.raises(Interrupted):
            color_film(
                source,
                tmp_path / "out.mkv",
                settings_of("archive"),
                colorizer=colorizer,
                cancel=cancel,
                on_progress=stop_late,
            )
        (kept,) = find_jobs(tmp_path)  # whole, to go on with
        assert self.left_over(tmp_path) == [kept.folder.name, "film.mp4"]
        assert not list(kept.folder.glob("*.part"))
        assert not list(kept.folder.glob(".*.part"))

    def test_a_failing_network(self, tmp_path, colorizer, monkeypatch):
        source = make_film(tmp_path / "film.mp4", frames=20)

        def broken(*_: Any) -> None:
            raise ArithmeticError("not a number")

        monkeypatch.setattr(colorizer, "predict", broken)
        with pytest.raises(ArithmeticError):
            color_film(source, settings=settings_of(), colorizer=colorizer)
        assert self.left_over(tmp_path) == ["film.mp4"]
        assert not stages_running()

    def test_a_source_cut_short(self, tmp_path, colorizer):
        whole = make_film(tmp_path / "whole.mkv", frames=120).read_bytes()
        source = tmp_path / "film.mkv"
        source.write_bytes(whole[: len(whole) // 2])
        (tmp_path / "whole.mkv").unlink()
        with pytest.raises(TruncatedInputError, match="--keep-partial"):
            color_film(source, settings=settings_of(), colorizer=colorizer)
        assert self.left_over(tmp_path) == ["film.mkv"]
        report = color_film(source, settings=settings_of(keep_partial=True), colorizer=colorizer)
        assert 0 < report.frames_out < 120

    def test_an_existing_output_is_left_alone_until_the_new_one_is_whole(
        self, tmp_path, colorizer, monkeypatch
    ):
        source = make_film(tmp_path / "film.mp4")
        output = tmp_path / "out.mp4"
        output.write_bytes(b"precious")
        monkeypatch.setattr("vidcolor.engine.verify_any", _fail_verification)
        with pytest.raises(ArithmeticError):
            color_film(source, output, settings_of(overwrite=True), colorizer=colorizer)
        assert output.read_bytes() == b"precious"
        (kept,) = find_jobs(tmp_path)
        assert self.left_over(tmp_path) == [kept.folder.name, "film.mp4", "out.mp4"]


def _fail_verification(*_: Any) -> None:
    raise ArithmeticError("verification")


def test_progress_ends_at_the_last_frame(tmp_path, colorizer):
    source = make_film(tmp_path / "film.mp4", frames=30)
    events = []
    report = color_film(
        source, settings=settings_of(), colorizer=colorizer, on_progress=events.append
    )
    assert events[-1].stage == "verify"
    assert events[-1].frames_done == events[-1].frames_total == 30
    assert [e.frames_done for e in events] == sorted(e.frames_done for e in events)
    assert isinstance(report, RunReport)
    assert {"decode", "network", "temporal", "chroma", "encode", "verify"} <= set(report.stage_ms)


class TestPictureSequences:
    """Numbered pictures in and out, an archive's native form."""

    @pytest.fixture
    def scans(self, tmp_path) -> tuple[Path, list[np.ndarray]]:
        rng = np.random.default_rng(0)
        pictures = []
        for number in range(3, 9):
            picture = cv2.GaussianBlur(rng.integers(0, 65536, (40, 60), dtype=np.uint16), (0, 0), 3)
            cv2.imwrite(str(tmp_path / f"scan_{number:04d}.tif"), picture)
            pictures.append(picture)
        return tmp_path / "scan_%04d.tif", pictures

    def test_to_pictures_with_the_same_numbers_and_luma(self, scans, tmp_path, colorizer):
        pattern, pictures = scans
        output = tmp_path / "color_%04d.tif"
        report = color_film(pattern, output, settings_of(), rate="24", colorizer=colorizer)
        assert report.frames_out == report.luma_identical == len(pictures)
        for number, picture in enumerate(pictures, start=3):
            bgr = cv2.imread(str(tmp_path / f"color_{number:04d}.tif"), cv2.IMREAD_UNCHANGED)
            weighted = bgr.astype(np.float64) @ [0.0722, 0.7152, 0.2126]
            np.testing.assert_array_equal(np.rint(weighted), picture)
            assert np.abs(bgr[..., 0].astype(int) - bgr[..., 2]).mean() > 500

    def test_to_a_lossless_film(self, scans, tmp_path, colorizer):
        pattern, pictures = scans
        output = tmp_path / "film.mkv"
        color_film(pattern, output, settings_of("archive"), rate="24", colorizer=colorizer)
        decoded = decode_luma(output)
        assert len(decoded) == len(pictures)
        for picture, (_, luma) in zip(pictures, decoded, strict=True):
            np.testing.assert_array_equal(picture, luma)

    def test_sound_is_not_lost_in_silence(self, tmp_path, colorizer):
        source = make_film(tmp_path / "film.mkv", audio=1)
        output = tmp_path / "color_%04d.png"
        with pytest.raises(StreamDropError, match=r"audio #1.*--allow-drop"):
            color_film(source, output, settings_of("archive"), colorizer=colorizer)
        settings = settings_of("archive", allow_drop=True)
        report = color_film(source, output, settings, colorizer=colorizer)
        assert [s["action"] for s in report.streams] == ["color", "drop"]
        assert any("expanded to the full range" in notice for notice in report.notices)
        assert sum(1 for _ in tmp_path.glob("color_*.png")) == report.frames_out

    def test_scaling_presets_are_refused(self, scans, tmp_path, colorizer):
        with pytest.raises(SettingsError, match="scales the picture"):
            color_film(scans[0], tmp_path / "o_%d.png", settings_of("preview"), colorizer=colorizer)


class TestNothingIsPassedOff:
    """A stage that does wrong ends the run, whatever the file on disk looks like."""

    def run(self, tmp_path, colorizer):
        source = make_film(tmp_path / "film.mkv")
        try:
            return color_film(
                source, tmp_path / "out.mkv", settings_of("archive"), colorizer=colorizer
            )
        finally:
            names = {"film.mkv", "out.mkv", "out.mkv.vidcolor.json"}
            assert {p.name for p in tmp_path.iterdir()} <= names

    def test_a_lost_frame(self, tmp_path, colorizer, monkeypatch):
        flush = TemporalSmoother.flush
        monkeypatch.setattr(TemporalSmoother, "flush", lambda self: flush(self)[:-1])
        with pytest.raises(RuntimeError, match="1 frames were lost"):
            self.run(tmp_path, colorizer)

    def test_a_frame_that_is_not_written(self, tmp_path, colorizer, monkeypatch):
        write = FilmWriter.write

        def skip_one(self, frame):
            if frame.source.index != 5:
                write(self, frame)

        monkeypatch.setattr(FilmWriter, "write", skip_one)
        with pytest.raises(VerificationError):
            self.run(tmp_path, colorizer)

    def test_changed_luma(self, tmp_path, colorizer, monkeypatch):
        monkeypatch.setattr("vidcolor.engine.target_luma", lambda luma, _: luma ^ 1)
        with pytest.raises(VerificationError, match="luma was kept in 0 of 12 frames"):
            self.run(tmp_path, colorizer)

    def test_a_network_without_colour_is_told(self, tmp_path, colorizer, monkeypatch):
        gray = np.zeros((2, 8, 8), np.float32)
        monkeypatch.setattr(colorizer, "predict", lambda pictures, _: [gray] * len(pictures))
        report = self.run(tmp_path, colorizer)
        assert "12 of 12 frames were left without colour by the network" in report.notices

    def test_not_a_number(self, tmp_path, colorizer, monkeypatch):
        class Broken(torch.nn.Module):
            def forward(self, L):
                n, _, h, w = L.shape
                return Prediction(torch.full((n, 2, h // 4, w // 4), torch.nan))

        monkeypatch.setattr(colorizer.by_torch, "network", Broken())
        with pytest.raises(DamagedCheckpointError, match="not numbers"):
            self.run(tmp_path, colorizer)


def test_luma_codes_beyond_the_depth_do_not_stop_a_run(colorizer):
    luma = np.full((48, 64), 1100, np.uint16)
    small = colorizer.shrink(luma, colorizer.grid(64, 48), 10, False)
    assert small.lightness.max() == pytest.approx(100, abs=1e-3)
    assert small.luma_u8(10).max() == 255


def test_a_shot_has_its_own_look(tmp_path, colorizer):
    source = make_film(tmp_path / "film.mkv", frames=24, cuts=(12,))
    listed = tmp_path / "list.csv"
    listed.write_text("start,strength\n0,\n0.5,0\n")
    settings = settings_of("archive", temporal__shots=str(listed), look__strength=1.5)
    color_film(source, tmp_path / "out.mkv", settings, colorizer=colorizer)
    frames = chroma(tmp_path / "out.mkv")
    assert all((frame != 128).any() for frame in frames[:12])
    assert all((frame == 128).all() for frame in frames[12:])
