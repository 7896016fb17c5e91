"""Evaluate checkpoints on colour photographs."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from vidcolor.errors import Interrupted, PhotoSetError
from vidcolor.evaluation.colorings import Coloring, Grey, LightnessLookup, MeanColor, Tally
from vidcolor.evaluation.measures import (
    PictureScores,
    bin_counts,
    js_divergence,
    nearest_bins,
    score_picture,
    to_lab,
    within_threshold,
)
from vidcolor.evaluation.perceptual import Fid, Lpips
from vidcolor.evaluation.protocols import PROTOCOLS
from vidcolor.evaluation.resampling import Estimate, Resampler
from vidcolor.models import bins
from vidcolor.photographs.files import EncodedFile, loose_files, shard_files
from vidcolor.photographs.photos import Photo, decode_photo

LARGEST_SHORT_SIDE = 512
"""Pixels; larger photographs are reduced: the network sees no more, and CIEDE2000 is slow."""

MEASURES = {
    "mse": "mean squared error of R′G′B′ 0…1",
    "psnr": "PSNR of R′G′B′, dB",
    "ssim": "structural similarity",
    "delta_e": "CIEDE2000, mean over pixels",
    "delta_e_p90": "CIEDE2000, 90th percentile over pixels",
    "auc": "area under the curve of ab errors 0…150, %",
    "auc_balanced": "the same with every ab bin weighing alike, %",
    "colorfulness": "colourfulness, signed (Hasler and Süsstrunk)",
    "colorfulness_absolute": "colourfulness of absolute values (as DDColor's code has it)",
    "colorfulness_gap": "|mean colourfulness − mean of the truth|",
    "colorfulness_distance": "mean of |colourfulness − the picture's true one|",
    "js": "Jensen–Shannon divergence of the ab histograms from the truth's, nats",
    "cast": "|mean ab| / mean |ab|",
}
"""What is measured, and what it is. Means over pictures, but for the histogram and the gap."""

PERCEPTUAL = {
    "lpips": "learned perceptual distance, by the weights that were given",
    "fid": "Fréchet distance of Inception features; protocol lab only, no interval",
}
"""What is measured besides where there are weights."""


@dataclass(frozen=True, slots=True, eq=False)
class RowResult:
    """One coloring under one protocol."""

    name: str
    pictures: list[PictureScores]
    estimates: dict[str, Estimate]
    """By the names of `MEASURES`, and of `PERCEPTUAL` where they were measured."""


@dataclass(frozen=True, slots=True, eq=False)
class ProtocolResult:
    """A table."""

    protocol: str
    rows: list[RowResult]
    truth: dict[str, float]
    """Colourfulness and cast of the photographs themselves."""


@dataclass(frozen=True, slots=True, eq=False)
class PhotoEvaluation:
    """All tables over one set of photographs."""

    files: list[EncodedFile]
    """Those that were measured."""
    tables: list[ProtocolResult]
    broken: list[str]
    """Files that could not be decoded."""


class PhotoFiles:
    """The photographs of an evaluation, decoded one at a time.

    Parameters
    ----------
    folder:
        Pictures in any nesting, and tar shards.
    most:
        No more than these, evenly spaced.

    Raises
    ------
    PhotoSetError
        If there is none.
    """

    def __init__(self, folder: Path, most: int | None = None) -> None:
        if not folder.is_dir():
            raise PhotoSetError(f"{folder} is not a folder: give one with colour photographs")
        files: list[EncodedFile] = [*loose_files(folder)]
        for shard in sorted(folder.glob("*.tar")):
            files += shard_files(shard)
        if not files:
            raise PhotoSetError(f"there are no pictures in {folder}; give colour photographs")
        if most is not None and most < len(files):
            files = [files[index * len(files) // most] for index in range(most)]
        self.files = files

    def decode(self, file: EncodedFile) -> Photo | None:
        """One of them, reduced to `LARGEST_SHORT_SIDE`; None if it is broken."""
        return decode_photo(file.read(), LARGEST_SHORT_SIDE)


class _Row:
    """Collects what one coloring does."""

    def __init__(self, coloring: Coloring) -> None:
        self.coloring = coloring
        self.scores: list[PictureScores] = []
        self.counts: list[npt.NDArray[np.float64]] = []
        self.balanced: list[tuple[float, float]] = []
        self.lpips: list[float] = []


class _Table:
    """One protocol: first the true colours are counted, then every coloring is measured."""

    def __init__(self, protocol: str, lpips: Lpips | None, fid: Fid | None) -> None:
        self.protocol = protocol
        self._lpips = lpips
        self._fid = fid if protocol == "lab" else None
        self.subject = PROTOCOLS[protocol]
        self.tally = Tally()
        self.truth_counts: list[npt.NDArray[np.float64]] = []
        self.truth_scores: list[PictureScores] = []
        self.rows: list[_Row] = []
        self._weights: npt.NDArray[np.float64] = np.zeros(0)

    def count(self, photo: Photo) -> None:
        """First pass."""
        subject = self.subject(photo)
        self.tally.add(subject)
        self.truth_counts.append(bin_counts(nearest_bins(subject.truth_lab)))

    def begin(self, colorings: Sequence[Coloring]) -> None:
        """Between the passes."""
        constant: list[Coloring] = [Grey(), MeanColor(self.tally), LightnessLookup(self.tally)]
        self.rows = [_Row(coloring) for coloring in (*constant, *colorings)]
        # Zhang et al. 2016, section 3.2: equation 4 with λ = 0, over the smoothed distribution.
        shares = [counts / counts.sum() for counts in self.truth_counts]
        prior = bins.smooth_prior(torch.from_numpy(np.mean(shares, axis=0))).double().numpy()
        there = prior > 0
        self._weights = np.divide(1.0, prior, out=np.zeros_like(prior), where=there) / there.sum()

    def measure(self, photo: Photo, index: int) -> None:
        """Second pass."""
        subject = self.subject(photo)
        weights = self._weights[nearest_bins(subject.truth_lab)]
        truth, lab = subject.truth, subject.truth_lab
        self.truth_scores.append(score_picture(truth, truth, lab, lab))
        for row in self.rows:
            shown = subject.show(row.coloring.ab(subject, index))
            shown_lab = to_lab(shown)
            row.scores.append(score_picture(truth, shown, lab, shown_lab))
            row.counts.append(bin_counts(nearest_bins(shown_lab)))
            within = within_threshold(lab, shown_lab)
            row.balanced.append((float((weights * within).mean()), float(weights.mean())))
            if self._lpips:
                row.lpips.append(self._lpips.distance(truth, shown))
            if self._fid:
                self._fid.add(row.coloring.name, truth, shown)

    def result(self) -> ProtocolResult:
        """The table."""
        resampler = Resampler(len(self.truth_scores))
        true_colors = np.array([scores.colorfulness for scores in self.truth_scores])
        true_counts = _shares(self.truth_counts)
        rows = [_summarise(row, resampler, true_colors, true_counts) for row in self.rows]
        if self._fid:
            for row in rows:
                value = self._fid.distance(row.name)
                if value is not None:
                    row.estimates["fid"] = Estimate(value, value, value)
        return ProtocolResult(
            self.protocol,
            rows,
            {
                name: float(np.mean([getattr(scores, name) for scores in self.truth_scores]))
                for name in ("colorfulness", "colorfulness_absolute", "cast")
            },
        )


def _shares(counts: list[npt.NDArray[np.float64]]) -> npt.NDArray[np.float64]:
    """(pictures, 313), rows sum to 1: each picture counts alike."""
    stacked = np.stack(counts)
    return np.asarray(stacked / stacked.sum(axis=1, keepdims=True))


def _summarise(
    row: _Row,
    resampler: Resampler,
    true_colors: npt.NDArray[np.float64],
    true_counts: npt.NDArray[np.float64],
) -> RowResult:
    values = {
        field.name: np.array([getattr(scores, field.name) for scores in row.scores])
        for field in fields(PictureScores)
    }
    estimates = {name: resampler.mean(of_pictures) for name, of_pictures in values.items()}
    colors = values["colorfulness"]
    estimates["auc"] = resampler.mean(100 * values["auc"])
    estimates["auc_balanced"] = resampler.estimate(
        np.array(row.balanced), lambda means: 100 * means[:, 0] / means[:, 1]
    )
    estimates["colorfulness_gap"] = resampler.estimate(
        (colors - true_colors)[:, None], lambda means: np.abs(means[:, 0])
    )
    estimates["colorfulness_distance"] = resampler.mean(np.abs(colors - true_colors))
    size = bins.NUM_BINS
    estimates["js"] = resampler.estimate(
        np.concatenate((_shares(row.counts), true_counts), axis=1),
        lambda means: np.array([js_divergence(mean[:size], mean[size:]) for mean in means]),
    )
    ordered = {name: estimates[name] for name in MEASURES}
    if row.lpips:
        ordered["lpips"] = resampler.mean(np.array(row.lpips))
    return RowResult(row.coloring.name, row.scores, ordered)


def evaluate_photos(
    photos: PhotoFiles,
    colorings: Sequence[Coloring],
    *,
    protocols: Iterable[str] = tuple(PROTOCOLS),
    lpips: Lpips | None = None,
    fid: Fid | None = None,
    cancel: threading.Event | None = None,
    on_progress: Callable[[int, int], None] = lambda *_: None,
) -> PhotoEvaluation:
    """Measure ``colorings`` and the constant rows on ``photos``.

    Parameters
    ----------
    photos:
        In colour.
    colorings:
        Rows of the tables, behind grey, the mean ab and the best lookup by lightness.
    protocols:
        Names of `PROTOCOLS`.
    lpips, fid:
        Measured too where given; see `vidcolor.evaluation.perceptual`.
    cancel:
        When set, `Interrupted` is raised.
    on_progress:
        Called with the pictures done and all; each is looked at twice.

    Raises
    ------
    PhotoSetError
        If none can be decoded.
    """
    tables = [_Table(protocol, lpips, fid) for protocol in protocols]
    usable: list[EncodedFile] = []
    broken: list[str] = []
    steps = 2 * len(photos.files)
    for done, file in enumerate(photos.files):
        _stop_if(cancel)
        photo = photos.decode(file)
        if photo is None:
            broken.append(file.name)
            continue
        usable.append(file)
        for table in tables:
            table.count(photo)
        on_progress(done + 1, steps)
    if not usable:
        raise PhotoSetError(f"none of {len(broken)} pictures can be decoded; give photographs")
    for table in tables:
        table.begin(colorings)
    for index, file in enumerate(usable):
        _stop_if(cancel)
        photo = photos.decode(file)
        assert photo is not None
        for table in tables:
            table.measure(photo, index)
        on_progress(len(photos.files) + index + 1, steps)
    return PhotoEvaluation(usable, [table.result() for table in tables], broken)


def _stop_if(cancel: threading.Event | None) -> None:
    if cancel is not None and cancel.is_set():
        raise Interrupted
