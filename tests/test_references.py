"""`vidcolor.references`: keyframes that were edited."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from skimage.color import rgb2lab

from tests.edited_keyframes import HEIGHT, RED, WIDTH, make_folder, plain, write_png
from tests.synthetic import make_film
from vidcolor.errors import InputError, SettingsError
from vidcolor.media.probe import probe
from vidcolor.references import (
    KEYFRAME_LIST,
    ORIGINALS,
    Keyframe,
    Reference,
    edits_digest,
    load_references,
    read_keyframes,
)


@pytest.fixture
def film(tmp_path: Path) -> Path:
    return make_film(tmp_path / "film.mkv", frames=36, cuts=(24,), width=WIDTH, height=HEIGHT)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return make_folder(tmp_path / "keyframes")


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


@pytest.mark.parametrize("mirrored", [False, True])
def test_paint_lies_as_the_frame_is_stored(film: Path, mirrored: bool) -> None:
    """Upright, the left is red; turned back by a quarter, that is the stored frame's bottom."""
    video = probe(film).video
    turned_video = replace(video, rotation=90, mirrored=mirrored)
    rgb = plain()
    rgb[:, : WIDTH // 2] = RED
    keyframe = Keyframe(Path("a.png"), 0, 0, 1)
    edited = rgb[..., 0] == RED[0]
    upright = Reference(keyframe, rgb, edited).paint((16, 24), video)
    assert upright.weight[:, :12].min() == 1
    assert upright.weight[:, 12:].max() == 0
    lab = rgb2lab(np.array(RED) / 255)
    assert upright.ab[:, 0, 0] == pytest.approx(lab[1:], abs=0.1)
    turned = Reference(keyframe, rgb, edited).paint((24, 16), turned_video)
    back = np.rot90(turned.weight, 1)
    back = np.fliplr(back) if mirrored else back
    np.testing.assert_array_equal(back, upright.weight)
