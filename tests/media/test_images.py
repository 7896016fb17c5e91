"""`vidcolor.media.images`: reading photos."""

from __future__ import annotations

import contextlib
import io
import logging
import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageOps
from PIL.PngImagePlugin import PngInfo

from tests.media.icc_profiles import ADOBE_RGB_TO_D50, gamma_curve, gray_profile, rgb_profile
from vidcolor.color import luma_from_rgb_codes
from vidcolor.errors import (
    EmptyInputError,
    InputError,
    InputIsDirectoryError,
    InputLimitError,
    InputNotFoundError,
    NotMediaError,
    TruncatedInputError,
    UnsupportedCodecError,
)
from vidcolor.media.images import MAX_PIXELS, read_image, read_rgb

WIDTH, HEIGHT = 45, 32
RNG = np.random.default_rng(0)
RGB = RNG.integers(0, 256, (HEIGHT, WIDTH, 3)).astype(np.uint8)
GRAY = RGB[..., 0].copy()
ALPHA = RGB[..., 1].copy()
RGB16 = RNG.integers(0, 65536, (HEIGHT, WIDTH, 3)).astype(np.uint16)
GRAY16 = RGB16[..., 0].copy()
ALPHA16 = RGB16[..., 1].copy()

LOSSLESS = {"a.png": "PNG", "a.tif": "TIFF", "a.bmp": "BMP", "a.webp": "WEBP"}


def save(image: Image.Image, path: Path, **options: object) -> Path:
    if path.suffix == ".webp":
        options = {"lossless": True, "exact": True, **options}
    image.save(path, **options)
    return path


def png16(path: Path, array: np.ndarray) -> Path:
    """A 16-bit PNG by hand: OpenCV cannot write grey with alpha."""
    height, width = array.shape[:2]
    channels = 1 if array.ndim == 2 else array.shape[2]
    color_type = {1: 0, 2: 4, 3: 2, 4: 6}[channels]
    rows = array.astype(">u2").reshape(height, -1)
    body = b"".join(b"\0" + row.tobytes() for row in rows)

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", width, height, 16, color_type, 0, 0, 0)
    chunks = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(body)) + chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunks)
    return path


# -- 8 bit ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "source_format"), LOSSLESS.items())
def test_rgb_becomes_bt709_luma(tmp_path: Path, name: str, source_format: str) -> None:
    still = read_image(save(Image.fromarray(RGB), tmp_path / name))
    np.testing.assert_array_equal(still.luma, luma_from_rgb_codes(RGB, 8))
    assert still.bit_depth == 8
    assert still.alpha is None
    assert still.is_color
    assert still.source_format == source_format


@pytest.mark.parametrize("name", LOSSLESS)
def test_grey_is_read_as_stored(tmp_path: Path, name: str) -> None:
    still = read_image(save(Image.fromarray(GRAY), tmp_path / name))
    np.testing.assert_array_equal(still.luma, GRAY)
    assert not still.is_color


def test_jpeg(tmp_path: Path) -> None:
    path = save(Image.fromarray(GRAY), tmp_path / "a.jpg", quality=95)
    still = read_image(path)
    np.testing.assert_array_equal(still.luma, np.asarray(Image.open(path)))
    assert still.source_format == "JPEG"


def test_content_decides_and_not_the_name(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    Image.fromarray(GRAY).save(path, "PNG")
    assert read_image(path).source_format == "PNG"


def test_grey_stored_as_rgb_is_not_in_colour(tmp_path: Path) -> None:
    still = read_image(save(Image.fromarray(np.dstack([GRAY] * 3)), tmp_path / "a.png"))
    np.testing.assert_array_equal(still.luma, GRAY)
    assert not still.is_color


@pytest.mark.parametrize("name", ["a.png", "a.tif", "a.webp"])
def test_alpha_of_rgb(tmp_path: Path, name: str) -> None:
    still = read_image(save(Image.fromarray(np.dstack((RGB, ALPHA))), tmp_path / name))
    assert still.alpha is not None
    np.testing.assert_array_equal(still.alpha, ALPHA)
    np.testing.assert_array_equal(still.luma, luma_from_rgb_codes(RGB, 8))


@pytest.mark.parametrize("name", ["a.png", "a.tif"])
def test_alpha_of_grey(tmp_path: Path, name: str) -> None:
    image = Image.merge("LA", (Image.fromarray(GRAY), Image.fromarray(ALPHA)))
    still = read_image(save(image, tmp_path / name))
    assert still.alpha is not None
    np.testing.assert_array_equal(still.alpha, ALPHA)
    np.testing.assert_array_equal(still.luma, GRAY)


def test_alpha_that_hides_nothing_is_dropped(tmp_path: Path) -> None:
    opaque = np.dstack((RGB, np.full_like(GRAY, 255)))
    assert read_image(save(Image.fromarray(opaque), tmp_path / "a.png")).alpha is None


def test_palette_with_a_transparent_entry(tmp_path: Path) -> None:
    image = Image.new("P", (4, 2))
    image.putpalette([10, 10, 10, 200, 100, 50])
    image.putpixel((1, 0), 1)
    still = read_image(save(image, tmp_path / "a.png", transparency=0))
    assert still.alpha is not None
    assert still.alpha[0].tolist() == [0, 255, 0, 0]
    assert still.luma[1].tolist() == [10] * 4
    assert still.luma[0, 1] == round(0.2126 * 200 + 0.7152 * 100 + 0.0722 * 50)


def test_one_transparent_grey(tmp_path: Path) -> None:
    still = read_image(
        save(Image.fromarray(GRAY), tmp_path / "a.png", transparency=int(GRAY[0, 0]))
    )
    assert still.alpha is not None
    np.testing.assert_array_equal(still.alpha == 0, GRAY[0, 0] == GRAY)
    np.testing.assert_array_equal(still.luma, GRAY)


@pytest.mark.parametrize("name", ["a.png", "a.tif", "a.bmp"])
def test_one_bit(tmp_path: Path, name: str) -> None:
    still = read_image(save(Image.fromarray(GRAY > 127), tmp_path / name))
    np.testing.assert_array_equal(still.luma, np.where(GRAY > 127, 255, 0))


def test_fax_compressed_tiff(tmp_path: Path) -> None:
    path = save(Image.fromarray(GRAY > 127), tmp_path / "a.tif", compression="group4")
    np.testing.assert_array_equal(read_image(path).luma, np.where(GRAY > 127, 255, 0))


@pytest.mark.parametrize("name", ["a.jpg", "a.tif"])
def test_cmyk(tmp_path: Path, name: str) -> None:
    image = Image.new("CMYK", (16, 16), (0, 0, 0, 128))
    still = read_image(save(image, tmp_path / name))
    np.testing.assert_allclose(still.luma, 127, atol=2)


# -- 16 bit ---------------------------------------------------------------------------------------


def test_16_bit_grey_png(tmp_path: Path) -> None:
    still = read_image(png16(tmp_path / "a.png", GRAY16))
    np.testing.assert_array_equal(still.luma, GRAY16)
    assert still.bit_depth == 16
    assert still.alpha is None


def test_16_bit_grey_png_with_alpha(tmp_path: Path) -> None:
    still = read_image(png16(tmp_path / "a.png", np.dstack((GRAY16, ALPHA16))))
    assert still.alpha is not None
    np.testing.assert_array_equal(still.luma, GRAY16)
    np.testing.assert_array_equal(still.alpha, ALPHA16)
    assert not still.is_color


@pytest.mark.parametrize("channels", [3, 4])
def test_16_bit_rgb_png(tmp_path: Path, channels: int) -> None:
    still = read_image(png16(tmp_path / "a.png", np.dstack((RGB16, ALPHA16))[..., :channels]))
    np.testing.assert_array_equal(still.luma, luma_from_rgb_codes(RGB16, 16))
    assert (still.alpha is not None) == (channels == 4)
    if still.alpha is not None:
        np.testing.assert_array_equal(still.alpha, ALPHA16)


TIFF_LAYOUTS = {
    "strips": {},
    "big-endian": {"byteorder": ">"},
    "deflate": {"compression": "zlib", "predictor": True},
    "tiles": {"tile": (16, 16)},
    "bigtiff": {"bigtiff": True},
}


@pytest.mark.parametrize("layout", TIFF_LAYOUTS)
def test_16_bit_grey_tiff(tmp_path: Path, layout: str) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, GRAY16, photometric="minisblack", **TIFF_LAYOUTS[layout])
    still = read_image(path)
    np.testing.assert_array_equal(still.luma, GRAY16)
    assert still.luma.dtype == np.uint16


@pytest.mark.parametrize("layout", TIFF_LAYOUTS)
def test_16_bit_rgb_tiff(tmp_path: Path, layout: str) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, RGB16, photometric="rgb", **TIFF_LAYOUTS[layout])
    np.testing.assert_array_equal(read_image(path).luma, luma_from_rgb_codes(RGB16, 16))


def test_16_bit_tiff_with_planes_apart(tmp_path: Path) -> None:
    """Pillow and OpenCV both read these wrongly."""
    path = tmp_path / "a.tif"
    planes = np.moveaxis(RGB16, -1, 0)
    tifffile.imwrite(path, planes, photometric="rgb", planarconfig="separate")
    np.testing.assert_array_equal(read_image(path).luma, luma_from_rgb_codes(RGB16, 16))


def test_16_bit_tiff_with_white_as_zero(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, GRAY16, photometric="miniswhite")
    np.testing.assert_array_equal(read_image(path).luma, 65535 - GRAY16)


def test_16_bit_tiff_with_lzw(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    coded = cv2.imwrite(
        str(path),
        RGB16[..., ::-1],
        [cv2.IMWRITE_TIFF_COMPRESSION, cv2.IMWRITE_TIFF_COMPRESSION_LZW],
    )
    assert coded
    np.testing.assert_array_equal(read_image(path).luma, luma_from_rgb_codes(RGB16, 16))


@pytest.mark.parametrize("channels", [2, 4])
def test_16_bit_tiff_with_alpha(tmp_path: Path, channels: int) -> None:
    path = tmp_path / "a.tif"
    color = RGB16 if channels == 4 else GRAY16
    photometric = "rgb" if channels == 4 else "minisblack"
    tifffile.imwrite(
        path, np.dstack((color, ALPHA16)), photometric=photometric, extrasamples=["unassalpha"]
    )
    still = read_image(path)
    assert still.alpha is not None
    np.testing.assert_array_equal(still.alpha, ALPHA16)


@pytest.mark.parametrize("dtype", [np.float32, np.uint32])
def test_deeper_tiff_is_refused(tmp_path: Path, dtype: type) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, GRAY16.astype(dtype), photometric="minisblack")
    with pytest.raises(UnsupportedCodecError, match="8 or 16 bit"):
        read_image(path)


# -- colours --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", LOSSLESS)
def test_colours_are_read_as_stored(tmp_path: Path, name: str) -> None:
    np.testing.assert_array_equal(read_rgb(save(Image.fromarray(RGB), tmp_path / name)), RGB)


@pytest.mark.parametrize("name", ["a.png", "a.tif"])
def test_grey_as_colours(tmp_path: Path, name: str) -> None:
    rgb = read_rgb(save(Image.fromarray(GRAY), tmp_path / name))
    np.testing.assert_array_equal(rgb, np.dstack([GRAY] * 3))


def test_16_bit_colours_are_rounded_to_8(tmp_path: Path) -> None:
    rgb = read_rgb(png16(tmp_path / "a.png", RGB16))
    np.testing.assert_array_equal(rgb, np.rint(RGB16 / 257))


@pytest.mark.parametrize("deep", [False, True])
def test_transparent_colours_are_laid_on_white(tmp_path: Path, deep: bool) -> None:
    if deep:
        rgb = read_rgb(png16(tmp_path / "a.png", np.dstack((RGB16, ALPHA16))))
        share, color = ALPHA16[..., None] / 65535, RGB16 / 257
    else:
        rgb = read_rgb(save(Image.fromarray(np.dstack((RGB, ALPHA))), tmp_path / "a.png"))
        share, color = ALPHA[..., None] / 255, RGB.astype(float)
    np.testing.assert_allclose(rgb, share * color + (1 - share) * 255, atol=0.51)


# -- metadata -------------------------------------------------------------------------------------


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.tif", "a.webp"])
def test_orientation_is_applied_and_reset(tmp_path: Path, name: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = save(Image.fromarray(GRAY), tmp_path / name, exif=exif)
    still = read_image(path)
    with Image.open(path) as stored:
        upright = np.asarray(ImageOps.exif_transpose(stored).convert("L"))
    np.testing.assert_array_equal(still.luma, upright)
    if still.exif is not None:
        written = Image.Exif()
        written.load(still.exif)
        assert written[0x0112] == 1


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("name", ["a.png", "a.tif", "a.webp"])
def test_colours_are_turned_like_luma(tmp_path: Path, name: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = save(Image.fromarray(RGB), tmp_path / name, exif=exif)
    with Image.open(path) as stored:
        upright = np.asarray(ImageOps.exif_transpose(stored).convert("RGB"))
    np.testing.assert_array_equal(read_rgb(path), upright)


def test_alpha_is_turned_like_luma(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    still = read_image(
        save(Image.fromarray(np.dstack((RGB, ALPHA))), tmp_path / "a.png", exif=exif)
    )
    assert still.alpha is not None
    np.testing.assert_array_equal(still.alpha, np.rot90(ALPHA, -1))


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.tif", "a.webp"])
def test_exif_is_kept_but_not_what_describes_the_source_file(tmp_path: Path, name: str) -> None:
    exif = Image.Exif()
    exif[0x010F] = "Zeiss"
    exif[0x8298] = "no one"
    exif[0x0112] = 6
    exif[0x8769] = {0x9003: "1931:05:01 12:00:00", 0xA002: WIDTH, 0xA003: HEIGHT}
    exif[0x8825] = {1: "N"}
    still = read_image(save(Image.fromarray(RGB), tmp_path / name, exif=exif.tobytes()))
    assert still.exif is not None
    kept = Image.Exif()
    kept.load(still.exif)
    assert kept[0x010F] == "Zeiss"
    assert kept[0x8298] == "no one"
    details = kept.get_ifd(0x8769)
    assert details[0x9003] == "1931:05:01 12:00:00"
    assert (details[0xA002], details[0xA003]) == (HEIGHT, WIDTH)  # it was turned
    assert kept.get_ifd(0x8825)[1] == "N"
    assert not set(kept) & {0x0100, 0x0101, 0x0111, 0x0117, 0x0103}


def test_damaged_exif_is_no_reason_to_refuse(tmp_path: Path) -> None:
    path = save(Image.fromarray(GRAY), tmp_path / "a.jpg", exif=b"Exif\0\0II*\0\xff\xff\0\0abc")
    assert read_image(path).luma.shape == GRAY.shape


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.tif"])
def test_resolution_is_read(tmp_path: Path, name: str) -> None:
    still = read_image(save(Image.fromarray(GRAY), tmp_path / name, dpi=(300, 600)))
    assert still.dpi == pytest.approx((300, 600), abs=0.1)


def test_resolution_is_turned_with_the_picture(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 8
    still = read_image(save(Image.fromarray(GRAY), tmp_path / "a.jpg", dpi=(300, 600), exif=exif))
    assert still.dpi == pytest.approx((600, 300), abs=0.1)


def test_no_metadata_stays_none(tmp_path: Path) -> None:
    still = read_image(save(Image.fromarray(GRAY), tmp_path / "a.png"))
    assert still.exif is None
    assert still.dpi is None
    assert still.icc_profile is None


@pytest.mark.parametrize("deep", [False, True])
@pytest.mark.parametrize("name", ["a.png", "a.tif"])
def test_grey_profile_is_applied(tmp_path: Path, name: str, deep: bool) -> None:
    profile = gray_profile(gamma_curve(1.8))
    path = tmp_path / name
    ramp = np.arange(0, 65536, 16, dtype=np.uint16).reshape(64, 64)
    stored = ramp if deep else (ramp >> 8).astype(np.uint8)
    Image.fromarray(stored).save(path, icc_profile=profile)
    still = read_image(path)
    white = 65535 if deep else 255
    linear = (stored / white) ** (round(1.8 * 256) / 256)
    curve = 1.055 * np.maximum(linear, 0.0031308) ** (1 / 2.4) - 0.055
    expected = np.where(linear <= 0.0031308, 12.92 * linear, curve) * white
    np.testing.assert_allclose(still.luma, expected, atol=16 if deep else 0.51)
    assert still.icc_profile is not None


@pytest.mark.parametrize("deep", [False, True])
def test_rgb_profile_is_applied(tmp_path: Path, deep: bool) -> None:
    profile = rgb_profile(ADOBE_RGB_TO_D50, gamma_curve(1.0))
    path = tmp_path / "a.tif"
    flat = np.full((8, 8, 3), 64, np.uint8)
    if deep:
        tifffile.imwrite(path, flat.astype(np.uint16) * 257, photometric="rgb", iccprofile=profile)
    else:
        Image.fromarray(flat).save(path, icc_profile=profile)
    still = read_image(path)
    expected = 1.055 * (64 / 255) ** (1 / 2.4) - 0.055
    np.testing.assert_allclose(still.luma / (2**still.bit_depth - 1), expected, atol=0.01)


# -- files that are not what they should be -------------------------------------------------------


def test_missing_empty_and_folder(tmp_path: Path) -> None:
    with pytest.raises(InputNotFoundError):
        read_image(tmp_path / "none.png")
    with pytest.raises(InputIsDirectoryError):
        read_image(tmp_path)
    (tmp_path / "empty.png").touch()
    with pytest.raises(EmptyInputError):
        read_image(tmp_path / "empty.png")


@pytest.mark.parametrize("content", [b"hello", b"RIFF\0\0\0\0AVI LIST", b"%PDF-1.7", b"GIF89a"])
def test_what_is_no_picture_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(content * 20)
    with pytest.raises(NotMediaError, match="known are PNG, JPEG"):
        read_image(path)


@pytest.mark.parametrize("share", [0.03, 0.3, 0.7, 0.95])
@pytest.mark.parametrize(
    "name", ["a.png", "a.jpg", "a.tif", "lzw.tif", "a.webp", "a.bmp", "deep.png", "deep.tif"]
)
def test_truncated_files_are_refused(tmp_path: Path, name: str, share: float) -> None:
    path = tmp_path / name
    if name == "deep.png":
        png16(path, RGB16)
    elif name == "deep.tif":
        tifffile.imwrite(path, RGB16, photometric="rgb")
    else:
        options = {"compression": "tiff_lzw"} if name == "lzw.tif" else {}
        save(Image.fromarray(RGB), path, **options)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(TruncatedInputError, match="cut off or damaged"):
        read_image(path)


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.tif", "a.webp", "a.bmp"])
def test_only_the_magic_number_is_left(tmp_path: Path, name: str) -> None:
    path = save(Image.fromarray(RGB), tmp_path / name)
    path.write_bytes(path.read_bytes()[:16])
    with pytest.raises(TruncatedInputError):
        read_image(path)


@pytest.mark.parametrize(
    "name", ["a.png", "a.jpg", "a.tif", "lzw.tif", "a.webp", "a.bmp", "deep.tif"]
)
@given(seed=st.integers(0, 2**32 - 1))
def test_flipped_bytes_are_read_or_refused_but_never_crash(
    tmp_path: Path, name: str, seed: int
) -> None:
    path = tmp_path / name
    if name == "deep.tif":
        tifffile.imwrite(path, RGB16[:16, :16], photometric="rgb", compression="zlib")
    else:
        options = {"compression": "tiff_lzw"} if name == "lzw.tif" else {}
        save(Image.fromarray(RGB[:16, :16]), path, dpi=(300, 300), **options)
    data = np.frombuffer(path.read_bytes(), np.uint8).copy()
    rng = np.random.default_rng(seed)
    places = rng.integers(0, rng.choice([200, len(data)]), rng.integers(1, 8))
    data[places % len(data)] = rng.integers(0, 256, len(places))
    path.write_bytes(data.tobytes())
    with contextlib.suppress(InputError):
        assert read_image(path, max_pixels=1_000_000).luma.ndim == 2


def test_more_pixels_than_allowed_are_refused(tmp_path: Path) -> None:
    for name in ("a.png", "a.tif", "a.jpg"):
        path = save(Image.fromarray(GRAY), tmp_path / name)
        assert read_image(path, max_pixels=WIDTH * HEIGHT).luma.shape == GRAY.shape
        with pytest.raises(InputLimitError, match=f"{WIDTH}×{HEIGHT}"):
            read_image(path, max_pixels=WIDTH * HEIGHT - 1)


@pytest.mark.parametrize("side", [13_500, 60_000])
def test_decompression_bombs_are_refused_undecoded(tmp_path: Path, side: int) -> None:
    data = io.BytesIO()
    Image.new("1", (8, 8)).save(data, "PNG")
    png = bytearray(data.getvalue())
    png[16:24] = struct.pack(">II", side, side)
    png[29:33] = struct.pack(">I", zlib.crc32(png[12:29]))
    path = tmp_path / "bomb.png"
    path.write_bytes(png)
    assert side * side > MAX_PIXELS
    with pytest.raises(InputLimitError):
        read_image(path)


def test_of_several_pages_the_first_is_read(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "a.tif"
    pages = [Image.fromarray(GRAY), Image.fromarray(255 - GRAY)]
    pages[0].save(path, save_all=True, append_images=pages[1:])
    with caplog.at_level(logging.WARNING):
        np.testing.assert_array_equal(read_image(path).luma, GRAY)
    assert "holds 2 pictures" in caplog.text


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.webp", "a.tif"])
def test_xmp_of_other_programs(tmp_path: Path, name: str, caplog: pytest.LogCaptureFixture) -> None:
    packet = b'<r:RDF xmlns:r="http://www.w3.org/1999/02/22-rdf-syntax-ns#">%s</r:RDF>'
    picture = Image.new("L", (8, 6))
    for content, is_kept in ((b"<r:Description/>", True), (b"<", False)):
        whole = packet % content
        if name == "a.png":
            text = PngInfo()
            text.add_itxt("XML:com.adobe.xmp", whole.decode(), zip=True)
            picture.save(tmp_path / name, pnginfo=text)
        elif name == "a.tif":
            picture.save(tmp_path / name, tiffinfo={700: whole})
        else:
            picture.save(tmp_path / name, xmp=whole)
        with caplog.at_level(logging.WARNING):
            found = read_image(tmp_path / name).xmp
        assert (found is not None) is is_kept
        assert ("XMP metadata cannot be read" in caplog.text) is not is_kept
        if found is not None:
            assert b"<r:Description/>" in found
