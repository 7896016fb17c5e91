"""Runs a film through reader, plan, writer and verification, with colours made up."""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from tests.synthetic import chroma_picture, decode_luma
from vidcolor.config import RunSettings, load_preset, override
from vidcolor.frames import ColoredFrame, EncodeTarget, Frame, MediaInfo
from vidcolor.luma import FrameHashes, luma_sha256
from vidcolor.media.plan import OutputPlan, plan_output
from vidcolor.media.reader import FilmReader
from vidcolor.media.verify import VerifyReport, verify_output
from vidcolor.media.write_report import WriteReport
from vidcolor.media.writer import FilmWriter

FAST_X264 = {"crf": "12", "preset": "ultrafast"}
"""Options that make libx264 quick and nearly transparent."""


CONTAINERS = ("mp4", "mov", "mkv")
"""Suffixes of every container that is written."""


@dataclass(frozen=True)
class Recolored:
    """All that came out of a run."""

    path: Path
    info: MediaInfo
    plan: OutputPlan
    report: WriteReport
    verification: VerifyReport
    luma: list[np.ndarray[Any, Any]]
    """Copies of the decoder's luma, frame by frame."""


def fast_settings(preset: str = "film", **changes: Any) -> RunSettings:
    """A preset with a fast encoder; ``__`` in a name of ``changes`` stands for a dot."""
    settings = load_preset(preset)
    if preset == "film":
        settings = override(
            settings, {"encode.options": FAST_X264, "encode.options_deep": FAST_X264}
        )
    return override(settings, {name.replace("__", "."): value for name, value in changes.items()})


def colored(frame: Frame, target: EncodeTarget) -> ColoredFrame:
    """``frame`` in the target's layout, with colourful chroma that does not depend on it."""
    luma = frame.luma
    if luma.shape != (target.height, target.width):
        luma = cv2.resize(luma, (target.width, target.height), interpolation=cv2.INTER_AREA)
    bits = target.layout.bit_depth
    if bits > 8:
        luma = luma.astype(np.uint16) << target.luma_shift
    cb, cr = chroma_picture(frame.index, *target.chroma_size, bits, colorful=True)
    return ColoredFrame(frame, luma, cb, cr)


def recolor(source: Path, output: Path, settings: RunSettings | None = None) -> Recolored:
    """Write ``source`` to ``output`` and verify it, as the engine does."""
    settings = settings or fast_settings()
    part = {"start_s": settings.start_s, "duration_s": settings.duration_s}
    pts = array("q")
    hashes = FrameHashes()
    kept = []
    # Looking for fields takes time that only deinterlacing is worth here.
    fields = "bwdif" if settings.deinterlace == "bwdif" else "off"
    with FilmReader(
        source, keep_partial=settings.keep_partial, deinterlace=fields, **part
    ) as reader:
        plan = plan_output(reader.info, settings, output)
        with FilmWriter(reader.info, output, plan, **part, threads=1) as writer:
            for frame in reader:
                kept.append(frame.luma.copy())
                pts.append(frame.pts)
                picture = colored(frame, plan.target)
                hashes.append(luma_sha256(picture.luma))
                writer.write(picture)
            report = writer.finish()
            verification = verify_output(
                plan,
                report,
                writer.temp_path,
                reader.info,
                pts,
                hashes if plan.is_lossless else None,
            )
            path = writer.commit()
        return Recolored(path, reader.info, plan, report, verification, kept)


def start_writer(source: Path, output: Path, **changes: Any) -> tuple[FilmWriter, FilmReader]:
    """A writer and the reader of its source, nothing written yet."""
    reader = FilmReader(source)
    plan = plan_output(reader.info, fast_settings(**changes), output)
    return FilmWriter(reader.info, output, plan, threads=1), reader


def times(path: Path) -> list[Fraction]:
    """When the frames of a film are shown, in seconds."""
    return [time for time, _ in decode_luma(path)]


def names_in(folder: Path) -> list[str]:
    """What a folder holds."""
    return sorted(path.name for path in folder.iterdir())
