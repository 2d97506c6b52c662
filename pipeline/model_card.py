"""The card of a model: TOML facts beside the ONNX file, checked before the file is trusted."""

import hashlib
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.errors import ModelCardError

TASKS = ("face_detection", "face_landmarks", "deepfake")


@dataclass(frozen=True, slots=True)
class CropRule:
    """How a classifier's crop is cut; see `preprocess.crop_face`."""

    size_px: int
    margin: float


@dataclass(frozen=True, slots=True)
class Cusum:
    """How much lasting excess of log-odds raises an alert too."""

    allowance: float
    """Log-odds that genuine faces may show for as long as they like."""
    limit: float
    """Log-odds above the allowance, times seconds."""


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Calibrated probabilities at which an alert is raised and cleared."""

    raise_at: float
    clear_at: float
    cusum: Cusum | None = None


@dataclass(frozen=True, slots=True)
class ReferenceScale:
    """How a classifier's answers spread over genuine recordings: what an enrolment is held against.

    Measured by export/measure_reference.py on held-out clips.
    """

    logit_mean: float
    logit_sd: float
    """Of the mean calibrated log-odds of genuine recordings, between recordings."""
    distance: float
    """Cosine distance up to which an embedding counts as unchanged; four seconds of one face."""


@dataclass(frozen=True, slots=True)
class Golden:
    """What the framework that a model came from answers to `golden.golden_crops`."""

    crops_sha256: str
    logits: tuple[float, ...]
    """Raw logits, 1 = fake, one a picture."""
    framework: str


@dataclass(frozen=True, slots=True)
class ModelCard:
    """What a model is, where it comes from, what it was measured to do and what it cannot do."""

    name: str
    version: str
    task: str
    adapter: str
    """File name in pipeline/detectors, landmarkers or classifiers."""
    path: Path | None
    """The ONNX file, or None for a model that comes with a package."""
    sha256: str | None
    licence: str
    source: str
    trained_on: str
    limits: str
    """What it cannot do, in plain words."""
    color: str = "bgr"
    """Channel order the graph expects: "bgr" or "rgb"."""
    labels: tuple[str, ...] = ()
    temperature: float = 1.0
    """Divides the raw logit (Guo et al. 2017, On Calibration of Modern Neural Networks)."""
    bias: float = 0.0
    """Added to the divided logit, so that 0 means even odds on calibration data."""
    crop: CropRule | None = None
    frames: int = 1
    """How many crops of one face, oldest first, a classifier wants for one answer."""
    precision: str = "fp32"
    """What the graph computes in: "fp32", "fp16" or "int8"."""
    thresholds: Thresholds | None = None
    reference: ReferenceScale | None = None
    """None: nobody can be enrolled with this model."""
    golden: Golden | None = None
    opt_in: bool = False
    """Never chosen by default (licence)."""
    metrics: tuple[tuple[str, Any], ...] = ()

    @property
    def fingerprint(self) -> str:
        """name@version@hash12: says exactly which model gave a score."""
        return f"{self.name}@{self.version}@{(self.sha256 or 'package')[:12]}"


def read_card(path: Path) -> ModelCard:
    """Read `name.toml`.

    Raises:
        ModelCardError: missing, not TOML, or a fact is missing, unknown or of the wrong kind.
    """
    try:
        facts = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ModelCardError(f"There is no model card {path}.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ModelCardError(f"The model card {path} is not valid TOML: {error}.") from error
    try:
        return _card(path, facts)
    except (KeyError, TypeError, ValueError) as error:
        raise ModelCardError(f"The model card {path} lacks or misstates {error}.") from error


def _card(path: Path, facts: dict[str, Any]) -> ModelCard:
    task = facts["task"]
    if task not in TASKS:
        raise ValueError(f"task: {task!r} is none of {', '.join(TASKS)}")
    crop = facts.pop("crop", None)
    thresholds = facts.pop("thresholds", None)
    if task == "deepfake" and (crop is None or thresholds is None):
        raise ValueError("[crop] and [thresholds], which a deepfake classifier needs")
    reference = facts.pop("reference", None)
    golden = facts.pop("golden", None)
    file = facts.pop("file", None)
    if file is not None and (Path(file).name != file or not facts.get("sha256")):
        raise ValueError("file: a bare file name with its sha256 is needed")
    return ModelCard(
        path=path.parent / file if file else None,
        sha256=facts.pop("sha256", None),
        crop=CropRule(int(crop["size_px"]), float(crop["margin"])) if crop else None,
        thresholds=_thresholds(thresholds) if thresholds else None,
        reference=_reference(**reference) if reference else None,
        golden=_golden(golden) if golden else None,
        labels=tuple(facts.pop("labels", ())),
        metrics=tuple(facts.pop("metrics", {}).items()),
        **facts,
    )


def _thresholds(facts: dict[str, Any]) -> Thresholds:
    raise_at, clear_at = float(facts["raise_at"]), float(facts["clear_at"])
    if not 0.0 < clear_at < raise_at < 1.0:
        raise ValueError("thresholds: 0 < clear_at < raise_at < 1 must hold")
    return Thresholds(raise_at, clear_at)


def _reference(logit_mean: float, logit_sd: float, distance: float) -> ReferenceScale:
    if not (logit_sd > 0 and distance > 0):
        raise ValueError("reference: logit_sd and distance must be above 0")
    return ReferenceScale(float(logit_mean), float(logit_sd), float(distance))


def _golden(facts: dict[str, Any]) -> Golden:
    logits = tuple(float(logit) for logit in facts["logits"])
    return Golden(str(facts["crops_sha256"]), logits, str(facts["framework"]))


def sha256_of(path: Path) -> str:
    """SHA-256 of a file, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
