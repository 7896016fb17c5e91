"""The coloured picture: luma, tags, rotation, aspect and fields of whole films."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.media.recolor import (
    CONTAINERS,
    fast_settings,
    recolor,
)
from tests.synthetic import (
    decode_luma,
    ffmpeg_frame_count,
    ffmpeg_luma,
    make_fields,
    make_film,
    run_ffmpeg,
)
from vidcolor.config import override
from vidcolor.frames import ColorTags
from vidcolor.media.probe import is_top_field_first, probe


def shown(path: Path) -> np.ndarray[Any, Any]:
    """Samples of the first picture as the ffmpeg program would show it."""
    raw = run_ffmpeg("-i", str(path), "-frames:v", "1", "-pix_fmt", "gray", "-f", "rawvideo", "-")
    return np.frombuffer(raw, np.uint8).astype(int)


class TestPicture:
    @pytest.mark.parametrize("suffix", CONTAINERS)
    @pytest.mark.parametrize(
        ("pix_fmt", "size"),
        [
            ("yuv420p", (64, 48)),
            ("yuv420p10le", (64, 48)),
            ("yuv444p", (65, 47)),
            ("gray", (64, 48)),
        ],
    )
    def test_luma_enters_the_encoder_unchanged(
        self, tmp_path: Path, suffix: str, pix_fmt: str, size: tuple[int, int]
    ) -> None:
        source = make_film(
            tmp_path / f"film.{suffix}", frames=6, width=size[0], height=size[1], pix_fmt=pix_fmt
        )
        run = recolor(source, tmp_path / f"out.{suffix}")
        assert run.report.frames == run.report.luma_identical_frames == 6
        assert run.verification.frames == 6
        assert ffmpeg_frame_count(run.path) == 6
        for (_, written), wanted in zip(decode_luma(run.path), run.luma, strict=True):
            assert np.abs(written.astype(int) - wanted).mean() < 2.0  # crf 12

    @pytest.mark.parametrize(
        ("pix_fmt", "target"),
        [
            ("yuv420p", "yuv420p"),
            ("gray", "yuv420p"),
            ("yuv420p10le", "yuv420p10le"),
            ("gray10le", "yuv420p10le"),
            ("yuv422p12le", "yuv422p12le"),
            ("gray16le", "yuv420p16le"),
            ("yuv411p", "yuv422p"),
        ],
    )
    def test_archive_is_exact_for_an_independent_decoder(
        self, tmp_path: Path, pix_fmt: str, target: str
    ) -> None:
        source = make_film(tmp_path / "film.mkv", frames=4, codec="ffv1", pix_fmt=pix_fmt)
        run = recolor(source, tmp_path / "out.mkv", fast_settings("archive"))
        assert run.plan.target.layout.name == target
        assert run.verification.frames_decoded == run.verification.luma_identical == 4
        for written, wanted in zip(ffmpeg_luma(run.path, target, 64, 48), run.luma, strict=True):
            np.testing.assert_array_equal(written, wanted)

    @given(
        width=st.integers(16, 48),  # FFV1 finds no way to cut some smaller ones into slices
        height=st.integers(16, 48),
        frames=st.integers(1, 5),
        pix_fmt=st.sampled_from(["gray", "yuv420p", "yuv422p10le", "yuv444p12le", "gray16le"]),
        vfr=st.booleans(),
    )
    @settings(max_examples=12)
    def test_any_film_is_archived_exactly(
        self, tmp_path: Path, width: int, height: int, frames: int, pix_fmt: str, vfr: bool
    ) -> None:
        source = make_film(
            tmp_path / "film.mkv",
            frames=frames,
            width=width,
            height=height,
            vfr=vfr,
            codec="ffv1",
            pix_fmt=pix_fmt,
        )
        run = recolor(source, tmp_path / "out.mkv", fast_settings("archive"))
        run.path.unlink()
        assert run.report.luma_identical_frames == frames
        assert run.verification.luma_identical == frames
        assert (run.plan.target.width, run.plan.target.height) == (width, height)
        assert run.verification.largest_pts_error_s == 0

    def test_archive_of_an_odd_size(self, tmp_path: Path) -> None:
        source = make_film(
            tmp_path / "film.mkv", frames=3, width=33, height=17, codec="ffv1", pix_fmt="yuv420p"
        )
        run = recolor(source, tmp_path / "out.mkv", fast_settings("archive"))
        assert run.plan.target.layout.name == "yuv444p"
        for written, wanted in zip(ffmpeg_luma(run.path, "yuv444p", 33, 17), run.luma, strict=True):
            np.testing.assert_array_equal(written, wanted)

    @pytest.mark.parametrize("size", [(1, 1), (2, 2), (3, 5), (8, 8), (33, 17)])
    def test_last_resort_takes_any_size(self, tmp_path: Path, size: tuple[int, int]) -> None:
        film, (width, height) = tmp_path / "film.mkv", size
        source = make_film(
            film, frames=2, width=width, height=height, codec="ffv1", pix_fmt="gray16le"
        )
        run = recolor(source, tmp_path / "out.mkv")  # deeper than x264 and x265 take
        assert run.plan.codec == "ffv1"
        for (_, written), wanted in zip(decode_luma(run.path), run.luma, strict=True):
            np.testing.assert_array_equal(written, wanted)

    def test_prores_shifts_luma_by_two_bits(self, tmp_path: Path) -> None:
        source = make_film(tmp_path / "film.mp4", frames=3)
        run = recolor(source, tmp_path / "out.mov", fast_settings("prores"))
        assert run.report.luma_identical_frames == 3
        for (_, written), wanted in zip(decode_luma(run.path), run.luma, strict=True):
            assert np.abs(written / 4 - wanted).mean() < 1.0

    def test_preview_is_half_the_size(self, tmp_path: Path) -> None:
        source = make_film(tmp_path / "film.mp4", frames=3, width=66, height=50)
        run = recolor(source, tmp_path / "out.mp4", fast_settings("preview"))
        assert run.report.luma_identical_frames == 0
        with av.open(str(run.path)) as container:
            context = container.streams.video[0].codec_context
            assert (context.width, context.height) == (32, 24)

    def test_alpha_is_kept_where_the_codec_can(self, tmp_path: Path) -> None:
        source = make_film(tmp_path / "film.mkv", frames=2, codec="ffv1", pix_fmt="yuva420p")
        run = recolor(source, tmp_path / "out.mkv", fast_settings("archive"))
        with av.open(str(run.path)) as container:
            frame = next(container.decode(video=0))
            assert frame.format.name == "yuva420p"
            assert (np.frombuffer(frame.planes[3], np.uint8)[:64] == 255).all()

    @pytest.mark.parametrize("suffix", CONTAINERS)
    @pytest.mark.parametrize(
        "tags",
        [
            ColorTags(1, 1, 1, full_range=False),
            ColorTags(6, 6, 6, full_range=True),
            ColorTags(5, 5, 6, full_range=False),
            ColorTags(9, 9, 14, full_range=False),
        ],
    )
    def test_color_tags(self, tmp_path: Path, suffix: str, tags: ColorTags) -> None:
        source = make_film(tmp_path / f"film.{suffix}", frames=2, color=tags)
        run = recolor(source, tmp_path / f"out.{suffix}")
        found = probe(run.path).video.color
        assert (found.matrix, found.primaries, found.transfer) == (
            tags.matrix,
            tags.primaries,
            tags.transfer,
        )
        assert found.full_range == tags.full_range
        assert found.guessed == ()

    def test_untagged_film_is_tagged(self, tmp_path: Path) -> None:
        run = recolor(make_film(tmp_path / "film.mp4", frames=2), tmp_path / "out.mp4")
        assert probe(run.path).video.color == ColorTags(6, 6, 6, full_range=False)

    @pytest.mark.parametrize("suffix", CONTAINERS)
    @pytest.mark.parametrize("rotation", [90, -90, 180])
    def test_rotation(self, tmp_path: Path, suffix: str, rotation: int) -> None:
        source = make_film(tmp_path / f"film.{suffix}", frames=2, rotation=rotation)
        run = recolor(source, tmp_path / f"out.{suffix}")
        assert probe(run.path).video.rotation % 360 == rotation % 360

    @pytest.mark.parametrize("suffix", CONTAINERS)
    @pytest.mark.parametrize("turn", [("-display_hflip",), ("-display_rotation", "90")])
    def test_mirrored_films_look_alike_to_another_player(
        self, tmp_path: Path, suffix: str, turn: tuple[str, ...]
    ) -> None:
        film, source = make_film(tmp_path / "film.mp4", frames=2), tmp_path / f"source.{suffix}"
        run_ffmpeg(*turn, "-display_vflip", "-i", str(film), "-c", "copy", str(source))
        run = recolor(source, tmp_path / f"out.{suffix}")
        before, after, stored = (shown(path) for path in (source, run.path, film))
        assert np.abs(before - after).mean() < 2
        assert np.abs(before - stored).mean() > 10

    @pytest.mark.parametrize(
        ("preset", "suffix"),
        [("film", "mp4"), ("film", "mkv"), ("archive", "mkv"), ("prores", "mov")],
    )
    def test_pixel_aspect_ratio(self, tmp_path: Path, preset: str, suffix: str) -> None:
        source = make_film(
            tmp_path / "film.mp4", frames=2, width=720, height=576, sar=Fraction(16, 15)
        )
        run = recolor(source, tmp_path / f"out.{suffix}", fast_settings(preset))
        assert probe(run.path).video.sample_aspect_ratio == Fraction(16, 15)

    @pytest.mark.parametrize("order", ["tff", "bff"])
    @pytest.mark.parametrize(("preset", "suffix"), [("film", "mp4"), ("archive", "mkv")])
    def test_fields_stay_fields(self, tmp_path: Path, order: str, preset: str, suffix: str) -> None:
        progressive = make_film(tmp_path / "film.mkv", frames=3)
        source = tmp_path / "fields.mkv"
        run_ffmpeg(
            *("-i", str(progressive), "-vf", f"setfield={order}", "-flags", "+ildct+ilme"),
            *("-c:v", "ffv1", str(source)),
        )
        run = recolor(source, tmp_path / f"out.{suffix}", fast_settings(preset))
        assert run.report.luma_identical_frames == 3
        with av.open(str(run.path)) as container:
            stream = container.streams.video[0]
            frame = next(container.decode(stream))
            assert frame.interlaced_frame
            assert stream.codec_context.field_order in ((2, 4) if order == "tff" else (3, 5))

    @pytest.mark.parametrize("order", ["tff", "bff"])
    @pytest.mark.parametrize(("codec", "suffix"), [("mpeg4", "mp4"), ("prores_aw", "mov")])
    def test_other_encoders_that_mark_fields(
        self, tmp_path: Path, order: str, codec: str, suffix: str
    ) -> None:
        source = make_fields(tmp_path / "film.mkv", frames=3, order=order)
        chosen: dict[str, object] = {"encode.codec": codec, "encode.options": {}}
        if codec == "prores_aw":
            chosen |= {"encode.min_bits": 10, "encode.min_chroma": "4:2:2"}
        settings = override(fast_settings(), chosen)
        run = recolor(source, tmp_path / f"out.{suffix}", settings)
        with av.open(str(run.path)) as container:
            frame = next(container.decode(video=0))
            assert frame.interlaced_frame
            assert is_top_field_first(frame) == (order == "tff")

    @pytest.mark.parametrize("codec", ["libx264", "ffv1", "prores_ks"])
    def test_scaled_fields_are_no_fields(self, tmp_path: Path, codec: str) -> None:
        progressive = make_film(tmp_path / "film.mkv", frames=3, width=64, height=64)
        source = tmp_path / "fields.mkv"
        run_ffmpeg(
            *("-i", str(progressive), "-vf", "setfield=tff", "-flags", "+ildct+ilme"),
            *("-c:v", "ffv1", str(source)),
        )
        assert probe(source).video.field_order in ("tt", "tb")
        options = {"encode.codec": codec, "encode.options": {}}
        run = recolor(source, tmp_path / "out.mkv", override(fast_settings("preview"), options))
        with av.open(str(run.path)) as container:
            stream = container.streams.video[0]
            assert not next(container.decode(stream)).interlaced_frame
            assert stream.codec_context.field_order in (0, 1)  # unknown, progressive


def test_hevc_in_mp4_has_the_tag_that_quicktime_plays(tmp_path: Path) -> None:
    source = make_film(tmp_path / "film.mp4", frames=2)
    # With so few frames, x265's decoding times are whatever its memory held.
    codec = {"encode.codec": "libx265", "encode.options": {"preset": "ultrafast"}}
    run = recolor(source, tmp_path / "out.mp4", override(fast_settings(), codec))
    with av.open(str(run.path)) as container:
        assert container.streams.video[0].codec_context.codec_tag == "hvc1"
