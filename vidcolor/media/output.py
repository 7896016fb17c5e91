"""One way to every kind of output: a film, or numbered pictures."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from vidcolor.config import RunSettings
from vidcolor.errors import SettingsError, StreamDropError, VerificationError
from vidcolor.frames import MediaInfo
from vidcolor.media.atomic import check_output
from vidcolor.media.plan import IMAGE_SEQUENCE, OutputPlan, StreamPlan, lost_captions, plan_output
from vidcolor.media.probe import is_sequence_pattern
from vidcolor.media.segments import SegmentFolder
from vidcolor.media.sequence_writer import SequenceWriter, check_sequence_output, sequence_target
from vidcolor.media.verify import Tick, VerifyReport, verify_output
from vidcolor.media.write_report import WriteReport
from vidcolor.media.writer import FilmWriter

Writer = FilmWriter | SequenceWriter
"""Both are context managers with ``write``, ``finish``, ``commit`` and ``abort``."""


def plan_any(info: MediaInfo, settings: RunSettings, output: Path) -> OutputPlan:
    """Decide what ``output`` will be and check that it may be written; touches nothing.

    Parameters
    ----------
    info:
        The source, as probed.
    settings:
        Encoder, depth, what to do about streams that cannot be kept, overwriting.
    output:
        A film's path, or a pattern such as ``color_%06d.png``.

    Raises
    ------
    OutputError, SettingsError, UnsupportedColorError
        See `vidcolor.media.plan.plan_output` and `vidcolor.media.atomic.check_output`.
    """
    if not is_sequence_pattern(output):
        check_output(Path(info.path), output, settings.overwrite)
        plan = plan_output(info, settings, output)
        if not plan.is_scaled:
            return plan
        size = f"{plan.target.width}×{plan.target.height}"
        scaled = f"the picture is scaled to {size}, so its luma is not kept"
        return replace(plan, notices=(*plan.notices, scaled))
    check_sequence_output(info, output, settings.overwrite)
    return _plan_sequence(info, settings, output)


def _plan_sequence(info: MediaInfo, settings: RunSettings, output: Path) -> OutputPlan:
    if settings.encode.scale != 1:
        raise SettingsError(
            f"preset {settings.preset!r} scales the picture, which numbered pictures are not for; "
            "use --preset film or archive"
        )
    streams = [
        StreamPlan(s.index, s.kind, "color")
        if s.index == info.video.index
        else StreamPlan(s.index, s.kind, "drop", f"{s.codec}: pictures hold no {s.kind}")
        for s in info.streams
    ] or [StreamPlan(0, "video", "color")]
    streams += lost_captions(info)
    target = sequence_target(info, output, allow_hdr=settings.allow_hdr)
    notices = [stream.notice for stream in streams if stream.action == "drop"]
    if not target.color.full_range:
        notices.append(
            "limited-range luma is expanded to the full range of RGB pictures; what lies below "
            "black or above white is clipped"
        )
    video = info.video
    if video.rotation or video.mirrored:
        turned = [f"turned by {video.rotation}° counter-clockwise"] if video.rotation else []
        shown = " and ".join([*turned, *(["mirrored"] if video.mirrored else [])])
        notices.append(
            f"the film is shown {shown}; the pictures are as it is stored, and do not say so"
        )
    plan = OutputPlan(
        container=IMAGE_SEQUENCE,
        codec=output.suffix.removeprefix(".").lower(),
        options={},
        target=target,
        streams=tuple(streams),
        notices=tuple(notices),
    )
    if plan.dropped and settings.strict_streams and not settings.allow_drop:
        kinds = ", ".join(f"{s.kind} #{s.index}" for s in plan.dropped)
        raise StreamDropError(
            f"{output.name} would lack {kinds}: pictures hold none. Give --allow-drop to go on "
            "without, or a film as output"
        )
    return plan


def open_writer(
    info: MediaInfo,
    output: Path,
    plan: OutputPlan,
    settings: RunSettings,
    segments: SegmentFolder | None = None,
    replaces: bool | None = None,
) -> Writer:
    """The writer for ``plan``; its file does not appear under its name before ``commit``.

    ``segments`` and ``replaces`` are for films, see `FilmWriter`.
    """
    if plan.container == IMAGE_SEQUENCE:
        return SequenceWriter(info, output, plan.target, overwrite=settings.overwrite)
    return FilmWriter(
        info,
        output,
        plan,
        start_s=settings.start_s,
        duration_s=settings.duration_s,
        segments=segments,
        replaces=replaces,
    )


def verify_any(
    plan: OutputPlan,
    report: WriteReport,
    writer: Writer,
    source: MediaInfo,
    expected_pts: array[int],
    luma_hashes: Sequence[bytes] | None,
    tick: Tick,
) -> VerifyReport:
    """Open what was written again and compare it with what it should be.

    ``tick`` is called for every packet, frame or picture; what it raises ends it.

    Raises
    ------
    VerificationError
        If it differs; nothing has then been renamed.
    """
    if report.frames != len(expected_pts):
        raise VerificationError(
            f"{report.frames} frames were written of {len(expected_pts)} that were decoded; the "
            "output was not kept. This is a bug in vidcolor: please report it"
        )
    if isinstance(writer, FilmWriter):
        return verify_output(
            plan, report, writer.temp_path, source, expected_pts, luma_hashes, tick
        )
    frames = writer.verify(tick)
    return VerifyReport(
        frames=frames,
        largest_pts_error_s=0.0,
        length_s=report.end_s,
        identical_audio_packets=0,
        streams=(f"pictures {plan.codec}",),
        frames_decoded=frames,
        luma_identical=report.luma_identical_frames,
    )
