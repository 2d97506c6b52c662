"""From a foreign model and its contract to NAME.onnx and NAME.toml, or one clear refusal."""

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from export.calibrate import Calibration
from export.card import CardTexts, write_card
from export.importing.contract import SCALES, Contract
from export.importing.foreign import Foreign, Form, single_input
from export.importing.onnx_model import session_of
from export.importing.wrap import last_activation, wrap
from pipeline.errors import ModelError
from pipeline.golden import crops_sha256, golden_crops, largest_gap
from pipeline.model_card import Golden, ModelCard, Thresholds

PARITY = 1e-3
"""Logit: how far ONNX Runtime may be from the framework that the model comes from."""
PLACEHOLDERS = Thresholds(0.8, 0.5)
PLACEHOLDER_LIMIT = (
    "Its thresholds are placeholders until `fakewatch models calibrate` has set them."
)
"""Stands in a card's limits until then."""


@dataclass(frozen=True, slots=True)
class Imported:
    """A card on disk and how well it was proved."""

    card: ModelCard
    gap: float
    """Largest difference in logit to the framework, on eight pictures."""
    remarks: tuple[str, ...]
    """Sentences about what looks odd or is not known."""


def guess_probability(foreign: Foreign, form: Form) -> bool:
    """Whether the outputs are probabilities, from the graph's end and its answers.

    Raises:
        ModelError: they look like probabilities, but nothing in the graph makes them so.
    """
    if last_activation(foreign.model) is not None:
        return True
    pixels = probe_crops(form.size_px) / np.float32(255)
    turned = pixels.transpose(0, 3, 1, 2) if form.layout == "nchw" else pixels
    found = foreign.predict(np.ascontiguousarray(turned, np.float32)).reshape(len(turned), -1)
    sums = np.abs(found.sum(axis=1) - 1).max() < 1e-3 if found.shape[1] > 1 else True
    if sums and found.min() >= 0 and found.max() <= 1:
        raise ModelError(
            "The answers lie between 0 and 1 but no sigmoid or softmax ends the graph: say "
            "--output probability or --output logit."
        )
    return False


def import_model(
    foreign: Foreign,
    contract: Contract,
    texts: CardTexts,
    form: Form,
    margin: float,
    folder: Path,
) -> Imported:
    """Wrap, prove against the framework, and write the ONNX file and its card.

    Raises:
        ModelError: ONNX Runtime and the framework differ, or the labels do not fit the outputs.
    """
    crops = probe_crops(form.size_px)
    answers = foreign.predict(contract.pixels(crops, form.layout))
    expected = contract.logits(answers)
    model = _proved(foreign, contract, form, answers[0].size, crops)
    found = run_wrapped(model, crops)
    gap = largest_gap(found, expected)
    if not gap < PARITY:
        raise ModelError(
            f"ONNX and {foreign.framework} differ by {gap:.1e} in logit: nothing is written."
        )
    golden = _golden(expected, form.size_px, foreign.framework)
    metrics: dict[str, Any] = {
        "note": "Nothing was measured: the model was imported as it is.",
        "imported_from": foreign.framework,
        "parity_logit": float(f"{gap:.1e}"),
        "trained_with": _said(contract),
    }
    target = folder / f"{texts.name}.onnx"
    folder.mkdir(parents=True, exist_ok=True)
    _write(model, target)
    plain = Calibration(1.0, 0.0)
    crop = (form.size_px, margin)
    card = write_card(target, texts, crop, plain, PLACEHOLDERS, metrics, golden)
    return Imported(card, gap, tuple(_remarks(expected, model)))


def _golden(expected: NDArray[np.float64], size_px: int, framework: str) -> Golden:
    logits = tuple(round(float(logit), 4) for logit in expected[:4])
    return Golden(crops_sha256(golden_crops(size_px)), logits, framework)


def probe_crops(size_px: int) -> NDArray[np.uint8]:
    """(8, size, size, 3): the golden crops and four of noise."""
    noise = np.random.default_rng(0).integers(0, 256, (4, size_px, size_px, 3), np.uint8)
    return np.concatenate([golden_crops(size_px), noise])


def run_wrapped(model: onnx.ModelProto, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Logits (N,) of a wrapped graph; one by one where its batch is 1."""
    session = session_of(model)
    alone = single_input(model).type.tensor_type.shape.dim[0].dim_value == 1
    parts = np.split(crops, len(crops)) if alone else [crops]
    found = [session.run(["logit"], {"crops": part})[0] for part in parts]
    return np.concatenate([np.asarray(part, np.float32).ravel() for part in found])


def _proved(
    foreign: Foreign, contract: Contract, form: Form, outputs: int, crops: NDArray[np.uint8]
) -> onnx.ModelProto:
    """The wrapped graph with an open batch where that gives the same answers, else one by one."""
    alone = Form(form.layout, form.size_px, 1)
    if form.batch is not None:
        return wrap(foreign.model, contract, alone, outputs)
    open_batch = wrap(foreign.model, contract, form, outputs)
    try:
        together = run_wrapped(open_batch, crops)
        apart = np.concatenate([run_wrapped(open_batch, crop[None]) for crop in crops[:3]])
    except Exception:  # noqa: BLE001 - whatever ONNX Runtime raises, one by one is the way left
        return wrap(foreign.model, contract, alone, outputs)
    if largest_gap(together[:3], apart) < PARITY:
        return open_batch
    return wrap(foreign.model, contract, alone, outputs)


def _write(model: onnx.ModelProto, target: Path) -> None:
    """Whole or not at all."""
    model.producer_name, model.producer_version, model.doc_string = "fakewatch", "", ""
    onnx.checker.check_model(model)
    with tempfile.NamedTemporaryFile(dir=target.parent, suffix=".part", delete=False) as file:
        file.write(model.SerializeToString(deterministic=True))
    Path(file.name).chmod(0o644)
    Path(file.name).replace(target)


def _said(contract: Contract) -> str:
    name = next((name for name, scale in SCALES.items() if scale == contract.scale), None)
    scale = name or f"mean {contract.scale.mean}, std {contract.scale.std}"
    kind = "probabilities" if contract.probability else "logits"
    return f"{contract.color}, {scale}, {kind} of {', '.join(contract.labels)}"


def _remarks(expected: NDArray[np.float64], model: onnx.ModelProto) -> list[str]:
    remarks = []
    if float(np.ptp(expected)) < 1e-3:
        remarks.append("It gives the same answer to all test pictures: is the scale right?")
    elif float(np.abs(expected).min()) > 8:
        remarks.append("It is certain of every test picture, noise too: is the scale right?")
    if single_input(model).type.tensor_type.shape.dim[0].dim_value == 1:
        remarks.append(
            "It takes one crop at a time; exported with an open batch it would be faster."
        )
    return remarks
