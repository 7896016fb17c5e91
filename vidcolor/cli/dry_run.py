"""``vidcolor run --dry-run``: what would be done, and nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from vidcolor.cli.console import jsonable, plain, report_grid, stdout
from vidcolor.cli.events import Events
from vidcolor.cli.films import Job, check_film, check_spares_inputs, settle_output
from vidcolor.cli.narration import tell_notices, tell_start
from vidcolor.cli.probe import color_line
from vidcolor.cli.session import report_failure
from vidcolor.cli.summary import stream_line
from vidcolor.config import RunSettings
from vidcolor.errors import Interrupted, OutputFolderError

if TYPE_CHECKING:
    from vidcolor.frames import MediaInfo
    from vidcolor.media.plan import OutputPlan


def print_plans(
    jobs: Sequence[Job],
    settings: RunSettings,
    rate: str | None,
    events: Events,
    *,
    quiet: bool,
) -> int:
    """Print what would be done to each film.

    Returns
    -------
    0, or the exit code of the first film that cannot be coloured.

    Raises
    ------
    CheckpointError, DeviceError
        If no film could be coloured.
    """
    from vidcolor.media.safety import limits_in_force

    network = _network(settings)
    codes: list[int] = []
    for job in jobs:
        try:
            with limits_in_force(settings.limits):
                output, plan = _plan(job, settings, rate, [j.source for j in jobs if j != job])
        except Interrupted:
            raise
        except Exception as error:
            codes.append(report_failure(error, about=job.source if len(jobs) > 1 else ""))
            events.error(job.source, error)
        else:
            tell_notices(job.source, plan.notices)
            events.plan(job.source, output, plan)
            if not quiet and not events.active:
                heading = plain(f"{job.source} → {output}", "bold")
                stdout().print(heading, soft_wrap=True)
                report_grid(plan_rows(settings, plan, network))
    return codes[0] if codes else 0


def _network(settings: RunSettings) -> str:
    """What would colour; the weights themselves are not loaded."""
    from vidcolor.devices import is_certainly_cpu, pick_device
    from vidcolor.models.checkpoint_names import read_info, resolve

    info = read_info(resolve(settings.network.checkpoint))
    wanted = settings.network.device
    device = "cpu" if is_certainly_cpu(wanted) else pick_device(wanted)
    return f"{info.name} ({info.architecture}) on {device}"


def _plan(
    job: Job, settings: RunSettings, rate: str | None, others: Sequence[str]
) -> tuple[Path, OutputPlan]:
    """The output's path and plan, which then also tells what was noticed about the source."""
    from vidcolor.hints import read_hints
    from vidcolor.media.fields import field_notices
    from vidcolor.media.output import plan_any
    from vidcolor.media.sequence import open_source
    from vidcolor.references import load_references
    from vidcolor.report_file import check_report_place
    from vidcolor.temporal.shot_list import read_list_of

    check_film(job.source)
    if settings.temporal.shots is not None:
        read_list_of(Path(settings.temporal.shots), Path(job.source).name)
    if settings.hints is not None:
        read_hints(Path(settings.hints))
    output = settle_output(job, settings)
    check_spares_inputs(output, others)
    tell_start(job.source, output)
    with open_source(
        job.source,
        rate=rate,
        start_s=settings.start_s,
        duration_s=settings.duration_s,
        keep_partial=settings.keep_partial,
        deinterlace=settings.deinterlace,
    ) as reader:
        if settings.references is not None:
            load_references(Path(settings.references), Path(job.source).name, reader.info.video)
        plan = plan_any(reader.info, settings, output)
        check_report_place(
            *(Path(reader.info.path), output),
            writes=settings.report,
            overwrite=settings.overwrite,
        )
        _try_encoder(reader.info, plan)
        of_fields = field_notices(
            reader.fields, reader.info.video, settings.deinterlace, is_scaled=plan.is_scaled
        )
    return output, replace(plan, notices=(*reader.info.notices, *of_fields, *plan.notices))


def _try_encoder(info: MediaInfo, plan: OutputPlan) -> None:
    """Open the encoder and the container once, in a folder that is deleted again.

    Only that shows an option, or a value of one, which the encoder does not know.

    Raises
    ------
    EncoderOptionError, EncoderError
    OutputFolderError
        If there is no folder for temporary files.
    """
    from vidcolor.media.plan import IMAGE_SEQUENCE
    from vidcolor.media.writer import FilmWriter

    if plan.container == IMAGE_SEQUENCE:
        return
    # The copied streams are tried by the plan itself; here they would only cost time.
    only_video = replace(plan, streams=tuple(s for s in plan.streams if s.action == "color"))
    # Of one frame, because the folder for temporary files need not have room for the film.
    one_frame = replace(info, video=replace(info.video, num_frames_from_header=1))
    try:
        temporary = TemporaryDirectory(prefix="vidcolor-")
    except OSError as error:
        raise OutputFolderError(
            f"the encoder cannot be tried without a folder for temporary files: {error.strerror}; "
            "set TMPDIR to one that can be written"
        ) from error
    with temporary as folder, FilmWriter(one_frame, Path(folder) / "trial", only_video):
        pass


def plan_rows(settings: RunSettings, plan: OutputPlan, network: str) -> Iterable[tuple[str, str]]:
    """(name, value) of each line of the plan; a name is empty when it repeats."""
    target = plan.target
    encoder_options = " ".join(f"{key}={value}" for key, value in plan.options.items())
    yield "preset", settings.preset
    yield "container", plan.container
    yield "encoder", f"{plan.codec} {encoder_options}".rstrip()
    shift = f", luma shifted left by {target.luma_shift} bits" if target.luma_shift else ""
    yield "picture", f"{target.width}×{target.height} {target.layout.name}{shift}"
    yield "colour", color_line(target.color)
    yield "network", network
    name = "streams"
    for stream in plan.streams:
        yield name, stream_line(jsonable(stream))
        name = ""
    name = "notice"
    for notice in plan.notices:
        yield name, notice
        name = ""
