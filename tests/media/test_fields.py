"""`vidcolor.media.fields`: marks and combs of whole films."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import pytest

import vidcolor.media.fields
from tests.synthetic import (
    make_fields,
    make_film,
    make_soft_telecine,
    run_ffmpeg,
)
from vidcolor.frames import FieldReport
from vidcolor.media.fields import _decoded, described, field_notices, find_fields, with_fields
from vidcolor.media.probe import probe

INTERLACED = FieldReport("tff", True, "tff", None, 15, 15)


@pytest.mark.parametrize("order", ["tff", "bff"])
@pytest.mark.parametrize("marked", [True, False])
@pytest.mark.parametrize(("kind", "pulldown"), [("fields", None), ("pulldown", "hard")])
def test_fields_are_found(
    tmp_path: Path, order: str, marked: bool, kind: str, pulldown: str | None
) -> None:
    film = make_fields(tmp_path / "film.mkv", order=order, marked=marked, kind=kind)
    fields = find_fields(probe(film))
    assert (fields.found, fields.order, fields.pulldown) == (order, order, pulldown)
    assert (fields.marked, fields.frames_marked) == (order if marked else None, marked)
    assert fields.combed == (6 if pulldown else 15)
    assert fields.sampled == 15


@pytest.mark.parametrize("marked", [True, False])
def test_whole_frames_have_no_combs(tmp_path: Path, marked: bool) -> None:
    film = make_fields(tmp_path / "film.mkv", kind="whole", marked=marked)
    fields = find_fields(probe(film))
    assert (fields.found, fields.combed, fields.pulldown) == (None, 0, None)
    assert fields.order == ("tff" if marked else None)


def test_a_few_combs_are_counted_though_they_prove_nothing(tmp_path: Path) -> None:
    fields = find_fields(probe(make_fields(tmp_path / "film.mkv", whole_until=11)))
    assert (fields.found, fields.order, fields.combed) == (None, "tff", 4)
    assert "4 of 15 frames that were looked at are combed" in described(fields)


@pytest.mark.parametrize(
    ("name", "order", "encoder"),
    [
        ("film.mp4", "tff", ("-c:v", "libx264", "-x264-params", "tff=1")),
        ("film.mkv", "bff", ("-c:v", "libx264", "-x264-params", "bff=1")),
        ("film.mpg", "bff", ("-c:v", "mpeg2video", "-q:v", "2")),
        ("film.mov", "tff", ("-c:v", "prores_ks", "-pix_fmt", "yuv422p10le")),
        ("film.mov", "tff", ("-c:v", "v210", "-pix_fmt", "yuv422p10le")),
    ],
)
def test_every_codec_and_container_says_it(
    tmp_path: Path, name: str, order: str, encoder: tuple[str, ...]
) -> None:
    film = make_fields(tmp_path / name, order=order, encoder=encoder)
    fields = find_fields(probe(film))
    assert fields == FieldReport(order, True, order, None, 15, 15)


def test_a_long_film_is_looked_at_in_several_places(tmp_path: Path) -> None:
    """Whole frames, but for the last third."""
    film = make_fields(
        tmp_path / "film.mkv", frames=210, width=64, height=48, marked=False, whole_until=150
    )
    fields = find_fields(probe(film))
    assert fields.found == "tff"
    assert fields.sampled == 72
    assert 12 <= fields.combed <= 36


def test_what_takes_in_idet_is_not_interlaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    film = tmp_path / "film.mkv"
    drawn = ("-f", "lavfi", "-i", "testsrc2=s=128x96:r=25:d=0.8", "-pix_fmt", "yuv420p")
    run_ffmpeg(*drawn, "-c:v", "ffv1", str(film))
    assert find_fields(probe(film)) == FieldReport(sampled=20)
    monkeypatch.setattr("vidcolor.media.fields.has_combs", lambda *_: True)
    assert find_fields(probe(film)).found is not None, "idet alone was to be taken in"


def test_soft_telecine_is_whole_frames(tmp_path: Path) -> None:
    film = make_soft_telecine(tmp_path / "film.mpg")
    info = probe(film)
    assert info.video.field_order == "progressive"
    fields = find_fields(info)
    assert (fields.order, fields.pulldown) == (None, "soft")
    assert described(fields) == "soft telecine: whole frames"


def test_a_plain_film_is_progressive(tmp_path: Path) -> None:
    fields = find_fields(probe(make_film(tmp_path / "film.mp4", frames=20, vfr=True)))
    assert fields == FieldReport(sampled=20)
    assert described(fields) == "progressive"


@pytest.mark.parametrize("frames", [1, 2])
def test_too_short_to_tell(tmp_path: Path, frames: int) -> None:
    film = make_fields(tmp_path / "film.mkv", frames=frames)
    assert find_fields(probe(film)).found is None


def test_damage_is_left_to_the_run(tmp_path: Path) -> None:
    film = make_fields(tmp_path / "film.mkv", frames=40)
    content = bytearray(film.read_bytes())
    middle = len(content) // 2
    content[middle:] = np.random.default_rng(0).bytes(len(content) - middle)
    film.write_bytes(content)
    fields = find_fields(probe(film))
    assert fields.found == "tff"
    assert 10 < fields.sampled < 40


def test_samples_that_idet_does_not_take(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    film = make_fields(tmp_path / "film.mkv")
    idet = vidcolor.media.fields._idet
    monkeypatch.setattr(
        "vidcolor.media.fields._idet", lambda _: idet(av.VideoFrame(64, 48, "bgr4"))
    )
    fields = find_fields(probe(film))
    assert (fields.found, fields.order, fields.sampled) == (None, "tff", 0)


def test_a_place_without_frames_comes_to_an_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vidcolor.media.fields.MOST_BARREN_PACKETS", 30)
    info = probe(make_film(tmp_path / "film.mkv", frames=2))
    packets = 0

    class Packet:
        def decode(self) -> list[object]:
            if packets > 20:
                raise av.error.InvalidDataError(1, "damaged")
            return []

    class Container:
        def demux(self, _: object) -> Iterator[Packet]:
            nonlocal packets
            while True:
                packets += 1
                yield Packet()

    assert list(_decoded(Container(), None, info, 12)) == []
    assert packets == 31


def test_what_the_output_is_marked_with(tmp_path: Path) -> None:
    info = probe(make_film(tmp_path / "film.mkv", frames=2))
    order = info.video.field_order
    only_seen = FieldReport(found="tff")
    assert with_fields(info, only_seen, "auto").video.field_order == order
    some_marked = FieldReport(marked="bff", frames_marked=True)
    assert with_fields(info, some_marked, "auto").video.field_order == "bb"
    assert with_fields(info, some_marked, "bwdif").video.field_order == "progressive"
    assert with_fields(info, FieldReport(), "bwdif").video.field_order == order


def test_notices(tmp_path: Path) -> None:
    video = probe(make_film(tmp_path / "film.mkv", frames=2)).video

    def said(fields: FieldReport | None, what: str, *, is_scaled: bool = False) -> str:
        return "|".join(field_notices(fields, video, what, is_scaled=is_scaled))  # type: ignore[arg-type]

    assert said(FieldReport(), "auto") == said(None, "auto") == said(None, "off") == ""
    assert "each field of combed frames gets its own colours" in said(INTERLACED, "auto")
    assert "deinterlaced by bwdif" in said(INTERLACED, "bwdif")
    assert "scaling mixes the fields" in said(INTERLACED, "auto", is_scaled=True)
    assert "no interlaced frames were found" in said(FieldReport(), "bwdif")
    assert "they keep their times" in said(FieldReport(pulldown="soft"), "auto")
    unmarked = FieldReport(found="bff", pulldown="hard", sampled=15, combed=6)
    assert said(unmarked, "auto").startswith("hard telecine, bottom field first (not marked")
    contradicted = FieldReport(marked="tff", found="bff")
    assert "though marked as top field first" in said(contradicted, "auto")
