"""Payloads of packets, as encoders give them and as containers keep them."""

from __future__ import annotations

import io
from typing import Any

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vidcolor.errors import EncoderError
from vidcolor.media.payloads import START_CODE, form_for, kept_payload, muxed_payload

MUXERS = ("mp4", "mov", "matroska")

UNIT = st.binary(min_size=1, max_size=40).map(lambda data: data.replace(b"\0", b"\1"))
"""Emulation prevention keeps start codes out of units; so does having no zeros at all."""


@given(units=st.lists(st.tuples(UNIT, st.booleans()), min_size=1, max_size=6))
def test_units_behind_lengths(units: list[tuple[bytes, bool]]) -> None:
    stream = b"".join(b"\0" * is_long + START_CODE + unit for unit, is_long in units)
    kept = kept_payload(stream, "lengths")
    assert kept == b"".join(len(unit).to_bytes(4, "big") + unit for unit, _ in units)
    assert kept_payload(muxed_payload(kept, "lengths"), "lengths") == kept


def test_no_byte_stream() -> None:
    with pytest.raises(EncoderError, match="start code"):
        kept_payload(b"\0\0\0\5units", "lengths")
    for damaged in (b"\0\0\0\5unit", b"\0\0\0\4unit\0"):
        with pytest.raises(ValueError, match="longer than its packet"):
            muxed_payload(damaged, "lengths")


def test_a_delimiter_is_left_out() -> None:
    assert kept_payload(b"\x12\0\x32\1x", "undelimited") == b"\x32\1x"
    assert muxed_payload(b"\x32\1x", "undelimited") == b"\x32\1x"
    assert kept_payload(b"\x12\0x", "whole") == b"\x12\0x"


def test_forms() -> None:
    assert form_for("h264", b"\0\0\0\1\x67", "mp4") == "lengths"
    assert form_for("hevc", b"\0\0\1\x40", "matroska") == "lengths"
    assert form_for("h264", b"\1\x64\0", "mp4") == "whole"  # some encoders give lengths already
    assert form_for("av1", b"\x81", "mp4") == "undelimited"
    assert form_for("ffv1", b"\0\0\1", "matroska") == "whole"
    assert form_for("prores", b"", "mov") == "whole"
    assert form_for("prores", b"", "matroska") == "unboxed"


@pytest.mark.parametrize(
    ("codec", "muxer"),
    [
        *((codec, muxer) for codec in ("libx264", "libx265") for muxer in MUXERS),
        *(("libsvtav1", "mp4"), ("libsvtav1", "matroska")),
        *(("ffv1", "matroska"), ("prores_ks", "mov"), ("prores_ks", "matroska")),
    ],
)
def test_what_libav_writes(codec: str, muxer: str) -> None:
    """The payloads in a container are ours, and ours give the same ones once more."""
    encoded, headers, film = write(codec, muxer)
    name = av.codec.Codec(codec, "w").canonical_name
    form = form_for(name, headers, muxer)
    kept = [kept_payload(payload, form) for payload in encoded]
    assert holds(film, kept)
    again = [muxed_payload(payload, form) for payload in kept]
    assert holds(write(codec, muxer, again)[2], kept)


def holds(film: bytes, payloads: list[bytes]) -> bool:
    """One after the other, as they are."""
    end = 0
    for payload in payloads:
        place = film.find(payload, end)
        if place < 0:
            return False
        end = place + len(payload)
    return True


def write(
    codec: str, muxer: str, payloads: list[bytes] | None = None
) -> tuple[list[bytes], bytes, bytes]:
    """The encoder's payloads and headers, and a film of them or of ``payloads``."""
    memory = io.BytesIO()
    given: list[bytes] = []
    with av.open(memory, "w", format=muxer) as out:
        stream: Any = out.add_stream(codec, rate=24)
        stream.width, stream.height = 64, 48
        stream.pix_fmt = "yuv422p10le" if codec == "prores_ks" else "yuv420p"
        packets = []
        for index in range(6):
            pixels = np.full((48, 64, 3), 40 * index, np.uint8)
            frame = av.VideoFrame.from_ndarray(pixels, "rgb24").reformat(format=stream.pix_fmt)
            frame.pts = index
            packets += stream.encode(frame)
        packets += stream.encode(None)
        for index, packet in enumerate(packets):
            given.append(bytes(packet))
            if payloads is None:
                out.mux(packet)
                continue
            copy = av.Packet(payloads[index])
            copy.pts, copy.dts, copy.time_base = packet.pts, packet.dts, packet.time_base
            copy.is_keyframe = packet.is_keyframe
            copy.stream = stream
            out.mux(copy)
        headers = bytes(stream.codec_context.extradata or b"")
    return given, headers, memory.getvalue()
