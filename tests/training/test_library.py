from __future__ import annotations

import gzip
import os
from pathlib import Path

import numpy as np
import pytest

from tests.photographs.made import encoded, photograph, write_photo_shards, write_shard
from vidcolor.errors import PhotoSetError
from vidcolor.training.library import load_library
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
    np.testing.assert_array_equal(library.train[0], photograph(0))


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
    assert library.left_out.grey == 1
    # A PNG that is cut short may be decoded in part by some builds of OpenCV.
    assert set(library.left_out.broken) - {"bad-00.png"} == {"bad-01.jpg", "empty-0.png"}
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
    for a, b in zip(first.val, second.val, strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_validation_folder_is_only_validated_on(tmp_path: Path) -> None:
    shards = write_photo_shards(tmp_path / "shards")
    more = tmp_path / "more"
    more.mkdir()
    (more / "x-1.png").write_bytes(encoded(photograph(900)))
    library = load_library([shards], DataRecipe(), val_folders=[more])
    assert (len(library.train), len(library.val)) == (12, 5)


def test_nothing_to_train_on_is_an_error_that_names_the_folder(tmp_path: Path) -> None:
    with pytest.raises(PhotoSetError, match=str(tmp_path)):
        load_library([tmp_path], DataRecipe())


def test_a_missing_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(PhotoSetError, match="is not a folder"):
        load_library([tmp_path / "nowhere"], DataRecipe())


def test_a_damaged_shard_is_an_error_that_names_it(tmp_path: Path) -> None:
    (tmp_path / "train-0.tar").write_bytes(b"no tar" * 500)
    with pytest.raises(PhotoSetError, match=r"train-0\.tar"):
        load_library([tmp_path], DataRecipe())


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
    assert library.left_out.broken == ["data_batch_2.bin"]
    for found, expected in ((library.train, photos[:3]), (library.val, photos[3:])):
        for a, b in zip(found, expected, strict=True):
            np.testing.assert_array_equal(a, b)


def test_cifar10_as_pickle_is_refused_with_a_hint(tmp_path: Path) -> None:
    for name in ("batches.meta", "data_batch_1"):
        (tmp_path / name).write_bytes(b"\x80\x02}q\x00.")
    with pytest.raises(PhotoSetError, match=r"pickle.*cifar-10-binary"):
        load_library([tmp_path], DataRecipe())


def test_what_memory_does_not_hold_is_read_when_it_is_shown(tmp_path: Path) -> None:
    folder = write_photo_shards(tmp_path)
    held = load_library([folder], DataRecipe())
    streamed = load_library([folder], DataRecipe(memory_mib=0))
    assert streamed.counts() == held.counts()
    assert streamed.train.sources == held.train.sources
    for ours, theirs in ((streamed.train, held.train), (streamed.val, held.val)):
        for a, b in zip(ours, theirs, strict=True):
            np.testing.assert_array_equal(a, b)


def test_broken_photos_of_a_streamed_shard_are_found_when_shown(tmp_path: Path) -> None:
    folder = write_photo_shards(tmp_path)
    write_shard(folder / "train-2.tar", {"bad-0.jpg": b"not a picture"})
    library = load_library([folder], DataRecipe(memory_mib=0))
    assert library.counts()["broken"] == 0
    assert len(list(library.train)) == 13
    assert library.left_out.broken == ["bad-0.jpg"]


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (("imagenet-train-000.tar", "imagenet-val-000.tar"), (3, 2)),
        (("00000.tar", "00001.tar"), None),  # split by the names inside
    ],
)
def test_shards_that_no_pattern_names_are_used_all_the_same(
    tmp_path: Path, names: tuple[str, str], expected: tuple[int, int] | None
) -> None:
    counts = (3, 2) if expected else (40, 40)
    for shard, (name, count) in enumerate(zip(names, counts, strict=True)):
        files = {f"{shard}{i:03}.png": encoded(photograph(i)) for i in range(count)}
        labels = {f"{shard}{i:03}.json": b"{}" for i in range(count)}
        write_shard(tmp_path / name, files | labels)
    library = load_library([tmp_path], DataRecipe(split=0.2))
    found = len(library.train), len(library.val)
    assert sum(found) == sum(counts)
    assert expected is None or found == expected


def test_a_compressed_shard_is_refused_with_a_hint(tmp_path: Path) -> None:
    folder = write_photo_shards(tmp_path)
    shard = folder / "train-0.tar"
    shard.write_bytes(gzip.compress(shard.read_bytes()))
    with pytest.raises(PhotoSetError, match=r"train-0\.tar as an uncompressed tar"):
        load_library([folder], DataRecipe())


def test_a_name_that_only_contains_val_is_no_validation_shard(tmp_path: Path) -> None:
    files = {f"a-{i}.png": encoded(photograph(i)) for i in range(40)}
    write_shard(tmp_path / "carnival.tar", files)
    library = load_library([tmp_path], DataRecipe(split=0.2))
    assert len(library.train) > len(library.val) > 0


def test_a_broken_file_is_counted_once_however_often_it_is_met(tmp_path: Path) -> None:
    folder = write_photo_shards(tmp_path)
    write_shard(folder / "train-2.tar", {"bad-0.jpg": b"not a picture"})
    library = load_library([folder], DataRecipe(memory_mib=0))
    for photos in (library.train, library.train.spaced(99), library.train.spaced(12)):
        list(photos)
    assert library.counts()["broken"] == 1


def test_a_validation_shard_with_another_name_than_the_pattern(tmp_path: Path) -> None:
    for name, count in (("train-000.tar", 5), ("val-000.tar", 3), ("notes.tar", 2)):
        files = {f"{name}-{i}.png": encoded(photograph(i)) for i in range(count)}
        write_shard(tmp_path / name, files)
    library = load_library([tmp_path], DataRecipe())
    assert (len(library.train), len(library.val)) == (5, 3)


def test_names_of_files_need_not_be_unicode(tmp_path: Path) -> None:
    for index in range(60):
        name = os.fsdecode(b"caf\xe9-%d.png" % index)
        (tmp_path / name).write_bytes(encoded(photograph(index)))
    assert len(load_library([tmp_path], DataRecipe(split=0.2)).train) > 20
