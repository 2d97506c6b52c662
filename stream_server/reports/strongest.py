"""The faces at their most suspicious moments, as small pictures; only where somebody asked."""

from dataclasses import dataclass

import cv2

from pipeline.preprocess import crop_face
from pipeline.types import Analysis, Frame, Image, TrackId

SIDE_PX = 160
MARGIN = 1.4
APART_S = 1.0
"""Two pictures of one face are at least so far apart: neighbours show the same."""


@dataclass(frozen=True, slots=True)
class Picture:
    """One face at one moment."""

    track_id: TrackId
    time_s: float
    fake_prob: float
    """What the classifier said of this very crop."""
    jpeg: bytes


class StrongestFrames:
    """Keeps the few crops per face that spoke loudest, whatever the length of the file."""

    def __init__(self, per_face: int = 3, max_faces: int = 12) -> None:
        self._per_face, self._max_faces = per_face, max_faces
        self._kept: dict[TrackId, list[tuple[float, float, Image]]] = {}

    def add(self, frame: Frame, analysis: Analysis) -> None:
        """Look at the crops that the classifier judged on this frame."""
        for reading in analysis.readings:
            prob = reading.frame_fake_prob
            if not reading.scored or prob is None:
                continue
            kept = self._kept.setdefault(reading.track_id, [])
            if self._is_stronger(kept, prob, frame.time_s):
                crop = crop_face(frame.image, reading.box, SIDE_PX, MARGIN)
                kept.append((prob, frame.time_s, crop))
                self._thin(kept)
        while len(self._kept) > self._max_faces:
            least = min(self._kept, key=lambda track: max(k[0] for k in self._kept[track]))
            del self._kept[least]

    def pictures(self) -> tuple[Picture, ...]:
        """What was kept, encoded; the strongest of each face first."""
        return tuple(
            Picture(track, time_s, prob, _jpeg(crop))
            for track, kept in self._kept.items()
            for prob, time_s, crop in kept
        )

    def _is_stronger(
        self, kept: list[tuple[float, float, Image]], prob: float, time_s: float
    ) -> bool:
        rivals = [k for k in kept if abs(k[1] - time_s) < APART_S]
        if rivals:
            return prob > max(k[0] for k in rivals)
        return len(kept) < self._per_face or prob > kept[-1][0]

    def _thin(self, kept: list[tuple[float, float, Image]]) -> None:
        """Strongest first, apart from each other, no more than asked."""
        kept.sort(key=lambda k: -k[0])
        apart: list[tuple[float, float, Image]] = []
        for candidate in kept:
            if all(abs(candidate[1] - other[1]) >= APART_S for other in apart):
                apart.append(candidate)
        kept[:] = apart[: self._per_face]


def _jpeg(crop: Image) -> bytes:
    done, encoded = cv2.imencode(".jpg", crop, [cv2.IMWRITE_JPEG_QUALITY, 85])
    return encoded.tobytes() if done else b""
