"""Judges several crops of one face at once: any ONNX that gives one logit a clip of `frames`."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pipeline.classifiers.calibrated import check_card, check_ends, score
from pipeline.errors import ModelCardError, ModelError
from pipeline.model_card import ModelCard
from pipeline.onnx_session import Device, OnnxSession, open_session
from pipeline.types import FrameScore, Image


class SequenceClassifier:
    """A graph from (N, frames, S, S, 3) uint8 to `logit` (N) or (N, 1), calibrated by its card.

    The analyzer hands over the newest crops of each face, oldest first, once there are enough.
    """

    def __init__(self, session: OnnxSession, card: ModelCard) -> None:
        self._session = session
        self._card = card
        (self._input,) = session.inputs

    @property
    def card(self) -> ModelCard:
        """The facts of the model."""
        return self._card

    @property
    def provider(self) -> str:
        """Where it runs: "cpu" or "cuda"."""
        return self._session.provider

    def __call__(self, crops: Sequence[Image]) -> Sequence[FrameScore | None]:
        """One calibrated score a clip (frames, S, S, 3), in order; None where it is not finite.

        A single crop (S, S, 3) is a picture that stands still; the service asks with one whether
        the model still answers.

        Raises:
            ModelError: a clip has another number of frames or another size than the card says.
        """
        # One clip at a time: a second one in the batch saves nothing and doubles the memory.
        return [score(self._card, self._logit(self._clip(crop))) for crop in crops]

    def heatmap(self, crop: Image) -> NDArray[np.float32] | None:  # noqa: ARG002 - the Protocol's
        """None: what a single crop adds is not known."""
        return None

    def _clip(self, crop: Image) -> Image:
        frames = self._card.frames
        clip = np.stack([crop] * frames) if crop.ndim == 3 else crop
        if clip.shape[0] != frames:
            raise ModelError(
                f"The model {self._card.name} judges {frames} frames at once, not {clip.shape[0]}."
            )
        return np.ascontiguousarray(clip[..., ::-1]) if self._card.color == "rgb" else clip

    def _logit(self, clip: Image) -> np.float32:
        (raw,) = self._session.run({self._input: clip[None]})["logit"].ravel()
        return np.float32(raw)


def build(card: ModelCard, device: Device) -> SequenceClassifier:
    """Open the model of the card and check that it fits the card.

    Raises:
        ModelCardError: the graph takes or gives something else than the card promises.
        ModelLoadError: see `open_session`.
    """
    rule = check_card(card)
    if card.frames < 2:
        raise ModelCardError(f"The card of {card.name} needs `frames`, two or more.")
    session = open_session(card, device)
    check_ends(card, session)
    (shape,) = session.inputs.values()
    wanted = (card.frames, rule.size_px, rule.size_px, 3)
    if len(shape) != 5 or not all(
        side == found or isinstance(found, str | None)
        for side, found in zip(wanted, shape[1:], strict=True)
    ):
        raise ModelCardError(f"The model {card.name} takes {shape}, but its card says {wanted}.")
    return SequenceClassifier(session, card)
