"""What a writer put into its output."""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field
from fractions import Fraction

from vidcolor.media.copied import ChapterMark, CopiedStream


@dataclass(slots=True)
class WriteReport:
    """What went into the file."""

    frames: int = 0
    luma_identical_frames: int = 0
    """Frames whose luma entered the encoder as it left the decoder (shifted, if planned)."""
    time_base: Fraction = Fraction(1)
    """Of ``pts``: the source's."""
    pts: array[int] = field(default_factory=lambda: array("q"))
    """Presentation times of all frames as given to the encoder."""
    end_pts: int = 0
    """When the last frame ends; when it begins, if its duration is unknown."""
    video_bytes: int = 0
    streams: tuple[CopiedStream, ...] = ()
    """What was carried over, stream by stream."""
    chapters: int = 0
    chapter_marks: tuple[ChapterMark, ...] = ()
    """What these were."""
    pictures_and_files: int = 0
    """Covers and attachments in the file."""
    file_digests: tuple[bytes, ...] = ()
    """BLAKE2b of each of those that Matroska keeps as attachment."""
    read_failures: int = 0
    """Places where the other streams could not be read."""
    gave_up: bool = False
    """Whether the rest of the other streams was given up after too many of these."""

    lacks_provenance: bool = False
    """The file does not say who made its colours."""

    @property
    def end_s(self) -> float:
        """``end_pts`` in seconds."""
        return float(self.end_pts * self.time_base)

    @property
    def first_pts(self) -> int | None:
        """Presentation time of the first frame."""
        return self.pts[0] if self.pts else None

    @property
    def last_pts(self) -> int | None:
        """Presentation time of the last frame."""
        return self.pts[-1] if self.pts else None

    @property
    def repaired_dts(self) -> int:
        """Packets of all copied streams whose decoding time had to be moved."""
        return sum(stream.repaired_dts for stream in self.streams)

    def notices(self) -> list[str]:
        """What of the other streams was lost or changed, one line each."""
        lines = [line for stream in self.streams for line in stream.notices()]
        if self.read_failures:
            lines.append(
                f"sound and other streams: the source could not be read in {self.read_failures} "
                "places, what lay there is missing"
            )
        if self.gave_up:
            lines.append("sound and other streams: the rest of the source could not be read")
        if self.lacks_provenance:
            lines.append("the file does not say who made its colours: its layout is unusual")
        return lines
