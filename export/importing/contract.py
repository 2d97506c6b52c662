"""What a person says of a foreign model: how it wants its pictures and what its numbers mean."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import ModelError

Three = tuple[float, float, float]
Floats = NDArray[np.float64]
LEAST_PROB = 1e-6
"""A probability is held this far from 0 and 1, so that its log-odds stay finite: within 13.8."""


@dataclass(frozen=True, slots=True)
class Scale:
    """What is done to a channel of 0..255: (value - mean) / std, in the model's channel order."""

    mean: Three
    std: Three


SCALES = {
    "unit": Scale((0.0,) * 3, (255.0,) * 3),
    "signed": Scale((127.5,) * 3, (127.5,) * 3),
    "raw": Scale((0.0,) * 3, (1.0,) * 3),
    "imagenet": Scale((123.675, 116.28, 103.53), (58.395, 57.12, 57.375)),
}
"""[0, 1]; [-1, 1]; 0..255 as they are; red, green, blue by ImageNet's mean and deviation."""


@dataclass(frozen=True, slots=True)
class Contract:
    """The four things that a file of weights does not say, and that ruin a model when wrong."""

    color: str
    """Channel order that the model was trained with: "rgb" or "bgr"."""
    scale: Scale
    labels: tuple[str, ...]
    """"genuine" or "fake" for each output in order; a single output speaks for the last."""
    probability: bool
    """Whether the outputs are probabilities; else they are logits."""

    def __post_init__(self) -> None:
        if not {"genuine", "fake"} == set(self.labels):
            raise ModelError(
                "The labels must name every output in its order and hold both sides, such as "
                "--labels real,fake."
            )
        if not all(std > 0 for std in self.scale.std):
            raise ModelError("A channel cannot be divided by 0 or less: give --std above 0.")

    def pixels(self, crops: NDArray[np.uint8], layout: str) -> NDArray[np.float32]:
        """What the model is to be fed for (N, S, S, 3) BGR crops, computed without the graph."""
        values = crops[..., ::-1] if self.color == "rgb" else crops
        scaled = (values - np.array(self.scale.mean)) / np.array(self.scale.std)
        turned = scaled.transpose(0, 3, 1, 2) if layout == "nchw" else scaled
        return np.ascontiguousarray(turned, np.float32)

    def logits(self, outputs: NDArray[np.floating]) -> Floats:
        """Log-odds of fake (N,) from a framework's outputs (N, ...), computed without the graph.

        Raises:
            ModelError: there are not as many outputs as labels.
        """
        values = np.asarray(outputs, np.float64).reshape(len(outputs), -1)
        self.require_outputs(values.shape[1])
        if values.shape[1] == 1:
            probs = np.clip(values[:, 0], LEAST_PROB, 1 - LEAST_PROB)
            said = np.log(probs / (1 - probs)) if self.probability else values[:, 0]
            return said if self.labels[-1] == "fake" else -said
        said = np.log(np.clip(values, LEAST_PROB, 1)) if self.probability else values
        fake = np.array([label == "fake" for label in self.labels])
        odds = np.logaddexp.reduce(said[:, fake], axis=1)
        return np.asarray(odds - np.logaddexp.reduce(said[:, ~fake], axis=1), np.float64)

    def require_outputs(self, count: int) -> None:
        """Raise ModelError unless the labels fit `count` outputs a picture."""
        if len(self.labels) != max(2, count):
            wanted = "2 (a single output speaks for the last)" if count == 1 else str(count)
            raise ModelError(
                f"The model gives {count} value{'s' if count > 1 else ''} a picture, so --labels "
                f"needs {wanted} names, not {len(self.labels)}."
            )
