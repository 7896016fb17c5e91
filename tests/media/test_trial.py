"""What containers can hold."""

from __future__ import annotations

from pathlib import Path

import av
import pytest

from tests.synthetic import audio_packets, make_film
from vidcolor.media.trial import (
    add_copy,
    can_hold,
    first_packets,
    held_language,
    holds_encoder,
    holds_mark,
    lost_tags,
)


@pytest.mark.parametrize(
    ("audio_codec", "holders"),
    [
        ("aac", {"matroska", "mp4", "mov"}),
        ("pcm_s16le", {"matroska", "mp4", "mov"}),
        ("libopus", {"matroska", "mp4"}),
        ("flac", {"matroska", "mp4"}),
    ],
)
def test_sound(tmp_path: Path, audio_codec: str, holders: set[str]) -> None:
    film = make_film(tmp_path / "film.mkv", frames=2, audio=1, audio_codec=audio_codec)
    found = set()
    for muxer in ("matroska", "mp4", "mov"):
        with av.open(str(film)) as container:
            packet = first_packets(container, 0)[1]
            if can_hold(muxer, container.streams.audio[0], packet):
                found.add(muxer)
    assert found == holders


def test_subtitles_and_attachments(tmp_path: Path) -> None:
    film = make_film(tmp_path / "film.mkv", frames=2, subtitles="srt", attachment=True)
    with av.open(str(film)) as container:
        subtitles, font = container.streams[1], container.streams[2]
        assert can_hold("matroska", subtitles)
        assert can_hold("matroska", font)
        assert not can_hold("mp4", subtitles)
        assert not can_hold("mp4", font)


def test_refusal_at_the_trailer_is_noticed(tmp_path: Path) -> None:
    # MP4 must know the channels of PCM, which Matroska does not; libav says so at the end only.
    film = make_film(tmp_path / "film.mkv", frames=2, audio=1, audio_codec="pcm_s16le")
    with av.open(str(film)) as source, av.open(str(tmp_path / "o.mp4"), "w") as out:
        template = source.streams.audio[0]
        assert template.codec_context.layout.name == "2 channels"
        assert add_copy(out, template).codec_context.layout.name == "stereo"


def test_first_packets(tmp_path: Path) -> None:
    film = make_film(tmp_path / "film.mkv", frames=12, audio=2, subtitles="srt")
    with av.open(str(film)) as container:
        found = first_packets(container, 0)
    assert {1, 2} <= found.keys() <= {1, 2, 3}
    for index in (1, 2):
        assert bytes(found[index]) == audio_packets(film, index - 1)[0]


def test_film_alone_is_not_read(tmp_path: Path) -> None:
    with av.open(str(make_film(tmp_path / "film.mkv", frames=12))) as container:
        assert first_packets(container, 0) == {}


def test_encoders() -> None:
    assert holds_encoder("matroska", "libx264")
    assert holds_encoder("mov", "prores_ks")
    assert not holds_encoder("mp4", "prores_ks")


@pytest.mark.parametrize(
    ("muxer", "language", "held"),
    [
        ("mov", "eng", "eng"),
        ("mov", "deu", "ger"),
        ("mov", "fre", "fra"),
        ("mov", "nld", "dut"),
        ("mov", "swe", "sve"),
        ("mov", "mul", None),
        ("mp4", "deu", "deu"),
        ("mp4", "SWE", "swe"),
        ("mp4", "pt-BR", None),
        ("matroska", "pt-BR", "pt-BR"),
    ],
)
def test_languages(muxer: str, language: str, held: str | None) -> None:
    assert held_language(muxer, language) == held


@pytest.mark.parametrize(
    ("muxer", "mark", "held"),
    [
        ("matroska", "original", True),
        ("mp4", "comment", True),
        ("mp4", "original", False),
        ("mov", "comment", False),
        ("mov", "default", True),
    ],
)
def test_marks(muxer: str, mark: str, held: bool) -> None:
    assert holds_mark(muxer, mark) is held


def test_tags() -> None:
    tags = {"title": "An old film", "DIRECTOR": "Nobody", "comment": "none"}
    assert lost_tags("mp4", tags) == lost_tags("mov", tags) == ("DIRECTOR",)
    assert lost_tags("matroska", tags) == ()
