"""Every error that a user can cause, with its own exit code.

VidcolorError
├── InputError
│   ├── InputNotFoundError          3   no such file
│   ├── InputIsDirectoryError       4   a directory where a file is needed, or one without films
│   ├── EmptyInputError             5   0 bytes
│   ├── NotMediaError               6   no known container (a text file called .mp4)
│   ├── UnsafeInputError            7   a playlist or script that would open other files
│   ├── RemoteInputError            8   a URL
│   ├── NoVideoError                9   sound only
│   ├── UnsupportedCodecError      10   no decoder for the video
│   ├── TruncatedInputError        11   the file ends before its header says
│   ├── UnsupportedColorError      12   HDR transfer, or a matrix we cannot solve for
│   ├── InputLimitError            13   more pixels, streams or frames than allowed
│   ├── CorruptInputError          14   too many packets in a row that cannot be decoded
│   └── SourceChangedError         15   somebody wrote to the source while it was read
├── OutputError
│   ├── OutputExistsError          20   and --overwrite was not given
│   ├── OutputIsInputError         21   would destroy the source
│   ├── OutputFolderError          22   missing or not writable
│   ├── DiskFullError              23   no space left
│   ├── StreamDropError            24   the container cannot hold a stream, --allow-drop not given
│   ├── VerificationError          25   the finished file is not what it should be
│   ├── EncoderOptionError         26   an option that the encoder does not know
│   ├── EncoderError               27   the encoder refused to open or to encode
│   ├── JobBusyError               28   another run with these settings is making the same output
│   └── FilmDiffersError           29   vidcolor verify found a difference
├── CheckpointError
│   ├── UnknownCheckpointError     30   no such name or file
│   ├── DamagedCheckpointError     31   not readable, or its sha256 does not match
│   └── UnsafeCheckpointError      32   a pickle: loading it could run code
├── SettingsError                  40   an option or preset with a value that is not allowed
│   └── DeviceError                41   the device asked for is not there
├── DeviceMemoryError              42   out of memory even with a batch of one
├── MissingExtraError              43   an optional package is not installed
├── StalledError                   44   a stage of a run does not move any more
├── StdoutClosedError              45   nobody reads stdout any more
├── PhotoSetError              50   no usable photographs in a set
├── TrainingDivergedError          51   the loss is no longer a number
└── Interrupted                   130   Ctrl-C (143 for SIGTERM, 129 for a closed terminal)

0 is success, 1 a bug in vidcolor, 2 a command line that typer cannot parse.

Each message is one line: the value, what is allowed, what to do next. Raising one of
these never leaves a half-written file under the final name; the input is only read.
"""

from __future__ import annotations

from typing import ClassVar


class VidcolorError(Exception):
    """Base of all errors that end a command with one clear line."""

    exit_code: ClassVar[int] = 1


class InputError(VidcolorError):
    """Something is wrong with the file that was given."""


class InputNotFoundError(InputError):
    """The path does not exist."""

    exit_code = 3


class InputIsDirectoryError(InputError):
    """A directory was given where a file is needed, or it holds no film."""

    exit_code = 4


class EmptyInputError(InputError):
    """The file has 0 bytes."""

    exit_code = 5


class NotMediaError(InputError):
    """No known container or picture format recognises the file."""

    exit_code = 6


class UnsafeInputError(InputError):
    """The file is a playlist or script that would make the demuxer open other files."""

    exit_code = 7


class RemoteInputError(InputError):
    """The input is a URL or a protocol string; only local paths are opened."""

    exit_code = 8


class NoVideoError(InputError):
    """The file has no video stream (cover art does not count)."""

    exit_code = 9


class UnsupportedCodecError(InputError):
    """No decoder for the video stream."""

    exit_code = 10


class TruncatedInputError(InputError):
    """The file ends before its header says; ``--keep-partial`` accepts what is there."""

    exit_code = 11


class UnsupportedColorError(InputError):
    """A transfer or matrix that the chroma solve does not cover (PQ, HLG, YCgCo …)."""

    exit_code = 12


class InputLimitError(InputError):
    """The input exceeds a safety limit."""

    exit_code = 13


class CorruptInputError(InputError):
    """Too many packets in a row cannot be decoded."""

    exit_code = 14


class SourceChangedError(InputError):
    """The source was changed while it was read."""

    exit_code = 15


class OutputError(VidcolorError):
    """Something is wrong with where or how to write."""


class OutputExistsError(OutputError):
    """The output is already there and ``--overwrite`` was not given."""

    exit_code = 20


class OutputIsInputError(OutputError):
    """Output and input are the same file."""

    exit_code = 21


class OutputFolderError(OutputError):
    """The output folder is missing or cannot be written."""

    exit_code = 22


class DiskFullError(OutputError):
    """No space left on the output's file system."""

    exit_code = 23


class StreamDropError(OutputError):
    """The output container cannot hold a stream and ``--allow-drop`` was not given."""

    exit_code = 24


class VerificationError(OutputError):
    """The finished file was re-opened and is not what was asked for; it was not renamed.

    Parameters
    ----------
    difference:
        What differs, without what became of the file; None is all of ``message``.
    """

    exit_code = 25

    def __init__(self, message: str, difference: str | None = None) -> None:
        super().__init__(message)
        self.difference = difference or message


class EncoderOptionError(OutputError):
    """The encoder does not know an option, or not this value of it."""

    exit_code = 26


class EncoderError(OutputError):
    """The encoder failed to open or to encode."""

    exit_code = 27


class JobBusyError(OutputError):
    """Another run is making the same output, or works on what should be deleted."""

    exit_code = 28


class FilmDiffersError(OutputError):
    """A coloured film does not keep what its source has, or is not the one that was made."""

    exit_code = 29


class CheckpointError(VidcolorError):
    """Something is wrong with a checkpoint."""


class UnknownCheckpointError(CheckpointError):
    """Neither a shipped checkpoint's name nor an existing file."""

    exit_code = 30


class DamagedCheckpointError(CheckpointError):
    """The checkpoint cannot be read, or its tensors do not match its recorded sha256."""

    exit_code = 31


class UnsafeCheckpointError(CheckpointError):
    """A pickle was offered; loading it could run code, so it is not loaded."""

    exit_code = 32


class SettingsError(VidcolorError):
    """An option, preset or recipe holds a value that is not allowed."""

    exit_code = 40


class DeviceError(SettingsError):
    """The device that was asked for is not available."""

    exit_code = 41


class DeviceMemoryError(VidcolorError):
    """The device ran out of memory even with a batch of one."""

    exit_code = 42


class MissingExtraError(VidcolorError):
    """An optional dependency is needed; the message names the extra to install."""

    exit_code = 43


class StalledError(VidcolorError):
    """A stage of a run has given no sign of life for too long; its thread may still be stuck."""

    exit_code = 44


class StdoutClosedError(VidcolorError):
    """What a command prints, its progress too, goes into a pipe that nobody reads any more."""

    exit_code = 45


class PhotoSetError(VidcolorError):
    """A set of photographs is empty, all grey or unreadable."""

    exit_code = 50


class TrainingDivergedError(VidcolorError):
    """The loss or the weights are no longer finite numbers."""

    exit_code = 51


class Interrupted(VidcolorError):  # noqa: N818  (not an error, like KeyboardInterrupt)
    """The user stopped the run with a signal.

    Parameters
    ----------
    signal_number:
        2 (SIGINT) ends with exit code 130, 15 (SIGTERM) with 143, 1 (SIGHUP) with 129.
    """

    exit_code = 130

    def __init__(self, signal_number: int = 2) -> None:
        super().__init__("stopped; nothing has the output's name yet, the input is untouched")
        self.signal_number = signal_number

    @property
    def signal_exit_code(self) -> int:
        """128 + the signal's number, as shells report it."""
        return 128 + self.signal_number
