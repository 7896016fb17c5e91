"""Renders single segments again from the colours that an earlier run has kept."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from pathlib import Path

from vidcolor.ab_cache import DamagedCacheError, read_ab_cache
from vidcolor.engine import FilmRun
from vidcolor.errors import InputError, Interrupted, SettingsError, StalledError, VidcolorError
from vidcolor.luma import luma_crc
from vidcolor.media.atomic import check_free_space
from vidcolor.media.muxing import muxing_explained
from vidcolor.media.segment_encoder import SegmentEncoder
from vidcolor.media.segments import SegmentFolder, SegmentRecord
from vidcolor.media.sequence import open_source
from vidcolor.media.writer import FREE_SPACE_CHECK_FRAMES, RESERVE_BYTES
from vidcolor.stages import run_stages
from vidcolor.work import Work

log = logging.getLogger(__name__)


class SegmentRenderer:
    """Makes segments again whose looks or edits have changed.

    Only their part of the film is decoded, and no network is asked.

    Parameters
    ----------
    source, rate:
        The film.
    run:
        Has the looks, edits and target.
    folder:
        Of the segments.
    output:
        The film's final name, which messages speak of.
    """

    def __init__(
        self,
        source: str | Path,
        rate: str | None,
        run: FilmRun,
        folder: SegmentFolder,
        output: Path,
    ) -> None:
        self._output = output.absolute()
        self._source = source
        self._rate = rate
        self._run = run
        self._folder = folder

    def update(self) -> int:
        """Make every finished segment agree with today's looks and edits.

        From the first on that cannot be rendered again, segments are dropped, to be coloured anew.

        Returns
        -------
        How many were rendered again.
        """
        count = 0
        for record in list(self._folder.finished):
            if record.state.get("changes") == self._run.key_of(record.pts):
                continue
            if not self._render(record):
                self._folder.truncate(record.number)
                break
            count += 1
        return count

    def _render(self, record: SegmentRecord) -> bool:
        """False if its colours were not kept, or its frames are not found where they were."""
        if not self._folder.cache_path(record.number).exists():
            return False
        run = self._run
        info = run.info
        with muxing_explained(run.plan.container, self._output):
            encoder = SegmentEncoder(self._folder, run.plan, info.video, again=record)
        is_stuck = False
        try:
            run_stages(
                self._read(record),
                {
                    "chroma": lambda works: map(run.rendered, works),
                    "writer": lambda works: self._write(works, encoder),
                },
                size_of=lambda work: work.nbytes,
                cancel=run.cancel,
                tick=lambda: run.progress.tell("render"),
                stall_s=run.settings.limits.stall_s,
            )
            if run.cancel.is_set():
                raise Interrupted
            state = record.state | {"changes": run.key_of(record.pts)}
            if encoder.record.pts != record.pts:
                return False
            with muxing_explained(run.plan.container, self._output):
                encoder.finish(state)
        except (_NotThereError, DamagedCacheError, InputError, SettingsError) as error:
            log.warning(
                "segment %d cannot be rendered from kept work (%s): it is coloured again",
                record.number + 1,
                str(error) or "its frames are not found there when the film is sought",
            )
            return False
        except StalledError:
            is_stuck = True  # the writer may be stuck in the encoder
            raise
        finally:
            if not is_stuck:
                encoder.abort()
        return True

    def _write(self, works: Iterable[Work], encoder: SegmentEncoder) -> Iterator[None]:
        for count, work in enumerate(works):
            assert work.colored is not None
            if count % FREE_SPACE_CHECK_FRAMES == 0:
                check_free_space(self._output.parent, RESERVE_BYTES)
            with muxing_explained(self._run.plan.container, self._output):
                encoder.write(work.colored, work.frame.pts)
            yield None

    def _read(self, record: SegmentRecord) -> Iterator[Work]:
        info = self._run.info
        base = info.video.time_base
        margin = 2 * base + _SLACK_S
        begin = float(record.pts[0] * base) - info.origin_s - margin
        end = float((record.pts[-1] + 1) * base) - info.origin_s + margin
        cached = read_ab_cache(self._folder.cache_path(record.number))
        wanted = iter(record.pts)
        expected = next(wanted, None)
        start_s = max(0.0, float(begin))
        with open_source(
            self._source,
            rate=self._rate,
            start_s=start_s,
            duration_s=float(end) - start_s,
            keep_partial=True,
            deinterlace=self._run.settings.deinterlace,
            fields=self._run.reader.fields,
            limits=self._run.settings.limits,  # this is another thread than theirs
        ) as reader:
            for frame in self._run.clock.timed("decode", reader):
                if expected is None:
                    return
                if frame.pts < expected:
                    continue
                kept = next(cached, None)
                work = self._run.prepared(frame)
                is_it = kept is not None and luma_crc(work.small.codes) == kept.luma_crc
                if frame.pts != expected or kept is None or not is_it:
                    raise _NotThereError
                if (work.later is None) != (kept.later_steps is None):
                    raise _NotThereError
                work.steps, work.later_steps = kept.steps, kept.later_steps
                work.keeps = kept.keeps_chroma
                yield work
                expected = next(wanted, None)
        if expected is not None:
            raise _NotThereError


_SLACK_S = 0.001
"""Times of the range are rounded; frames outside the segment are passed over."""


class _NotThereError(VidcolorError):
    """A frame is not where it was when its film was read from the beginning."""
