"""`vidcolor.color.table` against the direct solve, and on pictures."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
import skimage.color
import skimage.data
import torch

from vidcolor.color import (
    ChromaTable,
    rgb_from_luma_chroma,
    rgb_to_lab,
    rgb_to_luma,
    solve_chroma,
)
from vidcolor.color.table import AB_LIMIT, LUMA_LEVELS, REMAP_LIMIT
from vidcolor.frames import ColorTags

SPACES = [(1, 1), (5, 5), (6, 6), (9, 9)]
"""(matrix, primaries) of BT.709, BT.601 (625 and 525 lines), BT.2020."""

SHAPE = (150, 200)


def tags_of(matrix: int, primaries: int) -> ColorTags:
    return ColorTags(matrix, primaries, 1, full_range=False)


def random_wishes(kind: str) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    rng = np.random.default_rng(5)
    luma = rng.random(SHAPE)
    if kind == "uniform":
        ab = rng.uniform(-AB_LIMIT, AB_LIMIT, (2, *SHAPE))
    else:  # as muted as photographs and networks are
        ab = rng.normal(0, 20, (2, *SHAPE))
    return luma.astype(np.float32), ab.astype(np.float32)


def ab_and_luma(
    rgb: npt.NDArray[np.floating],
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """(2, H, W) ab and (H, W) Y′ of an (H, W, 3) sRGB picture in 0…1."""
    tensor = torch.from_numpy(rgb).double().permute(2, 0, 1)
    return rgb_to_lab(tensor)[1:].float().numpy(), rgb_to_luma(tensor)[0].float().numpy()


def smooth_saturated_picture() -> npt.NDArray[np.float64]:
    """All hues across, black through full saturation to white down."""
    hue, height = np.meshgrid(np.linspace(0, 1, 256), np.linspace(0, 1, 192))
    hsv = np.stack((hue, np.minimum(1, 2 - 2 * height), np.minimum(1, 2 * height)), axis=-1)
    return np.asarray(skimage.color.hsv2rgb(hsv))


@pytest.mark.parametrize("kind", ["uniform", "muted"])
@pytest.mark.parametrize(("matrix", "primaries"), SPACES)
def test_error_bound_against_the_direct_solve(matrix: int, primaries: int, kind: str) -> None:
    luma, ab = random_wishes(kind)
    tags = tags_of(matrix, primaries)
    error = ChromaTable.build(tags).chroma(luma, ab) - solve_chroma(luma, ab, tags)
    codes = np.abs(error) * 224
    assert codes.mean() < 0.2
    assert np.quantile(codes, 0.99) < 3


def test_error_bound_on_displayable_colours() -> None:
    rgb = np.random.default_rng(6).random((*SHAPE, 3))
    ab, luma = ab_and_luma(rgb)
    chroma = ChromaTable.build(tags_of(1, 1)).chroma(luma, ab)
    true = np.stack(((rgb[..., 2] - luma) / 1.8556, (rgb[..., 0] - luma) / 1.5748))
    codes = np.abs(chroma - true) * 224
    assert codes.mean() < 0.2
    assert np.quantile(codes, 0.99) < 3


@pytest.mark.parametrize("name", ["astronaut", "smooth"])
def test_luma_and_true_ab_give_the_picture_back(name: str) -> None:
    if name == "astronaut":
        rgb = skimage.data.astronaut()[:, 100:400] / 255.0
    else:
        rgb = smooth_saturated_picture()
    ab, luma = ab_and_luma(rgb)
    decoded = rgb_from_luma_chroma(luma, *ChromaTable.build(tags_of(1, 1)).chroma(luma, ab))
    difference = skimage.color.deltaE_ciede2000(
        skimage.color.rgb2lab(rgb), skimage.color.rgb2lab(decoded)
    )
    # 1 is about the smallest difference one can see. The smooth picture lies on the edge of the
    # gamut all over, where the table is at its worst.
    assert difference.mean() < (0.1 if name == "astronaut" else 0.7)
    assert np.quantile(difference, 0.99) < (1.5 if name == "astronaut" else 5.0)


def test_no_wish_gives_exactly_no_chroma() -> None:
    luma = np.linspace(0, 1, 500, dtype=np.float32).reshape(20, 25)
    assert (
        not ChromaTable.build(tags_of(1, 1)).chroma(luma, np.zeros((2, 20, 25), np.float32)).any()
    )


def test_black_and_white_have_no_chroma() -> None:
    luma = np.array([[0.0, 1.0, -0.5, 1.5]], np.float32)
    chroma = ChromaTable.build(tags_of(9, 9)).chroma(luma, np.full((2, 1, 4), 50, np.float32))
    assert not chroma.any()


def test_wishes_beyond_the_table_keep_their_hue() -> None:
    table = ChromaTable.build(tags_of(1, 1))
    luma = np.full((1, 1), 0.5, np.float32)
    inside = np.array([AB_LIMIT, AB_LIMIT / 2], np.float32).reshape(2, 1, 1)
    np.testing.assert_array_equal(table.chroma(luma, inside), table.chroma(luma, inside * 3))


@pytest.mark.parametrize("broken", [np.nan, np.inf])
def test_values_that_are_not_finite_are_refused(broken: float) -> None:
    ab = np.full((2, 1, 1), broken, np.float32)
    with pytest.raises(ValueError, match="not finite"):
        ChromaTable.build(tags_of(1, 1)).chroma(np.zeros((1, 1), np.float32), ab)


def test_tables_are_remembered_per_matrix_and_primaries() -> None:
    table = ChromaTable.build(ColorTags(1, 1, 1, full_range=False))
    assert ChromaTable.build(ColorTags(1, 1, 13, full_range=True, chroma_location=2)) is table
    assert ChromaTable.build(tags_of(6, 6)) is not table


def test_result_does_not_depend_on_how_a_picture_is_cut() -> None:
    luma, ab = random_wishes("uniform")
    table = ChromaTable.build(tags_of(1, 1))
    rows = [table.chroma(luma[i : i + 7], ab[:, i : i + 7]) for i in range(0, SHAPE[0], 7)]
    np.testing.assert_array_equal(np.concatenate(rows, axis=1), table.chroma(luma, ab))


def test_arguments_are_left_alone() -> None:
    luma, ab = random_wishes("muted")
    before = luma.copy(), ab.copy()
    luma.flags.writeable = ab.flags.writeable = False
    ChromaTable.build(tags_of(1, 1)).chroma(luma, ab)
    np.testing.assert_array_equal(luma, before[0])
    np.testing.assert_array_equal(ab, before[1])


def test_table_fits_into_what_remap_can_address() -> None:
    assert LUMA_LEVELS * 65 <= REMAP_LIMIT
