"""``vidcolor image``: colour photos."""

from __future__ import annotations

import signal
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vidcolor.cli import options
from vidcolor.cli.console import plain, stdout
from vidcolor.cli.session import exit_code, report_failure, session
from vidcolor.errors import (
    InputIsDirectoryError,
    Interrupted,
    OutputFolderError,
    SettingsError,
)

if TYPE_CHECKING:
    from vidcolor.colorizer import Colorizer

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
    strength: options.Strength = None,
    overwrite: options.Overwrite = False,
    verbose: options.Verbose = 0,
    quiet: options.Quiet = False,
    log_file: options.LogFile = None,
) -> None:
    """Colour photos; their luma stays what it is."""
    with session(-1 if quiet else verbose, log_file):
        from vidcolor.config import LookSettings, NetworkSettings, validate_settings

        given = {"checkpoint": checkpoint, "device": device}
        wanted = {name: value for name, value in given.items() if value is not None}
        network = validate_settings(NetworkSettings, wanted, origin="options")
        gain = {} if strength is None else {"strength": strength}
        look = validate_settings(LookSettings, gain, origin="options")
        jobs = plan_photos(find_photos(photos), output)

        from vidcolor.colorizer import Colorizer

        code = _color_all(jobs, Colorizer(network), look.strength, overwrite, quiet)
        if code:
            raise typer.Exit(code)


def find_photos(arguments: Sequence[str]) -> list[str]:
    """The photos that ``arguments`` name: files as they are, folders as the photos in them.

    Raises
    ------
    VidcolorError
        If a file is missing or empty, or a folder holds no photo.
    """
    return [photo for argument in arguments for photo in _expand(argument)]


def _expand(argument: str) -> list[str]:
    from vidcolor.cli.films import OUR_MARK
    from vidcolor.media.probe import check_input_path

    folder = Path(argument)
    if not argument or not folder.is_dir():
        # Before the seconds that loading torch takes.
        check_input_path(argument)
        return [argument]
    photos = [
        path
        for path in sorted(folder.iterdir())
        if path.suffix.lower() in PHOTO_SUFFIXES
        and not path.stem.endswith(OUR_MARK)
        and not path.name.startswith(".")
        and path.is_file()
    ]
    if not photos:
        raise InputIsDirectoryError(
            f"no photo in the folder {argument!r}: subfolders are not searched; "
            f"it must hold {', '.join(PHOTO_SUFFIXES)} files"
        )
    return [str(path) for path in photos]


def plan_photos(photos: Sequence[str], output: str | None) -> list[tuple[Path, Path]]:
    """(photo, output) for each.

    Raises
    ------
    OutputFolderError
        If several photos would have to share one file, or the folder is not there.
    SettingsError
        If two photos would be written under the same name.
    """
    from vidcolor.cli.films import is_folder
    from vidcolor.media.images import default_image_output

    beside = [(Path(photo), default_image_output(Path(photo))) for photo in photos]
    if output is not None and len(photos) == 1 and not is_folder(output):
        return [(beside[0][0], Path(output))]
    if output is not None and not Path(output).is_dir():
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


def _color_all(
    jobs: Sequence[tuple[Path, Path]],
    colorizer: Colorizer,
    strength: float,
    overwrite: bool,
    quiet: bool,
) -> int:
    """Colour each photo, going on after a failure; 0, or the first failure's exit code."""
    from vidcolor.api import colorize_image

    codes: list[int] = []
    for photo, output in jobs:
        try:
            written = colorize_image(
                photo, output, strength=strength, overwrite=overwrite, colorizer=colorizer
            )
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
    if codes and len(jobs) > 1 and not quiet:
        stdout().print(f"{len(jobs) - len(codes)} coloured, {len(codes)} failed")
    return codes[0] if codes else 0
