"""Which encoder and pixel layout a film gets; nothing is encoded here."""

from __future__ import annotations

import dataclasses
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vidcolor.config import RUN_PRESETS, EncodeSettings, load_preset
from vidcolor.errors import SettingsError, UnsupportedColorError
from vidcolor.frames import UNSPECIFIED, ColorTags, PixelLayout, VideoInfo
from vidcolor.media.pixels import pixel_layout
from vidcolor.media.target import (
    SUBSAMPLING,
    best_layout,
    choose_encoding,
    encoder_layouts,
    field_mode,
    scaled_size,
    target_color,
)

UNTAGGED = ColorTags(UNSPECIFIED, UNSPECIFIED, UNSPECIFIED, full_range=False)
BT709 = ColorTags(1, 1, 1, full_range=False)


def video(
    pix_fmt: str = "yuv420p", width: int = 64, height: int = 48, **changes: object
) -> VideoInfo:
    info = VideoInfo(
        index=0,
        codec="h264",
        width=width,
        height=height,
        layout=pixel_layout(pix_fmt),
        color=BT709,
        time_base=Fraction(1, 24),
    )
    return dataclasses.replace(info, **changes)  # type: ignore[arg-type]


def encode(preset: str) -> EncodeSettings:
    return load_preset(preset).encode


class TestPresets:
    @pytest.mark.parametrize(
        ("preset", "source", "codec", "target", "shift"),
        [
            ("film", "yuv420p", "libx264", "yuv420p", 0),
            ("film", "yuv420p10le", "libx264", "yuv420p10le", 0),
            ("film", "yuv422p10le", "libx264", "yuv422p10le", 0),
            ("film", "yuv444p", "libx264", "yuv444p", 0),
            ("film", "gray", "libx264", "yuv420p", 0),
            ("film", "gray10le", "libx264", "yuv420p10le", 0),
            ("film", "yuv420p9le", "libx264", "yuv420p10le", 1),
            ("film", "yuv420p12le", "libx265", "yuv420p12le", 0),
            ("film", "yuv444p12le", "libx265", "yuv444p12le", 0),
            ("film", "gray12le", "libx265", "yuv420p12le", 0),
            ("film", "yuv420p14le", "ffv1", "yuv420p14le", 0),
            ("film", "gray16le", "ffv1", "yuv420p16le", 0),
            ("film", "yuv411p", "libx264", "yuv422p", 0),
            ("film", "yuv410p", "libx264", "yuv420p", 0),
            ("film", "yuv440p", "libx264", "yuv444p", 0),
            ("film", "nv12", "libx264", "yuv420p", 0),
            ("film", "p010le", "libx264", "yuv420p10le", 0),
            ("film", "yuvj420p", "libx264", "yuv420p", 0),
            ("film", "rgb24", "libx264", "yuv444p", 0),
            ("film", "pal8", "libx264", "yuv444p", 0),
            ("film", "gbrp10le", "libx264", "yuv444p10le", 0),
            ("film", "rgb48le", "ffv1", "yuv444p16le", 0),
            ("archive", "yuv420p", "ffv1", "yuv420p", 0),
            ("archive", "yuv440p", "ffv1", "yuv440p", 0),
            ("archive", "yuv411p", "ffv1", "yuv422p", 0),
            ("archive", "gray16le", "ffv1", "yuv420p16le", 0),
            ("archive", "yuva420p", "ffv1", "yuva420p", 0),
            ("archive", "yuva444p10le", "ffv1", "yuva444p10le", 0),
            ("prores", "yuv420p", "prores_ks", "yuv422p10le", 2),
            ("prores", "gray", "prores_ks", "yuv422p10le", 2),
            ("prores", "yuv422p10le", "prores_ks", "yuv422p10le", 0),
            ("prores", "yuv444p", "prores_ks", "yuv444p10le", 2),
            ("prores", "yuva420p", "prores_ks", "yuva444p10le", 2),
            ("prores", "yuv420p12le", "ffv1", "yuv422p12le", 0),
            ("preview", "yuv420p10le", "libx264", "yuv420p10le", 0),
        ],
    )
    def test_layouts(self, preset: str, source: str, codec: str, target: str, shift: int) -> None:
        encoding = choose_encoding(video(source), encode(preset))
        assert (encoding.codec, encoding.target.layout.name) == (codec, target)
        assert encoding.target.luma_shift == shift
        assert any("encoded with" in n for n in encoding.notices) == (codec != encode(preset).codec)


@given(
    preset=st.sampled_from(RUN_PRESETS),
    bits=st.integers(8, 16),
    subsampling=st.sampled_from([None, (0, 0), (1, 0), (1, 1), (0, 1), (2, 0), (2, 2)]),
    width=st.integers(1, 4000),
    height=st.integers(1, 4000),
    has_alpha=st.booleans(),
)
def test_nothing_is_made_poorer(
    preset: str,
    bits: int,
    subsampling: tuple[int, int] | None,
    width: int,
    height: int,
    has_alpha: bool,
) -> None:
    layout = PixelLayout("made up", bits, subsampling, has_alpha=has_alpha)
    settings = encode(preset)
    encoding = choose_encoding(video(width=width, height=height, layout=layout), settings)
    target = encoding.target
    assert target.layout in encoder_layouts(encoding.codec)
    assert target.layout.bit_depth >= max(bits, settings.min_bits)
    assert target.luma_shift == target.layout.bit_depth - bits
    assert target.layout.subsampling is not None
    sx, sy = target.layout.subsampling
    limit = subsampling or SUBSAMPLING[settings.min_chroma]
    assert sx <= limit[0]
    assert sy <= limit[1]
    if settings.scale == 1:
        assert (target.width, target.height) == (width, height)
        assert target.width % (1 << sx) == 0
        assert target.height % (1 << sy) == 0
    assert (encoding.dropped_alpha is None) == (target.layout.has_alpha or not has_alpha)
    assert target.layout.has_alpha <= has_alpha


class TestChroma:
    def test_odd_sides_get_full_chroma_and_a_notice(self) -> None:
        encoding = choose_encoding(video(width=65, height=47), encode("film"))
        assert encoding.target.layout.name == "yuv444p"
        assert (encoding.target.width, encoding.target.height) == (65, 47)
        assert any("65×47 has an odd side" in notice for notice in encoding.notices)

    def test_odd_height_does_not_matter_in_422(self) -> None:
        encoding = choose_encoding(video("yuv422p", height=47), encode("film"))
        assert encoding.target.layout.name == "yuv422p"

    def test_siting_is_kept_with_the_grid(self) -> None:
        topleft = dataclasses.replace(BT709, chroma_location=3)
        kept = choose_encoding(video(color=topleft), encode("film"))
        assert kept.target.color.chroma_location == 3
        finer = choose_encoding(video("yuv410p", color=topleft), encode("film"))
        assert finer.target.color.chroma_location == 1
        none = choose_encoding(video("yuv444p", color=BT709), encode("film"))
        assert none.target.color.chroma_location == 0

    def test_best_layout_prefers_depth_then_coarse_chroma(self) -> None:
        layouts = tuple(
            pixel_layout(name) for name in ("yuv444p16le", "yuv444p10le", "yuv422p10le", "yuv420p")
        )
        chosen = best_layout(layouts, 9, (1, 1), alpha=False)
        assert chosen is not None
        assert chosen.name == "yuv422p10le"
        assert best_layout(layouts, 9, (1, 1), alpha=True) is None

    def test_encoder_with_too_coarse_chroma_is_passed_over(self) -> None:
        settings = EncodeSettings(codec="mpeg4")
        assert choose_encoding(video("yuv420p"), settings).codec == "mpeg4"
        encoding = choose_encoding(video("yuv422p"), settings)
        assert (encoding.codec, encoding.target.layout.name) == ("libx265", "yuv422p")

    def test_encoder_that_breaks_on_narrow_pictures_is_passed_over(self) -> None:
        assert choose_encoding(video("yuv420p12le", width=64), encode("film")).codec == "libx265"
        narrow = choose_encoding(video("yuv420p12le", width=48), encode("film"))
        assert narrow.codec == "ffv1"
        assert "libx265 takes no pictures 48 pixels wide" in narrow.notices


class TestProRes:
    def test_444_gets_the_profile_for_it(self) -> None:
        encoding = choose_encoding(video("yuv444p10le"), encode("prores"))
        assert encoding.options["profile"] == "4444"
        assert any("4444 instead of hq" in notice for notice in encoding.notices)
        assert choose_encoding(video(), encode("prores")).options["profile"] == "hq"

    def test_full_range_is_refused(self) -> None:
        full = dataclasses.replace(BT709, full_range=True)
        with pytest.raises(SettingsError, match="full range"):
            choose_encoding(video(color=full), encode("prores"))

    def test_equivalent_tags_are_used(self) -> None:
        pal = ColorTags(5, 5, 6, full_range=False)
        encoding = choose_encoding(video(color=pal), encode("prores"))
        color = encoding.target.color
        assert (color.matrix, color.primaries, color.transfer) == (6, 5, 1)
        assert [notice.partition(":")[0] for notice in encoding.notices] == [
            "ProRes has no number for matrix 5",
            "ProRes has no number for transfer 6",
        ]

    def test_tags_that_were_not_there_are_not_said_to_change(self) -> None:
        assert not choose_encoding(video(color=UNTAGGED), encode("prores")).notices

    def test_tags_that_it_cannot_write(self) -> None:
        with pytest.raises(SettingsError, match="ProRes cannot mark matrix 7"):
            choose_encoding(video(color=ColorTags(7, 7, 7, full_range=False)), encode("prores"))


class TestColor:
    @pytest.mark.parametrize(("size", "matrix"), [((640, 480), 6), ((1280, 720), 1)])
    def test_missing_tags_are_decided_by_size(self, size: tuple[int, int], matrix: int) -> None:
        color = target_color(video(width=size[0], height=size[1], color=UNTAGGED))
        assert (color.matrix, color.primaries) == (matrix, matrix)
        assert "matrix" in color.guessed

    def test_source_size_decides_also_for_a_preview(self) -> None:
        encoding = choose_encoding(video(width=1280, height=720, color=UNTAGGED), encode("preview"))
        assert (encoding.target.width, encoding.target.height) == (640, 360)
        assert encoding.target.color.matrix == 1

    def test_tagged_source_is_kept(self) -> None:
        tags = ColorTags(5, 5, 6, full_range=True)
        assert target_color(video(color=tags)) == tags

    def test_rgb_is_full_range_bt709(self) -> None:
        color = target_color(video("rgb24", color=dataclasses.replace(UNTAGGED, matrix=1)))
        assert (color.matrix, color.full_range) == (1, True)

    def test_rgb_matrix_on_gray_is_no_matrix(self) -> None:
        color = target_color(video("gray", color=dataclasses.replace(UNTAGGED, matrix=0)))
        assert color.matrix == 6

    def test_hdr_only_on_demand(self) -> None:
        hdr = video("yuv420p10le", color=ColorTags(9, 9, 16, full_range=False))
        with pytest.raises(UnsupportedColorError):
            choose_encoding(hdr, encode("film"))
        assert choose_encoding(hdr, encode("film"), allow_hdr=True).target.color.transfer == 16

    def test_shifted_full_range_white_is_mentioned(self) -> None:
        full = dataclasses.replace(BT709, full_range=True)
        encoding = choose_encoding(video("yuv420p9le", color=full), encode("film"))
        assert any("white is 1022 of 1023" in notice for notice in encoding.notices)


@pytest.mark.parametrize(
    ("name", "hint"), [("libx2640", "did you mean 'libx264'"), ("aac", ""), ("???", "")]
)
def test_unknown_encoder(name: str, hint: str) -> None:
    with pytest.raises(SettingsError, match="no video encoder") as caught:
        choose_encoding(video(), EncodeSettings(codec=name))
    assert repr(name) in str(caught.value)
    assert hint in str(caught.value)


@pytest.mark.parametrize("name", ["gif", "pcx", "rawvideo"])
def test_encoder_without_planar_pictures(name: str) -> None:
    with pytest.raises(SettingsError, match=f"{name} names none of the planar.*choose libx264"):
        choose_encoding(video(), EncodeSettings(codec=name))


@given(width=st.integers(1, 9000), height=st.integers(1, 9000), scale=st.floats(0.01, 1.0))
def test_scaled_size_is_even_and_near(width: int, height: int, scale: float) -> None:
    scaled = scaled_size(width, height, scale)
    if scale == 1:
        assert scaled == (width, height)
        return
    for side, source in zip(scaled, (width, height), strict=True):
        assert side % 2 == 0
        assert side >= 2
        assert abs(side - source * scale) <= 2


@pytest.mark.parametrize(
    ("order", "preset", "height", "mode"),
    [
        ("tt", "film", 48, "tff"),
        ("tb", "film", 48, "tff"),
        ("bb", "film", 48, "bff"),
        ("bt", "archive", 48, "bff"),
        ("tt", "prores", 48, "tff"),
        ("progressive", "film", 48, None),
        ("unknown", "film", 48, None),
        ("interlaced", "film", 48, None),
        ("tt", "film", 46, None),
        ("tt", "archive", 46, "tff"),
        ("tt", "preview", 48, None),
    ],
)
def test_field_mode(order: str, preset: str, height: int, mode: str | None) -> None:
    source = video(height=height, field_order=order)
    assert field_mode(choose_encoding(source, encode(preset)), source) == mode
