"""Presentation graphics (PGS), the subtitles of Blu-ray discs, come in sets of segments.

A set begins with a presentation (0x16), ends with 0x80, and is one subtitle or its removal. In a
transport stream each segment is a packet, with a time of its own. Matroska keeps a set as one
packet, at the time of its presentation; a set of which a part is missing cannot be kept.
"""

from __future__ import annotations

from typing import Any

JOINED_SUBTITLES = frozenset({"hdmv_pgs_subtitle"})
"""Subtitles whose parts, a packet each in a transport stream, Matroska puts into one packet."""

_BEGIN, _END = 0x16, 0x80

_HEAD_BYTES = 3
"""Of a segment: its kind and the length of what follows."""


class DisplaySets:
    """Gathers packets, each of one or more segments, into whole sets."""

    def __init__(self) -> None:
        self._held: list[Any] = []

    def push(self, packet: Any) -> tuple[list[Any], list[Any]]:
        """Take the next packet.

        Returns
        -------
        The packets of the set that it completes, and those of sets that stay incomplete.
        """
        kinds = _kinds(packet)
        if not kinds:
            return [], [*self.flush(), packet]
        lost = self.flush() if kinds[0] == _BEGIN else []
        if not self._held and kinds[0] != _BEGIN:
            return [], [packet]
        self._held.append(packet)
        return (self.flush() if kinds[-1] == _END else []), lost

    def flush(self) -> list[Any]:
        """The packets of a set that has begun and not ended."""
        held, self._held = self._held, []
        return held


def _kinds(packet: Any) -> list[int]:
    """Of all segments in a packet; none if they are cut off or longer than it."""
    payload, position, kinds = memoryview(packet), 0, []
    while position + _HEAD_BYTES <= len(payload):
        kinds.append(payload[position])
        length = int.from_bytes(payload[position + 1 : position + _HEAD_BYTES], "big")
        position += _HEAD_BYTES + length
    return kinds if position == len(payload) else []
