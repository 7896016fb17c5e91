"""What a training run does: every number of it, read from a TOML recipe."""

from __future__ import annotations

import math
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from vidcolor.config import find_pipeline, override, read_toml, validate_settings
from vidcolor.errors import SettingsError
from vidcolor.photographs.degradation import DegradationRecipe

RECIPES = (
    "train-filmnet",
    "train-finetune",
    "train-alpha",
    "train-beta",
    "train-eccv16",
    "train-fusion",
    "train-siggraph17",
    "train-unet",
    "train-unet-gan",
    "train-vgg16",
)
"""Shipped training recipes, one ``pipelines/NAME.toml`` each."""


_Decay = Annotated[float, Field(ge=0, lt=1)]


class _Settings(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class NetworkRecipe(_Settings):
    """Which network is trained."""

    architecture: str = "filmnet"
    """Name in the registry of networks."""
    options: dict[str, Any] = Field(default_factory=dict)
    """Keyword arguments of the network's constructor."""
    encoder_parameters: str | None = None
    """Prefix of the parameter names that train at ``optimizer.encoder_rate``, because they come
    from ImageNet; None trains all at ``optimizer.rate``."""


class DataRecipe(_Settings):
    """Which photographs are used, and how often."""

    train: tuple[str, ...] = ("train-*.tar",)
    """Shards of the main stream, as glob patterns inside each data folder."""
    extra: tuple[str, ...] = ("tiny64-*.tar",)
    """Shards of small pictures, mixed in by each phase's ``extra_share``."""
    val: tuple[str, ...] = ("val.tar",)
    """Shards that are only validated on."""
    split: float = Field(default=0.04, gt=0, lt=1)
    """Share of a folder of loose pictures that is kept for validation, chosen by file name."""
    held_out_sources: tuple[str, ...] = ()
    """Sources (what stands before ``-`` and the hash in a name) that are never trained on and
    are validated on separately, to see how well the network does on unfamiliar material."""
    source_weights: dict[str, Annotated[float, Field(ge=0)]] = Field(default_factory=dict)
    """How often a photo of a source is shown per pass, against 1 for the others."""
    max_short_side: int = Field(default=192, ge=16)
    """Larger photos are reduced to this short side in pixels when they are read."""
    memory_mib: int = Field(default=8192, ge=0)
    """Photographs are decoded into memory until it holds this much; the others are decoded from
    their files whenever they are shown."""
    min_chroma: float = Field(default=3.0, ge=0)
    """Photos with a lower mean of max(R,G,B) − min(R,G,B), 0…255, are taken for grey: left out."""
    cards: float = Field(default=0.0, ge=0, lt=1)
    """Share of the pictures that are drawn titles, leaders and charts, whose truth is neutral."""


class PhaseRecipe(_Settings):
    """A part of the run with one picture size."""

    share: float = Field(gt=0, le=1)
    """Share of the run's steps."""
    size: int = Field(ge=32, le=1024, multiple_of=8)
    """Side of the square crops in pixels; the network may want a multiple of more."""
    batch: int = Field(ge=1)
    """Pictures per step."""
    extra_share: float = Field(default=0.0, ge=0, lt=1)
    """Share of each batch that comes from the small pictures, where there are any."""

    @property
    def from_extra(self) -> int:
        """Small pictures per step."""
        return round(self.batch * self.extra_share)


class CropRecipe(_Settings):
    """Random crops."""

    min_area: float = Field(default=0.4, gt=0, le=1)
    """Smallest area of a crop, as a share of the photo's."""
    max_aspect: float = Field(default=4 / 3, ge=1)
    """Widest (and, inverted, narrowest) ratio of a crop's sides before it is made square."""
    rotation: float = Field(default=0.0, ge=0, le=45)
    """Crops are turned by up to this many degrees to either side; the picture fills them still."""
    brightness: float = Field(default=0.0, ge=0, lt=1)
    """The photo's R′G′B′ is multiplied by up to 1 ± this."""


class LossRecipe(_Settings):
    """What is minimised."""

    kind: Literal["bins", "mse", "l1", "huber"] = "bins"
    """``bins`` classifies the 313 ab bins, for networks that have them; the others are regression
    of ab / 110."""
    rebalance: float = Field(default=0.75, ge=0, le=1)
    """λ of Zhang et al. 2016, eq. 4: 0 weighs bins by 1/prior, 1 weighs all alike."""
    huber: float = Field(default=0.06, ge=0)
    """With ``bins``: weight of the Huber loss between the decoded mean + residual and true ab."""
    huber_delta: float = Field(default=5.0, gt=0)
    """Where a Huber loss turns from quadratic to linear, in ab units."""
    histogram: float = Field(default=0.1, ge=0)
    """Weight of the side task: the picture's own ab histogram from the global vector."""
    grey_chroma: float = Field(default=6.0, gt=0)
    """Pictures with a mean target chroma below this count less, in proportion."""
    grey_weight: float = Field(default=0.25, ge=0, le=1)
    """…but never less than this. Without any chroma it is a drawn card, which counts in full."""
    cell_step: int = Field(default=2, ge=1, le=4)
    """Only every n-th row and column of the output enters the loss, another set each step:
    neighbouring cells say nearly the same."""
    prior_photos: int = Field(default=3000, ge=1)
    """Training photos from which the prior over bins is counted."""


class GanRecipe(_Settings):
    """A PatchGAN that judges the colours (Isola et al. 2017, https://arxiv.org/abs/1611.07004)."""

    content: float = Field(default=100.0, ge=0)
    """λ: weight of ``loss`` against the adversarial loss."""
    rate: float = Field(default=2e-4, gt=0)
    """Learning rate of the discriminator (Adam, with the generator's betas)."""
    real_label: float = Field(default=1.0, gt=0.5, le=1)
    """What the discriminator should say to true colours; 0.9 is one-sided label smoothing."""
    pretrain_share: float = Field(default=0.0, ge=0, lt=1)
    """Share of the run's steps, at its beginning, that minimise ``loss`` alone."""


class OptimizerRecipe(_Settings):
    """The optimizer, its learning rate over time, and the average of the weights."""

    kind: Literal["adamw", "adam", "rmsprop"] = "adamw"
    """torch's optimizer of that name; only AdamW decays weights."""
    schedule: Literal["cosine", "constant", "plateau"] = "cosine"
    """After the warm-up. ``plateau``, which has none, multiplies the rate by ``plateau_factor``
    where the validation loss has not fallen for ``plateau_patience`` validations."""
    plateau_factor: float = Field(default=0.5, gt=0, lt=1)
    """See ``schedule``."""
    plateau_patience: int = Field(default=3, ge=0)
    """See ``schedule``."""
    rate: float = Field(default=1e-3, gt=0)
    """Peak learning rate."""
    encoder_rate: float = Field(default=2e-4, ge=0)
    """Peak learning rate of the pretrained encoder; 0 freezes it."""
    final_share: float = Field(default=0.02, ge=0, le=1)
    """With ``cosine``: learning rate at the last step, as a share of the peak."""
    betas: tuple[_Decay, _Decay] = (0.9, 0.99)
    """Adam's and AdamW's decay rates; the second is RMSprop's."""
    weight_decay: float = Field(default=0.05, ge=0)
    """AdamW's decay; not applied to biases and norms."""
    warmup_steps: int = Field(default=100, ge=0)
    """Steps of linear warm-up."""
    clip: float = Field(default=1.0, gt=0)
    """Largest norm of the gradient."""
    average_decay: float = Field(default=0.998, ge=0, lt=1)
    """Decay of the exponential moving average of the weights, which is what is kept."""


class ValidationRecipe(_Settings):
    """How the run is watched, and how the decoding is chosen."""

    every_steps: int = Field(default=500, ge=1)
    """Steps between validations."""
    photos: int = Field(default=256, ge=1)
    """Photos per set, evenly spaced in it."""
    size: int = Field(default=160, ge=32, multiple_of=8)
    """Side in pixels of the central square that is validated on."""
    pictures: int = Field(default=8, ge=0)
    """Photos shown, coloured, in a picture for each validation; 0 draws none."""
    temperatures: tuple[Annotated[float, Field(gt=0)], ...] = Field(
        default=(0.4, 0.6, 0.8, 1.0), min_length=1
    )
    """Decode temperatures that filmnet tries at the end. Below Zhang et al.'s 0.38 there is
    little more colour, but PSNR falls quickly and neighbouring cells disagree."""
    tilts: tuple[Annotated[float, Field(ge=-0.2, le=0.2)], ...] = Field(
        default=(0.0, 0.03, 0.06), min_length=1
    )
    """Weights of colourful bins that filmnet tries with each; see `vidcolor.models.bins.decode`."""
    gains: tuple[Annotated[float, Field(gt=0)], ...] = Field(
        default=(0.9, 1.0, 1.1, 1.2, 1.3, 1.4), min_length=1
    )
    """Factors on ab that filmnet tries with each temperature."""
    min_colorfulness: float = Field(default=0.65, ge=0)
    """The chosen decoding has the best PSNR among those whose colourfulness is at least this
    share of the truth's; where none has that much, the most colourful one is taken."""
    patience: int = Field(default=0, ge=0)
    """End the run after this many validations in a row without a lower loss; 0 never does."""
    keep: Literal["last", "best"] = "last"
    """Which weights are exported: the last, or those with the lowest validation loss."""


class DataSource(_Settings):
    """Where photographs came from, for the checkpoint's metadata."""

    name: str
    """The source."""
    what: str = ""
    """What it shows."""
    terms: str
    """Its terms, as stated by the source."""


class Recipe(_Settings):
    """A whole training run."""

    name: str = Field(pattern=r"^[\w.-]*\w[\w.-]*$")
    """Names the run and its checkpoint: letters, digits, ``_``, ``-`` and ``.``."""
    description: str = ""
    """One line for ``--help`` and the docs."""
    seed: int = Field(default=1, ge=0)
    """Everything random is derived from this and the step."""
    max_steps: int = Field(default=3000, ge=1)
    """Steps of the whole run; the learning rate ends there."""
    precision: Literal["32-true", "bf16-mixed"] = "bf16-mixed"
    """Lightning's name of the arithmetic."""
    checkpoint_steps: int = Field(default=250, ge=1)
    """Steps between checkpoints."""
    log_steps: int = Field(default=20, ge=1)
    """Steps between logged training losses."""
    network: NetworkRecipe = NetworkRecipe()
    data: DataRecipe = DataRecipe()
    phases: tuple[PhaseRecipe, ...] = Field(min_length=1)
    """Parts of the run in order; their shares must add up to 1."""
    crop: CropRecipe = CropRecipe()
    degradation: DegradationRecipe = DegradationRecipe()
    loss: LossRecipe = LossRecipe()
    gan: GanRecipe | None = None
    """With a discriminator; None without."""
    optimizer: OptimizerRecipe = OptimizerRecipe()
    validation: ValidationRecipe = ValidationRecipe()
    licence: str = Field(min_length=1)
    """Terms of the weights, stored with them."""
    sources: tuple[DataSource, ...] = ()
    """Where the photographs came from, stored with the weights."""

    @model_validator(mode="after")
    def _fits_together(self) -> Recipe:
        total = sum(phase.share for phase in self.phases)
        if not math.isclose(total, 1.0, abs_tol=1e-6):
            raise ValueError(f"the shares of the phases add up to {total:g}, not 1")
        if self.gan and self.optimizer.schedule == "plateau":
            raise ValueError("gan trains with optimizer.schedule cosine or constant, not plateau")
        if self.optimizer.schedule == "plateau" and self.optimizer.warmup_steps:
            raise ValueError("optimizer.schedule plateau has no warm-up: set warmup_steps to 0")
        return self

    def phase_starts(self) -> tuple[int, ...]:
        """First step of each phase, and after them ``max_steps``."""
        starts, passed = [0], 0.0
        for phase in self.phases:
            passed += phase.share
            starts.append(round(passed * self.max_steps))
        return tuple(starts)

    def phase_at(self, step: int) -> PhaseRecipe:
        """The phase that ``step`` (from 0) belongs to; steps past the end get the last one."""
        for phase, end in zip(self.phases, self.phase_starts()[1:], strict=True):
            if step < end:
                return phase
        return self.phases[-1]

    def pictures_before(self, step: int) -> tuple[int, int]:
        """Pictures of the main and of the extra stream that steps 0…``step`` − 1 use up."""
        main = extra = 0
        for phase, steps in self._steps_before(step):
            main += steps * (phase.batch - phase.from_extra)
            extra += steps * phase.from_extra
        return main, extra

    def pixels_before(self, step: int) -> int:
        """Pixels that steps 0…``step`` − 1 show to the network, which their time follows."""
        return sum(n * phase.batch * phase.size**2 for phase, n in self._steps_before(step))

    def _steps_before(self, step: int) -> list[tuple[PhaseRecipe, int]]:
        """Each phase with the steps before ``step`` that belong to it."""
        starts = self.phase_starts()
        ends = (*starts[1:-1], max(step, starts[-1]))  # the last phase has no end
        return [
            (phase, max(0, min(step, end) - start))
            for phase, start, end in zip(self.phases, starts[:-1], ends, strict=True)
        ]


def load_recipe(name_or_path: str, changes: dict[str, Any] | None = None) -> Recipe:
    """A recipe by its shipped name or the path of a TOML file, with dotted fields replaced.

    Raises
    ------
    SettingsError
        If there is no such recipe, or a value in it is not allowed; the message names the field.
    """
    values = read_toml(find_pipeline(name_or_path, RECIPES, "recipe"))
    values.setdefault("name", Path(name_or_path).stem.removeprefix("train-"))
    recipe = validate_settings(Recipe, values, origin=f"recipe {name_or_path}")
    if not changes:
        return recipe
    return override(recipe, changes, origin=f"recipe {name_or_path}")


def parse_changes(assignments: list[str]) -> dict[str, Any]:
    """``["optimizer.rate=3e-4"]`` → ``{"optimizer.rate": 0.0003}``; values are TOML or text.

    Raises
    ------
    SettingsError
        If an entry has no ``=``.
    """
    changes: dict[str, Any] = {}
    for assignment in assignments:
        key, equals, text = assignment.partition("=")
        if not equals or not key.strip():
            raise SettingsError(
                f"--set {assignment!r} is not KEY=VALUE; write for example --set seed=2"
            )
        try:
            changes[key.strip()] = tomllib.loads(f"value = {text}")["value"]
        except tomllib.TOMLDecodeError:
            changes[key.strip()] = text.strip()
    return changes
