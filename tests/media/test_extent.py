from __future__ import annotations

from pathlib import Path

import pytest

from tests.synthetic import make_film, run_ffmpeg
from vidcolor.media.extent import missing_bytes

# A fragmented file cut between fragments is whole as far as its boxes go.
CONTAINERS = {
    "film.mp4": {},
    "fast.mp4": {"container_options": {"movflags": "faststart"}},
    "fragments.mp4": {"container_options": {"movflags": "frag_keyframe+empty_moov"}},
    "film.mov": {},
    "film.mkv": {},
    "film.webm": {"codec": "libvpx", "options": {"deadline": "realtime"}},
    "film.avi": {"codec": "mpeg4"},
}


@pytest.mark.parametrize("name", CONTAINERS)
def test_whole_files_miss_nothing(tmp_path: Path, name: str) -> None:
    assert missing_bytes(make_film(tmp_path / name, frames=8, **CONTAINERS[name])) == 0


@pytest.mark.parametrize("name", CONTAINERS)
@pytest.mark.parametrize("cut", [1, 20, 500])
def test_cut_files_are_noticed(tmp_path: Path, name: str, cut: int) -> None:
    if name == "fragments.mp4" and cut > 20:
        cut = 50  # within the last box, the index of fragments
    film = make_film(tmp_path / name, frames=24, **CONTAINERS[name])
    film.write_bytes(film.read_bytes()[:-cut])
    missing = missing_bytes(film)
    # One byte may be AVI's padding; and without moov more than the cut is missing at least.
    assert missing >= (cut if name not in ("film.mp4", "film.mov") else 1) or (
        cut == 1 and name == "film.avi"
    )


@pytest.mark.parametrize("name", ["film.ts", "film.mpg", "film.flv"])
def test_containers_that_do_not_say(tmp_path: Path, name: str) -> None:
    codec = "flv1" if name.endswith("flv") else "mpeg2video"
    film = make_film(tmp_path / name, frames=8, codec=codec, rate=25)
    film.write_bytes(film.read_bytes()[:-300])
    assert missing_bytes(film) == 0


def test_live_matroska_has_an_unknown_size(tmp_path: Path) -> None:
    film = make_film(tmp_path / "film.mkv", frames=8)
    live = run_ffmpeg("-i", str(film), "-c", "copy", "-f", "matroska", "-live", "1", "pipe:1")
    (tmp_path / "live.mkv").write_bytes(live[:-500])
    assert missing_bytes(tmp_path / "live.mkv") == 0


@pytest.mark.parametrize(
    "content", [b"", b"\x1a\x45\xdf\xa3", b"RIFF", b"\0\0\0\x08ftyp", b"abcdefghijkl", bytes(64)]
)
def test_scraps(tmp_path: Path, content: bytes) -> None:
    """Nothing here has a length to compare with, except the box file without its moov."""
    (tmp_path / "scrap").write_bytes(content)
    assert missing_bytes(tmp_path / "scrap") == (8 if b"ftyp" in content else 0)


def test_trailing_zeros_are_no_box(tmp_path: Path) -> None:
    film = make_film(tmp_path / "film.mp4", frames=4)
    film.write_bytes(film.read_bytes() + bytes(37))
    assert missing_bytes(film) == 0


@pytest.mark.parametrize("rubbish", [b"junkjunk" * 50, b"ID3" + bytes(125), b"\xff" * 333])
@pytest.mark.parametrize("name", ["film.mp4", "fast.mp4", "film.mov"])
def test_what_was_appended_is_no_box(tmp_path: Path, name: str, rubbish: bytes) -> None:
    film = make_film(tmp_path / name, frames=8, **CONTAINERS[name])
    film.write_bytes(film.read_bytes() + rubbish)
    assert missing_bytes(film) == 0


def test_a_matroska_element_of_an_absurd_size(tmp_path: Path) -> None:
    """More bytes than any file can be sought to, found by mutation."""
    film = make_film(tmp_path / "film.mkv", frames=2).read_bytes()
    size = film.index(bytes.fromhex("18538067")) + 4
    damaged = film[: size - 4] + b"\xec\x01" + b"\xff" * 6 + b"\xfe" + film[size:]
    (tmp_path / "damaged.mkv").write_bytes(damaged)
    assert missing_bytes(tmp_path / "damaged.mkv") > 2**55
