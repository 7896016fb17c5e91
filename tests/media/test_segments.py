"""Encoded stretches of a film, alone and joined."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import pytest

from tests.media.recolor import colored, fast_settings
from tests.synthetic import decode_luma, make_film
from vidcolor.errors import VerificationError
from vidcolor.luma import luma_sha256
from vidcolor.media.plan import OutputPlan, plan_output
from vidcolor.media.reader import FilmReader
from vidcolor.media.segment_encoder import SegmentEncoder
from vidcolor.media.segments import SegmentFolder
from vidcolor.media.verify import verify_output
from vidcolor.media.writer import FilmWriter

CODECS = {
    "libx264": {"preset": "ultrafast", "bf": "3"},
    "libx265": {"preset": "ultrafast"},
    "libsvtav1": {"preset": "12"},
    "ffv1": {},
    "prores_ks": {},
}


def settings_for(codec: str) -> Any:
    options = {"encode.options": CODECS[codec], "encode.options_deep": CODECS[codec]}
    changes = {name.replace(".", "__"): value for name, value in options.items()}
    return fast_settings(encode__codec=codec, encode__codec_deep=codec, **changes)


def write_in_segments(
    source: Path, output: Path, plan: OutputPlan, starts: Sequence[int], folder: Path
) -> None:
    """Colour a film; segments begin at the frames ``starts``."""
    folder.mkdir(exist_ok=True)
    with FilmReader(source) as reader:
        segments = SegmentFolder(folder, output)
        with FilmWriter(reader.info, output, plan, segments=segments, threads=1) as writer:
            pts, hashes = [], []
            for frame in reader:
                if frame.index in starts:
                    writer.end_segment({"next": frame.index})
                pts.append(frame.pts)
                picture = colored(frame, plan.target)
                hashes.append(luma_sha256(picture.luma))
                writer.write(picture)
            report = writer.finish()
            exact = hashes if plan.is_lossless else None
            verify_output(plan, report, writer.temp_path, reader.info, pts, exact)
            writer.commit()


def packets(path: Path) -> list[tuple[int, int, bool]]:
    """(pts, dts, is key frame) of the film's packets."""
    with av.open(str(path)) as container:
        return [
            (packet.pts, packet.dts, packet.is_keyframe)
            for packet in container.demux(video=0)
            if packet.size
        ]


@pytest.mark.parametrize(
    ("codec", "suffix"),
    [
        *((codec, "mkv") for codec in CODECS),
        *((codec, "mov") for codec in CODECS if codec not in ("ffv1", "libsvtav1")),
    ],
)
@pytest.mark.parametrize("vfr", [False, True])
def test_a_film_of_segments_is_the_same_film(
    tmp_path: Path, codec: str, suffix: str, vfr: bool
) -> None:
    source = make_film(tmp_path / "film.mkv", frames=30, width=96, height=64, vfr=vfr, audio=1)
    output = tmp_path / f"out.{suffix}"
    with FilmReader(source) as reader:
        plan = plan_output(reader.info, settings_for(codec), output)
    write_in_segments(source, output, plan, (7, 19), tmp_path / "segments")
    found = packets(output)
    shown = sorted(pts for pts, _, _ in found)
    assert len(found) == 30
    assert [shown.index(pts) for pts, _, is_key in found if is_key][:1] == [0]
    keys = {shown.index(pts) for pts, _, is_key in found if is_key}
    assert {0, 7, 19} <= keys
    if suffix == "mov":  # Matroska keeps no decoding times
        assert all(a < b for a, b in itertools.pairwise(dts for _, dts, _ in found))
        assert all(dts <= pts for pts, dts, _ in found)
    times = [time for time, _ in decode_luma(output)]
    wanted = [time for time, _ in decode_luma(source)]
    assert len(times) == 30
    assert all(abs(a - b) < Fraction(1, 900) for a, b in zip(times, wanted, strict=True))


def test_finished_segments_are_found_again(tmp_path: Path) -> None:
    source, output = make_film(tmp_path / "film.mkv", frames=12), tmp_path / "out.mkv"
    with FilmReader(source) as reader:
        plan = plan_output(reader.info, fast_settings(), output)
        folder = SegmentFolder(tmp_path, output)
        frames = iter(reader)
        for number, count in enumerate((5, 4)):
            encoder = SegmentEncoder(folder, plan, reader.info.video, threads=1)
            for frame in itertools.islice(frames, count):
                encoder.write(colored(frame, plan.target), frame.pts)
            encoder.finish({"number": number})
        unfinished = SegmentEncoder(folder, plan, reader.info.video, threads=1)
        unfinished.write(colored(next(frames), plan.target), 10**6)
    again = SegmentFolder(tmp_path, output)
    assert again.finished == folder.finished
    assert [record.state for record in again.finished] == [{"number": 0}, {"number": 1}]
    assert [len(list(again.packets(record))) for record in again.finished] == [5, 4]
    unfinished.abort()
    assert not again.packets_path(unfinished.record).exists()


@pytest.mark.parametrize("damage", ["cut short", "record", "gone"])
def test_damaged_segments_are_not_used(tmp_path: Path, damage: str) -> None:
    source, output = make_film(tmp_path / "film.mkv", frames=12), tmp_path / "out.mkv"
    with FilmReader(source) as reader:
        plan = plan_output(reader.info, fast_settings(), output)
        folder = SegmentFolder(tmp_path, output)
        frames = iter(reader)
        for _ in range(3):
            encoder = SegmentEncoder(folder, plan, reader.info.video, threads=1)
            for frame in itertools.islice(frames, 4):
                encoder.write(colored(frame, plan.target), frame.pts)
            encoder.finish({})
    path = folder.packets_path(folder.finished[1])
    if damage == "cut short":
        path.write_bytes(path.read_bytes()[:-1])
    elif damage == "record":
        (tmp_path / "000001.json").write_text('{"number": 1, "pts"')
    else:
        path.unlink()
    assert SegmentFolder(tmp_path, output).finished == folder.finished[:1]


@pytest.mark.parametrize("damage", ["a bit", "a packet", "all", "gone"])
def test_a_file_that_changes_meanwhile_is_noticed(tmp_path: Path, damage: str) -> None:
    source, output = make_film(tmp_path / "film.mkv", frames=8), tmp_path / "out.mkv"
    with FilmReader(source) as reader:
        plan = plan_output(reader.info, fast_settings(), output)
        folder = SegmentFolder(tmp_path, output)
        encoder = SegmentEncoder(folder, plan, reader.info.video, threads=1)
        for frame in reader:
            encoder.write(colored(frame, plan.target), frame.pts)
        encoder.finish({})
    (record,) = folder.finished
    path = folder.packets_path(record)
    content = bytearray(path.read_bytes())
    if damage == "a bit":
        content[-30] ^= 1
    elif damage == "a packet":
        del content[-record.sizes[-1] :]
    elif damage == "all":
        content[:] = bytes(len(content))
    path.write_bytes(content)
    if damage == "gone":
        path.unlink()
    with pytest.raises(VerificationError, match="colour the film again"):
        list(folder.packets(record))
