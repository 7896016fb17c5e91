"""What enters the encoder, and what happens when it refuses."""

from __future__ import annotations

import dataclasses
import itertools
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.synthetic import luma_picture, plane_values
from vidcolor.config import EncodeSettings
from vidcolor.errors import EncoderError, EncoderOptionError
from vidcolor.frames import ColoredFrame, ColorTags, EncodeTarget, Frame, PixelLayout, VideoInfo
from vidcolor.media.encoder import FilmEncoder, build_picture, repair_decoding_times
from vidcolor.media.pixels import pixel_layout
from vidcolor.media.plan import OutputPlan
from vidcolor.media.target import choose_encoding

BT709 = ColorTags(1, 1, 1, full_range=False)


def video(width: int = 64, height: int = 48) -> VideoInfo:
    return VideoInfo(
        index=0,
        codec="h264",
        width=width,
        height=height,
        layout=pixel_layout("yuv420p"),
        color=BT709,
        time_base=Fraction(1, 24),
    )


def plan_for(settings: EncodeSettings, **changes: Any) -> OutputPlan:
    encoding = choose_encoding(video(), settings)
    plan = OutputPlan("matroska", encoding.codec, encoding.options, encoding.target, (), ())
    return dataclasses.replace(plan, **changes)


def open_encoder(tmp_path: Path, plan: OutputPlan) -> FilmEncoder:
    with av.open(str(tmp_path / "out.mkv"), "w") as out:
        return FilmEncoder(out, plan, video(), threads=1)


def target_and_frame(
    width: int, height: int, pix_fmt: str, source_bits: int
) -> tuple[EncodeTarget, ColoredFrame]:
    layout = pixel_layout(pix_fmt)
    bits, shift = layout.bit_depth, layout.bit_depth - source_bits
    target = EncodeTarget(width, height, layout, BT709, luma_shift=shift)
    source = luma_picture(3, width, height, source_bits)
    dtype = np.uint8 if bits == 8 else np.uint16
    luma = source.astype(dtype) << dtype(shift)
    chroma_width, chroma_height = target.chroma_size
    codes = np.arange(chroma_width * chroma_height) % (1 << bits)
    cb = codes.astype(dtype).reshape(chroma_height, chroma_width)
    alpha = source[::-1].copy() if layout.has_alpha else None
    frame = Frame(0, source, 0, Fraction(1, 24), alpha=alpha)
    return target, ColoredFrame(frame, luma, cb, cb[::-1])


class TestBuildPicture:
    @given(
        width=st.integers(1, 70),
        height=st.integers(1, 50),
        pix_fmt=st.sampled_from(
            (
                *("yuv420p", "yuv422p", "yuv444p", "yuv410p", "yuv420p10le", "yuv444p12le"),
                *("yuv422p16le", "yuva420p", "yuva444p10le"),
            )
        ),
    )
    def test_planes_are_exact_for_any_size(self, width: int, height: int, pix_fmt: str) -> None:
        bits = pixel_layout(pix_fmt).bit_depth
        target, frame = target_and_frame(width, height, pix_fmt, bits)
        picture, identical = build_picture(frame, target)
        assert identical
        assert (picture.width, picture.height, picture.format.name) == (width, height, pix_fmt)
        np.testing.assert_array_equal(plane_values(picture, 0), frame.source.luma)
        np.testing.assert_array_equal(plane_values(picture, 1), frame.cb)
        np.testing.assert_array_equal(plane_values(picture, 2), frame.cr)
        if target.layout.has_alpha:
            np.testing.assert_array_equal(plane_values(picture, 3), frame.source.alpha)

    @pytest.mark.parametrize(("pix_fmt", "source_bits"), [("yuv422p10le", 8), ("yuv420p10le", 9)])
    def test_shift_is_exactly_invertible(self, pix_fmt: str, source_bits: int) -> None:
        target, frame = target_and_frame(33, 17, pix_fmt, source_bits)
        picture, identical = build_picture(frame, target)
        assert identical
        shifted = plane_values(picture, 0)
        np.testing.assert_array_equal(shifted >> target.luma_shift, frame.source.luma)

    def test_one_changed_sample_is_noticed(self) -> None:
        target, frame = target_and_frame(33, 17, "yuv420p", 8)
        frame.luma = frame.luma.copy()
        frame.luma[16, 32] ^= 1
        assert not build_picture(frame, target)[1]

    def test_scaled_luma_is_not_identical(self) -> None:
        target, frame = target_and_frame(32, 16, "yuv420p", 8)
        frame.source = Frame(0, luma_picture(0, 64, 32), 0, Fraction(1, 24))
        assert not build_picture(frame, target)[1]

    def test_tags_are_on_the_frame(self) -> None:
        target, frame = target_and_frame(32, 16, "yuv420p", 8)
        tags = ColorTags(6, 5, 13, full_range=True)
        picture, _ = build_picture(frame, dataclasses.replace(target, color=tags))
        assert (picture.colorspace, picture.color_primaries, picture.color_trc) == (6, 5, 13)
        assert picture.color_range == 2

    def test_alpha_grows_with_the_depth(self) -> None:
        target, frame = target_and_frame(8, 4, "yuva444p10le", 8)
        frame.source.alpha = np.array([[0, 1, 127, 128, 200, 254, 255, 255]] * 4, np.uint8)
        picture, _ = build_picture(frame, target)
        expected = np.rint(frame.source.alpha / 255 * 1023)
        assert np.abs(plane_values(picture, 3) - expected).max() <= 1
        assert plane_values(picture, 3)[0, -1] == 1023

    def test_missing_alpha_is_opaque(self) -> None:
        target, frame = target_and_frame(8, 4, "yuva420p", 8)
        frame.source.alpha = None
        picture, _ = build_picture(frame, target)
        assert (plane_values(picture, 3) == 255).all()

    @pytest.mark.parametrize("what", ["luma", "cb"])
    def test_wrong_plane_is_refused(self, what: str) -> None:
        target, frame = target_and_frame(32, 16, "yuv420p", 8)
        setattr(frame, what, getattr(frame, what)[:, :-1])
        with pytest.raises(ValueError, match="must be uint8"):
            build_picture(frame, target)


class TestDecodingTimes:
    @given(
        steps=st.lists(st.integers(1, 1000), min_size=0, max_size=6),
        times=st.lists(
            st.one_of(st.none(), st.integers(-5, 5), st.integers(-(2**63) + 1, 2**62)),
            min_size=7,
            max_size=7,
        ),
        order=st.permutations(range(7)),
        start=st.integers(0, 1000),
    )
    def test_any_become_possible(
        self, steps: list[int], times: list[int | None], order: list[int], start: int
    ) -> None:
        pts = [start + sum(steps[:count]) for count in range(len(steps) + 1)]
        packets = [
            SimpleNamespace(pts=pts[index], dts=times[index]) for index in order if index < len(pts)
        ]
        repair_decoding_times(packets)
        assert all(a.dts < b.dts for a, b in itertools.pairwise(packets))
        for packet in packets:
            assert packet.dts <= packet.pts
            assert packet.pts - packet.dts <= 2 * (pts[-1] - pts[0]) + len(packets)

    def test_good_ones_are_kept(self) -> None:
        times = ((0, -20), (40, -10), (20, 0), (10, 10), (30, 20))
        packets = [SimpleNamespace(pts=pts, dts=dts) for pts, dts in times]
        repair_decoding_times(packets)
        assert [(packet.pts, packet.dts) for packet in packets] == list(times)

    def test_nothing_to_repair(self) -> None:
        repair_decoding_times([])


class TestOptions:
    @pytest.mark.parametrize(
        ("codec", "options", "expected"),
        [
            ("libx264", {"crff": "16"}, r"no option 'crff'; did you mean 'crf'"),
            ("libx264", {"crf": "abc"}, r"does not accept crf = 'abc'"),
            ("libx264", {"crf": "16", "preset": "ultrafast", "tune": "movie"}, r"tune = 'movie'"),
            ("libx264", {"preset": "mediumm"}, r"no preset 'mediumm'; choose ultrafast, .*medium"),
            ("libx265", {"preset": "fastest"}, r"no preset 'fastest'"),
            ("libx265", {"preset": "ultrafast", "crff": "16"}, r"no option 'crff'"),
            ("ffv1", {"level": "3", "slices": "5"}, r"does not accept slices = '5'"),
            ("ffv1", {"zzzz": "1"}, r"no option 'zzzz'; it knows"),
            ("prores_ks", {"profile": "best"}, r"profile = 'best'"),
        ],
    )
    def test_mistakes_are_named(
        self, tmp_path: Path, codec: str, options: dict[str, str], expected: str
    ) -> None:
        settings = EncodeSettings(codec=codec, options=options, codec_max_bits=16)
        with pytest.raises(EncoderOptionError, match=expected) as caught:
            open_encoder(tmp_path, plan_for(settings))
        assert "\n" not in str(caught.value)

    def test_good_options_are_taken(self, tmp_path: Path) -> None:
        options = {"crf": "18", "preset": "veryfast", "x264-params": "keyint=24:bframes=2"}
        encoder = open_encoder(tmp_path, plan_for(EncodeSettings(options=options)))
        assert encoder.stream.codec_context.is_open
        assert not encoder.stream.codec_context.options

    def test_refused_picture_is_an_encoder_error(self, tmp_path: Path) -> None:
        layout = PixelLayout("yuv420p", 8, (1, 1))
        target = EncodeTarget(65, 47, layout, BT709)
        plan = plan_for(EncodeSettings(options={"preset": "ultrafast"}), target=target)
        with pytest.raises(EncoderError, match="libx264 refuses 65×47 yuv420p"):
            open_encoder(tmp_path, plan)

    @pytest.mark.skipif("h264_nvenc" not in av.codecs_available, reason="PyAV without NVENC")
    def test_what_an_encoder_on_a_gpu_needs_is_said(self, tmp_path: Path) -> None:
        # Also with a GPU: NVENC takes nothing that small.
        plan = plan_for(EncodeSettings(codec="h264_nvenc"))
        with pytest.raises(
            EncoderError, match=r"refuses 64×48.*it also needs an NVIDIA GPU.*; choose"
        ):
            open_encoder(tmp_path, plan)

    def test_x264_does_not_cut_frames_into_slices(self, tmp_path: Path) -> None:
        # PyAV's default thread type would; x264 writes its settings into the stream.
        settings = EncodeSettings(options={"preset": "ultrafast"})
        target, frame = target_and_frame(64, 48, "yuv420p", 8)
        plan = plan_for(settings, target=target)
        with av.open(str(tmp_path / "out.mkv"), "w") as out:
            encoder = FilmEncoder(out, plan, video(), threads=4)
            packets = encoder.encode(frame, 0) + encoder.flush()
        written = b"".join(bytes(packet) for packet in packets)
        written += encoder.stream.codec_context.extradata or b""
        assert b"sliced_threads=0" in written

    def test_each_packet_of_a_flush_is_told(self, tmp_path: Path) -> None:
        """A slow encoder that holds many frames is alive as long as packets come."""
        target, frame = target_and_frame(64, 48, "yuv420p", 8)
        plan = plan_for(EncodeSettings(options={"preset": "medium"}), target=target)
        told: list[int] = []
        with av.open(str(tmp_path / "out.mkv"), "w") as out:
            encoder = FilmEncoder(out, plan, video(), threads=1)
            assert not any(encoder.encode(frame, pts) for pts in range(8))
            packets = encoder.flush(lambda: told.append(1))
            assert [packet.stream for packet in packets] == 8 * [encoder.stream]
        assert len(told) == 8

    def test_x265_does_not_print(self, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
        settings = EncodeSettings(
            codec="libx265", options={"preset": "ultrafast", "x265-params": "keyint=10"}
        )
        open_encoder(tmp_path, plan_for(settings))
        captured = capfd.readouterr()
        assert captured.out == ""
        assert captured.err == ""
