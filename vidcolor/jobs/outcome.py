"""What a finished run has done, for its report."""

from __future__ import annotations

from pathlib import Path

from vidcolor.engine import FilmRun
from vidcolor.media.fields import field_notices
from vidcolor.media.plan import IMAGE_SEQUENCE
from vidcolor.media.verify import VerifyReport
from vidcolor.report import RunReport, read_notices


def outcome(run: FilmRun, output: Path, verification: VerifyReport, wall_s: float) -> RunReport:
    """The report of a ``run`` whose ``output`` is finished; everything in it was counted.

    Parameters
    ----------
    run:
        After `FilmRun.execute`, which returned ``verification``.
    output:
        The film's final name.
    wall_s:
        Seconds since the run began.
    """
    frames = max(1, run.frames_rendered)
    read = run.reader.report
    is_pictures = run.plan.container == IMAGE_SEQUENCE
    return RunReport(
        source=run.info.path,
        output=str(output),
        preset=run.settings.preset,
        checkpoint=run.colorizer.info.name,
        checkpoint_sha256=run.colorizer.info.sha256,
        checkpoint_licence=run.colorizer.info.licence,
        device=run.colorizer.device,
        precision=run.colorizer.precision,
        engine=run.engine,
        frames_in=len(run.pts),
        frames_out=verification.frames,
        frames_resumed=run.first_frame,
        frames_repeated=run.frames_repeated,
        frames_carried=run.frames_carried,
        luma_identical=run.written.luma_identical_frames if run.keeps_luma else 0,
        source_luma_sha256=run.luma.decoded.total(),
        encoder_luma_sha256=None if is_pictures else run.luma.encoded.total(),
        is_deinterlaced=run.reader.deinterlaces,
        undecodable_packets=read.undecodable_packets,
        shots=run.progress.shot + 1 if run.progress.frames_written else 0,
        codec=run.plan.codec,
        width=run.target.width,
        height=run.target.height,
        bit_depth=run.target.layout.bit_depth,
        streams=[
            {"index": s.index, "kind": s.kind, "action": s.action, "reason": s.reason}
            for s in run.plan.streams
        ],
        notices=[
            *run.info.notices,
            *_field_notices(run),
            *run.plan.notices,
            *_color_notices(run),
            *read_notices(read),
            *run.written.notices(),
        ],
        stage_ms={name: 1000 * s / frames for name, s in run.clock.seconds.items()},
        wall_s=wall_s,
        fps=run.frames_rendered / wall_s,
        verification=verification,
    )


def _field_notices(run: FilmRun) -> list[str]:
    done = run.settings.deinterlace
    return field_notices(run.reader.fields, run.info.video, done, is_scaled=run.plan.is_scaled)


def _color_notices(run: FilmRun) -> list[str]:
    notices = run.source_shots.notices()
    if run.listed is not None and not run.is_complete:
        notices += run.listed.notices()
    if run.carried is not None:
        met, carried = run.carried.frames_met, len(run.carried)
        is_whole = not (run.first_frame or run.settings.start_s or run.settings.duration_s)
        if met:
            notices.append(f"{met} frames have edited colours")
        elif is_whole and not run.keeps_chroma:
            notices.append(
                f"edits were carried to {carried} frames, of which none was met: the film has "
                "other times when it is read from its beginning, as recordings that were "
                "glued together do; cut it, and colour the parts"
            )
    if run.is_complete and run.rendered_again is not None:
        notices.append(
            f"kept work was used: {run.rendered_again} segments were rendered again, with the "
            "colours of the earlier run"
        )
    if run.frames_without_color and run.settings.look.strength:
        notices.append(
            f"{run.frames_without_color} of {run.progress.frames_written} frames "
            "were left without colour by the network"
        )
    if run.colorizer.halvings:
        notices.append(
            f"the device ran out of memory: the batch was halved {run.colorizer.halvings} times"
        )
    return notices
