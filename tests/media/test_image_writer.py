"""`vidcolor.media.image_writer`: writing photos."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image

from vidcolor.errors import (
    EncoderError,
    OutputExistsError,
    OutputFolderError,
    OutputIsInputError,
    SettingsError,
)
from vidcolor.media import image_writer
from vidcolor.media.icc import srgb_profile
from vidcolor.media.image_writer import JPEG_XMP_BYTES
from vidcolor.media.images import (
    StillImage,
    check_image_output,
    default_image_output,
    read_image,
    write_image,
)
from vidcolor.media.xmp import RDF, clean_packet, marked_packet

RNG = np.random.default_rng(0)
RGB = RNG.integers(0, 256, (70, 45, 3)).astype(np.uint8)
RGB16 = RNG.integers(0, 65536, (70, 45, 3)).astype(np.uint16)


def make_exif() -> bytes:
    exif = Image.Exif()
    exif[0x0112] = 1
    exif[0x010F] = "Zeiss"
    exif.get_ifd(0x8769)[0x9003] = "1931:05:01 12:00:00"
    return exif.tobytes()


def make_still(rgb: np.ndarray, *, alpha: bool = False, metadata: bool = False) -> StillImage:
    return StillImage(
        luma=rgb[..., 0].copy(),
        bit_depth=8 * rgb.dtype.itemsize,
        alpha=rgb[..., 1].copy() if alpha else None,
        exif=make_exif() if metadata else None,
        icc_profile=srgb_profile() if metadata else None,
        dpi=(300.0, 600.0) if metadata else None,
    )


def decode16(path: Path) -> np.ndarray:
    """By OpenCV, in the order R, G, B, A."""
    array = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    assert array is not None
    return array[..., [2, 1, 0, 3][: array.shape[2]]]


@pytest.mark.parametrize("name", ["a.png", "a.tif", "a.TIFF", "a.webp"])
@pytest.mark.parametrize("alpha", [False, True])
def test_8_bit_is_written_without_loss(tmp_path: Path, name: str, alpha: bool) -> None:
    still = make_still(RGB, alpha=alpha)
    write_image(tmp_path / name, RGB, still)
    written = np.asarray(Image.open(tmp_path / name))
    np.testing.assert_array_equal(written[..., :3], RGB)
    assert written.shape[2] == (4 if alpha else 3)
    if alpha:
        np.testing.assert_array_equal(written[..., 3], still.alpha)


@pytest.mark.parametrize("name", ["a.png", "a.tif"])
@pytest.mark.parametrize("alpha", [False, True])
def test_16_bit_is_written_without_loss(tmp_path: Path, name: str, alpha: bool) -> None:
    still = make_still(RGB16, alpha=alpha)
    write_image(tmp_path / name, RGB16, still)
    written = decode16(tmp_path / name)
    assert written.dtype == np.uint16
    np.testing.assert_array_equal(written[..., :3], RGB16)
    assert written.shape[2] == (4 if alpha else 3)
    if alpha:
        np.testing.assert_array_equal(written[..., 3], still.alpha)


def test_our_16_bit_tiff_is_understood_by_others(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    write_image(path, RGB16, make_still(RGB16, metadata=True))
    np.testing.assert_array_equal(tifffile.imread(path), RGB16)
    with Image.open(path) as image:
        np.testing.assert_array_equal(np.asarray(image), RGB16 >> 8)


def test_jpeg_is_close(tmp_path: Path) -> None:
    smooth = cv2.resize(RGB[:5, :4], (64, 48), interpolation=cv2.INTER_CUBIC)
    write_image(tmp_path / "a.jpg", smooth, make_still(smooth))
    written = np.asarray(Image.open(tmp_path / "a.jpg")).astype(int)
    assert np.abs(written - smooth).mean() < 2


@pytest.mark.parametrize("deep", [False, True])
@pytest.mark.parametrize("name", ["a.png", "a.tif", "a.jpg", "a.webp"])
def test_metadata_is_kept(tmp_path: Path, name: str, deep: bool) -> None:
    rgb = RGB16 if deep else RGB
    write_image(tmp_path / name, rgb, make_still(rgb, metadata=True))
    with Image.open(tmp_path / name) as image:
        exif = image.getexif()
        assert exif[0x010F] == "Zeiss"
        assert exif[0x0112] == 1
        assert exif.get_ifd(0x8769)[0x9003] == "1931:05:01 12:00:00"
        assert image.info["icc_profile"] == srgb_profile()
        if not name.endswith("webp"):  # has no field for it
            assert image.info["dpi"] == pytest.approx((300, 600), abs=0.1)


@pytest.mark.parametrize("name", ["a.png", "a.tif"])
@pytest.mark.parametrize("deep", [False, True])
def test_what_is_written_is_read_back_the_same(tmp_path: Path, name: str, deep: bool) -> None:
    gray = RGB16[..., 0] if deep else RGB[..., 0]
    still = make_still(np.dstack([gray] * 3), alpha=True, metadata=True)
    write_image(tmp_path / name, np.dstack([gray] * 3), still)
    again = read_image(tmp_path / name)
    np.testing.assert_array_equal(again.luma, still.luma)
    np.testing.assert_array_equal(again.alpha, still.alpha)
    assert again.bit_depth == still.bit_depth
    assert again.dpi == pytest.approx(still.dpi, abs=0.1)
    assert not again.is_color


@pytest.mark.parametrize("deep", [False, True])
@pytest.mark.parametrize("name", ["a.png", "a.tif", "a.jpg", "a.webp"])
def test_xmp_is_written_and_read_back(tmp_path: Path, name: str, deep: bool) -> None:
    rgb = RGB16 if deep else RGB
    packet = marked_packet(None, "vidcolor", "0.1 – é")
    write_image(tmp_path / name, rgb, replace(make_still(rgb, metadata=True), xmp=packet))
    assert read_image(tmp_path / name).xmp == clean_packet(packet) == packet
    with Image.open(tmp_path / name) as image:
        told = image.info["xmp"] if not name.endswith("tif") else image.tag_v2[700]
        assert told == packet
        assert image.getexif()[0x010F] == "Zeiss"


def test_a_jpeg_with_little_room_keeps_what_is_ours(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    large = f'<r:RDF xmlns:r="{RDF}"><r:Description a="{"x" * JPEG_XMP_BYTES}"/></r:RDF>'.encode()
    packet = marked_packet(clean_packet(large), "vidcolor", "0.1")
    with caplog.at_level(logging.WARNING):
        for name in ("a.jpg", "a.png"):
            write_image(tmp_path / name, RGB, replace(make_still(RGB), xmp=packet))
    assert caplog.text.count("no room for all of the photo's XMP") == 1
    small = read_image(tmp_path / "a.jpg").xmp
    assert small == marked_packet(None, "vidcolor", "0.1")
    assert read_image(tmp_path / "a.png").xmp == packet


def test_formats_of_8_bits_get_8_bits_and_say_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        write_image(tmp_path / "a.webp", RGB16, make_still(RGB16))
    assert "WEBP holds 8 bits" in caplog.text
    written = np.asarray(Image.open(tmp_path / "a.webp"))
    np.testing.assert_allclose(written, RGB16 / 257, atol=0.51)


def test_jpeg_lays_transparency_on_white_and_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    black = np.zeros((16, 16, 3), np.uint8)
    still = StillImage(black[..., 0], 8, alpha=np.full((16, 16), 51, np.uint8))
    with caplog.at_level(logging.WARNING):
        write_image(tmp_path / "a.jpg", black, still)
    assert "no transparency" in caplog.text
    np.testing.assert_allclose(np.asarray(Image.open(tmp_path / "a.jpg")), 204, atol=2)


@pytest.mark.parametrize("name", ["a.bmp", "a.gif", "a"])
def test_other_suffixes_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(SettingsError, match=r"choose \.png"):
        write_image(tmp_path / name, RGB, make_still(RGB))
    with pytest.raises(SettingsError):
        check_image_output(tmp_path / "in.png", tmp_path / name, overwrite=True)
    assert not list(tmp_path.iterdir())


def test_too_large_for_the_format(tmp_path: Path) -> None:
    wide = np.zeros((1, 16384, 3), np.uint8)
    with pytest.raises(EncoderError, match="16383"):
        write_image(tmp_path / "a.webp", wide, make_still(wide))
    assert not list(tmp_path.iterdir())


def test_nothing_is_left_and_the_old_file_stays_when_writing_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(b"old")

    def fail(*_args: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(image_writer.AtomicFile, "sync", fail)
    with pytest.raises(KeyboardInterrupt):
        write_image(path, RGB, make_still(RGB))
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_missing_folder(tmp_path: Path) -> None:
    with pytest.raises(OutputFolderError):
        write_image(tmp_path / "none" / "a.png", RGB, make_still(RGB))


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("x/old.jpg", "x/old.color.jpg"),
        ("x/old.TIF", "x/old.color.TIF"),
        ("x/old.bmp", "x/old.color.png"),
        ("old", "old.color.png"),
    ],
)
def test_default_output(source: str, expected: str) -> None:
    assert default_image_output(Path(source)) == Path(expected)


def test_output_is_checked(tmp_path: Path) -> None:
    source, other = tmp_path / "a.png", tmp_path / "b.png"
    source.write_bytes(b"x")
    with pytest.raises(OutputIsInputError):
        check_image_output(source, source, overwrite=True)
    check_image_output(source, other, overwrite=False)
    other.write_bytes(b"x")
    with pytest.raises(OutputExistsError):
        check_image_output(source, other, overwrite=False)
    check_image_output(source, other, overwrite=True)
