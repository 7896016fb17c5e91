"""Rows of the matrix: lossy codecs in their containers."""

from __future__ import annotations

from tests.matrix.case import NO_RANGE, NO_TAGS, Case
from tests.matrix.common import (
    AV1,
    INTERLACED_HERE,
    NO_B_FRAMES,
    NO_MATRIX,
    RGB,
    UNTAGGED,
    VP9,
)
from tests.matrix.making import by_ffmpeg

H264 = (
    Case("h264-mp4", "8 bit, B-frames", by_ffmpeg("a.mp4", sound=("aac",)), ".mp4"),
    Case("h264-mov", "8 bit, B-frames", by_ffmpeg("a.mov", sound=("pcm_s16le",)), ".mov"),
    Case("h264-mkv", "8 bit, B-frames", by_ffmpeg("a.mkv", sound=("libopus",))),
    Case(
        "h264-avi", "no times in the file", by_ffmpeg("a.avi", sound=("libmp3lame",), **NO_B_FRAMES)
    ),
    Case(
        "h264-ts", "start at 1.4 s", by_ffmpeg("a.ts", sound=("aac",)), unwrap={1: "aac_adtstoasc"}
    ),
    Case("h264-flv", "", by_ffmpeg("a.flv", sound=("aac",))),
    Case(
        "h264-gray-mp4",
        "4:0:0",
        by_ffmpeg("a.mp4", pix_fmt="gray"),
        ".mp4",
        changes={"matrix": NO_TAGS},
    ),
    Case(
        "h264-gray10-mkv",
        "4:0:0, 10 bit",
        by_ffmpeg("a.mkv", pix_fmt="gray10le"),
        pixels="yuv420p10le",
        changes={"matrix": NO_TAGS},
    ),
    Case("h264-422-mkv", "4:2:2", by_ffmpeg("a.mkv", pix_fmt="yuv422p"), pixels="yuv422p"),
    Case("h264-444-mp4", "4:4:4", by_ffmpeg("a.mp4", pix_fmt="yuv444p"), ".mp4", pixels="yuv444p"),
    Case(
        "h264-10bit-mp4",
        "10 bit",
        by_ffmpeg("a.mp4", pix_fmt="yuv420p10le"),
        ".mp4",
        pixels="yuv420p10le",
    ),
    Case(
        "h264-422-10bit-mov",
        "4:2:2, 10 bit",
        by_ffmpeg("a.mov", pix_fmt="yuv422p10le"),
        ".mov",
        pixels="yuv422p10le",
    ),
    Case(
        "h264-rgb-mp4",
        "R′G′B′",
        by_ffmpeg("a.mp4", codec="libx264rgb", pix_fmt="rgb24", tags="", qp="0"),
        ".mp4",
        pixels="yuvj444p",
        changes=RGB,
    ),
    Case(
        "h264-crf16-mp4",
        "lossy as shipped",
        by_ffmpeg("a.mp4", sound=("aac",)),
        ".mp4",
        preset="film",
        luma="close",
    ),
    Case(
        "h264-10bit-crf16-mkv",
        "lossy as shipped, 10 bit",
        by_ffmpeg("a.mkv", pix_fmt="yuv420p10le"),
        preset="film",
        luma="close",
        pixels="yuv420p10le",
    ),
    Case(
        "h264-preview-mp4",
        "half size",
        by_ffmpeg("a.mp4", sound=("aac",)),
        ".mp4",
        preset="preview",
        luma="other",
        told=("luma is not kept",),
    ),
    Case("h264-archive-mp4", "", by_ffmpeg("a.mp4", sound=("aac",)), preset="archive"),
    Case(
        "h264-prores-mp4",
        "8 bit into 10",
        by_ffmpeg("a.mp4", sound=("aac",)),
        ".mov",
        preset="prores",
        luma="close",
        pixels="yuv422p10le",
    ),
)

OTHER_CODECS = (
    Case(
        "hevc-mp4", "", by_ffmpeg("a.mp4", codec="libx265", tag__v="hvc1", sound=("aac",)), ".mp4"
    ),
    Case(
        "hevc-10bit-mkv",
        "10 bit",
        by_ffmpeg("a.mkv", codec="libx265", pix_fmt="yuv420p10le"),
        pixels="yuv420p10le",
    ),
    Case(
        "hevc-12bit-444-mov",
        "4:4:4, 12 bit",
        by_ffmpeg("a.mov", codec="libx265", pix_fmt="yuv444p12le", tag__v="hvc1"),
        ".mov",
        pixels="yuv444p12le",
        told=("encoded with libx265",),
    ),
    Case(
        "hevc-12bit-422-archive",
        "4:2:2, 12 bit",
        by_ffmpeg("a.mkv", codec="libx265", pix_fmt="yuv422p12le"),
        preset="archive",
        pixels="yuv422p12le",
    ),
    Case(
        "hevc-gray12-mp4",
        "4:0:0, 12 bit",
        by_ffmpeg("a.mp4", codec="libx265", pix_fmt="gray12le"),
        ".mp4",
        pixels="yuv420p12le",
        told=("encoded with libx265",),
    ),
    Case(
        "hevc-ts",
        "10 bit",
        by_ffmpeg("a.ts", codec="libx265", pix_fmt="yuv420p10le", sound=("ac3",)),
        pixels="yuv420p10le",
    ),
    Case(
        "mpeg1-mpg",
        "",
        by_ffmpeg("a.mpg", codec="mpeg1video", sound=("mp2",), qscale__v="2"),
        changes=NO_MATRIX,
    ),
    Case(
        "mpeg2-vob",
        "program stream, AC-3",
        by_ffmpeg("a.vob", codec="mpeg2video", sound=("ac3",), qscale__v="2"),
    ),
    Case(
        "mpeg2-ts",
        "4:2:2",
        by_ffmpeg("a.ts", codec="mpeg2video", pix_fmt="yuv422p", sound=("mp2",), qscale__v="2"),
        pixels="yuv422p",
    ),
    Case(
        "mpeg2-mxf",
        "4:2:2, PCM",
        by_ffmpeg(
            "a.mxf",
            codec="mpeg2video",
            pix_fmt="yuv422p",
            size="720x576",
            frames=3,
            sound=("pcm_s16le",),
            qscale__v="2",
        ),
        pixels="yuv422p",
    ),
    Case("mpeg2-mkv", "B-frames", by_ffmpeg("a.mkv", codec="mpeg2video", bf="2", qscale__v="2")),
    Case(
        "mpeg4-avi",
        "",
        by_ffmpeg("a.avi", codec="mpeg4", sound=("libmp3lame",), qscale__v="2"),
        changes=UNTAGGED,
    ),
    Case(
        "mpeg4-mp4",
        "B-frames",
        by_ffmpeg("a.mp4", codec="mpeg4", bf="2", sound=("aac",), qscale__v="2"),
        ".mp4",
    ),
    Case("msmpeg4-avi", "", by_ffmpeg("a.avi", codec="msmpeg4", qscale__v="2"), changes=UNTAGGED),
    Case("wmv2-asf", "", by_ffmpeg("a.wmv", codec="wmv2", qscale__v="2"), changes=UNTAGGED),
    Case("flv1-flv", "", by_ffmpeg("a.flv", codec="flv", qscale__v="2"), changes=UNTAGGED),
    Case("vp8-webm", "", by_ffmpeg("a.webm", codec="libvpx", sound=("libvorbis",), b__v="2M")),
    Case("vp9-webm", "", by_ffmpeg("a.webm", codec="libvpx-vp9", sound=("libopus",), **VP9)),
    Case(
        "vp9-alpha-webm",
        "alpha",
        by_ffmpeg("a.webm", codec="libvpx-vp9", pix_fmt="yuva420p", **VP9),
        changes={"tags 0": "alpha channel: the decoder does not give it"},
    ),
    Case(
        "vp9-10bit-webm",
        "10 bit",
        by_ffmpeg("a.webm", codec="libvpx-vp9", pix_fmt="yuv420p10le", **VP9),
        pixels="yuv420p10le",
    ),
    Case(
        "vp9-444-mp4",
        "4:4:4",
        by_ffmpeg("a.mp4", codec="libvpx-vp9", pix_fmt="yuv444p", **VP9),
        ".mp4",
        pixels="yuv444p",
    ),
    Case("av1-mp4", "", by_ffmpeg("a.mp4", codec="libaom-av1", **AV1, sound=("aac",)), ".mp4"),
    Case(
        "av1-10bit-webm",
        "10 bit",
        by_ffmpeg("a.webm", codec="libsvtav1", pix_fmt="yuv420p10le", preset="12", size="96x64"),
        pixels="yuv420p10le",
    ),
    Case("av1-gray-mkv", "4:0:0", by_ffmpeg("a.mkv", codec="libaom-av1", pix_fmt="gray", **AV1)),
    Case(
        "prores-mov",
        "4:2:2, 10 bit",
        by_ffmpeg("a.mov", codec="prores_ks", pix_fmt="yuv422p10le", sound=("pcm_s24le",)),
        ".mov",
        pixels="yuv422p10le",
    ),
    Case(
        "prores-prores",
        "4:2:2, 10 bit",
        by_ffmpeg("a.mov", codec="prores_ks", pix_fmt="yuv422p10le", sound=("pcm_s24le",)),
        ".mov",
        preset="prores",
        luma="close",
        pixels="yuv422p10le",
    ),
    Case(
        "prores-4444-mov",
        "4:4:4, alpha",
        by_ffmpeg("a.mov", codec="prores_ks", pix_fmt="yuva444p10le"),
        preset="archive",
        pixels="yuva444p12le",
    ),
    Case(
        "dnxhr-mxf",
        "4:2:2, 8 bit",
        by_ffmpeg(
            "a.mxf",
            codec="dnxhd",
            pix_fmt="yuv422p",
            profile__v="dnxhr_hq",
            size="256x128",
            sound=("pcm_s24le",),
        ),
        pixels="yuv422p",
    ),
    Case(
        "dnxhr-10bit-mov",
        "4:2:2, 10 bit",
        by_ffmpeg(
            "a.mov", codec="dnxhd", pix_fmt="yuv422p10le", profile__v="dnxhr_hqx", size="256x128"
        ),
        ".mov",
        pixels="yuv422p10le",
    ),
    Case(
        "dnxhr-444-mov",
        "4:4:4, 10 bit",
        by_ffmpeg(
            "a.mov", codec="dnxhd", pix_fmt="yuv444p10le", profile__v="dnxhr_444", size="256x128"
        ),
        ".mov",
        pixels="yuv444p10le",
    ),
    Case(
        "dnxhd-mxf",
        "1920×1080",
        by_ffmpeg(
            "a.mxf", codec="dnxhd", pix_fmt="yuv422p", size="1920x1080", frames=1, b__v="120M"
        ),
        pixels="yuv422p",
    ),
    Case(
        "cineform-mov",
        "4:2:2, 10 bit",
        by_ffmpeg("a.mov", codec="cfhd", pix_fmt="yuv422p10le", size="96x64"),
        ".mov",
        pixels="yuv422p10le",
        changes={"range": NO_RANGE},
    ),
    Case(
        "jpeg2000-mxf",
        "4:2:2",
        by_ffmpeg("a.mxf", codec="jpeg2000", pix_fmt="yuv422p"),
        pixels="yuv422p",
    ),
    Case(
        "dv-dv",
        "PAL, 4:2:0, interlaced",
        by_ffmpeg("a.dv", codec="dvvideo", size="720x576", frames=3),
        told=(INTERLACED_HERE,),
        changes=UNTAGGED,
    ),
    Case(
        "dv-avi",
        "NTSC, 4:1:1",
        by_ffmpeg(
            "a.avi", codec="dvvideo", pix_fmt="yuv411p", size="720x480", rate="30000/1001", frames=3
        ),
        pixels="yuv422p",
        told=(INTERLACED_HERE,),
        changes=UNTAGGED,
    ),
    Case(
        "theora-ogg",
        "",
        by_ffmpeg("a.ogv", codec="libtheora", sound=("libvorbis",), qscale__v="9"),
        changes=UNTAGGED,
    ),
    Case(
        "gif",
        "palette",
        by_ffmpeg("a.gif", codec="gif", pix_fmt="gray", tags=""),
        pixels="yuvj444p",
        changes=RGB | {"alpha": "alpha channel: libx264 does not carry one"},
    ),
)

CASES = (
    *H264,
    *OTHER_CODECS,
)
