"""Makes the films that the tests need, and reads them back without vidcolor's own code.

`make_film` writes with PyAV; `ffmpeg_luma`, `ffmpeg_frame_count` and `run_ffmpeg` drive the
ffmpeg program of the imageio-ffmpeg wheel, as a second opinion that shares nothing with PyAV.
"""

from __future__ import annotations

import hashlib
import itertools
import subprocess
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import ffmpeg
import imageio_ffmpeg
import numpy as np
import numpy.typing as npt
from av.video.format import VideoFormat

from vidcolor.frames import ColorTags

AUDIO_RATE = 48_000
"""Samples per second of generated sound."""

LANGUAGES = ("eng", "deu", "fra", "jpn")
"""Languages of generated tracks, in order."""

SUBTITLE_TEXTS = ("First line", "Second line, with <i>italics</i>")
"""What the generated subtitles say; the first is shown from the film's start."""

ASS_HEADER = (
    b"[Script Info]\r\nScriptType: v4.00+\r\nPlayResX: 384\r\nPlayResY: 288\r\n\r\n"
    b"[V4+ Styles]\r\nFormat: Name, Fontname, Fontsize, PrimaryColour, SecondaryColour, "
    b"OutlineColour, BackColour, Bold, Italic, Underline, StrikeOut, ScaleX, ScaleY, Spacing, "
    b"Angle, BorderStyle, Outline, Shadow, Alignment, MarginL, MarginR, MarginV, Encoding\r\n"
    b"Style: Default,Arial,16,&Hffffff,&Hffffff,&H0,&H0,0,0,0,0,100,100,0,0,1,1,0,2,10,10,10,1"
    b"\r\n\r\n[Events]\r\n"
    b"Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text\r\n"
)
"""A complete ASS header; every text subtitle encoder of libav wants one."""


def luma_picture(
    index: int, width: int, height: int, bits: int = 8, *, scene: int = 0, full_range: bool = False
) -> npt.NDArray[Any]:
    """Textured luma of a scene that drifts with ``index``: uint8, or uint16 above 8 bits.

    Gradients, a moving disc and fixed texture, all within the legal range.
    """
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    angle = 0.7 + 1.9 * scene
    ramp = 0.5 + 0.5 * np.sin(
        (x * np.cos(angle) + y * np.sin(angle)) * (0.09 + 0.04 * (scene % 3)) + 0.15 * index
    )
    texture = np.random.default_rng(1000 + scene).random((height, width))
    cx = width * (0.2 + 0.6 * ((index * 0.035 + 0.3 * scene) % 1.0))
    cy = height * (0.5 + 0.2 * np.sin(0.2 * index + scene))
    disc = ((x - cx) ** 2 + (y - cy) ** 2) < (0.2 * min(width, height)) ** 2
    level = 0.15 + 0.25 * (scene % 4)
    value = np.clip(0.55 * ramp + 0.1 * texture + 0.3 * level + 0.25 * disc, 0.0, 1.0)
    low, high = (0, 2**bits - 1) if full_range else (16 << (bits - 8), 235 << (bits - 8))
    codes = np.rint(low + value * (high - low))
    return codes.astype(np.uint8 if bits == 8 else np.uint16)


def chroma_picture(
    index: int, width: int, height: int, bits: int = 8, *, scene: int = 0, colorful: bool = False
) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """Cb and Cr: neutral, or with ``colorful`` smooth coloured areas."""
    dtype = np.uint8 if bits == 8 else np.uint16
    middle = 128 << (bits - 8)
    if not colorful:
        neutral = np.full((height, width), middle, dtype)
        return neutral, neutral.copy()
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    phase = 0.05 * index + 2.1 * scene
    swing = 50 << (bits - 8)
    cb = middle + swing * np.sin(6.0 * x / width + phase)
    cr = middle + swing * np.cos(5.0 * y / height - phase)
    return np.rint(cb).astype(dtype), np.rint(cr).astype(dtype)


def fill_plane(plane: Any, values: npt.NDArray[Any]) -> None:
    """Write ``values`` (H, W) into a PyAV plane, whose rows may be longer than the picture."""
    row = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)
    packed = np.ascontiguousarray(values).view(np.uint8).reshape(values.shape[0], -1)
    row[: packed.shape[0], : packed.shape[1]] = packed


def make_frame(
    index: int,
    width: int,
    height: int,
    pix_fmt: str,
    *,
    scene: int = 0,
    colorful: bool = False,
    full_range: bool = False,
) -> av.VideoFrame:
    """One picture in ``pix_fmt``; planar Y′CbCr and gray planes hold `luma_picture` exactly."""
    form = VideoFormat(pix_fmt, width, height)
    planar = (form.is_planar or len(form.components) == 1) and not (
        form.is_rgb or form.has_palette or form.is_bayer or form.is_big_endian
    )
    if not planar or pix_fmt.startswith(("nv", "p0", "mono")):
        via = "gray" if form.has_palette else "yuv444p"
        picture = make_frame(index, width, height, via, scene=scene, colorful=colorful)
        return picture.reformat(format=pix_fmt, threads=1)
    bits = form.components[0].bits
    full_range = full_range or pix_fmt.startswith("yuvj")
    frame = av.VideoFrame(width, height, pix_fmt)
    fill_plane(
        frame.planes[0],
        luma_picture(index, width, height, bits, scene=scene, full_range=full_range),
    )
    if len(form.components) >= 3:
        size = (frame.planes[1].width, frame.planes[1].height)
        chroma = chroma_picture(index, *size, bits, scene=scene, colorful=colorful)
        for plane, values in zip(frame.planes[1:3], chroma, strict=True):
            fill_plane(plane, values)
    if form.components[-1].is_alpha:
        opaque = np.full((height, width), 2**bits - 1, np.uint8 if bits == 8 else np.uint16)
        fill_plane(frame.planes[-1], opaque)
    return frame


def _pts_list(
    frames: int, rate: Fraction, vfr: bool, pts: Sequence[int] | None, start_pts: int
) -> tuple[list[int], Fraction | None]:
    """Times of all frames and the time base they imply (None: 1/rate)."""
    if pts is not None:
        return [start_pts + value for value in pts], None
    if vfr:
        steps = np.resize([40, 17, 83, 33, 120, 41], frames)
        times = np.concatenate([[0], np.cumsum(steps)])[:frames]
        return [start_pts + int(value) for value in times], Fraction(1, 1000)
    return [start_pts + value for value in range(frames)], 1 / rate


def _add_video(
    out: Any,
    codec: str,
    pix_fmt: str,
    size: tuple[int, int],
    rate: Fraction,
    time_base: Fraction,
    options: dict[str, str] | None,
) -> Any:
    defaults = {"preset": "ultrafast", "crf": "12"} if codec in ("libx264", "libx265") else {}
    if codec == "libx265":
        defaults["x265-params"] = "log-level=none"
    video = out.add_stream(codec, rate=rate, options={**defaults, **(options or {})})
    video.width, video.height = size
    video.pix_fmt = pix_fmt
    video.codec_context.time_base = time_base
    video.time_base = time_base
    video.codec_context.flags |= av.codec.context.Flags.frame_duration
    video.codec_context.thread_count = 1
    return video


def _apply_tags(context: Any, color: ColorTags | None) -> None:
    if color is None:
        return
    context.colorspace = color.matrix
    context.color_primaries = color.primaries
    context.color_trc = color.transfer
    context.color_range = 2 if color.full_range else 1


def _tone_packets(stream: Any, track: int, seconds: float) -> list[Any]:
    """Encoded sine tone, one pitch per track."""
    layout = "stereo"
    total = max(1, round(seconds * AUDIO_RATE))
    size = 1024
    packets = []
    for start in range(0, total, size):
        count = min(size, total - start)
        time = (start + np.arange(count)) / AUDIO_RATE
        tone = (6000 * np.sin(2 * np.pi * (330 + 110 * track) * time)).astype(np.int16)
        frame = av.AudioFrame.from_ndarray(np.repeat(tone, 2)[None], format="s16", layout=layout)
        frame.sample_rate = AUDIO_RATE
        frame.pts = start
        frame.time_base = Fraction(1, AUDIO_RATE)
        packets.extend(stream.encode(frame))
    packets.extend(stream.encode(None))
    return packets


def _subtitle_payload(codec: str, text: str, order: int) -> bytes:
    if codec == "mov_text":
        data = text.encode()
        return len(data).to_bytes(2, "big") + data
    if codec == "ass":
        return f"{order},0,Default,,0,0,0,,{text}".encode()
    return text.encode()


def _subtitle_packets(stream: Any, codec: str, start_s: float, seconds: float) -> list[Any]:
    """Two lines, each shown for 40 % of the film; payloads in the container's own form."""
    packets = []
    for order, text in enumerate(SUBTITLE_TEXTS):
        packet = av.Packet(_subtitle_payload(codec, text, order))
        packet.stream = stream
        packet.time_base = Fraction(1, 1000)
        packet.pts = packet.dts = round(1000 * (start_s + order * seconds / 2))
        packet.duration = max(1, round(1000 * 0.4 * seconds))
        packets.append(packet)
    return packets


def _add_subtitles(out: Any, codec: str, track: int) -> Any:
    if codec == "ass":  # its header must reach the stream, which only an encoder can do
        stream = out.add_stream("ass")
        stream.codec_context.time_base = Fraction(1, 1000)
        stream.codec_context.subtitle_header = ASS_HEADER
    else:
        stream = out.add_mux_stream({"srt": "subrip"}.get(codec, codec))
    stream.time_base = Fraction(1, 1000)
    stream.metadata["language"] = LANGUAGES[track % len(LANGUAGES)]
    return stream


def make_film(
    path: Path | str,
    *,
    frames: int = 12,
    width: int = 64,
    height: int = 48,
    codec: str = "libx264",
    pix_fmt: str = "yuv420p",
    rate: int | Fraction = 24,
    vfr: bool = False,
    pts: Sequence[int] | None = None,
    time_base: Fraction | None = None,
    start_pts: int = 0,
    audio: int = 0,
    audio_codec: str = "aac",
    audio_s: float | None = None,
    subtitles: str | Sequence[str] | None = None,
    chapters: bool = False,
    attachment: bool = False,
    rotation: int = 0,
    mirrored: bool = False,
    sar: Fraction | None = None,
    color: ColorTags | None = None,
    gray: bool = False,
    cuts: Sequence[int] = (),
    options: dict[str, str] | None = None,
    container_options: dict[str, str] | None = None,
    metadata: dict[str, str] | None = None,
    moving: bool = True,
    colorful: bool = False,
    format: str | None = None,
) -> Path:
    """Write a film and return its path.

    Parameters
    ----------
    path:
        Its suffix chooses the container, unless ``format`` names a muxer.
    vfr, pts, time_base, start_pts:
        Times: constant ``1/rate`` steps, an irregular pattern in milliseconds, or exactly
        ``pts`` in ticks of ``time_base``; ``start_pts`` (same ticks) is added to each.
    audio, audio_codec, audio_s:
        Number of sound tracks with one tone each, as long as the film or ``audio_s`` seconds;
        0 frames with audio make a file with sound only.
    subtitles:
        ``srt``, ``ass``, ``webvtt`` (Matroska) or ``mov_text`` (MP4), or several of them.
    cuts:
        Frame indices at which a new, different scene begins.
    color:
        Tags for the encoder; None leaves all unspecified.
    gray:
        Encode gray (``gray``/``gray10le`` … by the depth of ``pix_fmt``).
    moving:
        False repeats the first picture of each scene.
    """
    path = Path(path)
    rate = Fraction(rate)
    bits = VideoFormat(pix_fmt).components[0].bits
    if gray and not pix_fmt.startswith("gray"):
        pix_fmt = "gray" if bits == 8 else f"gray{bits}le"
    times, implied = _pts_list(frames, rate, vfr, pts, start_pts)
    time_base = time_base or implied or 1 / rate
    steps = [b - a for a, b in itertools.pairwise(times)]
    durations = [*steps, steps[-1] if steps else max(1, round(1 / (rate * time_base)))]
    start_s = float(times[0] * time_base) if times else 0.0
    seconds = float((times[-1] + durations[-1]) * time_base) - start_s if times else 1.0

    with av.open(str(path), "w", format=format, container_options=container_options or {}) as out:
        out.metadata.update(metadata or {})
        video = None
        if frames:
            video = _add_video(out, codec, pix_fmt, (width, height), rate, time_base, options)
            _apply_tags(video.codec_context, color)
            if sar is not None:
                video.codec_context.sample_aspect_ratio = sar
            if rotation or mirrored:
                video.set_display_rotation(rotation, hflip=mirrored)
        sounds = [_add_sound(out, audio_codec, track) for track in range(audio)]
        kinds = [subtitles] if isinstance(subtitles, str) else list(subtitles or ())
        texts = [_add_subtitles(out, kind, track) for track, kind in enumerate(kinds)]
        if attachment:
            out.add_attachment("font.ttf", "application/x-truetype-font", b"not a font" * 20)
        if chapters:
            out.set_chapters(_chapters(start_s, seconds))

        out.start_encoding()
        packets = []
        for track, sound in enumerate(sounds):
            packets += _tone_packets(sound, track, audio_s if audio_s is not None else seconds)
        for text, kind in zip(texts, kinds, strict=True):
            packets += _subtitle_packets(text, kind, start_s, seconds)
        packets.sort(key=lambda packet: packet.dts * packet.time_base)
        for index in range(frames):
            assert video is not None
            now = times[index] * time_base
            while packets and packets[0].dts * packets[0].time_base <= now:
                out.mux(packets.pop(0))
            scene = sum(index >= cut for cut in cuts)
            drawn = index if moving else max([0, *(cut for cut in cuts if cut <= index)])
            frame = make_frame(
                drawn,
                width,
                height,
                pix_fmt,
                scene=scene,
                colorful=colorful,
                full_range=color is not None and color.full_range,
            )
            frame.pts, frame.time_base = times[index], time_base
            frame.duration = durations[index]
            _apply_tags(frame, color)
            out.mux(video.encode(frame))
        if video is not None:
            out.mux(video.encode(None))
        for packet in packets:
            out.mux(packet)
    return path


def woven(
    earlier: npt.NDArray[Any], later: npt.NDArray[Any], order: str = "tff"
) -> npt.NDArray[Any]:
    """One interlaced frame: every second line of each picture."""
    frame = earlier.copy()
    first = 1 if order == "tff" else 0
    frame[first::2] = later[first::2]
    return frame


def make_fields(
    path: Path,
    *,
    frames: int = 15,
    width: int = 128,
    height: int = 96,
    order: str = "tff",
    kind: str = "fields",
    marked: bool = True,
    pix_fmt: str = "yuv420p",
    cut: int | None = None,
    whole_until: int = 0,
    encoder: Sequence[str] = ("-c:v", "ffv1"),
) -> Path:
    """Write a film at 25 frames per second whose fields are drawn one by one.

    Parameters
    ----------
    order:
        ``tff`` or ``bff``.
    kind:
        ``fields``: each of its own moment; ``pulldown``: four pictures in five frames, 3:2;
        ``whole``: both fields of one moment; ``still``: nothing moves.
    marked:
        Whether frames and container say that they are interlaced.
    cut:
        Frame with whose later field another scene begins.
    whole_until:
        Frames before it are of one moment each.
    encoder:
        Arguments of the ffmpeg program.
    """
    bits = VideoFormat(pix_fmt).components[0].bits

    def picture(number: int, frame: int, is_later: bool) -> npt.NDArray[Any]:
        scene = int(cut is not None and (frame, is_later) >= (cut, True))
        return luma_picture(3 * number, width, height, bits, scene=scene)

    plain = path.with_name(f"{path.stem}.unmarked.mkv") if marked else path
    base = Fraction(1, 25)
    with av.open(str(plain), "w") as out:
        video = _add_video(out, "ffv1", pix_fmt, (width, height), 1 / base, base, None)
        for index in range(frames):
            group, place = divmod(index, 5)
            numbers: Sequence[int] = {
                "fields": (2 * index, 2 * index + 1),
                "pulldown": tuple(
                    8 * group + 2 * n for n in ((0, 0), (1, 1), (1, 2), (2, 3), (3, 3))[place]
                ),
                "whole": (2 * index, 2 * index),
                "still": (0, 0),
            }[kind]
            if index < whole_until:
                numbers = (2 * index, 2 * index)
            pictures = [picture(n, index, later) for later, n in enumerate(numbers)]
            frame = av.VideoFrame(width, height, pix_fmt)
            fill_plane(frame.planes[0], woven(pictures[0], pictures[1], order))
            for plane in frame.planes[1:3]:
                neutral = np.full((plane.height, plane.width), 128 << (bits - 8))
                fill_plane(plane, neutral.astype(pictures[0].dtype))
            frame.pts, frame.time_base, frame.duration = index, base, 1
            out.mux(video.encode(frame))
        out.mux(video.encode(None))
    if marked:
        marks = ("-vf", f"setfield={order}", "-flags", "+ildct+ilme")
        run_ffmpeg("-i", str(plain), *marks, *encoder, str(path))
        plain.unlink()
    return path


def make_soft_telecine(path: Path, frames: int = 30) -> Path:
    """Write whole MPEG-2 frames that are to be shown for three and two fields in turn.

    ffmpeg sets no such flags, so they are set in its pictures' headers (ITU-T H.262, 6.2.2.3 and
    6.2.3.1).
    """
    plain, video = path.with_name("plain.mkv"), path.with_name("video.m2v")
    make_film(plain, frames=frames, rate=Fraction(30000, 1001), codec="ffv1")
    run_ffmpeg("-i", str(plain), *("-c:v", "mpeg2video", "-q:v", "2", "-bf", "0"), str(video))
    stream = bytearray(video.read_bytes())
    start = picture = 0
    while (start := stream.find(b"\x00\x00\x01\xb5", start)) >= 0:
        kind = stream[start + 4] >> 4
        if kind == 1:  # sequence extension: not progressive_sequence
            stream[start + 5] &= ~0x08
        elif kind == 8:  # picture coding extension: top_field_first, repeat_first_field
            top, repeats = ((1, 1), (0, 0), (0, 1), (1, 0))[picture % 4]
            stream[start + 7] = stream[start + 7] & ~0x82 | top << 7 | repeats << 1
            stream[start + 8] |= 0x80  # progressive_frame
            picture += 1
        start += 4
    assert picture == frames
    video.write_bytes(stream)
    run_ffmpeg("-i", str(video), "-c", "copy", str(path))
    return path


def _add_sound(out: Any, codec: str, track: int) -> Any:
    sound = out.add_stream(codec, rate=AUDIO_RATE, layout="stereo")
    sound.metadata["language"] = LANGUAGES[track % len(LANGUAGES)]
    sound.metadata["title"] = f"Sound {track + 1}"
    if track:
        sound.disposition = av.stream.Disposition.comment
    return sound


def _chapters(start_s: float, seconds: float) -> list[Any]:
    middle = start_s + seconds / 2
    return [
        {
            "id": number,
            "start": round(1000 * begin),
            "end": round(1000 * end),
            "time_base": Fraction(1, 1000),
            "metadata": {"title": f"Reel {number}"},
        }
        for number, (begin, end) in enumerate(
            [(start_s, middle), (middle, start_s + seconds)], start=1
        )
    ]


def plane_values(frame: av.VideoFrame, index: int = 0) -> npt.NDArray[Any]:
    """A copy of plane ``index`` of a planar little-endian frame, without the rows' padding."""
    plane = frame.planes[index]
    dtype = np.uint8 if frame.format.components[0].bits == 8 else np.uint16
    rows = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)[: plane.height]
    return rows.view(dtype)[:, : plane.width].copy()


def decode_luma(path: Path | str) -> list[tuple[Fraction, npt.NDArray[Any]]]:
    """(time in seconds, luma) of all frames of the best video stream, by plain PyAV."""
    decoded = []
    with av.open(str(path)) as container:
        stream = container.streams.best("video")
        assert stream is not None
        for packet in container.demux(stream):
            for frame in packet.decode():
                assert frame.pts is not None
                decoded.append((frame.pts * frame.time_base, plane_values(frame)))
    return decoded


def audio_packets(path: Path | str, index: int = 0) -> list[bytes]:
    """Payloads of audio track number ``index`` (0 = the first sound)."""
    with av.open(str(path)) as container:
        stream = container.streams.audio[index]
        return [bytes(packet) for packet in container.demux(stream) if packet.size]


def stream_packets(
    path: Path | str, index: int
) -> list[tuple[Fraction | None, Fraction | None, bytes]]:
    """(pts, dts in seconds, payload) of all packets of stream number ``index``."""
    with av.open(str(path)) as container:
        stream = container.streams[index]
        return [
            (
                None if packet.pts is None else packet.pts * packet.time_base,
                None if packet.dts is None else packet.dts * packet.time_base,
                bytes(packet),
            )
            for packet in container.demux(stream)
            if packet.size
        ]


def packet_digest(path: Path | str) -> dict[int, str]:
    """sha256 of the payloads of every stream, by stream index."""
    digests: dict[int, Any] = {}
    with av.open(str(path)) as container:
        for packet in container.demux():
            if packet.size:
                digests.setdefault(packet.stream_index, hashlib.sha256()).update(bytes(packet))
    return {index: digest.hexdigest() for index, digest in digests.items()}


def run_ffmpeg(*arguments: str) -> bytes:
    """Run the ffmpeg program with ``arguments``; its standard output. Fails loudly."""
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-nostdin", "-v", "error", "-y", *arguments]
    done = subprocess.run(command, capture_output=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{command}: {done.stderr.decode(errors='replace')}")
    return done.stdout


def ffmpeg_raw(path: Path | str, pix_fmt: str | None = None) -> bytes:
    """All frames of the first video stream as raw video, unrotated, none dropped or repeated."""
    chosen = {} if pix_fmt is None else {"pix_fmt": pix_fmt}
    node = ffmpeg.input(str(path), noautorotate=None)
    node = ffmpeg.output(node["v:0"], "pipe:", format="rawvideo", fps_mode="passthrough", **chosen)
    raw, _ = ffmpeg.run(
        node, cmd=imageio_ffmpeg.get_ffmpeg_exe(), capture_stdout=True, capture_stderr=True
    )
    return bytes(raw)


def ffmpeg_luma(path: Path | str, pix_fmt: str, width: int, height: int) -> list[npt.NDArray[Any]]:
    """Luma of all frames as the ffmpeg program decodes them.

    ``pix_fmt`` must be the file's own planar format, or swscale would change the luma.
    """
    form = VideoFormat(pix_fmt, width, height)
    dtype = np.dtype(np.uint8 if form.components[0].bits == 8 else np.uint16)
    luma = width * height
    others = sum(c.width * c.height for c in form.components[1:])
    raw = np.frombuffer(ffmpeg_raw(path, pix_fmt), dtype).reshape(-1, luma + others)
    return [frame[:luma].reshape(height, width) for frame in raw]


def ffmpeg_frame_count(path: Path | str) -> int:
    """Frames of the first video stream that the ffmpeg program decodes."""
    progress = run_ffmpeg(
        *("-i", str(path), "-map", "0:v:0", "-fps_mode", "passthrough"),
        *("-f", "null", "-progress", "pipe:1", "-"),
    ).decode()
    counts = [line for line in progress.splitlines() if line.startswith("frame=")]
    return int(counts[-1].removeprefix("frame="))


def ffmpeg_times(path: Path | str) -> list[Fraction]:
    """When the frames of the first video stream are shown by the ffmpeg program, in seconds."""
    lines = run_ffmpeg(
        *("-copyts", "-i", str(path), "-map", "0:v:0", "-fps_mode", "passthrough"),
        *("-enc_time_base", "demux", "-f", "framecrc", "-"),
    ).decode()
    (tick,) = (line.split()[2] for line in lines.splitlines() if line.startswith("#tb 0"))
    rows = (line.split(",") for line in lines.splitlines() if not line.startswith("#"))
    return [int(row[2]) * Fraction(tick) for row in rows]
