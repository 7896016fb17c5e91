from __future__ import annotations

import gc
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from av.video.format import VideoFormat, names

from tests.synthetic import fill_plane, make_film, make_frame, plane_values, run_ffmpeg
from vidcolor.errors import UnsupportedCodecError
from vidcolor.frames import PixelLayout
from vidcolor.media.pixels import (
    alpha_plane,
    chroma_planes,
    luma_plane,
    pixel_layout,
    rgb_codes,
)

WIDTH, HEIGHT = 66, 50
PLANAR = {(0, 0): "yuv444p", (1, 0): "yuv422p", (1, 1): "yuv420p"}
PLANAR |= {(2, 0): "yuv411p", (0, 1): "yuv440p", (2, 2): "yuv410p"}


def readable() -> list[str]:
    found = []
    for name in sorted(names):
        try:
            pixel_layout(name)
        except UnsupportedCodecError:
            continue
        found.append(name)
    return found


YUV = [name for name in readable() if not pixel_layout(name).is_rgb]
RGB = [name for name in readable() if pixel_layout(name).is_rgb]


def planar_twin(name: str) -> str:
    """The plainly planar format with the same samples."""
    layout = pixel_layout(name)
    depth = "" if layout.bit_depth == 8 else f"{layout.bit_depth}le"
    if layout.subsampling is None:
        return f"gray{depth}"
    if name.startswith("yuvj"):
        return name
    return PLANAR[layout.subsampling] + depth


NOT_MADE_BY_SWSCALE = ("y210be", "y212be", "y216be", "xv30be", "v30xbe")


def swap_words(little: av.VideoFrame, name: str) -> av.VideoFrame:
    """The little-endian frame with the bytes of each word swapped, as format ``name``."""
    frame = av.VideoFrame(little.width, little.height, name)
    words = np.frombuffer(little.planes[0], "<u4" if "30" in name else "<u2")
    frame.planes[0].update(words.astype(words.dtype.newbyteorder(">")).tobytes())
    return frame


def test_the_formats_of_films_are_readable() -> None:
    common = "gray gray10le gray16le yuv420p yuv420p10le yuv422p10le yuv444p12le yuvj420p nv12 "
    common += "p010le yuyv422 uyvy422 ya8 pal8 rgb24 bgr0 gbrp gbrp10le gbrp12le rgb48le yuva420p"
    assert set(common.split()) <= set(readable())
    assert len(readable()) > 150


@pytest.mark.parametrize("name", ["grayf32le", "gbrpf32le", "gray32le", "cuda", "uyyvyy411"])
def test_formats_that_cannot_be_read_exactly(name: str) -> None:
    with pytest.raises(UnsupportedCodecError, match="convert the film"):
        pixel_layout(name)


@pytest.mark.parametrize("name", YUV)
def test_luma_and_chroma_are_sliced_exactly(name: str) -> None:
    """swscale only moves samples between formats of one depth and subsampling: a second opinion."""
    original = make_frame(3, WIDTH, HEIGHT, planar_twin(name), colorful=True)
    if name in NOT_MADE_BY_SWSCALE:
        frame = swap_words(original.reformat(format=f"{name[:-2]}le", threads=1), name)
    else:
        frame = original.reformat(format=name, threads=1)
    luma = luma_plane(frame)
    assert luma.dtype == (np.uint8 if pixel_layout(name).bit_depth == 8 else np.uint16)
    np.testing.assert_array_equal(luma, plane_values(original))
    chroma = chroma_planes(frame)
    if pixel_layout(name).subsampling is None:
        assert chroma is None
        return
    assert chroma is not None
    for index, plane in enumerate(chroma, start=1):
        np.testing.assert_array_equal(plane, plane_values(original, index))


EXACT_RGB = [
    name
    for name in RGB
    if name.startswith("mono") or all(part.bits == 8 for part in VideoFormat(name).components)
]
FEW_BITS = [name for name in RGB if name[3:6] in ("444", "555", "565")]


@pytest.mark.parametrize("name", [name for name in EXACT_RGB if name != "pal8"])
def test_gray_rgb_gives_exactly_its_value(name: str) -> None:
    levels = (0, 255) if name.startswith("mono") else tuple(range(256))
    gray = np.random.default_rng(5).choice(levels, (HEIGHT, WIDTH)).astype(np.uint8)
    picture = av.VideoFrame(WIDTH, HEIGHT, "gray")
    fill_plane(picture.planes[0], gray)
    frame = picture.reformat(format="rgb24", threads=1).reformat(format=name, threads=1)
    np.testing.assert_array_equal(luma_plane(frame), gray)


@pytest.mark.parametrize("name", FEW_BITS)
def test_few_bits_per_component(name: str) -> None:
    bits = [part.bits for part in VideoFormat(name).components]
    rng = np.random.default_rng(9)
    codes = [rng.integers(0, 1 << count, (HEIGHT, WIDTH)) for count in bits]
    first, last = (0, 2) if name.startswith("rgb") else (2, 0)
    words = codes[last] | codes[1] << bits[last] | codes[first] << (bits[last] + bits[1])
    frame = av.VideoFrame(WIDTH, HEIGHT, name)
    fill_plane(frame.planes[0], words.astype("<u2" if name.endswith("le") else ">u2"))
    exact = [c * 255 / ((1 << b) - 1) for c, b in zip(codes, bits, strict=True)]
    widened = rgb_codes(frame)
    assert abs(widened - np.stack(exact, axis=-1)).max() < 1
    assert set(np.unique(widened)) >= {0, 255}


@pytest.mark.parametrize("name", [name for name in RGB if VideoFormat(name).is_bayer])
def test_even_bayer_mosaics(name: str) -> None:
    layout = pixel_layout(name)
    frame = av.VideoFrame(WIDTH, HEIGHT, name)
    dtype = "u1" if layout.bit_depth == 8 else ">u2" if name.endswith("be") else "<u2"
    value = 0x5A if layout.bit_depth == 8 else 0x5A5A
    fill_plane(frame.planes[0], np.full((HEIGHT, WIDTH), value, dtype))
    luma = luma_plane(frame)
    assert luma.dtype == (np.uint8 if layout.bit_depth == 8 else np.uint16)
    # swscale works with 8 bits of the 16.
    assert np.all(abs(luma.astype(int) - value) <= (0 if layout.bit_depth == 8 else 0x100))


@pytest.mark.parametrize("name", ["x2rgb10le", "x2rgb10be", "x2bgr10le", "x2bgr10be"])
def test_ten_bit_rgb_in_one_word(name: str) -> None:
    expected = np.random.default_rng(8).integers(0, 1024, (HEIGHT, WIDTH, 3)).astype(np.uint16)
    high, middle, low = expected.astype(np.uint32)[..., :: 1 if "rgb" in name else -1].transpose(
        2, 0, 1
    )
    words = (3 << 30) | (high << 20) | (middle << 10) | low
    frame = av.VideoFrame(WIDTH, HEIGHT, name)
    fill_plane(frame.planes[0], words.astype("<u4" if name.endswith("le") else ">u4"))
    np.testing.assert_array_equal(rgb_codes(frame), expected)


def make_raw_avi(path: Path, pix_fmt: str) -> Path:
    """Three frames of uncompressed AVI, made by the ffmpeg program."""
    source = make_film(path.with_suffix(".mkv"), frames=3, codec="ffv1", pix_fmt="bgr0")
    run_ffmpeg("-i", str(source), "-c:v", "rawvideo", "-pix_fmt", pix_fmt, str(path))
    return path


def test_palette(tmp_path: Path) -> None:
    film = make_raw_avi(tmp_path / "film.avi", "pal8")
    expected = np.frombuffer(
        run_ffmpeg("-i", str(film), "-f", "rawvideo", "-pix_fmt", "rgb24", "pipe:1"), np.uint8
    ).reshape(3, 48, 64, 3)
    with av.open(str(film)) as container:
        for frame, picture in zip(container.decode(video=0), expected, strict=True):
            assert frame.format.name == "pal8"
            np.testing.assert_array_equal(rgb_codes(frame), picture)


@pytest.mark.parametrize("name", ["rgb24", "bgr24", "argb", "bgr0", "gbrp", "0rgb", "abgr"])
def test_rgb_order(name: str) -> None:
    expected = np.random.default_rng(6).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)
    frame = av.VideoFrame.from_ndarray(expected, format="rgb24").reformat(format=name, threads=1)
    np.testing.assert_array_equal(rgb_codes(frame), expected)


DEEP_RGB = [
    name
    for name in RGB
    if name.startswith("gbr") or VideoFormat(name).components[0].bits == 16
    if name not in EXACT_RGB
]


@pytest.mark.parametrize("name", DEEP_RGB)
def test_deep_rgb_order(name: str) -> None:
    """Each channel is written into its plane or place by hand, as libav's names say."""
    bits = pixel_layout(name).bit_depth
    expected = np.random.default_rng(7).integers(0, 2**bits, (HEIGHT, WIDTH, 3)).astype(np.uint16)
    frame = av.VideoFrame(WIDTH, HEIGHT, name)
    dtype = ">u2" if name.endswith("be") else "<u2"
    if name.startswith("gbr"):
        stored = expected << (16 - bits if "msb" in name else 0)
        for plane, channel in zip(frame.planes, (1, 2, 0), strict=False):
            fill_plane(plane, stored[..., channel].astype(dtype))
    else:
        order = [0, 1, 2] if name.startswith("rgb") else [2, 1, 0]
        order += [0] * (len(frame.format.components) - 3)
        fill_plane(frame.planes[0], expected[..., order].reshape(HEIGHT, -1).astype(dtype))
    np.testing.assert_array_equal(rgb_codes(frame), expected)


def test_layouts() -> None:
    assert pixel_layout("yuv420p10le") == PixelLayout("yuv420p10le", 10, (1, 1))
    assert pixel_layout("yuv410p") == PixelLayout("yuv410p", 8, (2, 2))
    assert pixel_layout("gray16be") == PixelLayout("gray16be", 16, None)
    assert pixel_layout("gbrap12le") == PixelLayout(
        "gbrap12le", 12, None, is_rgb=True, has_alpha=True
    )
    assert pixel_layout("yuva444p").has_alpha
    assert pixel_layout("p012be").bit_depth == 12


def test_alpha() -> None:
    frame = make_frame(0, WIDTH, HEIGHT, "yuva420p")
    values = np.arange(WIDTH * HEIGHT, dtype=np.uint32).reshape(HEIGHT, WIDTH).astype(np.uint8)
    fill_plane(frame.planes[3], values)
    alpha = alpha_plane(frame)
    assert alpha is not None
    np.testing.assert_array_equal(alpha, values)
    assert alpha_plane(make_frame(0, WIDTH, HEIGHT, "yuv420p")) is None


def test_planar_luma_is_a_view_that_outlives_its_frame() -> None:
    frame = make_frame(1, WIDTH, HEIGHT, "yuv420p10le")
    expected = plane_values(frame)
    luma = luma_plane(frame)
    assert not luma.flags.owndata
    assert not luma.flags.writeable
    assert np.shares_memory(luma, np.frombuffer(frame.planes[0], np.uint8))
    del frame
    gc.collect()
    np.testing.assert_array_equal(luma, expected)


def test_decoder_does_not_reuse_the_memory_of_views(tmp_path: Path) -> None:
    film = make_film(tmp_path / "film.mp4", frames=60, width=320, height=240)
    with av.open(str(film)) as container:
        kept: list[tuple[Any, bytes]] = []
        for frame in container.decode(video=0):
            luma = luma_plane(frame)
            kept.append((luma, luma.tobytes()))
    assert len({content for _, content in kept}) == 60
    assert all(luma.tobytes() == content for luma, content in kept)


@pytest.mark.parametrize("pix_fmt", ["bgr24", "bgra", "rgb555le", "pal8"])
def test_bottom_up_avi(tmp_path: Path, pix_fmt: str) -> None:
    """Windows' raw AVI stores rows from the bottom; libav then gives negative line sizes."""
    film = make_raw_avi(tmp_path / "film.avi", pix_fmt)
    content = bytearray(film.read_bytes())
    height = content.index(b"strf") + 16  # BITMAPINFOHEADER.biHeight
    assert content[height : height + 4] == (-48).to_bytes(4, "little", signed=True)
    content[height : height + 4] = (48).to_bytes(4, "little")
    film.write_bytes(content)
    pictures = np.frombuffer(
        run_ffmpeg("-i", str(film), "-f", "rawvideo", "-pix_fmt", "rgb24", "pipe:1"), np.uint8
    ).reshape(3, 48, 64, 3)
    with av.open(str(film)) as container:
        for frame, picture in zip(container.decode(video=0), pictures, strict=True):
            assert frame.planes[0].line_size < 0
            np.testing.assert_array_equal(rgb_codes(frame), picture)
