"""Judges crops with any ONNX that gives one logit a crop; its card says the rest."""

import math
from collections.abc import Sequence

import numpy as np

from pipeline.errors import ModelCardError
from pipeline.model_card import ModelCard
from pipeline.onnx_session import Device, OnnxSession, open_session
from pipeline.types import FrameScore, Image


class LogitClassifier:
    """A graph from (N, S, S, 3) uint8 to `logit` (N) or (N, 1), calibrated by its card.

    Normalisation belongs into the graph: there it cannot differ between training and serving.
    """

    def __init__(self, session: OnnxSession, card: ModelCard) -> None:
        self._session = session
        self._card = card
        (self._input,) = session.inputs
        self._one_by_one = session.inputs[self._input][0] == 1

    @property
    def card(self) -> ModelCard:
        """The facts of the model."""
        return self._card

    @property
    def provider(self) -> str:
        """Where it runs: "cpu" or "cuda"."""
        return self._session.provider

    def __call__(self, crops: Sequence[Image]) -> Sequence[FrameScore | None]:
        """One calibrated score a BGR crop, in order; None where the logit is not finite.

        Raises:
            ModelError: the crops are not of the card's size.
        """
        if not crops:
            return []
        batch = np.stack(crops)
        if self._card.color == "rgb":
            batch = np.ascontiguousarray(batch[..., ::-1])
        parts = np.split(batch, len(batch)) if self._one_by_one else [batch]
        logits = [self._session.run({self._input: part})["logit"].ravel() for part in parts]
        return [self._score(logit) for logit in np.concatenate(logits)]

    def _score(self, raw: np.float32) -> FrameScore | None:
        """Divide by the temperature, add the bias (Guo et al. 2017)."""
        logit = float(raw) / self._card.temperature + self._card.bias
        if not math.isfinite(logit):
            return None
        return FrameScore(logit, 1 / (1 + math.exp(-min(max(logit, -700.0), 700.0))))


def build(card: ModelCard, device: Device) -> LogitClassifier:
    """Open the model of the card and check that it fits the card.

    Raises:
        ModelCardError: the graph takes or gives something else than the card promises.
        ModelLoadError: see `open_session`.
    """
    session = open_session(card, device)
    if card.crop is None or card.color not in ("bgr", "rgb") or not card.temperature > 0:
        raise ModelCardError(
            f'The card of {card.name} needs [crop], color "bgr" or "rgb", and temperature > 0.'
        )
    size = card.crop.size_px
    if "logit" not in session.outputs or len(session.inputs) != 1:
        raise ModelCardError(f"The model {card.name} must have one input and an output `logit`.")
    (shape,) = session.inputs.values()
    if len(shape) != 4 or not all(
        wanted == found or isinstance(found, str | None)
        for wanted, found in zip((size, size, 3), shape[1:], strict=True)
    ):
        raise ModelCardError(
            f"The model {card.name} takes {shape}, but its card cuts crops of {size} px."
        )
    return LogitClassifier(session, card)
