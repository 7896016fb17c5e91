"""The Python calls behind ``vidcolor run`` and ``vidcolor image``."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from vidcolor import __version__
from vidcolor.colorizer import Colorizer
from vidcolor.config import LookSettings, load_preset, override, validate_settings
from vidcolor.hints import HintList, read_hints
from vidcolor.jobs.run import color_film
from vidcolor.look import Look
from vidcolor.media.images import check_image_output, default_image_output, read_image, write_image
from vidcolor.media.still_image import StillImage
from vidcolor.media.xmp import marked_packet
from vidcolor.report import ProgressEvent, RunReport
from vidcolor.stills import color_still


def colorize_video(
    source: str | Path,
    output: str | Path | None = None,
    *,
    preset: str = "film",
    on_progress: Callable[[ProgressEvent], None] | None = None,
    cancel: threading.Event | None = None,
    rate: str | None = None,
    colorizer: Colorizer | None = None,
    **changes: Any,
) -> RunReport:
    """Colour a film; everything in it but the chroma is kept.

    Parameters
    ----------
    source:
        A film, or the pattern of an image sequence (``scan_%06d.tif``, with ``rate``).
    output:
        Where to write; None is ``NAME.color.EXT`` beside the source.
    preset:
        ``film``, ``preview``, ``archive``, ``prores``, or the path of a ``.toml`` file.
    on_progress, cancel, rate, colorizer:
        See `vidcolor.jobs.run.color_film`.
    changes:
        Settings that differ from the preset, with ``__`` for a dot:
        ``look__strength=0.8``, ``temporal__radius=15``, ``overwrite=True``.

    Raises
    ------
    VidcolorError
        One of its subclasses; the source is untouched, nothing half-written is left.

    Examples
    --------
    >>> import vidcolor
    >>> report = vidcolor.colorize_video("old_film.mp4")  # doctest: +SKIP
    >>> report.frames_out == report.frames_in  # doctest: +SKIP
    True
    """
    dotted = {name.replace("__", "."): value for name, value in changes.items()}
    origin = "colorize_video (written with __ for a dot)"
    settings = override(load_preset(preset), dotted, origin=origin)
    return color_film(
        source,
        output,
        settings,
        on_progress=on_progress,
        cancel=cancel,
        rate=rate,
        colorizer=colorizer,
    )


def colorize_image(
    source: str | Path,
    output: str | Path | None = None,
    *,
    strength: float = 1.0,
    hints: str | Path | HintList | None = None,
    overwrite: bool = False,
    colorizer: Colorizer | None = None,
) -> Path:
    """Colour a photo; its luma is kept.

    Parameters
    ----------
    source:
        PNG, JPEG, TIFF, WebP or BMP, 8 or 16 bit, grey or in colour (then its luma is used).
    output:
        Where to write; the suffix picks the format. None is ``NAME.color.EXT`` beside it.
    strength:
        Gain on a* and b*, 0…3: 0 is grey, 1 the network's own. Colours of hints are scaled too.
    hints:
        What colour something has: a file, or what was read from one; see `vidcolor.hints`.
    overwrite:
        Replace an existing output.
    colorizer:
        One that is already loaded, for several photos in a row.

    Returns
    -------
    The path that was written.

    Raises
    ------
    VidcolorError
        One of its subclasses; nothing half-written is left.
    """
    look = validate_settings(LookSettings, {"strength": strength}, origin="colorize_image")
    target = Path(output) if output else default_image_output(Path(source))
    check_image_output(Path(source), target, overwrite)
    if isinstance(hints, str | Path):
        hints = read_hints(Path(hints))
    still = read_image(Path(source))
    if hints is not None:
        hints.check_inside(still.luma.shape[1], still.luma.shape[0])
    colorizer = colorizer or Colorizer()
    rgb: Any = color_still(
        still, colorizer.predict_plane, Look.from_settings(look), hints.hints if hints else ()
    )
    write_image(target, rgb, _marked(still, colorizer) if look.strength else still)
    return target


def _marked(still: StillImage, colorizer: Colorizer) -> StillImage:
    """A photo whose metadata says where its colours are from."""
    version = f"{__version__}, network {colorizer.info.name} sha256 {colorizer.info.sha256}"
    return replace(still, xmp=marked_packet(still.xmp, "vidcolor", version))
