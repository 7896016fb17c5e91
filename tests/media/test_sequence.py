from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from tests.synthetic import luma_picture, make_film
from vidcolor.config import Limits
from vidcolor.errors import (
    CorruptInputError,
    InputLimitError,
    InputNotFoundError,
    NotMediaError,
    RemoteInputError,
    SettingsError,
    UnsupportedCodecError,
)
from vidcolor.frames import ColorTags
from vidcolor.media.probe import probe
from vidcolor.media.reader import FilmReader
from vidcolor.media.safety import limits_in_force
from vidcolor.media.sequence import (
    SequenceReader,
    find_files,
    numbered_name,
    open_source,
    parse_rate,
    probe_sequence,
)


def write_gray(path: Path, codes: npt.NDArray[Any]) -> None:
    if path.suffix == ".tif":
        tifffile.imwrite(path, codes, photometric="minisblack")
    else:
        Image.fromarray(codes).save(path)


def make_sequence(
    folder: Path, pattern: str = "scan_%06d.tif", *, first: int = 1, count: int = 5, bits: int = 8
) -> Path:
    for index in range(count):
        codes = luma_picture(index, 64, 48, bits, full_range=True)
        write_gray(folder / numbered_name(pattern, first + index), codes)
    return folder / pattern


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("pattern", ["scan_%06d.tif", "%d.png", "a_%04d_x.png", "a_%4d.png"])
def test_frames_are_the_pictures(tmp_path: Path, pattern: str, bits: int) -> None:
    path = make_sequence(tmp_path, pattern, first=98, count=5, bits=bits)
    with SequenceReader(path, rate="16") as reader:
        frames = list(reader)
    assert [frame.pts for frame in frames] == [0, 1, 2, 3, 4]
    assert [frame.index for frame in frames] == [0, 1, 2, 3, 4]
    for frame in frames:
        assert (frame.time_base, frame.duration) == (Fraction(1, 16), 1)
        expected = luma_picture(frame.index, 64, 48, bits, full_range=True)
        np.testing.assert_array_equal(frame.luma, expected)
    assert (reader.report.frames, reader.report.last_pts_end) == (5, 5)


def test_info(tmp_path: Path) -> None:
    path = make_sequence(tmp_path, count=7, bits=16)
    info = probe(path)
    assert info.container == "image sequence"
    assert info.path == str(path)
    assert info.video.layout.name == "gray16le"
    assert info.video.color == ColorTags(1, 1, 1, full_range=True)
    assert info.video.num_frames_from_header == 7
    assert info.video.average_rate == 24
    assert info.duration_from_header_s == pytest.approx(7 / 24)
    assert info.size_bytes == sum(file.stat().st_size for file in tmp_path.iterdir())
    assert any("no frame rate" in notice for notice in info.notices)
    with_rate = probe_sequence(path, rate="24000/1001")
    assert with_rate.video.time_base == Fraction(1001, 24000)
    assert not with_rate.notices


def test_rgb_sequence_that_is_gray(tmp_path: Path) -> None:
    gray = luma_picture(0, 64, 48, full_range=True)
    Image.fromarray(np.dstack([gray] * 3)).save(tmp_path / "p1.png")
    with SequenceReader(tmp_path / "p%d.png", rate=24) as reader:
        (frame,) = reader
    assert reader.info.video.layout.is_rgb
    assert not any("colour" in notice for notice in reader.info.notices)
    np.testing.assert_array_equal(frame.luma, gray)


def test_gray_and_rgb_may_be_mixed(tmp_path: Path) -> None:
    """Programs that write R′G′B′ save black frames as gray now and then."""
    gray = luma_picture(0, 64, 48, full_range=True)
    Image.fromarray(np.dstack([gray] * 3)).save(tmp_path / "p1.png")
    Image.fromarray(gray).save(tmp_path / "p2.png")
    with SequenceReader(tmp_path / "p%d.png", rate=24) as reader:
        for frame in reader:
            np.testing.assert_array_equal(frame.luma, gray)


def test_coloured_sequence_is_named(tmp_path: Path) -> None:
    Image.new("RGB", (64, 48), (200, 20, 20)).save(tmp_path / "p1.png")
    assert any("in colour" in notice for notice in probe(tmp_path / "p%d.png").notices)


def test_a_gap_names_the_missing_file(tmp_path: Path) -> None:
    path = make_sequence(tmp_path, count=6)
    (tmp_path / "scan_000004.tif").unlink()
    with pytest.raises(InputNotFoundError, match=r"scan_000004\.tif is missing"):
        SequenceReader(path, rate=24)
    assert any("scan_000004.tif" in notice for notice in probe(path).notices)
    with SequenceReader(path, rate=24, keep_partial=True) as reader:
        assert [frame.pts for frame in reader] == [0, 1, 2, 4, 5]


@pytest.mark.parametrize("tag", ["SamplesPerPixel", "ImageWidth"])
def test_a_tiff_whose_tags_contradict_each_other(tmp_path: Path, tag: str) -> None:
    """Found by mutation: samples of another shape than a picture's."""
    path = tmp_path / "scan_01.tif"
    tifffile.imwrite(path, np.zeros((8, 6, 3), np.uint16), photometric="rgb")
    with tifffile.TiffFile(path, mode="r+b") as file:
        file.pages.first.tags[tag].overwrite(1)
        if tag == "ImageWidth":
            file.pages.first.tags["SamplesPerPixel"].overwrite(1)
    with pytest.raises((CorruptInputError, UnsupportedCodecError)):
        list(open_source(tmp_path / "scan_%02d.tif", rate="24"))


def test_a_damaged_picture(tmp_path: Path) -> None:
    path = make_sequence(tmp_path, count=4)
    (tmp_path / "scan_000003.tif").write_bytes(b"II*\0damaged")
    with (
        SequenceReader(path, rate=24) as reader,
        pytest.raises(CorruptInputError, match=r"scan_000003\.tif cannot be decoded"),
    ):
        list(reader)
    with SequenceReader(path, rate=24, keep_partial=True) as reader:
        assert [frame.pts for frame in reader] == [0, 1, 3]
    assert reader.report.undecodable_packets == 1


@pytest.mark.parametrize("change", ["size", "depth"])
def test_pictures_must_be_alike(tmp_path: Path, change: str) -> None:
    path = make_sequence(tmp_path, count=3)
    odd = luma_picture(0, 60 if change == "size" else 64, 48, 16 if change == "depth" else 8)
    write_gray(tmp_path / "scan_000003.tif", odd)
    with (
        SequenceReader(path, rate=24) as reader,
        pytest.raises(CorruptInputError, match="make them alike"),
    ):
        list(reader)


@settings(max_examples=15)
@given(
    first=st.integers(0, 10**7),
    numbers=st.sets(st.integers(0, 30), min_size=1, max_size=12),
    width=st.integers(1, 8),
)
def test_any_numbers_are_found(
    tmp_path_factory: pytest.TempPathFactory, first: int, numbers: set[int], width: int
) -> None:
    folder = tmp_path_factory.mktemp("numbers")
    pattern = f"f%0{width}d.png"
    for number in numbers:
        (folder / numbered_name(pattern, first + number)).touch()
    (folder / "f.png").touch()
    (folder / "f1x.png").touch()
    (folder / "fx1.png").touch()
    files = find_files(folder / pattern)
    assert files.numbers == tuple(sorted(first + number for number in numbers))
    ordered = sorted(numbers)
    expected = next((n for n in range(ordered[0], ordered[-1]) if n not in numbers), None)
    missing = files.first_missing
    assert (missing and missing.name) == (
        None if expected is None else numbered_name(pattern, first + expected)
    )


def test_other_padding_is_another_sequence(tmp_path: Path) -> None:
    for name in ("f1.png", "f002.png", "f0003.png"):
        (tmp_path / name).touch()
    assert find_files(tmp_path / "f%d.png").numbers == (1,)
    assert find_files(tmp_path / "f%03d.png").numbers == (2,)
    assert find_files(tmp_path / "f%3d.png").numbers == (2,)


@pytest.mark.parametrize(
    ("pattern", "error"),
    [
        ("scan_%06d.png", InputNotFoundError),
        ("nowhere/scan_%06d.tif", InputNotFoundError),
        ("scan_%06d.jpg", NotMediaError),
        ("scan_%06d", NotMediaError),
        ("%d_%d.tif", NotMediaError),
    ],
)
def test_patterns_that_find_nothing(tmp_path: Path, pattern: str, error: type[Exception]) -> None:
    make_sequence(tmp_path)
    with pytest.raises(error):
        SequenceReader(tmp_path / pattern, rate=24)


def test_limits(tmp_path: Path) -> None:
    path = make_sequence(tmp_path, count=5)
    with pytest.raises(InputLimitError, match="more than 4"):
        SequenceReader(path, rate=24, limits=Limits(max_frames=4))
    with pytest.raises(InputLimitError, match="64×48"):
        SequenceReader(path, rate=24, limits=Limits(max_pixels=100))
    with limits_in_force(Limits(max_frames=4)), pytest.raises(InputLimitError):
        find_files(path)


def test_a_part(tmp_path: Path) -> None:
    path = make_sequence(tmp_path, count=10, first=50)
    with SequenceReader(path, rate=10, start_s=0.3, duration_s=0.4) as reader:
        assert [(frame.index, frame.pts) for frame in reader] == [(0, 3), (1, 4), (2, 5), (3, 6)]
    with SequenceReader(path, rate=10, start_s=3.0) as reader, pytest.raises(SettingsError):
        list(reader)


@pytest.mark.parametrize(
    ("rate", "parsed"),
    [("24", 24), (16, 16), ("24000/1001", Fraction(24000, 1001)), (23.976, Fraction("23.976"))],
)
def test_rates(rate: Any, parsed: Fraction) -> None:
    assert parse_rate(rate) == parsed
    assert parse_rate(None) is None


@pytest.mark.parametrize("rate", ["0", "-24", "fast", "1/0", "", "5000", float("nan")])
def test_rates_that_are_not_allowed(rate: Any) -> None:
    with pytest.raises(SettingsError, match="rate"):
        parse_rate(rate)


def test_open_source_chooses_the_reader(tmp_path: Path) -> None:
    film = make_film(tmp_path / "film.mp4", frames=2)
    path = make_sequence(tmp_path)
    with open_source(film) as reader:
        assert isinstance(reader, FilmReader)
    with open_source(str(path), rate="18") as reader:
        assert isinstance(reader, SequenceReader)
        assert len(list(reader)) == 5
    with pytest.raises(SettingsError, match="image sequences"):
        open_source(film, rate="24")
    with pytest.raises(RemoteInputError):
        open_source("https://example.org/scan_%06d.png")


def test_iterated_once(tmp_path: Path) -> None:
    reader = SequenceReader(make_sequence(tmp_path, count=1), rate=24)
    assert len(list(reader)) == 1
    with pytest.raises(RuntimeError, match="once"):
        iter(reader)
