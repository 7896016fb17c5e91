"""Picture files in folders and tar shards, found but not decoded."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from vidcolor.errors import PhotoSetError

IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff"})
"""Files that are tried as photographs."""

MAX_FILE_BYTES = 64 * 1024 * 1024
"""Larger files are counted as broken instead of being decoded."""


@dataclass(frozen=True, slots=True)
class EncodedFile:
    """A picture file: a file of its own, or a part of an uncompressed tar shard."""

    name: str
    """Inside the data folder or the shard; its source is read from it."""
    path: Path
    offset: int
    """Bytes before it in ``path``."""
    size: int
    """In bytes."""

    def read(self) -> bytes:
        """Its content; nothing if it is larger than `MAX_FILE_BYTES` or not there any more."""
        if self.size > MAX_FILE_BYTES:
            return b""
        try:
            with self.path.open("rb") as file:
                file.seek(self.offset)
                return file.read(self.size)
        except OSError:
            return b""


def source_of(name: str) -> str:
    """``"lsp-0c6ade20fc0031f0.webp"`` → ``"lsp"``; a name without ``-`` is its own source."""
    stem = Path(name).stem
    return stem.rsplit("-", 1)[0]


def shard_files(shard: Path) -> Iterator[EncodedFile]:
    """Pictures in an uncompressed tar; its other members, such as WebDataset's labels, are
    passed over."""
    try:
        with tarfile.open(shard, "r:") as archive:
            for member in archive:
                if member.isfile() and Path(member.name).suffix.lower() in IMAGE_SUFFIXES:
                    yield EncodedFile(member.name, shard, member.offset_data, member.size)
                archive.members = []  # type: ignore[attr-defined]  # headers would pile up
    except (tarfile.TarError, OSError) as error:
        raise PhotoSetError(
            f"cannot read {shard} as an uncompressed tar: {error}; unpack it if it is compressed, "
            "copy it again if it is damaged, or remove it"
        ) from error


def loose_files(folder: Path, skip: Path | None = None) -> Iterator[EncodedFile]:
    """Pictures in ``folder``, however deep, but for those in ``skip``; sorted by path."""
    skipped = skip.resolve() if skip else None
    for path in sorted(folder.rglob("*")):
        if skipped and path.resolve().is_relative_to(skipped):
            continue
        if path.suffix.lower() in IMAGE_SUFFIXES and path.is_file():
            name = path.relative_to(folder).as_posix()
            yield EncodedFile(name, path, 0, path.stat().st_size)
