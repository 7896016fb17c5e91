"""How an output differs from its source, fact by fact."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from fractions import Fraction

import numpy as np
from av.video.format import VideoFormat

from tests.matrix.case import Luma
from tests.matrix.second_reader import Facts, Film, Packet, Stream

MILLISECOND = Fraction(1, 1000)
"""What Matroska counts in."""

LEAST_PSNR_DB = 35.0
"""Of luma from a lossy encoder, frame by frame."""

MOST_SHOWN_ERROR = 4.0
"""Mean difference in grey codes of pictures that are shown the same way."""

NEW_SITING = ("left", "unspecified")
"""Where the new chroma lies; players take what is not specified for left."""

STRUCTURAL_TAGS = frozenset(
    {
        *("encoder", "major_brand", "minor_version", "compatible_brands", "vendor_id", "duration"),
        *("handler_name", "language", "title", "name", "timecode", "filename", "mimetype"),
    }
)
"""Tags that say how a file is written, or that are compared by themselves."""

Difference = tuple[str, str]
"""What differs (a key of `Case.changes`), and how."""


def differences(
    source: Facts, output: Facts, *, film: int, luma: Luma, dropped: tuple[int, ...] = ()
) -> Iterator[Difference]:
    """All that is not the same in both.

    Parameters
    ----------
    film:
        Index of the stream of the source that was coloured.
    dropped:
        Streams of the source that the output need not have; each is a difference.
    """
    yield from _film_differences(source.film, output.film, output.container, luma)
    yield from _track_differences(source, output, film, dropped)
    yield from _file_differences(source, output)


def _film_differences(
    source: Film, output: Film, container: str, luma: Luma
) -> Iterator[Difference]:
    if len(source.times) != len(output.times):
        yield "frames", f"{len(source.times)} became {len(output.times)}"
        return
    if luma != "other" and source.size != output.size:
        yield "size", f"{source.size} became {output.size}"
        return
    tolerance = MILLISECOND / 2 if container.startswith("matroska") else Fraction(0)
    if late := _largest_error(source.times, output.times, tolerance):
        yield "times", late
    if abs(output.sar / source.sar - 1) > Fraction(1, 100):
        yield "sar", f"{source.sar} became {output.sar}"
    for name in ("rotation", "fields"):
        before, after = getattr(source, name), getattr(output, name)
        if before != after:
            yield name, f"{before} became {after}"
    if how := _shown_difference(source, output):
        yield "shown", how
    if output.siting not in NEW_SITING:  # whatever the source's: its chroma is not kept
        yield "siting", output.siting
    alpha = [VideoFormat(film.pix_fmt).components[-1].is_alpha for film in (source, output)]
    if alpha[0] != alpha[1]:
        yield "alpha", f"{source.pix_fmt} became {output.pix_fmt}"
    names = ("range", "matrix", "primaries", "transfer")
    for name, before, after in zip(names, source.color, output.color, strict=True):
        if before != after:
            yield name, f"{before} became {after}"
    yield from _luma_differences(source, output, luma)


def _largest_error(
    before: list[Fraction | None], after: list[Fraction | None], tolerance: Fraction
) -> str:
    for number, (wanted, found) in enumerate(zip(before, after, strict=True)):
        if wanted is None or found is None or abs(wanted - found) > tolerance:
            return f"{number} at {_seconds(wanted)} became {_seconds(found)}"
    return ""


def _seconds(time: Fraction | None) -> str:
    return "no time" if time is None else f"{float(time):.6f} s"


def _shown_difference(source: Film, output: Film) -> str:
    """The rotation's angle says nothing of a mirror, and another program may read it otherwise."""
    if source.shown is None or output.shown is None:
        return "" if source.shown is output.shown else "one has a display matrix, the other none"
    error = float(np.abs(source.shown.astype(int) - output.shown).mean())
    return f"{error:.1f} codes on average" if error > MOST_SHOWN_ERROR else ""


def _luma_differences(source: Film, output: Film, luma: Luma) -> Iterator[Difference]:
    if luma == "other":
        return
    bits = [VideoFormat(film.raw_format).components[0].bits for film in (source, output)]
    shift = bits[1] - bits[0]
    if shift and luma == "exact":
        yield "depth", f"{bits[0]} bits became {bits[1]}"
        return
    for number, (before, after) in enumerate(zip(source.luma, output.luma, strict=True)):
        wanted = before.astype(np.int64) << max(0, shift)
        found = after.astype(np.int64) << max(0, -shift)
        if luma == "close":
            error = float(np.mean((wanted - found) ** 2))
            psnr = 10 * np.log10((2.0 ** max(bits) - 1) ** 2 / max(error, 1e-9))
            if psnr < LEAST_PSNR_DB:
                yield "luma", f"{psnr:.1f} dB in frame {number}"
                return
        elif not np.array_equal(wanted, found):
            worst = int(np.abs(wanted - found).max())
            yield "luma", f"frame {number} differs by up to {worst} codes"
            return


def _is_carrier(stream: Stream, facts: Facts) -> bool:
    """Whether it is QuickTime's way to write chapters or a time code."""
    in_mov = facts.container.startswith("mov")
    return in_mov and stream.kind == "data" and stream.codec in ("none", "bin_data")


def _tracks(facts: Facts) -> list[Stream]:
    return [
        stream
        for stream in facts.streams
        if stream.kind != "attachment"
        and "attached pic" not in stream.flags
        and not _is_carrier(stream, facts)
    ]


def _track_differences(
    source: Facts, output: Facts, film: int, dropped: tuple[int, ...]
) -> Iterator[Difference]:
    before = _tracks(source)
    for stream in source.streams:
        if stream.index in dropped:
            yield f"stream {stream.index}", f"{stream.kind} {stream.codec} is missing"
    kept = [stream for stream in before if stream.index not in dropped]
    after = _tracks(output)
    if [s.kind for s in kept] != [s.kind for s in after]:
        yield "streams", f"{_kinds(kept)} became {_kinds(after)}"
        return
    tolerance = MILLISECOND
    for old, new in zip(kept, after, strict=True):
        if old.index != film:
            if how := _packet_difference(old, new, tolerance):
                yield f"stream {old.index}", how
            if old.flags != new.flags:
                yield f"flags {old.index}", f"{sorted(old.flags)} became {sorted(new.flags)}"
        yield from _stream_tag_differences(old, new)


def _kinds(streams: list[Stream]) -> str:
    return "+".join(f"{stream.kind}:{stream.codec}" for stream in streams)


def _packet_difference(old: Stream, new: Stream, tolerance: Fraction) -> str:
    # MP4 tells MPEG audio layers apart only in the packets themselves.
    families = ["mp3" if each.codec in ("mp1", "mp2") else each.codec for each in (old, new)]
    if families[0] != families[1]:
        return f"{old.codec} became {new.codec}"
    if old.payload != new.payload:
        return f"other packets ({len(old.packets)} and {len(new.packets)})"
    before, after = _times(old.packets), _times(new.packets)
    if len(before) != len(after):  # PCM is cut into other packets
        before, after = before[:1], after[:1]
    return _largest_error(before, after, tolerance)


def _times(packets: list[Packet]) -> list[Fraction | None]:
    return [packet.pts for packet in packets]


def _stream_tag_differences(old: Stream, new: Stream) -> Iterator[Difference]:
    language = [stream.tags.get("language", "und") for stream in (old, new)]
    if language[0] != language[1]:
        yield f"language {old.index}", " became ".join(language)
    title = [stream.tags.get("title", stream.tags.get("name", "")) for stream in (old, new)]
    if title[0] != title[1]:
        yield f"title {old.index}", " became ".join(map(repr, title))
    for key, value in _compared(old.tags).items():
        if new.tags.get(key) != value:
            yield f"tags {old.index}", f"{key}={value!r} became {new.tags.get(key)!r}"


def _compared(tags: dict[str, str]) -> dict[str, str]:
    return {
        key: value
        for key, value in tags.items()
        if key not in STRUCTURAL_TAGS and not key.startswith(("_statistics", "duration-", "bps"))
    }


def _file_differences(source: Facts, output: Facts) -> Iterator[Difference]:
    for key, value in {**_compared(source.tags), "title": source.tags.get("title")}.items():
        if value is not None and output.tags.get(key) != value:
            yield f"tag {key}", f"{value!r} became {output.tags.get(key)!r}"
    codes = [_timecode(facts) for facts in (source, output)]
    if codes[0] != codes[1]:
        yield "timecode", f"{codes[0]} became {codes[1]}"
    if len(source.chapters) != len(output.chapters):
        yield "chapters", f"{len(source.chapters)} became {len(output.chapters)}"
    else:
        for old, new in zip(source.chapters, output.chapters, strict=True):
            moved = max(abs(a - b) for a, b in zip(old[:2], new[:2], strict=True))
            if moved > MILLISECOND or old[2] != new[2]:
                yield "chapters", f"{_chapter(old)} became {_chapter(new)}"
                break
    files = [sorted(_attachments(facts)) for facts in (source, output)]
    if files[0] != files[1]:
        yield "attachments", f"{_names(files[0])} became {_names(files[1])}"
    covers = [sorted(_covers(facts)) for facts in (source, output)]
    if covers[0] != covers[1]:
        yield "covers", f"{len(covers[0])} became {len(covers[1])}, or others"


def _timecode(facts: Facts) -> str | None:
    found = [facts.tags, *(stream.tags for stream in facts.streams)]
    return next((tags["timecode"] for tags in found if "timecode" in tags), None)


def _chapter(chapter: tuple[Fraction, Fraction, str]) -> str:
    return f"{float(chapter[0]):.3f}–{float(chapter[1]):.3f} {chapter[2]!r}"


def _attachments(facts: Facts) -> Iterator[tuple[str, str, str]]:
    for stream in facts.streams:
        if stream.kind == "attachment":
            yield stream.tags.get("filename", ""), stream.tags.get("mimetype", ""), stream.header


def _names(files: list[tuple[str, str, str]]) -> list[str]:
    return [name for name, _, _ in files]


def _covers(facts: Facts) -> Iterator[str]:
    covers = (stream for stream in facts.streams if "attached pic" in stream.flags)
    return itertools.chain.from_iterable((p.digest for p in stream.packets) for stream in covers)
