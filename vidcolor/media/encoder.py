"""Opens the video encoder of an output and hands it frames whose luma is proven to be right."""

from __future__ import annotations

import dataclasses
import difflib
import itertools
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import av
import numpy as np
import numpy.typing as npt
from av.codec.context import Flags
from av.video.format import VideoFormat

from vidcolor.errors import EncoderError, EncoderOptionError
from vidcolor.frames import ColoredFrame, EncodeTarget, Plane, VideoInfo
from vidcolor.media.plan import OutputPlan
from vidcolor.media.probe import FIELD_ORDERS
from vidcolor.media.target import field_mode

AVCOL_RANGE = {False: 1, True: 2}
"""libavutil's AVColorRange: 1 is video range (MPEG), 2 full range (JPEG)."""

X26X_PRESETS = (
    *("ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower"),
    *("veryslow", "placebo"),
)
"""Presets of x264 and x265. Checked here because the libraries print their own complaint."""

HARDWARE = {
    "_nvenc": "an NVIDIA GPU with its driver",
    "_amf": "an AMD GPU with its driver",
}
"""What encoders need whose names end so."""

FALLBACK_RATE = 24
"""Frames per second told to an encoder when the source does not say; only its rate control
looks at it."""

_LARGEST_SAR_TERM = 65_535
# H.264 and HEVC write the pixel aspect ratio as two 16-bit numbers.


class FilmEncoder:
    """The encoder of the coloured film, as a stream of an output container.

    Parameters
    ----------
    out:
        Output container, its header not yet written.
    plan:
        Encoder, options and target layout.
    video:
        The source's stream: times, pixel aspect, rotation and field order are its own.
    threads:
        For the encoder; 0 lets it choose.

    Raises
    ------
    EncoderOptionError
        For an option, or a value of one, that the encoder does not know.
    EncoderError
        If it refuses for another reason.
    """

    def __init__(self, out: Any, plan: OutputPlan, video: VideoInfo, threads: int = 0) -> None:
        self.target = plan.target
        self._codec = plan.codec
        interlacing = field_mode(plan, video)
        options = _private_options(plan, interlacing)
        _check_preset(plan.codec, options)
        self.stream = out.add_stream(
            plan.codec, rate=video.average_rate or FALLBACK_RATE, options=options
        )
        _configure(self.stream.codec_context, plan, video, threads, interlacing)
        self.stream.time_base = video.time_base
        if video.rotation or video.mirrored:
            self.stream.set_display_rotation(video.rotation, hflip=video.mirrored)
        _open(self.stream.codec_context, plan, video, options)
        self._fields = (
            None if interlacing is None else _FieldMarker(plan.target, video.time_base, interlacing)
        )
        self.frames = 0
        """Frames given to the encoder."""
        self._has_output = False
        self.luma_identical_frames = 0
        """Those whose luma plane equals the decoder's, shifted by ``target.luma_shift``."""

    def encode(self, frame: ColoredFrame, pts: int) -> list[Any]:
        """Encode ``frame``, shown at ``pts``; returns the packets that came out, maybe none.

        Raises
        ------
        EncoderError
        """
        picture, identical = build_picture(frame, self.target)
        picture.pts, picture.time_base = pts, frame.source.time_base
        picture.duration = frame.source.duration
        if self._fields is not None:
            picture = self._fields.mark(picture)
        packets = self._encode(picture)
        self.frames += 1
        self.luma_identical_frames += identical
        return packets

    def flush(self, tick: Callable[[], None] = lambda: None) -> list[Any]:
        """The packets that the encoder still holds; ``tick`` is called as each comes out.

        Raises
        ------
        EncoderError
        """
        is_whole_film = not self._has_output
        packets = self._encode(None, tick)
        if is_whole_film:
            repair_decoding_times(packets)
        return packets

    def _encode(self, picture: Any, tick: Callable[[], None] = lambda: None) -> list[Any]:
        packets: list[Any] = []
        try:
            for packet in self.stream.codec_context.encode_lazy(picture):
                packet.stream = self.stream
                packets.append(packet)
                tick()
        except (av.FFmpegError, ValueError) as error:
            raise EncoderError(
                f"{self._codec} failed at frame {self.frames}: {_reason(error)}; try another "
                "codec or preset"
            ) from error
        self._has_output = self._has_output or bool(packets)
        return packets


def repair_decoding_times(packets: list[Any]) -> None:
    """Give all packets of a short film possible decoding times, if one of them has none.

    x265 takes decoding times from memory that it never set when a film ends before it has
    looked ahead as far as it wants; then all packets come at once, at the end. They are
    possible if they increase, none comes after its presentation time, and none lies further
    before it than the whole film is long.
    """
    shown = [packet.pts for packet in packets]
    decoded = [packet.dts for packet in packets]
    if not packets:
        return
    length = max(shown) - min(shown)
    possible = all(
        dts is not None and 0 <= pts - dts <= 2 * length
        for pts, dts in zip(shown, decoded, strict=True)
    ) and all(a < b for a, b in itertools.pairwise(decoded))
    if not possible:
        for index, packet in enumerate(packets):
            packet.dts = min(shown) - len(packets) + index


def build_picture(frame: ColoredFrame, target: EncodeTarget) -> tuple[Any, bool]:
    """A new libav frame with the planes of ``frame``.

    A new one each time, because encoders keep references to those that they were given.

    Returns
    -------
    The frame, and whether its luma plane, read back from libav's memory, equals the decoder's
    luma (shifted left by ``target.luma_shift``) in every sample.

    Raises
    ------
    ValueError
        If a plane has not the target's size: a mistake of the caller.
    """
    picture = av.VideoFrame(target.width, target.height, target.layout.name)
    luma = _fill(picture, 0, frame.luma, (target.width, target.height))
    for index, chroma in ((1, frame.cb), (2, frame.cr)):
        _fill(picture, index, chroma, target.chroma_size)
    if target.layout.has_alpha:
        alpha = _alpha(frame, target)
        _fill(picture, 3, alpha, (target.width, target.height))
    color = target.color
    # Most encoders take their tags from the context, ProRes from each frame.
    picture.colorspace, picture.color_primaries = color.matrix, color.primaries
    picture.color_trc, picture.color_range = color.transfer, AVCOL_RANGE[color.full_range]
    wanted = frame.source.luma
    if target.luma_shift:
        wanted = np.left_shift(wanted, target.luma_shift, dtype=np.uint16)
    return picture, bool(np.array_equal(luma, wanted))


def _fill(
    picture: Any, index: int, values: Plane, size: tuple[int, int]
) -> npt.NDArray[np.generic]:
    """Write ``values`` into a plane; returns the view of it that was written."""
    plane = picture.planes[index]
    dtype = np.dtype(np.uint8 if picture.format.components[0].bits == 8 else np.uint16)
    if values.shape != size[::-1] or values.dtype != dtype:
        raise ValueError(
            f"plane {index} must be {dtype}{size[::-1]}, is {values.dtype}{values.shape}"
        )
    # Rows are line_size bytes apart, longer than the picture is wide.
    rows = np.frombuffer(plane, dtype).reshape(-1, plane.line_size // dtype.itemsize)
    view = rows[: size[1], : size[0]]
    view[...] = values
    return view


def _alpha(frame: ColoredFrame, target: EncodeTarget) -> Plane:
    """The source's alpha at the target's depth, or opaque; full range, so 255 becomes 1023."""
    bits, shift = target.layout.bit_depth, target.luma_shift
    alpha = frame.source.alpha
    if alpha is None:
        return np.full_like(frame.luma, 2**bits - 1)
    if not shift:
        return alpha
    wide = alpha.astype(np.uint16)
    repeated: Plane = np.bitwise_or(wide << shift, wide >> (bits - 2 * shift), dtype=np.uint16)
    return repeated


def _configure(
    context: Any, plan: OutputPlan, video: VideoInfo, threads: int, interlacing: str | None
) -> None:
    target = plan.target
    context.width, context.height = target.width, target.height
    context.pix_fmt = target.layout.name
    # The source's own clock: variable frame rates stay exact, nothing is rounded to 1/rate.
    context.time_base = video.time_base
    context.sample_aspect_ratio = video.sample_aspect_ratio.limit_denominator(_LARGEST_SAR_TERM)
    context.colorspace = target.color.matrix
    context.color_primaries = target.color.primaries
    context.color_trc = target.color.transfer
    context.color_range = AVCOL_RANGE[target.color.full_range]
    # Without this the last frame's duration is lost.
    context.flags |= Flags.frame_duration
    unscaled = (target.width, target.height) == (video.width, video.height)
    if video.field_order in FIELD_ORDERS and unscaled:  # scaling mixes the fields
        context.field_order = FIELD_ORDERS.index(video.field_order)
    if interlacing is not None:
        context.flags |= Flags.interlaced_dct
    context.thread_count = threads
    # PyAV's default, SLICE, makes x264 cut frames into slices, which costs quality.
    context.thread_type = "AUTO"
    if context.codec.canonical_name == "hevc" and plan.container in ("mp4", "mov"):
        context.codec_tag = "hvc1"  # the form that QuickTime plays


def _private_options(plan: OutputPlan, interlacing: str | None) -> dict[str, str]:
    """The plan's options, with what vidcolor itself must tell the encoder."""
    options = dict(plan.options)
    if plan.target.color.chroma_location:
        options.setdefault("chroma_sample_location", str(plan.target.color.chroma_location))
    if plan.codec == "libx265":  # it prints to the terminal by itself
        options["x265-params"] = _joined("log-level=error", options.get("x265-params"))
    if plan.codec == "libx264" and interlacing is not None:
        options["x264-params"] = _joined(f"{interlacing}=1", options.get("x264-params"))
    return options


def _joined(first: str, second: str | None) -> str:
    return first if not second else f"{first}:{second}"


def _check_preset(codec: str, options: dict[str, str]) -> None:
    preset = options.get("preset")
    if codec in ("libx264", "libx265") and preset is not None and preset not in X26X_PRESETS:
        raise EncoderOptionError(
            f"{codec} has no preset {preset!r}; choose {', '.join(X26X_PRESETS)}"
        )


def _open(context: Any, plan: OutputPlan, video: VideoInfo, options: dict[str, str]) -> None:
    try:
        context.open()
    except (av.FFmpegError, ValueError) as error:
        raise _explain_refusal(plan, video, options, error) from error
    # What avcodec_open2 did not consume it has silently ignored.
    if context.options:
        raise _unknown_option(context, next(iter(context.options)))


def _unknown_option(context: Any, name: str) -> EncoderOptionError:
    supported = context.supported_options
    known = [option.name for option in (*supported.private, *supported.generic)]
    close = difflib.get_close_matches(name, known, n=3)
    hint = f"did you mean {' or '.join(repr(match) for match in close)}? " if close else ""
    private = ", ".join(sorted({option.name for option in supported.private})[:12])
    return EncoderOptionError(
        f"{context.name} has no option {name!r}; {hint}it knows {private} and more"
    )


def _explain_refusal(
    plan: OutputPlan, video: VideoInfo, options: dict[str, str], error: Exception
) -> EncoderError | EncoderOptionError:
    """Find out whether one of the options is to blame, by trying each alone."""
    if _opens(plan, video, {}):
        for name, value in options.items():
            if not _opens(plan, video, {name: value}):
                return EncoderOptionError(
                    f"{plan.codec} does not accept {name} = {value!r}; give it another value"
                )
        listed = ", ".join(f"{name}={value}" for name, value in options.items())
        return EncoderOptionError(f"{plan.codec} does not accept these together: {listed}")
    target = plan.target
    maker = next((HARDWARE[end] for end in HARDWARE if plan.codec.endswith(end)), None)
    needs = f"it also needs {maker}; " if maker else ""
    return EncoderError(
        f"{plan.codec} refuses {target.width}×{target.height} {target.layout.name}: "
        f"{_reason(error)}; {needs}choose another codec or preset"
    )


def _opens(plan: OutputPlan, video: VideoInfo, options: dict[str, str]) -> bool:
    context: Any = av.CodecContext.create(plan.codec, "w")
    context.framerate = video.average_rate or Fraction(FALLBACK_RATE)
    quiet = _private_options(dataclasses.replace(plan, options=options), None)
    context.options = quiet if plan.codec == "libx265" else options
    _configure(context, plan, video, 1, None)
    try:
        context.open()
    except (av.FFmpegError, ValueError):
        return False
    return True


def _reason(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or error)


class _FieldMarker:
    """Marks frames as interlaced; libav's ``setfield`` does it without touching a sample."""

    def __init__(self, target: EncodeTarget, time_base: Fraction, order: str) -> None:
        self._graph = av.filter.Graph()
        source = self._graph.add_buffer(
            width=target.width,
            height=target.height,
            format=VideoFormat(target.layout.name, target.width, target.height),
            time_base=time_base,
        )
        marker = self._graph.add("setfield", f"mode={order}")
        self._graph.link_nodes(source, marker, self._graph.add("buffersink")).configure()

    def mark(self, picture: Any) -> Any:
        """``picture`` with its field flags set."""
        self._graph.push(picture)
        return self._graph.pull()
