"""Would another reading of the model fit labelled pictures better? Colour, labels, scale, crop.

Each of the four can be wrong without any error: the model runs and is merely bad. Here it is run
as declared and with one thing changed at a time, on the same pictures.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import onnx
from numpy.typing import NDArray

from export.evaluation.bootstrap import Measure, difference, group_draws
from export.evaluation.measures import Floats
from export.importing.contract import SCALES, Scale
from export.importing.importer import run_wrapped
from export.importing.labelled import Labelled
from export.importing.wrap import FACTOR, MEAN, set_scale
from export.metrics import auc
from pipeline.errors import ModelError
from pipeline.model_card import ModelCard

MARGINS = (1.0, 1.3, 1.6, 2.0)
SURE = 0.995
"""Share of paired draws in which a variant must win, since about ten are tried at once."""
LEAST_GAIN = 0.02
"""AUC that a variant must win by."""


@dataclass(frozen=True, slots=True)
class Reading:
    """One way to read the model, and how it ranks the labelled pictures."""

    what: str
    """"as declared", or the one thing that was changed."""
    auc: float
    fakes_above_0: float
    genuine_below_0: float
    gain: float
    """AUC over the declared reading."""
    share_better: float
    """Of the paired bootstrap's draws, by file."""

    @property
    def suspicious(self) -> bool:
        """Whether this reading clearly beats the declared one."""
        return self.gain >= LEAST_GAIN and self.share_better >= SURE


def readings(card: ModelCard, pictures: Labelled) -> list[Reading]:
    """The declared reading first, then each variant.

    Raises:
        ModelError: the card names no model that can be run on crops.
    """
    if card.path is None or card.crop is None or not card.path.is_file():
        raise ModelError(f"The model {card.name} has no file that could be checked.")
    labels = pictures.labels
    weights = _draws(pictures)
    declared: NDArray[np.float32] | None = None
    found = []
    for what, logits in _variants(card, onnx.load(str(card.path)), pictures):
        declared = logits if declared is None else declared
        gap = difference(_measure(logits, labels), _measure(declared, labels), weights)
        found.append(
            Reading(
                what,
                auc(np.asarray(logits, np.float64), labels),
                float((logits[labels == 1] > 0).mean()),
                float((logits[labels == 0] < 0).mean()),
                gap.interval.value,
                gap.share_above,
            )
        )
    return found


def _variants(
    card: ModelCard, model: onnx.ModelProto, pictures: Labelled
) -> Iterator[tuple[str, NDArray[np.float32]]]:
    assert card.crop is not None  # noqa: S101 - `readings` has looked
    size_px, margin = card.crop.size_px, card.crop.margin
    crops = pictures.crops(size_px, margin)
    if card.color == "rgb":
        crops = crops[..., ::-1]
    declared = run_wrapped(model, np.ascontiguousarray(crops))
    yield "as declared", declared
    yield "colour order the other way round", run_wrapped(model, _turned(crops))
    yield "labels the other way round", -declared
    for name, scale in _other_scales(model):
        other = onnx.ModelProto.FromString(model.SerializeToString())
        set_scale(other, scale)
        yield f"--scale {name}", run_wrapped(other, np.ascontiguousarray(crops))
    for other_margin in MARGINS:
        if abs(other_margin - margin) > 0.05:
            wider = pictures.crops(size_px, other_margin)
            wider = _turned(wider) if card.color == "rgb" else wider
            yield f"--margin {other_margin:g}", run_wrapped(model, wider)


def _turned(crops: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.ascontiguousarray(crops[..., ::-1])


def _other_scales(model: onnx.ModelProto) -> Iterator[tuple[str, Scale]]:
    """Every known scale but the graph's own; none for a graph that was not imported."""
    constants = {entry.name: entry for entry in model.graph.initializer}
    if MEAN not in constants or FACTOR not in constants:
        return
    mean = onnx.numpy_helper.to_array(constants[MEAN])
    factor = onnx.numpy_helper.to_array(constants[FACTOR])
    for name, scale in SCALES.items():
        same = np.allclose(mean, scale.mean, atol=0.5)
        if not (same and np.allclose(factor, 1 / np.array(scale.std), rtol=0.02)):
            yield name, scale


def _draws(pictures: Labelled) -> Floats:
    """Draws whole files, of each label as many as there are."""
    files = pictures.files
    weights = np.zeros((2000, len(files)))
    for label in (0, 1):
        rows = np.flatnonzero(pictures.labels == label)
        weights[:, rows] = group_draws([files[int(row)] for row in rows], 2000, seed=label)
    return weights


def _measure(logits: NDArray[np.float32], labels: NDArray[np.int64]) -> Measure:
    """Weighted AUC of every draw: the share of fake-genuine pairs in the right order."""
    fakes, reals = labels == 1, labels == 0
    gaps = logits[fakes][:, None] - logits[reals][None, :]
    right = (gaps > 0) + 0.5 * (gaps == 0)

    def measure(weights: Floats) -> Floats:
        mass = weights[:, fakes].sum(axis=1) * weights[:, reals].sum(axis=1)
        pairs = np.einsum("df,fr,dr->d", weights[:, fakes], right, weights[:, reals], optimize=True)
        return np.asarray(pairs / mass, np.float64)

    return measure
