"""Colours a film from beginning to end, or from where an interrupted run has left it."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from vidcolor.colorizer import Colorizer
from vidcolor.config import NetworkSettings, RunSettings, load_preset
from vidcolor.edit_carrier import CarriedColors, EditCarrier
from vidcolor.engine import FilmRun
from vidcolor.errors import Interrupted, OutputError, SourceChangedError
from vidcolor.jobs.changes import Changes
from vidcolor.jobs.edits import find_edits, find_looks
from vidcolor.jobs.facts import run_facts, source_facts, source_files
from vidcolor.jobs.folder import Job, delete_leftovers, fingerprint
from vidcolor.jobs.outcome import outcome
from vidcolor.jobs.rerender import SegmentRenderer
from vidcolor.media.output import Writer, open_writer, plan_any
from vidcolor.media.plan import IMAGE_SEQUENCE, default_output
from vidcolor.media.provenance import provenance
from vidcolor.media.safety import limits_in_force
from vidcolor.media.sequence import open_source
from vidcolor.media.writer import FilmWriter
from vidcolor.references import Edit
from vidcolor.report import ProgressEvent, RunReport
from vidcolor.report_file import (
    check_report_place,
    delete_report,
    hash_files,
    report_content,
    report_path,
    write_report_file,
)
from vidcolor.temporal.shot_list import ShotList, read_list_of


def color_film(
    source: str | Path,
    output: str | Path | None = None,
    settings: RunSettings | None = None,
    *,
    on_progress: Callable[[ProgressEvent], None] | None = None,
    cancel: threading.Event | None = None,
    rate: str | None = None,
    colorizer: Colorizer | None = None,
    resume: bool = True,
) -> RunReport:
    """Colour one film, going on after the last whole segment if a run was interrupted.

    Parameters
    ----------
    source:
        A film, or the pattern of an image sequence (``scan_%06d.tif``).
    output:
        Where to write; None is ``NAME.color.EXT`` beside the source.
    settings:
        See `vidcolor.config.load_preset`; None is the preset ``film``.
    on_progress:
        Called in this thread about ten times a second.
    cancel:
        Set it from a signal handler or another thread to stop; `Interrupted` is then raised.
    rate:
        Frames per second of an image sequence, such as ``24`` or ``24000/1001``.
    colorizer:
        One that is already loaded, for several films in a row; of ``settings.network``
        ``skip_repeats`` and ``every`` alone then have a say.
    resume:
        False throws away what an interrupted run has left.

    Returns
    -------
    RunReport
        After the output has been verified and renamed to its final name.

    Raises
    ------
    VidcolorError
        One of its subclasses; nothing is then left under the output's name, the source is
        untouched. Segments that were finished are kept in a hidden folder beside the output.
        After a `StalledError` the stuck thread still runs and may hold ``colorizer``: load
        another.
    """
    settings = settings or load_preset("film")
    cancel = cancel or threading.Event()
    begin = time.perf_counter()
    listed = settings.temporal.shots
    shots = None if listed is None else read_list_of(Path(listed), Path(source).name)
    loading = _loaded_beside(colorizer, settings.network)
    with (
        limits_in_force(settings.limits),
        open_source(
            source,
            rate=rate,
            start_s=settings.start_s,
            duration_s=settings.duration_s,
            keep_partial=settings.keep_partial,
            deinterlace=settings.deinterlace,
        ) as reader,
    ):
        target_path = (
            Path(output) if output else default_output(Path(source), settings, reader.info)
        )
        delete_leftovers(target_path)
        plan = plan_any(reader.info, settings, target_path)
        report_file = report_path(target_path) if settings.report else None
        check_report_place(
            *(Path(reader.info.path), target_path),
            writes=settings.report,
            overwrite=settings.overwrite,
        )
        colorizer = loading.result()
        made_by = provenance(colorizer.info.name, colorizer.info.sha256)
        plan = replace(plan, provenance=made_by)
        run = FilmRun(reader, plan, settings, colorizer, shots, on_progress, cancel)
        facts = run_facts(reader.info, settings, plan, colorizer, run.engine, shots)
        replaces = target_path.exists()
        with contextlib.ExitStack() as stack:
            job = segments = None
            if plan.container != IMAGE_SEQUENCE:
                job = Job(
                    *(str(source), target_path, facts),
                    resume=resume,
                    keep=settings.keep_work,
                    tick=run.watch_recovery,
                )
                segments = stack.enter_context(job).segments
            film = _Film(source, rate, settings, shots, colorizer, cancel, run)
            edits = film.find_edits()
            writer: Writer | None = None
            if segments is None or not segments.finished:
                # Before anything that takes long: it may be refused.
                writer = open_writer(reader.info, target_path, plan, settings, segments, replaces)
                stack.enter_context(writer)
            if edits:
                run.carried = stack.enter_context(film.carry(edits))
            if segments is not None and segments.finished:
                run.rendered_again = SegmentRenderer(
                    source, rate, run, segments, target_path
                ).update()
            if segments is not None and segments.finished:
                run.go_on_after(segments)
            if writer is None:
                writer = open_writer(reader.info, target_path, plan, settings, segments, replaces)
                stack.enter_context(writer)
            verification = run.execute(writer)
            hashes = None
            if report_file is not None:
                hashes = (
                    hash_files(source_files(reader.info), run.watch_verification),
                    hash_files(writer.written_files(), run.watch_verification),
                )
            if cancel.is_set():
                raise Interrupted
            if facts["content"] != source_facts(reader.info):
                raise SourceChangedError(
                    f"{reader.info.path} was changed while it was read: the output was not kept; "
                    "colour it again when nothing writes to it"
                )
            if job is not None and isinstance(writer, FilmWriter):
                job.note_finished(writer.temp_path)
            if settings.overwrite:
                delete_report(target_path)  # it tells of what is replaced
            writer.commit()
    report = outcome(run, target_path, verification, time.perf_counter() - begin)
    if report_file is not None and hashes is not None:
        content = report_content(
            *(report, run.info, plan, settings, facts),
            fingerprint=fingerprint(facts),
            looks_and_edits=run.key_of(run.pts),
            source=hashes[0],
            output=hashes[1],
        )
        try:
            write_report_file(report_file, content)
        except OutputError as error:
            error.add_note(f"the film itself is finished: {target_path}")
            raise
        report.report_file = str(report_file)
    return report


def _loaded_beside(colorizer: Colorizer | None, settings: NetworkSettings) -> Future[Colorizer]:
    """``colorizer``, or one that is loaded while the film is opened and looked through."""
    thread = ThreadPoolExecutor(1, "vidcolor-load")
    loading = thread.submit(lambda: colorizer or Colorizer(settings, deferred=True))
    thread.shutdown(wait=False)  # a film that is refused need not wait for it
    return loading


@dataclass(frozen=True, slots=True)
class _Film:
    """What looks and edits are found with."""

    source: str | Path
    rate: str | None
    settings: RunSettings
    shots: ShotList | None
    colorizer: Colorizer
    cancel: threading.Event
    run: FilmRun

    def find_edits(self) -> list[Edit]:
        """Give the run its looks, and return the edits."""
        given = (self.settings, self.shots, self.colorizer)
        common: dict[str, Any] = {"rate": self.rate, "cancel": self.cancel, "on_frame": self._tell}
        self.run.looks = find_looks(self.source, *given, **common)
        info = self.run.info
        edits = find_edits(self.source, info, *given, **common)
        changes = Changes(self.run.looks, edits, info.video.time_base, info.origin_s)
        self.run.key_of = changes.key
        return edits

    def carry(self, edits: list[Edit]) -> CarriedColors:
        """Through their shots."""
        return EditCarrier(
            self.source,
            self.colorizer,
            rate=self.rate,
            allow_hdr=self.settings.allow_hdr,
            cancel=self.cancel,
            on_frame=self._tell,
        ).carry(edits)

    def _tell(self) -> None:
        self.run.progress.tell_if_due("carry")
