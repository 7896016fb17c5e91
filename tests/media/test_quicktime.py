"""The software's name in QuickTime's user data."""

from __future__ import annotations

from pathlib import Path

import av
import pytest

from tests.synthetic import decode_luma, make_film, packet_digest
from vidcolor.media.quicktime import set_software


@pytest.mark.parametrize("text", ["x", "a longer name than libav's own " * 4, "façade"])
def test_only_the_entry_changes(tmp_path: Path, text: str) -> None:
    tags = {"title": "Der Film", "comment": "mein Kommentar"}
    path = make_film(tmp_path / "film.mov", audio=1, chapters=True, metadata=tags)
    frames, packets = decode_luma(path), packet_digest(path)
    for _ in range(2):
        assert set_software(path, text)
        with av.open(str(path)) as container:
            found = dict(container.metadata)
            assert found["encoder"] == text
            assert {key: found[key] for key in tags} == tags
            assert len(container.chapters()) == 2
        assert packet_digest(path) == packets
        again = decode_luma(path)
        assert [time for time, _ in again] == [time for time, _ in frames]


@pytest.mark.parametrize("kind", ["moov first", "no film", "cut off"])
def test_an_unusual_layout_is_left_alone(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "film.mov"
    if kind == "moov first":
        make_film(path, container_options={"movflags": "+faststart"})
    elif kind == "no film":
        path.write_bytes(b"\0\0\0\4free" * 3)
    else:
        path.write_bytes(make_film(path).read_bytes()[:-10])
    before = path.read_bytes()
    assert not set_software(path, "vidcolor")
    assert path.read_bytes() == before
