from __future__ import annotations

import os
import re
import socket
from pathlib import Path

import av
import pytest
from PIL import Image

from tests.synthetic import make_film, run_ffmpeg
from vidcolor.config import Limits
from vidcolor.errors import (
    EmptyInputError,
    InputIsDirectoryError,
    InputLimitError,
    InputNotFoundError,
    NotMediaError,
    RemoteInputError,
    TruncatedInputError,
    UnsafeInputError,
)
from vidcolor.media.reader import FilmReader
from vidcolor.media.safety import (
    DEMUXERS,
    check_input_path,
    check_length,
    clean_text,
    limits_in_force,
    open_container,
)

ADDRESSES = (
    "http://example.org/film.mp4",
    "HTTPS://example.org/film.mp4",
    "rtsp://example.org/live",
    "file:///tmp/film.mp4",
    "concat:one.ts|two.ts",
    "concatf:list.txt",
    "data:video/mp4;base64,AAAA",
    "pipe:0",
    "fd:",
    "crypto:film.mp4",
    "subfile,,start,0,end,9,,:film.mp4",
    "tcp:127.0.0.1:80",
    Path("http://example.org/film.mp4"),
)


@pytest.mark.parametrize("address", ADDRESSES, ids=str)
def test_addresses_are_refused(address: str | Path) -> None:
    with pytest.raises(RemoteInputError, match="address"):
        check_input_path(address)


def test_a_local_file_may_have_a_name_like_an_address(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    film = make_film("film.mp4", frames=2)
    film.rename("concat:one.mp4")
    with open_container("concat:one.mp4") as container:
        assert len(container.streams.video) == 1


@pytest.mark.parametrize("name", ["missing.mp4", "Casablanca: reel 1.mp4", "a:b.mp4", "-"])
def test_missing_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputNotFoundError, match="does not exist"):
        check_input_path(name)


@pytest.mark.parametrize("name", ["", "film\0.mp4"])
def test_what_is_no_path(name: str) -> None:
    with pytest.raises(InputNotFoundError, match="not a path"):
        check_input_path(name)


def test_folder_empty_file_and_pipe(tmp_path: Path) -> None:
    with pytest.raises(InputIsDirectoryError):
        check_input_path(tmp_path)
    (tmp_path / "empty.mp4").touch()
    with pytest.raises(EmptyInputError):
        check_input_path(tmp_path / "empty.mp4")
    os.mkfifo(tmp_path / "pipe.mp4")
    with pytest.raises(NotMediaError, match="pipe or device"):
        check_input_path(tmp_path / "pipe.mp4")


def test_unreadable_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    film = make_film(tmp_path / "film.mp4", frames=2)

    def refuse(*_args: object, **_kwargs: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(InputNotFoundError, match="Permission denied"):
        check_input_path(film)


def playlists(target: Path, port: int) -> dict[str, bytes]:
    """Every kind of file that would make libav open ``target`` or connect to ``port``."""
    url = f"http://127.0.0.1:{port}/film.ts"
    texts = {
        "hls-file": f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{target}\n#EXT-X-ENDLIST\n",
        "hls-http": f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{url}\n#EXT-X-ENDLIST\n",
        "hls-late": f"# made by x\n\n#EXTM3U\n#EXTINF:1,\n{target}\n",
        "m3u": f"#EXTM3U\n#EXTINF:1,Title\n{target}\n",
        "concat": f"ffconcat version 1.0\nfile {target.name}\n",
        "concat-comment": f"# list\nffconcat version 1.0\nfile {target.name}\n",
        "concat-bare": f"file '{target}'\nfile '{target}'\n",
        "pls": f"[playlist]\nFile1={target}\nNumberOfEntries=1\nVersion=2\n",
        "dash": '<?xml version="1.0"?>\n<MPD xmlns="urn:mpeg:dash:schema:mpd:2011"></MPD>',
        "xspf": '<?xml version="1.0"?><playlist version="1"><trackList/></playlist>',
        "smooth": '<?xml version="1.0"?><SmoothStreamingMedia MajorVersion="2"/>',
        "imf": '<?xml version="1.0"?><CompositionPlaylist xmlns="x"/>',
        "asx": f'<asx version="3.0"><entry><ref href="{url}"/></entry></asx>',
        "sdp": f"v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=x\r\nc=IN IP4 127.0.0.1\r\n"
        f"t=0 0\r\nm=video {port} RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n",
        "reference": f"[Reference]\r\nRef1={url}\r\n",
        "rtsp": f"RTSPtextrtsp://127.0.0.1:{port}/film\r\n",
        "urls": f"{url}\n",
    }
    binary = {name: text.encode() for name, text in texts.items()}
    binary["hls-bom"] = b"\xef\xbb\xbf" + binary["hls-file"]
    binary["concat-utf16"] = texts["concat"].encode("utf-16")
    return binary


PLAYLIST_NAMES = tuple(playlists(Path("x.mp4"), 1))


@pytest.mark.parametrize("suffix", [".mp4", ".m3u8", ".txt"])
@pytest.mark.parametrize("name", PLAYLIST_NAMES)
def test_playlists_are_refused_whatever_their_name(tmp_path: Path, name: str, suffix: str) -> None:
    make_film(tmp_path / "film.mp4", frames=2)
    disguised = tmp_path / f"{name}{suffix}"
    disguised.write_bytes(playlists(tmp_path / "film.mp4", 9)[name])
    with pytest.raises(UnsafeInputError, match="would make other files open"):
        open_container(disguised)


@pytest.mark.parametrize("name", PLAYLIST_NAMES)
def test_the_whitelists_alone_stop_playlists(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """The second fence: without the sniffing, libav itself refuses, and connects to nobody."""
    monkeypatch.setattr("vidcolor.media.safety.check_not_playlist", lambda _path: None)
    make_film(tmp_path / "film.mp4", frames=2)
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        disguised = tmp_path / "list.mp4"
        disguised.write_bytes(playlists(tmp_path / "film.mp4", server.getsockname()[1])[name])
        with pytest.raises(NotMediaError):
            open_container(disguised)
        with pytest.raises(BlockingIOError):
            server.accept()


def test_no_demuxer_that_opens_other_files_is_allowed() -> None:
    followers = {"hls", "dash", "concat", "sdp", "rtsp", "image2", "lavfi", "imf", "xspf"}
    assert not followers & set(DEMUXERS)
    assert set(DEMUXERS) <= {name for f in av.formats_available for name in f.split(",")}


@pytest.mark.parametrize(
    "content",
    [
        b"Once upon a time in a small town.\n" * 40,
        b"file formats explained\n",
        bytes(9000),
        b"\xff",
    ],
    ids=["text", "text about files", "zeros", "one byte"],
)
def test_files_that_are_no_media(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "film.mp4").write_bytes(content)
    with pytest.raises(NotMediaError, match="not a film"):
        open_container(tmp_path / "film.mp4")


@pytest.mark.parametrize("name", ["p.png", "p.jpg", "p.tif", "p.bmp"])
def test_a_picture_gets_its_own_advice(tmp_path: Path, name: str) -> None:
    Image.new("L", (40, 30)).save(tmp_path / name)
    with pytest.raises(NotMediaError, match="single picture"):
        open_container(tmp_path / name)


def test_mp4_without_moov_is_truncated(tmp_path: Path) -> None:
    film = make_film(tmp_path / "film.mp4", frames=12)
    film.write_bytes(film.read_bytes()[: film.stat().st_size // 2])
    with pytest.raises(TruncatedInputError, match="missing"):
        open_container(film)


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        (Limits(max_streams=2), "more than 2 streams"),
        (Limits(max_pixels=64 * 48 - 1), "64×48"),
        (Limits(max_frames=11), "12 frames"),
        (Limits(max_duration_s=0.4), "lasts 0 s by its times, allowed are 0.4 s"),
    ],
)
def test_limits(tmp_path: Path, limits: Limits, words: str) -> None:
    film = make_film(tmp_path / "film.mp4", frames=12, audio=2)
    with pytest.raises(InputLimitError, match=words):
        open_container(film, limits)
    exactly = Limits(max_streams=3, max_pixels=64 * 48, max_frames=12)
    open_container(film, exactly).close()


def test_limits_can_be_set_for_all_that_follows(tmp_path: Path) -> None:
    film = make_film(tmp_path / "film.mp4", frames=12, audio=2)
    with limits_in_force(Limits(max_streams=2)):
        with pytest.raises(InputLimitError, match="--limit max_streams=N"):
            open_container(film)
        open_container(film, Limits()).close()
    open_container(film).close()


def test_the_highest_limits_are_such_as_libav_takes(tmp_path: Path) -> None:
    film = make_film(tmp_path / "film.mp4", frames=3)
    highest = Limits(max_pixels=(1 << 31) - 1, max_streams=1_000_000, max_frames=1 << 60)
    with FilmReader(film, limits=highest) as reader:
        assert len(list(reader)) == 3


def test_metadata_that_is_not_utf8_is_no_error(tmp_path: Path) -> None:
    film = make_film(tmp_path / "film.mkv", frames=2, metadata={"title": "Caf?"})
    film.write_bytes(film.read_bytes().replace(b"Caf?", b"Caf\xe9"))
    with open_container(film) as container:
        assert container.metadata["title"] == "Caf�"


def test_external_tracks_of_quicktime_files_stay_closed(tmp_path: Path) -> None:
    """A data reference to another file is not followed, although that file is there."""
    film = make_film(tmp_path / "film.mov", frames=4)
    content = film.read_bytes()
    own = re.escape(b"\0\0\0\x0c") + rb"(url |alis)" + re.escape(b"\0\0\0\x01")
    match = re.search(own, content)
    assert match is not None
    # An alias needs no length here: any entry that is not "self-contained" must not be opened.
    referring = content[: match.start()] + b"\0\0\0\x0calis\0\0\0\0" + content[match.end() :]
    (tmp_path / "referring.mov").write_bytes(referring)
    with open_container(tmp_path / "referring.mov") as container:
        assert container.options["enable_drefs"] == "0"
        assert container.options["use_absolute_path"] == "0"


def test_raw_stream_is_opened(tmp_path: Path) -> None:
    film = make_film(tmp_path / "film.mp4", frames=4)
    run_ffmpeg("-i", str(film), "-c", "copy", str(tmp_path / "film.h264"))
    with open_container(tmp_path / "film.h264") as container:
        assert container.format.name == "h264"


def test_clean_text() -> None:
    assert clean_text("a\x1b[31mred\x07\r\nb") == "a [31mred b"
    assert clean_text("‮evil⁦\ud800 é") == "evil é"
    assert len(clean_text("x" * 100_000)) == 4096


def test_a_long_limit_is_written_out() -> None:
    limits = Limits(max_duration_s=2_592_000)
    with pytest.raises(InputLimitError, match="allowed are 2592000 s"):
        check_length(2_600_000, Path("film.mkv"), limits)
