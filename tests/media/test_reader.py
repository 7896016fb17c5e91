from __future__ import annotations

import threading
import zlib
from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.synthetic import (
    decode_luma,
    ffmpeg_frame_count,
    ffmpeg_luma,
    ffmpeg_times,
    luma_picture,
    make_film,
    run_ffmpeg,
)
from vidcolor.color import rgb_from_planes
from vidcolor.config import Limits
from vidcolor.errors import (
    CorruptInputError,
    InputLimitError,
    NoVideoError,
    SettingsError,
    TruncatedInputError,
)
from vidcolor.frames import Frame
from vidcolor.media.reader import FilmReader
from vidcolor.media.timeline import Timeline

B_FRAMES = {"preset": "medium", "x264-params": "bframes=3:keyint=10:b-pyramid=normal:open-gop=1"}
"""Encoder options that make pts and dts differ, and groups of pictures lean on each other."""


def read(path: Path, **options: Any) -> list[Frame]:
    with FilmReader(path, threads=2, **options) as reader:
        return list(reader)


def fingerprint(frames: Sequence[Frame]) -> list[tuple[int, int]]:
    return [(frame.pts, zlib.crc32(frame.luma.tobytes())) for frame in frames]


CONTAINERS: dict[str, dict[str, Any]] = {
    "mp4": {"options": B_FRAMES},
    "mov": {"codec": "prores_ks", "pix_fmt": "yuv422p10le"},
    "mkv": {"options": B_FRAMES},
    "webm": {"codec": "libvpx-vp9", "options": {"deadline": "realtime", "cpu-used": "8"}},
    "avi": {"codec": "mpeg4"},
    "reordered.avi": {"options": B_FRAMES},
    "mpg": {"codec": "mpeg2video", "rate": 25, "options": {"bf": "2"}},
    "ts": {"options": B_FRAMES},
    "mxf": {"codec": "mpeg2video", "rate": 25, "options": {"bf": "2"}},
    "flv": {"codec": "flv1"},
    "wmv": {"codec": "wmv2", "format": "asf"},
    "ogv": {"codec": "libtheora", "format": "ogg"},
    "nut": {"codec": "ffv1"},
    "y4m": {"codec": "wrapped_avframe", "format": "yuv4mpegpipe"},
}


def make_container(folder: Path, suffix: str, **options: Any) -> Path:
    if suffix in ("ogv", "y4m"):  # PyAV offers no encoder for these; the ffmpeg program does
        source = make_film(folder / "source.mkv", codec="ffv1", **options)
        run_ffmpeg("-i", str(source), str(folder / f"film.{suffix}"))
        return folder / f"film.{suffix}"
    return make_film(folder / f"film.{suffix}", **{**CONTAINERS[suffix], **options})


@pytest.mark.parametrize("suffix", CONTAINERS)
def test_every_container_gives_the_frames_of_another_reader(tmp_path: Path, suffix: str) -> None:
    try:
        film = make_container(tmp_path, suffix, frames=30)
    except RuntimeError as error:
        pytest.skip(f"not written here: {error}")
    with FilmReader(film, threads=2) as reader:
        frames = list(reader)
        video = reader.info.video
    expected = ffmpeg_luma(film, video.layout.name, video.width, video.height)
    assert len(frames) == len(expected) == reader.report.frames
    for frame, luma in zip(frames, expected, strict=True):
        np.testing.assert_array_equal(frame.luma, luma)
    assert [frame.index for frame in frames] == list(range(len(frames)))
    assert all(b.pts > a.pts for a, b in pairwise(frames))
    report = reader.report
    assert (report.undecodable_packets, report.corrupt_frames) == (0, 0)
    # AVI has dts only, and frames that the flushed decoder still held have none.
    assert report.missing_pts == (2 if suffix == "reordered.avi" else 0)
    assert report.repaired_pts == report.holes == report.missing_bytes == 0


@pytest.mark.parametrize("suffix", CONTAINERS)
def test_every_container_gives_the_times_of_another_reader(tmp_path: Path, suffix: str) -> None:
    try:
        film = make_container(tmp_path, suffix, frames=30)
    except RuntimeError as error:
        pytest.skip(f"not written here: {error}")
    assert [frame.pts * frame.time_base for frame in read(film)] == ffmpeg_times(film)


def test_reordered_frames_in_avi_with_a_fine_clock(tmp_path: Path) -> None:
    """As copied from MP4: a time base of 1/600 s, and no duration that is to be believed."""
    film = make_film(tmp_path / "film.mp4", frames=30, options=B_FRAMES)
    copied = tmp_path / "film.avi"
    run_ffmpeg("-i", str(film), "-c", "copy", str(copied))
    with FilmReader(copied) as reader:
        assert reader.info.video.time_base == Fraction(1, 600)
        times = [frame.pts * frame.time_base for frame in reader]
    # The first two ticks are for the reordering: AVI cannot say that decoding begins earlier.
    assert times == [Fraction(index + 2, 24) for index in range(30)]
    assert reader.report.repaired_pts == 0


@pytest.mark.parametrize(
    ("codec", "pix_fmt"),
    [
        ("libx264", "yuv420p"),
        ("libx264", "yuv444p"),
        ("libx264", "yuvj420p"),
        ("libx264", "gray"),
        ("libx264", "yuv420p10le"),
        ("libx265", "yuv422p12le"),
        ("ffv1", "gray"),
        ("ffv1", "gray16le"),
        ("ffv1", "yuv410p"),
        ("ffv1", "yuva420p"),
        ("mjpeg", "yuvj422p"),
        ("rawvideo", "yuyv422"),
        ("rawvideo", "uyvy422"),
        ("v210", "yuv422p10le"),
        ("dnxhd", "yuv422p"),
        ("prores_ks", "yuva444p10le"),
    ],
)
def test_pixel_formats(tmp_path: Path, codec: str, pix_fmt: str) -> None:
    size = {"width": 1280, "height": 720, "frames": 2} if codec == "dnxhd" else {"frames": 4}
    options = {"profile": "dnxhr_sq"} if codec == "dnxhd" else {}
    film = make_film(
        tmp_path / "film.mov" if codec != "ffv1" else tmp_path / "film.mkv",
        codec=codec,
        pix_fmt=pix_fmt,
        options=options,
        **size,
    )
    with FilmReader(film) as reader:
        frames = list(reader)
    layout = reader.info.video.layout
    twin = {"yuyv422": "yuv422p", "uyvy422": "yuv422p"}.get(layout.name, layout.name)
    video = reader.info.video
    for frame, luma in zip(frames, ffmpeg_luma(film, twin, video.width, video.height), strict=True):
        assert frame.luma.dtype == (np.uint8 if layout.bit_depth == 8 else np.uint16)
        np.testing.assert_array_equal(frame.luma, luma)
        assert (frame.chroma is None) is (layout.subsampling is None)
        assert (frame.alpha is None) is not layout.has_alpha


@pytest.mark.parametrize("pix_fmt", ["gray", "gray10le", "gray12le", "gray16le", "yuv420p10le"])
def test_lossless_film_gives_back_what_was_drawn(tmp_path: Path, pix_fmt: str) -> None:
    film = make_film(tmp_path / "film.mkv", frames=4, codec="ffv1", pix_fmt=pix_fmt)
    with FilmReader(film) as reader:
        bits = reader.info.video.layout.bit_depth
        for frame in reader:
            np.testing.assert_array_equal(frame.luma, luma_picture(frame.index, 64, 48, bits))


def test_gray_rgb_film_gives_its_gray(tmp_path: Path) -> None:
    film = make_film(tmp_path / "film.mkv", frames=3, codec="ffv1", pix_fmt="bgr0")
    with FilmReader(film) as reader:
        frames = list(reader)
    raw = run_ffmpeg("-i", str(film), "-f", "rawvideo", "-pix_fmt", "rgb24", "pipe:1")
    pictures = np.frombuffer(raw, np.uint8).reshape(3, 48, 64, 3)
    np.testing.assert_array_equal(np.ptp(pictures, axis=-1), 0)
    for frame, picture in zip(frames, pictures, strict=True):
        np.testing.assert_array_equal(frame.luma, picture[..., 0])
        assert frame.chroma is None


@pytest.mark.parametrize("pix_fmt", ["bgr0", "gbrp10le"])
def test_the_colours_of_an_rgb_film_can_be_had_as_chroma(tmp_path: Path, pix_fmt: str) -> None:
    film = make_film(tmp_path / "film.mkv", frames=2, codec="ffv1", pix_fmt=pix_fmt, colorful=True)
    with FilmReader(film, colors_of_rgb=True) as reader:
        video, frames = reader.info.video, list(reader)
    raw = run_ffmpeg("-i", str(film), "-f", "rawvideo", "-pix_fmt", "rgb48le", "pipe:1")
    pictures = np.frombuffer(raw, "<u2").reshape(2, 48, 64, 3) / 257
    assert np.ptp(pictures, axis=-1).mean() > 20
    for frame, picture in zip(frames, pictures, strict=True):
        bits = video.layout.bit_depth
        rgb = rgb_from_planes(frame.luma, frame.chroma, bits, (0, 0), video.color)
        # Half a code of Y′, of Cb or Cr (times 1.8556) and of the result, and swscale's own.
        np.testing.assert_allclose(rgb, picture, atol=2.5)


@settings(max_examples=12)
@given(
    steps=st.lists(st.integers(1, 3000), min_size=1, max_size=40),
    start=st.integers(0, 10**6),
    suffix=st.sampled_from(["mp4", "mkv"]),
    threads=st.integers(1, 4),
)
def test_any_times_come_out_as_they_went_in(
    tmp_path: Path, steps: list[int], start: int, suffix: str, threads: int
) -> None:
    times = np.cumsum([0, *steps]).tolist()
    film = make_film(
        tmp_path / f"film.{suffix}",
        frames=len(times),
        pts=times,
        start_pts=start,
        time_base=Fraction(1, 1000),
        options=B_FRAMES,
    )
    with FilmReader(film, threads=threads) as reader:
        frames = list(reader)
    expected = [Fraction(start + time, 1000) for time in times]
    assert [frame.pts * frame.time_base for frame in frames] == expected
    assert reader.report.frames == len(times)


@settings(max_examples=10)
@given(
    width=st.integers(1, 80),
    height=st.integers(1, 80),
    pix_fmt=st.sampled_from(["gray", "yuv420p", "yuv444p10le", "gray16le", "bgr0"]),
    count=st.integers(1, 6),
)
def test_any_size(tmp_path: Path, width: int, height: int, pix_fmt: str, count: int) -> None:
    film = make_film(
        tmp_path / "film.mkv",
        frames=count,
        width=width,
        height=height,
        codec="ffv1",
        pix_fmt=pix_fmt,
        options={"slices": "1"},  # its default refuses pictures of one column
    )
    frames = read(film)
    assert len(frames) == count
    assert all(frame.luma.shape == (height, width) for frame in frames)


def test_frames_stay_valid_after_the_film_is_closed(tmp_path: Path) -> None:
    film = make_film(tmp_path / "film.mp4", frames=40, width=320, height=240)
    frames = read(film)
    for frame, (_, luma) in zip(frames, decode_luma(film), strict=True):
        np.testing.assert_array_equal(frame.luma, luma)
        assert not frame.luma.flags.writeable


SEEKABLE = ("mp4", "mkv", "avi", "reordered.avi", "mpg", "ts", "webm", "mxf", "nut", "y4m")


@pytest.mark.parametrize("suffix", SEEKABLE)
def test_a_part_is_the_same_frames(tmp_path: Path, suffix: str) -> None:
    film = make_container(tmp_path, suffix, frames=90)
    with FilmReader(film) as reader:
        whole = list(reader)
        origin = reader.info.origin_s
    expected = fingerprint(whole)
    for first, last in [(0, 0), (1, 40), (33, 34), (60, 89), (75, 80), (89, 89)]:
        start = whole[first].time_s - origin
        length = whole[last].time_s - whole[first].time_s + 0.004
        part = read(film, start_s=max(0.0, start), duration_s=length)
        assert fingerprint(part) == expected[first : last + 1]
        assert [frame.index for frame in part] == list(range(last + 1 - first))
    assert fingerprint(read(film, duration_s=1.0)) == [
        item
        for item, frame in zip(expected, whole, strict=True)
        if frame.time_s < origin + 1.0 - 1e-6
    ]


def test_parts_add_up_to_the_whole(tmp_path: Path) -> None:
    film = make_film(tmp_path / "film.mkv", frames=60, vfr=True, options=B_FRAMES)
    whole = read(film)
    edges = [0.0, 0.3, 1.234, 2.0, 1e6]
    parts = [
        read(film, start_s=a, duration_s=b - a if b < 1e6 else None) for a, b in pairwise(edges)
    ]
    assert fingerprint([frame for part in parts for frame in part]) == fingerprint(whole)


def test_skipped_frames_are_told(tmp_path: Path) -> None:
    """Where there is no seeking, as in a raw stream, the way to the first frame may be long."""
    film = tmp_path / "film.h264"
    run_ffmpeg(
        *("-i", str(make_film(tmp_path / "film.mp4", frames=30, rate=25))),
        *("-c", "copy", "-bsf:v", "h264_mp4toannexb", "-f", "h264", str(film)),
    )
    skipped = []
    with FilmReader(film, start_s=0.8) as reader:
        reader.on_skip = lambda: skipped.append(reader.report.frames)
        assert len(list(reader)) == 10
    assert skipped == 20 * [0]


def test_a_part_without_frames(tmp_path: Path) -> None:
    film = make_film(tmp_path / "film.mp4", frames=12)
    with pytest.raises(SettingsError, match="no frame begins"):
        read(film, start_s=5.0)


@pytest.mark.parametrize(
    "times", [{"start_s": -1.0}, {"duration_s": 0.0}, {"start_s": float("nan")}]
)
def test_times_that_are_not_allowed(tmp_path: Path, times: dict[str, float]) -> None:
    film = make_film(tmp_path / "film.mp4", frames=2)
    with pytest.raises(SettingsError):
        FilmReader(film, **times)  # type: ignore[arg-type]


def test_raw_stream_without_times(tmp_path: Path) -> None:
    film = make_film(tmp_path / "film.mp4", frames=30, rate=25, options=B_FRAMES)
    raw = tmp_path / "film.h264"
    run_ffmpeg("-i", str(film), "-c", "copy", str(raw))
    with FilmReader(raw) as reader:
        frames = list(reader)
    assert [frame.pts * frame.time_base for frame in frames] == [
        Fraction(index, 25) for index in range(30)
    ]
    assert reader.report.missing_pts == 30
    assert any("no times" in notice for notice in reader.info.notices)
    assert fingerprint(read(raw, start_s=0.4, duration_s=0.2)) == fingerprint(frames)[10:15]


def test_edit_list_that_hides_frames(tmp_path: Path) -> None:
    """Frames before an edit list's start are decoded by libav, and not shown."""
    film = make_film(tmp_path / "film.mp4", frames=48, options={"g": "12", "sc_threshold": "0"})
    cut = tmp_path / "cut.mp4"
    run_ffmpeg("-ss", "0.8", "-i", str(film), "-c", "copy", str(cut))
    frames = read(cut)
    assert len(frames) == ffmpeg_frame_count(cut)
    assert frames[0].pts == 0
    with av.open(str(cut)) as container:
        assert any(packet.is_discard for packet in container.demux(video=0))


def test_other_video_streams_are_left_alone(tmp_path: Path) -> None:
    """The flush packet of a stream that is not the first must reach its decoder."""
    small = make_film(tmp_path / "small.mp4", frames=30, options=B_FRAMES)
    large = make_film(
        tmp_path / "large.mp4", frames=40, width=96, height=80, audio=1, options=B_FRAMES
    )
    both = tmp_path / "both.mp4"
    run_ffmpeg(
        *("-i", str(small), "-i", str(large), "-map", "0:v", "-map", "1", "-c", "copy"),
        *("-disposition:v:0", "0", "-disposition:v:1", "default", str(both)),
    )
    with FilmReader(both) as reader:
        assert reader.info.video.index == 1
        assert len(list(reader)) == 40


def test_two_films_glued_together(tmp_path: Path) -> None:
    film = make_film(tmp_path / "film.ts", frames=48, start_pts=48)
    film.write_bytes(film.read_bytes() * 2)
    with FilmReader(film) as reader:
        frames = list(reader)
    assert len(frames) == 96
    assert {round((b.pts - a.pts) * b.time_base * 24) for a, b in pairwise(frames)} == {1}
    assert reader.report.clock_jumps == 1


def cut_file(path: Path, keep: float) -> Path:
    """A copy of ``path`` with only the first part of its bytes."""
    content = path.read_bytes()
    cut = path.with_stem(f"{path.stem}_cut")
    cut.write_bytes(content[: int(len(content) * keep)])
    return cut


@pytest.mark.parametrize("keep", [0.5, 0.9, 0.99])
@pytest.mark.parametrize("suffix", ["mkv", "mp4", "avi", "mov"])
def test_cut_film(tmp_path: Path, suffix: str, keep: float) -> None:
    extra = {} if suffix in ("mkv", "avi") else {"container_options": {"movflags": "faststart"}}
    codec = "mpeg4" if suffix == "avi" else "libx264"
    film = make_film(
        tmp_path / f"film.{suffix}",
        frames=96,
        width=160,
        height=96,
        codec=codec,
        options={"bf": "2"},
        **extra,
    )
    cut = cut_file(film, keep)
    with pytest.raises(TruncatedInputError, match="keep-partial"):
        FilmReader(cut)
    with FilmReader(cut, keep_partial=True, threads=4) as reader:
        frames = list(reader)
    assert 0 < len(frames) <= 96
    # Every frame that another decoder finds in it, although a bad packet ends it.
    assert len(frames) == ffmpeg_frame_count(cut)
    # The last one may come from a packet of which a part is missing.
    assert fingerprint(frames)[:-1] == fingerprint(read(film))[: len(frames) - 1]
    assert reader.report.missing_bytes > 0
    # AVI's length is counted anew from what is left when its index is gone.
    assert suffix == "avi" or (reader.report.missing_s > 0) is (len(frames) < 96)


def test_film_that_simply_stops(tmp_path: Path) -> None:
    """Sizes unknown, as a live recorder writes them, and a duration that was not reached."""
    film = make_film(tmp_path / "film.mkv", frames=96)
    content = film.read_bytes()
    segment = content.index(b"\x18\x53\x80\x67") + 4
    assert content[segment] == 0x01  # an eight-byte size
    unknown = content[:segment] + b"\x01" + b"\xff" * 7 + content[segment + 8 :]
    (tmp_path / "live.mkv").write_bytes(unknown)
    assert len(read(tmp_path / "live.mkv")) == 96
    (tmp_path / "cut.mkv").write_bytes(unknown[: len(unknown) // 3])
    with (
        FilmReader(tmp_path / "cut.mkv") as reader,
        pytest.raises(TruncatedInputError, match="before its header says"),
    ):
        list(reader)
    partial = FilmReader(tmp_path / "cut.mkv", keep_partial=True)
    assert 0 < len(list(partial)) == partial.report.frames < 96
    assert partial.report.missing_s > 1.0


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "avi", "flv", "wmv", "nut", "webm"])
def test_late_start_is_no_damage(tmp_path: Path, suffix: str) -> None:
    codec = {"flv": "flv1", "avi": "mpeg4", "wmv": "wmv2", "webm": "libvpx"}.get(suffix, "libx264")
    film = make_film(
        tmp_path / f"film.{suffix}",
        frames=30,
        start_pts=240,
        codec=codec,
        format="asf" if suffix == "wmv" else None,
    )
    assert len(read(film)) == 30


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "avi", "mov", "flv", "nut", "ts"])
def test_sound_longer_than_the_picture_is_no_damage(tmp_path: Path, suffix: str) -> None:
    codec = {"flv": "flv1", "avi": "mpeg4"}.get(suffix, "libx264")
    film = make_film(
        tmp_path / f"film.{suffix}",
        frames=24,
        codec=codec,
        audio=1,
        audio_codec="mp3" if suffix == "flv" else "aac",
        audio_s=6.0,
    )
    assert len(read(film)) == 24


def damaged(path: Path, bad: range) -> Path:
    """Packets that are zeros."""
    film = make_film(path, frames=40, codec="mjpeg", pix_fmt="yuvj420p")
    content = bytearray(film.read_bytes())
    with av.open(str(film)) as container:
        for number, packet in enumerate(p for p in container.demux(video=0) if p.size):
            if number in bad:
                assert packet.pos is not None
                content[packet.pos + 8 : packet.pos + packet.size] = bytes(packet.size - 8)
    film.write_bytes(content)
    return film


def test_too_much_damage(tmp_path: Path) -> None:
    film = damaged(tmp_path / "film.avi", range(10, 30))
    few, many = Limits(max_bad_packets=5), Limits(max_bad_packets=20)
    with (
        FilmReader(film, limits=few) as reader,
        pytest.raises(CorruptInputError, match=r"6 packets in a row.*--limit max_bad_packets=N"),
    ):
        list(reader)
    for options in ({"keep_partial": True, "limits": few}, {"limits": many}):
        with FilmReader(film, **options) as reader:
            pts = [frame.pts for frame in reader]
        assert pts == [*range(10), *range(30, 40)]  # the others keep their times
        assert reader.report.undecodable_packets == 20


def test_nothing_but_damage_in_the_part(tmp_path: Path) -> None:
    film = damaged(tmp_path / "film.avi", range(5, 40))
    with pytest.raises(SettingsError, match="no frame begins"):
        read(film, keep_partial=True, start_s=0.5)


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        (Limits(max_frames=11), "more than 11 frames.*--limit max_frames=N"),
        (Limits(max_duration_s=0.4), "lasts 0 s.*allowed are 0.4 s.*--limit max_duration_s=N"),
    ],
)
def test_what_is_read_is_held_to_the_limits_too(tmp_path: Path, limits: Limits, words: str) -> None:
    """A raw stream announces nothing."""
    film = make_film(tmp_path / "film.mp4", frames=12)
    run_ffmpeg("-i", str(film), "-c", "copy", str(tmp_path / "film.h264"))
    with FilmReader(tmp_path / "film.h264", limits=limits) as reader:
        with pytest.raises(InputLimitError, match=words):
            list(reader)
        assert 0 < reader.report.frames < 12


def test_a_reader_in_which_a_thread_is_stuck_is_not_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    film = make_film(tmp_path / "film.mp4", frames=12)
    inside, go_on = threading.Event(), threading.Event()
    place = Timeline.place

    def stuck(*arguments: Any) -> int:
        inside.set()
        go_on.wait(30)
        return place(*arguments)

    monkeypatch.setattr(Timeline, "place", stuck)
    reader = FilmReader(film)
    frames: list[Frame] = []
    thread = threading.Thread(target=lambda: frames.extend(reader))
    thread.start()
    assert inside.wait(30)
    reader.close()
    go_on.set()
    thread.join(30)
    assert len(frames) == 12  # it could go on: nothing was freed under it
    reader.close()
    assert not reader._decoder.is_open


def test_hole_in_matroska_is_counted(tmp_path: Path) -> None:
    """libav goes on at the next cluster without an error; only the times tell."""
    film = make_film(
        tmp_path / "film.mkv",
        frames=144,
        width=160,
        height=96,
        options={"g": "24"},
        container_options={"cluster_time_limit": "1000"},
    )
    content = bytearray(film.read_bytes())
    clusters = [i for i in range(len(content)) if content[i : i + 4] == b"\x1f\x43\xb6\x75"]
    content[clusters[2] : clusters[4]] = bytes(clusters[4] - clusters[2])
    film.write_bytes(content)
    with FilmReader(film, keep_partial=True) as reader:
        frames = list(reader)
    assert len(frames) < 144
    assert reader.report.holes == 1
    assert reader.report.holes_s > 1.0


def test_size_change(tmp_path: Path) -> None:
    one = make_film(tmp_path / "one.ts", frames=10)
    two = make_film(tmp_path / "two.ts", frames=10, width=96, height=80)
    one.write_bytes(one.read_bytes() + two.read_bytes())
    with (
        FilmReader(one) as reader,
        pytest.raises(CorruptInputError, match=r"64×48 yuv420p to 96×80 yuv420p after 10 frames"),
    ):
        list(reader)


def test_limits_hold_for_the_decoder_too(tmp_path: Path) -> None:
    film = make_film(tmp_path / "film.mp4", frames=3)
    assert len(read(film, limits=Limits(max_pixels=64 * 48))) == 3


def test_iterated_once_and_closed(tmp_path: Path) -> None:
    film = make_film(tmp_path / "film.mp4", frames=3)
    reader = FilmReader(film)
    assert len(list(reader)) == 3
    with pytest.raises(RuntimeError, match="once"):
        iter(reader)
    reader.close()
    reader.close()
    fresh = FilmReader(film)
    fresh.close()
    with pytest.raises(RuntimeError, match="open"):
        iter(fresh)


def test_errors_of_the_probe_come_through(tmp_path: Path) -> None:
    with pytest.raises(NoVideoError):
        FilmReader(make_film(tmp_path / "sound.mp4", frames=0, audio=1))


def test_stopping_early_leaves_nothing_open(tmp_path: Path) -> None:
    film = make_film(tmp_path / "film.mp4", frames=30)
    with FilmReader(film) as reader:
        for frame in reader:
            if frame.index == 3:
                break
    assert reader.report.frames == 4
