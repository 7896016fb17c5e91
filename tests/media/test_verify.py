"""A film that is not what it should be is not let through."""

from __future__ import annotations

import dataclasses
import shutil
from array import array
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import pytest

from tests.media.recolor import Recolored, fast_settings, recolor
from tests.synthetic import fill_plane, make_film, make_frame, plane_values, run_ffmpeg
from vidcolor.errors import VerificationError
from vidcolor.frames import ColorTags
from vidcolor.luma import luma_sha256
from vidcolor.media.copied import CopiedStream
from vidcolor.media.verify import VerifyReport, verify_output


def hashes(run: Recolored) -> list[bytes]:
    return [luma_sha256(luma) for luma in run.luma]


def verify(run: Recolored, path: Path | None = None, **changes: Any) -> VerifyReport:
    arguments = {
        "plan": run.plan,
        "report": run.report,
        "temp": path or run.path,
        "source": run.info,
        "expected_pts": run.report.pts,
        "luma_hashes": hashes(run) if run.plan.codec == "ffv1" else None,
        **changes,
    }
    return verify_output(**arguments)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("verify")


@pytest.fixture(scope="module")
def archive(folder: Path) -> Recolored:
    """An FFV1 copy of a film with sound, subtitles, chapters and an attachment."""
    source = make_film(
        folder / "film.mkv",
        frames=12,
        audio=2,
        subtitles="srt",
        chapters=True,
        attachment=True,
        color=ColorTags(1, 1, 1, full_range=False),
    )
    return recolor(source, folder / "out.mkv", fast_settings("archive"))


@pytest.fixture(scope="module")
def lossy(folder: Path) -> Recolored:
    source = make_film(folder / "film.mp4", frames=12, audio=1, rotation=90, vfr=True)
    return recolor(source, folder / "out.mp4")


def remade(run: Recolored, *arguments: str, name: str = "changed") -> Path:
    """The output, passed through the ffmpeg program with ``arguments``."""
    path = run.path.with_name(f"{name}{run.path.suffix}")
    # Otherwise the program marks the first track of sound as the default.
    mode = ("-default_mode", "passthrough", "-disposition:a:0", "0")
    run_ffmpeg("-i", str(run.path), "-map", "0", "-c", "copy", *mode, *arguments, str(path))
    return path


def test_report_of_a_good_film(archive: Recolored, lossy: Recolored) -> None:
    report = verify(archive)
    assert report.frames == report.frames_decoded == report.luma_identical == 12
    assert report.streams == ("video ffv1", "audio aac", "audio aac", "subtitle subrip")
    assert report.largest_pts_error_s <= 0.0005
    assert report.length_s == pytest.approx(0.5, abs=0.05)
    assert verify(lossy).frames_decoded == 0
    assert verify(lossy).largest_pts_error_s == 0


class TestFrames:
    @pytest.mark.parametrize("change", ["one too many", "one missing"])
    def test_count(self, archive: Recolored, change: str) -> None:
        pts = array("q", archive.report.pts)
        if change == "one missing":
            pts.append(pts[-1] + 42)
        else:
            pts.pop()
        with pytest.raises(VerificationError, match="number of frames differs"):
            verify(archive, expected_pts=pts)

    @pytest.mark.parametrize("index", [0, 5, 11])
    def test_time_of_one_frame(self, lossy: Recolored, index: int) -> None:
        pts = array("q", lossy.report.pts)
        pts[index] += 2  # ticks of 1/16000 s; the file's tick is the same
        with pytest.raises(VerificationError, match=f"frame {index} is shown at another time"):
            verify(lossy, expected_pts=pts)
        pts[index] -= 1
        assert verify(lossy, expected_pts=pts).largest_pts_error_s == pytest.approx(1 / 16_000)

    @pytest.mark.parametrize("index", [0, 11])
    def test_luma_of_one_frame(self, archive: Recolored, index: int) -> None:
        wanted = hashes(archive)
        wanted[index] = wanted[index][::-1]
        with pytest.raises(VerificationError, match=rf"luma is not exact \(frame {index}\)"):
            verify(archive, luma_hashes=wanted)

    def test_one_changed_sample_in_the_file(self, archive: Recolored, folder: Path) -> None:
        path = folder / "sample.mkv"
        with av.open(str(archive.path)) as source, av.open(str(path), "w") as out:
            stream = out.add_stream("ffv1", rate=24)
            template = source.streams.video[0]
            stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
            stream.codec_context.time_base = template.time_base
            for name in ("colorspace", "color_primaries", "color_trc", "color_range"):
                setattr(stream.codec_context, name, 1)
            for index, frame in enumerate(source.decode(template)):
                luma = plane_values(frame)
                luma[10, 20] ^= index == 7
                fresh = make_frame(index, 64, 48, "yuv420p")
                fill_plane(fresh.planes[0], luma)
                fresh.pts, fresh.time_base = frame.pts, frame.time_base
                out.mux(stream.encode(fresh))
            out.mux(stream.encode(None))
        alone = dataclasses.replace(
            archive.report, streams=(), chapters=0, pictures_and_files=0, file_digests=()
        )
        with pytest.raises(VerificationError, match=r"luma is not exact \(frame 7\)"):
            verify(archive, path, report=alone)


class TestStreams:
    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (("-map", "-0:a:1"), "its streams differ"),
            (("-map", "-0:s"), "its streams differ"),
            (("-map", "-0:t"), "covers and attachments differ"),
            (("-map_chapters", "-1"), "chapters are missing"),
            (("-metadata:s:a:1", "language=fra"), "a language tag differs"),
            (("-c:a", "flac"), "its streams differ"),
            (("-metadata:s:a:0", "title=Other"), "the title of stream 1 differs"),
            (("-disposition:a:1", "forced"), "the flags of stream 2 differ"),
        ],
    )
    def test_something_is_missing_or_other(
        self, archive: Recolored, arguments: tuple[str, ...], message: str
    ) -> None:
        with pytest.raises(VerificationError, match=message):
            verify(archive, remade(archive, *arguments))

    def test_one_byte_of_sound(self, archive: Recolored, folder: Path) -> None:
        path = folder / "byte.mkv"
        content = bytearray(archive.path.read_bytes())
        with av.open(str(archive.path)) as container:
            payloads = [bytes(p) for p in container.demux(container.streams.audio[0]) if p.size]
        position = content.index(payloads[5])
        content[position + 10] ^= 1
        path.write_bytes(content)
        with pytest.raises(VerificationError, match=r"stream 1 \(audio\) is not the source's"):
            verify(archive, path)

    def test_words_of_a_subtitle(self, archive: Recolored, folder: Path) -> None:
        path = folder / "words.mkv"
        content = archive.path.read_bytes()
        with av.open(str(archive.path)) as container:
            payloads = [bytes(p) for p in container.demux(container.streams.subtitles[0]) if p.size]
        assert content.count(payloads[0]) == 1
        path.write_bytes(content.replace(payloads[0], b"x" * len(payloads[0])))
        with pytest.raises(VerificationError, match=r"stream 3 \(subtitle\) is not the source's"):
            verify(archive, path)

    def test_one_byte_of_an_attachment(self, archive: Recolored, folder: Path) -> None:
        path = folder / "font.mkv"
        content = archive.path.read_bytes()
        with av.open(str(archive.path)) as container:
            payload = container.streams.attachments[0].data
        assert content.count(payload) == 1
        path.write_bytes(content.replace(payload, b"?" + payload[1:]))
        with pytest.raises(VerificationError, match="an attachment differs"):
            verify(archive, path)

    @pytest.mark.parametrize(("delay", "fails"), [(0.002, False), (0.02, True)])
    def test_sound_at_another_time(self, lossy: Recolored, delay: float, fails: bool) -> None:
        def later(copied: CopiedStream) -> CopiedStream:
            times = array("d", [time + delay for time in copied.times_s])
            return dataclasses.replace(copied, times_s=times)

        streams = tuple(map(later, lossy.report.streams))
        report = dataclasses.replace(lossy.report, streams=streams)
        if not fails:
            assert verify(lossy, report=report).frames == 12
            return
        with pytest.raises(VerificationError, match="is heard at another time"):
            verify(lossy, report=report)

    @pytest.mark.parametrize("mark", [(0.0, 0.3, "Beginning"), (0.1, 0.25, "Beginning")])
    def test_chapter(self, archive: Recolored, mark: tuple[float, float, str]) -> None:
        marks = (mark, *archive.report.chapter_marks[1:])
        report = dataclasses.replace(archive.report, chapter_marks=marks)
        with pytest.raises(VerificationError, match="a chapter differs"):
            verify(archive, report=report)

    @pytest.mark.parametrize("first", [0, 1])
    def test_frames_that_cannot_be_decoded(
        self, lossy: Recolored, folder: Path, first: int
    ) -> None:
        path = folder / "garbage.mp4"
        content = bytearray(lossy.path.read_bytes())
        with av.open(str(lossy.path)) as container:
            payloads = [bytes(p) for p in container.demux(container.streams.video[0]) if p.size]
        for payload in payloads[first:]:
            place = content.index(payload)
            content[place + 4 : place + len(payload)] = b"\xff" * (len(payload) - 4)
        path.write_bytes(content)
        with pytest.raises(VerificationError):
            verify(lossy, path)

    def test_missing_subtitle(self, archive: Recolored) -> None:
        def more(copied: CopiedStream) -> CopiedStream:
            extra = 1 if copied.kind == "subtitle" else 0
            return dataclasses.replace(copied, packets=copied.packets + extra)

        streams = tuple(more(copied) for copied in archive.report.streams)
        report = dataclasses.replace(archive.report, streams=streams)
        with pytest.raises(
            VerificationError, match=r"packets of stream 3 \(subtitle\) are missing"
        ):
            verify(archive, report=report)


class TestFacts:
    @pytest.mark.parametrize(
        ("change", "message"),
        [
            (lambda t: dataclasses.replace(t, width=66), "picture size differs"),
            (
                lambda t: dataclasses.replace(t, color=dataclasses.replace(t.color, matrix=6)),
                "tag matrix differs",
            ),
            (
                lambda t: dataclasses.replace(t, color=dataclasses.replace(t.color, transfer=6)),
                "tag transfer differs",
            ),
            (
                lambda t: dataclasses.replace(t, color=dataclasses.replace(t.color, primaries=9)),
                "tag primaries differs",
            ),
            (
                lambda t: dataclasses.replace(
                    t, color=dataclasses.replace(t.color, full_range=True)
                ),
                "tag full_range differs",
            ),
            (
                lambda t: dataclasses.replace(
                    t, layout=dataclasses.replace(t.layout, bit_depth=10)
                ),
                "pixel format differs",
            ),
        ],
    )
    def test_target(self, archive: Recolored, change: Callable[[Any], Any], message: str) -> None:
        plan = dataclasses.replace(archive.plan, target=change(archive.plan.target))
        with pytest.raises(VerificationError, match=message):
            verify(archive, plan=plan)

    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"sample_aspect_ratio": Fraction(16, 15)}, "pixel aspect ratio differs"),
            ({"rotation": 0}, "rotation differs"),
        ],
    )
    def test_source(self, lossy: Recolored, changes: dict[str, Any], message: str) -> None:
        video = dataclasses.replace(lossy.info.video, **changes)
        with pytest.raises(VerificationError, match=message):
            verify(lossy, source=dataclasses.replace(lossy.info, video=video))

    def test_length(self, lossy: Recolored) -> None:
        report = dataclasses.replace(lossy.report, end_pts=lossy.report.end_pts + 16_000)
        with pytest.raises(VerificationError, match="its length differs"):
            verify(lossy, report=report)


class TestUnreadable:
    @pytest.mark.parametrize("keep", [0.0, 0.02, 0.5, 0.9])
    def test_cut_file(
        self, lossy: Recolored, archive: Recolored, folder: Path, keep: float
    ) -> None:
        for run in (lossy, archive):
            path = folder / f"cut{run.path.suffix}"
            shutil.copy(run.path, path)
            with path.open("r+b") as file:
                file.truncate(int(path.stat().st_size * keep))
            with pytest.raises(VerificationError):
                verify(run, path)

    def test_message_is_one_line(self, lossy: Recolored, folder: Path) -> None:
        path = folder / "text.mp4"
        path.write_text("this is no film\n" * 40)
        with pytest.raises(VerificationError, match="it cannot be read back") as caught:
            verify(lossy, path)
        assert "\n" not in str(caught.value)
