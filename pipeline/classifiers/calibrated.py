"""What every classifier with one logit shares: its card's checks and its card's calibration."""

import math

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import ModelCardError
from pipeline.model_card import CropRule, ModelCard
from pipeline.onnx_session import OnnxSession
from pipeline.types import FrameScore


def check_card(card: ModelCard) -> CropRule:
    """Check what a classifier's card has to say, and give its crop rule.

    Raises:
        ModelCardError: no crop rule, an unknown colour order, or a temperature that is none.
    """
    if card.crop is None or card.color not in ("bgr", "rgb") or not card.temperature > 0:
        raise ModelCardError(
            f'The card of {card.name} needs [crop], color "bgr" or "rgb", and temperature > 0.'
        )
    return card.crop


def check_ends(card: ModelCard, session: OnnxSession) -> None:
    """Check that the graph has one input and an output `logit`.

    Raises:
        ModelCardError: it has not.
    """
    if "logit" not in session.outputs or len(session.inputs) != 1:
        raise ModelCardError(f"The model {card.name} must have one input and an output `logit`.")


def score(
    card: ModelCard, raw: np.float32, embedding: NDArray[np.float32] | None = None
) -> FrameScore | None:
    """Divide by the temperature, add the bias (Guo et al. 2017); None where it is not finite."""
    logit = float(raw) / card.temperature + card.bias
    if not math.isfinite(logit):
        return None
    prob = 1 / (1 + math.exp(-min(max(logit, -700.0), 700.0)))
    if embedding is not None and not np.isfinite(embedding).all():
        embedding = None
    return FrameScore(logit, prob, embedding)
