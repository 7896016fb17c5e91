from __future__ import annotations

import threading
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest

from tests.photographs.made import encoded, photograph, write_shard
from vidcolor.colorizer import Colorizer
from vidcolor.errors import Interrupted, PhotoSetError
from vidcolor.evaluation.colorings import Network, Oracle
from vidcolor.evaluation.measures import PictureScores
from vidcolor.evaluation.pictures import (
    LARGEST_SHORT_SIDE,
    MEASURES,
    PhotoEvaluation,
    PhotoFiles,
    evaluate_photos,
)


@pytest.fixture(scope="module")
def evaluation(photo_folder: Path, colorizer: Colorizer) -> PhotoEvaluation:
    rows = [Network("network", colorizer), Oracle(colorizer)]
    return evaluate_photos(PhotoFiles(photo_folder), rows)


def test_every_table_has_the_rows_that_give_figures_a_meaning(evaluation: PhotoEvaluation) -> None:
    assert [table.protocol for table in evaluation.tables] == ["luma", "lab"]
    for table in evaluation.tables:
        names = [row.name for row in table.rows]
        assert names == ["grey", "mean ab", "best L → ab", "network", "oracle"]
        for row in table.rows:
            assert list(row.estimates) == list(MEASURES)
            assert len(row.pictures) == 7
            for estimate in row.estimates.values():
                assert np.isfinite([estimate.value, estimate.low, estimate.high]).all()
            for name in ("psnr", "delta_e", "auc", "colorfulness"):
                estimate = row.estimates[name]
                assert estimate.low <= estimate.value <= estimate.high


def test_figures_are_means_over_the_pictures(evaluation: PhotoEvaluation) -> None:
    row = evaluation.tables[0].rows[3]
    for name in {field.name for field in fields(PictureScores)} - {"auc"}:
        mean = np.mean([getattr(scores, name) for scores in row.pictures])
        assert row.estimates[name].value == pytest.approx(mean)


def test_grey_and_the_oracle_are_the_ends(evaluation: PhotoEvaluation) -> None:
    for table in evaluation.tables:
        rows = {row.name: row.estimates for row in table.rows}
        for measure, sign in (
            ("psnr", 1),
            ("auc", 1),
            ("auc_balanced", 1),
            ("delta_e", -1),
            ("js", -1),
            ("colorfulness_gap", -1),
        ):
            assert sign * rows["oracle"][measure].value > sign * rows["grey"][measure].value
        assert rows["grey"]["colorfulness"].value == pytest.approx(0, abs=0.1)
        gap = table.truth["colorfulness"] - rows["grey"]["colorfulness"].value
        assert rows["grey"]["colorfulness_gap"].value == pytest.approx(gap)


def test_broken_files_are_listed_and_shards_are_read(tmp_path: Path) -> None:
    files = {f"s-{i}.png": encoded(photograph(i)) for i in range(3)}
    write_shard(tmp_path / "any.tar", {**files, "bad.jpg": b"no picture", "label.txt": b"3"})
    evaluation = evaluate_photos(PhotoFiles(tmp_path), [], protocols=["luma"])
    assert [file.name for file in evaluation.files] == ["s-0.png", "s-1.png", "s-2.png"]
    assert evaluation.broken == ["bad.jpg"]


def test_no_more_than_wanted_and_none_too_large(tmp_path: Path, photo_folder: Path) -> None:
    chosen = PhotoFiles(photo_folder, 3).files
    assert [file.name for file in chosen] == ["photo-0.png", "photo-2.png", "photo-4.png"]
    (tmp_path / "large.png").write_bytes(encoded(photograph(0, 900, 700)))
    files = PhotoFiles(tmp_path)
    photo = files.decode(files.files[0])
    assert photo is not None
    assert min(photo.shape[:2]) == LARGEST_SHORT_SIDE


@pytest.mark.parametrize("content", [None, b"no picture"])
def test_a_folder_without_pictures(tmp_path: Path, content: bytes | None) -> None:
    if content:
        (tmp_path / "bad.png").write_bytes(content)
    with pytest.raises(PhotoSetError):
        evaluate_photos(PhotoFiles(tmp_path), [])
    with pytest.raises(PhotoSetError, match="is not a folder"):
        PhotoFiles(tmp_path / "missing")


def test_it_can_be_stopped(photo_folder: Path) -> None:
    cancel = threading.Event()
    done: list[int] = []

    def stop(step: int, steps: int) -> None:
        done.append(step)
        assert steps == 14
        if step == 9:
            cancel.set()

    with pytest.raises(Interrupted):
        evaluate_photos(
            PhotoFiles(photo_folder), [], protocols=["luma"], cancel=cancel, on_progress=stop
        )
    assert done == list(range(1, 10))
