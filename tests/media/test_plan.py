"""What the output will be: container, streams, notices. Nothing is written."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.media.recolor import fast_settings
from tests.synthetic import make_film, make_frame, run_ffmpeg
from vidcolor.errors import SettingsError, StreamDropError
from vidcolor.media.plan import StreamPlan, default_output, plan_output, suits
from vidcolor.media.probe import probe


def actions(streams: tuple[StreamPlan, ...]) -> list[tuple[str, str]]:
    return [(stream.kind, stream.action) for stream in streams]


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a rich MP4, a rich MKV, and films with a cover and a timecode."""
    folder = tmp_path_factory.mktemp("films")
    make_film(folder / "rich.mp4", frames=6, audio=2, subtitles="mov_text", chapters=True)
    make_film(
        folder / "rich.mkv",
        frames=6,
        audio=1,
        subtitles=["srt", "ass", "webvtt"],
        chapters=True,
        attachment=True,
    )
    make_frame(0, 32, 32, "rgb24").to_image().save(folder / "cover.png")
    rich = str(folder / "rich.mp4")
    run_ffmpeg(
        *("-i", rich, "-i", str(folder / "cover.png"), "-map", "0:v", "-map", "0:a", "-map", "1"),
        *("-c", "copy", "-disposition:v:1", "attached_pic", str(folder / "cover.mp4")),
    )
    run_ffmpeg(
        *("-i", rich, "-map", "0:v", "-map", "0:a:0", "-c", "copy", "-map_chapters", "-1"),
        *("-timecode", "01:00:00:00", str(folder / "timecode.mov")),
    )
    make_film(folder / "opus.mkv", frames=6, audio=1, audio_codec="libopus")
    return folder


class TestStreams:
    @pytest.mark.parametrize(
        ("source", "output", "expected"),
        [
            # film, two sounds, mov_text, chapter titles
            ("rich.mp4", "out.mp4", "color copy copy copy convert"),
            ("rich.mp4", "out.mkv", "color copy copy convert convert"),
            # film, sound, srt, ass, webvtt, font
            ("rich.mkv", "out.mkv", "color copy copy copy copy copy"),
            ("rich.mkv", "out.mov", "color copy convert convert convert drop"),
            # film, two sounds, chapter titles, cover
            ("cover.mp4", "out.m4v", "color copy copy convert copy"),
            ("cover.mp4", "out.mkv", "color copy copy convert copy"),
            ("cover.mp4", "out.mov", "color copy copy convert drop"),
            # film, sound, timecode
            ("timecode.mov", "out.mov", "color copy convert"),
            ("timecode.mov", "out.mkv", "color copy convert"),
        ],
    )
    def test_actions(self, films: Path, source: str, output: str, expected: str) -> None:
        info = probe(films / source)
        plan = plan_output(info, fast_settings(), films / output)
        assert " ".join(stream.action for stream in plan.streams) == expected
        assert [s.index for s in plan.streams] == [s.index for s in info.streams]
        for stream in plan.streams:
            if stream.action in ("convert", "drop"):
                assert any(stream.reason in notice for notice in plan.notices)
        assert plan.dropped == tuple(s for s in plan.streams if s.action == "drop")
        assert not (films / output).exists()

    def test_notices_name_what_happens(self, films: Path) -> None:
        plan = plan_output(probe(films / "rich.mkv"), fast_settings(), films / "out.mp4")
        assert "convert: stream 2: srt subtitles to mov_text" in plan.notices
        lost = "drop: stream 5: attachment of kind font.ttf cannot be copied into MP4"
        assert lost in plan.notices

    def test_strict_refuses_to_lose_anything(self, films: Path) -> None:
        info = probe(films / "rich.mkv")
        with pytest.raises(StreamDropError, match=r"stream 5: .*font\.ttf.*--allow-drop"):
            plan_output(info, fast_settings(strict_streams=True), films / "out.mp4")
        allowed = fast_settings(strict_streams=True, allow_drop=True)
        assert len(plan_output(info, allowed, films / "out.mp4").dropped) == 1
        assert not plan_output(info, fast_settings(strict_streams=True), films / "o.mkv").dropped

    def test_sound_is_never_lost_unasked(self, films: Path) -> None:
        info = probe(films / "opus.mkv")
        with pytest.raises(StreamDropError, match="audio of kind opus cannot be copied into MOV"):
            plan_output(info, fast_settings(), films / "out.mov")
        plan = plan_output(info, fast_settings(allow_drop=True), films / "out.mov")
        assert actions(plan.streams) == [("video", "color"), ("audio", "drop")]
        assert plan.streams[1].matroska_keeps

    @pytest.mark.parametrize(
        ("codec", "output", "advice"),
        [
            ("libopus", "out.mov", r"by --allow-drop, or give .* ends in \.mkv: -o out\.mkv$"),
            ("wmav2", "out.mp4", r"-c:a flac COPY\.mkv\)\. Go on without it by --allow-drop$"),
            ("wmav2", "out.mkv", r"-c:a flac COPY\.mkv\)\. Go on without it by --allow-drop$"),
            ("adpcm_ms", "out.mp4", r"-c:a flac COPY\.mkv\)\. Go on without it by --allow-drop$"),
            ("pcm_mulaw", "out.mkv", r"-c:a flac COPY\.mkv\)\. Go on without it by --allow-drop$"),
            ("pcm_u8", "out.mp4", r"by --allow-drop, or give .* ends in \.mkv: -o out\.mkv$"),
        ],
    )
    def test_refusal_says_what_helps(
        self, films: Path, codec: str, output: str, advice: str
    ) -> None:
        source = films / f"{codec}.{'mkv' if codec == 'libopus' else 'avi'}"
        run_ffmpeg(
            "-i",
            str(films / "rich.mp4"),
            "-map",
            "0:v",
            "-map",
            "0:a:0",
            "-map_chapters",
            "-1",
            "-c:v",
            "mpeg4",
            "-c:a",
            codec,
            str(source),
        )
        info = probe(source)
        with pytest.raises(StreamDropError, match=advice):
            plan_output(info, fast_settings(), films / output)

    def test_converted_sound_is_taken(self, films: Path) -> None:
        source, copy = films / "wma.wmv", films / "copy.mkv"
        run_ffmpeg("-i", str(films / "opus.mkv"), "-c:v", "wmv2", "-c:a", "wmav2", str(source))
        with pytest.raises(StreamDropError) as caught:
            plan_output(probe(source), fast_settings(), films / "out.mkv")
        advice = str(caught.value).partition("ffmpeg ")[2].partition(")")[0]
        advice = advice.replace("FILM", str(source)).replace("COPY.mkv", str(copy))
        run_ffmpeg(*advice.split())
        assert not plan_output(probe(copy), fast_settings(), films / "out.mkv").dropped

    def test_lost_alpha_is_a_drop(self, films: Path) -> None:
        path = make_film(films / "alpha.mkv", frames=2, codec="ffv1", pix_fmt="yuva420p")
        plan = plan_output(probe(path), fast_settings(), films / "out.mkv")
        assert actions(plan.streams) == [("video", "color"), ("alpha", "drop")]
        assert "drop: alpha channel: libx264 does not carry one" in plan.notices
        with pytest.raises(StreamDropError, match="alpha channel"):
            plan_output(probe(path), fast_settings(strict_streams=True), films / "out.mkv")
        kept = plan_output(probe(path), fast_settings("archive"), films / "out.mkv")
        assert kept.target.layout.name == "yuva420p"
        assert not kept.dropped

    def test_alpha_that_the_decoder_hides(self, films: Path) -> None:
        path = films / "alpha.webm"
        make_film(path, frames=2, codec="libvpx-vp9", pix_fmt="yuva420p", options={"cpu-used": "8"})
        info = probe(path)
        plan = plan_output(info, fast_settings(), films / "out.mkv")
        assert not info.video.layout.has_alpha  # libav's own VP9 decoder leaves it out
        assert ("alpha", "drop") in actions(plan.streams)


class TestContainer:
    @pytest.mark.parametrize(
        ("suffix", "muxer"),
        [
            (".mkv", "matroska"),
            (".MKV", "matroska"),
            (".mp4", "mp4"),
            (".m4v", "mp4"),
            (".mov", "mov"),
        ],
    )
    def test_suffix_decides(self, films: Path, suffix: str, muxer: str) -> None:
        plan = plan_output(probe(films / "rich.mp4"), fast_settings(), films / f"out{suffix}")
        assert plan.container == muxer

    @pytest.mark.parametrize("name", ["out.avi", "out", "out.webm", "out.tif"])
    def test_other_suffixes_are_refused(self, films: Path, name: str) -> None:
        with pytest.raises(SettingsError, match=r"\.mkv, \.mp4, \.m4v, \.mov"):
            plan_output(probe(films / "rich.mp4"), fast_settings(), films / name)

    @pytest.mark.parametrize(
        ("preset", "suffix"), [("archive", ".mp4"), ("archive", ".mov"), ("prores", ".mp4")]
    )
    def test_codec_that_does_not_go_with_the_suffix(
        self, films: Path, preset: str, suffix: str
    ) -> None:
        with pytest.raises(SettingsError, match=r"does not hold .* \.mkv"):
            plan_output(probe(films / "rich.mp4"), fast_settings(preset), films / f"out{suffix}")

    def test_suits(self) -> None:
        assert suits("matroska", "ffv1")
        assert suits("mov", "prores_ks")
        assert not suits("mp4", "prores_ks")
        assert not suits("mp4", "ffv1")  # libav would, hardly any player reads it


class TestDefaultOutput:
    @pytest.mark.parametrize(
        ("source", "preset", "expected"),
        [
            ("film.mp4", "film", "film.color.mp4"),
            ("film.MP4", "film", "film.color.mp4"),
            ("film.m4v", "film", "film.color.m4v"),
            ("film.mov", "film", "film.color.mov"),
            ("film.mkv", "film", "film.color.mkv"),
            ("film.avi", "film", "film.color.mkv"),
            ("film.webm", "film", "film.color.mkv"),
            ("film", "film", "film.color.mkv"),
            ("the.old.film.mpg", "film", "the.old.film.color.mkv"),
            ("film.mp4", "archive", "film.color.mkv"),
            ("film.mkv", "prores", "film.color.mov"),
            ("scan_%06d.tif", "film", "scan.color.mkv"),
            ("%d.png", "film", "film.color.mkv"),
        ],
    )
    def test_name(self, source: str, preset: str, expected: str) -> None:
        output = default_output(Path("/films") / source, fast_settings(preset))
        assert output == Path("/films") / expected

    def test_what_the_file_really_is_counts(self, films: Path) -> None:
        liar = films / "liar.mp4"
        liar.write_bytes((films / "rich.mkv").read_bytes())
        assert default_output(liar, fast_settings(), probe(liar)).suffix == ".mkv"
        honest = films / "rich.mp4"
        assert default_output(honest, fast_settings(), probe(honest)).suffix == ".mp4"

    def test_container_follows_the_codec(self, films: Path) -> None:
        deep = make_film(films / "deep.mkv", frames=1, codec="ffv1", pix_fmt="yuv420p12le")
        info = probe(deep)
        assert default_output(deep, fast_settings("prores")).suffix == ".mov"
        output = default_output(deep, fast_settings("prores"), info)
        assert output.suffix == ".mkv"
        assert plan_output(info, fast_settings("prores"), output).codec == "ffv1"


def test_missing_tags_are_mentioned(films: Path) -> None:
    plan = plan_output(probe(films / "rich.mp4"), fast_settings(), films / "out.mp4")
    assert any(
        n.startswith("not tagged in the source: matrix, primaries, transfer") for n in plan.notices
    )


def test_marks_of_tracks_that_are_lost_are_mentioned(films: Path) -> None:
    info = probe(films / "rich.mp4")
    said = "stream 2: MOV has no place for its marks comment"
    for suffix, lost in (("mov", True), ("mp4", False), ("mkv", False)):
        plan = plan_output(info, fast_settings(), films / f"out.{suffix}")
        assert (said in plan.notices) is lost


def test_colours_that_cannot_be_kept_are_mentioned(films: Path) -> None:
    source = films / "rgb.mkv"
    run_ffmpeg(
        "-i",
        str(films / "rich.mp4"),
        "-map",
        "0:v:0",
        "-c:v",
        "ffv1",
        "-pix_fmt",
        "bgr0",
        str(source),
    )
    info = probe(source)
    asks = fast_settings(look__keep_tint=True, look__keep_color_shots=True)
    (notice,) = (n for n in plan_output(info, asks, films / "o.mkv").notices if "keep" in n)
    assert notice.startswith("--keep-tint and --keep-color-shots cannot keep the colours of")
    assert not any("keep" in n for n in plan_output(info, fast_settings(), films / "o.mkv").notices)
    planar = plan_output(probe(films / "rich.mp4"), asks, films / "o.mkv")
    assert not any("keep" in n for n in planar.notices)


def test_fields_that_cannot_be_marked_are_mentioned(films: Path) -> None:
    source = films / "interlaced.mkv"
    run_ffmpeg(
        *("-i", str(films / "rich.mp4"), "-vf", "setfield=tff", "-map", "0:v:0"),
        *("-c:v", "ffv1", str(source)),
    )
    info = probe(source)
    codec = fast_settings(encode__codec="libx265", encode__options={"preset": "ultrafast"})
    plan = plan_output(info, codec, films / "out.mkv")
    assert "libx265 does not mark the fields of this interlaced film" in plan.notices
    assert not any(
        "fields" in n for n in plan_output(info, fast_settings(), films / "o.mkv").notices
    )
