"""Options that several commands share, and how their values are read."""

from __future__ import annotations

import re
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Literal

import typer

from vidcolor.cli.progress import Mode

NTSC_RATES = {
    "23.976": "24000/1001",
    "23.98": "24000/1001",
    "29.97": "30000/1001",
    "59.94": "60000/1001",
}
"""Rates that people write rounded; the exact ones are SMPTE's n·1000/1001."""

_CLOCK = re.compile(r"(?:(\d+):)?(\d{1,2}):(\d{1,2}(?:\.\d+)?)")


def seconds(text: str) -> float:
    """``90``, ``1:30`` or ``0:01:30.000`` as seconds.

    Raises
    ------
    typer.BadParameter
        If it is none of these.
    """
    match = _CLOCK.fullmatch(text)
    if match:
        hours, minutes, rest = match.groups()
        if int(minutes) < 60 and float(rest) < 60:
            return int(hours or 0) * 3600 + int(minutes) * 60 + float(rest)
    elif re.fullmatch(r"\d+(\.\d*)?|\.\d+", text):
        return float(text)
    raise typer.BadParameter(f"{text!r} is not a time: write seconds (90.5) or HH:MM:SS.mmm")


def frame_rate(text: str) -> str:
    """``24``, ``24000/1001`` or ``23.976`` as a fraction that is exact.

    Raises
    ------
    typer.BadParameter
        If it is not a positive number.
    """
    exact = NTSC_RATES.get(text, text)
    try:
        rate = Fraction(exact)
    except (ValueError, ZeroDivisionError):
        rate = Fraction(0)
    if rate <= 0:
        raise typer.BadParameter(f"{text!r} is not a frame rate: write 24, 23.976 or 24000/1001")
    return str(rate)


def key_value(text: str) -> str:
    """``text`` itself, if it reads ``KEY=VALUE``.

    Raises
    ------
    typer.BadParameter
        If there is no ``=``, or nothing before it.
    """
    if not text.partition("=")[0].strip() or "=" not in text:
        raise typer.BadParameter(f"{text!r} is not KEY=VALUE")
    return text


HIGHEST_CRF = 63
"""The end of AV1's and VP9's scale, the longest; x264 would take 99 for its own end, 51."""

ENCODING = "Encoding"
"""Heading in ``--help``."""
COLOR = "Colour"
"""Heading in ``--help``."""
ACCEPTED = "What is accepted"
"""Heading in ``--help``."""
SHOWN = "What is shown"
"""Heading in ``--help``."""

Checkpoint = Annotated[
    str | None,
    typer.Option(
        metavar="NAME|PATH",
        help="A shipped checkpoint (see 'vidcolor checkpoints list') or a .safetensors file.",
        show_default="the preset's",
        rich_help_panel=COLOR,
    ),
]

Device = Annotated[
    str | None,
    typer.Option(
        metavar="auto|cpu|cuda[:N]",
        help="Where the network runs.",
        show_default="auto",
        rich_help_panel=COLOR,
    ),
]

BatchSize = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        help="Frames to a batch on a GPU; a CPU takes one at a time whatever this says.",
        show_default="what fits",
        rich_help_panel=COLOR,
    ),
]

NetworkEvery = Annotated[
    int | None,
    typer.Option(
        metavar="1|2|4|8",
        help="The network sees every so many frames; those between follow motion. A higher number "
        "is faster and less accurate.",
        show_default="the preset's",
        rich_help_panel=COLOR,
    ),
]

Strength = Annotated[
    float | None,
    typer.Option(
        metavar="X",
        help="Gain on the colours, 0…3: 0 is grey.",
        show_default="the preset's",
        rich_help_panel=COLOR,
    ),
]

LookChange = Annotated[
    list[str] | None,
    typer.Option(
        "--look",
        metavar="KEY=VALUE",
        help="strength, shadows, highlights, warmth, tint, skin_guard, max_chroma, palette or "
        "palette_share, such as warmth=4; may be repeated.",
        parser=key_value,
        show_default=False,
        rich_help_panel=COLOR,
    ),
]

Vividness = Annotated[
    float | None,
    typer.Option(
        metavar="X",
        help="Above 1 colourful guesses count more where the network is unsure, 0.25…4.",
        show_default="the preset's",
        rich_help_panel=COLOR,
    ),
]

KeepTint = Annotated[
    bool,
    typer.Option(
        "--keep-tint",
        metavar="",
        help="Leave tinted and toned shots as they are.",
        rich_help_panel=COLOR,
    ),
]

KeepColorShots = Annotated[
    bool,
    typer.Option(
        "--keep-color-shots",
        metavar="",
        help="Leave shots that are in colour already as they are.",
        rich_help_panel=COLOR,
    ),
]

Smooth = Annotated[
    int | None,
    typer.Option(
        metavar="0|1|3|7|15",
        help="Frames to either side over which colours are steadied; 0 is off.",
        show_default="the preset's",
        rich_help_panel=COLOR,
    ),
]

Codec = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="libav encoder for every bit depth, in place of the preset's.",
        show_default="the preset's",
        rich_help_panel=ENCODING,
    ),
]

Crf = Annotated[
    float | None,
    typer.Option(
        metavar="N",
        help="Quality of x264, x265 and their like; lower is better.",
        min=0,
        max=HIGHEST_CRF,
        show_default="the preset's",
        rich_help_panel=ENCODING,
    ),
]

DeinterlaceMode = Annotated[
    Literal["auto", "off", "bwdif"] | None,
    typer.Option(
        "--deinterlace",
        metavar="auto|off|bwdif",
        help="Interlaced frames: colour each field (luma is kept), treat them as progressive, or "
        "make whole frames of them.",
        show_default="auto",
        rich_help_panel=ENCODING,
    ),
]

EncoderOption = Annotated[
    list[str] | None,
    typer.Option(
        metavar="KEY=VALUE",
        parser=key_value,
        help="Any option of the encoder; may be given several times.",
        show_default=False,
        rich_help_panel=ENCODING,
    ),
]

ShotsFile = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="A shot list from 'vidcolor shots', edited or not; its cuts are used.",
        show_default="cuts are found",
        rich_help_panel=COLOR,
    ),
]

References = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR",
        help="Keyframes from 'vidcolor keyframes', some of them edited; carried through the film.",
        show_default=False,
        rich_help_panel=COLOR,
    ),
]

Hints = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="Points and scribbles that say what colour something has: .toml or .csv.",
        show_default=False,
        rich_help_panel=COLOR,
    ),
]

Start = Annotated[
    float | None,
    typer.Option(
        metavar="TIME",
        parser=seconds,
        help="Begin here: seconds or HH:MM:SS.mmm.",
        show_default=False,
    ),
]

Duration = Annotated[
    float | None,
    typer.Option(metavar="TIME", parser=seconds, help="Colour only this much.", show_default=False),
]

Rate = Annotated[
    str | None,
    typer.Option(
        metavar="FPS",
        parser=frame_rate,
        help="Frames per second of an image sequence: 24, 23.976, 24000/1001.",
        show_default=False,
    ),
]

Limit = Annotated[
    list[str] | None,
    typer.Option(
        metavar="KEY=N",
        parser=key_value,
        help="Raise or lower a limit: max_pixels, max_streams, max_frames, max_duration_s, "
        "max_bad_packets or (run only) stall_s; may be repeated.",
        show_default=False,
    ),
]

KeepPartial = Annotated[
    bool,
    typer.Option(
        "--keep-partial",
        metavar="",
        help="Accept a film that ends early or is damaged.",
        rich_help_panel=ACCEPTED,
    ),
]

NoResume = Annotated[
    bool,
    typer.Option(
        "--no-resume",
        metavar="",
        help="Begin anew, and throw away what an interrupted run has left.",
        rich_help_panel=ACCEPTED,
    ),
]

KeepWork = Annotated[
    bool,
    typer.Option(
        "--keep-work",
        metavar="",
        help="Keep what was computed beside the output: a later run with another look or edit "
        "renders only what it changes.",
        rich_help_panel=COLOR,
    ),
]

Report = Annotated[
    bool,
    typer.Option(
        "--report",
        metavar="",
        help="Write OUT.vidcolor.json beside the output: what was made, of what, and how.",
        rich_help_panel=SHOWN,
    ),
]

AllowDrop = Annotated[
    bool,
    typer.Option(
        "--allow-drop",
        metavar="",
        help="Go on when the output cannot hold a stream.",
        rich_help_panel=ACCEPTED,
    ),
]

AllowHdr = Annotated[
    bool,
    typer.Option(
        "--allow-hdr",
        metavar="",
        help="Accept PQ and HLG; their colours will not be accurate.",
        rich_help_panel=ACCEPTED,
    ),
]

Overwrite = Annotated[
    bool, typer.Option("--overwrite", metavar="", help="Replace an existing output.")
]

DryRun = Annotated[
    bool, typer.Option("--dry-run", metavar="", help="Say what would be done; write nothing.")
]

Progress = Annotated[
    Mode, typer.Option(help="json: one object to a line, on stdout.", rich_help_panel=SHOWN)
]

Verbose = Annotated[
    int,
    typer.Option(
        "-v",
        "--verbose",
        count=True,
        metavar="",
        help="Say what is done; -vv also shows times and tracebacks.",
        show_default=False,
        rich_help_panel=SHOWN,
    ),
]

Quiet = Annotated[
    bool,
    typer.Option(
        "-q", "--quiet", metavar="", help="Say nothing but errors.", rich_help_panel=SHOWN
    ),
]

LogFile = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="Append a full log to FILE.",
        dir_okay=False,
        show_default=False,
        rich_help_panel=SHOWN,
    ),
]
