"""Tags and chapters on their way from the source to the output: what stays, what is stale."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

OWN_TAG = "VIDCOLOR"
"""Tag of a file that says what made its colours; see `vidcolor.media.provenance`."""

STALE_TAGS = frozenset(
    {
        *("encoder", "duration", "vendor_id", "number_of_frames", "number_of_bytes", "bps"),
        *("major_brand", "minor_version", "compatible_brands", OWN_TAG.lower()),
    }
)
"""Tags that describe the source's own encoding or wrapping, in lower case. mkvmerge writes
some of them with a language behind, ``BPS-eng``."""

STALE_PREFIX = "_statistics_"
"""Beginning of mkvmerge's tags about its statistics."""


def kept_tags(tags: dict[str, str], *, without: tuple[str, ...] = ()) -> dict[str, str]:
    """The tags of a container or stream that are still true in the output.

    Parameters
    ----------
    tags:
        As libav read them.
    without:
        Further tags to leave out, in lower case.
    """
    kept = {
        key: value
        for key, value in tags.items()
        if key.lower().partition("-")[0] not in STALE_TAGS
        and not key.lower().startswith(STALE_PREFIX)
        and key.lower() not in without
    }
    # libav writes ``title`` as MP4's track name and reads that back as ``name``.
    if "name" in kept and "title" not in kept:
        kept["title"] = kept.pop("name")
    return kept


def clipped_chapters(
    chapters: list[Any], start: Fraction | None, end: Fraction | None
) -> list[Any]:
    """The chapters that lie in [start, end), cut to it; None stands for the film's own bound.

    Times keep the source's clock. A chapter that ends before it begins, as some files have,
    would be refused by the muxer: its end is set to its start.
    """
    clipped = []
    for chapter in chapters:
        base = chapter["time_base"]
        first = max(int(chapter["start"]), 0 if start is None else -(-start // base))
        last = int(chapter["end"]) if end is None else min(int(chapter["end"]), end // base)
        outside = (start is not None and chapter["end"] * base <= start) or (
            end is not None and chapter["start"] * base >= end
        )
        if not outside:
            clipped.append({**chapter, "start": first, "end": max(first, last)})
    return clipped
