"""Writes a coloured film as numbered R′G′B′ pictures: PNG, TIFF or DPX."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import zlib
from array import array
from collections.abc import Callable, Iterable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from vidcolor.color import (
    luma_range,
    neutral_code,
    resolve_tags,
    rgb_from_luma_chroma,
)
from vidcolor.color.primaries import luma_weights
from vidcolor.errors import (
    OutputExistsError,
    OutputFolderError,
    OutputIsInputError,
    SettingsError,
    VerificationError,
)
from vidcolor.frames import ColoredFrame, EncodeTarget, MediaInfo, PixelLayout, Plane
from vidcolor.media.atomic import check_free_space, output_error
from vidcolor.media.picture_files import encode_picture, read_picture, written_depth
from vidcolor.media.probe import SEQUENCE_NUMBER
from vidcolor.media.safety import current_limits
from vidcolor.media.sequence import CONTAINER, DEFAULT_RATE, find_files, numbered_name
from vidcolor.media.timeline import tick_range
from vidcolor.media.write_report import WriteReport

FIRST_NUMBER = 1
"""Number of the first picture of a film that was no sequence before."""

SPARE_BYTES = 64 << 20
"""Free space that a disk must keep while pictures are written."""

_LUMA_FIX_ROUNDS = 4
# Each round moves a pixel's R, G and B by one code; the error is below one code to begin with.


def sequence_target(info: MediaInfo, output: Path, *, allow_hdr: bool = False) -> EncodeTarget:
    """The planes that `SequenceWriter` wants for ``output``.

    4:4:4 in the source's size, range and matrix. Depth is the source's, or the next one
    that the format holds; luma is then shifted left, which loses nothing.

    Raises
    ------
    SettingsError
        If no sequences of this suffix are written.
    UnsupportedColorError
        For HDR and matrices that the chroma solve does not cover.
    """
    video = info.video
    bits = written_depth(output.suffix, video.layout.bit_depth)
    return EncodeTarget(
        width=video.width,
        height=video.height,
        layout=PixelLayout(f"yuv444p{bits}le" if bits > 8 else "yuv444p", bits, (0, 0)),
        color=resolve_tags(video.color, video.width, video.height, allow_hdr=allow_hdr),
        luma_shift=bits - video.layout.bit_depth,
    )


def check_sequence_output(
    source: MediaInfo,
    output: Path,
    overwrite: bool,
    start_s: float = 0.0,
    duration_s: float | None = None,
) -> None:
    """Refuse a pattern that cannot or must not be written; touches nothing.

    Parameters
    ----------
    source, output, overwrite:
        As for `SequenceWriter`.
    start_s, duration_s:
        The part that is written: of a sequence's pictures, only those in it are looked at. How
        many pictures a film gives is not known before; `SequenceWriter` looks again.

    Raises
    ------
    OutputIsInputError
        If a picture of the source would be replaced.
    OutputExistsError
        If a picture exists that would be replaced, and ``overwrite`` is False.
    OutputFolderError
        If the folder is missing or cannot be written.
    SettingsError
        If the pattern's name does not hold exactly one number.
    """
    folder = output.parent
    if not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
        raise OutputFolderError(f"the folder {folder} is missing or cannot be written; create it")
    if len(SEQUENCE_NUMBER.findall(output.name)) != 1:
        raise SettingsError(f"{output} must hold exactly one number such as %06d")
    if source.container != CONTAINER:
        _check_free_names(source, output, [FIRST_NUMBER], overwrite)
        return
    numbers = find_files(source.path).numbers
    begin, end = tick_range(source, start_s, duration_s)
    written = (
        number
        for number in numbers
        if (begin is None or number - numbers[0] >= begin)
        and (end is None or number - numbers[0] < end)
    )
    _check_free_names(source, output, written, overwrite)


def _check_free_names(
    source: MediaInfo, output: Path, numbers: Iterable[int], overwrite: bool
) -> None:
    """Refuse to replace a picture of the source, or any without ``overwrite``."""
    targets = (output.parent / numbered_name(output.name, number) for number in numbers)
    existing = [target for target in targets if os.path.lexists(target)]
    if not existing:
        return
    inputs = _source_files(source)
    for target in existing:
        if _file_identity(target) in inputs:
            raise OutputIsInputError(
                f"{target} is a picture of the source itself; give another pattern or folder"
            )
    if not overwrite:
        raise OutputExistsError(
            f"{existing[0]} exists; choose another output or allow it with --overwrite"
        )


def _source_files(source: MediaInfo) -> set[tuple[int, int] | None]:
    """What must not be replaced, whatever its name: device and inode numbers."""
    if source.container != CONTAINER:
        return {_file_identity(Path(source.path))} - {None}
    files = find_files(source.path)
    return {_file_identity(files.path(number)) for number in files.numbers} - {None}


def _file_identity(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:  # a link to nothing
        return None
    return status.st_dev, status.st_ino


class SequenceWriter:
    """Writes coloured frames as numbered pictures; the same steps as `FilmWriter`.

    Pictures are written into a hidden folder beside their destination and moved to their
    names by `commit`, one after the other. Pictures from a sequence keep their numbers.

    Parameters
    ----------
    source:
        Where the frames come from.
    output:
        Pattern such as ``color_%06d.png``.
    target:
        Of the frames; see `sequence_target`.
    overwrite:
        Replace existing pictures; never those of the source.
    start_s, duration_s:
        The part of the source that will come, as its reader was told.

    Raises
    ------
    OutputError
        One of its subclasses.
    """

    def __init__(
        self,
        source: MediaInfo,
        output: Path,
        target: EncodeTarget,
        *,
        overwrite: bool = False,
        start_s: float = 0.0,
        duration_s: float | None = None,
    ) -> None:
        check_sequence_output(source, output, overwrite, start_s, duration_s)
        if target.layout.subsampling != (0, 0):
            raise ValueError(f"a picture sequence needs 4:4:4 planes: {target!r}")
        self.output = output.absolute()
        self.target = target
        self._source = source
        self._overwrite = overwrite
        self.report = WriteReport(time_base=source.video.time_base)
        self._rate = source.video.average_rate or DEFAULT_RATE
        self._counts_pictures = source.container == CONTAINER
        self._first = _first_number(source)
        self._numbers = array("q")
        self._checksums = array("L")
        self._open = True
        name = f".{self.output.stem.replace('%', '')[:100]}.{secrets.token_hex(4)}.part"
        self.temp_path = self.output.parent / name
        try:
            self.temp_path.mkdir()
        except OSError as error:
            raise output_error(error, self.output) from error

    def written_files(self) -> list[Path]:
        """All pictures in their order, before `commit` moves them."""
        return [self._written_path(number) for number in self._numbers]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.abort()

    def write(self, frame: ColoredFrame) -> None:
        """Write one picture.

        Raises
        ------
        DiskFullError, OutputFolderError
            If the system refuses.
        OutputExistsError, OutputIsInputError
            If a picture of this name must not be replaced: better now than after hours.
        """
        bits = self.target.layout.bit_depth
        rgb = rgb_codes_keeping_luma(frame, self.target)
        offset = frame.source.pts if self._counts_pictures else self.report.frames
        number = self._first + offset
        if not self._overwrite:
            self._check_free([number])
        data = encode_picture(rgb, bits, self.output.suffix, self._rate)
        check_free_space(self.temp_path, len(data) + SPARE_BYTES)
        try:
            with self._written_path(number).open("xb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise output_error(error, self.output) from error
        self._numbers.append(number)
        self._checksums.append(_checksum(rgb))
        self._count(frame, rgb, len(data))

    def end_segment(self, state: dict[str, Any], tick: Callable[[], None] = lambda: None) -> None:
        """Nothing: every picture is a file of its own."""

    def finish(self, tick: Callable[[], None] = lambda: None) -> WriteReport:
        """All frames are written; what was counted. ``tick`` is for `FilmWriter`."""
        del tick
        return self.report

    def verify(self, tick: Callable[[], None] = lambda: None) -> int:
        """Decode every written picture and compare it with what was meant; how many there are.

        ``tick`` is called for each; what it raises ends the verification.

        Raises
        ------
        VerificationError
            Naming the first picture that differs.
        """
        for number, expected in zip(self._numbers, self._checksums, strict=True):
            tick()
            path = self._written_path(number)
            if _checksum(read_picture(path, current_limits()).codes) != expected:
                raise VerificationError(
                    f"{path.name} does not read back as it was written; nothing was renamed, check "
                    "the disk and run again"
                )
        return len(self._numbers)

    def commit(self) -> Path:
        """Move all pictures to their names; returns the pattern.

        Raises
        ------
        DiskFullError, OutputFolderError
            If the system refuses; pictures not yet moved are then still in ``temp_path``.
        OutputExistsError, OutputIsInputError
            If pictures of these names have come into being; then none is moved.
        """
        self._check_free(self._numbers)
        try:
            for number in self._numbers:
                path = self._written_path(number)
                os.replace(path, self.output.parent / path.name)
            self.temp_path.rmdir()
        except OSError as error:
            self._open = False
            raise output_error(error, self.output) from error
        self._open = False
        return self.output

    def abort(self) -> None:
        """Delete what is not committed; safe to call twice."""
        if self._open:
            self._open = False
            with contextlib.suppress(OSError):
                shutil.rmtree(self.temp_path)

    def _check_free(self, numbers: Iterable[int]) -> None:
        _check_free_names(self._source, self.output, numbers, self._overwrite)

    def _written_path(self, number: int) -> Path:
        return self.temp_path / numbered_name(self.output.name, number)

    def _count(self, frame: ColoredFrame, rgb: Plane, size: int) -> None:
        report, source = self.report, frame.source
        report.frames += 1
        report.pts.append(source.pts)
        report.end_pts = source.pts + source.duration
        report.video_bytes += size
        if self.target.color.full_range:
            luma = np.rint(rgb @ np.array(luma_weights(self.target.color.matrix)))
            report.luma_identical_frames += bool(np.array_equal(luma, frame.luma))


def rgb_codes_keeping_luma(frame: ColoredFrame, target: EncodeTarget) -> Plane:
    """R′G′B′ code values of a coloured frame, rounded so that luma stays exact.

    R and B are rounded; G, which weighs more than half, is then the code that brings the luma
    of the three closest to Y′: within 0.36 codes, so it rounds to Y′ itself. Near black and
    white, where G has no room, R and B are moved by a code instead.

    Returns
    -------
    (H, W, 3) uint8 or uint16, full range. Limited-range luma is expanded, so that it is not
    the same number any more.
    """
    bits = target.layout.bit_depth
    full = target.color.full_range
    low, high = luma_range(bits, full)
    span = 2**bits - 1 if full else 224 << (bits - 8)
    luma01 = (frame.luma.astype(np.float32) - low) / np.float32(high - low)
    cb, cr = (
        (plane.astype(np.float32) - neutral_code(bits)) / np.float32(span)
        for plane in (frame.cb, frame.cr)
    )
    maximum = 2**bits - 1
    rgb = rgb_from_luma_chroma(np.clip(luma01, 0, 1), cb, cr, target.color.matrix) * maximum
    codes = np.rint(rgb).astype(np.int32)
    if full:
        _fix_luma(codes, frame.luma.astype(np.int32), target.color.matrix, maximum)
    result: Plane = codes.astype(np.uint8 if bits == 8 else np.uint16)
    return result


def _fix_luma(
    codes: npt.NDArray[np.int32], luma: npt.NDArray[np.int32], matrix: int, maximum: int
) -> None:
    """Change ``codes`` (H, W, 3) in place so that their weighted sum rounds to ``luma``."""
    kr, kg, kb = luma_weights(matrix)
    weights = np.array([kr, kg, kb])
    partial = codes[..., 0] * kr + codes[..., 2] * kb
    green = np.rint((luma - partial) / kg).astype(np.int32)
    np.clip(green, 0, maximum, out=codes[..., 1])
    for _ in range(_LUMA_FIX_ROUNDS):
        error = luma - codes @ weights
        rows, columns = np.nonzero(np.abs(error) > 0.5)
        if not rows.size:
            return
        step = np.sign(error[rows, columns]).astype(np.int32)
        moved = codes[rows, columns] + step[:, None]
        codes[rows, columns] = np.clip(moved, 0, maximum)


def _checksum(codes: Plane) -> int:
    return zlib.crc32(codes.tobytes())


def _first_number(source: MediaInfo) -> int:
    if source.container != CONTAINER:
        return FIRST_NUMBER
    return find_files(source.path).numbers[0]
