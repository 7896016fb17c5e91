"""Rows of the matrix: sound."""

from __future__ import annotations

from tests.matrix.case import NO_TAGS, Case
from tests.matrix.common import FIRST_IS_DEFAULT, TAGGED
from tests.matrix.making import by_ffmpeg, by_pyav, remuxed

SOUND = (
    Case("sound-none-mp4", "no sound", by_ffmpeg("a.mp4"), ".mp4"),
    Case(
        "sound-four-mp4",
        "AAC, AC-3, E-AC-3, MP3; languages, titles, flags",
        by_ffmpeg(
            "a.mp4",
            sound=("aac", "ac3", "eac3", "libmp3lame"),
            metadata__s__a__0=["language=eng", "title=Main"],
            metadata__s__a__1=["language=deu", "title=Ton"],
            metadata__s__a__2="language=fra",
            disposition__a__1="comment",
        ),
        ".mp4",
    ),
    Case(
        "sound-opus-flac-mp4", "Opus, FLAC", by_ffmpeg("a.mp4", sound=("libopus", "flac")), ".mp4"
    ),
    Case("sound-pcm-mp4", "PCM, 24 bit", by_ffmpeg("a.mp4", sound=("pcm_s24le",)), ".mp4"),
    Case(
        "sound-eight-mkv",
        "AAC, AC-3, Opus, FLAC, Vorbis, MP3, DTS, PCM; languages, flags",
        by_ffmpeg(
            "a.mkv",
            sound=("aac", "ac3", "libopus", "flac", "libvorbis", "libmp3lame", "dca", "pcm_s16le"),
            strict="-2",
            metadata__s__a__0=["language=eng", "title=Main"],
            metadata__s__a__3=["language=jpn", "title=四"],
            disposition__a__0="0",
            disposition__a__2="default+original",
            disposition__a__4="visual_impaired",
        ),
    ),
    Case(
        "sound-truehd-mkv",
        "TrueHD, PCM 32 bit float",
        by_ffmpeg("a.mkv", sound=("truehd", "pcm_f32le"), strict="-2", frames=20),
    ),
    Case(
        "sound-mov",
        "PCM 16 and 24 bit, big-endian, AAC, ALAC",
        by_ffmpeg("a.mov", sound=("pcm_s16le", "pcm_s24be", "aac", "alac")),
        ".mov",
    ),
    Case("sound-51-mkv", "5.1 AC-3", by_ffmpeg("a.mkv", sound=("ac3",), ac="6")),
    Case(
        "sound-pcm-51-mkv-to-mov",
        "PCM, 5.1",
        by_ffmpeg("a.mkv", sound=("pcm_s24le",), ac="6"),
        ".mov",
        options=("-o", "out.mov"),
        documented={"flags 1": FIRST_IS_DEFAULT},
    ),
    Case(
        "sound-mono-8k-avi",
        "PCM, 8 kHz, mono",
        by_ffmpeg(
            "a.avi",
            codec="mjpeg",
            pix_fmt="yuvj420p",
            tags="range=pc",
            qscale__v="2",
            sound=("pcm_s16le",),
            ar="8000",
        ),
        pixels="yuvj420p",
        changes={"primaries": NO_TAGS, "transfer": NO_TAGS},
    ),
    Case(
        "sound-mp2-ac3-ts",
        "MP2, AC-3",
        by_ffmpeg(
            "a.ts",
            sound=("mp2", "ac3"),
            metadata__s__a__0="language=eng",
            metadata__s__a__1="language=deu",
        ),
    ),
    Case(
        "sound-opus-to-mov",
        "Opus into MOV",
        by_ffmpeg("a.mkv", sound=("libopus",)),
        ".mov",
        options=("-o", "out.mov"),
        refused=(24, "audio of kind opus cannot be copied into MOV"),
    ),
    Case(
        "sound-opus-dropped",
        "Opus into MOV, --allow-drop",
        by_ffmpeg("a.mkv", sound=("aac", "libopus")),
        ".mov",
        options=("-o", "out.mov", "--allow-drop"),
        dropped=(2,),
        changes={"stream 2": "drop: stream 2: audio of kind opus cannot be copied into MOV"},
    ),
    Case(
        "sound-wma-asf",
        "WMA",
        by_ffmpeg("a.wmv", codec="wmv2", sound=("wmav2",), qscale__v="2"),
        refused=(24, "to keep it: ffmpeg -i FILM"),
    ),
    Case(
        "sound-u8-mp4",
        "8-bit PCM into MP4",
        by_ffmpeg("a.mkv", sound=("pcm_u8",)),
        ".mp4",
        options=("-o", "out.mp4"),
        refused=(24, "out.mp4 would lose something"),
    ),
    Case(
        "sound-mkv-to-mp4",
        "five codecs from MKV into MP4",
        by_ffmpeg("a.mkv", sound=("aac", "ac3", "libopus", "flac", "libmp3lame")),
        ".mp4",
        options=("-o", "out.mp4"),
    ),
    Case(
        "sound-mp4-to-mkv",
        "AAC with a start that is hidden",
        by_ffmpeg("a.mp4", sound=("aac",)),
        options=("-o", "out.mkv"),
    ),
    Case(
        "sound-longer-mp4",
        "sound outlasts the picture",
        by_pyav("a.mp4", audio=1, audio_s=1.5, color=TAGGED),
        ".mp4",
    ),
    Case(
        "sound-shorter-mkv",
        "sound ends early",
        by_pyav("a.mkv", audio=2, audio_s=0.1, color=TAGGED),
    ),
    Case(
        "sound-late-mkv",
        "sound begins at 0.2 s",
        remuxed(
            by_ffmpeg("a.mkv", sound=("aac",)),
            "a.mkv",
            *(
                "-itsoffset",
                "0.2",
                "-i",
                "{source}",
                "-i",
                "{source}",
                "-map",
                "1:0",
                "-map",
                "0:1",
                "-c",
                "copy",
            ),
        ),
    ),
    Case(
        "sound-early-mp4",
        "picture begins at 0.2 s, sound at 0",
        remuxed(
            by_ffmpeg("a.mp4", sound=("aac",)),
            "a.mp4",
            *(
                "-itsoffset",
                "0.2",
                "-i",
                "{source}",
                "-i",
                "{source}",
                "-map",
                "0:0",
                "-map",
                "1:1",
                "-c",
                "copy",
            ),
        ),
        ".mp4",
    ),
    Case(
        "sound-webm",
        "Opus and Vorbis",
        by_ffmpeg("a.webm", codec="libvpx", sound=("libopus", "libvorbis"), b__v="2M"),
    ),
    Case(
        "sound-mxf",
        "two mono tracks",
        by_ffmpeg(
            "a.mxf",
            codec="mpeg2video",
            pix_fmt="yuv422p",
            qscale__v="2",
            size="720x576",
            frames=3,
            sound=("pcm_s16le", "pcm_s16le"),
        ),
        pixels="yuv422p",
    ),
)

CASES = (*SOUND,)
