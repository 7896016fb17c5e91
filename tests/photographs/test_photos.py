from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.photographs.made import encoded, photograph
from vidcolor.errors import PhotoSetError
from vidcolor.photographs.files import EncodedFile
from vidcolor.photographs.photos import (
    LeftOut,
    PhotoSet,
    StoredPhoto,
    decode_photo,
    mean_chroma,
)


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


def test_spaced_keeps_sources_beside_their_photos() -> None:
    photos = PhotoSet([photograph(i) for i in range(10)], [str(i) for i in range(10)])
    some = photos.spaced(4)
    assert some.sources == ["0", "2", "5", "7"]
    np.testing.assert_array_equal(some[2], photograph(5))
    assert photos.spaced(99) is photos


def _stored(folder: Path, contents: list[bytes]) -> list[StoredPhoto]:
    """Pictures behind one another in one file, as in a shard."""
    path = folder / "shard"
    path.write_bytes(b"".join(contents))
    offsets = np.cumsum([0, *map(len, contents)])
    return [
        StoredPhoto(EncodedFile(f"s-{i}.png", path, int(offset), len(content)), 192, 3.0)
        for i, (offset, content) in enumerate(zip(offsets, contents, strict=False))
    ]


def test_a_stored_photo_is_decoded_when_it_is_asked_for(tmp_path: Path) -> None:
    stored = _stored(tmp_path, [encoded(photograph(i)) for i in range(3)])
    photos = PhotoSet([*stored], ["s"] * 3)
    np.testing.assert_array_equal(photos[1], photograph(1))
    assert [photo.shape for photo in photos] == [(44, 60, 3)] * 3


def test_a_useless_stored_photo_gives_way_to_the_next_and_is_counted_once(tmp_path: Path) -> None:
    grey = np.full((40, 40, 3), 99, np.uint8)
    contents = [encoded(photograph(0)), b"not a picture", encoded(grey), encoded(photograph(3))]
    left_out = LeftOut()
    photos = PhotoSet([*_stored(tmp_path, contents)], ["s"] * 4, left_out)
    for _ in range(2):
        np.testing.assert_array_equal(photos[1], photograph(3))
        np.testing.assert_array_equal(photos[2], photograph(3))
    assert (left_out.broken, left_out.grey) == (["s-1.png"], 1)


def test_the_first_photo_follows_the_last(tmp_path: Path) -> None:
    photos = PhotoSet([*_stored(tmp_path, [encoded(photograph(0)), b"broken"])], ["s"] * 2)
    np.testing.assert_array_equal(photos[1], photograph(0))


def test_a_set_without_a_usable_photo_is_an_error(tmp_path: Path) -> None:
    photos = PhotoSet([*_stored(tmp_path, [b"broken", b"broken too"])], ["s"] * 2)
    with pytest.raises(PhotoSetError, match="none of 2 photographs"):
        photos[0]
