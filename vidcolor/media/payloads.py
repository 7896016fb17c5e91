"""The form in which a container keeps the payloads of packets.

Note [Payload forms]
    Encoders give H.264 and HEVC as a byte stream: units between start codes (ITU-T H.264 and
    H.265, annex B). MP4, QuickTime and Matroska put the length of each unit before it instead
    (ISO/IEC 14496-15). AV1's temporal delimiters are left out (AV1 Codec ISO Media File Format
    Binding, 2.4), and in Matroska the size and name before each frame of ProRes (Matroska codec
    specifications, V_PRORES). libav's muxers see to all of this. Segments keep payloads as the
    film will have them, so that they can be found in it byte by byte, and give back what a muxer
    expects.
"""

from __future__ import annotations

from typing import Literal

from vidcolor.errors import EncoderError

PayloadForm = Literal["whole", "lengths", "undelimited", "unboxed"]
"""As the encoder gave it; units behind their lengths; without AV1's temporal delimiter; without
the size and name before a frame of ProRes."""

START_CODE = b"\0\0\1"
"""Before each unit of a byte stream; one more zero may come before it."""

LENGTH_BYTES = 4
"""Of a unit's length, as libav's muxers write it."""

TEMPORAL_DELIMITER = b"\x12\0"
"""A unit of AV1 without content that begins each packet (AV1 specification, 5.6)."""

PRORES_NAME, PRORES_HEAD_BYTES = b"icpf", 8
"""Name before a frame of ProRes (SMPTE RDD 36, 5.1), and the length of both with its size."""


def form_for(codec: str, headers: bytes, container: str) -> PayloadForm:
    """The form that a container keeps.

    Parameters
    ----------
    codec:
        libav's name of the codec, not of the encoder.
    headers:
        The encoder's global headers. Some encoders give H.264 with lengths, and headers that
        begin otherwise; nothing is to be done then.
    container:
        libav's name: ``mp4``, ``mov`` or ``matroska``.
    """
    if codec in ("h264", "hevc") and _begins_with_start_code(headers):
        return "lengths"
    if (codec, container) == ("prores", "matroska"):
        return "unboxed"
    return "undelimited" if codec == "av1" else "whole"


def kept_payload(payload: bytes, form: PayloadForm) -> bytes:
    """An encoder's ``payload`` as a container keeps it.

    Raises
    ------
    EncoderError
        If it should be a byte stream and is none.
    """
    if form == "lengths":
        return _with_lengths(payload)
    if form == "unboxed":
        return payload[PRORES_HEAD_BYTES:]
    return payload.removeprefix(TEMPORAL_DELIMITER) if form == "undelimited" else payload


def muxed_payload(kept: bytes, form: PayloadForm) -> bytes:
    """What a muxer must be given to write ``kept``.

    Raises
    ------
    ValueError
        If ``kept`` is not in that form.
    """
    if form == "unboxed":
        size = PRORES_HEAD_BYTES + len(kept)
        return size.to_bytes(4, "big") + PRORES_NAME + kept
    if form != "lengths":
        return kept
    parts, start = [], 0
    while start < len(kept):
        begin = start + LENGTH_BYTES
        start = begin + int.from_bytes(kept[start:begin], "big")
        parts += [b"\0", START_CODE, kept[begin:start]]
    if start != len(kept):
        raise ValueError("a unit is longer than its packet")
    return b"".join(parts)


def _begins_with_start_code(stream: bytes) -> bool:
    return stream.startswith((START_CODE, b"\0" + START_CODE))


def _with_lengths(stream: bytes) -> bytes:
    if not _begins_with_start_code(stream):
        raise EncoderError("the encoder gave a packet without a start code; try another codec")
    parts = []
    start = stream.find(START_CODE)
    while start >= 0:
        begin = start + len(START_CODE)
        start = stream.find(START_CODE, begin)
        end = len(stream) if start < 0 else start - (stream[start - 1] == 0)
        parts += [(end - begin).to_bytes(LENGTH_BYTES, "big"), stream[begin:end]]
    return b"".join(parts)
