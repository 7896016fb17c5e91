"""Compares what a finished film carries beside its pictures with what went into it.

Sound, subtitles, chapters, covers and attachments: nothing may be missing, moved or changed.
"""

from __future__ import annotations

import hashlib
import operator
from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import av
from av.stream import Disposition

from vidcolor.errors import VerificationError
from vidcolor.media.copied import (
    ChapterMark,
    CopiedStream,
    add_payload,
    chapter_mark,
    codec_name,
    is_event,
    payload_digest,
)
from vidcolor.media.display_sets import JOINED_SUBTITLES
from vidcolor.media.plan import OutputPlan
from vidcolor.media.probe import is_cover_art
from vidcolor.media.write_report import WriteReport

REFRAMED_AUDIO = frozenset({"wavpack"})
"""Sound of which a container keeps a part of each packet's header in its own form."""

SAME_TIME_S = 0.005
"""How far the time of sound or a chapter may move: containers round, at most to milliseconds."""

EXACT_SUBTITLES = frozenset({"subrip", "ass", "mov_text", "hdmv_pgs_subtitle", "dvd_subtitle"})
"""Subtitles whose packets come back from every container as they went in."""

MATROSKA_FLAGS = (
    Disposition.default
    | Disposition.forced
    | Disposition.comment
    | Disposition.hearing_impaired
    | Disposition.visual_impaired
    | Disposition.original
)
"""Marks of a track that Matroska keeps (RFC 9559, 5.1.4.1); MP4 has places for few of them."""


@dataclass(slots=True)
class Found:
    """What one pass over the packets of the file brought up."""

    film: int
    """Index of the coloured stream."""
    copies: dict[int, CopiedStream]
    """What was carried over, by its index in the file."""
    pts: list[int] = field(default_factory=list)
    packets: dict[int, int] = field(default_factory=dict)
    digests: dict[int, Any] = field(default_factory=dict)
    times_s: dict[int, array[float]] = field(default_factory=dict)
    covers: dict[int, bytes] = field(default_factory=dict)
    """Digest of each still picture."""

    def count(self, packet: Any) -> None:
        """Take note of a packet that is not one of the coloured stream."""
        index = packet.stream_index
        if is_cover_art(packet.stream):
            self.covers[index] = payload_digest(packet)
            return
        copied = self.copies.get(index)
        if copied is None:
            return
        self.packets[index] = self.packets.get(index, 0) + is_event(packet, copied.codec)
        if copied.kind == "audio":
            times = self.times_s.setdefault(index, array("d"))
            times.append(float((packet.pts or 0) * packet.time_base))
        if copied.kind in ("audio", "subtitle"):
            digest = self.digests.setdefault(
                index, hashlib.blake2b(digest_size=copied.digest.digest_size)
            )
            add_payload(digest, packet, copied.codec)


def failed(what: str, detail: object) -> VerificationError:
    """The error that says ``what`` differs, with the expected and the found value."""
    difference = f"{what} ({detail})"
    return VerificationError(
        f"the finished film failed verification: {difference}; it was not kept, run again, "
        "and report it if it happens twice",
        difference,
    )


def check_equal(what: str, expected: object, found: object) -> None:
    """Raise `failed` unless both are the same."""
    if expected != found:
        raise failed(what, f"expected {expected}, found {found}")


def match_streams(
    plan: OutputPlan, report: WriteReport, container: Any
) -> tuple[Found, tuple[str, ...]]:
    """Find each planned stream in the file; kinds, codecs, languages and order must agree.

    Covers and attachments are counted apart, because some containers put them last. MP4's
    muxer adds data streams of its own, for chapters and timecode, behind all others.
    """
    copies = {
        copied.index: copied
        for copied in report.streams
        if not copied.is_cover and not _is_left_out(copied, plan)
    }
    wanted: list[CopiedStream | None] = []  # None is the coloured film
    for stream in plan.streams:
        if stream.action == "color":
            wanted.append(None)
        elif stream.index in copies:
            wanted.append(copies[stream.index])
    film_codec = _canonical(plan.codec)
    tracks = [s for s in container.streams if s.type != "attachment" and not is_cover_art(s)]
    expected = [("video", film_codec) if c is None else (c.kind, _family(c.codec)) for c in wanted]
    found = [(stream.type, _family(codec_name(stream))) for stream in tracks]
    while len(found) > len(expected) and found[-1][0] == "data":
        found.pop()
    check_equal("its streams differ", expected, found)
    for copied, stream in zip(wanted, tracks, strict=False):
        if copied is not None:
            _check_marks(plan, copied, stream)
    pictures = len(container.streams) - len(tracks)
    check_equal("covers and attachments differ", report.pictures_and_files, pictures)
    film = next(s.index for c, s in zip(wanted, tracks, strict=False) if c is None)
    by_index = {s.index: c for c, s in zip(wanted, tracks, strict=False) if c is not None}
    return Found(film, by_index), tuple(f"{kind} {codec}" for kind, codec in found)


def _check_marks(plan: OutputPlan, copied: CopiedStream, stream: Any) -> None:
    """Language, title and flags of a stream, as far as the container keeps them."""
    if _is_iso_language(copied.language):
        check_equal("a language tag differs", copied.language, stream.language or "und")
    tags = {key.lower(): value for key, value in stream.metadata.items()}
    if copied.title:
        name = f"the title of stream {copied.index} differs"
        check_equal(name, copied.title, tags.get("title", tags.get("name")))
    if plan.container == "matroska":
        flags = [
            Disposition(value) & MATROSKA_FLAGS
            for value in (copied.disposition, stream.disposition)
        ]
        check_equal(f"the flags of stream {copied.index} differ", *flags)


def check_files(plan: OutputPlan, report: WriteReport, container: Any, found: Found) -> None:
    """Attachments, and covers kept as such, byte for byte."""
    if plan.container != "matroska":
        return
    files = [payload_digest(each.data) for each in container.streams if each.type == "attachment"]
    files += found.covers.values()
    if sorted(report.file_digests) != sorted(files):
        raise failed("an attachment differs", f"{len(files)} attachments were compared")


def _is_left_out(copied: CopiedStream, plan: OutputPlan) -> bool:
    """MP4's muxer writes no track for sound or film without a packet, as a part may be."""
    return copied.is_empty and copied.kind != "subtitle" and plan.container != "matroska"


def _canonical(codec: str) -> str:
    """The format that an encoder makes; a format is what it is."""
    try:
        return str(av.Codec(codec, "w").canonical_name)
    except ValueError:  # libav has no encoder for it
        return codec


def _family(codec: str) -> str:
    """MP4 tells MPEG audio layers 1, 2 and 3 apart only in the packets themselves."""
    return "mp3" if codec in ("mp1", "mp2") else codec


def _is_iso_language(language: str | None) -> bool:
    """Whether every container can hold it: MP4 has room for three letters only."""
    return language is not None and len(language) == 3 and language.isalpha()


def _readable_chapters(marks: Sequence[ChapterMark]) -> list[ChapterMark]:
    """Those that libav's Matroska reader gives: it skips what does not begin after the last."""
    readable: list[ChapterMark] = []
    for mark in marks:
        if not readable or readable[-1][0] == 0 or mark[0] > readable[-1][0]:
            readable.append(mark)
    return readable


def check_chapters(plan: OutputPlan, report: WriteReport, container: Any) -> None:
    """Number, times and titles of the chapters."""
    marks = report.chapter_marks
    readable = _readable_chapters(marks) if plan.container == "matroska" else marks
    expected = report.chapters - (len(marks) - len(readable))
    check_equal("chapters are missing", expected, len(container.chapters()))
    _compare_chapters(plan, readable, list(map(chapter_mark, container.chapters())))


def _compare_chapters(
    plan: OutputPlan, wanted: Sequence[ChapterMark], found: Sequence[ChapterMark]
) -> None:
    """Times and titles. In MP4 a chapter lasts until the next, the first begins with the film,
    and those without a title are mixed up by libav."""
    is_exact = plan.container == "matroska"
    if not is_exact and not all(title for _, _, title in wanted):
        return
    by_start = operator.itemgetter(0)
    pairs = zip(sorted(wanted, key=by_start), sorted(found, key=by_start), strict=False)
    for number, (mark, got) in enumerate(pairs):
        moved = [abs(a - b) for a, b in zip(mark[:2], got[:2], strict=True)]
        compared = moved if is_exact else moved[:1] if number else []
        if max(compared, default=0) > SAME_TIME_S or mark[2] != got[2]:
            raise failed("a chapter differs", f"expected {mark}, found {got}")


def check_copies(found: Found) -> int:
    """Sound must be the source's, byte for byte; of other streams every packet must be there."""
    identical = 0
    for index, copied in found.copies.items():
        is_exact = check_copy(found, index)
        identical += found.packets.get(index, 0) if is_exact and copied.kind == "audio" else 0
    return identical


def check_copy(found: Found, index: int) -> bool:
    """One stream of the file; whether its payloads were compared too, and not only counted."""
    copied, packets = found.copies[index], found.packets.get(index, 0)
    name = f"stream {copied.index} ({copied.kind})"
    exact = copied.kind == "audio" or copied.codec in EXACT_SUBTITLES
    if copied.kind == "audio":
        _check_sound_times(name, copied.times_s, found.times_s.get(index, array("d")))
    is_counted = copied.kind != "audio" or copied.codec in REFRAMED_AUDIO
    if is_counted and copied.codec not in JOINED_SUBTITLES:
        check_equal(f"packets of {name} are missing", copied.packets, packets)
    if not exact or copied.codec in REFRAMED_AUDIO:
        return False
    digest = found.digests.get(index)
    if copied.packets and (digest is None or digest.digest() != copied.digest.digest()):
        counts = f"{copied.packets} packets were copied, {packets} found"
        raise failed(f"{name} is not the source's, byte for byte", counts)
    return True


def _check_sound_times(name: str, expected: array[float], found: array[float]) -> None:
    """Every packet of sound is heard when it should be."""
    if not len(expected) or not len(found):
        return  # the count or the payloads will tell
    pairs = list(zip(expected, found, strict=False))
    if len(expected) != len(found):  # PCM is cut into other packets
        pairs = pairs[:1]
    for number, (wanted, got) in enumerate(pairs):
        if abs(wanted - got) > SAME_TIME_S:
            times = f"packet {number}: expected {wanted:.3f} s, found {got:.3f} s"
            raise failed(f"{name} is heard at another time", times)
