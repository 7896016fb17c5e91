"""Make a training set from colour films: a few frames of each shot.

::

    DIR/train/NAME-SHOT.FRAME.png
    DIR/val/NAME-SHOT.FRAME.png      other shots than in train
    DIR/manifest.csv                 where each picture comes from
"""

from __future__ import annotations

import csv
import hashlib
import io
import os
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import cv2

from vidcolor.errors import (
    InputError,
    Interrupted,
    OutputExistsError,
    OutputFolderError,
    PhotoSetError,
    UnsupportedColorError,
)
from vidcolor.frames import Frame, VideoInfo
from vidcolor.luma import small_luma
from vidcolor.media.atomic import write_atomically
from vidcolor.media.reader import FilmReader
from vidcolor.photographs.film_frames import frame_to_rgb
from vidcolor.temporal.shots import ShotDetector
from vidcolor.training.film_frames import (
    Candidate,
    SeenPictures,
    ShotCandidates,
    why_useless,
)

MANIFEST = "manifest.csv"
"""Beside ``train`` and ``val``: one line to a picture."""

_FIELDS = ("file", "split", "film", "shot", "frame", "time_s")


_PROGRESS_FRAMES = 25
"""Frames between two calls of ``on_progress``."""


@dataclass(frozen=True, slots=True)
class ExtractSettings:
    """How frames are chosen."""

    per_shot: int = 1
    """Frames per shot, 1 or more."""
    short_side: int = 256
    """Of the pictures, in pixels; smaller films keep their size."""
    split: float = 0.1
    """Share of the shots that go to ``val``, 0…1."""
    min_chroma: float = 3.0
    """As `DataRecipe.min_chroma`."""
    min_shot_frames: int = 8
    """Shorter shots are left out."""


@dataclass(slots=True)
class ExtractReport:
    """What was found in all films."""

    films: int = 0
    frames_read: int = 0
    shots: int = 0
    train: int = 0
    """Pictures written to ``train``."""
    val: int = 0
    """Pictures written to ``val``."""
    left_out: Counter[str] = field(default_factory=Counter)
    """Chosen frames not written, by reason: black, blank, grey, tinted, duplicate; and short,
    which counts shots."""
    failed: dict[str, InputError] = field(default_factory=dict)
    """Films that could not be read, with what was wrong."""


def extract_frames(
    films: Sequence[str | Path],
    output: Path,
    settings: ExtractSettings | None = None,
    *,
    cancel: threading.Event | None = None,
    on_progress: Callable[[Path, int, int], None] = lambda *_: None,
) -> ExtractReport:
    """Write a dataset of frames to ``output``, which must be new or empty.

    Parameters
    ----------
    films:
        Colour films.
    cancel:
        When set, the run stops and `Interrupted` is raised; the pictures stay, without manifest.
    on_progress:
        Called now and then with the film, the frames read of it, and the pictures written.

    Raises
    ------
    InputError
        If no film can be read; where others can, see `ExtractReport.failed`. Of a film that is
        cut off what there is is used.
    OutputExistsError, OutputFolderError
        If ``output`` holds something already, or cannot be made.
    PhotoSetError
        If no frame was worth keeping; the message counts why.
    """
    settings = settings or ExtractSettings()
    _check_folder(output)
    report = ExtractReport()
    seen = SeenPictures()
    rows: list[dict[str, object]] = []
    names: Counter[str] = Counter()
    for film in map(Path, films):
        names[film.stem] += 1
        name = film.stem if names[film.stem] == 1 else f"{film.stem}~{names[film.stem]}"

        def watch(frames: int, film: Path = film) -> None:
            if cancel is not None and cancel.is_set():
                raise Interrupted
            if frames % _PROGRESS_FRAMES == 0:
                on_progress(film, frames, report.train + report.val)

        try:
            with FilmReader(film, keep_partial=True) as reader:
                _require_chroma_planes(film, reader.info.video)
                for shot, candidates in enumerate(_shots(reader, settings, report, watch)):
                    rows += _keep_shot(output, film, name, shot, candidates, settings, seen, report)
        except InputError as error:
            report.failed[str(film)] = error
        else:
            report.films += 1
    if not report.films:
        raise next(iter(report.failed.values()))
    if not rows:
        reasons = ", ".join(f"{count} {reason}" for reason, count in report.left_out.items())
        raise PhotoSetError(
            f"none of {report.frames_read} frames is worth training on ({reasons or 'no shots'}); "
            "give films in colour"
        )
    _write_manifest(output / MANIFEST, rows)
    return report


def _check_folder(output: Path) -> None:
    try:
        if output.exists() and any(output.iterdir()):
            raise OutputExistsError(f"{output} is not empty; give a new folder for the pictures")
    except OSError as error:
        raise _no_folder(output, error) from error


def _require_chroma_planes(film: Path, video: VideoInfo) -> None:
    if video.layout.is_rgb:
        raise UnsupportedColorError(
            f"{film} is stored as R′G′B′ ({video.layout.name}), which is not read in colour here: "
            "convert it to yuv444p"
        )


def _no_folder(output: Path, error: OSError) -> OutputFolderError:
    return OutputFolderError(
        f"cannot make the folder {output}: {error.strerror}; choose another with -o"
    )


def _shots(
    reader: FilmReader,
    settings: ExtractSettings,
    report: ExtractReport,
    watch: Callable[[int], None],
) -> Iterator[ShotCandidates]:
    """The candidates of each shot, one after another."""
    detector = ShotDetector()
    video = reader.info.video
    most = max(16, 4 * settings.per_shot)
    waiting: deque[Frame] = deque()
    shot = ShotCandidates(most)

    def decided(decisions: list[tuple[int, bool]]) -> Iterator[ShotCandidates]:
        nonlocal shot
        for _, is_cut in decisions:
            if is_cut and shot.count:
                yield shot
                shot = ShotCandidates(most)
            frame = waiting.popleft()
            shot.add(_candidate(frame, video, settings) if shot.wants_next() else None)

    for frame in reader:
        report.frames_read += 1
        watch(reader.report.frames)
        waiting.append(frame)
        yield from decided(detector.push(small_luma(frame, video.layout.bit_depth)))
    yield from decided(detector.flush())
    if shot.count:
        yield shot


def _candidate(frame: Frame, video: VideoInfo, settings: ExtractSettings) -> Candidate | None:
    rgb = frame_to_rgb(frame, video, settings.short_side)
    return None if rgb is None else Candidate(frame.index, frame.time_s, rgb)


def _keep_shot(
    output: Path,
    film: Path,
    name: str,
    shot: int,
    candidates: ShotCandidates,
    settings: ExtractSettings,
    seen: SeenPictures,
    report: ExtractReport,
) -> list[dict[str, object]]:
    """Write the frames of one shot that are worth it; their lines of the manifest."""
    report.shots += 1
    if candidates.count < settings.min_shot_frames:
        report.left_out["short"] += 1
        return []
    if not candidates.kept:
        report.left_out["grey"] += 1  # frames without chroma planes
        return []
    split = "val" if _share(name, shot) < settings.split else "train"
    rows: list[dict[str, object]] = []
    for candidate in candidates.spread(settings.per_shot):
        reason = why_useless(candidate.rgb, settings.min_chroma)
        if reason is None and not seen.add(candidate.rgb):
            reason = "duplicate"
        if reason is not None:
            report.left_out[reason] += 1
            continue
        file = f"{split}/{name}-{shot:05d}.{candidate.index:07d}.png"
        _write_picture(output / file, candidate)
        values = (file, split, film.name, shot, candidate.index, f"{candidate.time_s:.6f}")
        rows.append(dict(zip(_FIELDS, values, strict=True)))
    report.train += len(rows) if split == "train" else 0
    report.val += len(rows) if split == "val" else 0
    return rows


def _share(name: str, shot: int) -> float:
    """A number 0…1 that depends on nothing but the shot."""
    digest = hashlib.sha256(os.fsencode(f"{name}\0{shot}")).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


def _write_picture(path: Path, candidate: Candidate) -> None:
    done, png = cv2.imencode(".png", cv2.cvtColor(candidate.rgb, cv2.COLOR_RGB2BGR))
    assert done
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _no_folder(path.parent, error) from error
    try:
        path.write_bytes(png.tobytes())
    except OSError as error:
        raise OutputFolderError(
            f"cannot write {path}: {error.strerror}; free some space or choose another folder"
        ) from error


def _write_manifest(path: Path, rows: list[dict[str, object]]) -> None:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, _FIELDS)
    writer.writeheader()
    writer.writerows(rows)
    # Names of films need not be Unicode.
    write_atomically(path, text.getvalue().encode("utf-8", "backslashreplace"))
