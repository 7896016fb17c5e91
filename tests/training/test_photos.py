from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.training.photographs import encoded, photograph, write_photo_shards, write_shard
from vidcolor.errors import TrainingDataError
from vidcolor.training.photos import (
    PhotoSet,
    decode_photo,
    load_library,
    mean_chroma,
    source_of,
)
from vidcolor.training.recipe import DataRecipe


def test_shards_are_sorted_into_sets(tmp_path: Path) -> None:
    library = load_library([write_photo_shards(tmp_path)], DataRecipe())
    assert library.counts() == {
        "train": 12,
        "extra": 6,
        "val": 4,
        "held_out": 0,
        "grey": 0,
        "broken": 0,
    }
    assert set(library.train.sources) == {"town", "farm"}
    np.testing.assert_array_equal(library.train.photos[0], photograph(0))


def test_held_out_sources_are_never_trained_on(tmp_path: Path) -> None:
    recipe = DataRecipe(held_out_sources=("farm",))
    library = load_library([write_photo_shards(tmp_path)], recipe)
    assert set(library.train.sources) == {"town"}
    assert len(library.held_out) == 6


def test_broken_and_grey_files_are_counted_and_left_out(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = write_photo_shards(tmp_path)
    grey = np.full((40, 50, 3), 90, np.uint8)
    good = encoded(photograph(7))
    write_shard(
        folder / "train-2.tar",
        {
            "old-00.png": encoded(grey),
            "bad-00.png": good[: len(good) // 2],
            "bad-01.jpg": b"not a picture",
            "empty-0.png": b"",
            "readme.txt": b"skipped",
        },
    )
    library = load_library([folder], DataRecipe())
    assert library.grey == 1
    # A PNG that is cut short may be decoded in part by some builds of OpenCV.
    assert set(library.broken) - {"bad-00.png"} == {"bad-01.jpg", "empty-0.png"}
    assert "could not be decoded" in caplog.text


def test_loose_pictures_are_split_by_name_and_always_alike(tmp_path: Path) -> None:
    for index in range(40):
        path = tmp_path / f"album{index % 3}" / f"photo-{index:02d}.png"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(encoded(photograph(index)))
    recipe = DataRecipe(split=0.25)
    first, second = (load_library([tmp_path], recipe) for _ in range(2))
    assert len(first.train) + len(first.val) == 40
    assert 0 < len(first.val) < 25
    for a, b in zip(first.val.photos, second.val.photos, strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_validation_folder_is_only_validated_on(tmp_path: Path) -> None:
    shards = write_photo_shards(tmp_path / "shards")
    more = tmp_path / "more"
    more.mkdir()
    (more / "x-1.png").write_bytes(encoded(photograph(900)))
    library = load_library([shards], DataRecipe(), val_folders=[more])
    assert (len(library.train), len(library.val)) == (12, 5)


def test_nothing_to_train_on_is_an_error_that_names_the_folder(tmp_path: Path) -> None:
    with pytest.raises(TrainingDataError, match=str(tmp_path)):
        load_library([tmp_path], DataRecipe())


def test_a_missing_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(TrainingDataError, match="is not a folder"):
        load_library([tmp_path / "nowhere"], DataRecipe())


def test_a_damaged_shard_is_an_error_that_names_it(tmp_path: Path) -> None:
    (tmp_path / "train-0.tar").write_bytes(b"no tar" * 500)
    with pytest.raises(TrainingDataError, match=r"train-0\.tar"):
        load_library([tmp_path], DataRecipe())


def test_large_photos_are_reduced() -> None:
    photo = decode_photo(encoded(photograph(1, 300, 200)), max_short_side=100)
    assert photo is not None
    assert photo.shape == (100, 150, 3)


def test_colours_come_out_as_rgb() -> None:
    red = np.zeros((20, 20, 3), np.uint8)
    red[..., 0] = 255
    photo = decode_photo(encoded(red), max_short_side=100)
    assert photo is not None
    assert photo[10, 10].tolist() == [255, 0, 0]
    assert mean_chroma(photo) == 255


def test_source_is_what_stands_before_the_hash() -> None:
    assert source_of("clothing-co-parsing-0123abcd.webp") == "clothing-co-parsing"
    assert source_of("holiday.jpg") == "holiday"


def test_spaced_keeps_sources_beside_their_photos() -> None:
    photos = PhotoSet([photograph(i) for i in range(10)], [str(i) for i in range(10)])
    some = photos.spaced(4)
    assert some.sources == ["0", "2", "5", "7"]
    np.testing.assert_array_equal(some.photos[2], photograph(5))
    assert photos.spaced(99) is photos


@pytest.mark.parametrize(
    ("train", "val"),
    [("train/n01", "val/n01"), ("train2017", "val2017"), ("training/a", "validation/a")],
)
def test_folders_named_train_and_val_are_taken_at_their_word(
    tmp_path: Path, train: str, val: str
) -> None:
    for index in range(6):
        path = tmp_path / (val if index < 2 else train) / f"photo-{index}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encoded(photograph(index)))
    library = load_library([tmp_path], DataRecipe())
    assert (len(library.train), len(library.val)) == (4, 2)


def test_cifar10_in_its_binary_version(tmp_path: Path) -> None:
    folder = tmp_path / "cifar-10-batches-bin"
    folder.mkdir()
    photos = [photograph(seed, 32, 32) for seed in range(5)]
    records = [bytes([3]) + photo.transpose(2, 0, 1).tobytes() for photo in photos]
    (folder / "data_batch_1.bin").write_bytes(b"".join(records[:3]))
    (folder / "test_batch.bin").write_bytes(b"".join(records[3:]))
    (folder / "data_batch_2.bin").write_bytes(records[0][:100])
    library = load_library([tmp_path], DataRecipe())
    assert library.broken == ["data_batch_2.bin"]
    for found, expected in ((library.train, photos[:3]), (library.val, photos[3:])):
        for a, b in zip(found.photos, expected, strict=True):
            np.testing.assert_array_equal(a, b)


def test_cifar10_as_pickle_is_refused_with_a_hint(tmp_path: Path) -> None:
    for name in ("batches.meta", "data_batch_1"):
        (tmp_path / name).write_bytes(b"\x80\x02}q\x00.")
    with pytest.raises(TrainingDataError, match=r"pickle.*cifar-10-binary"):
        load_library([tmp_path], DataRecipe())
