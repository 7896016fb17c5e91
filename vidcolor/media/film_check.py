"""Compares a coloured film with its source, point by point, going on after a difference."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

import av

from vidcolor.errors import VerificationError
from vidcolor.frames import FieldOrder, MediaInfo
from vidcolor.media.fields import find_fields
from vidcolor.media.metadata import kept_tags
from vidcolor.media.plan import OutputPlan
from vidcolor.media.probe import choose_video, clean_text, first_frame, probe
from vidcolor.media.safety import open_container
from vidcolor.media.target import FIELD_MODES, field_mode
from vidcolor.media.trial import lost_tags, read_back
from vidcolor.media.verify import (
    Tick,
    check_length,
    check_shape,
    check_tags,
    check_times,
    scan,
)
from vidcolor.media.verify_copies import (
    Found,
    check_chapters,
    check_copy,
    check_equal,
    check_files,
    failed,
    match_streams,
)
from vidcolor.media.write_report import WriteReport

Result = Literal["same", "close", "differs", "lost", "unchecked"]
"""``close`` is as near as a lossy codec comes; ``lost`` is what the container has no place for."""


@dataclass(frozen=True, slots=True)
class Point:
    """One thing that was compared."""

    name: str
    result: Result
    detail: str = ""
    is_film_or_sound: bool = False
    """Of what is ``lost``: a film without it is not the same film."""


def attempt(name: str, check: Callable[[], str]) -> Point:
    """The point that ``check`` makes; it returns a detail, or raises `VerificationError`."""
    try:
        return Point(name, "same", check())
    except VerificationError as error:
        return Point(name, "differs", error.difference)
    except av.FFmpegError as error:
        return Point(name, "differs", f"it cannot be read ({error.strerror})")


def check_film(
    plan: OutputPlan,
    report: WriteReport,
    path: Path,
    source: MediaInfo,
    expected_pts: Sequence[int] | array[int],
    tick: Tick,
) -> list[Point]:
    """Compare everything but luma.

    Parameters
    ----------
    plan, report:
        From `vidcolor.media.expectation`; ``report`` also knows when the film ends.
    path:
        The coloured film.
    source, expected_pts:
        Of the film it was made from.
    tick:
        Called for every packet; what it raises ends this.
    """
    points: list[Point] = []
    with open_container(path) as container:
        film = choose_video(container, path)
        found = Found(film.index, {})
        found, matched = _match(plan, report, container, found)
        film = container.streams[found.film]
        points += [
            attempt("picture", lambda: _picture(plan, source, film)),
            matched,
            attempt("chapters", lambda: _chapters(plan, report, container)),
        ]
        scanned = attempt("packets", lambda: _scanned(container, found, tick))
        if scanned.result != "same":
            return [*points, scanned]
        base = source.video.time_base
        points.append(
            attempt("times", lambda: _times(expected_pts, base, found.pts, film.time_base))
        )
        if matched.result == "same":
            length = attempt("length", lambda: _length(plan, report, container, found))
            points += [length, *_copies(found)]
            points.append(attempt("attachments", lambda: _files(plan, report, container, found)))
        else:
            points.append(Point("sound and other streams", "unchecked", "the streams differ"))
    points.append(attempt("colour tags", lambda: _color_tags(plan, source, path)))
    order = field_mode(plan, source.video)
    if order is not None:
        points.append(attempt("fields", lambda: _fields(order, path)))
    points += _file_tags(plan.container, source, path)
    points += [
        Point(s.kind, "lost", s.described, is_film_or_sound=s.kind in ("video", "audio"))
        for s in plan.dropped
    ]
    return points


def _match(
    plan: OutputPlan, report: WriteReport, container: Any, found: Found
) -> tuple[Found, Point]:
    try:
        found, streams = match_streams(plan, report, container)
    except VerificationError as error:
        return found, Point("streams", "differs", error.difference)
    return found, Point("streams", "same", ", ".join(streams))


def _picture(plan: OutputPlan, source: MediaInfo, film: Any) -> str:
    check_shape(plan, source, film)
    return f"{plan.target.width}×{plan.target.height}"


def _chapters(plan: OutputPlan, report: WriteReport, container: Any) -> str:
    check_chapters(plan, report, container)
    return str(report.chapters)


def _scanned(container: Any, found: Found, tick: Tick) -> str:
    scan(container, found, tick)
    return ""


def _times(expected: Sequence[int] | array[int], base: Any, pts: list[int], found_base: Any) -> str:
    error_s = check_times(expected, base, pts, found_base)
    return f"{len(pts)} frames, each within {1000 * error_s:.3f} ms"


def _length(plan: OutputPlan, report: WriteReport, container: Any, found: Found) -> str:
    return f"{check_length(plan, report, container, found):.3f} s"


def _files(plan: OutputPlan, report: WriteReport, container: Any, found: Found) -> str:
    check_files(plan, report, container, found)
    return f"{report.pictures_and_files}, covers included"


def _copies(found: Found) -> list[Point]:
    def compared(index: int) -> str:
        is_exact = check_copy(found, index)
        how = "byte for byte" if is_exact else "counted"
        return f"{found.copies[index].codec}, {found.packets.get(index, 0)} packets {how}"

    return [
        attempt(f"stream {copied.index} ({copied.kind})", partial(compared, index))
        for index, copied in found.copies.items()
    ]


def _color_tags(plan: OutputPlan, source: MediaInfo, path: Path) -> str:
    with open_container(path) as container:
        film = choose_video(container, path)
        check_tags(plan, source, first_frame(container, film, path), film.codec_context)
    color = plan.target.color
    return f"matrix {color.matrix}, primaries {color.primaries}, transfer {color.transfer}"


def _fields(order: FieldOrder, path: Path) -> str:
    """Marks of frames all over the film: other encoders may leave whole frames unmarked, the
    first one too, and the container's own mark tells decoders nothing."""
    info = probe(path)
    of_frames = replace(info, video=replace(info.video, field_order="unknown"))
    found = find_fields(of_frames).marked
    if found is None:
        is_told = FIELD_MODES.get(info.video.field_order) == order
        where = "its container alone is" if is_told else "nor is its container"
        raise failed("its frames are not marked as interlaced", where)
    check_equal("its fields are marked in the other order", order, found)
    return order


def _file_tags(muxer: str, source: MediaInfo, path: Path) -> list[Point]:
    """Title, date and the like, as they are after one turn through the container."""
    wanted = kept_tags(source.metadata)
    lost = [clean_text(name) for name in lost_tags(muxer, wanted)]
    points = [Point("tags", "lost", ", ".join(lost))] if lost else []
    with open_container(path) as container:
        found = {key.lower(): clean_text(value) for key, value in container.metadata.items()}
    expected = kept_tags(read_back(muxer, wanted, {})[0]) if wanted else {}

    def compare() -> str:
        for key, value in expected.items():
            if found.get(key.lower()) != clean_text(value):
                raise failed(
                    f"the file's tag {clean_text(key)} differs",
                    f"expected {clean_text(value)!r}, found {found.get(key.lower())!r}",
                )
        return str(len(expected))

    return [attempt("tags", compare), *points]
