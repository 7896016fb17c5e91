"""How long a file's own header says it is, to notice a cut file before hours of work.

A Matroska file that lost its second half decodes without an error. But the containers
write down how far they reach, and that can be compared with the size of the file:

* ISO base media (MP4, MOV): a chain of boxes, each with its size (ISO/IEC 14496-12, 4.2);
  without a ``moov`` box nothing can be decoded.
* Matroska, WebM: the size of the Segment element (RFC 8794, 4; RFC 9559, 5.1).
* RIFF (AVI): the size of each ``RIFF`` chunk, several of them in OpenDML files.

Streams (TS, PS), files from live recorders with unknown sizes, and the rest give no answer.
"""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

MAX_BOXES = 1_000_000
"""Most top-level boxes or chunks that are walked: fragmented MP4 has two per fragment."""

_MOOV_BYTES = 8
# The smallest thing that can be missing where ``moov`` is: its box header.

_BOX_TYPES = {b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"pnot", b"styp", b"sidx"}
_LATER_BOX_TYPES = _BOX_TYPES | {b"moof", b"mfra", b"meta", b"udta", b"uuid", b"emsg", b"prft"}
"""Boxes that may follow the first ones; one of another type that does not fit is none."""

_EBML_ID = 0x1A45DFA3
_SEGMENT_ID = 0x18538067


def missing_bytes(path: Path) -> int:
    """How many bytes the file lacks at least, by its own header.

    Returns
    -------
    0 if nothing is missing or the container does not say.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(12)
        file.seek(0)
        if head[4:8] in _BOX_TYPES:
            return _missing_in_boxes(file, size)
        if head[:4] == _EBML_ID.to_bytes(4, "big"):
            return _missing_in_segment(file, size)
        if head[:4] == b"RIFF" and head[8:12] == b"AVI ":
            return _missing_in_riff(file, size)
    return 0


def _missing_in_boxes(file: BinaryIO, file_size: int) -> int:
    position, seen_moov = 0, False
    for _ in range(MAX_BOXES):
        if position + 8 > file_size:
            break
        file.seek(position)
        head = file.read(16)
        size, kind = int.from_bytes(head[:4], "big"), head[4:8]
        if size == 1:  # a 64-bit size follows the type
            size = int.from_bytes(head[8:16], "big")
        elif size == 0:  # reaches to the end of the file, wherever that is
            size = file_size - position
        is_rubbish = seen_moov and kind not in _LATER_BOX_TYPES and position + size > file_size
        if size < 8 or is_rubbish:  # something was appended behind the last box
            break
        seen_moov = seen_moov or kind == b"moov"
        position += size
    return max(0, position - file_size, 0 if seen_moov else _MOOV_BYTES)


def _missing_in_segment(file: BinaryIO, file_size: int) -> int:
    while file.tell() < file_size:
        identifier = _read_vint(file, keep_marker=True)
        size = _read_vint(file, keep_marker=False)
        if identifier is None:
            return 0
        if size is None:
            # Cut inside an element's header, or an unknown size, as live recorders write.
            return 0
        end = file.tell() + size
        # Not beyond the file: a damaged size may be more than can be sought.
        if identifier == _SEGMENT_ID or end > file_size:
            return max(0, end - file_size)
        file.seek(end)
    return 0


def _read_vint(file: BinaryIO, *, keep_marker: bool) -> int | None:
    """EBML's variable-size integer; None for "unknown" (all ones), at the end, or if damaged."""
    first = file.read(1)
    if not first or first[0] == 0:
        return None
    length = 9 - first[0].bit_length()
    rest = file.read(length - 1)
    if len(rest) < length - 1:
        return None
    value = int.from_bytes(first + rest, "big")
    if keep_marker:
        return value
    bits = 7 * length
    value &= (1 << bits) - 1
    return None if value == (1 << bits) - 1 else value


def _missing_in_riff(file: BinaryIO, file_size: int) -> int:
    position = 0
    for _ in range(MAX_BOXES):
        file.seek(position)
        head = file.read(8)
        if len(head) < 8 or head[:4] != b"RIFF":
            break
        size = int.from_bytes(head[4:8], "little")
        if size in (0, 0xFFFFFFFF):  # written to a pipe: never filled in
            return 0
        position += 8 + size + (size & 1)
    # A missing pad byte at the very end is no loss.
    return max(0, position - file_size) if position - file_size > 1 else 0
