"""Labelled pictures of the user's own: folders to crops at any margin, and nothing on disk."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import MediaError, ModelError, SourceError
from pipeline.load import DEFAULT_DETECTOR, adapter, models_directory
from pipeline.media_file import open_media
from pipeline.model_card import read_card
from pipeline.onnx_session import Device
from pipeline.preprocess import crop_face
from pipeline.types import Box, Face, Image

A_SECOND = 2.0
A_VIDEO = 8
"""Pictures of one video: more say little more of the same face."""
LEAST_FILES = 4
"""Of each label; with fewer no difference could be told from chance."""


@dataclass(frozen=True, slots=True)
class Seen:
    """One picture with its largest face."""

    image: Image
    box: Box
    label: int
    """1 = fake."""
    file: str
    """Pictures of one video stand or fall together."""


@dataclass(frozen=True, slots=True)
class Labelled:
    """Pictures of both labels."""

    seen: list[Seen]

    @property
    def labels(self) -> NDArray[np.int64]:
        """(N,): 1 = fake."""
        return np.array([one.label for one in self.seen], np.int64)

    @property
    def files(self) -> list[str]:
        """The file of each picture."""
        return [one.file for one in self.seen]

    def crops(self, size_px: int, margin: float) -> NDArray[np.uint8]:
        """(N, size, size, 3) BGR, cut as the service cuts."""
        return np.stack([crop_face(one.image, one.box, size_px, margin) for one in self.seen])


def labelled(fakes: Path, genuine: Path) -> Labelled:
    """Find the largest face of every picture in both folders.

    Raises:
        ModelError: a folder is missing or holds too few pictures with a face.
    """
    card = read_card(models_directory() / f"{DEFAULT_DETECTOR}.toml")
    detector = adapter(card)(card, Device.CPU)
    seen = []
    for folder, label in ((fakes, 1), (genuine, 0)):
        found = [
            Seen(image, box, label, str(path))
            for path in _files(folder)
            for image in _pictures(path)
            if (box := _largest(detector(image))) is not None
        ]
        if len({one.file for one in found}) < LEAST_FILES:
            raise ModelError(
                f"{folder} holds fewer than {LEAST_FILES} files in which a face can be seen: "
                "nothing could be told from chance."
            )
        seen += found
    return Labelled(seen)


def _files(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise ModelError(f"There is no folder {folder}.")
    return sorted(path for path in folder.rglob("*") if path.is_file())


def _pictures(path: Path) -> list[Image]:
    """What can be read of a file; one that is broken or no picture gives none."""
    try:
        with open_media(path, analyse_fps=A_SECOND) as media:
            return [frame.image for frame in islice(media.frames(), A_VIDEO)]
    except (MediaError, SourceError):
        return []


def _largest(faces: Sequence[Face]) -> Box | None:
    boxes = [face.box for face in faces]
    return max(boxes, key=lambda box: (box.right - box.left) * (box.bottom - box.top), default=None)
