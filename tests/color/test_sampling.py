"""`vidcolor.color.sampling`: chroma siting."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vidcolor.color import luma_on_chroma_grid, siting_shift, upsample_ab

# Weights at luma offsets from sample factor·i, per place of the chroma sample.
KERNELS = {
    ("first", 1): {-1: 0.25, 0: 0.5, 1: 0.25},
    ("middle", 1): {0: 0.5, 1: 0.5},
    ("last", 1): {0: 0.25, 1: 0.5, 2: 0.25},
    ("first", 2): {-2: 0.125, -1: 0.25, 0: 0.25, 1: 0.25, 2: 0.125},
    ("middle", 2): {0: 0.25, 1: 0.25, 2: 0.25, 3: 0.25},
}
PLACES = {
    0: ("first", "middle"),
    1: ("first", "middle"),
    2: ("middle", "middle"),
    3: ("first", "first"),
    4: ("middle", "first"),
    5: ("first", "last"),
    6: ("middle", "last"),
}


def filtered(
    values: npt.NDArray[np.float64], log2: int, place: str, axis: int
) -> npt.NDArray[np.float64]:
    """One axis of the exact average, sample by sample."""
    if log2 == 0:
        return values
    size = values.shape[axis]
    first = np.arange(0, size, 2**log2)
    total = np.zeros(1)
    for offset, weight in KERNELS[place, log2].items():
        total = total + weight * values.take(np.clip(first + offset, 0, size - 1), axis=axis)
    return total


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("location", PLACES)
@pytest.mark.parametrize("subsampling", [(1, 1), (1, 0), (0, 1)])
@pytest.mark.parametrize("size", [(48, 64), (37, 51), (1, 1), (2, 2)])
def test_luma_is_averaged_around_each_chroma_sample(
    size: tuple[int, int],
    subsampling: tuple[int, int],
    location: int,
    dtype: type[np.uint8] | type[np.uint16],
) -> None:
    luma = np.random.default_rng(0).integers(0, np.iinfo(dtype).max + 1, size).astype(dtype)
    horizontal, vertical = PLACES[location]
    exact = filtered(luma.astype(float), subsampling[0], horizontal, axis=1)
    exact = filtered(exact, subsampling[1], vertical, axis=0)
    grid = luma_on_chroma_grid(luma, subsampling, location)
    assert grid.dtype == dtype
    # Rounded once per averaged box and once per pair of boxes.
    boxes = (horizontal != "middle") + (vertical != "middle")
    np.testing.assert_allclose(grid, exact, atol=1.25 if boxes == 2 else 1.0)


@pytest.mark.parametrize("subsampling", [(2, 0), (2, 2)])
@pytest.mark.parametrize("location", [1, 2])
def test_quarter_chroma(subsampling: tuple[int, int], location: int) -> None:
    luma = np.random.default_rng(0).integers(0, 256, (40, 60)).astype(np.uint8)
    horizontal, vertical = PLACES[location]
    exact = filtered(luma.astype(float), subsampling[0], horizontal, axis=1)
    exact = filtered(exact, subsampling[1], vertical, axis=0)
    np.testing.assert_allclose(luma_on_chroma_grid(luma, subsampling, location), exact, atol=1.0)


@given(
    value=st.integers(0, 1023),
    height=st.integers(1, 40),
    width=st.integers(1, 40),
    location=st.sampled_from(sorted(PLACES)),
)
def test_flat_pictures_stay_flat(value: int, height: int, width: int, location: int) -> None:
    luma = np.full((height, width), value, np.uint16)
    grid = luma_on_chroma_grid(luma, (1, 1), location)
    assert grid.shape == (-(-height // 2), -(-width // 2))
    assert (grid == value).all()


def test_without_subsampling_the_plane_itself_comes_back() -> None:
    luma = np.zeros((4, 6), np.uint8)
    assert luma_on_chroma_grid(luma, (0, 0), 1) is luma


def test_views_with_padded_rows_are_read_correctly() -> None:
    stored = np.random.default_rng(0).integers(0, 256, (48, 96)).astype(np.uint8)
    view = stored[:, :64]
    view.flags.writeable = False
    for location in PLACES:
        np.testing.assert_array_equal(
            luma_on_chroma_grid(view, (1, 1), location),
            luma_on_chroma_grid(view.copy(), (1, 1), location),
        )


def test_cells_cover_the_whole_picture() -> None:
    ab = np.array([[[0.0, 8.0]]] * 2, np.float32)
    expected = [0.0, 0.0, 1.0, 3.0, 5.0, 7.0, 8.0, 8.0]
    np.testing.assert_allclose(upsample_ab(ab, (8, 1))[1, 0], expected, atol=1e-5)


def test_upsampled_planes_are_not_mixed_up() -> None:
    ab = np.stack((np.full((3, 5), 7.0), np.full((3, 5), -9.0))).astype(np.float32)
    up = upsample_ab(ab, (40, 24))
    assert up.shape == (2, 24, 40)
    assert up.dtype == np.float32
    np.testing.assert_allclose(up[0], 7, atol=1e-5)
    np.testing.assert_allclose(up[1], -9, atol=1e-5)


@pytest.mark.parametrize("location", [1, 2, 3, 5])
def test_ramps_are_sampled_where_the_chroma_sits(location: int) -> None:
    width, height, cells = 160, 96, (16, 12)  # (columns, rows)
    # ab equal to the luma coordinate (pixel centres at 0, 1, 2, …) of each cell's centre.
    x = (np.arange(cells[0]) + 0.5) * (width / cells[0]) - 0.5
    y = (np.arange(cells[1]) + 0.5) * (height / cells[1]) - 0.5
    ab = np.stack(np.meshgrid(x, y)).astype(np.float32)
    shift = siting_shift((1, 1), location, (width / cells[0], height / cells[1]))
    up = upsample_ab(ab, (width // 2, height // 2), shift)
    place = {"first": 0.0, "middle": 0.5, "last": 1.0}
    horizontal, vertical = PLACES[location]
    expected_x = np.arange(width // 2) * 2 + place[horizontal]
    expected_y = np.arange(height // 2) * 2 + place[vertical]
    inner = slice(12, -12)  # edges are replicated, ramps end there
    np.testing.assert_allclose(up[0, 20, inner], expected_x[inner], atol=1e-3)
    np.testing.assert_allclose(up[1, inner, 20], expected_y[inner], atol=1e-3)


def test_no_subsampling_needs_no_shift() -> None:
    assert siting_shift((0, 0), 1, (8.0, 8.0)) == (0.0, 0.0)


@pytest.mark.parametrize("location", [0, 2])
@pytest.mark.parametrize("height", [96, 98])
def test_chroma_of_fields_sits_where_that_of_the_frame_does(location: int, height: int) -> None:
    """On a ramp, luma at a chroma sample of either field tells the line that it sits on."""
    luma = np.repeat(np.arange(height, dtype=np.uint16)[:, None] * 80, 16, axis=1)
    for field in (0, 1):
        grid = luma_on_chroma_grid(luma[field::2], (1, 1), location, field)
        line = np.arange(field, height // 2, 2) * 2 + 0.5
        inner = slice(1, -1)
        np.testing.assert_allclose(grid[: len(line), 5][inner] / 80, line[inner], atol=0.02)


def test_chroma_on_a_line_is_on_one_of_its_own_field() -> None:
    luma = np.repeat(np.arange(96, dtype=np.uint16)[:, None] * 80, 16, axis=1)
    for field in (0, 1):
        grid = luma_on_chroma_grid(luma[field::2], (1, 1), 3, field)
        line = np.arange(24) * 4 + field
        np.testing.assert_allclose(grid[1:-1, 5] / 80, line[1:-1], atol=0.02)
