"""The settings of a training run, read from TOML."""

import tomllib
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class ExtraConfig:
    """Development clips that are trained on as well, but for one fold."""

    store: Path
    hold_out: int
    """The fold that is left out; -1 trains on all (only for a model that ships)."""
    pair_share: float
    labelled_share: float
    weights: dict[str, float]


@dataclass(frozen=True, slots=True)
class GeneratedConfig:
    """Wholly generated faces, each shown beside a genuine one of the training store."""

    store: Path
    share: float
    """Of the labelled couples."""
    against: list[str]
    """Genuine sources they are drawn against."""


@dataclass(frozen=True, slots=True)
class DataConfig:
    """What is trained on."""

    store: Path
    generator: Path | None
    exclude: Path | None
    pairs: int
    labelled: int
    pool: int
    uses: float
    weights: dict[str, float]
    families: dict[str, float]
    extra: ExtraConfig | None
    generated: GeneratedConfig | None


@dataclass(frozen=True, slots=True)
class OptimiserConfig:
    """AdamW and the loss."""

    lr: float
    """Peak rate of the backbone."""
    head_scale: float
    """How much faster the head learns."""
    weight_decay: float
    warmup_s: float
    smoothing: float
    pair_weight: float
    pair_margin: float
    ema: float
    where_weight: float = 0.0
    """Of the question where a crop is forged (export/where.py); 0 does not ask it."""


@dataclass(frozen=True, slots=True)
class ValidationConfig:
    """The held-out part of the training store by which `best.pt` is picked."""

    share: float = 0.0
    """Of every source's crops, whole groups; 0 keeps none and writes no `best.pt`."""
    every_s: float = 120.0
    most: int = 512
    metric: str = "auc"
    """"auc" or "loss"."""


@dataclass(frozen=True, slots=True)
class RunConfig:
    """One run."""

    name: str
    seed: int
    size_px: int
    minutes: float
    workers: int
    average_every: int
    fold: bool
    """Merge the batch norms into the convolutions before training: faster, for short fine-tunes."""
    start: Path | None
    """Checkpoint to start from; None starts from the architecture's free weights, or from nothing
    where there are none; "scratch" always from nothing."""
    data: DataConfig
    optimiser: OptimiserConfig
    validation: ValidationConfig = ValidationConfig()
    architecture: str = "efficientnet-lite0"
    """A name of export.architectures."""
    frames: int = 1
    """Crops a clip, for a sequence network."""
    mix_style: float = 0.0
    """Share of steps in which couples swap the looks of their recordings (export/mix_style.py)."""
    freeze_backbone: bool = False
    """Train a sequence network's head only."""
    steps: int = 0
    """So many steps of each worker in place of `minutes`, which then only shape the schedule: the
    same seed gives the same weights. 0 lets the clock decide."""
    device: str = "auto"
    """"cpu", "cuda", or "auto": CUDA where there is one. There `workers` make the batches."""
    mixed_precision: bool = True
    """On CUDA only."""


def read_run(path: Path) -> RunConfig:
    """Read `export/runs/NAME.toml`; an unknown or missing key raises TypeError or KeyError."""
    facts = tomllib.loads(path.read_text(encoding="utf-8"))
    data, optimiser = facts.pop("data"), facts.pop("optimiser")
    for key in ("store", "generator", "exclude"):
        data[key] = Path(data[key]) if data.get(key) else None
    start = facts.pop("start", "")
    extra = data.pop("extra", None)
    if extra is not None:
        extra = ExtraConfig(**{**extra, "store": Path(extra["store"])})
    generated = data.pop("generated", None)
    if generated is not None:
        generated = GeneratedConfig(**{**generated, "store": Path(generated["store"])})
    return RunConfig(
        name=path.stem,
        start=Path(start) if start else None,
        data=DataConfig(**data, extra=extra, generated=generated),
        optimiser=OptimiserConfig(**optimiser),
        validation=ValidationConfig(**facts.pop("validation", {})),
        **facts,
    )
