"""``vidcolor image``: colour photos."""

from __future__ import annotations

import logging
import signal
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vidcolor.cli import options
from vidcolor.cli.console import plain, settings_line, stdout
from vidcolor.cli.films import (
    check_spares_inputs,
    expand_all,
    files_with,
    is_existing_folder,
    is_folder,
)
from vidcolor.cli.session import exit_code, report_failure, session
from vidcolor.errors import (
    InputError,
    InputIsDirectoryError,
    Interrupted,
    OutputFolderError,
    SettingsError,
)

if TYPE_CHECKING:
    from vidcolor.colorizer import Colorizer
    from vidcolor.config import NetworkSettings
    from vidcolor.hints import HintList

log = logging.getLogger("vidcolor.cli")

PHOTO_SUFFIXES = (".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")
"""What counts as a photo when a folder is given; a file named on its own may end in anything."""


def image(
    photos: Annotated[
        list[str],
        typer.Argument(
            metavar="PHOTO|DIR", help="Photos, or folders of photos.", show_default=False
        ),
    ],
    output: Annotated[
        str | None,
        typer.Option(
            "-o",
            "--output",
            metavar="FILE|DIR",
            help="A file for one photo, a folder for several; the suffix picks the format.",
            show_default="NAME.color.EXT beside the photo",
        ),
    ] = None,
    checkpoint: options.Checkpoint = None,
    device: options.Device = None,
    vividness: options.Vividness = None,
    strength: options.Strength = None,
    hints: options.Hints = None,
    overwrite: options.Overwrite = False,
    verbose: options.Verbose = 0,
    quiet: options.Quiet = False,
    log_file: options.LogFile = None,
) -> None:
    """Colour photos; their luma stays what it is."""
    with session(-1 if quiet else verbose, log_file):
        from vidcolor.config import LookSettings, NetworkSettings, validate_settings

        given = {"checkpoint": checkpoint, "device": device, "vividness": vividness}
        wanted = {name: value for name, value in given.items() if value is not None}
        network = validate_settings(NetworkSettings, wanted, origin="options")
        gain = {} if strength is None else {"strength": strength}
        look = validate_settings(LookSettings, gain, origin="options")
        log.debug("settings %s %s", settings_line(network), settings_line(look))
        jobs = plan_photos(find_photos(photos), output)
        hint_list = None if hints is None else _read_hints(hints, len(jobs))
        code = _color_all(jobs, network, look.strength, hint_list, overwrite, quiet)
        if code:
            raise typer.Exit(code)


def find_photos(arguments: Sequence[str]) -> list[str]:
    """The photos that ``arguments`` name: files as they are, folders as the photos in them.

    Of several arguments one that cannot be read stays as it is, to fail in its turn
    (`check_photo`) and not keep the others from being done.

    Raises
    ------
    InputError
        If the only argument is a folder that holds no photo or cannot be read.
    """
    return expand_all(arguments, _photos_in)


def _photos_in(folder: str) -> list[str]:
    photos = files_with(folder, PHOTO_SUFFIXES)
    if not photos:
        raise InputIsDirectoryError(
            f"no photo in the folder {folder!r}: subfolders are not searched; "
            f"it must hold {', '.join(PHOTO_SUFFIXES)} files"
        )
    return photos


def check_photo(photo: Path) -> None:
    """Find a wrong path before the seconds that loading torch takes.

    Raises
    ------
    InputError
        One of its subclasses.
    """
    from vidcolor.media.safety import check_input_path

    if is_existing_folder(str(photo)):
        _photos_in(str(photo))
    check_input_path(photo)


def plan_photos(photos: Sequence[str], output: str | None) -> list[tuple[Path, Path]]:
    """(photo, output) for each.

    Raises
    ------
    OutputFolderError
        If several photos would have to share one file, or the folder is not there.
    SettingsError
        If two photos would be written under the same name.
    """
    from vidcolor.media.images import default_image_output

    beside = [(Path(photo), default_image_output(Path(photo))) for photo in photos]
    if output is not None and len(photos) == 1 and not is_folder(output):
        return [(beside[0][0], Path(output))]
    if output is not None and not is_existing_folder(output):
        raise OutputFolderError(
            f"there is no folder {output!r}: make it first (mkdir), or colour one photo at a time "
            "with -o FILE"
        )
    jobs = [(photo, Path(output) / out.name if output else out) for photo, out in beside]
    name, count = Counter(out for _, out in jobs).most_common(1)[0]
    if count > 1:
        raise SettingsError(
            f"{count} of the photos would be written to {str(name)!r}; "
            "colour them one at a time, each with its own -o"
        )
    return jobs


def _read_hints(path: Path, photos: int) -> HintList:
    from vidcolor.hints import read_hints

    if photos > 1:
        raise SettingsError(
            f"--hints {path} is for one photo, not for {photos}: colour that one alone"
        )
    return read_hints(path)


def _color_all(
    jobs: Sequence[tuple[Path, Path]],
    network: NetworkSettings,
    strength: float,
    hints: HintList | None,
    overwrite: bool,
    quiet: bool,
) -> int:
    """Colour each photo, going on after a failure; 0, or the first failure's exit code."""
    wrong = {photo: error for photo, _ in jobs if (error := _wrong_path(photo)) is not None}
    colorizer = None if len(wrong) == len(jobs) else _load(network)
    photos = [str(photo) for photo, _ in jobs]
    codes: list[int] = []
    for photo, output in jobs:
        try:
            if photo in wrong:
                raise wrong[photo]
            assert colorizer is not None
            check_spares_inputs(output, [other for other in photos if other != str(photo)])
            written = _color(photo, output, colorizer, strength, hints, overwrite)
        except KeyboardInterrupt:
            raise Interrupted(signal.SIGINT) from None
        except Interrupted:
            raise
        except Exception as error:
            report_failure(error, about=str(photo))
            codes.append(exit_code(error))
        else:
            if not quiet:
                stdout().print(plain(written), soft_wrap=True)
                if hints is not None:
                    stdout().print(f"hints used: {len(hints.hints)}")
    if codes and len(jobs) > 1 and not quiet:
        stdout().print(f"{len(jobs) - len(codes)} coloured, {len(codes)} failed")
    return codes[0] if codes else 0


def _wrong_path(photo: Path) -> InputError | None:
    try:
        check_photo(photo)
    except InputError as error:
        return error
    return None


def _load(network: NetworkSettings) -> Colorizer:
    from vidcolor.colorizer import Colorizer

    colorizer = Colorizer(network)
    log.info("network %s on %s", colorizer.info.name, colorizer.device)
    return colorizer


def _color(
    photo: Path,
    output: Path,
    colorizer: Colorizer,
    strength: float,
    hints: HintList | None,
    overwrite: bool,
) -> Path:
    from vidcolor.api import colorize_image

    log.info("source %s", photo)
    begin = time.perf_counter()
    written = colorize_image(
        photo,
        output,
        strength=strength,
        hints=hints,
        overwrite=overwrite,
        colorizer=colorizer,
    )
    log.debug("took %.2f s", time.perf_counter() - begin)
    log.info("wrote %s", written)
    return written
