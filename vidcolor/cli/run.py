"""``vidcolor run``: colour films."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from vidcolor.cli import options
from vidcolor.cli.events import Events
from vidcolor.cli.session import session
from vidcolor.errors import SettingsError

if TYPE_CHECKING:
    from vidcolor.cli.films import Job


def run(
    films: Annotated[
        list[str],
        typer.Argument(
            metavar="FILM|DIR",
            help="Films, folders of films, or an image sequence such as 'scan_%06d.tif'.",
            show_default=False,
        ),
    ],
    output: Annotated[
        str | None,
        typer.Option(
            "-o",
            "--output",
            metavar="OUT|DIR",
            help="A file for one film, a folder for several.",
            show_default="NAME.color.EXT beside the film",
        ),
    ] = None,
    preset: Annotated[
        str,
        typer.Option(
            metavar="NAME|PATH",
            help="film, preview, archive or prores, or a .toml file of your own.",
        ),
    ] = "film",
    overwrite: options.Overwrite = False,
    start: options.Start = None,
    duration: options.Duration = None,
    rate: options.Rate = None,
    dry_run: options.DryRun = False,
    checkpoint: options.Checkpoint = None,
    device: options.Device = None,
    batch_size: options.BatchSize = None,
    network_every: options.NetworkEvery = None,
    vividness: options.Vividness = None,
    strength: options.Strength = None,
    look: options.LookChange = None,
    smooth: options.Smooth = None,
    shots: options.ShotsFile = None,
    references: options.References = None,
    hints: options.Hints = None,
    keep_work: options.KeepWork = False,
    report: options.Report = False,
    keep_tint: options.KeepTint = False,
    keep_color_shots: options.KeepColorShots = False,
    deinterlace: options.DeinterlaceMode = None,
    codec: options.Codec = None,
    crf: options.Crf = None,
    encoder_option: options.EncoderOption = None,
    keep_partial: options.KeepPartial = False,
    limit: options.Limit = None,
    no_resume: options.NoResume = False,
    allow_drop: options.AllowDrop = False,
    allow_hdr: options.AllowHdr = False,
    progress: options.Progress = "auto",
    verbose: options.Verbose = 0,
    quiet: options.Quiet = False,
    log_file: options.LogFile = None,
) -> None:
    """Colour films; luma, times, sound, subtitles and chapters stay what they are."""
    with session(-1 if quiet else verbose, log_file), Events(progress == "json") as events:
        from vidcolor.cli.narration import tell_settings
        from vidcolor.cli.settings import build_settings

        given = {
            "overwrite": overwrite,
            "start_s": start,
            "duration_s": duration,
            "network.checkpoint": checkpoint,
            "network.device": device,
            "network.batch_size": batch_size,
            "network.every": network_every,
            "network.vividness": vividness,
            "look.strength": strength,
            "look.keep_tint": keep_tint,
            "look.keep_color_shots": keep_color_shots,
            "temporal.radius": smooth,
            "temporal.shots": None if shots is None else str(shots),
            "references": None if references is None else str(references),
            "hints": None if hints is None else str(hints),
            "deinterlace": deinterlace,
            "keep_work": keep_work,
            "report": report,
            "keep_partial": keep_partial,
            "allow_drop": allow_drop,
            "allow_hdr": allow_hdr,
        }
        settings = build_settings(
            preset,
            given,
            look=look or (),
            codec=codec,
            crf=crf,
            encoder_options=encoder_option or (),
            limits=limit or (),
        )
        tell_settings(settings)
        jobs = _jobs(films, output, rate)
        for option, path in (
            ("--shots", shots),
            ("--references", references),
            ("--hints", hints),
        ):
            if path is not None and len(jobs) > 1:
                raise SettingsError(
                    f"{option} {path} is for one film, not for {len(jobs)}: colour that one alone"
                )
        events.films = len(jobs)
        if dry_run:
            from vidcolor.cli.dry_run import print_plans

            code = print_plans(jobs, settings, rate, events, quiet=quiet)
        else:
            from vidcolor.cli.batch import Batch

            code = Batch(jobs, settings, rate, progress, quiet, events, resume=not no_resume).run()
        if code:
            raise typer.Exit(code)


def _jobs(films: Sequence[str], output: str | None, rate: str | None) -> list[Job]:
    from vidcolor.cli.films import check_rate, find_films, plan_jobs

    sources = find_films(films)
    check_rate(sources, rate)
    return plan_jobs(sources, output)
