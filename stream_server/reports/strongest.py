"""The faces at their most suspicious moments, as small pictures; only where somebody asked."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.interfaces import Classifier, Localizer
from pipeline.preprocess import crop_face
from pipeline.types import Analysis, Frame, Image, TrackId
from stream_server.reports.heatmap import common_reach, paint

SIDE_PX = 224
APART_S = 1.0
"""Two pictures of one face are at least so far apart: neighbours show the same."""


@dataclass(frozen=True, slots=True)
class Picture:
    """One face at one moment: the very square that the classifier judged."""

    track_id: TrackId
    time_s: float
    fake_prob: float
    """What the classifier said of this very crop."""
    jpeg: bytes
    heat_jpeg: bytes = b""
    """The same in grey with what each region added; empty where the model cannot say."""
    heat_reach: float = 0.0
    """Raw log-odds at the ends of the heat-map's scale, one for all pictures of a report."""


@dataclass(frozen=True, slots=True)
class _Kept:
    fake_prob: float
    time_s: float
    shown: Image
    judged: Image
    """The crop at the classifier's own size."""


class StrongestFrames:
    """Keeps the few crops per face that spoke loudest, whatever the length of the file."""

    def __init__(self, classifier: Classifier, per_face: int = 3, max_faces: int = 12) -> None:
        crop = classifier.card.crop
        if crop is None:
            raise ValueError(f"{classifier.card.name} says nothing of its crops")
        self._classifier, self._crop = classifier, crop
        self._per_face, self._max_faces = per_face, max_faces
        self._kept: dict[TrackId, list[_Kept]] = {}

    def add(self, frame: Frame, analysis: Analysis) -> None:
        """Look at the crops that the classifier judged on this frame."""
        for reading in analysis.readings:
            prob = reading.frame_fake_prob
            if not reading.scored or prob is None:
                continue
            kept = self._kept.setdefault(reading.track_id, [])
            if self._is_stronger(kept, prob, frame.time_s):
                shown, judged = (
                    crop_face(frame.image, reading.box, side_px, self._crop.margin)
                    for side_px in (SIDE_PX, self._crop.size_px)
                )
                # Copies: a view would keep the whole frame alive.
                kept.append(_Kept(prob, frame.time_s, shown.copy(), judged.copy()))
                self._thin(kept)
        while len(self._kept) > self._max_faces:
            least = min(self._kept, key=lambda track: max(k.fake_prob for k in self._kept[track]))
            del self._kept[least]

    def only(self, track_id: TrackId) -> "StrongestFrames":
        """A copy with what is kept of one face."""
        copy = StrongestFrames(self._classifier, self._per_face, self._max_faces)
        copy._kept = {track_id: list(self._kept.get(track_id, ()))}
        return copy

    def pictures(self) -> tuple[Picture, ...]:
        """What was kept, encoded, with heat-maps; the strongest of each face first."""
        moments = [(track, moment) for track, kept in self._kept.items() for moment in kept]
        maps = [self._heatmap(moment.judged) for _, moment in moments]
        reach = common_reach([cells for cells in maps if cells is not None])
        return tuple(
            Picture(
                track_id=track,
                time_s=moment.time_s,
                fake_prob=moment.fake_prob,
                jpeg=_jpeg(moment.shown),
                heat_jpeg=b"" if cells is None else _jpeg(paint(moment.shown, cells, reach)),
                heat_reach=0.0 if cells is None else reach,
            )
            for (track, moment), cells in zip(moments, maps, strict=True)
        )

    def _heatmap(self, crop: Image) -> NDArray[np.float32] | None:
        """Only for the few that are kept: it costs one more run of the model each."""
        classifier = self._classifier
        return classifier.heatmap(crop) if isinstance(classifier, Localizer) else None

    def _is_stronger(self, kept: list[_Kept], prob: float, time_s: float) -> bool:
        rivals = [k for k in kept if abs(k.time_s - time_s) < APART_S]
        if rivals:
            return prob > max(k.fake_prob for k in rivals)
        return len(kept) < self._per_face or prob > kept[-1].fake_prob

    def _thin(self, kept: list[_Kept]) -> None:
        """Strongest first, apart from each other, no more than asked."""
        kept.sort(key=lambda k: -k.fake_prob)
        apart: list[_Kept] = []
        for candidate in kept:
            if all(abs(candidate.time_s - other.time_s) >= APART_S for other in apart):
                apart.append(candidate)
        kept[:] = apart[: self._per_face]


def _jpeg(crop: Image) -> bytes:
    done, encoded = cv2.imencode(".jpg", crop, [cv2.IMWRITE_JPEG_QUALITY, 85])
    return encoded.tobytes() if done else b""
