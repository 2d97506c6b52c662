"""The seams: what a detector, a landmarker, a classifier and a source must offer."""

from collections.abc import Iterator, Sequence
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from pipeline.model_card import ModelCard
from pipeline.types import Face, Frame, FrameScore, Image, Landmarks


class Detector(Protocol):
    """Finds faces. Stateless: one instance is shared by all streams and threads."""

    def __call__(self, image: Image) -> Sequence[Face]:
        """Faces in full-frame pixels, best first."""
        ...


class Landmarker(Protocol):
    """Finds the points of one face. Stateless and shared."""

    def __call__(self, image: Image, face: Face) -> Landmarks | None:
        """Points in full-frame pixels; None when there is no face to be seen there."""
        ...


class Classifier(Protocol):
    """Judges face crops. Stateless and shared."""

    @property
    def card(self) -> ModelCard:
        """The facts of the model, with its crop rule and thresholds."""
        ...

    def __call__(self, crops: Sequence[Image]) -> Sequence[FrameScore | None]:
        """One score a crop, in order; None where the model gave no finite answer.

        Crops come from `preprocess.crop_face` with the card's size and margin; a card with
        `frames` is given clips of so many, (frames, size, size, 3), oldest first.
        """
        ...


@runtime_checkable
class Localizer(Protocol):
    """A classifier that may say where in a crop its answer comes from."""

    def heatmap(self, crop: Image) -> NDArray[np.float32] | None:
        """What each cell of one crop adds: (h, w) raw log-odds; None where the model cannot say."""
        ...


class Source(Protocol):
    """Where frames come from. It has no retry code: it runs, and returns or raises.

    Raises:
        SourceLost: the connection failed or ended; another try may succeed.
        SourceRefused: trying again as it stands is pointless.
    """

    def frames(self) -> Iterator[Frame]:
        """Frames of one unbroken connection, in order of time. Returning means the end."""
        ...

    def close(self) -> None:
        """Let `frames` end soon; may be called from any thread, and twice."""
        ...
