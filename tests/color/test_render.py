"""`vidcolor.color.render`: what the engine calls for each frame."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from vidcolor.color import ChromaRenderer, luma_on_chroma_grid, luma_range, solve_chroma
from vidcolor.frames import ColorTags, EncodeTarget, PixelLayout, Plane

SUBSAMPLING = {"yuv420p": (1, 1), "yuv422p": (1, 0), "yuv444p": (0, 0)}
TAGS = {"601": (6, 6, 6), "709": (1, 1, 1), "2020": (9, 9, 14)}
WIDTH, HEIGHT = 96, 64


def make_target(
    name: str = "yuv420p",
    bit_depth: int = 8,
    *,
    space: str = "709",
    full_range: bool = False,
    location: int = 0,
    size: tuple[int, int] = (WIDTH, HEIGHT),
) -> EncodeTarget:
    layout = PixelLayout(name if bit_depth == 8 else f"{name}{bit_depth}le", bit_depth, None)
    layout = PixelLayout(layout.name, bit_depth, SUBSAMPLING[name])
    return EncodeTarget(*size, layout, ColorTags(*TAGS[space], full_range, location))


def smooth_ab(cells: tuple[int, int] = (8, 12), chroma: float = 35.0) -> npt.NDArray[np.float32]:
    x, y = np.meshgrid(np.linspace(-1, 1, cells[1]), np.linspace(-1, 1, cells[0]))
    return np.stack((x * chroma, -y * chroma)).astype(np.float32)


def random_luma(target: EncodeTarget) -> Plane:
    rng = np.random.default_rng(3)
    luma = rng.integers(0, 2**target.layout.bit_depth, (target.height, target.width))
    return luma.astype(np.uint8 if target.layout.bit_depth == 8 else np.uint16)


@pytest.mark.parametrize("full_range", [False, True])
@pytest.mark.parametrize("space", TAGS)
@pytest.mark.parametrize("bit_depth", [8, 10, 12])
@pytest.mark.parametrize("name", SUBSAMPLING)
def test_rendered_chroma_is_that_of_the_direct_solve(
    name: str, bit_depth: int, space: str, full_range: bool
) -> None:
    target = make_target(name, bit_depth, space=space, full_range=full_range)
    luma = random_luma(target)
    ab = np.empty((2, 4, 6), np.float32)
    ab[:] = np.array([18.0, 27.0], np.float32)[:, None, None]
    cb, cr = ChromaRenderer(target).render(luma, ab)
    black, white = luma_range(bit_depth, full_range)
    grid = luma_on_chroma_grid(luma, SUBSAMPLING[name], 0)
    luma01 = (grid.astype(float) - black) / (white - black)
    wished = np.broadcast_to(ab[:, :1, :1], (2, *grid.shape))
    chroma = solve_chroma(luma01, wished, target.color)
    span = 2**bit_depth - 1 if full_range else 224 << (bit_depth - 8)
    for plane, exact in zip((cb, cr), chroma, strict=True):
        assert plane.dtype == luma.dtype
        assert plane.shape == target.chroma_size[::-1]
        error = np.abs(plane - (exact * span + 2 ** (bit_depth - 1))) / 2 ** (bit_depth - 8)
        # In 8-bit codes. Rounding to codes adds 0.25 on average at 8 bits.
        assert error.mean() < (0.45 if bit_depth == 8 else 0.25)
        assert np.quantile(error, 0.99) < 3


@pytest.mark.parametrize("bit_depth", [8, 10, 12])
@pytest.mark.parametrize("name", SUBSAMPLING)
def test_no_colour_gives_neutral_codes(name: str, bit_depth: int) -> None:
    target = make_target(name, bit_depth)
    for plane in ChromaRenderer(target).render(random_luma(target), smooth_ab(chroma=0.0)):
        assert plane.shape == target.chroma_size[::-1]
        assert plane.dtype == (np.uint8 if bit_depth == 8 else np.uint16)
        assert (plane == 2 ** (bit_depth - 1)).all()


def test_cells_without_colour_are_neutral_beside_coloured_ones() -> None:
    target = make_target(size=(120, 80))
    ab = np.zeros((2, 8, 12), np.float32)
    ab[:, :, 8:] = 30
    for plane in ChromaRenderer(target).render(random_luma(target), ab):
        assert (plane[:, :35] == 128).all()
        assert (plane[:, 50:] != 128).any()


def test_cb_is_blue_and_cr_is_red() -> None:
    target = make_target()
    luma = np.full((HEIGHT, WIDTH), 110, np.uint8)
    renderer = ChromaRenderer(target)
    red, blue = np.zeros((2, 4, 6), np.float32), np.zeros((2, 4, 6), np.float32)
    red[0] = 40
    blue[1] = -40
    cb, cr = renderer.render(luma, red)
    assert cr.min() > 140
    assert abs(int(cb[0, 0]) - 128) < 12
    cb, cr = renderer.render(luma, blue)
    assert cb.min() > 140
    assert cr.max() < 128


@pytest.mark.parametrize("location", [0, 1, 2, 3])
def test_rendering_is_repeatable_and_leaves_its_arguments_alone(location: int) -> None:
    target = make_target(location=location)
    luma, ab = random_luma(target), smooth_ab()
    before = luma.copy(), ab.copy()
    luma.flags.writeable = ab.flags.writeable = False
    renderer = ChromaRenderer(target)
    first = renderer.render(luma, ab)
    renderer.render(random_luma(target)[::-1].copy(), -ab)
    again = renderer.render(luma, ab)
    fresh = ChromaRenderer(target).render(luma, ab)
    for one, two, three in zip(first, again, fresh, strict=True):
        np.testing.assert_array_equal(one, two)
        np.testing.assert_array_equal(one, three)
    np.testing.assert_array_equal(luma, before[0])
    np.testing.assert_array_equal(ab, before[1])


def test_codes_above_the_bit_depth_are_taken_for_white() -> None:
    target = make_target(bit_depth=10)
    luma = np.full((HEIGHT, WIDTH), 65535, np.uint16)
    for plane in ChromaRenderer(target).render(luma, smooth_ab()):
        assert (plane == 512).all()


def test_odd_sizes_in_full_chroma() -> None:
    target = make_target("yuv444p", size=(51, 37))
    cb, cr = ChromaRenderer(target).render(random_luma(target), smooth_ab())
    assert cb.shape == cr.shape == (37, 51)


@pytest.mark.parametrize(
    "luma",
    [np.zeros((HEIGHT, WIDTH + 2), np.uint8), np.zeros((HEIGHT, WIDTH), np.uint16)],
    ids=["size", "depth"],
)
def test_luma_that_does_not_fit_the_target_is_refused(luma: Plane) -> None:
    with pytest.raises(ValueError, match="luma must be uint8"):
        ChromaRenderer(make_target()).render(luma, smooth_ab())


def test_broken_ab_is_refused() -> None:
    ab = smooth_ab()
    ab[0, 0, 0] = np.nan
    with pytest.raises(ValueError, match="not finite"):
        ChromaRenderer(make_target()).render(np.zeros((HEIGHT, WIDTH), np.uint8), ab)


def test_targets_without_chroma_are_refused() -> None:
    target = EncodeTarget(64, 48, PixelLayout("gray", 8, None), ColorTags(1, 1, 1, True))
    with pytest.raises(ValueError, match="no chroma"):
        ChromaRenderer(target)


class TestFields:
    @pytest.mark.parametrize("bit_depth", [8, 10])
    @pytest.mark.parametrize("height", [64, 62])
    @pytest.mark.parametrize("name", SUBSAMPLING)
    def test_each_field_has_its_own_chroma(self, name: str, height: int, bit_depth: int) -> None:
        """Nothing of one field changes a chroma line of the other."""
        target = make_target(name, bit_depth, size=(WIDTH, height))
        renderer, luma = ChromaRenderer(target), random_luma(target)
        top, bottom = smooth_ab(), -smooth_ab()
        before = renderer.render_fields(luma, top, bottom)
        changed = luma.copy()
        changed[1::2] = changed[1::2] // 2
        after = renderer.render_fields(changed, top, bottom + 5)
        for plane, other in zip(before, after, strict=True):
            np.testing.assert_array_equal(plane[0::2], other[0::2])
            assert (plane[1::2] != other[1::2]).mean() > 0.3

    def test_fields_of_one_picture_are_coloured_as_the_frame(self) -> None:
        """Where luma does not change from line to line, and in full chroma everywhere."""
        target = make_target()
        luma = np.repeat(random_luma(target)[:1], HEIGHT, axis=0)
        renderer, ab = ChromaRenderer(target), smooth_ab()
        for one, other in zip(
            renderer.render(luma, ab), renderer.render_fields(luma, ab, ab), strict=True
        ):
            np.testing.assert_allclose(one.astype(int), other.astype(int), atol=1)
        full = make_target("yuv444p")
        renderer, luma = ChromaRenderer(full), random_luma(full)
        for one, other in zip(
            renderer.render(luma, ab), renderer.render_fields(luma, ab, ab.copy()), strict=True
        ):
            np.testing.assert_array_equal(one, other)

    def test_each_field_has_its_own_ab(self) -> None:
        target = make_target()
        renderer, luma = ChromaRenderer(target), np.full((HEIGHT, WIDTH), 120, np.uint8)
        top, bottom = smooth_ab(), -smooth_ab()
        both = renderer.render_fields(luma, top, bottom)
        for field, ab in enumerate((top, bottom)):
            for plane, alone in zip(both, renderer.render(luma, ab), strict=True):
                np.testing.assert_array_equal(plane[field::2], alone[field::2])

    def test_no_colour_is_exactly_neutral(self) -> None:
        target = make_target()
        grey = np.zeros_like(smooth_ab())
        for plane in ChromaRenderer(target).render_fields(random_luma(target), grey, grey):
            assert (plane == 128).all()

    @pytest.mark.parametrize("name", ["yuv420p", "yuv422p", "yuv444p"])
    def test_one_line_is_the_top_field(self, name: str) -> None:
        target = make_target(name, size=(16, 1))
        renderer, luma, ab = ChromaRenderer(target), np.full((1, 16), 120, np.uint8), smooth_ab()
        for one, other in zip(
            renderer.render(luma, ab), renderer.render_fields(luma, ab, -ab), strict=True
        ):
            np.testing.assert_array_equal(one, other)

    def test_luma_that_does_not_fit_is_refused(self) -> None:
        ab = smooth_ab()
        with pytest.raises(ValueError, match="luma must be uint8"):
            ChromaRenderer(make_target()).render_fields(np.zeros((8, 8), np.uint8), ab, ab)
