from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import pytest
from PIL import Image

from tests.synthetic import make_fields, make_film, make_frame, run_ffmpeg
from vidcolor.errors import (
    CorruptInputError,
    NoVideoError,
    RemoteInputError,
    UnsupportedCodecError,
)
from vidcolor.frames import UNSPECIFIED, ColorTags, PixelLayout
from vidcolor.media.probe import (
    color_tags,
    is_interlaced,
    is_sequence_pattern,
    is_top_field_first,
    probe,
)


def test_a_full_container(tmp_path: Path) -> None:
    film = make_film(
        tmp_path / "film.mkv",
        frames=12,
        audio=2,
        audio_codec="libopus",
        subtitles=["srt", "ass"],
        chapters=True,
        attachment=True,
        metadata={"title": "Ein\x1b[31m Film\n"},
    )
    info = probe(film)
    assert info.path == str(film)
    assert info.container == "matroska,webm"
    assert info.num_chapters == 2
    assert info.metadata["title"] == "Ein [31m Film"
    assert info.size_bytes == film.stat().st_size
    assert info.duration_from_header_s == pytest.approx(0.5, abs=0.05)
    kinds = [(s.kind, s.codec, s.language) for s in info.streams]
    assert kinds == [
        ("video", "h264", None),
        ("audio", "opus", "eng"),
        ("audio", "opus", "deu"),
        ("subtitle", "subrip", "eng"),
        ("subtitle", "ass", "deu"),
        ("attachment", "unknown", None),
    ]
    assert info.streams[0].detail == "64×48 yuv420p"
    assert info.streams[1].detail == "48000 Hz stereo"
    assert info.streams[2].title == "Sound 2"
    assert info.streams[2].dispositions == ("comment",)
    assert info.streams[5].title == "font.ttf"
    assert info.streams[5].detail == "application/x-truetype-font"


def test_the_video(tmp_path: Path) -> None:
    tags = ColorTags(9, 9, 14, full_range=False)
    film = make_film(
        tmp_path / "film.mp4",
        frames=12,
        width=66,
        height=50,
        codec="libx265",
        pix_fmt="yuv422p10le",
        rate=Fraction(30000, 1001),
        rotation=90,
        sar=Fraction(4, 3),
        color=tags,
    )
    video = probe(film).video
    assert (video.index, video.codec) == (0, "hevc")
    assert (video.width, video.height) == (66, 50)
    assert video.layout == PixelLayout("yuv422p10le", 10, (1, 0))
    assert video.color == tags
    assert video.rotation == 90
    assert video.sample_aspect_ratio == Fraction(4, 3)
    assert video.display_size == (50, 88)
    assert video.average_rate == Fraction(30000, 1001)
    assert video.num_frames_from_header == 12
    assert video.duration_from_header_s == pytest.approx(12 * 1001 / 30000, abs=1e-3)
    assert video.start_pts == 0
    assert not is_interlaced(video.field_order)


@pytest.mark.parametrize("rotation", [-90, 0, 90, 180])
def test_rotation(tmp_path: Path, rotation: int) -> None:
    found = probe(make_film(tmp_path / "film.mov", frames=2, rotation=rotation)).video.rotation
    assert (found - rotation) % 360 == 0


@pytest.mark.parametrize(
    ("pix_fmt", "color", "full", "guessed"),
    [
        ("yuv420p", None, False, True),
        ("yuv420p", ColorTags(1, 1, 1, full_range=False), False, False),
        ("yuv420p", ColorTags(1, 1, 1, full_range=True), True, False),
        ("yuv420p10le", ColorTags(1, 1, 1, full_range=True), True, False),
        ("gray", None, True, True),
    ],
)
def test_range(
    tmp_path: Path, pix_fmt: str, color: ColorTags | None, full: bool, guessed: bool
) -> None:
    film = make_film(tmp_path / "film.mkv", frames=2, codec="ffv1", pix_fmt=pix_fmt, color=color)
    if not guessed:
        film = make_film(tmp_path / "film.mp4", frames=2, pix_fmt=pix_fmt, color=color)
    info = probe(film)
    assert info.video.color.full_range is full
    assert ("full_range" in info.video.color.guessed) is guessed
    assert any("range assumed" in notice for notice in info.notices) is guessed


def test_missing_tags_stay_unspecified(tmp_path: Path) -> None:
    color = probe(make_film(tmp_path / "film.mp4", frames=2)).video.color
    assert (color.matrix, color.primaries, color.transfer) == (UNSPECIFIED,) * 3


def test_tags_of_the_codec_fill_what_the_frame_leaves_open() -> None:
    frame = make_frame(0, 16, 16, "yuv420p")
    context = av.CodecContext.create("ffv1", "w")
    context.colorspace, context.color_primaries, context.color_trc = 6, 5, 1
    context.color_range = 2
    frame.colorspace = 1
    tags = color_tags(frame, context, PixelLayout("yuv420p", 8, (1, 1)))
    assert tags == ColorTags(1, 5, 1, full_range=True)


def test_rgb_is_read_as_bt709_luma(tmp_path: Path) -> None:
    info = probe(make_film(tmp_path / "film.mkv", frames=2, codec="ffv1", pix_fmt="bgr0"))
    assert info.video.layout.is_rgb
    assert info.video.color == ColorTags(1, 1, 1, full_range=True, guessed=("matrix",))
    assert any("R′G′B′" in notice for notice in info.notices)


def test_cover_art_is_not_the_film(tmp_path: Path) -> None:
    film = make_film(tmp_path / "film.mp4", frames=3, audio=1)
    Image.new("RGB", (320, 240)).save(tmp_path / "cover.png")
    both = tmp_path / "both.mp4"
    run_ffmpeg(
        *(
            "-i",
            str(tmp_path / "cover.png"),
            "-i",
            str(film),
            "-map",
            "0",
            "-map",
            "1",
            "-c",
            "copy",
        ),
        *("-disposition:v:0", "attached_pic", str(both)),
    )
    info = probe(both)
    assert info.video.codec == "h264"
    assert [s.is_cover_art for s in info.streams if s.kind == "video"].count(True) == 1
    assert not any("video streams" in notice for notice in info.notices)


def test_sound_with_a_cover_is_no_film(tmp_path: Path) -> None:
    sound = make_film(tmp_path / "sound.mp4", frames=0, audio=1)
    Image.new("RGB", (320, 240)).save(tmp_path / "cover.png")
    covered = tmp_path / "covered.mp4"
    run_ffmpeg(
        *(
            "-i",
            str(sound),
            "-i",
            str(tmp_path / "cover.png"),
            "-map",
            "0",
            "-map",
            "1",
            "-c",
            "copy",
        ),
        *("-disposition:v:0", "attached_pic", str(covered)),
    )
    with pytest.raises(NoVideoError, match="only audio"):
        probe(covered)


@pytest.mark.parametrize("suffix", ["mp4", "mp3", "flac", "wav", "ogg"])
def test_sound_only(tmp_path: Path, suffix: str) -> None:
    sound = make_film(tmp_path / "sound.mp4", frames=0, audio=1)
    if suffix != "mp4":
        codec = ("-c:a", "libopus") if suffix == "ogg" else ()
        run_ffmpeg("-i", str(sound), *codec, str(tmp_path / f"sound.{suffix}"))
    with pytest.raises(NoVideoError, match="only audio"):
        probe(tmp_path / f"sound.{suffix}")


def test_unknown_codec(tmp_path: Path) -> None:
    film = make_film(tmp_path / "film.avi", frames=3, codec="mpeg4")
    film.write_bytes(film.read_bytes().replace(b"FMP4", b"QQQQ").replace(b"fmp4", b"QQQQ"))
    with pytest.raises(UnsupportedCodecError, match="no decoder"):
        probe(film)


def test_unreadable_pixel_format(tmp_path: Path) -> None:
    film = tmp_path / "film.nut"
    make_film(tmp_path / "film.mkv", frames=2)
    run_ffmpeg(
        *("-i", str(tmp_path / "film.mkv"), "-c:v", "rawvideo", "-pix_fmt", "gbrpf32le"),
        str(film),
    )
    with pytest.raises(UnsupportedCodecError, match="gbrpf32le"):
        probe(film)


def test_no_frame_decodes(tmp_path: Path) -> None:
    film = make_film(tmp_path / "film.avi", frames=6, codec="mjpeg", pix_fmt="yuvj420p")
    content = bytearray(film.read_bytes())
    start = content.index(b"movi")
    for position in range(start, len(content) - 2):
        if content[position : position + 3] == b"\xff\xd8\xff":
            content[position : position + 200] = bytes(200)
    film.write_bytes(content)
    with pytest.raises(CorruptInputError, match="no frame"):
        probe(film)


def test_interlaced_material_is_named(tmp_path: Path) -> None:
    film = make_film(tmp_path / "film.mp4", frames=4, height=64, options={"x264-params": "tff=1"})
    info = probe(film)
    assert info.video.field_order == "tt"
    assert is_interlaced(info.video.field_order)


@pytest.mark.parametrize(("order", "expected"), [("tff", True), ("bff", False)])
def test_the_field_order_of_a_frame(tmp_path: Path, order: str, expected: bool) -> None:
    film = make_fields(tmp_path / "film.mkv", frames=1, order=order)
    with av.open(str(film)) as container:
        assert is_top_field_first(next(container.decode(video=0))) is expected


def test_hdr_is_named(tmp_path: Path) -> None:
    film = make_film(
        tmp_path / "film.mp4",
        frames=2,
        codec="libx265",
        pix_fmt="yuv420p10le",
        color=ColorTags(9, 9, 16, full_range=False),
        options={
            "x265-params": "log-level=none:hdr10=1:max-cll=1000,400:master-display="
            "G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,1)"
        },
    )
    notices = probe(film).notices
    assert any("PQ" in notice for notice in notices)
    assert any("mastering" in notice for notice in notices)


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
@pytest.mark.parametrize("mirrored", [False, True])
def test_display_matrix(tmp_path: Path, rotation: int, mirrored: bool) -> None:
    film = make_film(tmp_path / "film.mp4", frames=2)
    turned = tmp_path / "turned.mp4"
    with av.open(str(film)) as source, av.open(str(turned), "w") as out:
        stream = out.add_stream_from_template(source.streams.video[0])
        stream.set_display_rotation(rotation, hflip=mirrored)
        for packet in source.demux(source.streams.video[0]):
            if packet.size:
                packet.stream = stream
                out.mux(packet)
    video = probe(turned).video
    assert (video.rotation % 360, video.mirrored) == (rotation, mirrored)


def test_several_films_in_one_file(tmp_path: Path) -> None:
    one = make_film(tmp_path / "one.mp4", frames=3)
    both = tmp_path / "both.mkv"
    run_ffmpeg("-i", str(one), "-map", "0:v", "-map", "0:v", "-c", "copy", str(both))
    assert any("2 video streams" in notice for notice in probe(both).notices)


def test_start_offset(tmp_path: Path) -> None:
    info = probe(make_film(tmp_path / "film.ts", frames=5, start_pts=24 * 10, audio=0))
    assert info.video.start_pts == 10 * 90_000
    assert info.origin_s == 10.0


def test_the_start_of_a_film_too_short_for_libav_to_find_it(tmp_path: Path) -> None:
    """Matroska has no decoding times, and with two frames libav does not make them up."""
    film = make_film(tmp_path / "film.mkv", frames=2, options={"preset": "medium"})
    with av.open(str(film)) as container:
        assert container.streams.video[0].start_time is None
    info = probe(film)
    assert info.video.start_pts == 0
    assert not any("no times" in notice for notice in info.notices)


def test_cut_film_is_described_with_a_notice(tmp_path: Path) -> None:
    film = make_film(tmp_path / "film.mkv", frames=24)
    film.write_bytes(film.read_bytes()[:-2000])
    assert any("cut off" in notice for notice in probe(film).notices)


def test_addresses(tmp_path: Path) -> None:
    with pytest.raises(RemoteInputError):
        probe("https://example.org/film_%06d.png")
    assert not is_sequence_pattern("scan_000001.tif")
    assert is_sequence_pattern(tmp_path / "scan_%06d.tif")
    assert is_sequence_pattern("%d.png")
    assert is_sequence_pattern("scan_%4d.png")
    assert not is_sequence_pattern("scan_%999999d.png")
    percent = make_film(tmp_path / "100%d.mp4", frames=2)
    assert not is_sequence_pattern(percent)
    assert probe(percent).video.num_frames_from_header == 2


def test_raw_dv_has_the_rate_of_its_pictures(tmp_path: Path) -> None:
    """Where libav averages its clock's 60000 ticks instead."""
    film = make_film(tmp_path / "film.mp4", frames=3, rate=25, width=720, height=576)
    raw = tmp_path / "film.dv"
    run_ffmpeg("-i", str(film), "-target", "pal-dv", str(raw))
    assert probe(raw).video.average_rate == 25
