"""`vidcolor.comparison.films`: two films in one."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.media.recolor import fast_settings, recolor
from tests.synthetic import audio_packets, decode_luma, ffmpeg_times, luma_picture, make_film
from vidcolor.color import Rgb8
from vidcolor.comparison import films as films_module
from vidcolor.comparison.films import FilmComparison, OnScreen, compare_films, later_by
from vidcolor.comparison.picture import Arrangement
from vidcolor.config import EncodeSettings, RunSettings
from vidcolor.errors import (
    Interrupted,
    OutputExistsError,
    OutputIsInputError,
    SettingsError,
    TruncatedInputError,
    UnsupportedColorError,
)
from vidcolor.frames import ColorTags
from vidcolor.media.probe import probe
from vidcolor.report import ProgressEvent

FINE = EncodeSettings(codec="libx264", options={"crf": "4", "preset": "ultrafast"})
"""So fine that a code or two of the composed picture is all that is lost."""


@pytest.fixture(autouse=True)
def _fine_encoding(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(films_module, "ENCODING", FINE)


def compare(
    first: Path, second: Path, output: Path, layout: Any = "side", **changes: Any
) -> FilmComparison:
    settings = RunSettings(**changes)
    return compare_films(first, second, output, Arrangement(layout), settings)


def pictures(path: Path) -> list[Rgb8]:
    """All frames as PyAV (swscale) shows them, which shares nothing with our own conversion."""
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


def level_film(path: Path, levels: Sequence[int], **options: Any) -> Path:
    """A grey film whose n-th frame has the flat luma ``levels[n]``."""
    with av.open(str(path), "w") as out:
        rate = options.get("rate", 24)
        stream: Any = out.add_stream("libx264", rate=rate, options={"crf": "1"})
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        base = options.get("time_base", 1 / Fraction(rate))
        stream.codec_context.time_base = stream.time_base = base
        for index, level in enumerate(levels):
            frame = av.VideoFrame(64, 48, "yuv420p")
            for plane, code in zip(frame.planes, (level, 128, 128), strict=True):
                np.frombuffer(plane, np.uint8)[:] = code
            pts = options["pts"][index] if "pts" in options else index
            frame.pts, frame.time_base = options.get("start", 0) + pts, base
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return path


def levels_of(path: Path) -> list[tuple[int, int]]:
    """(luma of the left half, of the right half) of all frames, rounded to tens."""
    halves = []
    for _, luma in decode_luma(path):
        parts = np.split(luma, 2, axis=1)
        halves.append(tuple(10 * round(float(part.mean()) / 10) for part in parts))
    return halves


TENS = range(50, 170, 10)


# -- the picture ----------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "mov"])
def test_grey_beside_colour(tmp_path: Path, suffix: str) -> None:
    grey = make_film(tmp_path / "grey.mp4", frames=5, gray=True, codec="ffv1", format="matroska")
    color = make_film(tmp_path / "color.mkv", frames=5, colorful=True)
    done = compare(grey, color, tmp_path / f"both.{suffix}")
    assert (done.frames, done.width, done.height, done.other_times) == (5, 128, 48, 0)
    video = probe(tmp_path / f"both.{suffix}").video
    assert video.codec == "h264"
    assert video.layout.name == "yuv420p"
    assert replace(video.color, chroma_location=0) == ColorTags(1, 1, 1, full_range=False)
    grey_luma = [luma for _, luma in decode_luma(grey)]
    for shown, source, luma in zip(
        pictures(tmp_path / f"both.{suffix}"), pictures(color), grey_luma, strict=True
    ):
        left, right = np.split(shown.astype(int), 2, axis=1)
        assert np.abs(left - luma[..., None].astype(int)).mean() < 3  # gray is of full range
        assert np.abs(right - source).mean() < 6
        assert np.ptp(left[:, 4:-4], axis=-1).max() < 12
        assert np.ptp(right, axis=-1).mean() > 30


@pytest.mark.parametrize(
    ("pix_fmt", "tags"),
    [
        ("yuv420p", ColorTags(6, 6, 6, full_range=False)),
        ("yuv420p", ColorTags(1, 1, 1, full_range=False)),
        ("yuvj420p", ColorTags(6, 6, 6, full_range=True)),
        ("yuv420p10le", ColorTags(1, 1, 1, full_range=False)),
        ("yuv444p", ColorTags(1, 1, 1, full_range=False)),
    ],
)
def test_each_film_is_shown_by_its_own_tags(tmp_path: Path, pix_fmt: str, tags: ColorTags) -> None:
    """One flat colour, the same in R′G′B′ whatever the codes are."""
    wanted = (180, 90, 60)
    film = tmp_path / "film.mkv"
    full = 2 if tags.full_range else 1
    with av.open(str(film), "w") as out:
        stream: Any = out.add_stream("libx264", rate=24, options={"crf": "1"})
        stream.width, stream.height, stream.pix_fmt = 64, 48, pix_fmt
        context = stream.codec_context
        context.colorspace, context.color_primaries = tags.matrix, tags.primaries
        context.color_trc, context.color_range = tags.transfer, full
        picture = np.broadcast_to(np.array(wanted, np.uint8), (48, 64, 3)).copy()
        spaces = {6: "smpte170m", 1: "itu709"}
        frame = av.VideoFrame.from_ndarray(picture, "rgb24").reformat(
            format=pix_fmt, dst_colorspace=spaces[tags.matrix], dst_color_range=full, threads=1
        )
        frame.pts = 0
        out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    grey = make_film(tmp_path / "grey.mp4", frames=1)
    compare(grey, film, tmp_path / "both.mp4")
    (shown,) = pictures(tmp_path / "both.mp4")
    np.testing.assert_allclose(shown[8:-8, 72:-8].mean(axis=(0, 1)), wanted, atol=4)


def test_rgb_films_are_shown_in_colour(tmp_path: Path) -> None:
    film = make_film(tmp_path / "rgb.mkv", frames=2, codec="ffv1", pix_fmt="bgr0", colorful=True)
    compare(film, film.with_name("rgb.mkv"), tmp_path / "both.mp4")
    for shown, source in zip(pictures(tmp_path / "both.mp4"), pictures(film), strict=True):
        left, right = np.split(shown.astype(int), 2, axis=1)
        for half in (left, right):
            assert np.abs(half - source).mean() < 6


@pytest.mark.parametrize(
    ("rotation", "mirrored"), [(90, False), (180, False), (270, False), (0, True), (90, True)]
)
def test_a_turned_film_is_shown_upright(tmp_path: Path, rotation: int, mirrored: bool) -> None:
    film = make_film(tmp_path / "film.mp4", frames=2, rotation=rotation, mirrored=mirrored)
    upright = make_film(tmp_path / "upright.mp4", frames=2)
    done = compare(film, film, tmp_path / "both.mp4")
    turns = rotation // 90
    size = (48, 64) if turns % 2 else (64, 48)
    assert (done.width, done.height) == (2 * size[0], size[1])
    video = probe(tmp_path / "both.mp4").video
    assert (video.rotation, video.mirrored) == (0, False)
    for (_, luma), (_, plain) in zip(
        decode_luma(tmp_path / "both.mp4"), decode_luma(upright), strict=True
    ):
        left = luma[:, : size[0]].astype(int)
        seen = np.rot90(plain, turns)
        seen = np.fliplr(seen) if mirrored else seen
        assert np.abs(left - seen).mean() < 3


def test_pixels_that_are_not_square(tmp_path: Path) -> None:
    film = make_film(tmp_path / "film.mkv", frames=2, sar=Fraction(3, 2))
    done = compare(film, film, tmp_path / "both.mkv", "split")
    assert (done.width, done.height) == (96, 48)
    assert probe(tmp_path / "both.mkv").video.sample_aspect_ratio == 1


def test_odd_sides_get_one_more_row(tmp_path: Path) -> None:
    film = make_film(tmp_path / "odd.mkv", frames=2, width=63, height=47, pix_fmt="yuv444p")
    done = compare(film, film, tmp_path / "both.mp4", "split")
    assert (done.width, done.height) == (64, 48)


def test_the_second_gets_the_size_of_the_first(tmp_path: Path) -> None:
    small = make_film(tmp_path / "small.mp4", frames=2)
    large = make_film(tmp_path / "large.mp4", frames=2, width=160, height=80)
    done = compare(small, large, tmp_path / "both.mp4")
    assert (done.width, done.height) == (128, 48)
    (notice,) = done.notices
    assert notice.endswith("large.mp4 is 160×80, of another shape: stretched to 64×48")


# -- times ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
def test_any_times_and_the_sound_are_the_first_films(tmp_path: Path, suffix: str) -> None:
    first = make_film(tmp_path / f"first.{suffix}", frames=20, vfr=True, audio=1)
    second = make_film(tmp_path / "second.mkv", frames=20, vfr=True)
    done = compare(first, second, tmp_path / f"both.{suffix}")
    assert done.other_times == 0
    assert done.notices == ()
    assert ffmpeg_times(tmp_path / f"both.{suffix}") == ffmpeg_times(first)
    assert audio_packets(tmp_path / f"both.{suffix}") == audio_packets(first)


def test_milliseconds_against_exact_times(tmp_path: Path) -> None:
    """Matroska rounds: up and down, but never so far that another frame is meant."""
    rate = Fraction(24000, 1001)
    first = level_film(tmp_path / "first.mp4", TENS, rate=rate)
    second = level_film(tmp_path / "second.mkv", TENS, rate=rate)
    for a, b in ((first, second), (second, first)):
        output = tmp_path / f"{a.stem}_{b.stem}.mp4"
        done = compare(a, b, output)
        assert done.other_times == 0
        assert levels_of(output) == [(level, level) for level in TENS]


def test_half_the_frames_stay_twice_as_long(tmp_path: Path) -> None:
    first = level_film(tmp_path / "first.mp4", TENS, rate=24)
    second = level_film(tmp_path / "second.mp4", TENS[::2], rate=12)
    done = compare(first, second, tmp_path / "both.mp4")
    assert levels_of(tmp_path / "both.mp4") == [(t, t - (t // 10 + 1) % 2 * 10) for t in TENS]
    assert done.other_times == len(TENS) // 2
    assert "have none of" in done.notices[0]
    back = compare(second, first, tmp_path / "back.mp4")
    assert levels_of(tmp_path / "back.mp4") == [(t, t) for t in TENS[::2]]
    assert back.notices == ()


def test_each_film_from_its_own_beginning(tmp_path: Path) -> None:
    first = level_film(tmp_path / "first.mkv", TENS)
    late = level_film(tmp_path / "late.mkv", TENS, start=240)
    done = compare(first, late, tmp_path / "both.mkv")
    assert levels_of(tmp_path / "both.mkv") == [(level, level) for level in TENS]
    assert done.notices == ()
    back = compare(late, first, tmp_path / "back.mkv")
    assert back.frames == len(TENS)
    assert decode_luma(tmp_path / "back.mkv")[0][0] == 10


@pytest.mark.parametrize(
    ("suffix", "part_suffix"), [("mp4", "mp4"), ("mkv", "mkv"), ("mp4", "mkv")]
)
def test_a_part_is_shown_beside_the_part_it_was_made_of(
    tmp_path: Path, suffix: str, part_suffix: str
) -> None:
    """Its first frame, at 1.041667 s, is one that Matroska puts after its time."""
    whole = make_film(tmp_path / f"whole.{suffix}", frames=72, audio=1, cuts=range(72))
    settings = fast_settings(start_s=1.04, duration_s=0.5)
    part = recolor(whole, tmp_path / f"part.{part_suffix}", settings).path
    drawings = [luma_picture(i, 64, 48, scene=i + 1).astype(int) for i in range(72)]
    for first, second in ((whole, part), (part, whole)):
        output = tmp_path / f"{first.stem}_{second.stem}.{suffix}"
        done = compare(first, second, output)
        assert (done.frames, done.other_times) == (12, 0)
        assert f"{part} is shown as the part of {whole} that begins at 1.0" in done.notices[0]
        for index, (time, luma) in enumerate(decode_luma(output), 25):
            assert float(time) == pytest.approx(index / 24, abs=0.001)
            for half in np.split(luma.astype(int), 2, axis=1):
                # Some of the made-up colours clip, which changes luma; the nearest frame counts.
                errors = [np.abs(half - drawn).mean() for drawn in drawings]
                assert np.argmin(errors) == index


def test_it_ends_with_the_shorter_film(tmp_path: Path) -> None:
    long = make_film(tmp_path / "long.mp4", frames=48, audio=1)
    short = make_film(tmp_path / "short.mp4", frames=24)
    done = compare(long, short, tmp_path / "both.mp4")
    assert done.frames == 24
    assert done.notices == (f"{short} ends first, at 1.000 s: so does the comparison",)
    heard = audio_packets(tmp_path / "both.mp4")
    assert heard == audio_packets(long)[: len(heard)]
    assert probe(tmp_path / "both.mp4").duration_from_header_s == pytest.approx(1.0, abs=0.03)
    back = compare(short, long, tmp_path / "back.mp4")
    assert back.frames == 24
    assert back.notices == (f"{short} ends first: so does the comparison",)


def test_how_far_it_is_counts_the_shorter_film(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vidcolor.report.TELL_S", -1.0)  # tell of every frame
    long = make_film(tmp_path / "long.mp4", frames=48)
    short = make_film(tmp_path / "short.mkv", frames=24)
    told: list[ProgressEvent] = []
    for first, second in ((long, short), (short, long)):
        compare_films(
            *(first, second, tmp_path / "both.mp4", Arrangement(), RunSettings(overwrite=True)),
            on_progress=told.append,
        )
    assert {event.frames_total for event in told} == {24}


def test_sound_that_does_not_fit_is_left_out_with_a_notice(tmp_path: Path) -> None:
    film = make_film(tmp_path / "film.mkv", frames=4, audio=1, audio_codec="libopus")
    done = compare(film, film, tmp_path / "both.mov")
    assert any("audio of kind opus cannot be copied into MOV" in line for line in done.notices)
    assert len(probe(tmp_path / "both.mov").streams) == 1


def test_a_part_of_both(tmp_path: Path) -> None:
    first = level_film(tmp_path / "first.mp4", TENS, rate=4)
    second = level_film(tmp_path / "second.mp4", TENS, rate=4)
    done = compare(first, second, tmp_path / "both.mp4", start_s=1.0, duration_s=0.75)
    assert levels_of(tmp_path / "both.mp4") == [(t, t) for t in (90, 100, 110)]
    assert [time for time, _ in decode_luma(tmp_path / "both.mp4")] == [1, 1.25, 1.5]
    assert done.notices == ()


def test_what_is_on_the_screen_where_a_part_begins(tmp_path: Path) -> None:
    """The second film's last frame came long before; the first one's begins with the part."""
    first = level_film(tmp_path / "first.mp4", TENS, rate=4)
    second = level_film(tmp_path / "second.mp4", (60, 120), rate=1, pts=(0, 2))
    compare(first, second, tmp_path / "both.mp4", start_s=1.5)
    assert [b for _, b in levels_of(tmp_path / "both.mp4")] == [60, 60, 120, 120, 120, 120]


def test_a_start_after_the_second_films_end(tmp_path: Path) -> None:
    long = make_film(tmp_path / "long.mp4", frames=96)
    short = make_film(tmp_path / "short.mp4", frames=24)
    with pytest.raises(SettingsError, match=r"short\.mp4 ends before 1\.500 s.*another --start"):
        compare(long, short, tmp_path / "both.mp4", start_s=1.5)
    assert not (tmp_path / "both.mp4").exists()


@given(
    times=st.lists(st.integers(0, 100), min_size=1, unique=True).map(sorted),
    asked=st.lists(st.integers(0, 100), unique=True).map(sorted),
)
def test_the_frame_on_the_screen(times: list[int], asked: list[int]) -> None:
    on_screen = OnScreen((Fraction(time), time) for time in times)
    for time in asked:
        begun = [t for t in times if t <= time]
        assert on_screen.at(Fraction(time)) == ((begun or times[:1])[-1],) * 2


@pytest.mark.parametrize(
    ("first", "second", "later"),
    [
        ((0, 10), (0, 10), 0),
        ((0, 10), (4, 5), 4),
        ((4, 5), (0, 10), -4),
        ((0, 10), (0.02, 10.02), Fraction(1, 50)),  # sound that begins a little earlier
        ((0, 10), (1.4, 11.4), 0),  # a copy in another container
        ((0, 10), (8, 12), 0),
        ((3600, 3610), (0, 10), 0),
        ((0, None), (4, 5), 0),
    ],
)
def test_where_one_film_begins_in_the_other(
    tmp_path: Path, first: Any, second: Any, later: Fraction
) -> None:
    info = probe(make_film(tmp_path / "film.ts", frames=24))  # has no length of its own to trust

    def film(begin: float, end: float | None) -> Any:
        length = None if end is None else end - begin
        return replace(info, origin_s=begin, duration_from_header_s=length)

    assert later_by(film(*first), film(*second)) == later


# -- what goes wrong ------------------------------------------------------------------------------


@pytest.fixture
def film(tmp_path: Path) -> Path:
    return make_film(tmp_path / "film.mp4", frames=12)


def test_neither_film_is_ever_replaced(film: Path, tmp_path: Path) -> None:
    other = make_film(tmp_path / "other.mp4", frames=12)
    before = [path.read_bytes() for path in (film, other)]
    for path in (film, other):
        with pytest.raises(OutputIsInputError):
            compare(film, other, path, overwrite=True)
    assert [path.read_bytes() for path in (film, other)] == before


def test_an_existing_output(film: Path, tmp_path: Path) -> None:
    output = tmp_path / "both.mp4"
    output.write_bytes(b"mine")
    with pytest.raises(OutputExistsError, match="--overwrite"):
        compare(film, film, output)
    assert output.read_bytes() == b"mine"
    compare(film, film, output, overwrite=True)
    assert probe(output).video.width == 128


def test_a_suffix_that_is_no_film(film: Path, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"give it one of \.mkv, \.mp4"):
        compare(film, film, tmp_path / "both.png")


def test_hdr_is_refused_unless_accepted(film: Path, tmp_path: Path) -> None:
    hdr = make_film(tmp_path / "hdr.mkv", frames=2, color=ColorTags(9, 9, 16, full_range=False))
    with pytest.raises(UnsupportedColorError, match="--allow-hdr"):
        compare(film, hdr, tmp_path / "both.mp4")
    assert compare(film, hdr, tmp_path / "both.mp4", allow_hdr=True).frames == 2


def test_a_cut_film_leaves_nothing_behind(tmp_path: Path) -> None:
    cut = make_film(tmp_path / "cut.mkv", frames=96)
    cut.write_bytes(cut.read_bytes()[: cut.stat().st_size // 2])
    whole = make_film(tmp_path / "whole.mp4", frames=96)
    before = sorted(tmp_path.iterdir())
    with pytest.raises(TruncatedInputError, match="--keep-partial"):
        compare(whole, cut, tmp_path / "both.mp4")
    assert sorted(tmp_path.iterdir()) == before
    done = compare(whole, cut, tmp_path / "both.mp4", keep_partial=True)
    assert 12 < done.frames < 90
    assert any("ends early" in notice for notice in done.notices)


@pytest.mark.parametrize("stage", ["compare", "join", "verify"])
def test_a_stop_leaves_nothing_behind(
    film: Path, tmp_path: Path, stage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vidcolor.report.TELL_S", -1.0)  # tell of every frame
    cancel = threading.Event()
    seen: list[str] = []

    def stop(event: ProgressEvent) -> None:
        seen.append(event.stage)
        if event.stage == stage:
            cancel.set()

    with pytest.raises(Interrupted):
        compare_films(
            *(film, film, tmp_path / "both.mp4", Arrangement(), RunSettings()),
            cancel=cancel,
            on_progress=stop,
        )
    assert seen[-1] == stage
    assert list(tmp_path.iterdir()) == [film]
