"""Luma between the decoder and the encoder, and small pictures of it."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Mapping, Sequence
from typing import overload

import cv2
import numpy as np
import numpy.typing as npt

from vidcolor.frames import EncodeTarget, Frame, Plane

SMALL_SHORT_SIDE = 144
"""Pixels of the luma that shots are found on."""

HALVED_FROM = 4
"""Sides at least this many times the wanted ones are halved before they are averaged."""


def target_luma(luma: Plane, target: EncodeTarget) -> Plane:
    """The luma plane that the encoder gets: the decoder's own, unless ``target`` differs.

    Parameters
    ----------
    luma:
        (h, w) code values as decoded.
    target:
        Its size, if another, is reached by area averaging; its ``luma_shift`` widens the code
        values to more bits exactly.
    """
    if luma.shape != (target.height, target.width):
        luma = cv2.resize(luma, (target.width, target.height), interpolation=cv2.INTER_AREA)
    if target.layout.bit_depth > 8 and luma.dtype == np.uint8:
        luma = luma.astype(np.uint16)
    return np.left_shift(luma, luma.dtype.type(target.luma_shift)) if target.luma_shift else luma


def area_averaged(luma: Plane, width: int, height: int) -> Plane:
    """A plane at another size: area-averaged if that is smaller, else interpolated.

    While a plane is much larger than that, and its sides are even, it is halved first: OpenCV
    averages whole pixels much faster than parts of them.
    """
    rows, columns = luma.shape
    while min(rows / height, columns / width) >= HALVED_FROM and rows % 2 == columns % 2 == 0:
        rows, columns = rows // 2, columns // 2
        luma = cv2.resize(luma, (columns, rows), interpolation=cv2.INTER_AREA)
    enlarges = columns < width or rows < height
    interpolation = cv2.INTER_LINEAR if enlarges else cv2.INTER_AREA
    resized: Plane = cv2.resize(luma, (width, height), interpolation=interpolation)
    return resized


def small_luma(frame: Frame, bit_depth: int) -> npt.NDArray[np.uint8]:
    """8-bit luma of at most `SMALL_SHORT_SIDE` px short side, as stored, for finding shots."""
    height, width = frame.luma.shape
    scale = min(1.0, SMALL_SHORT_SIDE / min(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    small = cv2.resize(frame.luma, size, interpolation=cv2.INTER_AREA)
    eight_bits: npt.NDArray[np.uint8] = (small >> (bit_depth - 8)).astype(np.uint8)
    return eight_bits


def luma_sha256(luma: Plane) -> bytes:
    """SHA-256 of a luma plane's code values, rows packed, two little-endian bytes above 8 bits.

    ``ffmpeg -vf extractplanes=y -f framehash`` gives the same.
    """
    values = np.ascontiguousarray(luma, luma.dtype.newbyteorder("<"))
    return hashlib.sha256(values.data).digest()


class FrameHashes(Sequence[bytes]):
    """`luma_sha256` of each frame of a film, in order; 32 bytes each.

    Those of a film's parts can be joined: `total` does not depend on how it was divided.
    """

    def __init__(self) -> None:
        self._digests = bytearray()

    def __len__(self) -> int:
        return len(self._digests) // _DIGEST_BYTES

    @overload
    def __getitem__(self, index: int) -> bytes: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[bytes]: ...
    def __getitem__(self, index: int | slice) -> bytes | Sequence[bytes]:
        if isinstance(index, slice):
            return [self[each] for each in range(*index.indices(len(self)))]
        place = range(len(self))[index] * _DIGEST_BYTES
        return bytes(self._digests[place : place + _DIGEST_BYTES])

    def append(self, digest: bytes) -> None:
        """One more frame."""
        self._digests += digest

    def extend_hex(self, text: str) -> None:
        """More frames, from `hex` of others."""
        self._digests += bytes.fromhex(text)

    def hex(self, first: int = 0) -> str:
        """Of all frames from number ``first`` on, without anything between them."""
        return self._digests[first * _DIGEST_BYTES :].hex()

    def total(self) -> str:
        """One hash of all: SHA-256 of the frames' hashes as lines of lower-case hex digits."""
        digest = hashlib.sha256()
        for each in self:
            digest.update(each.hex().encode() + b"\n")
        return digest.hexdigest()


_DIGEST_BYTES = 32


class LumaHashes:
    """Hashes of each frame's luma, as it was decoded and as it entered the encoder.

    Parameters
    ----------
    changes:
        What enters the encoder is another plane than the decoder's: shifted or scaled.
    """

    def __init__(self, *, changes: bool) -> None:
        self._changes = changes
        self.decoded = FrameHashes()
        self.encoded = FrameHashes() if changes else self.decoded
        self._frames_taken = 0

    def append(self, decoded: Plane, encoded: Plane) -> None:
        """One more frame."""
        self.decoded.append(luma_sha256(decoded))
        if self._changes:
            self.encoded.append(luma_sha256(encoded))

    def take_state(self) -> dict[str, str]:
        """What `restore` needs of the frames since the last call."""
        first, self._frames_taken = self._frames_taken, len(self.decoded)
        state = {"source_luma": self.decoded.hex(first)}
        if self._changes:
            state["encoder_luma"] = self.encoded.hex(first)
        return state

    def restore(self, state: Mapping[str, str]) -> None:
        """Append the frames of an earlier `take_state`."""
        self.decoded.extend_hex(state["source_luma"])
        if self._changes:
            self.encoded.extend_hex(state["encoder_luma"])
        self._frames_taken = len(self.decoded)


def luma_crc(luma: Plane) -> int:
    """CRC-32 of a luma plane's code values, rows packed."""
    return zlib.crc32(np.ascontiguousarray(luma).data)
