"""`vidcolor.media.bwdif`, by way of the reader."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.synthetic import make_fields, make_film, run_ffmpeg
from vidcolor.config import Deinterlace
from vidcolor.errors import SettingsError
from vidcolor.frames import Frame
from vidcolor.media.reader import FilmReader


def read(film: Path, deinterlace: Deinterlace = "bwdif", **part: float) -> list[Frame]:
    with FilmReader(film, deinterlace=deinterlace, **part) as reader:  # type: ignore[arg-type]
        frames = list(reader)
        for frame in frames:
            frame.luma = frame.luma.copy()
        return frames


@pytest.mark.parametrize("order", ["tff", "bff"])
@pytest.mark.parametrize("marked", [True, False])
def test_frames_are_those_of_the_ffmpeg_program(tmp_path: Path, order: str, marked: bool) -> None:
    film = make_fields(tmp_path / "film.mkv", order=order, marked=marked)
    frames = read(film)
    options = f"bwdif=mode=send_frame:parity={order}:deint=all"
    raw = run_ffmpeg("-i", str(film), "-vf", options, "-pix_fmt", "yuv420p", "-f", "rawvideo", "-")
    planes = np.frombuffer(raw, np.uint8).reshape(len(frames), -1)
    expected = planes[:, : frames[0].luma.size].reshape(-1, *frames[0].luma.shape)
    as_they_are = read(film, "off")
    assert [(f.index, f.pts, f.duration) for f in frames] == [
        (f.index, f.pts, f.duration) for f in as_they_are
    ]
    # Its version treats the first and last lines of the first frame otherwise.
    for ours, theirs in zip(frames[1:], expected[1:], strict=True):
        np.testing.assert_array_equal(ours.luma, theirs)
    np.testing.assert_array_equal(frames[0].luma[4:-4], expected[0, 4:-4])
    assert any((a.luma != b.luma).any() for a, b in zip(frames, as_they_are, strict=True))


def test_a_part_has_the_frames_of_the_whole(tmp_path: Path) -> None:
    film = make_fields(tmp_path / "film.mkv", frames=50)
    whole = read(film)
    part = read(film, start_s=0.8, duration_s=0.4)
    assert [frame.pts for frame in part] == [frame.pts for frame in whole[20:30]]
    for one, other in zip(part, whole[20:30], strict=True):
        np.testing.assert_array_equal(one.luma, other.luma)


def test_a_progressive_film_is_not_touched(tmp_path: Path) -> None:
    film = make_film(tmp_path / "film.mkv", vfr=True)
    with FilmReader(film, deinterlace="bwdif") as reader:
        assert not reader.deinterlaces
    for one, other in zip(read(film), read(film, "off"), strict=True):
        np.testing.assert_array_equal(one.luma, other.luma)
        assert one.pts == other.pts


def test_whole_frames_of_a_marked_film_are_those_of_its_marks(tmp_path: Path) -> None:
    """The output is progressive, so the reader says so."""
    film = make_fields(tmp_path / "film.mkv", kind="whole")
    with FilmReader(film, deinterlace="bwdif") as reader:
        assert reader.deinterlaces
        assert reader.info.video.field_order == "progressive"
    with FilmReader(film, deinterlace="auto") as reader:
        assert not reader.deinterlaces
        assert reader.info.video.field_order == "tb"


def test_formats_that_it_does_not_take(tmp_path: Path) -> None:
    plain = make_fields(tmp_path / "plain.mkv")
    film = tmp_path / "film.avi"
    run_ffmpeg(
        *("-i", str(plain), "-vf", "setfield=tff", "-pix_fmt", "uyvy422"),
        *("-c:v", "rawvideo", str(film)),
    )
    with pytest.raises(SettingsError, match="does not take 128×96 uyvy422; use --deinterlace auto"):
        read(film)
