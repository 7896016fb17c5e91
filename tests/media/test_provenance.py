"""A film says who made its colours, and no other tag suffers."""

from __future__ import annotations

import dataclasses
import errno
from pathlib import Path

import av
import pytest

from tests.media.recolor import CONTAINERS, colored, fast_settings
from tests.synthetic import decode_luma, make_film, stream_packets
from vidcolor import __version__
from vidcolor.errors import DiskFullError
from vidcolor.media.plan import plan_output
from vidcolor.media.probe import probe
from vidcolor.media.provenance import made_by, provenance
from vidcolor.media.reader import FilmReader
from vidcolor.media.writer import FilmWriter

TEXT = provenance("net", "ab" * 32)

TAGS = {"title": "Der Film", "comment": "mein Kommentar", "date": "1926", "artist": "F. W. M."}


def write(source: Path, output: Path, text: str = TEXT) -> Path:
    with FilmReader(source) as reader:
        plan = plan_output(reader.info, fast_settings(), output)
        plan = dataclasses.replace(plan, provenance=text)
        with FilmWriter(reader.info, output, plan, threads=1) as writer:
            for frame in reader:
                writer.write(colored(frame, plan.target))
            report = writer.finish()
            writer.commit()
    assert not report.lacks_provenance
    return output


def tags_of(path: Path) -> dict[str, str]:
    with av.open(str(path)) as container:
        return {key.lower(): value for key, value in container.metadata.items()}


def test_what_it_says() -> None:
    assert f"vidcolor {__version__}, colours by network net sha256 {'ab' * 32}" == TEXT
    assert made_by({"ENCODER": "Lavf62", "VidColor": TEXT}) == TEXT
    assert made_by({"encoder": "Lavf62"}) is None


@pytest.mark.parametrize("suffix", CONTAINERS)
def test_every_container_has_a_place(tmp_path: Path, suffix: str) -> None:
    source = make_film(tmp_path / f"film.{suffix}", frames=6, audio=1, metadata=TAGS)
    output = write(source, tmp_path / f"out.{suffix}")
    assert made_by(probe(output).metadata) == TEXT
    assert output.read_bytes().count(TEXT.encode()) == 1
    # All else is as without it.
    before, after = tags_of(source), tags_of(output)
    assert {key: after[key] for key in TAGS} == {key: before[key] for key in TAGS} == TAGS
    assert len(decode_luma(output)) == 6
    assert stream_packets(output, 1) == stream_packets(source, 1)


def test_a_full_disk_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("vidcolor.media.film_file.set_software", fail)
    source = make_film(tmp_path / "film.mkv", frames=2)
    with pytest.raises(DiskFullError, match=r"no space left for .*out\.mov"):
        write(source, tmp_path / "out.mov")
    assert [path.name for path in tmp_path.iterdir()] == ["film.mkv"]


@pytest.mark.parametrize("suffix", CONTAINERS)
def test_a_coloured_film_that_is_coloured_again(tmp_path: Path, suffix: str) -> None:
    first = write(make_film(tmp_path / "film.mkv", frames=2), tmp_path / f"first.{suffix}", "")
    assert made_by(probe(first).metadata) is None
    earlier = write(first, tmp_path / f"earlier.{suffix}", provenance("other", "00" * 32))
    again = write(earlier, tmp_path / f"again.{suffix}")
    assert made_by(probe(again).metadata) == TEXT
    assert "other" not in " ".join(probe(again).metadata.values())
