"""Opens containers that strangers made: local regular files only, known demuxers only.

Note [Safe opening]
    libav happily follows a playlist to other files and hosts, and recognises one by its
    content whatever its name is: a text file called ``film.mp4`` opens as ``concat`` or ``hls``
    and reads what it names. Four fences keep that out. The path must be an existing regular
    file, and is handed over absolute, so that no part of it reads as a protocol. Its first
    bytes must not be those of a playlist. libav may use the ``file`` protocol only, and only
    the demuxers in `DEMUXERS`, none of which opens a second file by itself. External tracks of
    QuickTime files (``enable_drefs``) stay off.
"""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import av

from vidcolor.config import Limits
from vidcolor.errors import (
    EmptyInputError,
    InputError,
    InputIsDirectoryError,
    InputLimitError,
    InputNotFoundError,
    NotMediaError,
    RemoteInputError,
    TruncatedInputError,
    UnsafeInputError,
)
from vidcolor.media.extent import missing_bytes

VIDEO_DEMUXERS = (
    *("mov", "matroska", "avi", "mxf", "mpegts", "mpeg", "mpegvideo", "flv", "asf", "ogg"),
    *("nut", "ivf", "obu", "gxf", "dv", "yuv4mpegpipe", "h264", "hevc", "m4v", "mjpeg", "gif"),
)
"""libav's demuxers for films that vidcolor opens."""

AUDIO_DEMUXERS = ("wav", "mp3", "flac", "aac", "aiff")
"""Demuxers that are opened only to say clearly that a file has sound and no picture."""

DEMUXERS = VIDEO_DEMUXERS + AUDIO_DEMUXERS
"""All demuxers that may be used; see Note [Safe opening]."""

SNIFF_BYTES = 4096
"""How much of a file is looked at for the marks of playlists."""

MICROSECONDS = 1_000_000
"""libav's AV_TIME_BASE: container times are in these units."""

MAX_TEXT_LENGTH = 4096
"""Longest metadata value that is kept; the rest is cut off."""

LATE_STREAM_OPTIONS = {"probesize": str(64 << 20), "analyzeduration": "600000000"}
"""How far libav looks for streams in a program stream (MPEG-PS, VOB), which has no list of them:
each is known from its first packet on. 64 MiB are a minute of DVD and take 0.1 s; 600 s, in
microseconds, is more than they hold. The defaults are 5 MB and 5 s."""

_PROTOCOL = re.compile(
    r"(async|cache|concatf?|crypto|data|fd|ffrtmp\w+|file|ftp|hls|httpproxy|ipfs|ipns|md5|mms[ht]?|"
    r"pipe|prompeg|rist|rtp|sap|sctp|srtp?|subfile|tcp|tee|tls|udp|udplite|unix|zmq)(\+\w+)?[:,]"
    r"|[a-z][a-z0-9+.-]+:/",
    re.IGNORECASE,
)
# libav's protocols that need no slashes, and URLs of which pathlib has eaten one.

_PLAYLIST_MARKS = (
    (re.compile(rb"#EXTM3U"), "an M3U or HLS playlist"),
    (re.compile(rb"#EXT-X-"), "an HLS playlist"),
    (re.compile(rb"ffconcat\s"), "a concat script"),
    (re.compile(rb"file\s+(['\"/]|\S+\.\w{2,4}\s)"), "a concat script"),
    (re.compile(rb"\[playlist\]", re.I), "a PLS playlist"),
    (re.compile(rb"\[reference\]", re.I), "an ASF reference file"),
    (re.compile(rb"v=0\r?\n[a-z]="), "a session description (SDP)"),
    (re.compile(rb"RTSPtext"), "an RTSP reference"),
    (re.compile(rb"(rtsp|rtmp|https?|mms|file)://", re.I), "a list of addresses"),
)
_MARKUP_MARKS = (
    (re.compile(rb"<MPD[\s>]"), "a DASH manifest"),
    (re.compile(rb"<playlist[\s>]", re.I), "an XSPF playlist"),
    (re.compile(rb"<SmoothStreamingMedia[\s>]"), "a Smooth Streaming manifest"),
    (re.compile(rb"<CompositionPlaylist[\s>]"), "an IMF playlist"),
    (re.compile(rb"<smil[\s>]", re.I), "a SMIL presentation"),
    (re.compile(rb"<asx[\s>]", re.I), "an ASX playlist"),
)
_PICTURE_MARKS = (
    *(b"\x89PNG", b"\xff\xd8\xff", b"II*\0", b"MM\0*", b"SDPX", b"XPDS", b"BM"),
    *(b"8BPS", b"\0\0\0\x0cjP  ", b"v/1\x01"),
)


DEFAULT_LIMITS = Limits()
"""Where nobody says otherwise."""

_in_force = ContextVar("limits in force", default=DEFAULT_LIMITS)


@contextmanager
def limits_in_force(limits: Limits) -> Iterator[None]:
    """Let ``limits`` hold in this thread for everything that is not given its own."""
    token = _in_force.set(limits)
    try:
        yield
    finally:
        _in_force.reset(token)


def current_limits() -> Limits:
    """Those of `limits_in_force`, else `DEFAULT_LIMITS`."""
    return _in_force.get()


def raise_limit(name: str) -> str:
    """What to do about a limit that a good film exceeds."""
    return f"if the film is good, allow more with --limit {name}=N"


def check_input_path(path: str | os.PathLike[str]) -> Path:
    """The path of an existing, readable, non-empty regular file.

    Raises
    ------
    RemoteInputError
        For URLs and libav's protocol strings (``http://…``, ``concat:…``, ``pipe:…``).
    InputNotFoundError
        If there is no such file, or it may not be read.
    InputIsDirectoryError, EmptyInputError, NotMediaError
        For a folder, 0 bytes, or a pipe, socket or device.
    """
    text = os.fspath(path)
    checked = Path(text)
    if not text or "\0" in text:
        raise InputNotFoundError(f"{text!r} is not a path; give the path of a film")
    if is_address(path):
        raise RemoteInputError(
            f"{text} is an address, not a local file; download it first and give its path"
        )
    try:
        if checked.is_dir():
            raise InputIsDirectoryError(f"{text} is a folder; give the path of a film in it")
        if not checked.exists():
            raise InputNotFoundError(f"{text} does not exist; check the path")
        if not checked.is_file():
            raise NotMediaError(f"{text} is a pipe or device; copy it to a regular file first")
        with checked.open("rb") as file:
            if not file.read(1):
                raise EmptyInputError(f"{text} has 0 bytes; copy it again from its source")
    except OSError as error:
        raise InputNotFoundError(f"{text} cannot be read: {error.strerror}") from error
    return checked


def is_address(path: str | os.PathLike[str]) -> bool:
    """Whether ``path`` is a URL or a protocol string of libav, and no existing file."""
    text = os.fspath(path)
    return "://" in text or bool(_PROTOCOL.match(text) and not os.path.lexists(text))


def check_not_playlist(path: Path) -> None:
    """Refuse files that only name other files or addresses.

    Raises
    ------
    UnsafeInputError
        Naming what the file is.
    """
    with path.open("rb") as file:
        head = file.read(SNIFF_BYTES)
    kind = _playlist_kind(head)
    if kind is not None:
        raise UnsafeInputError(
            f"{path} is {kind}, which would make other files open; "
            "give the films that it names instead"
        )


def _playlist_kind(head: bytes) -> str | None:
    for encoding in ("utf-16-le", "utf-16-be"):
        if head.startswith("\ufeff".encode(encoding)):
            head = head.decode(encoding, errors="replace").encode()
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    # Lines of comments may come before the first telling one.
    while text.startswith(b"#") and not text.startswith(b"#EXT"):
        text = text.partition(b"\n")[2].lstrip()
    for mark, kind in _PLAYLIST_MARKS:
        if mark.match(text):
            return kind
    if text.startswith(b"<"):
        for mark, kind in _MARKUP_MARKS:
            if mark.search(text):
                return kind
    return None


def open_container(
    path: str | os.PathLike[str], limits: Limits | None = None
) -> av.container.InputContainer:
    """Open ``path`` for reading; see Note [Safe opening].

    Parameters
    ----------
    limits:
        What is refused; None is `current_limits`.

    Returns
    -------
    An open container; the caller closes it.

    Raises
    ------
    InputError
        One of its subclasses, with a line that says what is wrong with the file.
    """
    limits = limits or current_limits()
    checked = check_input_path(path)
    check_not_playlist(checked)
    try:
        container = _open(checked, _open_options(limits))
        if container.format.name == "mpeg":
            container.close()
            container = _open(checked, {**_open_options(limits), **LATE_STREAM_OPTIONS})
    except (av.FFmpegError, UnicodeDecodeError, ValueError) as error:
        raise _explain_failed_open(checked, error) from error
    try:
        _check_limits(container, checked, limits)
    except InputError:
        container.close()
        raise
    return container


def _open(path: Path, options: dict[str, str]) -> av.container.InputContainer:
    return av.open(os.path.abspath(path), "r", options=options, metadata_errors="replace")


def _open_options(limits: Limits) -> dict[str, str]:
    return {
        "protocol_whitelist": "file",
        "format_whitelist": ",".join(DEMUXERS),
        # One more than allowed, so that a file with too many is refused by us, in clear words.
        "max_streams": str(limits.max_streams + 1),
        **decoder_options(limits),
        "enable_drefs": "0",
        "use_absolute_path": "0",
    }


def decoder_options(limits: Limits) -> dict[str, str]:
    """Options that keep a decoder within ``limits`` even where a header lies.

    libav counts the padding of rows, so this fence stands a little further out than ours.
    """
    # libav's own limit of the option, and of pictures, is the largest int.
    return {"max_pixels": str(min(2 * limits.max_pixels + (1 << 20), (1 << 31) - 1))}


def _check_limits(container: Any, path: Path, limits: Limits) -> None:
    if len(container.streams) > limits.max_streams:
        raise InputLimitError(
            f"{path} has more than {limits.max_streams} streams; extract the film with another "
            f"tool, or {raise_limit('max_streams')}"
        )
    check_length((container.duration or 0) / MICROSECONDS, path, limits)
    for stream in container.streams.video:
        if stream.codec_context is not None:
            check_size(stream.codec_context.width, stream.codec_context.height, path, limits)
        if stream.frames > limits.max_frames:
            raise InputLimitError(
                f"{path} announces {stream.frames} frames, allowed are {limits.max_frames}; its "
                f"header is damaged, or {raise_limit('max_frames')}"
            )


def check_size(width: int, height: int, path: Path, limits: Limits) -> None:
    """Refuse pictures with more pixels than `Limits.max_pixels`.

    Raises
    ------
    InputLimitError
    """
    if width * height > limits.max_pixels:
        raise InputLimitError(
            f"{path} has pictures of {width}×{height}, allowed are {limits.max_pixels} pixels; "
            f"scale it down first, or {raise_limit('max_pixels')}"
        )


def check_length(seconds: float, path: Path, limits: Limits) -> None:
    """Refuse films that last longer than `Limits.max_duration_s`.

    Raises
    ------
    InputLimitError
    """
    if seconds > limits.max_duration_s:
        raise InputLimitError(
            f"{path} lasts {seconds:.0f} s by its times, allowed are "
            f"{limits.max_duration_s:.10g} s; they are damaged, or {raise_limit('max_duration_s')}"
        )


def _explain_failed_open(path: Path, error: Exception) -> InputError:
    with path.open("rb") as file:
        head = file.read(16)
    missing = missing_bytes(path)
    if missing:
        return TruncatedInputError(
            f"{path} is cut off: at least {missing} bytes are missing, and with them what is "
            "needed to read the rest; copy it again from its source"
        )
    if head.startswith(_PICTURE_MARKS):
        return NotMediaError(
            f"{path} is a single picture, not a film; colour it with 'vidcolor image', or give "
            "numbered pictures as a pattern such as scan_%06d.png"
        )
    # libav says "invalid argument" for a demuxer that is not whitelisted.
    disallowed = isinstance(error, av.ArgumentError)
    reason = "not one that is opened" if disallowed else getattr(error, "strerror", None)
    return NotMediaError(
        f"{path} is not a film in a known container ({reason or error}); known are MP4, MOV, "
        "MKV, WebM, AVI, MXF, MPEG, TS, FLV, ASF, OGG and others"
    )


def clean_text(text: str) -> str:
    """Metadata fit for a terminal: no control, format or surrogate characters, one line."""
    kept = (
        " " if unicodedata.category(character) in ("Cc", "Cf", "Cs", "Zl", "Zp") else character
        for character in text[:MAX_TEXT_LENGTH]
    )
    return " ".join("".join(kept).split())
