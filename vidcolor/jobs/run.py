"""Colours a film from beginning to end, or from where an interrupted run has left it."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from pathlib import Path

from vidcolor.colorizer import Colorizer
from vidcolor.config import RunSettings
from vidcolor.engine import FilmRun
from vidcolor.errors import Interrupted, SourceChangedError
from vidcolor.jobs.changes import Changes
from vidcolor.jobs.edits import find_edits, find_looks
from vidcolor.jobs.facts import run_facts, source_facts
from vidcolor.jobs.folder import Job
from vidcolor.jobs.rerender import SegmentRenderer
from vidcolor.media.output import Writer, open_writer, plan_any
from vidcolor.media.plan import IMAGE_SEQUENCE, default_output
from vidcolor.media.sequence import open_source
from vidcolor.references import EditCarrier
from vidcolor.report import ProgressEvent, RunReport
from vidcolor.temporal.shot_list import read_list_of


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
        One that is already loaded, for several films in a row; ``settings.network`` then
        has no say.
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
    """
    settings = settings or RunSettings()
    cancel = cancel or threading.Event()
    begin = time.perf_counter()
    listed = settings.temporal.shots
    shots = None if listed is None else read_list_of(Path(listed), Path(source).name)
    with open_source(
        source,
        rate=rate,
        start_s=settings.start_s,
        duration_s=settings.duration_s,
        keep_partial=settings.keep_partial,
    ) as reader:
        target_path = (
            Path(output) if output else default_output(Path(source), settings, reader.info)
        )
        plan = plan_any(reader.info, settings, target_path)
        colorizer = colorizer or Colorizer(settings.network)
        edits = find_edits(
            source, reader.info, settings, shots, colorizer, rate=rate, cancel=cancel
        )
        run = FilmRun(reader, plan, settings, colorizer, shots, on_progress, cancel)
        run.looks = find_looks(source, settings, shots, colorizer, rate=rate, cancel=cancel)
        changes = Changes(run.looks, edits, reader.info.video.time_base, reader.info.origin_s)
        run.key_of = changes.key
        facts = run_facts(reader.info, settings, plan, colorizer, shots)
        with contextlib.ExitStack() as stack:
            if edits:
                carrier = EditCarrier(
                    source,
                    colorizer,
                    rate=rate,
                    allow_hdr=settings.allow_hdr,
                    cancel=cancel,
                    on_frame=lambda: run.progress.tell_if_due("carry"),
                )
                run.carried = stack.enter_context(carrier.carry(edits))
            segments = None
            if plan.container != IMAGE_SEQUENCE:
                job = stack.enter_context(
                    Job(str(source), target_path, facts, resume=resume, keep=settings.keep_work)
                )
                segments = job.segments
                if segments.finished:
                    run.rendered_again = SegmentRenderer(source, rate, run, segments).update()
                if segments.finished:
                    run.go_on_after(segments)
            writer: Writer = open_writer(reader.info, target_path, plan, settings, segments)
            stack.enter_context(writer)
            verification = run.execute(writer)
            if cancel.is_set():
                raise Interrupted
            if facts["content"] != source_facts(reader.info):
                raise SourceChangedError(
                    f"{reader.info.path} was changed while it was read: the output was not kept; "
                    "colour it again when nothing writes to it"
                )
            writer.commit()
    return run.report(target_path, verification, time.perf_counter() - begin)
