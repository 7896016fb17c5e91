"""``vidcolor keyframes``: one coloured frame of each shot, to be edited."""

from __future__ import annotations

import shutil
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vidcolor.cli import options
from vidcolor.cli.console import plain, stdout
from vidcolor.cli.preview import png_bytes
from vidcolor.cli.session import session
from vidcolor.cli.signals import stop_on_signals
from vidcolor.errors import Interrupted, OutputExistsError

if TYPE_CHECKING:
    from vidcolor.config import RunSettings


def keyframes(
    film: Annotated[
        str,
        typer.Argument(metavar="FILM", help="A film or an image sequence.", show_default=False),
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--output",
            metavar="DIR",
            help="A new folder for the pictures.",
            show_default="NAME.keyframes beside the film",
        ),
    ] = None,
    rate: options.Rate = None,
    checkpoint: options.Checkpoint = None,
    device: options.Device = None,
    vividness: options.Vividness = None,
    smooth: options.Smooth = None,
    shots: options.ShotsFile = None,
    limit: options.Limit = None,
    allow_hdr: options.AllowHdr = False,
    verbose: options.Verbose = 0,
    quiet: options.Quiet = False,
    log_file: options.LogFile = None,
) -> None:
    """Write a coloured frame of each shot; edit some, and give the folder to run --references."""
    with session(-1 if quiet else verbose, log_file):
        from vidcolor.cli.films import check_film, check_rate
        from vidcolor.cli.settings import build_settings
        from vidcolor.media.atomic import make_folder, output_error, temporary_name
        from vidcolor.media.safety import limits_in_force

        settings = build_settings(
            "film",
            {
                "network.checkpoint": checkpoint,
                "network.device": device,
                "network.vividness": vividness,
                "temporal.radius": smooth,
                "temporal.shots": None if shots is None else str(shots),
                "allow_hdr": allow_hdr,
            },
            limits=limit or (),
        )
        check_film(film)
        check_rate([film], rate)
        folder = output or Path(film).with_suffix(".keyframes")
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise OutputExistsError(
                f"{folder} exists and may hold edited pictures: choose a new folder with -o"
            )
        make_folder(folder.parent)
        # Under its name it appears whole.
        unfinished = folder.with_name(temporary_name(folder))
        with stop_on_signals(lambda: shutil.rmtree(unfinished, ignore_errors=True)) as stop:
            try:
                unfinished.mkdir()
                with limits_in_force(settings.limits):
                    count = _export(film, rate, unfinished, settings, stop.event)
                if folder.exists():
                    folder.rmdir()
                unfinished.rename(folder)
            except Interrupted:
                raise Interrupted(stop.signal_number) from None
            except OSError as error:
                raise output_error(error, folder) from error
            finally:
                shutil.rmtree(unfinished, ignore_errors=True)
        if not quiet:
            stdout().print(plain(f"{count} keyframes written: {folder}"), soft_wrap=True)


def _export(
    film: str, rate: str | None, folder: Path, settings: RunSettings, cancel: threading.Event
) -> int:
    from vidcolor.colorizer import Colorizer
    from vidcolor.keyframes import Keyframes
    from vidcolor.media.atomic import write_atomically
    from vidcolor.references import KEYFRAME_LIST, ORIGINALS, Keyframe, keyframe_list
    from vidcolor.temporal.film_shots import find_shots
    from vidcolor.temporal.shot_list import read_list_of

    path = settings.temporal.shots
    shots = None if path is None else read_list_of(Path(path), Path(film).name)
    colorizer = Colorizer(settings.network)
    found = find_shots(film, rate=rate, keep_partial=True, cancel=cancel).with_list(shots)
    source = Keyframes(film, settings, shots, colorizer, rate=rate, cancel=cancel)
    middles = [(shot.start_s + end) / 2 for shot, end in found.spans]
    (folder / ORIGINALS).mkdir()
    written: list[Keyframe] = []
    for (shot, end), picture in zip(found.spans, source.walk(middles), strict=True):
        name = f"shot-{len(written) + 1:04d}.png"
        content = png_bytes(picture.show(picture.ab))
        write_atomically(folder / ORIGINALS / name, content)
        write_atomically(folder / name, content)
        start = min(shot.start_s, picture.time_s)
        written.append(Keyframe(folder / name, picture.time_s, start, end))
    write_atomically(folder / KEYFRAME_LIST, keyframe_list(Path(film).name, written).encode())
    return len(written)
