"""`vidcolor.stills`."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
import skimage.color
import torch
from hypothesis import given
from hypothesis import strategies as st

from vidcolor import stills
from vidcolor.color import luma_from_rgb_codes, rgb_to_lab, rgb_to_luma
from vidcolor.frames import Plane
from vidcolor.hints import Hint
from vidcolor.look import Look
from vidcolor.media.still_image import StillImage
from vidcolor.stills import Predict, color_still

BITS = [8, 16]


def make_still(bit_depth: int, height: int = 61, width: int = 83) -> StillImage:
    dtype = np.uint8 if bit_depth == 8 else np.uint16
    luma = np.random.default_rng(0).integers(0, 2**bit_depth, (height, width)).astype(dtype)
    luma[:2, :] = 0
    luma[-2:, :] = 2**bit_depth - 1
    return StillImage(luma, bit_depth)


def predicting(ab: npt.NDArray[np.float32]) -> Predict:
    return lambda _luma, _bit_depth, _full_range: ab


def random_ab(chroma: float, cells: tuple[int, int] = (7, 9)) -> npt.NDArray[np.float32]:
    ab = np.random.default_rng(1).uniform(-chroma, chroma, (2, *cells))
    return ab.astype(np.float32)


@pytest.mark.parametrize("chroma", [15.0, 60.0, 300.0])
@pytest.mark.parametrize("bit_depth", BITS)
def test_luma_is_kept_within_one_code(bit_depth: int, chroma: float) -> None:
    still = make_still(bit_depth)
    rgb = color_still(still, predicting(random_ab(chroma)), Look())
    assert rgb.dtype == still.luma.dtype
    assert rgb.shape == (*still.luma.shape, 3)
    exact = rgb.astype(float) @ np.array([0.2126, 0.7152, 0.0722])
    np.testing.assert_allclose(exact, still.luma, atol=0.51)
    difference = luma_from_rgb_codes(rgb, bit_depth).astype(int) - still.luma
    assert np.abs(difference).max() <= 1


@given(
    value=st.integers(0, 255),
    a=st.floats(-120, 120, width=32),
    b=st.floats(-120, 120, width=32),
)
def test_luma_is_kept_for_any_colour(value: int, a: float, b: float) -> None:
    still = StillImage(np.full((3, 4), value, np.uint8), 8)
    ab = np.broadcast_to(np.array([a, b], np.float32)[:, None, None], (2, 2, 2))
    rgb = color_still(still, predicting(ab), Look())
    assert np.abs(luma_from_rgb_codes(rgb, 8).astype(int) - value).max() <= 1


@pytest.mark.parametrize("bit_depth", BITS)
def test_strength_zero_gives_the_grey_picture(bit_depth: int) -> None:
    still = make_still(bit_depth)
    rgb = color_still(still, predicting(random_ab(50.0)), Look(strength=0.0))
    for channel in range(3):
        np.testing.assert_array_equal(rgb[..., channel], still.luma)


def test_true_ab_gives_the_picture_back() -> None:
    ramp = np.linspace(0.25, 0.75, 64)
    rgb = np.stack(np.broadcast_arrays(ramp[:, None], ramp[::-1, None], ramp[None, :]), axis=-1)
    tensor = torch.from_numpy(rgb).permute(2, 0, 1)
    luma = np.rint(rgb_to_luma(tensor)[0].numpy() * 255).astype(np.uint8)
    ab = rgb_to_lab(tensor)[1:].float().numpy()
    colored = color_still(StillImage(luma, 8), predicting(ab), Look()) / 255
    difference = skimage.color.deltaE_ciede2000(
        skimage.color.rgb2lab(rgb), skimage.color.rgb2lab(colored)
    )
    assert difference.mean() < 0.5
    assert difference.max() < 2


def test_look_is_applied() -> None:
    still = make_still(8)
    ab = random_ab(20.0)
    stronger = color_still(still, predicting(ab), Look(strength=2.0))
    np.testing.assert_array_equal(stronger, color_still(still, predicting(ab * 2), Look()))


def test_hints_come_before_the_look_and_keep_luma() -> None:
    still = StillImage(np.full((30, 40), 120, np.uint8), 8)
    ab = np.zeros((2, 8, 10), np.float32)
    plain = color_still(still, predicting(ab), Look())
    np.testing.assert_array_equal(color_still(still, predicting(ab), Look(), []), plain)
    everywhere = [Hint(((20.0, 15.0),), (20.0, -10.0), radius=100)]
    hinted = color_still(still, predicting(ab), Look(2.0), everywhere).astype(int)
    flat = np.broadcast_to(np.array([40, -20], np.float32)[:, None, None], ab.shape)
    wanted = color_still(still, predicting(flat), Look()).astype(int)
    assert np.abs(hinted - wanted).max() <= 1
    assert np.abs(luma_from_rgb_codes(hinted.astype(np.uint8), 8).astype(int) - 120).max() <= 1


@pytest.mark.parametrize("rows", [1, 7, 60])
@pytest.mark.parametrize("limit", [16, 32766])
def test_result_does_not_depend_on_the_blocks(
    monkeypatch: pytest.MonkeyPatch, rows: int, limit: int
) -> None:
    still = make_still(8)
    whole = color_still(still, predicting(random_ab(40.0)), Look())
    monkeypatch.setattr(stills, "STRIP_ROWS", rows)
    monkeypatch.setattr(stills, "REMAP_LIMIT", limit)
    np.testing.assert_array_equal(color_still(still, predicting(random_ab(40.0)), Look()), whole)


def test_very_wide_pictures() -> None:
    still = make_still(8, height=2, width=40_000)
    still.luma[:] = 128
    ab = random_ab(40.0, (1, 200))
    rgb = color_still(still, predicting(ab), Look())
    assert np.abs(luma_from_rgb_codes(rgb, 8).astype(int) - 128).max() <= 1
    assert np.ptp(rgb[:, 35_000:], axis=(0, 1)).min() > 0


def test_ab_covers_the_whole_picture() -> None:
    still = StillImage(np.full((40, 60), 128, np.uint8), 8)
    ab = np.zeros((2, 2, 3), np.float32)
    ab[0, 0, 0], ab[1, 1, 2] = 50, -50
    rgb = color_still(still, predicting(ab), Look()).astype(int)
    assert rgb[0, 0, 0] > rgb[0, 0, 1] + 30  # red above left
    assert rgb[-1, -1, 2] > rgb[-1, -1, 1] + 30  # blue below right
    assert np.ptp(rgb[0, -1]) == 0


def test_the_network_gets_the_luma_and_how_to_read_it() -> None:
    still = make_still(16)
    seen: list[tuple[Plane, int, bool]] = []

    def predict(luma: Plane, bit_depth: int, full_range: bool) -> npt.NDArray[np.float32]:
        seen.append((luma, bit_depth, full_range))
        return random_ab(10.0)

    color_still(still, predict, Look())
    assert len(seen) == 1
    assert seen[0][0] is still.luma
    assert seen[0][1:] == (16, True)
