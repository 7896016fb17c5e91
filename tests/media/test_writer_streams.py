"""Sound, subtitles, chapters, covers and all else in the file go along."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest

from tests.matrix.bitmaps import write_pgs
from tests.media.recolor import (
    CONTAINERS,
    fast_settings,
    recolor,
    times,
)
from tests.synthetic import (
    audio_packets,
    make_film,
    make_frame,
    plane_values,
    run_ffmpeg,
    stream_packets,
)
from vidcolor.media.probe import probe


def segments(graphics: bytes) -> list[bytes]:
    """Of a ``.sup`` file, each with its times."""
    parts: list[bytes] = []
    while graphics:
        length = 13 + int.from_bytes(graphics[11:13], "big")
        parts.append(graphics[:length])
        graphics = graphics[length:]
    return parts


class TestWholeFile:
    @pytest.mark.parametrize("suffix", CONTAINERS)
    def test_everything_is_carried_over(self, tmp_path: Path, suffix: str) -> None:
        subtitles = ["srt", "ass"] if suffix == "mkv" else "mov_text"
        source = make_film(
            tmp_path / f"film.{suffix}",
            frames=12,
            audio=2,
            subtitles=subtitles,
            chapters=True,
            attachment=suffix == "mkv",
            metadata={"title": "An old film", "artist": "Nobody"},
        )
        run = recolor(source, tmp_path / f"out.{suffix}")
        before, after = probe(source), probe(run.path)
        assert [s.kind for s in after.streams] == [s.kind for s in before.streams]
        assert [s.codec for s in after.streams[1:]] == [s.codec for s in before.streams[1:]]
        assert [s.language for s in after.streams] == [s.language for s in before.streams]
        assert [s.dispositions for s in after.streams] == [s.dispositions for s in before.streams]
        assert after.num_chapters == before.num_chapters == 2
        for key in ("title", "artist"):
            assert {k.lower(): v for k, v in after.metadata.items()}[key] == before.metadata[
                next(k for k in before.metadata if k.lower() == key)
            ]
        for track in (0, 1):
            assert audio_packets(run.path, track) == audio_packets(source, track)
        assert run.verification.identical_audio_packets == sum(
            len(audio_packets(source, track)) for track in (0, 1)
        )

    def test_graphics_that_come_in_parts(self, tmp_path: Path) -> None:
        """A transport stream has a packet for each part of a PGS picture; Matroska one for all."""
        film, source = make_film(tmp_path / "film.mp4"), tmp_path / "film.m2ts"
        both = ("-i", str(film), "-i", str(write_pgs(tmp_path)), "-map", "0", "-map", "1")
        run_ffmpeg(*both, "-c", "copy", str(source))
        run = recolor(source, tmp_path / "out.mkv")
        before, after = stream_packets(source, 1), stream_packets(run.path, 1)
        assert (len(before), len(after)) == (16, 4)
        assert b"".join(p[2] for p in before) == b"".join(p[2] for p in after)

    @pytest.mark.parametrize(
        ("missing", "start_s", "kept", "left_out"),
        [
            ({4}, 0.0, 3, 4),  # the end of the first set
            ({0, 1}, 0.0, 3, 3),  # the film begins within one
            ({15}, 0.0, 3, 2),  # and ends within one
            (set(), 0.1, 3, 0),
            (set(), 0.15, 2, 0),  # ffmpeg lets them begin at 0: between the times of one
            ({3}, 0.1, 3, 0),  # before the part that is wanted
        ],
    )
    def test_graphics_of_which_parts_are_missing(
        self, tmp_path: Path, missing: set[int], start_s: float, kept: int, left_out: int
    ) -> None:
        """Of each set all or nothing is kept, and what is kept is whole."""
        parts = segments(write_pgs(tmp_path).read_bytes())
        early = round(90_000 * 0.17).to_bytes(4, "big")  # as on a disc: decoded, then shown
        for n in range(8, 13):
            parts[n] = parts[n][:2] + (parts[n][2:6] if n == 8 else early) + early + parts[n][10:]
        graphics = tmp_path / "parts.sup"
        graphics.write_bytes(b"".join(p for n, p in enumerate(parts) if n not in missing))
        source = tmp_path / "film.m2ts"
        both = ("-i", str(make_film(tmp_path / "film.mp4")), "-i", str(graphics))
        run_ffmpeg(*both, "-map", "0", "-map", "1", "-c", "copy", str(source))
        run = recolor(source, tmp_path / "out.mkv", fast_settings(start_s=start_s))
        after = [payload for *_, payload in stream_packets(run.path, 1)]
        sets = [range(5), range(5, 8), range(8, 13), range(13, 16)]
        whole = [each for each in sets if not missing & set(each)][-kept:]
        assert after == [b"".join(parts[n][10:] for n in each) for each in whole]
        told = [notice for notice in run.report.notices() if "incomplete" in notice]
        expected = f"{left_out} packets belong to incomplete subtitles and are left out"
        assert told == ([f"stream 1 (subtitle): {expected}"] if left_out else [])

    @pytest.mark.parametrize("suffix", CONTAINERS)
    def test_chapters_keep_times_and_titles(self, tmp_path: Path, suffix: str) -> None:
        source = make_film(tmp_path / f"film.{suffix}", frames=24, chapters=True)
        run = recolor(source, tmp_path / f"out.{suffix}")
        with av.open(str(source)) as before, av.open(str(run.path)) as after:
            old, new = (
                [
                    (c["start"] * c["time_base"], c["end"] * c["time_base"], c["metadata"]["title"])
                    for c in container.chapters()
                ]
                for container in (before, after)
            )
        assert new == old

    def test_tags_of_the_file(self, tmp_path: Path) -> None:
        tags = {"title": "Ümlaut", "artist": "A", "comment": "C", "date": "1931", "Reel": "7"}
        source = make_film(tmp_path / "film.mkv", frames=3, metadata=tags)
        for suffix in ("mkv", "mp4", "mov"):
            run = recolor(source, tmp_path / f"out.{suffix}")
            kept = {key.lower(): value for key, value in probe(run.path).metadata.items()}
            told = [notice for notice in run.plan.notices if notice.endswith("REEL")]
            for key, value in tags.items():
                if key != "Reel":
                    assert kept[key] == value
            assert (kept.get("reel") == "7") == (not told) == (suffix == "mkv")

    def test_track_titles(self, tmp_path: Path) -> None:
        source = make_film(tmp_path / "film.mp4", frames=3, audio=2)
        to_mkv = recolor(source, tmp_path / "out.mkv", fast_settings("archive")).path
        with av.open(str(to_mkv)) as mkv:
            assert [s.metadata["title"] for s in mkv.streams.audio] == ["Sound 1", "Sound 2"]
        for suffix in ("mp4", "mov"):
            with av.open(str(recolor(to_mkv, tmp_path / f"out.{suffix}").path)) as other:
                assert [s.metadata["name"] for s in other.streams.audio] == ["Sound 1", "Sound 2"]

    def test_stale_tags_are_gone(self, tmp_path: Path) -> None:
        source = make_film(tmp_path / "film.mkv", frames=3, audio=1)
        run = recolor(source, tmp_path / "out.mp4")
        with av.open(str(run.path)) as container:
            tags = {key.lower() for s in container.streams for key in s.metadata}
            assert "duration" not in tags

    def test_attachment_is_the_same(self, tmp_path: Path) -> None:
        source = make_film(tmp_path / "film.mkv", frames=3, attachment=True)
        run = recolor(source, tmp_path / "out.mkv")
        with av.open(str(source)) as before, av.open(str(run.path)) as after:
            old, new = before.streams.attachments[0], after.streams.attachments[0]
            assert (new.data, new.name, new.mimetype) == (old.data, old.name, old.mimetype)

    @pytest.mark.parametrize("suffix", ["mp4", "mkv"])
    def test_cover_is_kept(self, tmp_path: Path, suffix: str) -> None:
        film = make_film(tmp_path / "film.mp4", frames=3, audio=1)
        picture, source = tmp_path / "cover.png", tmp_path / "cover.mp4"
        make_frame(0, 32, 32, "rgb24").to_image().save(picture)
        run_ffmpeg(
            *("-i", str(film), "-i", str(picture), "-map", "0", "-map", "1", "-c", "copy"),
            *("-disposition:v:1", "attached_pic", str(source)),
        )
        run = recolor(source, tmp_path / f"out.{suffix}")
        with av.open(str(source)) as before, av.open(str(run.path)) as after:
            old, new = (
                next(bytes(p) for p in c.demux(c.streams.video[1]) if p.size)
                for c in (before, after)
            )
            assert new == old
            assert after.streams.video[1].disposition & av.stream.Disposition.attached_pic

    def test_second_film_and_its_sound(self, tmp_path: Path) -> None:
        first = make_film(tmp_path / "a.mp4", frames=6, audio=1, width=64)
        second = make_film(tmp_path / "b.mp4", frames=8, width=48, rate=30)
        source = tmp_path / "both.mp4"
        run_ffmpeg(
            *("-i", str(second), "-i", str(first), "-map", "0", "-map", "1", "-c", "copy"),
            *("-disposition:v:0", "0", "-disposition:v:1", "default", str(source)),
        )
        run = recolor(source, tmp_path / "out.mp4")
        chosen = run.info.video.index
        other = 1 - chosen
        with av.open(str(source)) as before, av.open(str(run.path)) as after:
            old, new = (
                [(bytes(p), p.pts * p.time_base) for p in c.demux(c.streams[other]) if p.size]
                for c in (before, after)
            )
            assert new == old
        with av.open(str(run.path)) as after:
            assert len(list(after.decode(after.streams[chosen]))) == run.report.frames

    @pytest.mark.parametrize("suffix", ["mp4", "mkv"])
    def test_part_of_a_second_film_can_be_decoded(self, tmp_path: Path, suffix: str) -> None:
        options = {"preset": "medium", "g": "8", "bf": "3", "crf": "20"}
        film = make_film(tmp_path / "a.mp4", frames=48)
        second = make_film(tmp_path / "b.mp4", frames=48, width=48, options=options)
        source = tmp_path / "both.mp4"
        run_ffmpeg(
            *("-i", str(film), "-i", str(second), "-map", "0", "-map", "1", "-c", "copy"),
            *("-disposition:v:1", "0", str(source)),
        )
        part = fast_settings(start_s=0.5, duration_s=1.0)
        run = recolor(source, tmp_path / f"out.{suffix}", part)
        assert run.info.video.index == 0
        with av.open(str(source)) as before, av.open(str(run.path)) as after:
            old, new = (
                {round(f.time * 24): plane_values(f) for f in c.decode(c.streams.video[1])}
                for c in (before, after)
            )
        assert min(new) == 8  # the last key frame before the part, which begins with frame 12
        assert 33 <= max(new) < 40
        for index, picture in new.items():
            np.testing.assert_array_equal(picture, old[index])

    def test_timecode_is_written_anew(self, tmp_path: Path) -> None:
        film = make_film(tmp_path / "film.mp4", frames=24)
        source = tmp_path / "timecode.mov"
        run_ffmpeg("-i", str(film), "-c", "copy", "-timecode", "10:20:30:00", str(source))
        run = recolor(source, tmp_path / "out.mov")
        with av.open(str(run.path)) as container:
            assert container.streams.video[0].metadata["timecode"] == "10:20:30:00"
            assert container.streams.data[0].metadata["timecode"] == "10:20:30:00"
        to_mkv = recolor(source, tmp_path / "out.mkv").path
        with av.open(str(to_mkv)) as container:
            tags = {k.lower(): v for k, v in container.streams.video[0].metadata.items()}
            assert tags["timecode"] == "10:20:30:00"

    def test_avi_becomes_matroska(self, tmp_path: Path) -> None:
        source = make_film(
            tmp_path / "film.avi", frames=6, codec="mpeg4", audio=1, audio_codec="libmp3lame"
        )
        run = recolor(source, tmp_path / "out.mkv")
        assert audio_packets(run.path) == audio_packets(source)
        assert len(times(run.path)) == 6

    def test_sound_from_a_transport_stream(self, tmp_path: Path) -> None:
        # There each AAC frame has an ADTS header, which other containers leave out.
        source = make_film(tmp_path / "film.ts", frames=6, audio=1)
        run = recolor(source, tmp_path / "out.mp4")
        assert run.verification.identical_audio_packets == len(audio_packets(source))
        assert audio_packets(run.path)[2] == audio_packets(source)[2][7:]

    def test_mp4_is_laid_out_for_streaming(self, tmp_path: Path) -> None:
        run = recolor(make_film(tmp_path / "film.mp4", frames=3), tmp_path / "out.mp4")
        content = run.path.read_bytes()
        assert 0 < content.index(b"moov") < content.index(b"mdat")

    def test_sound_lies_beside_its_picture(self, tmp_path: Path) -> None:
        # Decoder and encoder delay must not decide where the sound goes in the file.
        source = make_film(tmp_path / "film.mkv", frames=96, width=16, height=16, audio=1)
        run = recolor(source, tmp_path / "out.mkv")
        ahead, latest = 0.0, {"video": 0.0, "audio": 0.0}
        with av.open(str(run.path)) as container:
            for packet in container.demux():
                if packet.size:
                    latest[packet.stream.type] = float(packet.dts * packet.time_base)
                    ahead = max(ahead, abs(latest["video"] - latest["audio"]))
        assert ahead < 0.25

    def test_damaged_sound_is_copied_as_it_is(self, tmp_path: Path) -> None:
        source = make_film(tmp_path / "film.mkv", frames=24, audio=1)
        content = bytearray(source.read_bytes())
        payload = audio_packets(source)[10]
        position = content.index(payload)
        content[position + 4 : position + len(payload)] = bytes(len(payload) - 4)
        source.write_bytes(content)
        run = recolor(source, tmp_path / "out.mkv")
        assert audio_packets(run.path) == audio_packets(source)

    def test_languages_in_mov(self, tmp_path: Path) -> None:
        languages = ["deu", "nld", "swe", "zho", "ell", "mul"]
        film = make_film(tmp_path / "film.mkv", frames=3, audio=len(languages))
        source = tmp_path / "tagged.mkv"
        tags = [f"-metadata:s:a:{i} language={code}".split() for i, code in enumerate(languages)]
        run_ffmpeg(
            *("-i", str(film), "-map", "0", "-c", "copy"),
            *(word for tag in tags for word in tag),
            str(source),
        )
        run = recolor(source, tmp_path / "out.mov", fast_settings("prores"))
        kept = [stream.language for stream in probe(run.path).streams[1:]]
        assert kept[:5] == ["ger", "dut", "sve", "chi", "gre"]
        assert kept[5] in (None, "und")
        assert "stream 6: MOV has no code for its language mul, which is not marked" in (
            run.plan.notices
        )
