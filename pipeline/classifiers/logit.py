"""Judges crops with any ONNX that gives one logit a crop; its card says the rest."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pipeline.classifiers.calibrated import check_card, check_ends, score
from pipeline.errors import ModelCardError
from pipeline.golden import golden_crops, require_golden
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
        batch = self._batch(crops)
        parts = np.split(batch, len(batch)) if self._one_by_one else [batch]
        answers = [self._session.run({self._input: part}) for part in parts]
        logits = np.concatenate([answer["logit"].ravel() for answer in answers])
        if "embedding" not in self._session.outputs:
            return [score(self._card, logit) for logit in logits]
        embeddings = np.concatenate([answer["embedding"] for answer in answers])
        pairs = zip(logits, embeddings, strict=True)
        return [score(self._card, logit, embedding) for logit, embedding in pairs]

    def heatmap(self, crop: Image) -> NDArray[np.float32] | None:
        """What each cell of one BGR crop adds: (h, w) raw log-odds; None where the graph has none.

        The graph's `cam` is its head's weights times its feature map without the bias (class
        activation mapping, Zhou et al. 2016): the mean of the cells, plus the head's bias, is the
        raw logit exactly.
        """
        if "cam" not in self._session.outputs:
            return None
        cells = self._session.run({self._input: self._batch([crop])})["cam"][0]
        return np.asarray(cells, np.float32)

    def _batch(self, crops: Sequence[Image]) -> NDArray[np.uint8]:
        batch = np.stack(crops)
        return np.ascontiguousarray(batch[..., ::-1]) if self._card.color == "rgb" else batch


def build(card: ModelCard, device: Device) -> LogitClassifier:
    """Open the model of the card and check that it fits the card.

    Raises:
        ModelCardError: the graph takes or gives something else than the card promises.
        ModelLoadError: see `open_session`; or the answers to the card's test pictures differ.
    """
    session = open_session(card, device)
    rule = check_card(card)
    size = rule.size_px
    check_ends(card, session)
    (shape,) = session.inputs.values()
    if len(shape) != 4 or not all(
        wanted == found or isinstance(found, str | None)
        for wanted, found in zip((size, size, 3), shape[1:], strict=True)
    ):
        raise ModelCardError(
            f"The model {card.name} takes {shape}, but its card cuts crops of {size} px."
        )
    classifier = LogitClassifier(session, card)
    if card.golden is not None:
        scores = classifier(list(golden_crops(size)))
        raw = [(s.logit - card.bias) * card.temperature if s else math.nan for s in scores]
        require_golden(card, card.golden, np.array(raw))
    return classifier
