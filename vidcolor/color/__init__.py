"""All Y′CbCr, RGB and L*a*b* maths; nothing else in vidcolor converts colours.

lab.py          torch: sRGB, luma, CIE L*a*b*
primaries.py    luma weights and primaries by their H.273 numbers
tags.py         what tags mean, what to assume where they are missing
solve.py        the chroma of a pixel whose luma is given: Note [Constant-luma chroma]
table.py        the same as a table
table_cache.py  tables that were solved before
sampling.py     chroma siting
codes.py        code values
render.py       luma and ab in, Cb and Cr out
rgb.py          whole pictures as 8-bit R′G′B′ and back, to look at
"""

from vidcolor.color.codes import (
    chroma_codes,
    code_type,
    luma_from_rgb_codes,
    neutral_code,
    rgb_from_luma_chroma,
)
from vidcolor.color.lab import (
    lab_to_rgb,
    lightness_from_luma,
    linear_to_srgb,
    rgb_to_lab,
    rgb_to_luma,
    srgb_to_linear,
)
from vidcolor.color.render import ChromaRenderer
from vidcolor.color.rgb import Rgb8, planes_from_rgb, rgb_from_planes
from vidcolor.color.sampling import luma_on_chroma_grid, siting_shift, upsample_ab
from vidcolor.color.solve import solve_chroma
from vidcolor.color.table import ChromaTable
from vidcolor.color.tags import lightness_table, luma_from_codes, luma_range, resolve_tags

__all__ = [
    "ChromaRenderer",
    "ChromaTable",
    "Rgb8",
    "chroma_codes",
    "code_type",
    "lab_to_rgb",
    "lightness_from_luma",
    "lightness_table",
    "linear_to_srgb",
    "luma_from_codes",
    "luma_from_rgb_codes",
    "luma_on_chroma_grid",
    "luma_range",
    "neutral_code",
    "planes_from_rgb",
    "resolve_tags",
    "rgb_from_luma_chroma",
    "rgb_from_planes",
    "rgb_to_lab",
    "rgb_to_luma",
    "siting_shift",
    "solve_chroma",
    "srgb_to_linear",
    "upsample_ab",
]
