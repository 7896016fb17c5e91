"""Closed captions in the picture data: found, told, and never lost unasked in an archive."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import av
import pytest

from tests.media.recolor import fast_settings, recolor
from tests.synthetic import make_film, run_ffmpeg
from vidcolor.errors import StreamDropError
from vidcolor.media import captions
from vidcolor.media.captions import has_captions
from vidcolor.media.plan import plan_output
from vidcolor.media.probe import probe

HI = bytes([0xFC, 0xC8, 0xE9])
"""A valid triplet of field 1 with the letters ``Hi`` (CEA-608, with parity)."""

FILLING = bytes([0xFC, 0x80, 0x80])
"""A valid triplet without a word: television sends it where nobody speaks."""

ATSC = b"GA94\x03\x41\xff"
"""Identifier, type, one triplet, and a reserved byte (ATSC A/53 Part 4, 6.2.3)."""


def h264_with(folder: Path, triplet: bytes) -> Path:
    """A film with ``triplet`` in an SEI message of every frame."""
    film = make_film(folder / "film.mp4", frames=4, options={"preset": "ultrafast", "g": "1"})
    raw, path = folder / "raw.h264", folder / "captions.mkv"
    run_ffmpeg("-i", str(film), "-c", "copy", "-bsf:v", "h264_mp4toannexb", str(raw))
    payload = b"\xb5\x00\x31" + ATSC + triplet + b"\xff"
    message = b"\x00\x00\x00\x01\x06\x04" + bytes([len(payload)]) + payload + b"\x80"
    raw.write_bytes(re.sub(rb"(\x00\x00\x00?\x01\x65)", lambda m: message + m[1], raw.read_bytes()))
    run_ffmpeg("-r", "24", "-i", str(raw), "-c", "copy", str(path))
    return path


def mpeg2_with(folder: Path, user_data: bytes) -> Path:
    """A film with ``user_data`` before the first slice of every picture."""
    film = make_film(folder / "film.mpg", frames=4, codec="mpeg2video")
    path = folder / "captions.m2v"
    run_ffmpeg("-i", str(film), "-c", "copy", str(path))
    piece = b"\x00\x00\x01\xb2" + user_data
    path.write_bytes(re.sub(rb"\x00\x00\x01\x01", lambda m: piece + m[0], path.read_bytes()))
    return path


@pytest.mark.parametrize(("triplet", "found"), [(HI, True), (FILLING, False)])
def test_words_count_and_filling_does_not(tmp_path: Path, triplet: bytes, found: bool) -> None:
    film = h264_with(tmp_path, triplet)
    with av.open(str(film)) as container:
        kinds = [data.type.name for data in next(container.decode(video=0)).side_data]
    assert "A53_CC" in kinds
    assert has_captions(film, 0) is found


@pytest.mark.parametrize(
    ("user_data", "found"),
    [
        (ATSC + HI + b"\xff", True),
        (ATSC + FILLING + b"\xff", False),
        (b"GA94\x06\x01", False),  # bar data
        (b"CC\x01\xf8\x81\xff\xc8\xe9\xfe\x80\x80", True),  # of a DVD
    ],
)
def test_mpeg2(tmp_path: Path, user_data: bytes, found: bool) -> None:
    assert has_captions(mpeg2_with(tmp_path, user_data), 0) is found


def test_plain_film_is_not_decoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: object) -> None:
        raise AssertionError("decoded")

    monkeypatch.setattr(captions, "_decoded", refuse)
    assert not has_captions(make_film(tmp_path / "film.mp4", frames=3), 0)
    assert not has_captions(make_film(tmp_path / "film.mkv", frames=3, codec="ffv1"), 0)


def test_chance_marks_and_damage_are_no_captions(tmp_path: Path) -> None:
    film = h264_with(tmp_path, HI)
    content = film.read_bytes()
    film.write_bytes(content.replace(b"\xb5\x00\x31GA94\x03", b"\xb5\x00\x32GA94\x03"))
    assert not has_captions(film, 0)
    film.write_bytes(content[: content.rindex(b"GA94")])
    assert has_captions(film, 0)


def test_loss_is_told_and_refused_in_an_archive(tmp_path: Path) -> None:
    film = h264_with(tmp_path, HI)
    run = recolor(film, tmp_path / "out.mkv")
    assert [(s.kind, s.action) for s in run.plan.streams] == [
        ("video", "color"),
        ("captions", "drop"),
    ]
    lines = [notice for notice in run.plan.notices if "closed captions" in notice]
    assert len(lines) == 1
    assert lines[0].startswith("drop: closed captions in the picture data cannot be kept")
    info, archive = probe(film), fast_settings("archive")
    with pytest.raises(StreamDropError, match=r"closed captions.*--allow-drop$"):
        plan_output(info, archive, tmp_path / "archive.mkv")
    with pytest.raises(StreamDropError, match=r"--allow-drop$"):  # no container helps
        plan_output(info, fast_settings(strict_streams=True), tmp_path / "strict.mp4")
    allowed = fast_settings("archive", allow_drop=True)
    assert plan_output(info, allowed, tmp_path / "archive.mkv").dropped


def test_the_advice_in_the_notice_works(tmp_path: Path) -> None:
    """Its command runs as it is written, with the film's name put in."""
    film = h264_with(tmp_path, HI)
    (line,) = [n for n in plan_output(probe(film), fast_settings(), film).notices if "lavfi" in n]
    command = line[line.index("ffmpeg ") + len("ffmpeg ") : -1]
    command = command.replace("FILM.srt", str(tmp_path / "o.srt")).replace("FILM", str(film))
    run_ffmpeg(*shlex.split(command))
    assert (tmp_path / "o.srt").exists()
