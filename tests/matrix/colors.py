"""Rows of the matrix: colour tags, range, HDR."""

from __future__ import annotations

from tests.matrix.case import NO_TAGS, Case
from tests.matrix.common import FULL, NO_MATRIX, UNTAGGED
from tests.matrix.making import BT709, by_ffmpeg

HDR10 = {
    "x265-params": "lossless=1:log-level=none:hdr10=1:max-cll=1000,400:master-display="
    "G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,1)"
}


def tagged(matrix: str, primaries: str, transfer: str, color_range: str = "tv") -> str:
    """Fields of ``setparams``."""
    return (
        f"colorspace={matrix}:color_primaries={primaries}:color_trc={transfer}:range={color_range}"
    )


COLORS = (
    Case(
        "untagged-sd-mp4", "no tags, 64×48", by_ffmpeg("a.mp4", tags=""), ".mp4", changes=UNTAGGED
    ),
    Case(
        "untagged-hd-mkv",
        "no tags, 1280×720",
        by_ffmpeg("a.mkv", tags="", size="1280x720", frames=2),
        changes=NO_MATRIX,
    ),
    Case("full-range-mp4", "full range", by_ffmpeg("a.mp4", tags=FULL), ".mp4", pixels="yuvj420p"),
    Case(
        "full-range-untagged-mkv",
        "full range, no matrix",
        by_ffmpeg("a.mkv", tags="range=pc"),
        pixels="yuvj420p",
        changes=NO_MATRIX,
    ),
    Case(
        "full-range-10bit-mkv",
        "full range, 10 bit",
        by_ffmpeg("a.mkv", pix_fmt="yuv420p10le", tags=FULL),
        pixels="yuv420p10le",
    ),
    Case(
        "full-range-archive",
        "full range, 4:2:2, 10 bit",
        by_ffmpeg("a.mov", pix_fmt="yuv422p10le", tags=FULL),
        preset="archive",
        pixels="yuv422p10le",
    ),
    Case(
        "full-range-prores",
        "full range",
        by_ffmpeg("a.mp4", tags=FULL),
        ".mov",
        preset="prores",
        refused=(40, "prores_ks cannot mark luma as full range"),
    ),
    Case(
        "gray-limited-mkv",
        "4:0:0, limited range",
        by_ffmpeg("a.mkv", pix_fmt="gray", tags=BT709),
        changes={"matrix": NO_TAGS},
    ),
    Case(
        "gray-untagged-mkv",
        "4:0:0, no tags",
        by_ffmpeg("a.mkv", codec="ffv1", pix_fmt="gray", tags=""),
        preset="archive",
        changes=NO_MATRIX,
    ),
    Case(
        "bt601-525-mp4",
        "SMPTE 170M",
        by_ffmpeg("a.mp4", tags=tagged("smpte170m", "smpte170m", "smpte170m")),
        ".mp4",
    ),
    Case(
        "bt601-625-mov",
        "BT.470 BG",
        by_ffmpeg("a.mov", tags=tagged("bt470bg", "bt470bg", "bt470bg")),
        ".mov",
    ),
    Case(
        "bt2020-10bit-mkv",
        "BT.2020, SDR, 10 bit",
        by_ffmpeg(
            "a.mkv",
            pix_fmt="yuv420p10le",
            codec="libx265",
            tags=tagged("bt2020nc", "bt2020", "bt2020-10"),
        ),
        pixels="yuv420p10le",
    ),
    Case(
        "smpte240m-mkv",
        "SMPTE 240M",
        by_ffmpeg("a.mkv", tags=tagged("smpte240m", "smpte240m", "smpte240m")),
    ),
    Case(
        "matrix-only-mkv",
        "matrix tagged, nothing else",
        by_ffmpeg("a.mkv", tags="colorspace=bt709:range=tv"),
        changes={"primaries": NO_TAGS, "transfer": NO_TAGS},
    ),
    Case(
        "bt601-prores",
        "SMPTE 170M",
        by_ffmpeg("a.mov", tags=tagged("smpte170m", "smpte170m", "smpte170m")),
        ".mov",
        preset="prores",
        luma="close",
        pixels="yuv422p10le",
        changes={"transfer": "ProRes has no number for transfer 6"},
    ),
    Case(
        "srgb-transfer-mp4",
        "IEC 61966-2-1",
        by_ffmpeg("a.mp4", tags=tagged("bt709", "bt709", "iec61966-2-1")),
        ".mp4",
    ),
    Case(
        "pq-10bit-mkv",
        "HDR: PQ",
        by_ffmpeg(
            "a.mkv",
            pix_fmt="yuv420p10le",
            codec="libx265",
            tags=tagged("bt2020nc", "bt2020", "smpte2084"),
        ),
        refused=(12, "the film is HDR, transfer 16 = PQ"),
    ),
    Case(
        "hlg-10bit-mp4",
        "HDR: HLG",
        by_ffmpeg(
            "a.mp4",
            pix_fmt="yuv420p10le",
            codec="libx265",
            tags=tagged("bt2020nc", "bt2020", "arib-std-b67"),
        ),
        ".mp4",
        refused=(12, "the film is HDR, transfer 18 = HLG"),
    ),
    Case(
        "pq-allowed-mkv",
        "HDR: PQ, --allow-hdr",
        by_ffmpeg(
            "a.mkv",
            pix_fmt="yuv420p10le",
            codec="libx265",
            tags=tagged("bt2020nc", "bt2020", "smpte2084"),
        ),
        options=("--allow-hdr",),
        pixels="yuv420p10le",
        told=("tagged as high dynamic range: PQ",),
    ),
    Case(
        "hdr-mastering-mkv",
        "HDR: PQ with mastering metadata, --allow-hdr",
        by_ffmpeg(
            "a.mkv",
            pix_fmt="yuv420p10le",
            codec="libx265",
            tags=tagged("bt2020nc", "bt2020", "smpte2084"),
            **HDR10,
        ),
        options=("--allow-hdr",),
        pixels="yuv420p10le",
        told=("tagged as high dynamic range: PQ", "HDR mastering metadata is not carried over"),
    ),
    Case(
        "ycgco-mkv",
        "matrix YCgCo",
        by_ffmpeg("a.mkv", pix_fmt="yuv444p", tags=tagged("ycgco", "bt709", "bt709")),
        refused=(12, "matrix coefficients 8 are not supported"),
    ),
    Case(
        "siting-top-left-mkv",
        "chroma siting top left",
        by_ffmpeg("a.mkv", tags=f"{BT709}:chroma_location=topleft"),
    ),
)

CASES = (*COLORS,)
