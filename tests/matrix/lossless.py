"""Rows of the matrix: lossless and raw pictures."""

from __future__ import annotations

from tests.matrix.case import NO_RANGE, NO_TAGS, Case
from tests.matrix.common import NO_MATRIX, RGB, UNTAGGED
from tests.matrix.making import by_ffmpeg

LOSSLESS = (
    Case(
        "ffv1-gray-mkv", "4:0:0", by_ffmpeg("a.mkv", codec="ffv1", pix_fmt="gray"), preset="archive"
    ),
    Case(
        "ffv1-gray10-mkv",
        "4:0:0, 10 bit",
        by_ffmpeg("a.mkv", codec="ffv1", pix_fmt="gray10le"),
        preset="archive",
        pixels="yuv420p10le",
    ),
    Case(
        "ffv1-gray16-mkv",
        "4:0:0, 16 bit",
        by_ffmpeg("a.mkv", codec="ffv1", pix_fmt="gray16le"),
        pixels="yuv420p16le",
        told=("encoded with ffv1",),
    ),
    Case("ffv1-420-avi", "", by_ffmpeg("a.avi", codec="ffv1"), preset="archive", changes=UNTAGGED),
    Case(
        "ffv1-422-10bit-mkv",
        "4:2:2, 10 bit",
        by_ffmpeg("a.mkv", codec="ffv1", pix_fmt="yuv422p10le"),
        preset="archive",
        pixels="yuv422p10le",
    ),
    Case(
        "ffv1-444-16bit-mkv",
        "4:4:4, 16 bit",
        by_ffmpeg("a.mkv", codec="ffv1", pix_fmt="yuv444p16le"),
        preset="archive",
        pixels="yuv444p16le",
    ),
    Case("ffv1-410-mkv", "4:1:0", by_ffmpeg("a.mkv", codec="ffv1", pix_fmt="yuv410p")),
    Case(
        "ffv1-440-mkv",
        "4:4:0",
        by_ffmpeg("a.mkv", codec="ffv1", pix_fmt="yuv440p"),
        pixels="yuv444p",
    ),
    Case(
        "ffv1-rgb-mkv",
        "R′G′B′",
        by_ffmpeg("a.mkv", codec="ffv1", pix_fmt="bgr0", tags=""),
        preset="archive",
        pixels="yuv444p",
        changes=RGB,
    ),
    Case(
        "ffv1-rgb10-mkv",
        "R′G′B′, 10 bit",
        by_ffmpeg("a.mkv", codec="ffv1", pix_fmt="gbrp10le", tags=""),
        pixels="yuv444p10le",
        changes=RGB,
    ),
    Case(
        "ffv1-alpha-mkv",
        "alpha",
        by_ffmpeg("a.mkv", codec="ffv1", pix_fmt="yuva420p"),
        preset="archive",
        pixels="yuva420p",
    ),
    Case(
        "ffv1-alpha-film",
        "alpha, to x264",
        by_ffmpeg("a.mkv", codec="ffv1", pix_fmt="yuva420p"),
        changes={"alpha": "alpha channel: libx264 does not carry one"},
    ),
    Case(
        "huffyuv-avi",
        "4:2:2",
        by_ffmpeg("a.avi", codec="huffyuv", pix_fmt="yuv422p"),
        pixels="yuv422p",
        changes=UNTAGGED,
    ),
    Case(
        "utvideo-avi",
        "",
        by_ffmpeg("a.avi", codec="utvideo"),
        changes={"range": NO_RANGE, "primaries": NO_TAGS, "transfer": NO_TAGS},
    ),
    Case(
        "mjpeg-avi",
        "full range",
        by_ffmpeg(
            "a.avi", codec="mjpeg", pix_fmt="yuvj420p", tags="", qscale__v="2", sound=("pcm_s16le",)
        ),
        pixels="yuvj420p",
        changes={"primaries": NO_TAGS, "transfer": NO_TAGS},
    ),
    Case(
        "mjpeg-422-mov",
        "4:2:2, full range",
        by_ffmpeg("a.mov", codec="mjpeg", pix_fmt="yuvj422p", tags="", qscale__v="2"),
        ".mov",
        pixels="yuvj422p",
        changes={"primaries": NO_TAGS, "transfer": NO_TAGS},
    ),
    Case(
        "png-mov",
        "R′G′B′",
        by_ffmpeg("a.mov", codec="png", pix_fmt="rgb24", tags=""),
        ".mov",
        pixels="yuvj444p",
        changes=RGB,
    ),
    Case(
        "qtrle-mov",
        "R′G′B′",
        by_ffmpeg("a.mov", codec="qtrle", pix_fmt="rgb24", tags=""),
        ".mov",
        pixels="yuvj444p",
        changes=RGB,
    ),
    Case("raw-420-mkv", "", by_ffmpeg("a.mkv", codec="rawvideo"), preset="archive"),
    Case(
        "raw-yuy2-avi",
        "packed 4:2:2",
        by_ffmpeg("a.avi", codec="rawvideo", pix_fmt="yuyv422"),
        pixels="yuv422p",
        changes=UNTAGGED,
    ),
    Case(
        "raw-uyvy-mov",
        "packed 4:2:2",
        by_ffmpeg("a.mov", codec="rawvideo", pix_fmt="uyvy422"),
        ".mov",
        pixels="yuv422p",
        changes={"range": NO_RANGE},
    ),
    Case(
        "raw-rgb-avi",
        "R′G′B′, bottom line first",
        by_ffmpeg("a.avi", codec="rawvideo", pix_fmt="bgr24", tags=""),
        pixels="yuvj444p",
        changes=RGB,
    ),
    Case(
        "raw-gray16-nut",
        "4:0:0, 16 bit",
        by_ffmpeg("a.nut", codec="rawvideo", pix_fmt="gray16le"),
        preset="archive",
        pixels="yuv420p16le",
        changes=NO_MATRIX,
        told=("full range assumed",),
    ),
    Case(
        "v210-mov",
        "4:2:2, 10 bit",
        by_ffmpeg("a.mov", codec="v210", pix_fmt="yuv422p10le"),
        ".mov",
        pixels="yuv422p10le",
        changes={"range": NO_RANGE},
    ),
    Case(
        "y4m-gray",
        "4:0:0, no header but the size",
        by_ffmpeg("a.y4m", codec="wrapped_avframe", pix_fmt="gray", f="yuv4mpegpipe"),
        changes=NO_MATRIX,
    ),
)

CASES = (*LOSSLESS,)
