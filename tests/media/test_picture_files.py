from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt
import pytest
import tifffile
from PIL import Image

from tests.synthetic import run_ffmpeg
from vidcolor.config import Limits
from vidcolor.errors import (
    CorruptInputError,
    InputLimitError,
    SettingsError,
    UnsupportedCodecError,
)
from vidcolor.media.picture_files import (
    WRITTEN_FORMATS,
    encode_picture,
    picture_notices,
    read_picture,
    written_depth,
)
from vidcolor.media.safety import DEFAULT_LIMITS

HEIGHT, WIDTH = 50, 67


def noise(bits: int, channels: int = 1) -> npt.NDArray[Any]:
    shape = (HEIGHT, WIDTH) if channels == 1 else (HEIGHT, WIDTH, channels)
    values = np.random.default_rng(bits + channels).integers(0, 2**bits, shape)
    return values.astype(np.uint8 if bits == 8 else np.uint16)


TIFFS: dict[str, tuple[int, int, dict[str, Any]]] = {
    "gray 8": (8, 1, {}),
    "gray 16": (16, 1, {}),
    "gray 16 big endian": (16, 1, {"byteorder": ">"}),
    "gray 16 deflate": (16, 1, {"compression": "zlib"}),
    "gray 16 deflate predictor": (16, 1, {"compression": "zlib", "predictor": True}),
    "gray 8 tiles": (8, 1, {"tile": (16, 16)}),
    "gray 16 tiles": (16, 1, {"tile": (16, 16)}),
    "gray 16 strips": (16, 1, {"rowsperstrip": 7}),
    "gray 16 bigtiff": (16, 1, {"bigtiff": True}),
    "rgb 8": (8, 3, {}),
    "rgb 16": (16, 3, {}),
    "rgb 16 big endian": (16, 3, {"byteorder": ">"}),
    "rgb 16 deflate": (16, 3, {"compression": "zlib"}),
    "rgb 8 tiles": (8, 3, {"tile": (16, 16)}),
    "rgb 16 tiles": (16, 3, {"tile": (16, 16)}),
    "rgb 8 separate": (8, 3, {"planarconfig": "separate"}),
    "rgb 16 separate": (16, 3, {"planarconfig": "separate"}),
}


@pytest.mark.parametrize("name", TIFFS)
def test_tiff(tmp_path: Path, name: str) -> None:
    """Several of these libav reads wrong without saying so: tiles above all."""
    bits, channels, options = TIFFS[name]
    codes = noise(bits, channels)
    stored = np.moveaxis(codes, -1, 0) if "separate" in name else codes
    photometric = "rgb" if channels == 3 else "minisblack"
    tifffile.imwrite(tmp_path / "p.tif", stored, photometric=photometric, **options)
    picture = read_picture(tmp_path / "p.tif", DEFAULT_LIMITS)
    np.testing.assert_array_equal(picture.codes, codes)
    assert (picture.bit_depth, picture.is_rgb, picture.has_alpha) == (bits, channels == 3, False)
    assert (
        picture.layout.name
        == {(8, 1): "gray", (16, 1): "gray16le", (8, 3): "rgb24", (16, 3): "rgb48le"}[
            bits, channels
        ]
    )


@pytest.mark.parametrize("bits", [8, 16])
def test_tiff_where_zero_is_white(tmp_path: Path, bits: int) -> None:
    tifffile.imwrite(tmp_path / "p.tif", noise(bits), photometric="miniswhite")
    picture = read_picture(tmp_path / "p.tif", DEFAULT_LIMITS)
    np.testing.assert_array_equal(picture.codes, (2**bits - 1) - noise(bits))


@pytest.mark.parametrize("channels", [1, 3])
def test_alpha_is_split_off(tmp_path: Path, channels: int) -> None:
    codes = noise(16, channels)
    whole = np.dstack([codes, noise(16)])
    photometric = "rgb" if channels == 3 else "minisblack"
    tifffile.imwrite(
        tmp_path / "p.tif", whole, photometric=photometric, extrasamples=["unassalpha"]
    )
    picture = read_picture(tmp_path / "p.tif", DEFAULT_LIMITS)
    np.testing.assert_array_equal(picture.codes, codes)
    assert "transparency is not kept" in picture_notices(tmp_path / "p.tif", picture)


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_lzw_tiff(tmp_path: Path, mode: str) -> None:
    codes = noise(8, 1 if mode == "L" else 3)
    Image.fromarray(codes).save(tmp_path / "p.tif", compression="tiff_lzw")
    np.testing.assert_array_equal(read_picture(tmp_path / "p.tif", DEFAULT_LIMITS).codes, codes)


def test_deep_lzw_tiff(tmp_path: Path) -> None:
    codes = noise(16, 3)
    (tmp_path / "p.png").write_bytes(encode_picture(codes, 16, ".png", Fraction(24)))
    run_ffmpeg(
        *("-i", str(tmp_path / "p.png"), "-pix_fmt", "rgb48le"),
        *("-compression_algo", "lzw", str(tmp_path / "p.tif")),
    )
    np.testing.assert_array_equal(read_picture(tmp_path / "p.tif", DEFAULT_LIMITS).codes, codes)


@pytest.mark.parametrize("kind", ["L", "I;16", "RGB", "P", "1", "LA", "RGBA"])
def test_png(tmp_path: Path, kind: str) -> None:
    image = Image.fromarray(noise(16 if kind == "I;16" else 8, 3 if kind in ("RGB", "P") else 1))
    if kind == "1":
        image = image.point(lambda value: 255 * (value > 127))
    if kind != "I;16":
        image = image.convert(kind)
    image.save(tmp_path / "p.png")
    with Image.open(tmp_path / "p.png") as again:
        expected = np.asarray(again if kind in ("L", "I;16") else again.convert("RGB"))
    picture = read_picture(tmp_path / "p.png", DEFAULT_LIMITS)
    codes = picture.codes
    if kind == "LA":
        expected = expected[..., 0]
    np.testing.assert_array_equal(codes, expected)
    assert picture.has_alpha is (kind in ("LA", "RGBA"))
    assert picture.is_color is (kind in ("RGB", "P"))


@pytest.mark.parametrize(
    ("suffix", "bits"),
    [
        (suffix, bits)
        for suffix, codec in ((".png", "png"), (".tif", "tiff"), (".dpx", "dpx"))
        for bits in WRITTEN_FORMATS[codec]
    ],
)
def test_written_pictures_read_back_exactly(tmp_path: Path, suffix: str, bits: int) -> None:
    codes = noise(bits, 3)
    path = tmp_path / f"p{suffix}"
    path.write_bytes(encode_picture(codes, bits, suffix, Fraction(18)))
    picture = read_picture(path, DEFAULT_LIMITS)
    assert picture.bit_depth == bits
    np.testing.assert_array_equal(picture.codes, codes)
    # The same by the ffmpeg program.
    pix_fmt = "rgb24" if bits == 8 else f"gbrp{bits}le"
    raw = run_ffmpeg("-i", str(path), "-f", "rawvideo", "-pix_fmt", pix_fmt, "pipe:1")
    if bits == 8:
        other = np.frombuffer(raw, np.uint8).reshape(HEIGHT, WIDTH, 3)
    else:
        other = np.moveaxis(np.frombuffer(raw, "<u2").reshape(3, HEIGHT, WIDTH), 0, -1)[
            ..., [2, 0, 1]
        ]
    np.testing.assert_array_equal(other, codes)


@pytest.mark.parametrize("pix_fmt", ["gray", "gray16be", "gray16le"])
def test_gray_dpx(tmp_path: Path, pix_fmt: str) -> None:
    codes = noise(8 if pix_fmt == "gray" else 16)
    size = ("-s", f"{WIDTH}x{HEIGHT}", "-pix_fmt", pix_fmt, "-f", "rawvideo")
    stored = codes.astype(">u2") if pix_fmt.endswith("be") else codes
    (tmp_path / "p.raw").write_bytes(stored.tobytes())
    run_ffmpeg(*size, "-i", str(tmp_path / "p.raw"), "-pix_fmt", pix_fmt, str(tmp_path / "p.dpx"))
    picture = read_picture(tmp_path / "p.dpx", DEFAULT_LIMITS)
    assert not picture.is_rgb
    np.testing.assert_array_equal(picture.codes, codes)


def test_ten_bit_gray_dpx(tmp_path: Path) -> None:
    """Three samples in a 32-bit word (SMPTE ST 268-1, packing method A), built by hand.

    Nothing here writes such files. The first sample is in the lowest bits, which is how
    libav reads them; R′G′B′ begins at the highest.
    """
    codes = np.random.default_rng(4).integers(0, 1024, (HEIGHT, 66)).astype(np.uint32)
    template = bytearray(
        encode_picture(np.zeros((HEIGHT, 66, 3), np.uint16), 10, ".dpx", Fraction(24))
    )
    words = codes[:, 0::3] << 2 | codes[:, 1::3] << 12 | codes[:, 2::3] << 22
    template[800] = 6  # descriptor: luma
    offset = int.from_bytes(template[4:8], "big")
    (tmp_path / "p.dpx").write_bytes(bytes(template[:offset]) + words.astype(">u4").tobytes())
    picture = read_picture(tmp_path / "p.dpx", DEFAULT_LIMITS)
    assert (picture.bit_depth, picture.is_rgb) == (10, False)
    np.testing.assert_array_equal(picture.codes, codes)


@pytest.mark.parametrize(("transfer", "words"), [(3, "logarithmic"), (1, "printing density")])
def test_log_dpx_is_named(tmp_path: Path, transfer: int, words: str) -> None:
    content = bytearray(encode_picture(noise(10, 3), 10, ".dpx", Fraction(24)))
    path = tmp_path / "p.dpx"
    path.write_bytes(content)
    assert not any("DPX" in n for n in picture_notices(path, read_picture(path, DEFAULT_LIMITS)))
    content[801] = transfer
    path.write_bytes(content)
    notices = picture_notices(path, read_picture(path, DEFAULT_LIMITS))
    assert any(words in notice for notice in notices)


def test_orientation_is_named(tmp_path: Path) -> None:
    path = tmp_path / "p.tif"
    tifffile.imwrite(path, noise(8), photometric="minisblack", extratags=[(274, 3, 1, 6, True)])
    notices = picture_notices(path, read_picture(path, DEFAULT_LIMITS))
    assert any("orientation" in notice for notice in notices)


@pytest.mark.parametrize("suffix", [".png", ".tif", ".dpx"])
@pytest.mark.parametrize("content", [b"", b"no picture at all", bytes(5000)])
def test_what_is_no_picture(tmp_path: Path, suffix: str, content: bytes) -> None:
    (tmp_path / f"p{suffix}").write_bytes(content)
    with pytest.raises(CorruptInputError, match=f"p{suffix} cannot be decoded"):
        read_picture(tmp_path / f"p{suffix}", DEFAULT_LIMITS)


@pytest.mark.parametrize("suffix", [".png", ".tif", ".dpx"])
def test_cut_picture(tmp_path: Path, suffix: str) -> None:
    content = encode_picture(noise(8, 3), 8, suffix, Fraction(24))
    (tmp_path / f"p{suffix}").write_bytes(content[: len(content) // 2])
    with pytest.raises(CorruptInputError, match="cannot be decoded"):
        read_picture(tmp_path / f"p{suffix}", DEFAULT_LIMITS)


@pytest.mark.parametrize("suffix", [".png", ".tif", ".dpx"])
def test_limits_come_before_decoding(tmp_path: Path, suffix: str) -> None:
    (tmp_path / f"p{suffix}").write_bytes(encode_picture(noise(8, 3), 8, suffix, Fraction(24)))
    with pytest.raises(InputLimitError, match=f"{WIDTH}×{HEIGHT}"):
        read_picture(tmp_path / f"p{suffix}", Limits(max_pixels=HEIGHT * WIDTH - 1))
    read_picture(tmp_path / f"p{suffix}", Limits(max_pixels=HEIGHT * WIDTH))


def test_float_tiff(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "p.tif", noise(16).astype(np.float32), photometric="minisblack")
    with pytest.raises(UnsupportedCodecError, match="float"):
        read_picture(tmp_path / "p.tif", DEFAULT_LIMITS)


def test_luma_of_rgb(tmp_path: Path) -> None:
    gray = np.repeat(noise(8)[..., None], 3, axis=-1)
    (tmp_path / "p.png").write_bytes(encode_picture(gray, 8, ".png", Fraction(24)))
    picture = read_picture(tmp_path / "p.png", DEFAULT_LIMITS)
    assert picture.is_rgb
    assert not picture.is_color
    np.testing.assert_array_equal(picture.luma, noise(8))


@pytest.mark.parametrize(
    ("suffix", "bits", "written"),
    [(".png", 8, 8), (".png", 10, 16), (".TIF", 12, 16), (".dpx", 9, 10), (".dpx", 14, 16)],
)
def test_written_depth(suffix: str, bits: int, written: int) -> None:
    assert written_depth(suffix, bits) == written


def test_formats_that_are_not_written() -> None:
    with pytest.raises(SettingsError, match=r"\.png"):
        written_depth(".jpg", 8)
    for codec, formats in WRITTEN_FORMATS.items():
        known = {f.name for f in av.Codec(codec, "w").video_formats or ()}
        assert set(formats.values()) <= known


@pytest.mark.parametrize("damage", ["overwritten", "cut"])
def test_a_damaged_deflate_tiff(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "p.tif"
    tifffile.imwrite(path, noise(16), compression="zlib")
    content = bytearray(path.read_bytes())
    if damage == "cut":
        del content[len(content) // 2 :]
    else:
        content[400:900] = bytes(500)
    path.write_bytes(content)
    with pytest.raises(CorruptInputError, match=r"p\.tif cannot be decoded"):
        read_picture(path, DEFAULT_LIMITS)
