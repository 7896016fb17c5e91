"""Batches that are a pure function of (seed, step), so that a resumed run sees the same ones."""

from __future__ import annotations

import math
import queue
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from vidcolor.photographs.cards import draw_card
from vidcolor.photographs.photos import Photo, PhotoSet
from vidcolor.training.recipe import CropRecipe, Recipe

_MAIN, _EXTRA, _CROPS = 0, 1, 2
"""Keys that keep the random streams of order and crops apart."""

_PREFETCH = 3
"""Batches made ahead of the step that uses them."""


_VAL_BATCH = 32
"""Pictures validated at once."""


@dataclass(slots=True)
class PhotoBatch:
    """The clean colour photographs of one step."""

    rgb: Tensor
    """(N, size, size, 3) uint8 R′G′B′."""
    step: int
    """The step it belongs to; with ``rank`` it keys the step's random numbers."""
    rank: int = 0
    """Which process's share of the step's pictures these are."""


class PhotoOrder:
    """An endless order over photos: pass after pass, each a fresh shuffle.

    Parameters
    ----------
    weights:
        (n,) how often each photo is shown per pass; the fraction of a weight is drawn anew
        in each pass.
    """

    def __init__(self, weights: npt.NDArray[np.float64], seed: int, stream: int) -> None:
        self._whole = np.floor(weights).astype(np.int64)
        self._fraction = weights - self._whole
        # A pass has a fixed length, so that a position gives the pass without counting.
        self.pass_length = max(1, math.floor(float(weights.sum())))
        self._seed, self._stream = seed, stream
        self._pass_index = -1
        self._order: npt.NDArray[np.int64] = np.zeros(0, np.int64)

    def at(self, position: int, count: int) -> list[int]:
        """Indices of the ``count`` photos from ``position`` on."""
        return [self._one(p) for p in range(position, position + count)]

    def _one(self, position: int) -> int:
        pass_index, within = divmod(position, self.pass_length)
        if pass_index != self._pass_index:
            self._order = self._shuffle(pass_index)
            self._pass_index = pass_index
        return int(self._order[within])

    def _shuffle(self, pass_index: int) -> npt.NDArray[np.int64]:
        rng = np.random.default_rng([self._seed, self._stream, pass_index])
        repeats = self._whole + (rng.random(len(self._whole)) < self._fraction)
        picks = np.repeat(np.arange(len(repeats)), repeats)
        if not len(picks):
            picks = np.arange(len(repeats))
        # np.resize repeats the picks where chance left fewer of them than a pass is long.
        return np.resize(rng.permutation(picks), self.pass_length)


def photo_weights(photos: PhotoSet, by_source: dict[str, float]) -> npt.NDArray[np.float64]:
    """(n,) how often each photo is shown per pass."""
    return np.array([by_source.get(source, 1.0) for source in photos.sources], np.float64)


def random_crop(
    photo: Photo, size: int, recipe: CropRecipe, rng: np.random.Generator
) -> npt.NDArray[np.uint8]:
    """A random part of ``photo``, flipped half of the time, as (size, size, 3).

    Zoom and translation come from the part's size and place.
    """
    height, width = photo.shape[:2]
    area, aspect, x, y = rng.random(4)
    area = recipe.min_area + (1 - recipe.min_area) * area
    aspect = math.exp((2 * aspect - 1) * math.log(recipe.max_aspect))
    crop_w = math.sqrt(area * height * width * aspect)
    crop_h = crop_w / aspect
    # Where the crop does not fit, it shrinks and keeps its aspect.
    fit = min(1.0, width / crop_w, height / crop_h)
    crop_w, crop_h = max(1, round(crop_w * fit)), max(1, round(crop_h * fit))
    left, top = int(x * (width - crop_w + 1)), int(y * (height - crop_h + 1))
    crop = photo[top : top + crop_h, left : left + crop_w]
    if rng.random() < 0.5:
        crop = crop[:, ::-1]
    # Nothing is drawn for what a recipe does not use: the runs of before stay what they were.
    angle = rng.uniform(-recipe.rotation, recipe.rotation) if recipe.rotation else 0.0
    square = _turned_square(crop, size, angle)
    if recipe.brightness:
        gain = rng.uniform(1 - recipe.brightness, 1 + recipe.brightness)
        square = np.asarray(cv2.convertScaleAbs(square, alpha=gain), np.uint8)
    return square


def _turned_square(crop: Photo, size: int, degrees: float) -> npt.NDArray[np.uint8]:
    """``crop`` as a square, turned about its middle and enlarged until it fills it again."""
    turn = math.radians(abs(degrees))
    side = math.ceil(size * (math.cos(turn) + math.sin(turn)))
    shrinks = crop.shape[0] * crop.shape[1] >= side * side
    method = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    square = cv2.resize(np.ascontiguousarray(crop), (side, side), interpolation=method)
    if side == size:
        return np.asarray(square, np.uint8)
    matrix = cv2.getRotationMatrix2D(((side - 1) / 2, (side - 1) / 2), degrees, 1.0)
    matrix[:, 2] -= (side - size) / 2
    turned = cv2.warpAffine(square, matrix, (size, size), borderMode=cv2.BORDER_REFLECT_101)
    return np.asarray(turned, np.uint8)


def central_square(photo: Photo, size: int) -> npt.NDArray[np.uint8]:
    """The central square of ``photo`` as (size, size, 3)."""
    height, width = photo.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    crop = np.ascontiguousarray(photo[top : top + side, left : left + side])
    method = cv2.INTER_AREA if side >= size else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(crop, (size, size), interpolation=method))


class BatchMaker:
    """Makes the batch of any step.

    Parameters
    ----------
    train, extra:
        The two streams of photographs.
    recipe:
        The run.
    rank, processes:
        Every process gets each ``processes``-th picture of a step, beginning with ``rank``.
    threads:
        That cut crops.
    """

    def __init__(
        self,
        train: PhotoSet,
        extra: PhotoSet,
        recipe: Recipe,
        *,
        rank: int = 0,
        processes: int = 1,
        threads: int = 2,
    ) -> None:
        self._recipe = recipe
        self._rank = rank
        self._share = slice(rank, None, processes)
        self._sets = (train, extra)
        weights = recipe.data.source_weights
        self._orders = [
            PhotoOrder(photo_weights(photos, weights), recipe.seed, stream)
            for stream, photos in ((_MAIN, train), (_EXTRA, extra))
        ]
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="crops")

    def batch(self, step: int) -> PhotoBatch:
        """The batch of ``step``, whatever was asked for before."""
        phase = self._recipe.phase_at(step)
        before_main, before_extra = self._recipe.pictures_before(step)
        from_extra = phase.from_extra
        if not len(self._sets[_EXTRA]):
            before_main, from_extra = before_main + before_extra, 0
        indices = self._orders[_MAIN].at(before_main, phase.batch - from_extra)
        picks = [(self._sets[_MAIN], index) for index in indices]
        if from_extra:
            indices = self._orders[_EXTRA].at(before_extra, from_extra)
            picks += [(self._sets[_EXTRA], index) for index in indices]
        seeds = np.random.SeedSequence([self._recipe.seed, _CROPS, step]).spawn(len(picks))
        cut = partial(self._cut, phase.size)
        crops = list(self._pool.map(cut, picks[self._share], seeds[self._share]))
        return PhotoBatch(torch.from_numpy(np.stack(crops)), step, self._rank)

    def _cut(
        self, size: int, pick: tuple[PhotoSet, int], seed: np.random.SeedSequence
    ) -> npt.NDArray[np.uint8]:
        photos, index = pick
        rng = np.random.default_rng(seed)
        cards = self._recipe.data.cards
        if cards and rng.random() < cards:
            return draw_card(size, rng)
        return random_crop(photos[index], size, self._recipe.crop, rng)

    def close(self) -> None:
        """End the worker threads."""
        self._pool.shutdown()


class FixedBatches:
    """The central squares of photographs, in order, for validation.

    A class of its own, because Lightning takes a list apart.

    Parameters
    ----------
    photos:
        What to validate on.
    size:
        Side of the squares in pixels.
    """

    def __init__(self, photos: PhotoSet, size: int) -> None:
        self._squares = [torch.from_numpy(central_square(p, size)) for p in photos]

    def __len__(self) -> int:
        return -(-len(self._squares) // _VAL_BATCH)

    def __iter__(self) -> Iterator[PhotoBatch]:
        for start in range(0, len(self._squares), _VAL_BATCH):
            # The position stands in for the step: it keys the degradation.
            yield PhotoBatch(torch.stack(self._squares[start : start + _VAL_BATCH]), start)


class PhotoBatches:
    """An iterable of batches from the step that ``first_step()`` names on, made ahead.

    ``first_step`` is asked when iteration begins: by then a resumed trainer knows its step.
    Close it: an iteration that an error has left lives as long as that error is remembered.
    """

    def __init__(self, maker: BatchMaker, first_step: Callable[[], int]) -> None:
        self._maker = maker
        self._first_step = first_step
        self._workers: list[tuple[threading.Thread, threading.Event]] = []

    def close(self) -> None:
        """End the threads that make batches ahead."""
        for worker, stop in self._workers:
            stop.set()
            worker.join()
        self._workers.clear()

    def __iter__(self) -> Iterator[PhotoBatch]:
        stop = threading.Event()
        ready: queue.Queue[PhotoBatch | BaseException] = queue.Queue(_PREFETCH)
        worker = threading.Thread(
            target=self._produce, args=(self._first_step(), ready, stop), name="batches"
        )
        self._workers.append((worker, stop))
        worker.start()
        try:
            while True:
                item = ready.get()
                if isinstance(item, BaseException):
                    raise item
                yield item
        finally:
            stop.set()
            worker.join()

    def _produce(
        self,
        step: int,
        ready: queue.Queue[PhotoBatch | BaseException],
        stop: threading.Event,
    ) -> None:
        while not stop.is_set():
            item: PhotoBatch | BaseException
            try:
                item = self._maker.batch(step)
            except BaseException as error:  # carried to the thread that trains
                item = error
            while not stop.is_set():
                try:
                    ready.put(item, timeout=0.1)
                    break
                except queue.Full:
                    continue
            if isinstance(item, BaseException):
                return
            step += 1
