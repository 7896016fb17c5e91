"""Carries every other stream of the film over, packet for packet.

Note [Pacing]
    The source is opened a second time for this, its film stream discarded in the demuxer.
    Packets are handed to the muxer up to the time that the encoded video has reached, so
    that sound lies beside its picture in the file, the muxer never has to hold much, and a
    subtitle that comes once in ten minutes stalls nobody. With one container for both, the
    decoder's and encoder's delay would decide where the sound goes.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import av
from av.rational import AVRational
from av.stream import Discard, Disposition

from vidcolor.frames import MediaInfo
from vidcolor.media.clock import PacketClock
from vidcolor.media.copied import (
    ChapterMark,
    CopiedStream,
    add_payload,
    chapter_mark,
    codec_name,
    is_event,
    payload_digest,
)
from vidcolor.media.display_sets import JOINED_SUBTITLES, DisplaySets
from vidcolor.media.metadata import clipped_chapters, kept_tags
from vidcolor.media.plan import COVER_MIME_TYPES, IMAGE_SEQUENCE, OutputPlan, StreamPlan
from vidcolor.media.probe import is_cover_art
from vidcolor.media.safety import open_container
from vidcolor.media.subtitles import SubtitleConverter
from vidcolor.media.trial import add_copy, held_language
from vidcolor.media.write_report import WriteReport

SEEK_MARGIN_S = 5
"""How far before the wanted start reading begins: sound lies some way from its picture."""

PRIMING_S = Fraction(1, 20)
"""Hidden sound this little before what is heard is kept: decoders need it, AAC 2112 samples."""

READ_ON_S = 60
"""How far beyond the wanted end reading goes on, for streams that lie behind the others."""

MAX_CONSECUTIVE_FAILURES = 100
"""Reads in a row that may fail before the rest of the source is given up."""


@dataclass(slots=True)
class _Route:
    """From a stream of the source to one of the output."""

    copied: CopiedStream
    output: Any
    converter: SubtitleConverter | None = None
    last_dts: int | None = None
    first_key: int | None = None
    """Time of the key frame with which a part of a second film begins."""
    held: list[Any] = field(default_factory=list)
    """Packets from that key frame on, until the part is reached."""
    has_begun: bool = False
    hidden: list[Any] = field(default_factory=list)
    """Packets of sound that are not heard, as long as what follows may need them."""
    sets: DisplaySets | None = None
    """Gathers subtitles that come in parts."""


class StreamCopier:
    """Reads the source's other streams and feeds them to an output container.

    Parameters
    ----------
    source:
        The film; of an image sequence nothing is opened.
    plan:
        Which streams are copied, converted or dropped.
    out:
        The output container, its header not yet written.
    start_s, duration_s:
        Packets outside [start, start + duration) are left out; 0 and None keep everything.
    """

    def __init__(
        self,
        source: MediaInfo,
        plan: OutputPlan,
        out: Any,
        *,
        start_s: float = 0.0,
        duration_s: float | None = None,
    ) -> None:
        self._muxer = plan.container
        self._out = out
        origin = Fraction(source.origin_s)
        self._start = origin + Fraction(start_s) if start_s else None
        self._end = None if duration_s is None else origin + Fraction(start_s + duration_s)
        self._path = source.path
        self._film = source.video.index
        self._routes: dict[int, _Route] = {}
        self._waiting: Any = None
        self._packets: Iterator[Any] | None = None
        self.chapters = 0
        """Chapters handed to the output."""
        self.pictures_and_files = 0
        """Covers and attachments given to the output."""
        self.chapter_marks: tuple[ChapterMark, ...] = ()
        """What they were."""
        self.files: list[bytes] = []
        """Digests of attachments, and of covers that become such."""
        self.read_failures = 0
        """Places where the source could not be read."""
        self.gave_up = False
        """Whether reading ended before the source did, after too many failures."""
        self._clock = PacketClock(source.video.index, _frame_s(source))
        self._input: Any = None
        if source.container != IMAGE_SEQUENCE:
            self._input = open_container(source.path)

    @property
    def copied(self) -> tuple[CopiedStream, ...]:
        """What was carried over, stream by stream."""
        return tuple(route.copied for route in self._routes.values())

    def video_tags(self, index: int) -> dict[str, str]:
        """Tags of the film stream that stay true; empty for an image sequence."""
        if self._input is None:
            return {}
        tags = kept_tags(self._input.streams[index].metadata, without=("alpha_mode",))
        return _with_language(tags, self._muxer)

    def video_disposition(self, index: int) -> int:
        """Disposition of the film stream in the source."""
        return 0 if self._input is None else int(self._input.streams[index].disposition)

    def add_file_facts(self) -> None:
        """Give the output the source's tags and chapters."""
        if self._input is None:
            return
        self._out.metadata.update(kept_tags(self._input.metadata))
        chapters = clipped_chapters(self._input.chapters(), self._start, self._end)
        self._out.set_chapters(chapters)
        self.chapters = len(chapters)
        self.chapter_marks = tuple(map(chapter_mark, chapters))

    def add_stream(self, plan: StreamPlan) -> None:
        """Make the output stream that ``plan`` asks for, if any."""
        if plan.action == "drop":
            return
        template = self._input.streams[plan.index]
        converter = None
        if plan.action == "convert":
            if plan.kind != "subtitle":  # the muxer writes these itself
                return
            converter = SubtitleConverter(template, self._out, self._muxer)
            stream = converter.stream
        elif is_cover_art(template) and self._muxer == "matroska":
            self._attach_cover(template)
            self.pictures_and_files += 1
            return
        else:
            stream = add_copy(self._out, template)
        stream.metadata.update(_with_language(kept_tags(template.metadata), self._muxer))
        cover = is_cover_art(template)
        # MP4's muxer takes a stream for a cover only if it is nothing else.
        stream.disposition = Disposition.attached_pic if cover else template.disposition
        if plan.kind != "attachment":  # those lie in the header already
            copied = CopiedStream(
                plan.index,
                stream.index,
                plan.kind,
                codec_name(stream),
                stream.metadata.get("language"),
                stream.metadata.get("title"),
                int(stream.disposition),
                expected_end_s=self._expected_end_s(template),
                converted=converter is not None,
                is_cover=cover,
            )
            self._routes[plan.index] = _Route(copied, stream, converter)
            if converter is None and copied.codec in JOINED_SUBTITLES:
                self._routes[plan.index].sets = DisplaySets()
        else:
            self.files.append(payload_digest(template.data))
        self.pictures_and_files += cover or plan.kind == "attachment"

    def advance(self, limit: Fraction | None) -> None:
        """Mux every packet up to time ``limit`` in seconds; None is to the end.

        The header must have been written.
        """
        if self._packets is None:
            self._packets = self._read()
        while (packet := self._waiting or next(self._packets, None)) is not None:
            self._waiting = packet
            if limit is not None and _time(packet) > limit:
                return
            self._waiting = None
            self._carry(packet)

    def fill_in(self, report: WriteReport) -> None:
        """Say in ``report`` what was carried over."""
        report.streams, report.chapters = self.copied, self.chapters
        report.pictures_and_files = self.pictures_and_files
        report.chapter_marks = self.chapter_marks
        report.file_digests = tuple(self.files)
        report.read_failures, report.gave_up = self.read_failures, self.gave_up

    def close(self) -> None:
        """Close the second container; safe to call twice."""
        if self._input is not None:
            self._input.close()
            self._input = None
            self._packets = iter(())

    def _read(self) -> Iterator[Any]:
        """The source's packets of the wanted streams and time, in file order."""
        if not self._routes or self._input is None:
            return
        # MP4's clock cannot be set back, and there a stream that is left out need not be read.
        watched = -1 if self._input.format.name.startswith("mov") else self._film
        for stream in self._input.streams:
            if stream.index not in self._routes and stream.index != watched:
                stream.discard = Discard.all
        if self._start is not None:
            with contextlib.suppress(av.FFmpegError):  # then it is read from the beginning
                target = max(Fraction(0), self._start - SEEK_MARGIN_S)
                self._input.seek(int(target * av.time_base))
        for packet in self._on_one_clock():
            route = self._routes.get(packet.stream_index)
            if route is None:
                continue
            if self._end is not None and _time(packet) > self._end + READ_ON_S:
                break
            if route.copied.is_cover:
                yield packet
            elif route.copied.kind == "video":
                yield from self._wanted_pictures(route, packet)
            elif route.sets is not None:
                yield from self._wanted_set(route, *route.sets.push(packet))
            elif self._is_wanted(packet):
                hides = self._muxer == "matroska" and route.copied.kind == "audio"
                yield from _heard(route, packet) if hides else (packet,)
        for route in self._routes.values():
            route.copied.hidden += len(route.hidden)
            if route.sets is not None:
                self._wanted_set(route, [], route.sets.flush())

    def _on_one_clock(self) -> Iterator[Any]:
        """All packets, without the ends of streams, see Note [One clock for picture and sound]."""
        for packet in self._demuxed():
            if packet.size:
                yield from self._clock.push(packet)
        yield from self._clock.flush()

    def _demuxed(self) -> Iterator[Any]:
        """All packets that can be read; a damaged place is counted and gone beyond."""
        failures_in_a_row = 0
        while failures_in_a_row < MAX_CONSECUTIVE_FAILURES:
            try:
                for packet in self._input.demux():
                    failures_in_a_row = 0
                    yield packet
                return
            except IndexError:  # PyAV's, at the end, for a stream that has appeared late
                return
            except av.FFmpegError:
                self.read_failures += 1
                failures_in_a_row += 1
        self.gave_up = True

    def _expected_end_s(self, template: Any) -> float | None:
        """When a stream ends by its header; None for a part, or if the header does not say."""
        kinds = ("audio", "video")
        if self._end is not None or not template.duration or template.type not in kinds:
            return None
        if not self._input.format.name.startswith(("mov", "matroska", "mxf", "asf")):
            return None  # libav guesses
        end = (template.duration + (template.start_time or 0)) * template.time_base
        return float(end) if self._start is None or end > self._start else None

    def _is_wanted(self, packet: Any) -> bool:
        """Whether a packet is shown or heard within the part."""
        time = _shown(packet) * packet.time_base
        after_start = self._start is None or time >= self._start
        return after_start and (self._end is None or time < self._end)

    def _wanted_set(self, route: _Route, whole: list[Any], lost: list[Any]) -> list[Any]:
        """The packets of a subtitle, all or none; those of incomplete ones are counted."""
        route.copied.incomplete += sum(map(self._is_wanted, lost))
        return whole if whole and self._is_wanted(whole[0]) else []

    def _wanted_pictures(self, route: _Route, packet: Any) -> list[Any]:
        """The packets of a second film that may now go on.

        Everything that is kept can be decoded: the part begins with the last key frame before
        its start, or the first after it, and ends by decoding times.
        """
        if self._end is not None and _time(packet) >= self._end:
            return []
        if self._start is None:
            return [packet]
        shown = _shown(packet)
        if not route.has_begun:
            if packet.is_keyframe:
                route.first_key, route.held = shown, []
            route.held.append(packet)
            if route.first_key is None or shown * packet.time_base < self._start:
                return []
            route.has_begun = True
        ready = [*route.held, packet] if not route.held else route.held
        route.held = []
        # Frames after the key frame that are shown before it need what was left out.
        return [each for each in ready if _shown(each) >= (route.first_key or 0)]

    def _carry(self, packet: Any) -> None:
        route = self._routes[packet.stream_index]
        if route.converter is not None:
            packet = route.converter.convert(packet)
            route.copied.undecodable = route.converter.undecodable
            if packet is None:
                return
        packet.stream = route.output
        if route.copied.is_cover:  # it comes without a time
            packet.pts = packet.dts = 0
        packet.rescale_ts(AVRational(route.output.time_base))
        self._repair_times(route, packet)
        copied = route.copied
        copied.is_empty = False
        copied.packets += is_event(packet, copied.codec)
        add_payload(copied.digest, packet, copied.codec)
        if copied.kind == "audio":
            copied.times_s.append(float(packet.pts * packet.time_base))
        end = (packet.pts + (packet.duration or 0)) * packet.time_base
        copied.end_s = max(copied.end_s, float(end))
        self._out.mux(packet)

    def _repair_times(self, route: _Route, packet: Any) -> None:
        """Make decoding times run forwards, as every muxer demands."""
        last = route.last_dts
        dts = packet.dts if packet.dts is not None else packet.pts
        # Matroska and all subtitles may have two packets at the same time.
        step = 0 if self._muxer == "matroska" or route.copied.kind == "subtitle" else 1
        if dts is None or (last is not None and dts < last + step):
            dts = 0 if last is None else last + step
            route.copied.repaired_dts += 1
        packet.dts = route.last_dts = dts
        packet.pts = dts if packet.pts is None else max(packet.pts, dts)

    def _attach_cover(self, template: Any) -> None:
        """Matroska keeps pictures as attachments; their bytes must be there with the header."""
        name = template.codec_context.name
        suffix = {"mjpeg": "jpg"}.get(name, name)
        payload = b""
        with open_container(self._path) as container:
            for packet in container.demux(container.streams[template.index]):
                if packet.size:
                    payload = bytes(packet)
                    break
        tags = {key.lower(): value for key, value in template.metadata.items()}
        self.files.append(payload_digest(payload))
        attachment = self._out.add_attachment(
            tags.get("filename", f"cover.{suffix}"),
            tags.get("mimetype", COVER_MIME_TYPES[name]),
            payload,
        )
        if "title" in tags:
            attachment.metadata["title"] = tags["title"]


def _heard(route: _Route, packet: Any) -> list[Any]:
    """The packets of sound that go into Matroska, which has no edit list that hides any."""
    first = _shown(packet) * packet.time_base - PRIMING_S
    needed = [each for each in route.hidden if _shown(each) * each.time_base >= first]
    route.copied.hidden += len(route.hidden) - len(needed)
    if packet.is_discard:
        route.hidden = [*needed, packet]
        return []
    route.hidden = []
    return [*needed, packet]


def _with_language(tags: dict[str, str], muxer: str) -> dict[str, str]:
    """``tags`` with the language under the code that ``muxer`` keeps, or without it."""
    language = tags.pop("language", None)
    held = None if language is None else held_language(muxer, language)
    return tags if held is None else {**tags, "language": held}


def _frame_s(source: MediaInfo) -> Fraction:
    """How long a frame usually lasts."""
    rate = source.video.average_rate
    return 1 / rate if rate else source.video.time_base


def _shown(packet: Any) -> int:
    """Presentation time of a packet in its own ticks."""
    return int(packet.pts if packet.pts is not None else packet.dts or 0)


def _time(packet: Any) -> Fraction:
    """Decoding time of a packet in seconds."""
    ticks = packet.dts if packet.dts is not None else packet.pts
    return Fraction(0) if ticks is None else ticks * packet.time_base
