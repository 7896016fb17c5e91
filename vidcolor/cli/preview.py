"""``vidcolor preview``: see colours before a film is coloured."""

from __future__ import annotations

import contextlib
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vidcolor.cli import options
from vidcolor.cli.console import plain, stdout
from vidcolor.cli.session import session
from vidcolor.cli.signals import stop_on_signals
from vidcolor.errors import Interrupted, SettingsError

if TYPE_CHECKING:
    from vidcolor.config import RunSettings
    from vidcolor.keyframes import Keyframes
    from vidcolor.temporal.shot_list import ShotList


def preview(
    film: Annotated[
        str,
        typer.Argument(metavar="FILM", help="A film or an image sequence.", show_default=False),
    ],
    at: Annotated[
        float | None,
        typer.Option(
            metavar="TIME",
            parser=options.seconds,
            help="Show the frame at this time, before and after: seconds or HH:MM:SS.mmm.",
            show_default=False,
        ),
    ] = None,
    contact_sheet: Annotated[
        bool, typer.Option("--contact-sheet", help="Show one coloured frame of each shot.")
    ] = False,
    output: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--output",
            metavar="PNG",
            help="Where the picture goes.",
            show_default="NAME.preview.png beside the film",
        ),
    ] = None,
    preset: Annotated[
        str,
        typer.Option(metavar="NAME|PATH", help="Preset whose colours are used, as for run."),
    ] = "film",
    overwrite: options.Overwrite = False,
    rate: options.Rate = None,
    checkpoint: options.Checkpoint = None,
    device: options.Device = None,
    vividness: options.Vividness = None,
    strength: options.Strength = None,
    look: options.LookChange = None,
    smooth: options.Smooth = None,
    shots: options.ShotsFile = None,
    references: options.References = None,
    hints: options.Hints = None,
    limit: options.Limit = None,
    allow_hdr: options.AllowHdr = False,
    verbose: options.Verbose = 0,
    quiet: options.Quiet = False,
    log_file: options.LogFile = None,
) -> None:
    """Show a frame before and after, or a coloured frame of each shot, as a PNG."""
    with session(-1 if quiet else verbose, log_file):
        from vidcolor.cli.films import check_film, check_rate, check_spares_inputs, is_sequence
        from vidcolor.cli.settings import build_settings
        from vidcolor.media.atomic import check_output, write_atomically
        from vidcolor.media.safety import limits_in_force
        from vidcolor.media.sequence import find_files

        if contact_sheet == (at is not None):
            raise SettingsError("say what to show: either --at TIME or --contact-sheet")
        settings = build_settings(
            preset,
            {
                "network.checkpoint": checkpoint,
                "network.device": device,
                "network.vividness": vividness,
                "look.strength": strength,
                "temporal.radius": smooth,
                "temporal.shots": None if shots is None else str(shots),
                "references": None if references is None else str(references),
                "hints": None if hints is None else str(hints),
                "allow_hdr": allow_hdr,
            },
            look=look or (),
            limits=limit or (),
        )
        check_film(film)
        check_rate([film], rate)
        path = output or Path(film).with_suffix(".preview.png")
        if path.suffix.lower() != ".png":
            raise SettingsError(f"-o {path}: a preview is a PNG; give a name that ends in .png")
        check_output(Path(film), path, overwrite)
        with limits_in_force(settings.limits), stop_on_signals(lambda: None) as stop:
            if is_sequence(film):
                files = find_files(film)
                check_spares_inputs(path, (str(files.path(number)) for number in files.numbers))
            try:
                picture = _draw(film, rate, settings, at, stop.event)
            except Interrupted:
                raise Interrupted(stop.signal_number) from None
        write_atomically(path, png_bytes(picture), replaces=overwrite)
        if not quiet:
            stdout().print(plain(f"written: {path}"), soft_wrap=True)


def _draw(
    film: str, rate: str | None, settings: RunSettings, at: float | None, cancel: threading.Event
) -> Any:
    """(H, W, 3) uint8 R′G′B′."""
    from vidcolor.colorizer import Colorizer
    from vidcolor.edit_carrier import EditCarrier
    from vidcolor.jobs.edits import find_edits, find_looks
    from vidcolor.keyframes import Keyframes
    from vidcolor.media.sequence import open_source
    from vidcolor.temporal.shot_list import read_list_of

    path = settings.temporal.shots
    shots = None if path is None else read_list_of(Path(path), Path(film).name)
    colorizer = Colorizer(settings.network)
    with contextlib.ExitStack() as stack:
        carried = None
        with open_source(film, rate=rate, keep_partial=True) as reader:
            info = reader.info
        edits = find_edits(film, info, settings, shots, colorizer, rate=rate, cancel=cancel)
        if edits:
            carrier = EditCarrier(
                film, colorizer, rate=rate, allow_hdr=settings.allow_hdr, cancel=cancel
            )
            carried = stack.enter_context(carrier.carry(edits))
        keyframes = Keyframes(
            film, settings, shots, colorizer, carried=carried, rate=rate, cancel=cancel
        )
        keyframes.looks = find_looks(film, settings, shots, colorizer, rate=rate, cancel=cancel)
        if at is not None:
            return _before_and_after(keyframes, at)
        return _sheet(film, rate, keyframes, shots, cancel)


def _before_and_after(keyframes: Keyframes, time_s: float) -> Any:
    import numpy as np

    from vidcolor.comparison.picture import Arrangement, compose

    keyframe = keyframes.at(time_s)
    before = keyframe.show(np.zeros_like(keyframe.ab))
    after = keyframe.show(keyframes.look(keyframe))
    return compose(before, after, Arrangement())


def _sheet(
    film: str,
    rate: str | None,
    keyframes: Keyframes,
    shots: ShotList | None,
    cancel: threading.Event,
) -> Any:
    from vidcolor.contact_sheet import TILE_HEIGHT, clock, fitted, labelled, sheet_of
    from vidcolor.temporal.film_shots import find_shots

    found = find_shots(film, rate=rate, keep_partial=True, cancel=cancel).with_list(shots)
    tiles = []
    middles = [(shot.start_s + end) / 2 for shot, end in found.spans]
    pictures = zip(found.spans, keyframes.walk(middles), strict=True)
    for number, ((shot, _), keyframe) in enumerate(pictures, 1):
        rgb = keyframe.show(keyframes.look(keyframe), short_side=TILE_HEIGHT)
        label = f"{number}  {clock(shot.start_s)}"
        tiles.append(labelled(fitted(rgb, rgb.shape[1] / rgb.shape[0]), label))
    return sheet_of(tiles)


def png_bytes(rgb: Any) -> bytes:
    """A PNG file of (H, W, 3) uint8 R′G′B′."""
    import cv2

    done, png = cv2.imencode(".png", cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR))
    assert done
    return png.tobytes()
