"""The display size in finished Matroska files."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import imageio_ffmpeg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.synthetic import audio_packets, decode_luma, make_film, run_ffmpeg
from vidcolor.media.matroska import display_size, set_display_size


@pytest.fixture
def film(tmp_path: Path) -> Path:
    """FFV1 in Matroska, which states no aspect ratio, with sound and an attachment behind."""
    return make_film(
        tmp_path / "film.mkv",
        frames=3,
        width=720,
        height=576,
        codec="ffv1",
        audio=1,
        attachment=True,
        metadata={"title": "An old film"},
    )


def aspect(path: Path, index: int = 0) -> Fraction | None:
    with av.open(str(path)) as container:
        return container.streams.video[index].sample_aspect_ratio


def test_players_see_it_and_nothing_else_changes(film: Path) -> None:
    luma, sound, before = decode_luma(film), audio_packets(film), film.read_bytes()
    assert set_display_size(film, 0, (768, 576))
    after = film.read_bytes()
    assert aspect(film) == Fraction(16, 15)
    assert len(after) == len(before)
    changed = [i for i, (a, b) in enumerate(zip(before, after, strict=True)) if a != b]
    assert changed[-1] - changed[0] < 200  # all within the description of the tracks
    for (old_time, old), (time, new) in zip(luma, decode_luma(film), strict=True):
        assert time == old_time
        assert (new == old).all()
    assert audio_packets(film) == sound


def test_the_ffmpeg_program_agrees_and_finds_the_checksum_right(film: Path) -> None:
    assert set_display_size(film, 0, (768, 576))
    # explode: a wrong CRC-32 is an error
    run_ffmpeg("-err_detect", "crccheck+explode", "-i", str(film), "-f", "null", "-")
    import subprocess

    told = subprocess.run(
        [imageio_ffmpeg.get_ffmpeg_exe(), "-i", str(film)], capture_output=True, check=False
    )
    assert b"SAR 16:15 DAR 4:3" in told.stderr


def test_it_can_be_set_again(film: Path) -> None:
    assert set_display_size(film, 0, (768, 576))
    assert set_display_size(film, 0, (1024, 576))
    assert aspect(film) == Fraction(64, 45)


def test_second_video_track(tmp_path: Path, film: Path) -> None:
    both = tmp_path / "both.mkv"
    run_ffmpeg(
        "-i", str(film), "-i", str(film), "-map", "0:v", "-map", "1:v", "-c", "copy", str(both)
    )
    assert set_display_size(both, 1, (768, 576))
    assert aspect(both, 0) in (None, 1)
    assert aspect(both, 1) == Fraction(16, 15)
    assert not set_display_size(both, 2, (768, 576))


@pytest.mark.parametrize("size", [(70_000, 576), (768, 1 << 20)])
def test_too_large_is_left_alone(film: Path, size: tuple[int, int]) -> None:
    before = film.read_bytes()
    assert not set_display_size(film, 0, size)
    assert film.read_bytes() == before


@given(content=st.binary(max_size=300))
def test_anything_else_is_left_alone(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "noise.mkv"
    path.write_bytes(content)
    assert not set_display_size(path, 0, (768, 576))
    assert path.read_bytes() == content


def test_cut_header_is_left_alone(film: Path) -> None:
    content = film.read_bytes()[:400]
    film.write_bytes(content)
    assert not set_display_size(film, 0, (768, 576))
    assert film.read_bytes() == content


@pytest.mark.parametrize(
    ("size", "ratio", "shown"),
    [
        ((720, 576), Fraction(16, 15), (768, 576)),
        ((720, 480), Fraction(8, 9), (720, 540)),
        ((720, 576), Fraction(1), (720, 576)),
        ((640, 360), Fraction(2, 3), (640, 540)),
    ],
)
def test_display_size(size: tuple[int, int], ratio: Fraction, shown: tuple[int, int]) -> None:
    assert display_size(*size, ratio) == shown


@given(
    width=st.integers(16, 8000),
    height=st.integers(16, 8000),
    ratio=st.fractions(Fraction(1, 4), 4, max_denominator=200),
)
def test_display_size_keeps_the_ratio(width: int, height: int, ratio: Fraction) -> None:
    shown_width, shown_height = display_size(width, height, ratio)
    assert shown_width >= width
    assert shown_height >= height
    stated = Fraction(shown_width * height, shown_height * width)
    assert abs(stated / ratio - 1) <= Fraction(1, 2 * 16)
