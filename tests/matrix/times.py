"""Rows of the matrix about times: rates, gaps, offsets, edit lists, orders, shapes in motion."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

from tests.matrix.case import NO_TAGS, Case, Maker
from tests.matrix.common import FIRST_IS_DEFAULT, TAGGED, UNTAGGED
from tests.matrix.making import by_ffmpeg, by_pyav, remuxed

DERIVED = "came without a time"
NO_TIMES = "the file holds no times"

UNEVEN_MS = (0, 40, 57, 140, 173, 293, 334, 335, 400, 1000)

DEEP_GOP = "keyint=6:min-keyint=6:bframes=3:b-pyramid=normal:scenecut=0"

OPEN_GOP_HEVC = {
    "x265-params": "lossless=1:log-level=none:keyint=6:min-keyint=6:open-gop=1:bframes=3"
}


def uneven(name: str, **facts: object) -> Maker:
    """A film of ten frames at uneven times."""
    given = {"pts": UNEVEN_MS, "time_base": Fraction(1, 1000), "color": TAGGED, **facts}
    return by_pyav(name, **given)


def turned(name: str, degrees: int, **options: object) -> Maker:
    """A film with a display matrix."""
    plain = by_ffmpeg(f"plain{Path(name).suffix}", **options)  # type: ignore[arg-type]
    arguments = ("-display_rotation", str(degrees), "-i", "{source}", "-map", "0", "-c", "copy")
    return remuxed(plain, name, *arguments)


def glued(folder: Path) -> Path:
    """Two recordings in one transport stream; the second sets the clock back."""
    parts = [
        by_ffmpeg(f"{name}.ts", codec="mpeg2video", qscale__v="2", sound=("mp2",), frames=50)(
            folder
        )
        for name in ("one", "two")
    ]
    path = folder / "a.ts"
    path.write_bytes(b"".join(part.read_bytes() for part in parts))
    for part in parts:
        part.unlink()
    return path


def early(name: str) -> Maker:
    """A film before 0: the clock of a transport stream runs over after 95443.7 s."""
    offset = ("-output_ts_offset", "95442", "-muxdelay", "0")
    return remuxed(by_ffmpeg("a.mp4", frames=30), name, "-i", "{source}", "-c", "copy", *offset)


RATES = (
    Case(
        "rate-23.976-mp4",
        "24000/1001",
        by_ffmpeg("a.mp4", rate="24000/1001", sound=("aac",)),
        ".mp4",
    ),
    Case(
        "rate-29.97-mkv",
        "30000/1001 in milliseconds",
        by_ffmpeg("a.mkv", rate="30000/1001", sound=("flac",)),
    ),
    Case(
        "rate-59.94-ts",
        "60000/1001",
        by_ffmpeg("a.ts", rate="60000/1001", codec="mpeg2video", qscale__v="2"),
    ),
    Case("rate-1-mp4", "1 per second", by_ffmpeg("a.mp4", rate=1, frames=4), ".mp4"),
    Case(
        "rate-18-mov",
        "18 per second",
        by_ffmpeg("a.mov", rate=18, video_track_timescale="18"),
        ".mov",
    ),
    Case("rate-240-mp4", "240 per second", by_ffmpeg("a.mp4", rate=240), ".mp4"),
    Case("rate-1000-mkv", "1000 per second, Matroska's limit", by_ffmpeg("a.mkv", rate=1000)),
    Case(
        "vfr-mp4", "uneven times, B-frames", uneven("a.mp4", options={"preset": "veryfast"}), ".mp4"
    ),
    Case("vfr-mkv", "uneven times", uneven("a.mkv", audio=1)),
    Case(
        "vfr-mkv-to-mp4",
        "uneven times",
        uneven("a.mkv", audio=1),
        ".mp4",
        options=("-o", "out.mp4"),
        documented={"flags 1": FIRST_IS_DEFAULT},
    ),
    Case(
        "vfr-mov-prores",
        "uneven times",
        uneven("a.mov"),
        ".mov",
        preset="prores",
        luma="close",
        pixels="yuv422p10le",
    ),
    Case(
        "vfr-10bit-hevc",
        "uneven times, 10 bit",
        uneven(
            "a.mp4",
            codec="libx265",
            pix_fmt="yuv420p10le",
            options={"x265-params": "log-level=none:bframes=3"},
        ),
        ".mp4",
        pixels="yuv420p10le",
    ),
    Case(
        "vfr-fine-mp4-to-mkv",
        "1/90000 s into milliseconds",
        uneven("a.mp4", pts=[0, 3003, 9009, 10000, 30001], frames=5, time_base=Fraction(1, 90000)),
        options=("-o", "out.mkv"),
    ),
    Case(
        "vfr-archive",
        "uneven times, B-frames",
        uneven("a.mp4", options={"preset": "veryfast"}),
        preset="archive",
    ),
    Case("one-frame-mp4", "a single frame", by_ffmpeg("a.mp4", frames=1), ".mp4"),
    Case("one-frame-mkv", "a single frame", by_ffmpeg("a.mkv", frames=1)),
    Case("hole-mkv", "a gap of 4 s", uneven("a.mkv", pts=[0, 40, 80, 4000, 4040], frames=5)),
)

STARTS = (
    Case("start-10s-mkv", "start at 10 s", by_pyav("a.mkv", start_pts=250, audio=1, color=TAGGED)),
    Case(
        "start-10s-mp4",
        "start at 10 s: an empty edit",
        by_pyav("a.mp4", start_pts=250, color=TAGGED),
        ".mp4",
    ),
    Case(
        "start-mov-archive",
        "start at 0.4 s: an empty edit",
        by_pyav("a.mov", start_pts=10, color=TAGGED),
        preset="archive",
    ),
    Case(
        "start-ts-mp4",
        "start at 1.4 s, into MP4",
        by_ffmpeg("a.ts", sound=("mp2",)),
        ".mp4",
        options=("-o", "out.mp4"),
        documented={"flags 1": FIRST_IS_DEFAULT},
    ),
    Case(
        "start-negative-ts",
        "start before 0",
        early("a.ts"),
        refused=(27, "frame 0 is shown at -1.718 s, before 0"),
    ),
    Case(
        "edit-list-mp4",
        "an edit list hides 5 frames and sound",
        remuxed(
            by_ffmpeg("a.mp4", frames=20, sound=("aac",), **{"x264-params": DEEP_GOP}),
            "a.mp4",
            *("-ss", "0.2", "-i", "{source}", "-c", "copy"),
        ),
        ".mp4",
    ),
    Case(
        "edit-list-mp4-to-mkv",
        "an edit list hides 5 frames and sound",
        remuxed(
            by_ffmpeg("a.mp4", frames=20, sound=("aac",), **{"x264-params": DEEP_GOP}),
            "a.mp4",
            *("-ss", "0.2", "-i", "{source}", "-c", "copy"),
        ),
        options=("-o", "out.mkv"),
        changes={"stream 1": "were hidden by the source"},
    ),
    Case(
        "edit-list-mov-10bit",
        "an edit list hides 5 frames, 10 bit",
        remuxed(
            by_ffmpeg("a.mov", frames=20, pix_fmt="yuv420p10le", **{"x264-params": DEEP_GOP}),
            "a.mov",
            *("-ss", "0.2", "-i", "{source}", "-c", "copy"),
        ),
        ".mov",
        pixels="yuv420p10le",
    ),
    Case(
        "glued-ts",
        "the clock is set back",
        glued,
        changes=dict.fromkeys(("times", "stream 1"), "clock was set back"),
    ),
)

NO_PTS = (
    Case("no-pts-h264", "raw H.264 with B-frames", by_ffmpeg("a.h264"), told=(NO_TIMES, DERIVED)),
    Case(
        "no-pts-hevc",
        "raw HEVC, 10 bit",
        by_ffmpeg("a.hevc", codec="libx265", pix_fmt="yuv420p10le"),
        told=(NO_TIMES, DERIVED),
        pixels="yuv420p10le",
    ),
    Case(
        "no-pts-m4v",
        "raw MPEG-4 with B-frames",
        by_ffmpeg("a.m4v", f="m4v", codec="mpeg4", bf="2", qscale__v="2"),
        changes=UNTAGGED,
    ),
    Case(
        "no-pts-m2v",
        "raw MPEG-2 with B-frames",
        by_ffmpeg("a.m2v", codec="mpeg2video", bf="2", qscale__v="2"),
        changes={"times": NO_TIMES},
    ),
    Case(
        "no-pts-avi-mpeg4",
        "AVI, MPEG-4 with B-frames",
        by_ffmpeg("a.avi", codec="mpeg4", bf="2", qscale__v="2", tags="", sound=("libmp3lame",)),
        told=(DERIVED,),
        changes=UNTAGGED,
    ),
    Case(
        "no-pts-avi-h264",
        "AVI, H.264 with B-frames",
        by_ffmpeg("a.avi", **{"x264-params": DEEP_GOP}),
        told=(DERIVED,),
    ),
    Case(
        "no-pts-mjpeg",
        "raw Motion JPEG",
        by_ffmpeg("a.mjpeg", codec="mjpeg", pix_fmt="yuvj420p", tags="range=pc", qscale__v="2"),
        told=(NO_TIMES,),
        pixels="yuvj420p",
        changes={"primaries": NO_TAGS, "transfer": NO_TAGS},
    ),
)

ORDERS = (
    Case(
        "open-gop-h264",
        "open GOPs, pyramid",
        by_ffmpeg("a.mkv", frames=20, **{"x264-params": f"{DEEP_GOP}:open-gop=1"}),
    ),
    Case(
        "open-gop-hevc",
        "open GOPs",
        by_ffmpeg(
            "a.mp4",
            codec="libx265",
            frames=20,
            **OPEN_GOP_HEVC,
        ),
        ".mp4",
    ),
    Case(
        "open-gop-cut-ts",
        "begins within an open GOP",
        remuxed(
            by_ffmpeg("a.ts", codec="mpeg2video", bf="2", g="6", qscale__v="2", frames=30),
            "a.ts",
            *("-ss", "0.5", "-i", "{source}", "-c", "copy", "-copyts"),
        ),
    ),
    Case(
        "broken-link-hevc",
        "begins with pictures that cannot be decoded",
        remuxed(
            by_ffmpeg(
                "a.ts",
                codec="libx265",
                frames=30,
                **OPEN_GOP_HEVC,
            ),
            "a.ts",
            *("-ss", "0.5", "-i", "{source}", "-c", "copy"),
        ),
    ),
    Case(
        "intra-only-mov",
        "key frames only",
        by_ffmpeg("a.mov", **{"x264-params": "keyint=1"}),
        ".mov",
    ),
    Case(
        "fragmented-mp4",
        "fragments",
        by_ffmpeg("a.mp4", movflags="+frag_keyframe+empty_moov", sound=("aac",)),
        ".mp4",
    ),
    Case(
        "faststart-mov",
        "header first",
        by_ffmpeg("a.mov", movflags="+faststart", sound=("aac",)),
        ".mov",
    ),
    Case("live-mkv", "no length, no index", by_ffmpeg("a.mkv", live="1", sound=("libopus",))),
)

ROTATIONS = (
    Case("rotation-90-mp4", "90°", turned("a.mp4", 90), ".mp4"),
    Case("rotation-180-mov", "180°", turned("a.mov", 180, sound=("aac",)), ".mov"),
    Case("rotation-270-mp4", "270°", turned("a.mp4", 270), ".mp4"),
    Case("rotation-90-mkv", "90°", turned("a.mkv", 90)),
    Case("rotation-90-mp4-to-mkv", "90° into MKV", turned("a.mp4", 90), options=("-o", "out.mkv")),
    Case(
        "rotation-270-archive",
        "270°, SAR 4:3",
        turned("a.mp4", 270, filters="setsar=4/3"),
        preset="archive",
    ),
    Case(
        "rotation-90-prores",
        "90°",
        turned("a.mov", 90),
        ".mov",
        preset="prores",
        luma="close",
        pixels="yuv422p10le",
    ),
    Case(
        "rotation-90-10bit-odd",
        "90°, 33×17, 10 bit",
        turned("a.mp4", 90, codec="libx265", pix_fmt="yuv444p10le", size="33x17"),
        ".mp4",
        pixels="yuv444p10le",
    ),
    Case(
        "mirrored-90-mkv",
        "mirrored, 90°",
        remuxed(
            by_ffmpeg("a.mkv"),
            "a.mkv",
            *("-display_rotation", "90", "-display_vflip", "-i", "{source}", "-c", "copy"),
        ),
    ),
    Case(
        "mirrored-mp4",
        "mirrored",
        remuxed(by_ffmpeg("a.mp4"), "a.mp4", *("-display_hflip", "-i", "{source}", "-c", "copy")),
        ".mp4",
    ),
)

CASES = (*RATES, *STARTS, *NO_PTS, *ORDERS, *ROTATIONS)
