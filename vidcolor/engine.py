"""Colours a film: reader → network → smoothing and chroma → writer, all at once.

The luma planes go straight from the decoder to the encoder. Beside them runs a small picture,
about 256 pixels on its short side, from which the network predicts ab; ab is steadied along
motion and then turned into the two chroma planes.
"""

from __future__ import annotations

import threading
import time
from array import array
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from vidcolor.color import ChromaRenderer
from vidcolor.colorizer import AbPlanes, Colorizer, NetworkGrid, SmallPicture
from vidcolor.config import RunSettings
from vidcolor.errors import Interrupted, VerificationError
from vidcolor.frames import ColoredFrame, EncodeTarget, Frame, MediaInfo
from vidcolor.look import Look
from vidcolor.luma import luma_crc, target_luma
from vidcolor.media.output import Writer, open_writer, plan_any, verify_any
from vidcolor.media.plan import IMAGE_SEQUENCE, OutputPlan, default_output
from vidcolor.media.reader import FilmReader
from vidcolor.media.sequence import SequenceReader, open_source
from vidcolor.media.verify import VerifyReport
from vidcolor.media.writer import WriteReport
from vidcolor.report import ProgressEvent, ProgressMeter, RunReport, read_notices
from vidcolor.source_color import FrameColor, SourceColor, frame_color, kept_chroma
from vidcolor.source_shots import SourceShots
from vidcolor.stages import StageClock, run_stages
from vidcolor.temporal.shot_list import ListedShot, ShotList, ShotWalk, read_list_of
from vidcolor.temporal.smooth import SmoothedAb, TemporalSmoother

LEAST_COLOR = 0.5
"""Largest |a*| or |b*| of a frame, in CIE units, below which it counts as left without colour."""

BATCH_LIMIT_BYTES = 256 * 2**20
"""Frames that wait for the network's batch to fill up keep no more memory than this."""


@dataclass(slots=True)
class _Work:
    """A frame on its way, with what has been found out about it so far."""

    frame: Frame
    small: SmallPicture
    has_chroma: bool
    source: FrameColor
    """What the decoded chroma holds."""
    listed: ListedShot | None = None
    """By the shot list, if there is one."""
    ab: AbPlanes | None = None
    shot: int = 0
    colored: ColoredFrame | None = None

    @property
    def nbytes(self) -> int:
        # The decoder's chroma planes stay alive with its luma: at most twice more (4:4:4).
        planes = self.frame.luma.nbytes * (3 if self.has_chroma else 1)
        if self.colored is not None:
            planes += self.colored.cb.nbytes + self.colored.cr.nbytes
        return planes + self.small.lightness.nbytes


def color_film(
    source: str | Path,
    output: str | Path | None = None,
    settings: RunSettings | None = None,
    *,
    on_progress: Callable[[ProgressEvent], None] | None = None,
    cancel: threading.Event | None = None,
    rate: str | None = None,
    colorizer: Colorizer | None = None,
) -> RunReport:
    """Colour one film.

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

    Returns
    -------
    RunReport
        After the output has been verified and renamed to its final name.

    Raises
    ------
    VidcolorError
        One of its subclasses; nothing is then left under the output's name, the source is
        untouched.
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
        run = _FilmRun(reader, plan, settings, colorizer, shots, on_progress, cancel)
        with open_writer(reader.info, target_path, plan, settings) as writer:
            verification = run.execute(writer)
            if cancel.is_set():
                raise Interrupted
            writer.commit()
    return run.report(target_path, verification, time.perf_counter() - begin)


class _FilmRun:
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
        self.source_shots: SourceShots[tuple[_Work, SmoothedAb]] = SourceShots(
            {color for color, kept in keeps.items() if kept}
        )
        video = self.info.video
        self.grid: NetworkGrid = colorizer.grid(
            video.width, video.height, video.sample_aspect_ratio, video.rotation
        )
        self.look = Look.from_settings(settings.look)
        self.renderer = ChromaRenderer(self.target)
        self.pts = array("q")
        self.luma_crcs = array("L") if plan.is_lossless else None
        self.written = WriteReport()

    def execute(self, writer: Writer) -> VerifyReport:
        """Colour every frame, finish the file and verify it."""
        self.progress.start()
        run_stages(
            self._read(),
            {
                "network": self._predict,
                "chroma": self._render,
                "writer": lambda works: self._write(works, writer),
            },
            size_of=lambda work: work.nbytes,
            cancel=self.cancel,
            tick=lambda: self.progress.tell("color"),
        )
        if self.cancel.is_set():
            raise Interrupted
        self.written = self.clock.call("encode", writer.finish)
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
            self.luma_crcs,
            self._watch_verification,
        )

    def _watch_verification(self) -> None:
        if self.cancel.is_set():
            raise Interrupted
        self.progress.tell_if_due("verify")

    def _read(self) -> Iterator[_Work]:
        video = self.info.video
        full_range = self.target.color.full_range
        for frame in self.clock.timed("decode", self.reader):
            small = self.clock.call(
                "shrink",
                self.colorizer.shrink,
                frame.luma,
                self.grid,
                video.layout.bit_depth,
                full_range,
            )
            has_chroma = frame.chroma is not None
            color = self.clock.call("shrink", frame_color, frame, video.layout.bit_depth)
            if not self.keeps_chroma:
                frame.chroma = None  # not needed any more
            self.pts.append(frame.pts)
            listed = self.listed.next(self._time_s(frame)) if self.listed else None
            yield _Work(frame, small, has_chroma, color, listed)

    def _time_s(self, frame: Frame) -> float:
        """From the film's beginning."""
        return frame.time_s - self.info.origin_s

    def _predict(self, works: Iterator[_Work]) -> Iterable[_Work]:
        size = self.colorizer.fix_batch(self.grid)
        batch: list[_Work] = []
        for work in works:
            batch.append(work)
            if len(batch) == size or sum(w.nbytes for w in batch) > BATCH_LIMIT_BYTES:
                yield from self._predict_batch(batch)
                batch = []
        if batch:
            yield from self._predict_batch(batch)

    def _predict_batch(self, batch: list[_Work]) -> list[_Work]:
        predicted = self.clock.call(
            "network",
            self.colorizer.predict,
            [work.small.lightness for work in batch],
            self.grid.quarter_turns,
        )
        for work, ab in zip(batch, predicted, strict=True):
            work.ab = ab
        return batch

    def _render(self, works: Iterator[_Work]) -> Iterable[_Work]:
        for work, item in self._steadied(works):
            work.shot = work.listed.number if work.listed else item.shot_index
            for decided, keeps in self.source_shots.push(
                (work, item), work.shot, work.source, self._time_s(work.frame)
            ):
                yield self._colored(*decided, keeps)
        for decided, keeps in self.source_shots.flush():
            yield self._colored(*decided, keeps)

    def _steadied(self, works: Iterator[_Work]) -> Iterator[tuple[_Work, SmoothedAb]]:
        smoother = TemporalSmoother(self.settings.temporal.radius)
        bits = self.info.video.layout.bit_depth
        waiting: dict[int, _Work] = {}
        for index, work in enumerate(works):
            waiting[index] = work
            is_cut = work.listed.is_cut if work.listed else None
            steadied = self.clock.call(
                "temporal", smoother.push, index, work.small.luma_u8(bits), work.ab, is_cut
            )
            for item in steadied:
                yield waiting.pop(item.index), item
        for item in self.clock.call("temporal", smoother.flush):
            yield waiting.pop(item.index), item
        if waiting:
            raise RuntimeError(f"{len(waiting)} frames were lost while smoothing")

    def _colored(self, work: _Work, item: SmoothedAb, keeps: bool) -> _Work:
        luma = self.clock.call("luma", target_luma, work.frame.luma, self.target)
        if keeps and work.frame.chroma is not None:
            bits = self.info.video.layout.bit_depth
            cb, cr = self.clock.call("chroma", kept_chroma, work.frame, bits, self.target)
        else:
            self.frames_without_color += bool(np.abs(item.ab).max() < LEAST_COLOR)
            cb, cr = self.clock.call("chroma", self.renderer.render, luma, self.look.apply(item.ab))
        work.colored = ColoredFrame(work.frame, luma, cb, cr)
        return work

    def _write(self, works: Iterator[_Work], writer: Writer) -> Iterable[None]:
        for work in works:
            assert work.colored is not None
            self.clock.call("encode", writer.write, work.colored)
            if self.luma_crcs is not None:
                self.luma_crcs.append(self.clock.call("checksum", luma_crc, work.colored.luma))
            self.progress.count(self._time_s(work.frame), work.shot)
            yield None

    @property
    def _keeps_luma(self) -> bool:
        """Neither scaled nor, in RGB pictures, expanded to the full range."""
        video, target = self.info.video, self.target
        if self.plan.container == IMAGE_SEQUENCE and not target.color.full_range:
            return False
        return (video.width, video.height) == (target.width, target.height)

    def _check_luma(self) -> None:
        """Raise unless every frame's luma entered the encoder as it left the decoder."""
        written = self.written
        if self._keeps_luma and written.luma_identical_frames != written.frames:
            raise VerificationError(
                f"luma was kept in {written.luma_identical_frames} of {written.frames} frames "
                "only; the output was not kept. This is a bug in vidcolor: please report it"
            )

    def _color_notices(self) -> list[str]:
        notices = self.source_shots.notices()
        if self.listed is not None:
            notices += self.listed.notices()
        if self.frames_without_color and self.look.strength:
            notices.append(
                f"{self.frames_without_color} of {self.progress.frames_written} frames "
                "were left without colour by the network"
            )
        if self.colorizer.halvings:
            notices.append(
                f"the device ran out of memory: the batch was halved {self.colorizer.halvings} "
                "times"
            )
        return notices

    def report(self, output: Path, verification: VerifyReport, wall_s: float) -> RunReport:
        """Everything that was counted."""
        frames = max(1, self.progress.frames_written)
        read = self.reader.report
        return RunReport(
            source=self.info.path,
            output=str(output),
            preset=self.settings.preset,
            checkpoint=self.colorizer.info.name,
            checkpoint_licence=self.colorizer.info.licence,
            device=str(self.colorizer.device),
            precision=self.colorizer.precision,
            frames_in=read.frames,
            frames_out=verification.frames,
            luma_identical=self.written.luma_identical_frames if self._keeps_luma else 0,
            undecodable_packets=read.undecodable_packets,
            shots=self.progress.shot + 1 if self.progress.frames_written else 0,
            codec=self.plan.codec,
            width=self.target.width,
            height=self.target.height,
            bit_depth=self.target.layout.bit_depth,
            streams=[
                {"index": s.index, "kind": s.kind, "action": s.action, "reason": s.reason}
                for s in self.plan.streams
            ],
            notices=[
                *self.info.notices,
                *self.plan.notices,
                *self._color_notices(),
                *read_notices(read),
                *self.written.notices(),
            ],
            stage_ms={name: 1000 * s / frames for name, s in self.clock.seconds.items()},
            wall_s=wall_s,
            fps=self.progress.frames_written / wall_s,
            verification=verification,
        )
