"""`vidcolor.color.solve`: the reference that the table is baked from."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
import skimage.color

from vidcolor.color import solve_chroma
from vidcolor.color.primaries import LUMA_WEIGHTS, rgb_to_relative_xyz
from vidcolor.color.solve import GAMUT_TOLERANCE
from vidcolor.errors import UnsupportedColorError
from vidcolor.frames import ColorTags

Array = npt.NDArray[np.float64]

SPACES = [(1, 1), (5, 5), (6, 6), (9, 9), (4, 4), (7, 7), (6, 1)]
"""(matrix, primaries); the last one is a BT.601 matrix on BT.709 primaries."""


def tags_of(matrix: int, primaries: int) -> ColorTags:
    return ColorTags(matrix, primaries, 1, full_range=False)


def to_luma_chroma(rgb: Array, matrix: int) -> tuple[Array, Array]:
    kr, kg, kb = LUMA_WEIGHTS[matrix]
    luma = kr * rgb[0] + kg * rgb[1] + kb * rgb[2]
    return luma, np.stack(((rgb[2] - luma) / (2 - 2 * kb), (rgb[0] - luma) / (2 - 2 * kr)))


def to_rgb(luma: Array, chroma: Array, matrix: int) -> Array:
    kr, kg, kb = LUMA_WEIGHTS[matrix]
    blue = luma + (2 - 2 * kb) * chroma[0]
    red = luma + (2 - 2 * kr) * chroma[1]
    return np.stack((red, (luma - kr * red - kb * blue) / kg, blue))


def to_ab(rgb: Array, primaries: int) -> Array:
    """CIE ab by scikit-image's curves and our matrix, for any primaries."""
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((np.maximum(rgb, 0) + 0.055) / 1.055) ** 2.4)
    xyz = rgb_to_relative_xyz(primaries) @ linear
    white = skimage.color.xyz_tristimulus_values(illuminant="D65", observer="2", dtype=np.float64)
    return skimage.color.xyz2lab(xyz.T * white).T[1:]


@pytest.mark.parametrize(("matrix", "primaries"), SPACES)
def test_displayable_colours_are_found_exactly(matrix: int, primaries: int) -> None:
    rgb = np.random.default_rng(0).random((3, 4000))
    luma, chroma = to_luma_chroma(rgb, matrix)
    found = solve_chroma(luma, to_ab(rgb, primaries), tags_of(matrix, primaries))
    np.testing.assert_allclose(found, chroma, atol=1e-4)


@pytest.mark.parametrize(("matrix", "primaries"), SPACES)
def test_any_wish_gives_a_displayable_colour(matrix: int, primaries: int) -> None:
    rng = np.random.default_rng(1)
    luma, ab = rng.random(4000), rng.uniform(-128, 128, (2, 4000))
    rgb = to_rgb(luma, solve_chroma(luma, ab, tags_of(matrix, primaries)), matrix)
    assert rgb.min() >= -2 * GAMUT_TOLERANCE
    assert rgb.max() <= 1 + 2 * GAMUT_TOLERANCE


def test_shrinking_keeps_the_hue_and_stops_at_the_edge_of_the_gamut() -> None:
    rng = np.random.default_rng(2)
    luma, ab = rng.uniform(0.1, 0.9, 2000), rng.uniform(-128, 128, (2, 2000))
    rgb = to_rgb(luma, solve_chroma(luma, ab, tags_of(1, 1)), 1)
    got = to_ab(rgb, 1)
    across = np.abs(got[0] * ab[1] - got[1] * ab[0]) / np.hypot(*ab)
    assert across.max() < 0.01
    shrunk = np.hypot(*got) < np.hypot(*ab) - 0.01
    assert shrunk.sum() > 1000
    to_edge = np.minimum(rgb, 1 - rgb).min(axis=0)[shrunk]
    # Near corners of the gamut the last bisection step is worth a little more.
    assert np.abs(to_edge).max() < 1e-3


def test_black_white_and_beyond_have_no_chroma() -> None:
    luma = np.array([-0.2, 0.0, 1.0, 1.3])
    assert not solve_chroma(luma, np.full((2, 4), 40.0), tags_of(1, 1)).any()


def test_no_wish_gives_no_chroma() -> None:
    luma = np.linspace(0, 1, 101)
    chroma = solve_chroma(luma, np.zeros((2, 101)), tags_of(6, 6))
    assert not chroma.any()


def test_shapes_are_kept() -> None:
    chroma = solve_chroma(np.full((3, 5), 0.5), np.full((2, 3, 5), 10.0), tags_of(1, 1))
    assert chroma.shape == (2, 3, 5)
    assert np.ptp(chroma, axis=(1, 2)).max() == 0


def test_unresolved_tags_are_refused() -> None:
    with pytest.raises(UnsupportedColorError, match="coefficients 2 "):
        solve_chroma(np.zeros(1), np.zeros((2, 1)), tags_of(2, 1))
