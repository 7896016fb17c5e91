"""What a coloured film should hold, worked out from its source as a run would."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av

from vidcolor.errors import SettingsError
from vidcolor.frames import EncodeTarget, MediaInfo
from vidcolor.media.muxing import container_options
from vidcolor.media.plan import OutputPlan, plan_streams
from vidcolor.media.streams import StreamCopier
from vidcolor.media.target import prores_tags, target_color
from vidcolor.media.write_report import WriteReport

_ENCODERS = {"h264": "libx264", "prores": "prores_ks"}
# By the name of the decoder, where that is another: what is expected of fields depends on them.

PLACEHOLDER = "mpeg4"
"""What stands for the film in a file that is not kept: every container takes it. Of what others
have made, libav reads more than it writes."""

STEP_S = 10
"""The source's other streams are read so many seconds at a time."""


class _Nowhere(io.RawIOBase):
    """A file that forgets what is written to it."""

    def __init__(self) -> None:
        self._place = self._size = 0

    def write(self, data: Any) -> int:
        self._place += len(data)
        self._size = max(self._size, self._place)
        return len(data)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._place = offset + (0, self._place, self._size)[whence]
        return self._place

    def tell(self) -> int:
        return self._place

    def writable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True


def expected_plan(source: MediaInfo, output: MediaInfo) -> OutputPlan:
    """What a run would plan that writes ``source`` into the container of ``output``.

    Codec, samples and depth are those of ``output``; size, colour tags and streams are to be the
    source's.

    Raises
    ------
    SettingsError
        If ``output`` is in a container that vidcolor does not write.
    UnsupportedColorError
        For matrices that the chroma solve does not cover.
    """
    muxer = _muxer_of(output)
    video, layout = source.video, output.video.layout
    color = target_color(video, allow_hdr=True)
    if output.video.codec == "prores":
        color = prores_tags(color)
    lost = video.layout.has_alpha and not layout.has_alpha
    return OutputPlan(
        container=muxer,
        codec=_ENCODERS.get(output.video.codec, output.video.codec),
        options={},
        target=EncodeTarget(
            width=video.width,
            height=video.height,
            layout=layout,
            color=color,
            luma_shift=max(0, layout.bit_depth - video.layout.bit_depth),
        ),
        streams=tuple(plan_streams(source, muxer, "alpha channel" if lost else None)),
        notices=(),
    )


def expected_streams(
    source: MediaInfo,
    plan: OutputPlan,
    *,
    start_s: float = 0.0,
    duration_s: float | None = None,
    tick: Callable[[], None] = lambda: None,
) -> WriteReport:
    """Carry the source's other streams over into a file that is not kept.

    Parameters
    ----------
    plan:
        From `expected_plan`.
    start_s, duration_s:
        The part of the film that was coloured.
    tick:
        Called now and then; what it raises ends this.

    Returns
    -------
    What was carried over; nothing about the film itself.
    """
    report = WriteReport(time_base=source.video.time_base)
    options = container_options(plan, source)
    options.pop("movflags", None)  # it would read the file again
    out: Any = av.open(_Nowhere(), "w", format=plan.container, container_options=options)
    copier = StreamCopier(source, plan, out, start_s=start_s, duration_s=duration_s)
    try:
        copier.add_file_facts()
        for stream in plan.streams:
            if stream.action == "color":
                out.add_stream(PLACEHOLDER)  # never given a frame
            else:
                copier.add_stream(stream)
        out.start_encoding()
        begin = int(source.origin_s)
        end = begin + int(source.duration_from_header_s or 0)
        for second in range(begin, end + 1, STEP_S):
            tick()
            copier.advance(Fraction(second))
        copier.advance(None)
        copier.fill_in(report)
    finally:
        copier.close()
        with contextlib.suppress(av.FFmpegError, ValueError):  # nobody will read it
            out.close()
    return report


def _muxer_of(output: MediaInfo) -> str:
    names = output.container.split(",")
    if "matroska" in names:
        return "matroska"
    if "mov" in names:
        return "mov" if output.metadata.get("major_brand", "").startswith("qt") else "mp4"
    raise SettingsError(
        f"{Path(output.path).name} is in a container that vidcolor does not write ({names[0]}); "
        "give an .mkv, .mp4 or .mov"
    )
