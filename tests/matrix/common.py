"""What many rows of the matrix say."""

from __future__ import annotations

from tests.matrix.case import NO_RANGE, NO_TAGS
from tests.matrix.making import BT709
from vidcolor.frames import ColorTags

TAGGED = ColorTags(1, 1, 1, full_range=False)
"""Tags of sources made by PyAV."""

FIRST_IS_DEFAULT = "the first track of a kind becomes the default"

NO_MATRIX = {"matrix": NO_TAGS, "primaries": NO_TAGS, "transfer": NO_TAGS}
"""What changes where no tag but that of the range is there."""

RGB = dict.fromkeys(("matrix", "primaries", "transfer"), "holds R′G′B′")
"""What changes where luma is computed from R′G′B′."""

UNTAGGED = {"range": NO_RANGE, **NO_MATRIX}
"""What changes where no colour tag is there."""

FULL = BT709.replace("tv", "pc")

NO_B_FRAMES = {"x264-params": "bframes=0"}
VP9 = {"cpu-used": "8", "deadline": "realtime"}
AV1 = {"cpu-used": "8", "usage": "realtime"}

INTERLACED_HERE = "luma is kept, and each field of combed frames gets its own colours"
NO_FIELDS = "does not mark the fields"
