"""Small value types that carry what belongs together.

Time is always an integer pts with its time base (`fractions.Fraction` seconds per tick).
Luma and chroma are code values as stored in the file: uint8 for 8 bits, uint16 above.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

Plane = npt.NDArray[np.uint8] | npt.NDArray[np.uint16]
"""One plane of code values, shape (H, W)."""

FieldOrder = Literal["tff", "bff"]
"""Which of a frame's two fields is shown first: top, lines 0, 2 …, or bottom, lines 1, 3 …."""

UNSPECIFIED = 2
"""H.273's code point for "unspecified", shared by matrix, primaries and transfer."""


@dataclass(frozen=True, slots=True)
class ColorTags:
    """How code values are to be read. Numbers are code points of ITU-T H.273."""

    matrix: int
    """MatrixCoefficients: 1 = BT.709, 5 and 6 = BT.601, 9 = BT.2020 non-constant luminance."""
    primaries: int
    """ColourPrimaries: 1 = BT.709, 5 = BT.601 625, 6 = BT.601 525, 9 = BT.2020."""
    transfer: int
    """TransferCharacteristics: 1, 6, 14, 15 = SDR video, 16 = PQ, 18 = HLG."""
    full_range: bool
    """True for 0…255 (JPEG) luma, False for 16…235 (video)."""
    chroma_location: int = 0
    """libavutil's AVChromaLocation: 0 unspecified, 1 left, 2 center, 3 topleft."""
    guessed: tuple[str, ...] = ()
    """Names of the fields above that the file leaves unspecified and that we chose."""


@dataclass(frozen=True, slots=True)
class PixelLayout:
    """What a libav pixel format means for us."""

    name: str
    """libav's name, such as ``yuv420p10le``."""
    bit_depth: int
    """Significant bits of a luma sample, 8…16."""
    subsampling: tuple[int, int] | None
    """log2 of the horizontal and vertical chroma subsampling; None for gray and RGB."""
    is_rgb: bool = False
    """RGB or palette: Y′ must be computed, there is no luma plane to keep."""
    has_alpha: bool = False


@dataclass(frozen=True, slots=True)
class StreamInfo:
    """One stream of the source, as its header describes it."""

    index: int
    kind: str
    """``video``, ``audio``, ``subtitle``, ``data`` or ``attachment``."""
    codec: str
    """libav's decoder name, or ``unknown``."""
    language: str | None = None
    title: str | None = None
    dispositions: tuple[str, ...] = ()
    is_cover_art: bool = False
    detail: str = ""
    """One human-readable phrase: ``48000 Hz stereo``, ``640×360 yuv420p`` …"""


@dataclass(frozen=True, slots=True)
class VideoInfo:
    """The video stream that is to be coloured."""

    index: int
    """Stream index in its container; 0 for an image sequence."""
    codec: str
    width: int
    height: int
    layout: PixelLayout
    color: ColorTags
    time_base: Fraction
    sample_aspect_ratio: Fraction = Fraction(1)
    rotation: int = 0
    """Display rotation in degrees, counter-clockwise."""
    mirrored: bool = False
    """Whether left and right are exchanged after the rotation."""
    average_rate: Fraction | None = None
    """Frames per second from the header; a hint, never used for timing."""
    num_frames_from_header: int | None = None
    duration_from_header_s: float | None = None
    start_pts: int | None = None
    field_order: str = "progressive"

    @property
    def display_size(self) -> tuple[int, int]:
        """(width, height) in square pixels after rotation, rounded."""
        width = max(1, round(self.width * self.sample_aspect_ratio))
        return (self.height, width) if self.rotation % 180 else (width, self.height)

    @property
    def quarter_turns(self) -> int:
        """Counter-clockwise quarter turns, 0…3, that bring a stored picture upright."""
        return round(self.rotation / 90) % 4

    def upright(self, stored: npt.NDArray[Any], rows: int = 0) -> npt.NDArray[Any]:
        """A stored picture as it is to be shown: turned, then mirrored; a view of it.

        Parameters
        ----------
        rows:
            The axis of the rows; the columns follow. 0 for (H, W, …), 1 for planes (N, H, W).
        """
        turned = np.rot90(stored, self.quarter_turns, axes=(rows, rows + 1))
        return np.flip(turned, rows + 1) if self.mirrored else turned

    def as_stored(self, upright: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """The inverse of `upright` for (H, W, …)."""
        return np.rot90(np.fliplr(upright) if self.mirrored else upright, -self.quarter_turns)


@dataclass(frozen=True, slots=True)
class MediaInfo:
    """What is in a file, before any frame is coloured."""

    path: str
    """Path as given; for an image sequence its pattern."""
    container: str
    """libav's demuxer name, such as ``mov,mp4,m4a,3gp,3g2,mj2``; ``image sequence``."""
    video: VideoInfo
    streams: tuple[StreamInfo, ...] = ()
    num_chapters: int = 0
    metadata: dict[str, str] = field(default_factory=dict)
    duration_from_header_s: float | None = None
    origin_s: float = 0.0
    """Presentation time at which the container starts (broadcast recordings seldom start at 0);
    ``start_s`` of a run counts from here."""
    size_bytes: int = 0
    notices: tuple[str, ...] = ()
    """What the user should know: guesses, odd tags."""

    @property
    def frames_from_header(self) -> int | None:
        """How many frames the film has by its header's count, or by length and rate."""
        video = self.video
        seconds = video.duration_from_header_s or self.duration_from_header_s
        if video.num_frames_from_header is None and seconds and video.average_rate:
            return round(seconds * video.average_rate)
        return video.num_frames_from_header


@dataclass(frozen=True, slots=True)
class FieldReport:
    """What a film's marks and samples of its frames say about fields."""

    marked: FieldOrder | None = None
    """By the container, the stream or single frames; None is progressive or nothing."""
    frames_marked: bool = False
    """Whether frames themselves are marked."""
    found: FieldOrder | None = None
    """By their combs, if there are enough of them."""
    pulldown: Literal["hard", "soft"] | None = None
    """3:2 pulldown of 24 frames per second: in the fields, or only in the frames' times."""
    sampled: int = 0
    """Frames that were looked at."""
    combed: int = 0
    """Of these, frames whose fields show two moments, by FFmpeg's idet."""

    @property
    def order(self) -> FieldOrder | None:
        """Which field comes first in time, if frames hold two moments; what is seen counts more
        than what is marked."""
        return self.found or self.marked


@dataclass(slots=True)
class Frame:
    """A decoded frame: the luma plane, when it is shown, and what it came with.

    ``luma`` may be a view of the decoder's memory; treat it as read-only.
    """

    index: int
    """0-based count of frames out of the decoder."""
    luma: Plane
    """(H, W) code values, the decoder's own, to the bit."""
    pts: int
    time_base: Fraction
    duration: int = 0
    """In ticks of ``time_base``; 0 when unknown."""
    chroma: tuple[Plane, Plane] | None = None
    """The source's (Cb, Cr), if any: to notice colours and tints, and to keep them if asked."""
    alpha: Plane | None = None

    def __post_init__(self) -> None:
        if self.luma.ndim != 2 or self.luma.dtype not in (np.uint8, np.uint16):
            raise ValueError(f"luma must be (H, W) uint8 or uint16: {self!r}")
        if self.time_base <= 0:
            raise ValueError(f"time_base must be positive: {self!r}")

    def __repr__(self) -> str:
        return (
            f"Frame(index={self.index}, luma={self.luma.dtype}{self.luma.shape}, "
            f"pts={self.pts}×{self.time_base})"
        )

    @property
    def time_s(self) -> float:
        """Presentation time in seconds, rounded to a float."""
        return float(self.pts * self.time_base)


@dataclass(slots=True)
class ColoredFrame:
    """A frame ready for the encoder, in the layout of its `EncodeTarget`."""

    source: Frame
    """Where it came from; its pts and duration are the output's."""
    luma: Plane
    """``source.luma`` itself, unless the target shifts or scales it."""
    cb: Plane
    cr: Plane

    def __post_init__(self) -> None:
        if self.cb.shape != self.cr.shape or self.cb.dtype != self.luma.dtype:
            raise ValueError(
                f"chroma must match: luma {self.luma.dtype}{self.luma.shape}, "
                f"cb {self.cb.dtype}{self.cb.shape}, cr {self.cr.dtype}{self.cr.shape}"
            )


@dataclass(frozen=True, slots=True)
class EncodeTarget:
    """The picture that the encoder receives."""

    width: int
    height: int
    layout: PixelLayout
    color: ColorTags
    """Tags written to the output; what was unspecified is decided here."""
    luma_shift: int = 0
    """Left shift of each luma sample (8 → 10 bits is 2, exactly invertible)."""

    @property
    def chroma_size(self) -> tuple[int, int]:
        """(width, height) of each chroma plane."""
        assert self.layout.subsampling is not None
        sx, sy = self.layout.subsampling
        return -(-self.width >> sx), -(-self.height >> sy)
