"""Room for MP4's description before its data."""

from __future__ import annotations

import io
import os
import struct
from fractions import Fraction
from typing import Any

import av
import pytest

from tests.synthetic import make_film
from vidcolor.errors import EncoderError
from vidcolor.media.mp4_header import KEPT_BYTES, LARGEST_SHORT_OFFSET, Nowhere


def copy_film(source: Any, target: Any, **options: str) -> None:
    """All packets of ``source`` into MP4."""
    source.seek(0)
    with (
        av.open(source) as film,
        av.open(target, "w", format="mp4", container_options=options) as out,
    ):
        streams = {stream.index: out.add_stream_from_template(stream) for stream in film.streams}
        for packet in film.demux():
            if packet.dts is not None:
                packet.stream = streams[packet.stream_index]
                out.mux(packet)


def boxes(content: bytes) -> list[tuple[bytes, int]]:
    """(name, size) of each box of a file."""
    found, start = [], 0
    while start < len(content):
        size, kind = struct.unpack_from(">I4s", content, start)
        found.append((kind, size))
        start += size
    return found


def test_the_room_is_just_enough(tmp_path: Any) -> None:
    path = make_film(tmp_path / "film.mkv", frames=40, audio=2, vfr=True)
    source = io.BytesIO(path.read_bytes())
    nowhere = Nowhere()
    copy_film(source, nowhere)
    room = nowhere.description_room()
    written = io.BytesIO()
    copy_film(source, written, moov_size=str(room))
    names = [kind for kind, _ in boxes(written.getvalue())]
    sizes = dict(boxes(written.getvalue()))
    assert names.index(b"moov") < names.index(b"mdat")
    assert sizes[b"moov"] == room - 8
    with pytest.raises(av.FFmpegError):
        copy_film(source, io.BytesIO(), moov_size=str(room - 1))


def nowhere_with(data_bytes: int, description_bytes: int) -> Nowhere:
    """As after a film with so much data."""
    nowhere = Nowhere()
    nowhere.write(struct.pack(">I4s16x", 24, b"ftyp"))
    nowhere.write(struct.pack(">I4sQ", 1, b"mdat", 0))
    nowhere.seek(data_bytes - 16, os.SEEK_CUR)
    nowhere.write(bytes(description_bytes))
    end = nowhere.tell()
    nowhere.seek(24 + 8)  # the size is known at the end only
    nowhere.write(struct.pack(">Q", data_bytes))
    nowhere.seek(0, os.SEEK_END)
    assert nowhere.tell() == end
    return nowhere


@pytest.mark.parametrize(
    ("data_bytes", "room"),
    [
        (10**6, 5008),
        (LARGEST_SHORT_OFFSET - 24 - 5008, 5008),
        (LARGEST_SHORT_OFFSET - 24 - 5007, 2 * 5008),  # data that moves beyond 4 GiB
        (2 * LARGEST_SHORT_OFFSET, 2 * 5008),  # but maybe not its last piece of sound
    ],
)
def test_longer_offsets_beyond_4_gib(data_bytes: int, room: int) -> None:
    assert nowhere_with(data_bytes, 5000).description_room() == room


def write_far(target: Nowhere, sizes: list[int], second_after: int, **options: str) -> None:
    """A film with frames of ``sizes``, and a second track with one frame."""
    options |= {"max_interleave_delta": "1"}  # microseconds
    with av.open(target, "w", format="mp4", container_options=options) as out:
        film = out.add_stream("mjpeg", rate=24, width=64, height=48, pix_fmt="yuvj420p")
        second = out.add_stream("mjpeg", rate=24, width=64, height=48, pix_fmt="yuvj420p")
        for index, size in enumerate(sizes):
            for stream in (film, second) if index == second_after else (film,):
                packet = av.Packet(size if stream is film else 9)
                packet.pts = packet.dts = index
                packet.time_base, packet.stream = Fraction(1, 24), stream
                out.mux(packet)


def test_a_track_that_ends_just_below_4_gib() -> None:
    """Its last offset is beyond the limit when there is room before the data."""
    large, count = 2**28, 15
    sizes = [*[large] * count, LARGEST_SHORT_OFFSET - large * count - 100, 5000]
    nowhere = Nowhere()
    write_far(nowhere, sizes, second_after=count)
    write_far(Nowhere(), sizes, count, moov_size=str(nowhere.description_room()))


def test_only_the_beginning_is_kept() -> None:
    nowhere = Nowhere()
    nowhere.seek(KEPT_BYTES - 2)
    assert nowhere.write(b"abcd") == 4
    assert nowhere.tell() == KEPT_BYTES + 2
    with pytest.raises(EncoderError, match="no media data"):
        nowhere.description_room()
