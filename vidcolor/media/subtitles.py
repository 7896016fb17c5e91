"""Rewrites text subtitles for a container that has another form for them.

MP4 and MOV hold text as ``mov_text`` only, Matroska everything but that. libav decodes all
text subtitles to ASS events and encodes those, so words, lines, italics and times are kept;
fonts and positions of ASS are lost in ``mov_text``.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import av

TEXT_SUBTITLE_CODECS = frozenset(
    {"mov_text", "srt", "subrip", "ass", "ssa", "webvtt", "text", "microdvd", "subviewer"}
)
"""libav's decoders whose subtitles are text and can be rewritten."""

MILLISECOND = Fraction(1, 1000)
"""Time base of rewritten subtitles: what SubRip and libav's text subtitles count in."""

_CONTAINER_CODECS = {"matroska": "subrip", "mp4": "mov_text", "mov": "mov_text"}


def container_subtitle_codec(muxer: str) -> str:
    """libav's encoder for text subtitles in ``muxer``."""
    return _CONTAINER_CODECS[muxer]


class SubtitleConverter:
    """Turns the packets of one text subtitle stream into those of another codec.

    Parameters
    ----------
    source:
        The stream to be read.
    container:
        An output container, its header not yet written; a stream is added to it.
    muxer:
        Its muxer, which decides the codec.
    """

    def __init__(self, source: Any, container: Any, muxer: str) -> None:
        self._decoder = source.codec_context
        self._decoder.open(strict=False)
        self.stream = container.add_stream(container_subtitle_codec(muxer))
        encoder = self.stream.codec_context
        # Text encoders want an ASS header, which the decoder has made up from the source's own.
        encoder.subtitle_header = self._decoder.subtitle_header
        encoder.time_base = MILLISECOND
        self.stream.time_base = MILLISECOND
        self._encoder = encoder
        self.undecodable = 0
        """Packets that were no subtitles; they are left out."""

    def convert(self, packet: Any) -> Any | None:
        """The same lines at the same time as a packet for ``stream``.

        Returns
        -------
        None for an empty event (MP4 fills the gaps between lines with them) and for a packet
        that cannot be decoded.
        """
        try:
            lines = self._decoder.decode2(packet)
            if lines is None or len(lines) == 0:
                return None
            converted = self._encoder.encode_subtitle(lines)
        except (av.FFmpegError, ValueError):
            self.undecodable += 1
            return None
        if not converted.size:
            return None
        converted.time_base = packet.time_base
        converted.pts = converted.dts = packet.pts if packet.pts is not None else packet.dts
        converted.duration = packet.duration
        converted.stream = self.stream
        return converted
