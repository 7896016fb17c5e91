"""Finds closed captions that lie in the picture data, as American television has them.

Encoders write them from side data of their frames, which PyAV can read but not set. So they
cannot be carried over, and whoever needs them must be told before the film is coloured.
"""

from __future__ import annotations

import contextlib
import os
from typing import Any

import av

from vidcolor.media.safety import current_limits, decoder_options, open_container

CAPTION_CODECS = frozenset({"h264", "hevc", "mpeg2video", "av1"})
"""Video whose decoders give closed captions back."""

CAPTION_MARKS = (b"GA94\x03", b"CC\x01\xf8", b"\x00\x00\x01\xb2\x03")
"""How they begin within a packet: ATSC A/53, DVD, and SCTE 20 in MPEG-2."""

MAX_LOOKED_AT_PACKETS = 250
"""Packets from the film's beginning: television carries captions with every picture."""

MAX_LOOKED_AT_BYTES = 64 * 2**20
"""The same in bytes."""


def has_captions(path: str | os.PathLike[str], index: int) -> bool:
    """Whether the beginning of a film has closed captions with words in them.

    Nothing is decoded unless the packets look as if it had; captions that begin later, in a
    film without any at first, are not seen.

    Parameters
    ----------
    path:
        The film.
    index:
        Of its video stream.

    Raises
    ------
    InputError
        If it cannot be opened.
    """
    with open_container(path) as container:
        stream = container.streams[index]
        if stream.codec_context is None or stream.codec_context.name not in CAPTION_CODECS:
            return False
        packets = _first_packets(container, stream)
        if not any(mark in bytes(packet) for packet in packets for mark in CAPTION_MARKS):
            return False
        stream.codec_context.options = decoder_options(current_limits())
        return any(_says_something(frame) for packet in packets for frame in _decoded(packet))


def _first_packets(container: Any, stream: Any) -> list[Any]:
    packets: list[Any] = []
    size = 0
    # Damage is the reader's business; PyAV's IndexError is for a stream that appears late.
    with contextlib.suppress(av.FFmpegError, IndexError):
        for packet in container.demux(stream):
            packets.append(packet)
            size += packet.size
            if len(packets) >= MAX_LOOKED_AT_PACKETS or size >= MAX_LOOKED_AT_BYTES:
                break
    return packets


def _decoded(packet: Any) -> list[Any]:
    try:
        return list(packet.decode())
    except av.FFmpegError:
        return []


def _says_something(frame: Any) -> bool:
    """Whether one of the frame's caption triplets (CEA-708, 4.4) is valid and no filling."""
    try:
        captions = [bytes(data) for data in frame.side_data if data.type.name == "A53_CC"]
    except ValueError:  # a kind of side data that PyAV does not know
        return False
    return any(
        data[place] & 4 and (data[place + 1] & 0x7F or data[place + 2] & 0x7F)
        for data in captions
        for place in range(0, len(data) - 2, 3)
    )
