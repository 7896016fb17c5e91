"""Rows of the matrix: subtitles, and the marks of tracks."""

from __future__ import annotations

from tests.matrix.case import Case
from tests.matrix.common import FIRST_IS_DEFAULT, TAGGED
from tests.matrix.filled import with_flags, with_pgs, with_words
from tests.matrix.making import by_pyav

SUBTITLES = (
    Case("srt-mkv", "SubRip", with_words("a.mkv", "srt")),
    Case(
        "srt-mkv-to-mp4",
        "SubRip",
        with_words("a.mkv", "srt"),
        ".mp4",
        options=("-o", "out.mp4"),
        changes={f"stream {n}": "srt subtitles to mov_text" for n in (1, 2)},
    ),
    Case(
        "ass-mkv",
        "ASS, with a font",
        by_pyav("a.mkv", subtitles=("ass",), attachment=True, color=TAGGED),
    ),
    Case(
        "ass-mkv-to-mov",
        "ASS, with a font",
        by_pyav("a.mkv", subtitles=("ass",), attachment=True, color=TAGGED),
        ".mov",
        options=("-o", "out.mov"),
        dropped=(2,),
        changes={
            "stream 1": "ssa subtitles to mov_text",
            "attachments": "drop: stream 2: attachment of kind font.ttf",
            "stream 2": "drop: stream 2: attachment of kind font.ttf",
        },
        documented={"flags 1": FIRST_IS_DEFAULT},
    ),
    Case("webvtt-mkv", "WebVTT", by_pyav("a.mkv", subtitles=("webvtt",), color=TAGGED)),
    Case("webvtt-webm", "WebVTT", with_words("a.webm", "webvtt", codec="libvpx", b__v="2M")),
    Case("mov_text-mp4", "MP4's own text", with_words("a.mp4", "mov_text"), ".mp4"),
    Case(
        "mov_text-mp4-archive",
        "MP4's own text",
        with_words("a.mp4", "mov_text"),
        preset="archive",
        changes={f"stream {n}": "mov_text subtitles to subrip" for n in (1, 2)},
    ),
    Case("mov_text-mov", "QuickTime's own text", with_words("a.mov", "mov_text"), ".mov"),
    Case("pgs-mkv", "PGS", with_pgs("a.mkv", "copy")),
    Case("pgs-m2ts", "PGS, Blu-ray", with_pgs("a.m2ts", "copy", sound=("ac3",))),
    Case(
        "pgs-to-mp4",
        "PGS into MP4",
        with_pgs("a.mkv", "copy"),
        ".mp4",
        options=("-o", "out.mp4"),
        dropped=(1,),
        changes={"stream 1": "drop: stream 1: subtitle of kind pgssub"},
    ),
    Case(
        "pgs-prores",
        "PGS into MOV",
        with_pgs("a.mkv", "copy"),
        ".mov",
        preset="prores",
        luma="close",
        pixels="yuv422p10le",
        dropped=(1,),
        changes={"stream 1": "drop: stream 1: subtitle of kind"},
    ),
    Case("dvdsub-mkv", "DVD subtitles", with_pgs("a.mkv", "dvdsub")),
    Case(
        "dvdsub-vob",
        "DVD subtitles, program stream",
        with_pgs("a.vob", "dvdsub", codec="mpeg2video", qscale__v="2"),
    ),
    Case("dvdsub-mp4", "DVD subtitles", with_pgs("a.mp4", "dvdsub"), ".mp4"),
    Case(
        "dvbsub-ts",
        "DVB subtitles",
        with_pgs("a.ts", "dvbsub"),
        told=("had a time that ran backwards",),
    ),
    Case(
        "subtitles-late-mkv",
        "SubRip, ASS; start at 10 s",
        by_pyav("a.mkv", subtitles=("srt", "ass"), start_pts=250, audio=1, color=TAGGED),
    ),
)

FLAGS = (
    Case(
        "flags-mkv",
        "default, forced, comment, original, for the deaf, for the blind",
        with_flags("a.mkv"),
    ),
    Case(
        "flags-mkv-to-mp4",
        "the same into MP4",
        with_flags("a.mkv"),
        ".mp4",
        options=("-o", "out.mp4"),
        changes={f"stream {n}": "srt subtitles to mov_text" for n in (3, 4)}
        | {"flags 1": "MP4 has no place for its marks original"},
    ),
    Case(
        "flags-mkv-to-mov",
        "the same into MOV",
        with_flags("a.mkv"),
        ".mov",
        options=("-o", "out.mov"),
        changes={f"stream {n}": "srt subtitles to mov_text" for n in (3, 4)}
        | {f"flags {n}": f"stream {n}: MOV has no place for its marks" for n in (1, 2, 4)},
    ),
    Case(
        "flags-mp4-to-mkv",
        "flags of MP4",
        with_flags("a.mp4", text="mov_text"),
        options=("-o", "out.mkv"),
        changes={f"stream {n}": "mov_text subtitles to subrip" for n in (3, 4)},
    ),
)

CASES = (
    *SUBTITLES,
    *FLAGS,
)
