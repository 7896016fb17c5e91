"""Which FFmpeg this is."""

from __future__ import annotations

import av


def ffmpeg_versions() -> dict[str, str]:
    """libav's own version, and those of its libraries."""
    libraries = {name: ".".join(map(str, version)) for name, version in av.library_versions.items()}
    return {"ffmpeg": str(av.ffmpeg_version_info), **libraries}
