"""`vidcolor.references`: edited keyframes, and what their shots get of them."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest
from skimage.color import rgb2lab

from tests.synthetic import make_film, plane_values
from vidcolor.colorizer import Colorizer
from vidcolor.config import NetworkSettings, load_preset, override
from vidcolor.errors import InputError, Interrupted, SettingsError
from vidcolor.jobs.folder import find_jobs
from vidcolor.jobs.run import color_film
from vidcolor.media.probe import probe
from vidcolor.references import (
    KEYFRAME_LIST,
    ORIGINALS,
    CarriedColors,
    EditCarrier,
    Keyframe,
    Reference,
    edits_digest,
    keyframe_list,
    load_references,
    read_keyframes,
)
from vidcolor.temporal.carry import Paint

WIDTH, HEIGHT = 96, 64
RED = (200, 60, 60)


@pytest.fixture(scope="module")
def colorizer(untrained_checkpoint: Path) -> Colorizer:
    return Colorizer(
        NetworkSettings(checkpoint=str(untrained_checkpoint), device="cpu", short_side=64)
    )


@pytest.fixture
def film(tmp_path: Path) -> Path:
    return make_film(tmp_path / "film.mkv", frames=36, cuts=(24,), width=WIDTH, height=HEIGHT)


def write_png(path: Path, rgb: np.ndarray) -> None:
    path.parent.mkdir(exist_ok=True, parents=True)
    assert cv2.imwrite(str(path), cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR))


def plain(color: tuple[int, int, int] = (128, 128, 128)) -> np.ndarray:
    return np.full((HEIGHT, WIDTH, 3), color, np.uint8)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two keyframes: the first is red in its left half, the second is as it was."""
    folder = tmp_path / "keyframes"
    half = plain()
    half[:, : WIDTH // 2] = RED
    for name, rgb in (("a.png", half), ("b.png", plain())):
        write_png(folder / name, rgb)
        write_png(folder / ORIGINALS / name, plain())
    keyframes = [
        Keyframe(folder / "a.png", 0.5, 0.0, 1.0),
        Keyframe(folder / "b.png", 1.2, 1.0, 1.5),
    ]
    (folder / KEYFRAME_LIST).write_text(keyframe_list("film.mkv", keyframes))
    return folder


def chroma(path: Path) -> list[np.ndarray]:
    with av.open(str(path)) as container:
        return [
            np.stack([plane_values(frame, 1), plane_values(frame, 2)]).astype(int)
            for frame in container.decode(video=0)
        ]


class TestTheList:
    def test_what_is_written_is_read(self, folder: Path) -> None:
        assert read_keyframes(folder, "film.mkv") == [
            Keyframe(folder / "a.png", 0.5, 0.0, 1.0),
            Keyframe(folder / "b.png", 1.2, 1.0, 1.5),
        ]

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("", "lists no keyframe"),
            ("[[keyframe]", "cannot read the list of keyframes"),
            ("film = 'x.mkv'\n[[keyframe]]\ntime = 1", "lists keyframes of 'x.mkv', not of"),
            ("[[keyframe]]\ntime = 1", "keyframe 1 has no file"),
            ("[[keyframe]]\nfile = 'a.png'\ntime = 1\nstart = 0", "end = None is no number"),
            (
                "[[keyframe]]\nfile = 'a.png'\ntime = 'x'\nstart = 0\nend = 2",
                "time = 'x' is no number",
            ),
            (
                "[[keyframe]]\nfile = 'a.png'\ntime = 3\nstart = 0\nend = 2",
                "time 3 is not between start 0 and end 2",
            ),
            (
                "[[keyframe]]\nfile = '../a.png'\ntime = 1\nstart = 0\nend = 2",
                "'../a.png' must be a file in",
            ),
            ("[[keyframe]]\nfiles = 'a.png'", "has 'files'; allowed are file, time, start, end"),
        ],
    )
    def test_what_is_wrong_is_named(self, tmp_path: Path, text: str, message: str) -> None:
        (tmp_path / KEYFRAME_LIST).write_text(text)
        with pytest.raises(SettingsError, match=r"keyframes\.toml") as caught:
            read_keyframes(tmp_path, "film.mkv")
        assert message in str(caught.value)

    def test_no_list(self, tmp_path: Path) -> None:
        with pytest.raises(SettingsError, match="make a folder of keyframes"):
            read_keyframes(tmp_path, "film.mkv")


class TestLoading:
    def test_only_what_was_edited_counts(self, folder: Path, film: Path) -> None:
        (reference,) = load_references(folder, "film.mkv", probe(film).video)
        assert reference.keyframe.file.name == "a.png"
        assert reference.edited is not None
        assert reference.edited[:, : WIDTH // 2].all()
        assert not reference.edited[:, WIDTH // 2 :].any()

    def test_rounding_is_no_edit(self, folder: Path, film: Path) -> None:
        write_png(folder / "a.png", plain((130, 126, 128)))
        with pytest.raises(SettingsError, match=r"none of the 2 pictures in .* differs"):
            load_references(folder, "film.mkv", probe(film).video)

    def test_without_an_original_all_counts(self, folder: Path, film: Path) -> None:
        (folder / ORIGINALS / "b.png").unlink()
        references = load_references(folder, "film.mkv", probe(film).video)
        assert [reference.edited is None for reference in references] == [False, True]

    def test_another_size_of_the_same_shape(self, folder: Path, film: Path) -> None:
        write_png(folder / "a.png", cv2.resize(plain(RED), (3 * WIDTH, 3 * HEIGHT)))
        (reference,) = load_references(folder, "film.mkv", probe(film).video)
        assert reference.edited is not None
        assert reference.edited.shape == (3 * HEIGHT, 3 * WIDTH)

    def test_another_shape(self, folder: Path, film: Path) -> None:
        write_png(folder / "a.png", cv2.resize(plain(RED), (WIDTH, WIDTH)))
        with pytest.raises(SettingsError, match=r"a\.png is 96×96, another shape than .* 96×64"):
            load_references(folder, "film.mkv", probe(film).video)

    @pytest.mark.parametrize("content", [None, b"no picture"])
    def test_a_picture_that_cannot_be_read(
        self, folder: Path, film: Path, content: bytes | None
    ) -> None:
        (folder / "a.png").unlink()
        if content:
            (folder / "a.png").write_bytes(content)
        with pytest.raises(InputError, match=r"a\.png"):
            load_references(folder, "film.mkv", probe(film).video)

    def test_the_digest_knows_every_change(self, folder: Path, film: Path) -> None:
        video = probe(film).video
        first = edits_digest(load_references(folder, "film.mkv", video))
        assert edits_digest(load_references(folder, "film.mkv", video)) == first
        half = plain()
        half[:, : WIDTH // 2] = (200, 60, 61)
        write_png(folder / "a.png", half)
        assert edits_digest(load_references(folder, "film.mkv", video)) != first


def test_paint_lies_as_the_frame_is_stored() -> None:
    """Upright, the left is red; turned back by a quarter, that is the stored frame's bottom."""
    rgb = plain()
    rgb[:, : WIDTH // 2] = RED
    keyframe = Keyframe(Path("a.png"), 0, 0, 1)
    edited = rgb[..., 0] == RED[0]
    upright = Reference(keyframe, rgb, edited).paint((16, 24), 0)
    assert upright.weight[:, :12].min() == 1
    assert upright.weight[:, 12:].max() == 0
    lab = rgb2lab(np.array(RED) / 255)
    assert upright.ab[:, 0, 0] == pytest.approx(lab[1:], abs=0.1)
    turned = Reference(keyframe, rgb, edited).paint((24, 16), 1)
    back = np.rot90(turned.weight, 1)
    np.testing.assert_array_equal(back, upright.weight)


class TestCarriedColors:
    def test_colours_come_back_by_pts(self) -> None:
        weight = np.zeros((4, 6), np.float32)
        weight[:2] = 0.5
        automatic = np.full((2, 4, 6), 10, np.float32)
        with CarriedColors() as carried:
            carried.add(7, Paint(np.full((2, 4, 6), 30, np.float32), weight))
            carried.add(8, Paint(np.full((2, 4, 6), 30, np.float32), np.zeros_like(weight)))
            assert len(carried) == 1
            assert carried.apply(8, automatic) is automatic
            changed = carried.apply(7, automatic)
            assert changed[0, :2] == pytest.approx(20, abs=0.1)
            assert changed[0, 2:] == pytest.approx(10)
            assert carried.frames_met == 1

    def test_the_later_one_lies_on_top(self) -> None:
        ones = np.ones((2, 2), np.float32)
        with CarriedColors() as carried:
            for value in (30, -50):
                carried.add(1, Paint(np.full((2, 2, 2), value, np.float32), ones))
            assert carried.apply(1, np.zeros((2, 2, 2), np.float32)).min() == -50


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
        with pytest.raises(SettingsError):
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
