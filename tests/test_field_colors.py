"""`vidcolor.field_colors`: which frames are treated as two fields."""

from __future__ import annotations

import numpy as np
import pytest

from tests.synthetic import luma_picture, woven
from vidcolor.color import ChromaRenderer
from vidcolor.field_colors import FieldColors
from vidcolor.fields import whole_from_field
from vidcolor.frames import ColorTags, EncodeTarget, FieldReport, PixelLayout

NOW, THEN = luma_picture(0, 128, 96), luma_picture(5, 128, 96)
TARGET = EncodeTarget(128, 96, PixelLayout("yuv420p", 8, (1, 1)), ColorTags(1, 1, 1, False))
AB = np.full((2, 6, 8), 20, np.float32)


@pytest.mark.parametrize("order", ["tff", "bff"])
def test_fields_come_in_the_order_of_time(order: str) -> None:
    frame = woven(NOW, THEN, order)
    earlier, later = FieldColors(FieldReport(found=order), 8).moments(frame)  # type: ignore[arg-type]
    first = 0 if order == "tff" else 1
    np.testing.assert_array_equal(earlier, whole_from_field(NOW, first))
    np.testing.assert_array_equal(later, whole_from_field(THEN, 1 - first))


def test_whole_frames_stay_whole() -> None:
    combed = woven(NOW, THEN)
    for fields in (None, FieldReport()):
        (whole,) = FieldColors(fields, 8).moments(combed)
        assert whole is combed
    (whole,) = FieldColors(FieldReport(marked="tff"), 8).moments(NOW)
    assert whole is NOW


@pytest.mark.parametrize("order", ["tff", "bff"])
def test_the_later_field_gets_its_own_colours(order: str) -> None:
    colors = FieldColors(FieldReport(found=order), 8)  # type: ignore[arg-type]
    luma = np.full((96, 128), 120, np.uint8)
    cb, _ = colors.chroma(ChromaRenderer(TARGET), luma, AB, -AB)
    earlier, later = (cb[0::2], cb[1::2]) if order == "tff" else (cb[1::2], cb[0::2])
    assert (earlier < 128).all()
    assert (later > 128).all()


def test_only_marked_films_have_all_chroma_by_fields() -> None:
    renderer = ChromaRenderer(TARGET)
    by_frame, by_fields = renderer.render(NOW, AB)[0], renderer.render_fields(NOW, AB, AB)[0]
    assert (by_frame != by_fields).any()
    for fields, expected in (
        (None, by_frame),
        (FieldReport(found="tff"), by_frame),
        (FieldReport(marked="tff"), by_fields),
    ):
        np.testing.assert_array_equal(
            FieldColors(fields, 8).chroma(renderer, NOW, AB, None)[0], expected
        )
