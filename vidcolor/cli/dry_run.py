"""``vidcolor run --dry-run``: what would be done, and nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from vidcolor.cli.console import jsonable, plain, print_json, report_grid, stdout
from vidcolor.cli.films import Job, settle_output
from vidcolor.cli.probe import color_line
from vidcolor.cli.session import report_failure
from vidcolor.cli.summary import stream_line
from vidcolor.config import RunSettings

if TYPE_CHECKING:
    from vidcolor.media.plan import OutputPlan


def print_plans(
    jobs: Sequence[Job], settings: RunSettings, rate: str | None, *, as_json: bool, quiet: bool
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
    network = _network(settings)
    codes: list[int] = []
    for job in jobs:
        try:
            output, plan = _plan(job, settings, rate)
        except Exception as error:
            code = report_failure(error, about=job.source if len(jobs) > 1 else "")
            codes.append(code)
            if as_json:
                about = {"source": job.source, "message": str(error)}
                print_json({"event": "error", **about, "exit_code": code})
        else:
            if as_json:
                where = {"source": job.source, "output": output}
                print_json(jsonable({"event": "plan", **where, "plan": plan}))
            elif not quiet:
                heading = plain(f"{job.source} → {output}", "bold")
                stdout().print(heading, soft_wrap=True)
                report_grid(plan_rows(settings, plan, network))
    return codes[0] if codes else 0


def _network(settings: RunSettings) -> str:
    """What would colour; the weights themselves are not loaded."""
    from vidcolor.colorizer import pick_device
    from vidcolor.models.checkpoint import read_info, resolve

    info = read_info(resolve(settings.network.checkpoint))
    return f"{info.name} ({info.architecture}) on {pick_device(settings.network.device)}"


def _plan(job: Job, settings: RunSettings, rate: str | None) -> tuple[Path, OutputPlan]:
    """The output's path and plan, which then also tells what was noticed about the source."""
    from vidcolor.media.output import plan_any
    from vidcolor.media.sequence import open_source

    output = settle_output(job, settings)
    with open_source(
        job.source,
        rate=rate,
        start_s=settings.start_s,
        duration_s=settings.duration_s,
        keep_partial=settings.keep_partial,
    ) as reader:
        plan = plan_any(reader.info, settings, output)
    return output, replace(plan, notices=(*reader.info.notices, *plan.notices))


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
