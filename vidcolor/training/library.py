"""Find the photographs of a run in folders and tar shards, and sort them into sets.

Twenty thousand photos of 192 pixels are about 3 GB as uint8. What fits ``data.memory_mib`` is
decoded when the run starts, so that every step cuts its crops from memory; of the rest only the
places in their files are kept.
"""

from __future__ import annotations

import hashlib
import itertools
import logging
import os
import re
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from vidcolor.errors import PhotoSetError
from vidcolor.photographs.files import EncodedFile, loose_files, shard_files, source_of
from vidcolor.photographs.photos import (
    LeftOut,
    Photo,
    PhotoSet,
    StoredPhoto,
    decode_photo,
)
from vidcolor.training.recipe import DataRecipe

_log = logging.getLogger(__name__)

Role = Literal["train", "extra", "val"]
"""Set that photographs belong to."""

CIFAR_FILES = ("data_batch_*.bin", "test_batch.bin")
"""CIFAR-10's binary version."""

_CIFAR_RECORD = 1 + 3 * 32 * 32

_CHUNK = 256
"""Files decoded at once: bounds how many encoded files wait in memory."""

_MIB = 1024 * 1024


@dataclass(slots=True)
class PhotoLibrary:
    """All photographs of a run, and what was left out."""

    train: PhotoSet
    extra: PhotoSet
    """Small ones, mixed in."""
    val: PhotoSet
    held_out: PhotoSet
    """Of sources that are never trained on."""
    left_out: LeftOut

    def counts(self) -> dict[str, int]:
        """How many photos each set holds and how many were left out."""
        return {
            "train": len(self.train),
            "extra": len(self.extra),
            "val": len(self.val),
            "held_out": len(self.held_out),
            "grey": self.left_out.grey,
            "broken": len(self.left_out.broken),
        }


def load_library(
    folders: list[Path],
    recipe: DataRecipe,
    *,
    val_folders: Iterable[Path] = (),
    skip: Path | None = None,
    threads: int = 2,
) -> PhotoLibrary:
    """Find everything under ``folders`` (and ``val_folders``, only for validation).

    A folder's tar shards are sorted into sets by the patterns in ``recipe``; where none matches,
    by whether their names speak of ``train`` or ``val``. Loose pictures in subfolders ``train*``
    and ``val*`` (ImageNet, Places, COCO, extracted frames) belong to those sets; all others,
    however deep, are split by a hash of their path, so the split never changes. CIFAR-10 is read
    in its binary version, ``data_batch_*.bin`` and ``test_batch.bin``. Nothing is read from
    ``skip``, which is the run's own folder.

    Raises
    ------
    PhotoSetError
        If a folder is missing, or nothing is left to train on or to validate on.
    """
    reader = _Reader(recipe, threads)
    for folder in folders:
        _require_folder(folder)
        for role, shard in _shards(folder, recipe):
            reader.read(role, shard_files(shard))
        reader.read(None, loose_files(folder, skip))
        reader.read_cifar(folder)
    for folder in val_folders:
        _require_folder(folder)
        for shard in sorted(folder.glob("*.tar")):
            reader.read("val", shard_files(shard))
        reader.read("val", loose_files(folder, skip))
    library = reader.library
    _require_photos(library, folders)
    if reader.bytes_held >= recipe.memory_mib * _MIB:
        _log.info(
            "data.memory_mib = %d is full: other photographs are read when they are shown",
            recipe.memory_mib,
        )
    return library


class _Reader:
    """Fills a library."""

    def __init__(self, recipe: DataRecipe, threads: int) -> None:
        self._recipe = recipe
        self._threads = threads
        self.bytes_held = 0
        left_out = LeftOut()
        train, extra, val, held_out = (PhotoSet(left_out=left_out) for _ in range(4))
        self.library = PhotoLibrary(train, extra, val, held_out, left_out)

    def read(self, role: Role | None, files: Iterator[EncodedFile]) -> None:
        """Add ``files``; without a role, each gets one by its name."""
        with ThreadPoolExecutor(self._threads) as pool:
            while chunk := list(itertools.islice(files, _CHUNK)):
                if self.bytes_held >= self._recipe.memory_mib * _MIB:
                    for file in chunk:
                        self._store(role, file)
                    continue
                for file, photo in zip(chunk, pool.map(self._decode, chunk), strict=True):
                    self._place(role, file, photo)

    def read_cifar(self, folder: Path) -> None:
        """CIFAR-10, https://www.cs.toronto.edu/~kriz/cifar.html: records of a label and
        3 × 32 × 32 bytes, planes in the order R, G, B."""
        files = [path for pattern in CIFAR_FILES for path in sorted(folder.rglob(pattern))]
        if not files and any(folder.rglob("batches.meta")):
            raise PhotoSetError(
                f"{folder} holds CIFAR-10 in its Python version, which is pickle and can run any "
                "code: get the binary version (cifar-10-binary.tar.gz)"
            )
        for path in files:
            content = np.fromfile(path, np.uint8)
            if content.size % _CIFAR_RECORD:
                broken = EncodedFile(path.name, path, 0, content.size)
                self.library.left_out.judge(broken, None, self._recipe.min_chroma)
                continue
            photos = content.reshape(-1, _CIFAR_RECORD)[:, 1:].reshape(-1, 3, 32, 32)
            role: Role = "val" if path.name.startswith("test") else "train"
            for index, photo in enumerate(photos.transpose(0, 2, 3, 1)):
                record = EncodedFile(path.name, path, index * _CIFAR_RECORD, _CIFAR_RECORD)
                self._place(role, record, np.ascontiguousarray(photo))

    def _decode(self, file: EncodedFile) -> Photo | None:
        return decode_photo(file.read(), self._recipe.max_short_side)

    def _place(self, role: Role | None, file: EncodedFile, photo: Photo | None) -> None:
        usable = self.library.left_out.judge(file, photo, self._recipe.min_chroma)
        if usable is not None:
            self.bytes_held += usable.nbytes
            self._target(role, file.name).add(usable, source_of(file.name))

    def _store(self, role: Role | None, file: EncodedFile) -> None:
        stored = StoredPhoto(file, self._recipe.max_short_side, self._recipe.min_chroma)
        self._target(role, file.name).add(stored, source_of(file.name))

    def _target(self, role: Role | None, name: str) -> PhotoSet:
        if source_of(name) in self._recipe.held_out_sources:
            return self.library.held_out
        found: PhotoSet = getattr(self.library, role or _role_of(name, self._recipe.split))
        return found


def _require_folder(folder: Path) -> None:
    if not folder.is_dir():
        raise PhotoSetError(
            f"{folder} is not a folder: give one that holds photographs or tar shards of them"
        )


def _require_photos(library: PhotoLibrary, folders: list[Path]) -> None:
    broken = library.left_out.broken
    for name, photos in (("train", library.train), ("validate", library.val)):
        if not len(photos):
            where = ", ".join(map(str, folders)) or "no folder"
            raise PhotoSetError(
                f"nothing to {name} on in {where}: {len(broken)} files could not be "
                f"decoded and {library.left_out.grey} photos are grey; add colour photographs"
            )
    if broken:
        _log.warning(
            "%d files could not be decoded and are left out, first: %s",
            len(broken),
            ", ".join(broken[:5]),
        )


def _shards(folder: Path, recipe: DataRecipe) -> list[tuple[Role | None, Path]]:
    """The tar shards of ``folder`` with the set of each; None where its photographs are split.

    Names say what no pattern does: for a set that has no shard yet, or where none has.
    """
    patterns: tuple[tuple[Role, tuple[str, ...]], ...] = (
        ("train", recipe.train),
        ("extra", recipe.extra),
        ("val", recipe.val),
    )
    found: list[tuple[Role | None, Path]] = []
    for role, globs in patterns:
        found += [(role, path) for path in sorted({p for g in globs for p in folder.glob(g)})]
    if not found:
        return [(_role_in(path.stem), path) for path in sorted(folder.glob("*.tar"))]
    roles = {role for role, _ in found}
    for path in sorted(set(folder.glob("*.tar")) - {path for _, path in found}):
        role_by_name = _role_in(path.stem)
        if role_by_name is not None and role_by_name not in roles:
            found.append((role_by_name, path))
    return found


def _role_in(stem: str) -> Role | None:
    """What a shard's name speaks of: ``imagenet-train-0001`` but not ``constraint``."""
    found = re.search(r"(?:^|[^a-z])(train|val)", stem.lower())
    if found is None:
        return None
    return "val" if found[1] == "val" else "train"


def _role_of(name: str, split: float) -> Role:
    """Whether a picture is trained or validated on, by its path in the data folder or shard."""
    top = name.split("/")[0].lower() if "/" in name else ""
    if top.startswith("train"):
        return "train"
    if top.startswith("val"):
        return "val"
    return "val" if _hash_share(name) < split else "train"


def _hash_share(name: str) -> float:
    digest = hashlib.sha256(os.fsencode(name)).digest()
    return int.from_bytes(digest[:8], "big") / 2**64
