"""Shows two photos in one."""

from __future__ import annotations

from pathlib import Path

from vidcolor.color import luma_from_rgb_codes
from vidcolor.comparison.picture import Arrangement, compose, fitted
from vidcolor.media.images import check_image_output, read_rgb, write_image
from vidcolor.media.still_image import StillImage


def compare_photos(
    first: str | Path,
    second: str | Path,
    output: Path,
    arrangement: Arrangement,
    *,
    overwrite: bool = False,
) -> None:
    """Write a picture that shows two photos, in sRGB with 8 bits; the second gets the first's size.

    Raises
    ------
    VidcolorError
        One of its subclasses; nothing half-written is left.
    """
    for source in (first, second):
        check_image_output(Path(source), output, overwrite)
    a, b = read_rgb(first), read_rgb(second)
    both = compose(a, fitted(b, a.shape[1], a.shape[0]), arrangement)
    write_image(output, both, StillImage(luma_from_rgb_codes(both, 8), 8))
