"""Is a coloured film still its source but for the colours? Asked at any time after the run."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from vidcolor.config import Deinterlace, Limits, RunSettings, validate_settings
from vidcolor.errors import Interrupted, NotMediaError, SettingsError
from vidcolor.frames import EncodeTarget
from vidcolor.jobs.facts import source_files
from vidcolor.media.expectation import expected_plan, expected_streams
from vidcolor.media.film_check import Point, check_film
from vidcolor.media.plan import LOSSLESS_ENCODERS, OutputPlan
from vidcolor.media.probe import is_sequence_pattern
from vidcolor.media.provenance import made_by
from vidcolor.media.reader import FilmReader
from vidcolor.media.safety import limits_in_force
from vidcolor.media.sequence import SequenceReader, open_source
from vidcolor.report import ProgressEvent, ProgressMeter, read_notices
from vidcolor.report_file import hash_files, read_report_file, report_path
from vidcolor.verification.luma import LumaComparison, compare_luma

LEAST_PSNR_DB = 30.0
"""A frame whose luma is further off is another picture, not a coarsely encoded one: the presets'
worst frames lie well above it."""


@dataclass(frozen=True, slots=True)
class FilmVerification:
    """What was compared, and the verdict."""

    source: str
    output: str
    is_kept: bool
    """Nothing differs, and neither pictures nor sound are lost; if asked for, nothing at all."""
    points: tuple[Point, ...]
    lossless: bool
    """The output's codec gives every sample back, so luma had to be exact."""
    source_luma_sha256: str
    """`vidcolor.luma.FrameHashes.total` of the source as decoded now."""
    output_luma_sha256: str
    frames: int
    """Of the source."""
    luma_identical: int
    psnr_db: float | None
    """None where all frames are identical."""
    worst_psnr_db: float | None
    largest_difference: int
    made_by: str | None
    """What the output says about who made its colours."""
    report: str | None
    """The report that was used."""
    notices: tuple[str, ...]

    @property
    def differing(self) -> list[str]:
        """Names of the points for which the verdict is not "kept"."""
        return [p.name for p in self.points if p.result in ("differs", "unchecked")] or [
            p.name for p in self.points if p.result == "lost"
        ]


@dataclass(frozen=True, slots=True)
class _KnownRun:
    """What a report says that can be checked."""

    path: Path
    rate: str | None
    keep_partial: bool
    start_s: float
    duration_s: float | None
    deinterlace: Deinterlace
    limits: dict[str, Any]
    source_sha256: str
    output_sha256: str
    source_luma_sha256: str
    read_back_sha256: str | None


def verify_films(
    source: str | Path,
    output: str | Path,
    *,
    report: Path | None = None,
    rate: str | None = None,
    start_s: float | None = None,
    duration_s: float | None = None,
    deinterlace: Deinterlace | None = None,
    keep_partial: bool = False,
    limits: Mapping[str, Any] | None = None,
    least_psnr_db: float = LEAST_PSNR_DB,
    strict: bool = False,
    cancel: threading.Event | None = None,
    on_progress: Callable[[ProgressEvent], None] | None = None,
) -> FilmVerification:
    """Compare a coloured film with its source.

    Both are decoded once and their packets read once more.

    Parameters
    ----------
    source:
        A film, or the pattern of an image sequence.
    output:
        An ``.mkv``, ``.mp4`` or ``.mov``.
    report:
        Of the run; None is the one beside ``output``, if there is any.
    rate, start_s, duration_s:
        Of the pictures, and the part that was coloured; None is what the report says, or 24 and
        all of it.
    deinterlace:
        How the film was coloured; with ``bwdif`` it is the deinterlaced source that is compared.
        None is what the report says, or ``auto``.
    keep_partial:
        Accept a source that is cut off or damaged, even if the report does not say so.
    limits:
        Values of `vidcolor.config.Limits` by name; of others, and for None of all, those in the
        report hold, or the usual ones.
    least_psnr_db:
        A frame of a lossy film whose luma is further off differs.
    strict:
        What the container has no place for makes the verdict worse, too.

    Raises
    ------
    InputError
        If a film or the report cannot be read.
    SettingsError
        If ``output`` is none of these.
    """
    if is_sequence_pattern(output):
        raise SettingsError(
            f"{output} is an image sequence, which cannot be verified; give an .mkv, .mp4 or .mov"
        )
    known = _known_run(Path(output), report)
    if known is not None:
        start_s = known.start_s if start_s is None else start_s
        duration_s = known.duration_s if duration_s is None else duration_s
        rate = known.rate if rate is None else rate
        deinterlace = deinterlace or known.deinterlace
        keep_partial = keep_partial or known.keep_partial
    part: dict[str, Any] = {"start_s": start_s or 0.0, "duration_s": duration_s}
    how = {"deinterlace": deinterlace or "auto"}
    settings = validate_settings(RunSettings, part | how, origin="the part to verify")
    held = Limits()
    if known is not None:
        held = validate_settings(Limits, known.limits, origin=str(known.path))
    if limits:
        held = validate_settings(Limits, held.model_dump() | dict(limits), origin="--limit")
    with ExitStack() as stack:
        stack.enter_context(limits_in_force(held))
        reader: FilmReader | SequenceReader = open_source(
            source,
            rate=rate,
            keep_partial=keep_partial,
            deinterlace=settings.deinterlace,
            **part,
        )
        stack.callback(reader.close)
        made = stack.enter_context(FilmReader(output, keep_partial=True))
        progress = ProgressMeter(reader.info, settings, on_progress)

        def watch() -> None:
            if cancel is not None and cancel.is_set():
                raise Interrupted
            progress.tell_if_due("verify")

        plan = expected_plan(reader.info, made.info)
        luma = _compare_luma(reader, made, plan, progress, watch)
        written = expected_streams(reader.info, plan, **part, tick=watch)
        written.end_pts = luma.source_end_pts
        lossless = made.info.video.codec in LOSSLESS_ENCODERS
        points = [
            _count_point(luma),
            _luma_point(luma, reader, made, lossless, least_psnr_db),
            *check_film(plan, written, Path(output), reader.info, luma.source_pts, watch),
        ]
        if written.gave_up:
            why = "the rest of the source could not be read"
            points.append(Point("rest of sound and other streams", "unchecked", why))
        if known is not None:
            points += _report_points(known, luma, source_files(reader.info), Path(output), watch)
        return FilmVerification(
            source=str(source),
            output=str(output),
            is_kept=all(_is_kept(point, strict) for point in points),
            points=tuple(points),
            lossless=lossless,
            source_luma_sha256=luma.source_hashes.total(),
            output_luma_sha256=luma.output_hashes.total(),
            frames=len(luma.source_pts),
            luma_identical=luma.identical,
            psnr_db=None if luma.identical == luma.frames else luma.psnr_db,
            worst_psnr_db=None if luma.worst_frame is None else luma.worst_psnr_db,
            largest_difference=luma.largest_difference,
            made_by=made_by(made.info.metadata),
            report=None if known is None else str(known.path),
            notices=(
                *(f"{r.info.path}: {n}" for r in (reader, made) for n in _notices(r)),
                *(f"{reader.info.path}: {n}" for n in written.notices()),
            ),
        )


def _compare_luma(
    reader: FilmReader | SequenceReader,
    made: FilmReader,
    plan: OutputPlan,
    progress: ProgressMeter,
    watch: Callable[[], None],
) -> LumaComparison:
    video = made.info.video
    target: EncodeTarget = replace(plan.target, width=video.width, height=video.height)
    begin_s = reader.info.origin_s
    time_base = reader.info.video.time_base

    def count(pts: int) -> None:
        progress.count(float(pts * time_base) - begin_s, 0)
        watch()

    depth = reader.info.video.layout.bit_depth
    progress.start()
    return compare_luma(reader, made, target, depth, video.time_base, count)


def _count_point(luma: LumaComparison) -> Point:
    counts = f"{len(luma.source_pts)} in the source, {luma.output_frames} in the output"
    if luma.missing or luma.extra:
        at = f"{luma.missing} are missing at their times, {luma.extra} are too many"
        return Point("frames", "differs", f"{counts}; {at}")
    return Point("frames", "same", counts)


def _luma_point(
    luma: LumaComparison,
    reader: FilmReader | SequenceReader,
    made: FilmReader,
    lossless: bool,
    least_psnr_db: float,
) -> Point:
    depths = [each.info.video.layout.bit_depth for each in (reader, made)]
    if depths[1] < depths[0]:
        detail = f"{depths[1]} bits instead of {depths[0]}; {luma.as_text()}"
        return Point("luma", "differs", detail)
    if luma.frames == 0:
        return Point("luma", "differs", luma.as_text())
    if lossless:
        is_same = luma.identical == luma.frames
        return Point("luma", "same" if is_same else "differs", luma.as_text())
    if luma.identical == luma.frames:
        return Point("luma", "same", luma.as_text())
    is_close = luma.worst_psnr_db >= least_psnr_db
    limit = f"the codec is lossy, each frame may differ down to {least_psnr_db:g} dB"
    return Point("luma", "close" if is_close else "differs", f"{luma.as_text()}; {limit}")


def _known_run(output: Path, report: Path | None) -> _KnownRun | None:
    path = report or report_path(output)
    if report is None and not os.path.exists(path):  # without an error for names too long
        return None
    content = read_report_file(path)
    try:
        read_back = content["luma"]["read_back_sha256"]
        return _KnownRun(
            path=path,
            rate=content["source"]["rate"],
            keep_partial=bool(content["settings"]["keep_partial"]),
            start_s=float(content["settings"]["start_s"]),
            duration_s=content["settings"]["duration_s"],
            deinterlace=content["settings"]["deinterlace"],
            limits=dict(content["settings"].get("limits", {})),
            source_sha256=str(content["source"]["sha256"]),
            output_sha256=str(content["output"]["sha256"]),
            source_luma_sha256=str(content["luma"]["source_sha256"]),
            read_back_sha256=None if read_back is None else str(read_back),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise NotMediaError(
            f"{path} is a damaged report of vidcolor ({error}); move it away, or give another with "
            "--report"
        ) from error


def _report_points(
    known: _KnownRun,
    luma: LumaComparison,
    source: list[Path],
    output: Path,
    watch: Callable[[], None],
) -> list[Point]:
    compared = {
        "source file": (known.source_sha256, hash_files(source, watch).sha256),
        "output file": (known.output_sha256, hash_files([output], watch).sha256),
        "luma of the source": (known.source_luma_sha256, luma.source_hashes.total()),
    }
    if known.read_back_sha256 is not None:
        compared["luma of the output"] = (known.read_back_sha256, luma.output_hashes.total())
    return [
        Point(f"report: {name}", "same", f"SHA-256 {_short(found)}")
        if found == wanted
        else Point(
            f"report: {name}",
            "differs",
            f"SHA-256 {_short(found)}, in the report {_short(wanted)}",
        )
        for name, (wanted, found) in compared.items()
    ]


def _short(digest: str) -> str:
    return f"{digest[:16]}…"


def _is_kept(point: Point, strict: bool) -> bool:
    if point.result == "lost":
        return not (strict or point.is_film_or_sound)
    return point.result in ("same", "close")


def _notices(reader: FilmReader | SequenceReader) -> list[str]:
    return read_notices(reader.report)
