from __future__ import annotations

import os
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st

from tests.media.test_sequence import make_sequence
from tests.synthetic import make_film
from vidcolor.color import luma_from_rgb_codes
from vidcolor.errors import (
    DiskFullError,
    OutputExistsError,
    OutputFolderError,
    OutputIsInputError,
    SettingsError,
    VerificationError,
)
from vidcolor.frames import ColoredFrame, ColorTags, EncodeTarget, Frame, MediaInfo, PixelLayout
from vidcolor.media.picture_files import encode_picture, read_picture
from vidcolor.media.probe import probe
from vidcolor.media.safety import DEFAULT_LIMITS
from vidcolor.media.sequence import SequenceReader, probe_sequence
from vidcolor.media.sequence_writer import (
    SequenceWriter,
    rgb_codes_keeping_luma,
    sequence_target,
)


def colored(frame: Frame, target: EncodeTarget, cb: int = 0, cr: int = 0) -> ColoredFrame:
    """``frame`` with one chroma everywhere, in codes from neutral."""
    bits = target.layout.bit_depth
    luma = frame.luma.astype(np.uint8 if bits == 8 else np.uint16) << target.luma_shift
    neutral = 1 << (bits - 1)
    planes = [np.full_like(luma, neutral + offset) for offset in (cb, cr)]
    return ColoredFrame(frame, luma, *planes)


def write_all(source: MediaInfo, output: Path, cb: int = 0, cr: int = 0) -> SequenceWriter:
    target = sequence_target(source, output)
    with SequenceWriter(source, output, target) as writer:
        with SequenceReader(source.path, rate=24) as reader:
            for frame in reader:
                writer.write(colored(frame, target, cb, cr))
        report = writer.finish()
        assert report.frames == writer.verify() == report.luma_identical_frames
        assert not list(output.parent.glob(output.name.replace("%04d", "*")))
        writer.commit()
    return writer


@pytest.mark.parametrize("suffix", [".png", ".tif", ".dpx"])
@pytest.mark.parametrize("bits", [8, 16])
def test_gray_comes_back_as_it_went(tmp_path: Path, suffix: str, bits: int) -> None:
    source = probe(make_sequence(tmp_path, first=86_400, count=3, bits=bits))
    output = tmp_path / "out" / f"color_%04d{suffix}"
    output.parent.mkdir()
    write_all(source, output)
    names = sorted(file.name for file in output.parent.iterdir())
    assert names == [f"color_{number}{suffix}" for number in (86_400, 86_401, 86_402)]
    with SequenceReader(source.path, rate=24) as before, SequenceReader(output, rate=24) as after:
        for old, new in zip(before, after, strict=True):
            np.testing.assert_array_equal(old.luma, new.luma)
    picture = read_picture(output.parent / names[0], DEFAULT_LIMITS)
    assert picture.bit_depth == bits
    assert not picture.is_color


def test_ten_bit_dpx_stays_ten_bit_dpx(tmp_path: Path) -> None:
    codes = np.random.default_rng(1).integers(0, 1024, (48, 64)).astype(np.uint16)
    rgb = np.repeat(codes[..., None], 3, axis=-1)
    (tmp_path / "in_0001.dpx").write_bytes(encode_picture(rgb, 10, ".dpx", Fraction(24)))
    source = probe_sequence(tmp_path / "in_%04d.dpx", rate=24)
    output = tmp_path / "out_%04d.dpx"
    assert sequence_target(source, output).layout.name == "yuv444p10le"
    write_all(source, output)
    picture = read_picture(tmp_path / "out_0001.dpx", DEFAULT_LIMITS)
    assert picture.bit_depth == 10
    np.testing.assert_array_equal(picture.codes, rgb)


def test_ten_bits_into_png_are_shifted(tmp_path: Path) -> None:
    codes = np.random.default_rng(1).integers(0, 1024, (48, 64)).astype(np.uint16)
    rgb = np.repeat(codes[..., None], 3, axis=-1)
    (tmp_path / "in_0001.dpx").write_bytes(encode_picture(rgb, 10, ".dpx", Fraction(24)))
    source = probe_sequence(tmp_path / "in_%04d.dpx", rate=24)
    target = sequence_target(source, tmp_path / "out_%04d.png")
    assert (target.layout.bit_depth, target.luma_shift) == (16, 6)
    write_all(source, tmp_path / "out_%04d.png")
    with SequenceReader(tmp_path / "out_%04d.png", rate=24) as reader:
        (frame,) = reader
    np.testing.assert_array_equal(frame.luma, codes << 6)


def test_color_keeps_luma(tmp_path: Path) -> None:
    source = probe(make_sequence(tmp_path, count=2))
    output = tmp_path / "out_%04d.tif"
    write_all(source, output, cb=-30, cr=45)
    assert tifffile.imread(tmp_path / "out_0001.tif").shape == (48, 64, 3)
    picture = read_picture(tmp_path / "out_0001.tif", DEFAULT_LIMITS)
    assert picture.is_color
    with SequenceReader(source.path, rate=24) as before, SequenceReader(output, rate=24) as after:
        for old, new in zip(before, after, strict=True):
            np.testing.assert_array_equal(old.luma, new.luma)


TARGETS = {
    bits: EncodeTarget(
        64,
        64,
        PixelLayout(f"yuv444p{bits}le", bits, (0, 0)),
        ColorTags(1, 1, 1, full_range=True),
    )
    for bits in (8, 10, 12, 16)
}


@given(seed=st.integers(0, 2**32 - 1), bits=st.sampled_from(sorted(TARGETS)))
def test_any_color_keeps_every_luma_code(seed: int, bits: int) -> None:
    """Chroma beyond the gamut too: it is shortened, the luma of the rounded R′G′B′ is exact."""
    rng = np.random.default_rng(seed)
    dtype = np.uint8 if bits == 8 else np.uint16
    luma, cb, cr = (rng.integers(0, 2**bits, (64, 64)).astype(dtype) for _ in range(3))
    luma[:2] = [[0] * 64, [2**bits - 1] * 64]
    frame = ColoredFrame(Frame(0, luma, 0, Fraction(1, 24)), luma, cb, cr)
    rgb = rgb_codes_keeping_luma(frame, TARGETS[bits])
    assert rgb.dtype == dtype
    np.testing.assert_array_equal(luma_from_rgb_codes(rgb, bits), luma)


def test_limited_range_is_expanded(tmp_path: Path) -> None:
    film = make_film(tmp_path / "film.mkv", frames=1, codec="ffv1", width=64, height=64)
    target = sequence_target(probe(film), tmp_path / "out_%04d.png")
    assert target.layout == PixelLayout("yuv444p", 8, (0, 0))
    assert not target.color.full_range
    luma = np.array([[0, 16, 126, 235, 255]], np.uint8)
    gray = np.full_like(luma, 128)
    frame = ColoredFrame(Frame(0, luma, 0, Fraction(1, 24)), luma, gray, gray)
    np.testing.assert_array_equal(
        rgb_codes_keeping_luma(frame, target)[..., 0], [[0, 0, 128, 255, 255]]
    )


def test_a_film_begins_at_one(tmp_path: Path) -> None:
    source = probe(make_film(tmp_path / "film.mkv", frames=1, codec="ffv1"))
    target = sequence_target(source, tmp_path / "out_%04d.png")
    with SequenceWriter(source, tmp_path / "out_%04d.png", target) as writer:
        luma = np.full((48, 64), 100, np.uint8)
        for pts in (7, 9):
            writer.write(colored(Frame(0, luma, pts, Fraction(1, 24)), target))
        writer.commit()
    assert sorted(p.name for p in tmp_path.glob("*.png")) == ["out_0001.png", "out_0002.png"]


def test_an_exception_leaves_nothing(tmp_path: Path) -> None:
    source = probe(make_sequence(tmp_path, count=1))
    output = tmp_path / "out" / "c_%04d.png"
    output.parent.mkdir()
    target = sequence_target(source, output)
    luma = np.zeros((48, 64), np.uint8)
    writer = SequenceWriter(source, output, target)

    def interrupted() -> None:
        with writer:
            writer.write(colored(Frame(0, luma, 0, Fraction(1, 24)), target))
            assert any(writer.temp_path.iterdir())
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert not any(output.parent.iterdir())
    writer.abort()


def test_outputs_that_are_refused(tmp_path: Path) -> None:
    path = make_sequence(tmp_path, count=2)
    source = probe(path)
    target = sequence_target(source, path)
    with pytest.raises(OutputIsInputError):
        SequenceWriter(source, path, target, overwrite=True)
    (tmp_path / "c_000001.png").touch()
    with pytest.raises(OutputExistsError, match=r"c_000001\.png"):
        SequenceWriter(source, tmp_path / "c_%06d.png", target)
    SequenceWriter(source, tmp_path / "c_%06d.png", target, overwrite=True).abort()
    with pytest.raises(OutputFolderError):
        SequenceWriter(source, tmp_path / "nowhere" / "c_%06d.png", target)
    with pytest.raises(SettingsError):
        sequence_target(source, tmp_path / "c_%06d.jpg")
    with pytest.raises(SettingsError, match="exactly one number"):
        SequenceWriter(source, tmp_path / "c_%d_%d.png", target)


@pytest.mark.parametrize("pattern", ["c_%d.png", "c_9%05d.png"])
def test_no_picture_of_the_source_is_replaced(tmp_path: Path, pattern: str) -> None:
    """Another pattern may name the same files, and even with other numbers."""
    path = make_sequence(tmp_path, "c_%06d.png", first=900_001, count=3)
    before = {file: file.read_bytes() for file in tmp_path.iterdir()}
    source = probe(path)
    if pattern == "c_9%05d.png":  # a source of 1, 2, 3 that is to become 900001…
        source = probe(make_sequence(tmp_path, "d_%d.png", count=3))
        for number in (1, 2, 3):
            (tmp_path / f"d_{number}.png").unlink()
            os.link(tmp_path / f"c_90000{number}.png", tmp_path / f"d_{number}.png")
    output = tmp_path / pattern
    with pytest.raises(OutputIsInputError, match="c_900001"):
        SequenceWriter(source, output, sequence_target(source, output), overwrite=True)
    assert {file: file.read_bytes() for file in before} == before


@pytest.mark.parametrize("first", [1, 7])
def test_any_picture_that_exists_is_kept(tmp_path: Path, first: int) -> None:
    source = probe(make_sequence(tmp_path, first=first, count=5))
    output = tmp_path / "c_%06d.png"
    other = tmp_path / f"c_{first + 2:06d}.png"
    other.write_bytes(b"precious")
    (tmp_path / f"c_{first + 9:06d}.png").touch()  # beyond the sequence: in nobody's way
    target = sequence_target(source, output)
    with pytest.raises(OutputExistsError, match=other.name):
        SequenceWriter(source, output, target)
    with pytest.raises(OutputExistsError, match=other.name):
        SequenceWriter(source, output, target, start_s=2 / 24, duration_s=1 / 24)
    # Parts that do not hold this picture can be written.
    SequenceWriter(source, output, target, start_s=3 / 24).abort()
    SequenceWriter(source, output, target, duration_s=2 / 24).abort()
    SequenceWriter(source, output, target, overwrite=True).abort()
    assert other.read_bytes() == b"precious"


def test_a_film_does_not_replace_later_pictures(tmp_path: Path) -> None:
    source = probe(make_film(tmp_path / "film.mkv", frames=1, codec="ffv1"))
    output = tmp_path / "c_%04d.png"
    (tmp_path / "c_0002.png").write_bytes(b"precious")
    target = sequence_target(source, output)
    luma = np.zeros((48, 64), np.uint8)
    with SequenceWriter(source, output, target) as writer:
        writer.write(colored(Frame(0, luma, 0, Fraction(1, 24)), target))
        with pytest.raises(OutputExistsError, match=r"c_0002\.png"):
            writer.write(colored(Frame(1, luma, 1, Fraction(1, 24)), target))
    assert [file.name for file in tmp_path.glob("*.png")] == ["c_0002.png"]


def test_a_picture_that_appears_meanwhile_is_kept(tmp_path: Path) -> None:
    source = probe(make_sequence(tmp_path, count=2))
    output = tmp_path / "c_%06d.png"
    target = sequence_target(source, output)
    luma = np.zeros((48, 64), np.uint8)
    with SequenceWriter(source, output, target) as writer:
        for pts in (0, 1):
            writer.write(colored(Frame(pts, luma, pts, Fraction(1, 24)), target))
        (tmp_path / "c_000002.png").write_bytes(b"precious")
        with pytest.raises(OutputExistsError, match=r"c_000002\.png"):
            writer.commit()
    assert [file.name for file in tmp_path.glob("c_*")] == ["c_000002.png"]
    assert (tmp_path / "c_000002.png").read_bytes() == b"precious"
    assert not list(tmp_path.glob(".c_*"))


def test_existing_pictures_are_replaced_if_allowed(tmp_path: Path) -> None:
    source = probe(make_sequence(tmp_path, count=1))
    output = tmp_path / "c_%06d.png"
    (tmp_path / "c_000001.png").write_bytes(b"old")
    target = sequence_target(source, output)
    luma = np.zeros((48, 64), np.uint8)
    with SequenceWriter(source, output, target, overwrite=True) as writer:
        writer.write(colored(Frame(0, luma, 0, Fraction(1, 24)), target))
        writer.commit()
    assert read_picture(tmp_path / "c_000001.png", DEFAULT_LIMITS).codes.shape == (48, 64, 3)


def test_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = probe(make_sequence(tmp_path, count=1))
    output = tmp_path / "c_%06d.png"
    target = sequence_target(source, output)

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    luma = np.zeros((48, 64), np.uint8)
    with SequenceWriter(source, output, target) as writer:
        monkeypatch.setattr(os, "fsync", full)
        with pytest.raises(DiskFullError):
            writer.write(colored(Frame(0, luma, 0, Fraction(1, 24)), target))
    assert not list(tmp_path.glob(".c_*"))


def test_verification_reads_the_files(tmp_path: Path) -> None:
    source = probe(make_sequence(tmp_path, count=1))
    output = tmp_path / "c_%06d.png"
    target = sequence_target(source, output)
    luma = np.zeros((48, 64), np.uint8)
    with SequenceWriter(source, output, target) as writer:
        writer.write(colored(Frame(0, luma, 0, Fraction(1, 24)), target))
        (written,) = writer.temp_path.iterdir()
        other: Any = np.full((48, 64, 3), 9, np.uint8)
        written.write_bytes(encode_picture(other, 8, ".png", Fraction(24)))
        with pytest.raises(VerificationError, match=r"c_000001\.png"):
            writer.verify()
