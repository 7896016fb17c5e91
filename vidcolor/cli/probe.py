"""``vidcolor probe``: what is in a file, and how it would be read."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from typing import TYPE_CHECKING, Annotated

import typer

from vidcolor.cli import options
from vidcolor.cli.console import clock, plain, print_json, report_grid, stdout
from vidcolor.cli.session import session

if TYPE_CHECKING:
    from vidcolor.frames import ColorTags, FieldReport, MediaInfo, StreamInfo, VideoInfo

CHROMA_NAMES = {(0, 0): "4:4:4", (1, 0): "4:2:2", (1, 1): "4:2:0", (2, 0): "4:1:1", (2, 2): "4:1:0"}
"""Names of subsampling, by log2 of its horizontal and vertical step."""

TAG_NAMES = {
    "matrix": {0: "RGB", 1: "BT.709", 2: "unspecified", 5: "BT.601", 6: "BT.601", 9: "BT.2020"},
    "primaries": {
        1: "BT.709",
        2: "unspecified",
        5: "BT.601 625",
        6: "BT.601 525",
        9: "BT.2020",
    },
    "transfer": {
        1: "BT.709",
        2: "unspecified",
        6: "BT.601",
        13: "sRGB",
        14: "BT.2020 10 bit",
        15: "BT.2020 12 bit",
        16: "PQ",
        18: "HLG",
    },
}
"""Names of the common code points of ITU-T H.273."""


def probe(
    file: Annotated[
        str, typer.Argument(metavar="FILE", help="A film or an image sequence.", show_default=False)
    ],
    as_json: Annotated[
        bool, typer.Option("--json", metavar="", help="Everything, as one JSON object.")
    ] = False,
    limit: options.Limit = None,
) -> None:
    """Show what is in a film: picture, colour tags, streams, chapters, metadata."""
    with session():
        from vidcolor.cli.settings import given_limits
        from vidcolor.media import probe as media_probe
        from vidcolor.media.fields import find_fields
        from vidcolor.media.safety import limits_in_force

        with limits_in_force(given_limits(limit)):
            info = media_probe.probe(file)
            fields = None if media_probe.is_sequence_pattern(file) else find_fields(info)
        if as_json:
            print_json({"info": info, "fields": fields})
        else:
            stdout().print(plain(info.path, "bold"), soft_wrap=True)
            report_grid(info_rows(info, fields))


def info_rows(info: MediaInfo, fields: FieldReport | None) -> Iterable[tuple[str, str]]:
    """(name, value) of each line; a name is empty when it repeats."""
    from vidcolor.media.fields import described

    yield "container", f"{info.container}, {info.size_bytes:,} bytes"
    yield "duration", f"{_seconds(info.duration_from_header_s)} (from the header)"
    yield from _video_rows(info.video)
    if fields is not None:
        yield "fields", described(fields)
    name = "streams"
    for stream in info.streams:
        yield name, _stream(stream)
        name = ""
    yield "chapters", str(info.num_chapters)
    name = "metadata"
    for key, value in info.metadata.items():
        yield name, f"{key} = {value}"
        name = ""
    name = "notice"
    for notice in info.notices:
        yield name, notice
        name = ""


def _video_rows(video: VideoInfo) -> Iterable[tuple[str, str]]:
    width, height = video.display_size
    shape = f"{video.width}×{video.height} stored, {width}×{height} shown"
    if video.sample_aspect_ratio != 1:
        shape += f", sample aspect ratio {_ratio(video.sample_aspect_ratio)}"
    if video.rotation:
        shape += f", rotated by {video.rotation}°"
    if video.mirrored:
        shape += ", mirrored"
    yield "picture", f"{video.codec}, {shape}"
    yield "samples", _samples(video)
    yield "colour", color_line(video.color)
    rate = f"{float(video.average_rate):.3f} fps on average" if video.average_rate else "no rate"
    count = video.num_frames_from_header
    frames = f"{count} frames" if count else "unknown number of frames"
    yield "timing", f"{rate}, {frames} (from the header), time base {video.time_base}"


def _samples(video: VideoInfo) -> str:
    layout = video.layout
    if layout.is_rgb:
        kind = "RGB: luma will be computed"
    elif layout.subsampling is None:
        kind = "grey"
    else:
        kind = CHROMA_NAMES.get(layout.subsampling, f"subsampling {layout.subsampling}")
    alpha = ", alpha" if layout.has_alpha else ""
    full = "full" if video.color.full_range else "limited"
    return f"{layout.name}: {layout.bit_depth} bit, {kind}{alpha}, {full} range"


def color_line(color: ColorTags) -> str:
    """The colour tags in words; those that were guessed are marked."""
    parts = []
    for field, names in TAG_NAMES.items():
        code = getattr(color, field)
        guess = " (guessed)" if field in color.guessed else ""
        parts.append(f"{field} {names.get(code, f'code {code}')}{guess}")
    return ", ".join(parts)


def _stream(stream: StreamInfo) -> str:
    extras = [stream.language, stream.title, *stream.dispositions]
    if stream.is_cover_art:
        extras.append("cover art")
    known = ", ".join(part for part in (stream.detail, *extras) if part)
    return f"#{stream.index} {stream.kind} {stream.codec}" + (f": {known}" if known else "")


def _ratio(value: Fraction) -> str:
    return f"{value.numerator}:{value.denominator}"


def _seconds(value: float | None) -> str:
    return "unknown" if value is None else f"{clock(value)} ({value:.3f} s)"
