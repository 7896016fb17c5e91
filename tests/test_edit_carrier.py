"""`vidcolor.edit_carrier`: what the frames of a shot get of edits."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from tests.edited_keyframes import HEIGHT, RED, WIDTH, make_folder, plain
from tests.synthetic import make_film, plane_values
from vidcolor.colorizer import Colorizer
from vidcolor.config import NetworkSettings, load_preset, override
from vidcolor.edit_carrier import CarriedColors, EditCarrier
from vidcolor.errors import DiskFullError, Interrupted, SettingsError
from vidcolor.jobs.folder import find_jobs
from vidcolor.jobs.run import color_film
from vidcolor.references import (
    KEYFRAME_LIST,
    Keyframe,
    Reference,
)
from vidcolor.temporal.carry import Paint


@pytest.fixture(scope="module")
def colorizer(untrained_checkpoint: Path) -> Colorizer:
    return Colorizer(
        NetworkSettings(checkpoint=str(untrained_checkpoint), device="cpu", short_side=64)
    )


@pytest.fixture
def film(tmp_path: Path) -> Path:
    return make_film(tmp_path / "film.mkv", frames=36, cuts=(24,), width=WIDTH, height=HEIGHT)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return make_folder(tmp_path / "keyframes")


def chroma(path: Path) -> list[np.ndarray]:
    with av.open(str(path)) as container:
        return [
            np.stack([plane_values(frame, 1), plane_values(frame, 2)]).astype(int)
            for frame in container.decode(video=0)
        ]


class TestCarriedColors:
    def test_colours_come_back_by_pts(self) -> None:
        weight = np.zeros((4, 6), np.float32)
        weight[:2] = 0.5
        automatic = np.full((2, 4, 6), 10, np.float32)
        with CarriedColors() as carried:
            carried.add(7, Paint(np.full((2, 4, 6), 30, np.float32), weight), 0)
            carried.add(8, Paint(np.full((2, 4, 6), 30, np.float32), np.zeros_like(weight)), 0)
            assert len(carried) == 1
            assert carried.apply(8, automatic) is automatic
            changed = carried.apply(7, automatic)
            assert changed[0, :2] == pytest.approx(20, abs=0.1)
            assert changed[0, 2:] == pytest.approx(10)
            assert carried.frames_met == 1

    def test_of_two_the_nearer_has_more_say(self) -> None:
        ones = np.ones((2, 2), np.float32)
        shares = []
        for first, second in ((0, 20), (5, 15), (10, 10), (15, 5), (20, 0)):
            with CarriedColors() as carried:
                carried.add(1, Paint(np.full((2, 2, 2), 100, np.float32), ones), first)
                carried.add(1, Paint(np.zeros((2, 2, 2), np.float32), ones), second)
                shares.append(float(carried.apply(1, np.zeros((2, 2, 2), np.float32)).mean()))
        assert shares[0] > 97
        assert shares[2] == pytest.approx(50, abs=0.1)
        assert shares[4] < 3
        assert shares == sorted(shares, reverse=True)

    def test_two_in_different_places_keep_their_strength(self) -> None:
        left, right = np.zeros((2, 4), np.float32), np.zeros((2, 4), np.float32)
        left[:, :2] = right[:, 2:] = 1
        with CarriedColors() as carried:
            carried.add(1, Paint(np.full((2, 2, 4), 60, np.float32), left), 40)
            carried.add(1, Paint(np.full((2, 2, 4), -60, np.float32), right), 1)
            changed = carried.apply(1, np.zeros((2, 2, 4), np.float32))
        assert changed[:, :, :2] == pytest.approx(60, abs=0.1)
        assert changed[:, :, 2:] == pytest.approx(-60, abs=0.1)

    def test_a_full_disk_is_said(self, monkeypatch: pytest.MonkeyPatch) -> None:
        class Full:
            def seek(self, *_: int) -> int:
                return 0

            def write(self, _: bytes) -> int:
                raise OSError(28, "No space left on device")

            def close(self) -> None:
                pass

        with CarriedColors() as carried:
            carried._file.close()
            monkeypatch.setattr(carried, "_file", Full())
            with pytest.raises(DiskFullError, match="name another with TMPDIR"):
                carried.add(
                    1, Paint(np.ones((2, 2, 2), np.float32), np.ones((2, 2), np.float32)), 0
                )


class TestWholeFilms:
    def settings(self, folder: Path | None, **changes: Any) -> Any:
        dotted = {name.replace("__", "."): value for name, value in changes.items()}
        dotted["references"] = None if folder is None else str(folder)
        return override(load_preset("archive"), dotted)

    def test_an_edit_colours_its_shot_and_nothing_else(
        self, film: Path, folder: Path, tmp_path: Path, colorizer: Colorizer
    ) -> None:
        outputs = []
        for name, references in (("with", folder), ("without", None)):
            output = tmp_path / f"{name}.mkv"
            report = color_film(film, output, self.settings(references), colorizer=colorizer)
            outputs.append(chroma(output))
        assert not any("edited colours" in notice for notice in report.notices)
        edited, plain_film = outputs
        for index, (changed, before) in enumerate(zip(edited, plain_film, strict=True)):
            apart = np.abs(changed - before).max(axis=0)
            if index >= 24:
                assert not apart.any()
        at_keyframe = edited[12] - plain_film[12]
        assert (
            at_keyframe[1, :, : WIDTH // 4 - 4].mean() > at_keyframe[1, :, WIDTH // 4 + 4 :].mean()
        )
        assert np.abs(at_keyframe[:, :, WIDTH // 4 + 4 :]).max() <= 1

    def test_the_report_counts_them(
        self, film: Path, folder: Path, tmp_path: Path, colorizer: Colorizer
    ) -> None:
        stages = []
        report = color_film(
            film,
            tmp_path / "out.mkv",
            self.settings(folder),
            colorizer=colorizer,
            on_progress=lambda event: stages.append(event.stage),
        )
        (notice,) = [notice for notice in report.notices if "edited colours" in notice]
        count = int(notice.split()[0])
        assert 1 <= count <= 24

    def test_the_result_does_not_depend_on_segments(
        self, film: Path, folder: Path, tmp_path: Path, colorizer: Colorizer
    ) -> None:
        results = []
        for name, seconds in (("one", 60.0), ("many", 0.25)):
            settings = self.settings(folder, segments__most_s=seconds, segments__least_s=0.0)
            output = tmp_path / f"{name}.mkv"
            color_film(film, output, settings, colorizer=colorizer)
            results.append(chroma(output))
        for one, many in zip(*results, strict=True):
            np.testing.assert_array_equal(one, many)

    def test_a_keyframe_where_no_frame_is(
        self, film: Path, folder: Path, tmp_path: Path, colorizer: Colorizer
    ) -> None:
        text = (folder / KEYFRAME_LIST).read_text()
        late = (
            text.replace("time = 0.500000", "time = 30.5")
            .replace("end = 1.000000", "end = 31.0")
            .replace("start = 0.000000", "start = 30.0")
        )
        (folder / KEYFRAME_LIST).write_text(late)
        with pytest.raises(SettingsError, match=r"a\.png is to colour the frame at 30\.5 s, where"):
            color_film(film, tmp_path / "out.mkv", self.settings(folder), colorizer=colorizer)
        assert not (tmp_path / "out.mkv").exists()
        assert not list(find_jobs(tmp_path))

    def test_two_keyframes_of_one_shot(self, film: Path, colorizer: Colorizer) -> None:
        references = [
            Reference(Keyframe(Path(name), time_s, 0.0, 1.0), plain(color), None)
            for name, time_s, color in (("a", 0.1, RED), ("b", 0.9, (60, 60, 200)))
        ]
        with EditCarrier(film, colorizer).carry(references) as carried:
            assert len(carried) == 24
            grey = np.zeros((2, 16, 24), np.float32)
            b_star = [float(carried.apply(pts, grey)[1].mean()) for pts in _pts(film)[:24]]
        assert b_star[2] > 20
        assert b_star[21] < -20
        assert b_star[2] > b_star[8] > b_star[16] > b_star[21]

    def test_two_edits_at_different_places_last_the_whole_shot(
        self, tmp_path: Path, colorizer: Colorizer
    ) -> None:
        still = make_film(tmp_path / "still.mkv", frames=24, moving=False, width=96, height=64)
        left, right = np.zeros((HEIGHT, WIDTH), np.float32), np.zeros((HEIGHT, WIDTH), np.float32)
        left[:, : WIDTH // 2] = right[:, WIDTH // 2 :] = 1
        edits = [
            Reference(Keyframe(Path("a"), 0.25, 0.0, 1.0), plain(RED), left),
            Reference(Keyframe(Path("b"), 0.7, 0.0, 1.0), plain((60, 60, 200)), right),
        ]
        grey = np.zeros((2, 16, 24), np.float32)
        with EditCarrier(still, colorizer).carry(edits) as carried:
            for pts in _pts(still):
                b_star = carried.apply(pts, grey)[1]
                assert b_star[4:-4, 4:8].mean() > 15, pts
                assert b_star[4:-4, 16:20].mean() < -15, pts

    def test_edits_of_one_frame_lie_in_their_order(self, film: Path, colorizer: Colorizer) -> None:
        """Even where their times are not quite the same; the list's order counts."""
        edits = [
            Reference(Keyframe(Path("a"), 0.5001, 0.0, 1.0), plain((60, 60, 200)), None),
            Reference(Keyframe(Path("b"), 0.5, 0.0, 1.001), plain(RED), None),
        ]
        grey = np.zeros((2, 16, 24), np.float32)
        with EditCarrier(film, colorizer).carry(edits) as carried:
            assert carried.apply(_pts(film)[12], grey)[1].mean() > 20

    def test_a_time_before_the_first_frame_means_that_one(
        self, tmp_path: Path, colorizer: Colorizer
    ) -> None:
        late = make_film(
            tmp_path / "late.mkv", frames=12, start_pts=48, audio=1, width=96, height=64
        )
        edit = Reference(Keyframe(Path("a"), 0.0, 0.0, 9.0), plain(RED), None)
        with EditCarrier(late, colorizer).carry([edit]) as carried:
            assert len(carried) == 12

    def test_a_stop(self, film: Path, colorizer: Colorizer) -> None:
        cancel = threading.Event()
        cancel.set()
        reference = Reference(Keyframe(Path("a"), 0.5, 0.0, 1.0), plain(RED), None)
        carrier = EditCarrier(film, colorizer, cancel=cancel)
        with pytest.raises(Interrupted):
            carrier.carry([reference])


def _pts(film: Path) -> list[int]:
    with av.open(str(film)) as container:
        return [frame.pts for frame in container.decode(video=0) if frame.pts is not None]
