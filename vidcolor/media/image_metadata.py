"""What a photo carries besides its pixels: orientation, EXIF, resolution, colour profile."""

from __future__ import annotations

import contextlib
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
from PIL import Image
from PIL.ExifTags import IFD, Base

from vidcolor.frames import Plane

DESCRIPTIVE_TAGS = frozenset(
    {
        *(Base.DocumentName, Base.ImageDescription, Base.Make, Base.Model, Base.Software),
        *(Base.DateTime, Base.Artist, Base.HostComputer, Base.Copyright, Base.Rating),
        *(Base.XPTitle, Base.XPComment, Base.XPAuthor, Base.XPKeywords, Base.XPSubject),
        *(Base.XResolution, Base.YResolution, Base.ResolutionUnit, Base.PageName),
    }
)
"""Tags of the first EXIF directory that are kept. All others describe how the source file stores
its pixels, which does not hold for the output, or point to its thumbnail, which is grey."""

XMP_TAG = 700
"""Tag of a TIFF's first directory that holds its XMP packet (XMP specification, part 3)."""

_EXIF_PREFIX = b"Exif\0\0"
_SRGB_COLOR_SPACE = 1
_INCH, _CENTIMETER = 2, 3
_MAX_DPI = 100_000
_MM_PER_INCH = 25.4


@dataclass(slots=True)
class ImageMetadata:
    """Metadata as the source has it, before the picture is turned upright."""

    exif: Image.Exif
    orientation: int = 1
    """EXIF orientation, 1…8."""
    xmp: bytes | None = None
    """The XMP packet as it is."""
    dpi: tuple[float, float] | None = None
    icc_profile: bytes | None = None
    is_upright: bool = False
    """The decoder has applied the orientation already."""

    @property
    def swaps_sides(self) -> bool:
        """Whether turning the picture upright exchanges width and height."""
        return self.orientation >= 5

    def upright_dpi(self) -> tuple[float, float] | None:
        """Resolution of the upright picture."""
        return self.dpi[::-1] if self.dpi and self.swaps_sides else self.dpi

    def upright_exif(self, width: int, height: int) -> bytes | None:
        """The EXIF block for the upright picture of this size; None if there is nothing to keep."""
        kept = Image.Exif()
        for tag in DESCRIPTIVE_TAGS:
            value = _exif_value(self.exif, tag)
            if value is not None:
                kept[tag] = value
        for directory in (IFD.Exif, IFD.GPSInfo):
            # A damaged directory is left behind, it is no reason to refuse the picture.
            with contextlib.suppress(Exception):
                values = dict(self.exif.get_ifd(directory))
                if values:
                    kept.get_ifd(directory).update(values)
                    kept[directory] = kept.get_ifd(directory)
        if not kept:
            return None
        kept[Base.Orientation] = 1
        if self.swaps_sides and {Base.XResolution, Base.YResolution} <= set(kept):
            x, y = kept[Base.XResolution], kept[Base.YResolution]
            kept[Base.XResolution], kept[Base.YResolution] = y, x
        if IFD.Exif in kept:
            _describe_output(kept.get_ifd(IFD.Exif), width, height)
        return _serialise(kept)


def read_metadata(image: Image.Image | None, path: Path, is_tiff: bool) -> ImageMetadata:
    """What ``image``, just opened from ``path``, carries; None for a TIFF Pillow cannot open."""
    exif = Image.Exif()
    # Damaged EXIF is common and raises whatever it likes.
    with contextlib.suppress(Exception):
        if is_tiff:
            with path.open("rb") as file:
                exif.load_from_fp(file)
                for directory in (IFD.Exif, IFD.GPSInfo):  # read lazily, so before closing
                    exif.get_ifd(directory)
        elif image is not None:
            exif = image.getexif()
    info: dict[Any, Any] = image.info if image is not None else {}
    profile = info.get("icc_profile")
    if is_tiff:
        profile = _exif_value(exif, Base.InterColorProfile)
    xmp = _exif_value(exif, XMP_TAG) if is_tiff else info.get("xmp")
    orientation = _exif_value(exif, Base.Orientation)
    return ImageMetadata(
        exif=exif,
        orientation=orientation if orientation in range(1, 9) else 1,
        xmp=xmp if isinstance(xmp, bytes) and xmp else None,
        dpi=_valid_dpi(info.get("dpi") or _dpi_from_exif(exif)),
        icc_profile=profile if isinstance(profile, bytes) and profile else None,
    )


def turn_upright(plane: Plane, orientation: int) -> Plane:
    """Undo an EXIF orientation.

    Source: CIPA DC-008 (Exif 3.0), 4.6.5.1.6: 5…8 are 1…4 with rows and columns exchanged.
    """
    if orientation in (5, 6, 7, 8):
        # 5: transpose; 6: turn right; 7: transverse; 8: turn left
        plane = plane.T
    mirror = {2: (1, -1), 3: (-1, -1), 4: (-1, 1), 6: (1, -1), 7: (-1, -1), 8: (-1, 1)}
    rows, columns = mirror.get(orientation, (1, 1))
    return cast(Plane, np.ascontiguousarray(plane[::rows, ::columns]))


def _describe_output(directory: dict[int, Any], width: int, height: int) -> None:
    for tag, value in (
        (Base.ExifImageWidth, width),
        (Base.ExifImageHeight, height),
        (Base.ColorSpace, _SRGB_COLOR_SPACE),
    ):
        if tag in directory:
            directory[tag] = value
    directory.pop(Base.ExifInteroperabilityOffset, None)


def _serialise(exif: Image.Exif) -> bytes | None:
    try:
        data = exif.tobytes()
    except Exception:  # values of types that do not fit their tags
        return None
    return data if data.startswith(_EXIF_PREFIX) else _EXIF_PREFIX + data


def _exif_value(exif: Image.Exif, tag: int) -> Any:
    """A tag's value; None if it is missing or damaged (values are parsed when asked for)."""
    try:
        return exif.get(tag)
    except Exception:
        return None


def _dpi_from_exif(exif: Image.Exif) -> tuple[float, float] | None:
    unit = _exif_value(exif, Base.ResolutionUnit) or _INCH
    values = [_exif_value(exif, tag) for tag in (Base.XResolution, Base.YResolution)]
    if unit not in (_INCH, _CENTIMETER) or None in values:
        return None
    scale = 1.0 if unit == _INCH else _MM_PER_INCH / 10
    try:
        x, y = (float(value) * scale for value in values)
    except (TypeError, ValueError, ZeroDivisionError):
        return None
    return x, y


def _valid_dpi(dpi: Any) -> tuple[float, float] | None:
    try:
        x, y = (float(value) for value in dpi)
    except (TypeError, ValueError, ZeroDivisionError):
        return None
    valid = all(math.isfinite(value) and 1 <= value <= _MAX_DPI for value in (x, y))
    return (x, y) if valid else None
