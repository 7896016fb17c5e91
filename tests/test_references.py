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
from vidcolor.errors import DiskFullError, InputError, Interrupted, SettingsError
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

    def test_another_size_alone_is_no_edit(self, folder: Path, film: Path) -> None:
        generator = np.random.default_rng(0)
        picture = cv2.resize(generator.integers(0, 255, (6, 9, 3), np.uint8), (WIDTH, HEIGHT))
        write_png(folder / ORIGINALS / "a.png", picture)
        write_png(folder / "a.png", cv2.resize(picture, (2 * WIDTH, 2 * HEIGHT)))
        with pytest.raises(SettingsError, match="differs from its original"):
            load_references(folder, "film.mkv", probe(film).video)

    def test_large_pictures_are_kept_small(self, folder: Path, film: Path) -> None:
        for place in (folder, folder / ORIGINALS):
            write_png(place / "b.png", cv2.resize(plain(), (3 * 600, 2 * 600)))
        write_png(folder / "b.png", cv2.resize(plain(RED), (3 * 600, 2 * 600)))
        _, reference = load_references(folder, "film.mkv", probe(film).video)
        assert reference.rgb.shape == (512, 768, 3)
        assert reference.edited is not None
        assert reference.edited.shape == (512, 768)

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
