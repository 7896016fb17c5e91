"""The report of a run, as a JSON file beside its output; docs/report.md says what is in it."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import platform
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from vidcolor.config import RunSettings
from vidcolor.errors import InputNotFoundError, NotMediaError, OutputExistsError
from vidcolor.frames import MediaInfo
from vidcolor.media.atomic import check_output, output_error, write_atomically
from vidcolor.media.plan import IMAGE_SEQUENCE, OutputPlan
from vidcolor.media.versions import ffmpeg_versions
from vidcolor.report import RunReport

FORMAT = "vidcolor-report-1"
"""Changes when a field changes its meaning or goes away; new fields may come without."""

OUR_HEAD = re.compile(rb'\s*\{\s*"format":\s*"vidcolor-report-')
"""How every report begins, of this format and others."""

HEAD_BYTES = 256
"""Enough for `OUR_HEAD`, with another indentation too."""

SUFFIX = ".vidcolor.json"
"""Behind the output's whole name."""

CHUNK_BYTES = 2**20
"""Read at a time when a file is hashed."""

LUMA_METHOD = (
    "SHA-256 of the luma plane of each frame (rows packed, little-endian); then SHA-256 of these "
    "as lines of lower-case hexadecimal digits"
)
"""How films' luma hashes are made, for whoever reads a report without our documents."""


@dataclass(frozen=True, slots=True)
class FileHash:
    """What a film, or the pictures of a sequence, are known by for certain."""

    files: int
    bytes: int
    sha256: str
    """Of the file; of several, of the lines that the program ``sha256sum`` prints about them."""


def report_path(output: Path) -> Path:
    """``NAME.color.mkv.vidcolor.json`` beside ``NAME.color.mkv``."""
    return output.with_name(output.name + SUFFIX)


def check_report_place(source: Path, output: Path, *, writes: bool, overwrite: bool) -> None:
    """See, before a run, that what lies where its report would be is not lost or made wrong.

    Parameters
    ----------
    writes:
        Whether the run writes a report.
    overwrite:
        Whether it may replace an output and its report.

    Raises
    ------
    OutputExistsError
        If there is a report, and it may not be replaced; or something else that would be.
    OutputIsInputError, OutputFolderError
        See `vidcolor.media.atomic.check_output`.
    """
    path = report_path(output)
    if writes:
        check_output(source, path, overwrite)
    if overwrite and _is_file(path) and not _is_report(path):
        raise OutputExistsError(
            f"{path} is no report of vidcolor, and is not replaced even with --overwrite; move it "
            "away, or choose another output"
        )
    if not overwrite and _is_report(path):
        raise OutputExistsError(
            f"{path} exists, and would tell of another film than the new one; move it away, "
            "choose another output or allow its deletion with --overwrite"
        )


def delete_report(output: Path) -> None:
    """Delete the report of an ``output`` that is about to be replaced, if there is one.

    Raises
    ------
    OutputFolderError
        If the system refuses.
    """
    path = report_path(output)
    if not _is_report(path):
        return
    try:
        path.unlink()
    except OSError as error:
        raise output_error(error, path) from error


def _is_file(path: Path) -> bool:
    return os.path.isfile(path)  # unlike Path.is_file, no error for a name that is too long


def _is_report(path: Path) -> bool:
    """Whether there is a file that begins as our reports do, whole or not."""
    if not _is_file(path):  # opening a pipe would wait
        return False
    try:
        with path.open("rb") as file:
            return OUR_HEAD.match(file.read(HEAD_BYTES)) is not None
    except OSError:
        return False


def hash_files(paths: Iterable[Path], tick: Callable[[], None] = lambda: None) -> FileHash:
    """Read all of some files, at least one.

    Parameters
    ----------
    tick:
        Called for every `CHUNK_BYTES`; what it raises ends this.

    Raises
    ------
    InputNotFoundError
        If one cannot be read.
    """
    hashes: list[tuple[str, str]] = []
    size = 0
    for path in paths:
        digest = hashlib.sha256()
        try:
            with path.open("rb") as file:
                while chunk := file.read(CHUNK_BYTES):
                    digest.update(chunk)
                    size += len(chunk)
                    tick()
        except OSError as error:
            raise InputNotFoundError(
                f"{path} cannot be read: {error.strerror}; check the path"
            ) from error
        hashes.append((digest.hexdigest(), path.name))
    if len(hashes) == 1:
        return FileHash(1, size, hashes[0][0])
    lines = "".join(f"{digest}  {name}\n" for digest, name in hashes)
    return FileHash(len(hashes), size, hashlib.sha256(lines.encode()).hexdigest())


def report_content(
    report: RunReport,
    info: MediaInfo,
    plan: OutputPlan,
    settings: RunSettings,
    facts: Mapping[str, Any],
    *,
    fingerprint: str,
    looks_and_edits: str,
    source: FileHash,
    output: FileHash,
) -> dict[str, Any]:
    """Everything about a finished run, in JSON's types.

    Parameters
    ----------
    info, plan:
        Of the source and the output.
    facts, fingerprint:
        What the run's job is known by; see `vidcolor.jobs.facts`.
    looks_and_edits:
        Digest of these for all frames; see `vidcolor.jobs.changes`.
    source, output:
        Of the files.
    """
    target = plan.target
    exact = report.verification.frames_decoded > 0 and plan.is_lossless
    return {
        "format": FORMAT,
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": {
            **facts["versions"],
            **ffmpeg_versions(),
            "python": platform.python_version(),
            "system": platform.platform(),
        },
        "network": {
            "checkpoint": report.checkpoint,
            "sha256": report.checkpoint_sha256,
            "licence": report.checkpoint_licence,
            "device": facts["device"],
        },
        "settings": settings.model_dump(mode="json"),
        "fingerprint": fingerprint,
        "looks_and_edits": looks_and_edits,
        "encoder": {
            "container": plan.container,
            "codec": plan.codec,
            "options": plan.options,
            "pixel_format": target.layout.name,
            "width": target.width,
            "height": target.height,
            "bit_depth": target.layout.bit_depth,
            "luma_shift": target.luma_shift,
            "color": asdict(target.color),
        },
        "source": {
            "name": Path(info.path).name,
            "container": info.container,
            "rate": str(info.video.average_rate) if info.container == IMAGE_SEQUENCE else None,
            **asdict(source),
        },
        "output": {"name": Path(report.output).name, **asdict(output)},
        "frames": {
            "in": report.frames_in,
            "out": report.frames_out,
            "repeated": report.frames_repeated,
            "carried": report.frames_carried,
            "undecodable_packets": report.undecodable_packets,
        },
        "shots": {"count": report.shots, "list": facts["shots"]},
        "luma": {
            "method": LUMA_METHOD,
            "identical_frames": report.luma_identical,
            "source_sha256": report.source_luma_sha256,
            "encoder_sha256": report.encoder_luma_sha256,
            # Verification has compared every frame with what entered the encoder.
            "read_back_sha256": report.encoder_luma_sha256 if exact else None,
        },
        "streams": report.streams,
        "notices": report.notices,
        "verification": dataclasses.asdict(report.verification),
        "timings": {
            "wall_s": report.wall_s,
            "fps": report.fps,
            "stage_ms": report.stage_ms,
            "frames_resumed": report.frames_resumed,
        },
    }


def write_report_file(path: Path, content: Mapping[str, Any]) -> None:
    """Write a report in one move.

    Raises
    ------
    OutputExistsError
        If there is a file: an earlier report has been deleted, so somebody else has made it.
    DiskFullError, OutputFolderError
        If it cannot be written.
    """
    text = json.dumps(content, indent=2, ensure_ascii=True) + "\n"
    write_atomically(path, text.encode(), replaces=False)


def read_report_file(path: Path) -> dict[str, Any]:
    """What `write_report_file` wrote.

    Raises
    ------
    InputNotFoundError
        If it cannot be read.
    NotMediaError
        If it is no report, or of a format that is not known here.
    """
    try:
        content = json.loads(path.read_bytes())
    except OSError as error:
        raise InputNotFoundError(
            f"{path} cannot be read: {error.strerror}; check the path"
        ) from error
    except (ValueError, RecursionError) as error:  # the latter for thousands of brackets
        raise NotMediaError(f"{path} is no report of vidcolor: {error}") from error
    found = content.get("format") if isinstance(content, dict) else None
    if found != FORMAT:
        raise NotMediaError(
            f"{path} is no report that this vidcolor reads: its format is {found!r}, not {FORMAT!r}"
        )
    return dict(content)
