"""Writes the pixel aspect ratio into a finished Matroska file.

Note [Display size in Matroska]
    Matroska states the pixel aspect ratio as the size at which the picture is shown (RFC 9559,
    5.1.4.1.28.13 and 14). libav's muxer writes that from a field of the stream that PyAV
    cannot set, so the two elements are put in afterwards. libav leaves a Void element behind
    each video track's description, which makes the room: what lies between is moved, the Void
    shrinks, and no byte outside the track's entry changes but the checksum of the tracks.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

HEADER_BYTES = 1 << 20
"""How far into the file the description of the tracks is looked for. Attachments and tags come
behind it."""

SEGMENT, TRACKS, TRACK_ENTRY, VIDEO = 0x18538067, 0x1654AE6B, 0xAE, 0xE0
"""Master elements on the way to a video track's settings (RFC 9559)."""

CRC_32, VOID = 0xBF, 0xEC
"""Global elements (RFC 8794, 11.3): checksum of the element's other content, and filler."""

TRACK_TYPE, TYPE_VIDEO = 0x83, 1
"""The element that says what a track is, and its value for video."""

DISPLAY_WIDTH, DISPLAY_HEIGHT, DISPLAY_UNIT = 0x54B0, 0x54BA, 0x54B2
"""Size at which the picture is shown, and in what unit; without the last one, in pixels."""

LARGEST_DISPLAY_SIDE = 0xFFFF
"""Two bytes for each side: film is smaller."""


@dataclass(frozen=True, slots=True)
class _Element:
    """An EBML element within a buffer."""

    identifier: int
    start: int
    """Offset of its identifier."""
    data: int
    """Offset of its content."""
    end: int


def display_size(width: int, height: int, aspect: Fraction) -> tuple[int, int]:
    """The size in square pixels of a picture whose pixels are ``aspect`` times as wide as high.

    The picture is never made smaller in either direction.
    """
    if aspect >= 1:
        return round(width * aspect), height
    return width, round(height / aspect)


def set_display_size(path: Path, number: int, size: tuple[int, int]) -> bool:
    """Say in the Matroska file ``path`` how large a film is shown.

    Parameters
    ----------
    number:
        Which video track, counted from 0.
    size:
        (width, height) in square pixels.

    Returns
    -------
    False, with the file untouched, if its layout is not as expected or the size is too large.
    """
    if max(size) > LARGEST_DISPLAY_SIDE:
        return False
    with path.open("r+b") as file:
        head = file.read(HEADER_BYTES)
        tracks = _find(head, 0, len(head), SEGMENT, TRACKS)
        if tracks is None or tracks.end > len(head):
            return False
        entries = [
            entry
            for entry in _children(head, tracks.data, tracks.end)
            if entry.identifier == TRACK_ENTRY and _is_video(head, entry)
        ]
        if number >= len(entries):
            return False
        entry = entries[number]
        changed = _with_display_size(head[entry.data : entry.end], size)
        if changed is None:
            return False
        content = head[tracks.data : entry.data] + changed + head[entry.end : tracks.end]
        file.seek(tracks.data)
        file.write(_with_checksum(content))
    return True


def _with_display_size(entry: bytes, size: tuple[int, int]) -> bytes | None:
    """A track entry of the same length that states the display size."""
    parts = list(_children(entry, 0, len(entry)))
    video = next((part for part in parts if part.identifier == VIDEO), None)
    filler = next((part for part in parts if part.identifier == VOID), None)
    if video is None or filler is None or filler.start < video.end:
        return None
    settings = b"".join(
        entry[part.start : part.end]
        for part in _children(entry, video.data, video.end)
        if part.identifier not in (DISPLAY_WIDTH, DISPLAY_HEIGHT, DISPLAY_UNIT)
    )
    for identifier, side in zip((DISPLAY_WIDTH, DISPLAY_HEIGHT), size, strict=True):
        settings += _element(identifier, side.to_bytes(2, "big"))
    new_video = _element(VIDEO, settings)
    room = (filler.end - filler.start) - (len(new_video) - (video.end - video.start))
    if room < 2 or room > 0x7F:  # a Void is an identifier, one byte of length, and its filling
        return None
    between = entry[video.end : filler.start]
    new_filler = _element(VOID, bytes(room - 2))
    return entry[: video.start] + new_video + between + new_filler + entry[filler.end :]


def _with_checksum(content: bytes) -> bytes:
    """``content`` of a master element with its CRC-32, if it begins with one, made right."""
    first = next(_children(content, 0, len(content)), None)
    if first is None or first.identifier != CRC_32 or first.end - first.data != 4:
        return content
    rest = content[first.end :]
    return content[: first.data] + zlib.crc32(rest).to_bytes(4, "little") + rest


def _is_video(head: bytes, entry: _Element) -> bool:
    kind = _find(head, entry.data, entry.end, TRACK_TYPE)
    return kind is not None and int.from_bytes(head[kind.data : kind.end], "big") == TYPE_VIDEO


def _find(buffer: bytes, start: int, end: int, *path: int) -> _Element | None:
    """The first element of that path of identifiers."""
    for element in _children(buffer, start, end):
        if element.identifier == path[0]:
            if len(path) == 1:
                return element
            return _find(buffer, element.data, min(element.end, end), *path[1:])
    return None


def _children(buffer: bytes, start: int, end: int) -> Iterator[_Element]:
    """The elements between two offsets; stops at what is cut off or damaged."""
    while start < end:
        identifier = _number(buffer, start, keep_marker=True)
        if identifier is None:
            return
        length = _number(buffer, start + identifier[1], keep_marker=False)
        if length is None:
            return
        data = start + identifier[1] + length[1]
        yield _Element(identifier[0], start, data, data + length[0])
        start = data + length[0]


def _number(buffer: bytes, start: int, *, keep_marker: bool) -> tuple[int, int] | None:
    """EBML's variable-size integer (RFC 8794, 4) and its number of bytes."""
    if start >= len(buffer) or buffer[start] == 0:
        return None
    count = 9 - buffer[start].bit_length()
    if start + count > len(buffer):
        return None
    value = int.from_bytes(buffer[start : start + count], "big")
    return (value if keep_marker else value & ((1 << 7 * count) - 1)), count


def _element(identifier: int, content: bytes) -> bytes:
    """An EBML element; its length in as few bytes as hold it."""
    count = 1
    while len(content) >= (1 << 7 * count) - 1:  # all ones is "unknown"
        count += 1
    name = identifier.to_bytes((identifier.bit_length() + 7) // 8, "big")
    return name + (len(content) | 1 << 7 * count).to_bytes(count, "big") + content
