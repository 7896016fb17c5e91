"""What is known of a stream that was carried over, and how its content is compared."""

from __future__ import annotations

import hashlib
from array import array
from dataclasses import dataclass, field
from typing import Any

EARLY_END_S = 1.0
"""A copied stream that ends this much before its header says has lost something."""

ChapterMark = tuple[float, float, str]
"""Start and end in seconds and title of a chapter."""

_DIGEST_BYTES = 16


@dataclass(slots=True)
class CopiedStream:
    """What has been carried over of one stream."""

    index: int
    """Index in the source."""
    output_index: int
    kind: str
    codec: str
    """libav's name of the codec in the output."""
    language: str | None = None
    """As the container keeps it; None if it does not."""
    title: str | None = None
    disposition: int = 0
    packets: int = 0
    """Without the empty ones that fill the gaps between MP4's subtitles."""
    hidden: int = 0
    """Packets of sound that an edit list of the source hides, left out in Matroska."""
    repaired_dts: int = 0
    """Packets whose decoding time ran backwards; each was moved by the least possible."""
    undecodable: int = 0
    """Subtitles that could not be read and so not be rewritten."""
    incomplete: int = 0
    """Packets of subtitles of which a part is missing; left out."""
    converted: bool = False
    """Rewritten for the container, not copied."""
    is_empty: bool = True
    """Not one packet; MP4 then leaves the stream out."""
    is_cover: bool = False
    """A still picture that belongs to the file."""
    end_s: float = 0.0
    """When the last packet ends."""
    expected_end_s: float | None = None
    """When it should, by the source's header; None if that does not say."""
    times_s: array[float] = field(default_factory=lambda: array("d"))
    """When each packet of sound is heard."""
    digest: Any = field(default_factory=lambda: hashlib.blake2b(digest_size=_DIGEST_BYTES))
    """BLAKE2b of all payloads, one after the other."""

    def content(self) -> tuple[Any, ...]:
        """What is the same when the stream is carried over once more."""
        return self.packets, self.repaired_dts, self.end_s, self.times_s, self.digest.digest()

    def notices(self) -> list[str]:
        """What was lost or changed on the way, one line each."""
        name = f"stream {self.index} ({self.kind})"
        counts = {
            "packets had a time that ran backwards and were moved": self.repaired_dts,
            "lines could not be read and are missing": self.undecodable,
            "packets belong to incomplete subtitles and are left out": self.incomplete,
            "packets were hidden by the source and are left out": self.hidden,
        }
        lines = [f"{name}: {count} {what}" for what, count in counts.items() if count]
        expected = self.expected_end_s
        if expected is not None and self.end_s < expected - EARLY_END_S:
            lines.append(f"{name}: ends at {self.end_s:.2f} s instead of {expected:.2f} s")
        return lines


def codec_name(stream: Any) -> str:
    """libav's codec name of a stream, the same for every decoder and encoder of it."""
    context = stream.codec_context
    return "none" if context is None else str(context.codec.canonical_name)


def is_event(packet: Any, codec: str) -> bool:
    """Whether a packet says anything: MP4 fills the time between subtitles with empty ones."""
    return bool(packet.size > 2 or codec != "mov_text")


def payload_digest(payload: Any) -> bytes:
    """BLAKE2b of something that is kept as a whole."""
    return hashlib.blake2b(payload or b"", digest_size=_DIGEST_BYTES).digest()


def chapter_mark(chapter: Any) -> ChapterMark:
    """Start and end in seconds and title of a chapter."""
    base, tags = chapter["time_base"], chapter.get("metadata") or {}
    title = next((value for key, value in tags.items() if key.lower() == "title"), "")
    return float(chapter["start"] * base), float(chapter["end"] * base), str(title)


def add_payload(digest: Any, packet: Any, codec: str) -> None:
    """Add a packet's payload to ``digest``; nothing for an empty event.

    The header of an ADTS frame (ISO/IEC 13818-7, 6.2) is left out: muxers move what it says
    into the container.
    """
    if not is_event(packet, codec):
        return
    payload = memoryview(packet)
    if codec == "aac" and len(payload) > 9 and payload[0] == 0xFF and payload[1] & 0xF6 == 0xF0:
        payload = payload[7 if payload[1] & 1 else 9 :]
    digest.update(payload)
