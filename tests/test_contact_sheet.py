from __future__ import annotations

import numpy as np
import pytest

from vidcolor.contact_sheet import (
    GAP,
    LABEL_HEIGHT,
    SHEET_COLUMNS,
    TILE_HEIGHT,
    TILE_WIDTH,
    clock,
    fitted,
    labelled,
    sheet_of,
)


@pytest.mark.parametrize("channels", [(), (3,)])
def test_rows_of_tiles(channels: tuple[int, ...]) -> None:
    tiles = [labelled(np.full((10, 20, *channels), 200, np.uint8), str(n)) for n in range(8)]
    sheet = sheet_of(tiles)
    rows, columns = TILE_HEIGHT + LABEL_HEIGHT + GAP, TILE_WIDTH + GAP
    assert sheet.shape == (2 * rows + GAP, SHEET_COLUMNS * columns + GAP, *channels)
    assert (sheet[rows : 2 * rows, columns + TILE_WIDTH // 2] == 200).any()
    assert not sheet[rows + GAP :, 2 * columns + GAP :].any()  # two in the second row


@pytest.mark.parametrize(
    ("aspect", "size"), [(4.0, (48, 192)), (0.5, (108, 54)), (16 / 9, (108, 192))]
)
def test_pictures_fit_their_tile(aspect: float, size: tuple[int, int]) -> None:
    assert fitted(np.zeros((64, 64), np.uint8), aspect).shape == size


def test_clock() -> None:
    assert clock(3725.0401) == "1:02:05.040"
    assert clock(-1) == "0:00:00.000"
