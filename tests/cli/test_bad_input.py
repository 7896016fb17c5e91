"""What is wrong with an input, an output or an option: one line, its exit code, nothing left.

Each case is run through ``vidcolor run`` as a user would. Whatever it is, the files that were
there before must be there afterwards, byte for byte, and no others.
"""

from __future__ import annotations

import pickle
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from tests.cli.conftest import Program, error_line
from tests.synthetic import decode_luma, make_film
from vidcolor.frames import ColorTags
from vidcolor.media import writer as writer_module
from vidcolor.media.safety import DEFAULT_LIMITS

Maker = Callable[[Path], list[str | Path]]
"""Makes what a case needs in a folder; returns the arguments of ``vidcolor run``."""

PQ = ColorTags(matrix=9, primaries=9, transfer=16, full_range=False)
"""BT.2100 PQ, as in HDR10."""


@dataclass(frozen=True)
class Case:
    """Something that is wrong."""

    name: str
    make: Maker
    code: int
    said: tuple[str, ...] = field(default=())
    """What the one line must name."""


def film(folder: Path, name: str = "a.mp4", frames: int = 4) -> Path:
    return make_film(folder / name, frames=frames)


def with_film(*options: str) -> Maker:
    """A film that is in order, and ``options`` that are not; ``{}`` is the folder."""
    return lambda folder: [film(folder), *(option.format(folder) for option in options)]


def content(name: str, data: str | bytes) -> Maker:
    def make(folder: Path) -> list[str | Path]:
        film(folder, "other.mp4")  # what a playlist would open
        path = folder / name
        path.write_bytes(data.encode() if isinstance(data, str) else data)
        return [path]

    return make


def patched(name: str, old: bytes, new: bytes, codec: str = "libx264") -> Maker:
    """A film in which every ``old`` became ``new``."""

    def make(folder: Path) -> list[str | Path]:
        path = make_film(folder / name, frames=4, codec=codec)
        data = path.read_bytes()
        assert old in data
        path.write_bytes(data.replace(old, new))
        return [path]

    return make


def cut(name: str, share: float, **container: str) -> Maker:
    """The first ``share`` of a film."""

    def make(folder: Path) -> list[str | Path]:
        path = make_film(folder / name, audio=1, container_options=container)
        data = path.read_bytes()
        path.write_bytes(data[: int(share * len(data))])
        return [path]

    return make


def corrupt(folder: Path) -> list[str | Path]:
    """The samples of an MP4 overwritten, its index left whole."""
    path = film(folder, frames=12)
    data = bytearray(path.read_bytes())
    begin, end = data.index(b"mdat") + 4, data.index(b"moov") - 4
    data[begin:end] = b"\xa5" * (end - begin)
    path.write_bytes(data)
    return [path]


def too_many_streams(folder: Path) -> list[str | Path]:
    subtitles = ["srt"] * (DEFAULT_LIMITS.max_streams + 1)
    return [make_film(folder / "a.mkv", frames=2, subtitles=subtitles)]


def existing_output(folder: Path) -> list[str | Path]:
    (folder / "a.color.mp4").write_text("precious")
    return [film(folder)]


def onto_itself(folder: Path) -> list[str | Path]:
    path = film(folder)
    return [path, "-o", path, "--overwrite"]


def onto_a_link_to_itself(folder: Path) -> list[str | Path]:
    path = film(folder)
    (folder / "b.mp4").hardlink_to(path)
    return [path, "-o", folder / "b.mp4", "--overwrite"]


def into_a_file(folder: Path) -> list[str | Path]:
    (folder / "file").write_text("no folder")
    return [film(folder), "-o", folder / "file" / "b.mp4"]


def lost_sound(folder: Path) -> list[str | Path]:
    path = make_film(folder / "a.mkv", frames=4, audio=1)
    return [path, "--preset", "archive", "-o", folder / "out_%03d.png"]


def damaged_checkpoint(folder: Path) -> list[str | Path]:
    path = folder / "damaged.safetensors"
    path.write_bytes((40).to_bytes(8, "little") + b"{" + b"?" * 100)
    return [film(folder), "--checkpoint", path]


def pickled(name: str) -> Maker:
    def make(folder: Path) -> list[str | Path]:
        path = folder / name
        if name.startswith("zip"):
            torch.save({"weight": torch.zeros(2)}, path)
        else:
            path.write_bytes(pickle.dumps({"weight": [0.0]}))
        return [film(folder), "--checkpoint", path]

    return make


HLS = "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nother.mp4\n#EXT-X-ENDLIST\n"
FFCONCAT = "ffconcat version 1.0\nfile other.mp4\n"
CONCAT = "file 'other.mp4'\nfile 'other.mp4'\n"

CASES = (
    Case("missing file", lambda folder: [folder / "none.mp4"], 3, ("none.mp4", "does not exist")),
    Case("name that is too long", lambda folder: [folder / f"{'n' * 300}.mp4"], 3, ("too long",)),
    Case("long name of a sequence", lambda f: [f / f"{'n' * 300}%04d.tif"], 3, ("too long",)),
    Case("folder without films", lambda folder: [folder], 4, ("no film in the folder",)),
    Case("empty file", content("a.mp4", b""), 5, ("a.mp4", "0 bytes")),
    Case("text called mp4", content("a.mp4", "dear diary\n" * 50), 6, ("not a film",)),
    Case("hls", content("a.m3u8", HLS), 7, ("a.m3u8",)),
    Case("hls called mp4", content("a.mp4", HLS), 7, ("a.mp4",)),
    Case("ffconcat", content("a.ffconcat", FFCONCAT), 7, ("a.ffconcat",)),
    Case("ffconcat called mp4", content("a.mp4", FFCONCAT), 7, ("a.mp4",)),
    Case("concat", content("a.txt", CONCAT), 7, ("a.txt",)),
    Case("concat called mp4", content("a.mp4", CONCAT), 7, ("a.mp4",)),
    Case("url", lambda _: ["https://example.org/a.mp4"], 8, ("example.org", "download")),
    Case("protocol", lambda folder: [f"concat:{film(folder)}"], 8, ("concat:",)),
    Case("sound only", lambda f: [make_film(f / "a.mp4", frames=0, audio=1)], 9, ("no video",)),
    Case("unknown codec mp4", patched("a.mp4", b"avc1", b"zzzz"), 10, ("a.mp4",)),
    Case("unknown codec mkv", patched("a.mkv", b"ISO/AVC", b"ISO/ZZZ"), 10, ("a.mkv",)),
    Case("unknown codec avi", patched("a.avi", b"FMP4", b"ZZZZ", "mpeg4"), 10, ("a.avi",)),
    Case("cut mp4, index at the end", cut("a.mp4", 0.7), 11, ("a.mp4", "missing")),
    Case("cut mp4, faststart", cut("a.mp4", 0.7, movflags="faststart"), 11, ("--keep-partial",)),
    Case("cut mkv", cut("a.mkv", 0.6), 11, ("--keep-partial",)),
    Case(
        "hdr",
        lambda f: [make_film(f / "a.mkv", frames=2, pix_fmt="yuv420p10le", color=PQ)],
        12,
        ("PQ", "--allow-hdr"),
    ),
    Case("too many streams", too_many_streams, 13, ("a.mkv", "more than")),
    Case("corrupt", corrupt, 14, ("a.mp4",)),
    Case("output exists", existing_output, 20, ("a.color.mp4", "--overwrite")),
    Case("output is the input", onto_itself, 21, ("a.mp4",)),
    Case("output is a link to the input", onto_a_link_to_itself, 21, ("b.mp4",)),
    Case("no output folder", with_film("-o", "{}/none/b.mp4"), 22, ("none",)),
    Case("output name too long", with_film("-o", f"{{}}/{'n' * 300}.mp4"), 22, ("255",)),
    Case(
        "output pattern too long", with_film("-o", f"{{}}/{'n' * 300}%04d.png"), 22, ("too long",)
    ),
    Case("file in the folder's place", into_a_file, 22, ("file is not a folder",)),
    Case("lost stream", lost_sound, 24, ("audio", "--allow-drop")),
    Case("encoder option", with_film("--encoder-option", "presett=slow"), 26, ("did you mean",)),
    Case("value of one", with_film("--encoder-option", "preset=warp"), 26, ("'warp'", "slow")),
    Case(
        "encoder option, dry run",
        with_film("--dry-run", "--encoder-option", "presett=slow"),
        26,
        ("did you mean 'preset'",),
    ),
    Case("unknown checkpoint", with_film("--checkpoint", "filmnett"), 30, ("'filmnett'",)),
    Case("damaged checkpoint", damaged_checkpoint, 31, ("damaged.safetensors",)),
    Case("pickle", pickled("weights.pth"), 32, ("pickle",)),
    Case("renamed pickle", pickled("weights.safetensors"), 32, ("pickle",)),
    Case("renamed torch.save", pickled("zip.safetensors"), 32, ("pickle",)),
    Case("unknown preset", with_film("--preset", "flim"), 40, ("did you mean 'film'",)),
    Case("no cuda", with_film("--device", "cuda"), 41, ("'cuda' is not available",)),
)


def files_below(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.fixture
def color(vidcolor: Program, checkpoint: Path) -> Program:
    options = ("--checkpoint", checkpoint, "--smooth", "0", "--progress", "none")
    return lambda *arguments: vidcolor("run", *options, *arguments)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_one_line_its_code_and_nothing_left(
    case: Case, color: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    arguments = case.make(tmp_path)
    before = files_below(tmp_path)
    result = color(*arguments)
    line = error_line(result)
    assert result.exit_code == case.code, line
    for words in case.said:
        assert words in line
    assert "internal error" not in line
    assert result.stdout == ""
    assert files_below(tmp_path) == before


def test_keep_partial_accepts_the_cut_film(color: Program, tmp_path: Path) -> None:
    (source,) = cut("a.mkv", 0.6)(tmp_path)
    before = Path(source).read_bytes()
    result = color(source, "--keep-partial")
    assert result.exit_code == 0, result.stderr
    assert 0 < len(decode_luma(tmp_path / "a.color.mkv")) < 12
    assert "ends early" in result.stdout
    assert Path(source).read_bytes() == before


def test_a_film_in_colour_is_done_with_a_warning(color: Program, tmp_path: Path) -> None:
    source = make_film(tmp_path / "a.mp4", frames=4, colorful=True)
    result = color(source)
    assert result.exit_code == 0
    (line,) = result.stderr.splitlines()
    assert line.startswith("vidcolor: warning: ")
    assert "the source is in colour" in line
    assert color(source, "-q", "--overwrite").stderr == ""


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 8 KiB; without leave to mount, one that only says so."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=8k", "tmpfs", str(folder)]
    if shutil.which("mount") and not subprocess.run(command, capture_output=True).returncode:
        yield folder
        subprocess.run(["umount", str(folder)], check=True)
    else:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=8192))
            yield folder


@pytest.mark.parametrize("name", ["out.mp4", "out.mkv"])
def test_a_disk_that_is_too_small(
    color: Program, tmp_path: Path, small_disk: Path, name: str
) -> None:
    source = film(tmp_path)
    before = files_below(tmp_path)
    result = color(source, "-o", small_disk / name)
    assert result.exit_code == 23
    assert "left" in error_line(result)
    assert files_below(tmp_path) == before


@pytest.mark.parametrize("name", ["out.mp4", "out.mkv"])
def test_a_disk_that_fills_up(
    color: Program,
    tmp_path: Path,
    small_disk: Path,
    name: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if not small_disk.is_mount():
        pytest.skip("mounting is not permitted here")
    monkeypatch.setattr(writer_module, "RESERVE_BYTES", 0)
    monkeypatch.setattr(writer_module, "least_size", lambda *_: 0)
    source = make_film(tmp_path / "a.mp4", frames=12, audio=1)
    before = files_below(tmp_path)
    result = color(source, "-o", small_disk / name, "--crf", "1")
    assert result.exit_code == 23
    assert "no space left" in error_line(result)
    assert files_below(tmp_path) == before
