"""Read photographs from tar shards and folders into memory, once.

Twenty thousand photos of 192 pixels are about 3 GB as uint8, so they are decoded when the
run starts and every step cuts its crops from memory.
"""

from __future__ import annotations

import hashlib
import logging
import tarfile
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from vidcolor.errors import TrainingDataError
from vidcolor.training.recipe import DataRecipe

_log = logging.getLogger(__name__)

Photo = npt.NDArray[np.uint8]
"""One photograph, (H, W, 3) R′G′B′."""

IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff"})
"""Files that are tried as photographs."""

MAX_FILE_BYTES = 64 * 1024 * 1024
"""Larger files are counted as broken instead of being decoded."""

CIFAR_FILES = ("data_batch_*.bin", "test_batch.bin")
"""CIFAR-10's binary version."""

_CIFAR_RECORD = 1 + 3 * 32 * 32

_CHUNK = 256
"""Files decoded at once: bounds how many encoded files wait in memory."""


@dataclass(slots=True)
class PhotoSet:
    """Decoded photographs with the source that each came from."""

    photos: list[Photo] = field(default_factory=list)
    sources: list[str] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.photos)

    def spaced(self, count: int) -> PhotoSet:
        """At most ``count`` photos, evenly spaced through the set."""
        if count >= len(self):
            return self
        picks = [index * len(self) // count for index in range(count)]
        return PhotoSet([self.photos[i] for i in picks], [self.sources[i] for i in picks])


@dataclass(slots=True)
class PhotoLibrary:
    """All photographs of a run, and what was left out."""

    train: PhotoSet = field(default_factory=PhotoSet)
    extra: PhotoSet = field(default_factory=PhotoSet)
    val: PhotoSet = field(default_factory=PhotoSet)
    held_out: PhotoSet = field(default_factory=PhotoSet)
    """Of sources that are never trained on."""
    broken: list[str] = field(default_factory=list)
    """Names of files that could not be decoded."""
    grey: int = 0
    """Photos left out because they have hardly any colour."""

    def counts(self) -> dict[str, int]:
        """How many photos each set holds and how many were left out."""
        return {
            "train": len(self.train),
            "extra": len(self.extra),
            "val": len(self.val),
            "held_out": len(self.held_out),
            "grey": self.grey,
            "broken": len(self.broken),
        }


def source_of(name: str) -> str:
    """``"lsp-0c6ade20fc0031f0.webp"`` → ``"lsp"``; a name without ``-`` is its own source."""
    stem = Path(name).stem
    return stem.rsplit("-", 1)[0]


def load_library(
    folders: list[Path], recipe: DataRecipe, *, val_folders: Iterable[Path] = (), threads: int = 2
) -> PhotoLibrary:
    """Decode everything under ``folders`` (and ``val_folders``, only for validation).

    A folder's tar shards are sorted into sets by the patterns in ``recipe``. Loose pictures in
    its subfolders ``train*`` and ``val*`` (ImageNet, Places, COCO, extracted frames) belong to
    those sets; all others, however deep, are split by a hash of their path, so the split never
    changes. CIFAR-10 is read in its binary version, ``data_batch_*.bin`` and ``test_batch.bin``.

    Raises
    ------
    TrainingDataError
        If a folder is missing, or nothing is left to train on or to validate on.
    """
    library = PhotoLibrary()
    for folder in folders:
        _require_folder(folder)
        for patterns, role in (
            (recipe.train, "train"),
            (recipe.extra, "extra"),
            (recipe.val, "val"),
        ):
            _fill(library, role, _shard_files(folder, patterns), recipe, threads)
        _fill(library, None, _loose_files(folder), recipe, threads)
        _fill_cifar(library, folder, recipe)
    for folder in val_folders:
        _require_folder(folder)
        _fill(library, "val", _shard_files(folder, ("*.tar",)), recipe, threads)
        _fill(library, "val", _loose_files(folder), recipe, threads)
    _require_photos(library, folders)
    return library


def _require_folder(folder: Path) -> None:
    if not folder.is_dir():
        raise TrainingDataError(
            f"{folder} is not a folder: give one that holds photographs or tar shards of them"
        )


def _require_photos(library: PhotoLibrary, folders: list[Path]) -> None:
    for name, photos in (("train", library.train), ("validate", library.val)):
        if not len(photos):
            where = ", ".join(map(str, folders)) or "no folder"
            raise TrainingDataError(
                f"nothing to {name} on in {where}: {len(library.broken)} files could not be "
                f"decoded and {library.grey} photos are grey; add colour photographs"
            )
    if library.broken:
        _log.warning(
            "%d files could not be decoded and are left out, first: %s",
            len(library.broken),
            ", ".join(library.broken[:5]),
        )


def _shard_files(folder: Path, patterns: tuple[str, ...]) -> Iterator[tuple[str, bytes]]:
    shards = sorted({path for pattern in patterns for path in folder.glob(pattern)})
    for shard in shards:
        try:
            with tarfile.open(shard) as archive:
                for member in archive:
                    if member.isfile() and Path(member.name).suffix.lower() in IMAGE_SUFFIXES:
                        content = archive.extractfile(member)
                        is_sane = content is not None and member.size <= MAX_FILE_BYTES
                        yield member.name, content.read() if content and is_sane else b""
        except (tarfile.TarError, OSError) as error:
            raise TrainingDataError(
                f"cannot read {shard}: {error}; copy the shard again or remove it"
            ) from error


def _loose_files(folder: Path) -> Iterator[tuple[str, bytes]]:
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() in IMAGE_SUFFIXES and path.is_file():
            is_sane = path.stat().st_size <= MAX_FILE_BYTES
            yield path.relative_to(folder).as_posix(), path.read_bytes() if is_sane else b""


def _fill(
    library: PhotoLibrary,
    role: str | None,
    files: Iterator[tuple[str, bytes]],
    recipe: DataRecipe,
    threads: int,
) -> None:
    with ThreadPoolExecutor(threads) as pool:
        while chunk := list(islice(files, _CHUNK)):
            photos = pool.map(lambda item: decode_photo(item[1], recipe.max_short_side), chunk)
            for (name, _), photo in zip(chunk, photos, strict=True):
                _place(library, role, name, photo, recipe)


def _place(
    library: PhotoLibrary, role: str | None, name: str, photo: Photo | None, recipe: DataRecipe
) -> None:
    if photo is None:
        library.broken.append(name)
        return
    if mean_chroma(photo) < recipe.min_chroma:
        library.grey += 1
        return
    role = role or _role_of(name, recipe.split)
    source = source_of(name)
    target: PhotoSet = getattr(library, role)
    if source in recipe.held_out_sources:
        target = library.held_out
    target.photos.append(photo)
    target.sources.append(source)


def _role_of(name: str, split: float) -> str:
    """Whether a loose picture is trained or validated on, by its path in the data folder."""
    top = name.split("/")[0].lower() if "/" in name else ""
    for role in ("train", "val"):
        if top.startswith(role):
            return role
    return "val" if _hash_share(name) < split else "train"


def _fill_cifar(library: PhotoLibrary, folder: Path, recipe: DataRecipe) -> None:
    """CIFAR-10, https://www.cs.toronto.edu/~kriz/cifar.html: records of a label and 3 × 32 × 32
    bytes, planes in the order R, G, B."""
    files = [path for pattern in CIFAR_FILES for path in sorted(folder.rglob(pattern))]
    if not files and any(folder.rglob("batches.meta")):
        raise TrainingDataError(
            f"{folder} holds CIFAR-10 in its Python version, which is pickle and can run any code: "
            "get the binary version (cifar-10-binary.tar.gz)"
        )
    for path in files:
        content = np.fromfile(path, np.uint8)
        if content.size % _CIFAR_RECORD:
            library.broken.append(path.name)
            continue
        photos = content.reshape(-1, _CIFAR_RECORD)[:, 1:].reshape(-1, 3, 32, 32)
        role = "val" if path.name.startswith("test") else "train"
        for photo in photos.transpose(0, 2, 3, 1):
            _place(library, role, path.name, np.ascontiguousarray(photo), recipe)


def _hash_share(name: str) -> float:
    digest = hashlib.sha256(name.encode("utf-8")).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


def decode_photo(content: bytes, max_short_side: int) -> Photo | None:
    """Decode to (H, W, 3) R′G′B′ uint8 with at most ``max_short_side``; None if it cannot be."""
    if not content:
        return None
    try:
        bgr = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error:
        return None
    if bgr is None:
        return None
    height, width = bgr.shape[:2]
    if min(height, width) < 16:
        return None
    scale = max_short_side / min(height, width)
    if scale < 1:
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        bgr = cv2.resize(bgr, size, interpolation=cv2.INTER_AREA)
    return np.ascontiguousarray(bgr[:, :, ::-1], dtype=np.uint8)


def mean_chroma(photo: Photo) -> float:
    """Mean of max(R,G,B) − min(R,G,B), 0…255, of a 32 × 32 reduction of ``photo``."""
    small = cv2.resize(photo, (32, 32), interpolation=cv2.INTER_AREA).astype(np.int16)
    return float((small.max(axis=2) - small.min(axis=2)).mean())


def source_counts(photos: PhotoSet) -> dict[str, int]:
    """Photos per source, most frequent first; at most the 50 largest are named."""
    return dict(Counter(photos.sources).most_common(50))
