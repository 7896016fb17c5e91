"""A picture for each validation: photographs in grey, as the network colours them, as they are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import lightning
import numpy as np
import numpy.typing as npt
import torch
from lightning.pytorch.loggers import TensorBoardLogger
from torch import Tensor

from vidcolor.color import rgb_to_luma
from vidcolor.photographs.photos import PhotoSet
from vidcolor.training.batches import FixedBatches
from vidcolor.training.metrics import color_at_constant_luma
from vidcolor.training.module import ColorModule, unit_rgb


class ValidationPictures(lightning.Callback):  # type: ignore[misc]
    """Write ``folder/step-NNNNNN.png`` after each validation, and show it in TensorBoard.

    Parameters
    ----------
    photos:
        What is shown, one column each.
    size:
        Side of the squares in pixels; fits the network.
    """

    def __init__(self, folder: Path, photos: PhotoSet, size: int) -> None:
        self._folder = folder
        self._batches = FixedBatches(photos, size)

    def on_validation_end(self, trainer: Any, pl_module: ColorModule) -> None:
        """Draw."""
        if not trainer.is_global_zero:
            return
        sheet = self._draw(pl_module)
        self._folder.mkdir(exist_ok=True)
        path = self._folder / f"step-{trainer.global_step:06d}.png"
        cv2.imwrite(str(path), cv2.cvtColor(sheet, cv2.COLOR_RGB2BGR))
        for logger in trainer.loggers:
            if isinstance(logger, TensorBoardLogger):
                logger.experiment.add_image(
                    "grey, coloured, true", sheet, trainer.global_step, dataformats="HWC"
                )

    @torch.no_grad()
    def _draw(self, module: ColorModule) -> npt.NDArray[np.uint8]:
        """(3 · size, N · size, 3) R′G′B′."""
        columns = []
        for batch in self._batches:
            batch.rgb = batch.rgb.to(module.device)
            lightness, _ = module.prepare(batch, degraded=False)
            rgb = unit_rgb(batch.rgb)
            luma = rgb_to_luma(rgb)
            response = module.objective.respond(module.average, lightness)
            colored = color_at_constant_luma(luma, module.objective.ab(response, module.average))
            columns += [
                _column(*rows) for rows in zip(luma.expand_as(rgb), colored, rgb, strict=True)
            ]
        return np.hstack(columns)


def _column(*pictures: Tensor) -> npt.NDArray[np.uint8]:
    """(3, h, w) each, 0…1 -> one above the other."""
    stacked = torch.cat(pictures, dim=1).permute(1, 2, 0)
    column: npt.NDArray[np.uint8] = (stacked * 255).round().byte().cpu().numpy()
    return column
