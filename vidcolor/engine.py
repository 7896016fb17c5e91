"""Colours a film: reader → network → smoothing and chroma → writer, all at once.

The luma planes go straight from the decoder to the encoder. Beside them runs a small picture,
of some 200 pixels on its short side, from which the network predicts ab; ab is steadied along
motion and then turned into the two chroma planes.
"""

from __future__ import annotations

import functools
import logging
import threading
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict
from itertools import starmap
from typing import Any

import numpy as np

from vidcolor.ab_cache import AbCacheWriter, CachedFrame, HalfUnits, from_half_units, half_units
from vidcolor.color import ChromaRenderer, ChromaTable
from vidcolor.colorizer import AbPlanes, Colorizer, NetworkGrid, SmallPicture
from vidcolor.config import WORK_LEAST_S, RunSettings
from vidcolor.edit_carrier import CarriedColors
from vidcolor.errors import Interrupted, VerificationError
from vidcolor.field_colors import FieldColors
from vidcolor.frames import ColoredFrame, EncodeTarget, Frame, MediaInfo
from vidcolor.look import mixed
from vidcolor.luma import LumaHashes, luma_crc, target_luma
from vidcolor.media.output import Writer, verify_any
from vidcolor.media.plan import IMAGE_SEQUENCE, OutputPlan
from vidcolor.media.reader import FilmReader
from vidcolor.media.segments import SegmentFolder
from vidcolor.media.sequence import SequenceReader
from vidcolor.media.verify import VerifyReport
from vidcolor.media.write_report import WriteReport
from vidcolor.media.writer import FilmWriter
from vidcolor.prediction import Prediction
from vidcolor.report import ProgressEvent, ProgressMeter
from vidcolor.source_color import SourceColor, frame_color, kept_chroma
from vidcolor.source_shots import SourceShots
from vidcolor.stages import StageClock, is_stalled, run_stages, sign_of_life
from vidcolor.steadying import Steadying
from vidcolor.temporal.segment_planner import SegmentPlanner
from vidcolor.temporal.shot_list import ListedShot, ShotList, ShotWalk
from vidcolor.temporal.shot_looks import ShotLooks
from vidcolor.temporal.smooth import SmoothedAb
from vidcolor.work import Work

log = logging.getLogger(__name__)

LEAST_COLOR = 0.5
"""Largest |a*| or |b*| of a frame, in CIE units, below which it counts as left without colour."""


def segment_lengths(settings: RunSettings) -> tuple[float, float]:
    """Least and most seconds of a segment."""
    least_s = settings.segments.least_s
    return (min(least_s, WORK_LEAST_S) if settings.keep_work else least_s), settings.segments.most_s


class FilmRun:
    """One film's way through the stages."""

    def __init__(
        self,
        reader: FilmReader | SequenceReader,
        plan: OutputPlan,
        settings: RunSettings,
        colorizer: Colorizer,
        shots: ShotList | None,
        on_progress: Callable[[ProgressEvent], None] | None,
        cancel: threading.Event,
    ) -> None:
        self.reader = reader
        self.listed = ShotWalk(shots) if shots else None
        self.info: MediaInfo = reader.info
        self.plan = plan
        self.target: EncodeTarget = plan.target
        self.settings = settings
        self.colorizer = colorizer
        self.cancel = cancel
        self.clock = StageClock()
        self.progress = ProgressMeter(self.info, settings, on_progress)
        self.frames_without_color = 0
        keeps = {
            SourceColor.TINTED: settings.look.keep_tint,
            SourceColor.COLORED: settings.look.keep_color_shots,
        }
        self.keeps_chroma = any(keeps.values())
        self.source_shots: SourceShots[tuple[Work, SmoothedAb]] = SourceShots(
            {color for color, kept in keeps.items() if kept}
        )
        video = self.info.video
        by_fields = settings.deinterlace == "auto" and not plan.is_scaled
        self.fields = FieldColors(reader.fields if by_fields else None, video.layout.bit_depth)
        self.steadying = Steadying(settings.temporal.radius, video.layout.bit_depth, self.clock)
        self.planner = SegmentPlanner(*segment_lengths(settings))
        self.key_of: Callable[[Sequence[int]], str] = lambda _: ""
        """What a segment's looks and edits are known by, from its frames' pts."""
        self.is_complete = False
        """All segments are there: nothing is left but to join them."""
        self.rendered_again: int | None = None
        """Of an earlier run's segments, those that were; None without an earlier run."""
        self.frames_rendered = 0
        self.cache: AbCacheWriter | None = None
        self.first_frame = 0
        """Of this run; those before it are in finished segments."""
        self.finding = False
        """Frames are decoded only to get to the first of this run."""
        self.first_shot: int | None = None
        """Number of its shot, if that is known from an earlier run."""
        self.grid: NetworkGrid = colorizer.grid(
            video.width, video.height, video.sample_aspect_ratio, video.rotation
        )
        colorizer.compile(self.grid, self.info.frames_from_header)
        self.engine = colorizer.engine(self.grid)
        """What runs the network."""
        self.prediction = Prediction(
            colorizer, self.grid, video.layout.bit_depth, settings.network, self.clock
        )
        self.frames_repeated = self.frames_carried = 0
        """Of the film, those that did not go through the network."""
        self.carried: CarriedColors | None = None
        """Of edits."""
        self.looks = ShotLooks(settings.look, shots)
        # Ready when the network has its first colours.
        threading.Thread(target=self._build_table, name="vidcolor-table", daemon=True).start()
        self.pts = array("q")
        """Of all frames that the decoder yields."""
        self.earlier_pts = array("q")
        """Of those in an earlier run's segments."""
        self.segment_pts: list[int] = []
        self.luma = LumaHashes(changes=bool(self.target.luma_shift) or plan.is_scaled)
        self.written = WriteReport()

    def _build_table(self) -> None:
        with suppress(Exception):  # `renderer` meets it again, where it is told
            ChromaTable.build(self.target.color)

    @functools.cached_property
    def renderer(self) -> ChromaRenderer:
        """From ab to the planes that the encoder gets."""
        return ChromaRenderer(self.target)

    def go_on_after(self, segments: SegmentFolder) -> None:
        """Begin after the segments that an interrupted run has finished."""
        state = segments.finished[-1].state
        self.is_complete = state["is_last"]
        if self.is_complete:
            for name, value in state["read"].items():
                setattr(self.reader.report, name, value)
        for record in segments.finished:
            self.earlier_pts.extend(record.pts)
        self.first_frame, self.first_shot = state["next_frame"], state["shot"]
        self.finding = True
        self.source_shots.restore(state["source_shots"])
        self.frames_without_color = state["frames_without_color"]
        self.frames_repeated = state["frames_repeated"]
        self.frames_carried = state["frames_carried"]
        self.progress.go_on_after(self.first_frame, self.first_shot)
        for record in segments.finished:
            self.luma.restore(record.state)
        log.warning(
            "%s: going on after %d frames of an earlier run", self.info.path, self.first_frame
        )

    def execute(self, writer: Writer) -> VerifyReport:
        """Colour every frame, finish the file and verify it."""
        self.progress.start()
        if self.is_complete:
            self.pts = self.earlier_pts
        else:
            self._color(writer)
        self.written = self.clock.call("join", writer.finish, self._watch_joining)
        self._check_luma()
        self.progress.tell("verify")
        return self.clock.call(
            "verify",
            verify_any,
            self.plan,
            self.written,
            writer,
            self.info,
            self.pts,
            self.luma.encoded if self.plan.is_lossless else None,
            self.watch_verification,
        )

    def _color(self, writer: Writer) -> None:
        """All frames that are in no segment yet."""
        try:
            run_stages(
                self._read(),
                {
                    "network": self.prediction.predict,
                    "chroma": self._render,
                    "writer": lambda works: self._write(works, writer),
                },
                size_of=lambda work: work.nbytes,
                cancel=self.cancel,
                tick=lambda: self.progress.tell("find" if self.finding else "color"),
                stall_s=self.settings.limits.stall_s,
            )
            if self.cancel.is_set():
                raise Interrupted
            last = self._state(len(self.pts), self.progress.shot)
            read = asdict(self.reader.report)
            self._end_segment(writer, last | {"is_last": True, "read": read})
        finally:
            if self.cache is not None and not is_stalled():  # the writer may be stuck in it
                self.cache.abort()

    def watch_recovery(self) -> None:
        """As `watch_verification`, while segments are taken back that were being joined."""
        self._watch("recover")

    def _watch_joining(self) -> None:
        self._watch("join")

    def watch_verification(self) -> None:
        """Show progress; `Interrupted` is raised if the run was cancelled."""
        self._watch("verify")

    def _watch(self, stage: str) -> None:
        if self.cancel.is_set():
            raise Interrupted
        self.progress.tell_if_due(stage)

    def _read(self) -> Iterator[Work]:
        # Frames before the first that have a say in it.
        needed = self.prediction.begin(self.first_frame - self.steadying.overlap[0])
        if isinstance(self.reader, FilmReader):
            self.reader.on_skip = self._skipped
        for frame in self.clock.timed("decode", self.reader):
            self.pts.append(frame.pts)
            listed = self.listed.next(self._time_s(frame)) if self.listed else None
            if frame.index < needed:
                if self.cancel.is_set():
                    return
                continue
            self.finding = False
            yield self.prepared(frame, listed)

    def _skipped(self) -> None:
        """A frame before ``start_s`` was decoded, where there is no seeking."""
        sign_of_life()
        if self.cancel.is_set():
            raise Interrupted

    def prepared(self, frame: Frame, listed: ListedShot | None = None) -> Work:
        """A decoded frame, ready for the network."""
        bits = self.info.video.layout.bit_depth
        full_range = self.target.color.full_range
        pictures = [
            self.clock.call("shrink", self.colorizer.shrink, luma, self.grid, bits, full_range)
            for luma in self.clock.call("shrink", self.fields.moments, frame.luma)
        ]
        small, later = pictures[0], pictures[1] if len(pictures) > 1 else None
        has_chroma = frame.chroma is not None
        color = self.clock.call("shrink", frame_color, frame, bits)
        if not self.keeps_chroma:
            frame.chroma = None  # not needed any more
        return Work(frame, small, has_chroma, color, listed, later=later)

    def _time_s(self, frame: Frame) -> float:
        """From the film's beginning."""
        return frame.time_s - self.info.origin_s

    def _render(self, works: Iterator[Work]) -> Iterable[Work]:
        shots_before: int | None = None
        for work, item in self.steadying.steady(works):
            if work.frame.index < self.first_frame:
                continue
            number = work.listed.number if work.listed else item.shot_index
            if shots_before is None:
                shots_before = 0 if self.first_shot is None else self.first_shot - number
            work.shot, time_s = shots_before + number, self._time_s(work.frame)
            if self.planner.begins_segment(time_s, is_cut=item.is_cut):
                yield from starmap(self._colored, self.source_shots.settle(work.shot))
                work.state = self._state(work.frame.index, work.shot)
            done = self.source_shots.push((work, item), work.shot, work.source, time_s)
            yield from starmap(self._colored, done)
        yield from starmap(self._colored, self.source_shots.flush())

    def _state(self, next_frame: int, shot: int) -> dict[str, Any]:
        """What `go_on_after` needs, when all frames before ``next_frame`` have their chroma."""
        return {
            "next_frame": next_frame,
            "shot": shot,
            "source_shots": self.source_shots.state,
            "frames_without_color": self.frames_without_color,
            "frames_repeated": self.frames_repeated,
            "frames_carried": self.frames_carried,
            "is_last": False,
        }

    def _colored(self, steadied: tuple[Work, SmoothedAb], keeps: bool) -> Work:
        work, item = steadied
        self.frames_repeated += work.ab_from.is_repeat
        self.frames_carried += work.ab_from.link is not None
        work.steps = half_units(item.ab)
        if work.later_ab is not None:
            work.later_steps = half_units(work.later_ab)
        work.keeps = keeps and work.frame.chroma is not None
        if not work.keeps:
            self.frames_without_color += bool(np.abs(item.ab).max() < LEAST_COLOR)
        return self.rendered(work)

    def rendered(self, work: Work) -> Work:
        """With the planes that the encoder gets."""
        assert work.steps is not None
        self.frames_rendered += 1
        luma = self.clock.call("luma", target_luma, work.frame.luma, self.target)
        if work.keeps:
            bits = self.info.video.layout.bit_depth
            cb, cr = self.clock.call("chroma", kept_chroma, work.frame, bits, self.target)
        else:
            ab = self.clock.call("look", self._changed, work.frame, work.small, work.steps)
            later = None
            if work.later is not None and work.later_steps is not None:
                later = self.clock.call(
                    "look", self._changed, work.frame, work.later, work.later_steps
                )
            cb, cr = self.clock.call("chroma", self.fields.chroma, self.renderer, luma, ab, later)
        work.colored = ColoredFrame(work.frame, luma, cb, cr)
        return work

    def _changed(self, frame: Frame, small: SmallPicture, steps: HalfUnits) -> AbPlanes:
        """What the user makes of the automatic colours."""
        ab = from_half_units(steps)
        if self.carried is not None:
            ab = self.carried.apply(frame.pts, ab)
        return mixed(ab, small.lightness, self.looks.at(self._time_s(frame)))

    def _write(self, works: Iterator[Work], writer: Writer) -> Iterable[None]:
        for work in works:
            assert work.colored is not None
            if work.state is not None:
                self._end_segment(writer, work.state)
            self.clock.call("encode", writer.write, work.colored)
            self.segment_pts.append(work.frame.pts)
            self._keep(work, writer)
            self.clock.call("checksum", self.luma.append, work.frame.luma, work.colored.luma)
            self.progress.count(self._time_s(work.frame), work.shot)
            yield None

    def _keep(self, work: Work, writer: Writer) -> None:
        if self.settings.keep_work and isinstance(writer, FilmWriter):
            assert work.steps is not None
            if self.cache is None:
                self.cache = AbCacheWriter(writer.new_cache_path(), writer.output)
            crc = luma_crc(work.small.codes)
            frame = CachedFrame(work.steps, work.keeps, crc, work.later_steps)
            self.clock.call("encode", self.cache.add, frame)

    def _end_segment(self, writer: Writer, state: dict[str, Any]) -> None:
        if self.segment_pts:
            state["changes"] = self.key_of(self.segment_pts)
            self.segment_pts = []
        if self.cache is not None:
            self.cache.finish()
            self.cache = None
        state |= self.luma.take_state()
        self.clock.call("encode", writer.end_segment, state, sign_of_life)

    @property
    def keeps_luma(self) -> bool:
        """Neither scaled nor, in RGB pictures, expanded to the full range."""
        video, target = self.info.video, self.target
        if self.plan.container == IMAGE_SEQUENCE and not target.color.full_range:
            return False
        return (video.width, video.height) == (target.width, target.height)

    def _check_luma(self) -> None:
        """Raise unless every frame's luma entered the encoder as it left the decoder."""
        written = self.written
        if self.keeps_luma and written.luma_identical_frames != written.frames:
            raise VerificationError(
                f"luma was kept in {written.luma_identical_frames} of {written.frames} frames "
                "only; the output was not kept. This is a bug in vidcolor: please report it"
            )
