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
class DataConfig:
    """What is trained on."""

    store: Path
    components: Path | None
    exclude: Path | None
    pairs: int
    labelled: int
    pool: int
    uses: float
    weights: dict[str, float]
    families: dict[str, float]
    extra: ExtraConfig | None


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
    """Checkpoint to start from; None starts from ImageNet."""
    data: DataConfig
    optimiser: OptimiserConfig


def read_run(path: Path) -> RunConfig:
    """Read `export/runs/NAME.toml`; an unknown or missing key raises TypeError or KeyError."""
    facts = tomllib.loads(path.read_text(encoding="utf-8"))
    data, optimiser = facts.pop("data"), facts.pop("optimiser")
    for key in ("store", "components", "exclude"):
        data[key] = Path(data[key]) if data.get(key) else None
    start = facts.pop("start", "")
    extra = data.pop("extra", None)
    if extra is not None:
        extra = ExtraConfig(**{**extra, "store": Path(extra["store"])})
    return RunConfig(
        name=path.stem,
        start=Path(start) if start else None,
        data=DataConfig(**data, extra=extra),
        optimiser=OptimiserConfig(**optimiser),
        **facts,
    )
