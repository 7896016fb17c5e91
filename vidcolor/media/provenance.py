"""Says in an output that its colours were made by vidcolor, where the container has a place."""

from __future__ import annotations

from collections.abc import Mapping

from vidcolor import __version__
from vidcolor.media.metadata import OWN_TAG

TAG_OF_MUXER = {"matroska": OWN_TAG, "mp4": "encoding_tool"}
"""Tag of the file, by libav's muxer. Matroska lets everybody have tags of their own; MP4's ``©too``
names the tool that made the file. Players show the latter as its encoder, so no tag of the
source's is touched. For MOV see `vidcolor.media.quicktime`."""

_BEGINNING = "vidcolor "


def provenance(checkpoint: str, sha256: str) -> str:
    """``vidcolor 0.1.0, colours by network NAME sha256 …``."""
    return f"{_BEGINNING}{__version__}, colours by network {checkpoint} sha256 {sha256}"


def provenance_tags(muxer: str, text: str) -> dict[str, str]:
    """Tags of the file that say ``text``; none if that is empty, or written in another way."""
    return {TAG_OF_MUXER[muxer]: text} if text and muxer in TAG_OF_MUXER else {}


def made_by(tags: Mapping[str, str]) -> str | None:
    """What `provenance` has said in a file of these tags; None if nothing."""
    found = {key.lower(): value for key, value in tags.items()}
    for key in (OWN_TAG.lower(), "encoder"):
        if found.get(key, "").startswith(_BEGINNING):
            return found[key]
    return None
