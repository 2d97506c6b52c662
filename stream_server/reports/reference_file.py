"""A file that shows a person as they genuinely are, to hold other files against."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from pipeline.analyzer import AnalyzerSettings, StreamAnalyzer
from pipeline.enrolling import Enrolling, EnrolSettings, Refused
from pipeline.errors import FakewatchError
from pipeline.load import Models
from pipeline.media_file import open_media
from pipeline.reference import Enrolment
from pipeline.types import AlertId, Frame, StreamId

_WHY = {
    Refused.THIN: "it shows too little of a face that can be judged (five seconds are needed)",
    Refused.SEVERAL_FACES: "it shows more than one face",
    Refused.POOR: "its face is too small, dark, blurred or turned",
    Refused.SUSPICIOUS: "it shows signs of manipulation itself",
    Refused.UNSTEADY: "the face at its end does not look like the one at its beginning",
    Refused.INTERRUPTED: "its picture size changes on the way",
}


class ReferenceRefused(FakewatchError):
    """A reference proves nothing, or does not fit the file that is held against it."""


def enrol_file(path: Path, models: Models, settings: AnalyzerSettings, fps: float) -> Enrolment:
    """Enrol the one person of a genuine video, from as much of it as an enrolment takes.

    Raises:
        ReferenceRefused: it is not fit, or the model has no figures to hold it against.
        MediaError: it cannot be read.
    """
    card = models.classifier.card
    if card.reference is None:
        raise ReferenceRefused(
            f"The model {card.name} takes no reference: its card has no [reference] figures."
        )
    # A file is read to its end, however seldom the face can be seen.
    enrolling = Enrolling(card, EnrolSettings(give_up_s=float("inf")))
    analyzer = StreamAnalyzer(StreamId("reference"), models, lambda: AlertId("none"), settings)
    result: Enrolment | Refused | None = None
    with open_media(path, analyse_fps=fps) as media:
        for frame in media.frames():
            analyzer(frame)
            picture = (frame.image.shape[1], frame.image.shape[0])
            result = enrolling.add(analyzer.sightings, frame.time_s, picture, frame.epoch)
            if result is not None:
                break
    result = result or enrolling.finish()
    if isinstance(result, Refused):
        raise ReferenceRefused(f"The reference {path.name} cannot be used: {_WHY[result]}.")
    return result


def fitting(frames: Iterable[Frame], reference: Enrolment | None) -> Iterator[Frame]:
    """Pass frames on; a reference of another picture size would silently not count.

    Raises:
        ReferenceRefused: the sizes differ.
    """
    for frame in frames:
        rows, columns = frame.image.shape[:2]
        if reference and (columns, rows) != (reference.width, reference.height):
            raise ReferenceRefused(
                f"The reference is {reference.width} x {reference.height} px, this file {columns} x"
                f" {rows}: give a genuine recording of the same camera at the same size."
            )
        yield frame
