"""Rows of the matrix: sizes, pixel aspect ratios, fields."""

from __future__ import annotations

from tests.matrix.case import NO_RANGE, NO_TAGS, ODD_SIDE, Case
from tests.matrix.common import INTERLACED_HERE, NO_FIELDS, RGB, VP9
from tests.matrix.making import by_ffmpeg

SIZES = (
    Case(
        "1x1-ffv1",
        "1×1, 4:0:0",
        by_ffmpeg("a.mkv", codec="ffv1", pix_fmt="gray", size="1x1"),
        preset="archive",
        pixels="yuv444p",
        told=(ODD_SIDE,),
    ),
    Case(
        "1x1-png",
        "1×1, R′G′B′",
        by_ffmpeg("a.mov", codec="png", pix_fmt="rgb24", size="1x1", tags=""),
        ".mov",
        pixels="yuvj444p",
        changes=RGB,
    ),
    Case("2x2-ffv1", "2×2", by_ffmpeg("a.mkv", codec="ffv1", size="2x2")),
    Case(
        "16x16-hevc",
        "16×16, 10 bit",
        by_ffmpeg("a.mkv", codec="libx265", pix_fmt="yuv420p10le", size="16x16"),
        pixels="yuv420p10le",
    ),
    Case(
        "33x17-h264",
        "33×17, 4:4:4",
        by_ffmpeg("a.mp4", pix_fmt="yuv444p", size="33x17"),
        ".mp4",
        pixels="yuv444p",
    ),
    Case(
        "65x67-gray-h264",
        "65×67, 4:0:0",
        by_ffmpeg("a.mkv", pix_fmt="gray", size="65x67"),
        pixels="yuv444p",
        told=(ODD_SIDE,),
        changes={"matrix": NO_TAGS},
    ),
    Case(
        "45x31-vp9",
        "45×31, 4:2:0",
        by_ffmpeg("a.webm", codec="libvpx-vp9", size="45x31", **VP9),
        pixels="yuv444p",
        told=(ODD_SIDE,),
    ),
    Case(
        "35x48-422-10bit",
        "35×48, 4:2:2, 10 bit",
        by_ffmpeg("a.mkv", codec="ffv1", pix_fmt="yuv422p10le", size="35x48"),
        preset="archive",
        pixels="yuv444p10le",
        told=(ODD_SIDE,),
    ),
    Case(
        "63x47-prores",
        "63×47",
        by_ffmpeg("a.mkv", codec="ffv1", pix_fmt="gray", size="63x47"),
        ".mov",
        preset="prores",
        luma="close",
        pixels="yuv444p12le",
        told=(ODD_SIDE, "4444 instead of hq"),
    ),
    Case("2x1080-raw", "2×1080", by_ffmpeg("a.mkv", codec="rawvideo", size="2x1080", frames=2)),
    Case(
        "2000x2-mjpeg",
        "2000×2",
        by_ffmpeg(
            "a.avi",
            codec="mjpeg",
            pix_fmt="yuvj420p",
            size="2000x2",
            tags="",
            frames=2,
            qscale__v="2",
        ),
        pixels="yuvj420p",
        changes={"primaries": NO_TAGS, "transfer": NO_TAGS},
    ),
    Case("1920x1080-mp4", "1920×1080", by_ffmpeg("a.mp4", size="1920x1080", frames=2), ".mp4"),
    Case("4k-dci-mkv", "4096×2160", by_ffmpeg("a.mkv", size="4096x2160", frames=1)),
    Case("8k-mp4", "7680×4320", by_ffmpeg("a.mp4", size="7680x4320", frames=1), ".mp4"),
    Case(
        "4k-archive",
        "4096×2160, 4:0:0",
        by_ffmpeg("a.mkv", codec="ffv1", pix_fmt="gray", size="4096x2160", frames=1),
        preset="archive",
    ),
)

SHAPES = (
    Case(
        "2x1080-archive",
        "2×1080",
        by_ffmpeg("a.mkv", codec="rawvideo", size="2x1080", frames=2),
        preset="archive",
        refused=(27, "ffv1 refuses 2×1080"),
    ),
    Case("sar-mp4", "SAR 16:11", by_ffmpeg("a.mp4", filters="setsar=16/11"), ".mp4"),
    Case(
        "sar-mov-prores",
        "SAR 8:9",
        by_ffmpeg("a.mov", filters="setsar=8/9"),
        ".mov",
        preset="prores",
        luma="close",
        pixels="yuv422p10le",
    ),
    Case("sar-mkv", "SAR 64:45", by_ffmpeg("a.mkv", filters="setsar=64/45")),
    Case(
        "sar-mpg",
        "DAR 16:9",
        by_ffmpeg("a.mpg", codec="mpeg2video", size="96x64", filters="setdar=16/9", qscale__v="2"),
    ),
    Case(
        "sar-odd-size",
        "SAR 32:27, 33×17",
        by_ffmpeg("a.mkv", codec="ffv1", pix_fmt="gray", size="33x17", filters="setsar=32/27"),
        preset="archive",
        pixels="yuv444p",
        told=(ODD_SIDE,),
    ),
    Case(
        "sar-hevc-10bit",
        "SAR 4:3, 10 bit",
        by_ffmpeg("a.mp4", codec="libx265", pix_fmt="yuv420p10le", filters="setsar=4/3"),
        ".mp4",
        pixels="yuv420p10le",
    ),
    Case(
        "interlaced-tff-mp4",
        "top field first",
        by_ffmpeg("a.mp4", filters="setfield=tff", **{"x264-params": "tff=1"}),
        ".mp4",
        told=(INTERLACED_HERE,),
    ),
    Case(
        "interlaced-bff-mkv",
        "bottom field first",
        by_ffmpeg("a.mkv", filters="setfield=bff", **{"x264-params": "bff=1"}),
        told=(INTERLACED_HERE,),
    ),
    Case(
        "interlaced-archive",
        "top field first",
        by_ffmpeg("a.mkv", filters="setfield=tff", **{"x264-params": "tff=1"}),
        preset="archive",
        told=(INTERLACED_HERE,),
    ),
    Case(
        "interlaced-mpeg2-ts",
        "top field first, 4:2:0",
        by_ffmpeg(
            "a.ts", codec="mpeg2video", filters="setfield=tff", flags="+ildct+ilme", qscale__v="2"
        ),
        told=(INTERLACED_HERE,),
    ),
    Case(
        "interlaced-prores",
        "top field first",
        by_ffmpeg(
            "a.mov",
            codec="prores_ks",
            pix_fmt="yuv422p10le",
            filters="setfield=tff",
            flags="+ildct",
        ),
        ".mov",
        preset="prores",
        luma="close",
        pixels="yuv422p10le",
        told=(INTERLACED_HERE,),
    ),
    Case(
        "interlaced-hevc-out",
        "top field first, 10 bit",
        by_ffmpeg(
            "a.mkv", pix_fmt="yuv420p10le", filters="setfield=tff", **{"x264-params": "tff=1"}
        ),
        pixels="yuv420p10le",
        told=(INTERLACED_HERE,),
    ),
    Case(
        "interlaced-height-50",
        "64×50, top field first",
        by_ffmpeg("a.mkv", codec="ffv1", size="64x50", filters="setfield=tff"),
        told=(INTERLACED_HERE,),
        changes={"fields": NO_FIELDS},
    ),
    Case(
        "interlaced-unflagged",
        "combed, marked as progressive",
        by_ffmpeg("a.mp4", filters="tinterlace=interleave_top,setfield=prog"),
        ".mp4",
    ),
    Case(
        "interlaced-sar-dv",
        "DV, 16:9",
        by_ffmpeg(
            "a.mov",
            codec="dvvideo",
            size="720x576",
            filters="setsar=64/45",
            frames=3,
            sound=("pcm_s16le",),
        ),
        ".mov",
        told=(INTERLACED_HERE,),
        changes={"range": NO_RANGE},
    ),
)

CASES = (
    *SIZES,
    *SHAPES,
)
