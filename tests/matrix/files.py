"""Rows of the matrix: chapters, attachments, covers, time codes, tags, second films."""

from __future__ import annotations

from fractions import Fraction

from tests.matrix.case import CHAPTER_TRACK, TIMECODE_TRACK, Case
from tests.matrix.common import FIRST_IS_DEFAULT, TAGGED
from tests.matrix.filled import with_attachment, with_chapters, with_file, with_pgs
from tests.matrix.making import by_ffmpeg, by_pyav, remuxed
from tests.matrix.parts import write_bare_chapters, write_cover, write_font, write_jpeg_cover

FILES = (
    Case("chapters-mkv", "chapters, tags", with_chapters("a.mkv")),
    Case("chapters-mp4", "chapters, tags", with_chapters("a.mp4"), ".mp4", told=(CHAPTER_TRACK,)),
    Case("chapters-mov", "chapters, tags", with_chapters("a.mov"), ".mov", told=(CHAPTER_TRACK,)),
    Case(
        "chapters-mp4-archive",
        "chapters, tags",
        with_chapters("a.mp4"),
        preset="archive",
        told=(CHAPTER_TRACK,),
    ),
    Case(
        "chapters-mkv-to-mp4",
        "chapters, tags",
        with_chapters("a.mkv"),
        ".mp4",
        options=("-o", "out.mp4"),
    ),
    Case(
        "chapters-bare-mkv",
        "chapters without titles, from 0.08 s",
        with_chapters("a.mkv", write_bare_chapters),
    ),
    Case(
        "chapters-bare-mkv-to-mp4",
        "chapters without titles, from 0.08 s",
        with_chapters("a.mkv", write_bare_chapters),
        ".mp4",
        options=("-o", "out.mp4"),
    ),
    Case(
        "everything-mkv-archive",
        "two tracks of sound and of text, marks, chapters, a font, uneven times",
        by_pyav(
            "a.mkv",
            audio=2,
            subtitles=("srt", "ass"),
            chapters=True,
            attachment=True,
            color=TAGGED,
            vfr=True,
            rotation=90,
            sar=Fraction(4, 3),
        ),
        preset="archive",
    ),
    Case(
        "everything-mkv-to-mp4",
        "the same into MP4",
        by_pyav(
            "a.mkv",
            audio=2,
            subtitles=("srt", "ass"),
            chapters=True,
            attachment=True,
            color=TAGGED,
            vfr=True,
            rotation=90,
            sar=Fraction(4, 3),
        ),
        ".mp4",
        options=("-o", "out.mp4"),
        dropped=(5,),
        changes={
            "stream 3": "srt subtitles to mov_text",
            "stream 4": "ssa subtitles to mov_text",
            "stream 5": "drop: stream 5: attachment",
            "attachments": "drop: stream 5: attachment",
        },
        documented={"flags 1": FIRST_IS_DEFAULT, "flags 3": FIRST_IS_DEFAULT},
    ),
    Case(
        "attachment-mkv",
        "a font",
        with_attachment("a.mkv", write_font, "font.ttf", "application/x-truetype-font"),
    ),
    Case(
        "attachment-to-mp4",
        "a font into MP4",
        with_attachment("a.mkv", write_font, "font.ttf", "application/x-truetype-font"),
        ".mp4",
        options=("-o", "out.mp4"),
        dropped=(1,),
        changes={
            "stream 1": "drop: stream 1: attachment",
            "attachments": "drop: stream 1: attachment",
        },
    ),
    Case(
        "cover-png-mkv",
        "cover as an attachment",
        with_attachment("a.mkv", write_cover, "cover.png", "image/png"),
    ),
    Case(
        "cover-png-mp4",
        "cover",
        with_file(
            "a.mp4",
            write_cover,
            "cover.png",
            "1:v",
            c__v__1="copy",
            disposition__v__1="attached_pic",
        ),
        ".mp4",
    ),
    Case(
        "cover-jpg-mp4-archive",
        "cover",
        with_file(
            "a.mp4",
            write_jpeg_cover,
            "cover.jpg",
            "1:v",
            c__v__1="copy",
            disposition__v__1="attached_pic",
        ),
        preset="archive",
    ),
    Case(
        "cover-jpg-mp4-to-mov",
        "cover into MOV",
        with_file(
            "a.mp4",
            write_jpeg_cover,
            "cover.jpg",
            "1:v",
            c__v__1="copy",
            disposition__v__1="attached_pic",
        ),
        ".mov",
        options=("-o", "out.mov"),
        dropped=(1,),
        changes={"covers": "MOV cannot hold cover art", "stream 1": "MOV cannot hold cover art"},
    ),
    Case(
        "timecode-mov",
        "time code",
        by_ffmpeg("a.mov", timecode="01:02:03:04"),
        ".mov",
        told=(TIMECODE_TRACK,),
    ),
    Case(
        "timecode-mp4",
        "time code",
        by_ffmpeg("a.mp4", timecode="10:00:00:00", sound=("aac",)),
        ".mp4",
        told=(TIMECODE_TRACK,),
    ),
    Case(
        "timecode-drop-mov",
        "time code, drop frame",
        by_ffmpeg("a.mov", rate="30000/1001", timecode="00:59:59;28"),
        ".mov",
        told=(TIMECODE_TRACK,),
    ),
    Case(
        "timecode-mov-archive",
        "time code",
        by_ffmpeg("a.mov", timecode="01:02:03:04"),
        preset="archive",
        told=(TIMECODE_TRACK,),
    ),
    Case(
        "timecode-mxf",
        "time code",
        by_ffmpeg(
            "a.mxf",
            codec="mpeg2video",
            pix_fmt="yuv422p",
            qscale__v="2",
            size="720x576",
            frames=3,
            timecode="09:00:00:00",
        ),
        pixels="yuv422p",
    ),
    Case("timecode-mkv", "time code as a tag", by_ffmpeg("a.mkv", metadata="timecode=01:00:00:00")),
    Case(
        "data-ts",
        "a stream of unknown data",
        with_pgs("a.ts", "copy"),
        dropped=(1,),
        changes={"stream 1": "drop: stream 1: data of kind bin_data"},
    ),
    Case(
        "data-ts-archive",
        "a stream of unknown data",
        with_pgs("a.ts", "copy"),
        preset="archive",
        refused=(24, "data of kind bin_data cannot be copied into Matroska"),
    ),
    Case(
        "second-film-mp4",
        "two pictures",
        with_file(
            "a.mp4", write_cover, "cover.png", "1:v", c__v__1="libx264", pix_fmt__v__1="yuv420p"
        ),
        ".mp4",
        told=("2 video streams",),
    ),
    Case(
        "second-film-mkv",
        "two pictures, the second in MPEG-4",
        remuxed(
            by_ffmpeg("a.mkv", sound=("aac",), size="96x64"),
            "a.mkv",
            *(
                "-i",
                "{source}",
                "-map",
                "0",
                "-map",
                "0:0",
                "-c",
                "copy",
                "-c:v:1",
                "mpeg4",
                "-s:v:1",
                "32x32",
            ),
        ),
        told=("2 video streams",),
    ),
    Case(
        "tags-mkv",
        "tags of our own",
        by_ffmpeg(
            "a.mkv",
            metadata=["title=Film", "my_key=my value", "date_released=1931"],
            metadata__s__v__0=["title=Bild", "language=ger", "grain=coarse"],
        ),
    ),
    Case(
        "tags-mp4",
        "common tags",
        by_ffmpeg(
            "a.mp4",
            metadata=[
                "title=Film",
                "artist=Somebody",
                "date=1931",
                "comment=A note",
                "genre=Drama",
            ],
        ),
        ".mp4",
    ),
    Case(
        "tags-mkv-to-mp4",
        "tags of our own into MP4",
        by_ffmpeg("a.mkv", metadata=["title=Film", "my_key=my value"]),
        ".mp4",
        options=("-o", "out.mp4"),
        changes={"tag my_key": "MP4 does not keep the file's tags MY_KEY"},
    ),
    Case(
        "tags-mov",
        "common tags",
        by_ffmpeg("a.mov", metadata=["title=Film", "comment=A note"]),
        ".mov",
    ),
    Case(
        "creation-time-mp4",
        "creation time",
        by_ffmpeg("a.mp4", metadata="creation_time=1999-12-31T23:59:59.000000Z"),
        ".mp4",
    ),
    Case(
        "language-mkv-to-mov",
        "Swedish and Basque into MOV",
        by_ffmpeg(
            "a.mkv",
            sound=("aac", "aac"),
            metadata__s__a__0="language=swe",
            metadata__s__a__1="language=baq",
        ),
        ".mov",
        options=("-o", "out.mov"),
        documented={"language 1": "Swedish as `sve`"},
    ),
)

CASES = (*FILES,)
