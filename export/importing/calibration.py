"""Temperature, bias and thresholds of an imported model from labelled pictures of one's own."""

import dataclasses

import numpy as np

from export.calibrate import Calibration, balanced, fit, thresholds
from export.card import CardTexts, write_card
from export.importing.importer import PLACEHOLDER_LIMIT
from export.importing.labelled import Labelled
from export.metrics import auc, calibration_error, sigmoid
from pipeline.errors import ModelError
from pipeline.load import adapter
from pipeline.model_card import ModelCard, Thresholds
from pipeline.onnx_session import Device


def calibrate(card: ModelCard, pictures: Labelled, recall: float) -> ModelCard:
    """Rewrite the card with a calibration; every file counts alike within its label.

    `recall` of the genuine files stay below `raise_at`. A file's score is the mean over its
    pictures, as a window's is over its crops.

    Raises:
        ModelError: the model does not run, or gives no finite answers.
    """
    if card.golden is None or card.crop is None or card.path is None:
        raise ModelError(
            f"{card.name} was not imported: models trained here are calibrated by fakewatch export."
        )
    plain = dataclasses.replace(card, temperature=1.0, bias=0.0)
    classify = adapter(card)(plain, Device.CPU)
    crops = pictures.crops(card.crop.size_px, card.crop.margin)
    scores = classify(list(crops))
    if any(score is None for score in scores):
        raise ModelError(f"The model {card.name} gives answers that are no numbers.")
    logits = np.array([score.logit for score in scores])
    files = np.array(pictures.files)
    names = sorted(set(pictures.files))
    means = np.array([logits[files == name].mean() for name in names])
    labels = np.array([pictures.labels[files == name][0] for name in names])
    found = fit(means, labels, balanced(labels, names))
    genuine = [name for name, label in zip(names, labels, strict=True) if label == 0]
    limits = Thresholds(*thresholds(found(means[labels == 0]), genuine, recall))
    return write_card(
        card.path,
        CardTexts(
            card.name, card.version, card.licence, card.source, card.trained_on,
            card.limits.replace(PLACEHOLDER_LIMIT, "").strip(),
        ),
        (card.crop.size_px, card.crop.margin),
        found,
        limits,
        {**dict(card.metrics), **_figures(found, means, labels)},
        card.golden,
    )  # fmt: skip


def _figures(
    found: Calibration, means: np.ndarray, labels: np.ndarray
) -> dict[str, float | str | int]:
    probs = sigmoid(found(means))
    return {
        "note": "Calibrated on the user's own files; the figures are of the same files.",
        "own_files_genuine": int((labels == 0).sum()),
        "own_files_fake": int((labels == 1).sum()),
        "own_files_auc": round(auc(means, labels), 3),
        "own_files_ece": round(calibration_error(probs, labels), 3),
    }
