"""One identity over time: which face of this detection is which face of the last."""

import math
from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace

from pipeline.geometry import center, iou, shift
from pipeline.matching import (
    Costs,
    best_pairs,
    claim_cost,
    doubtful_tracks,
    match_cost,
    side_px,
    without_duplicates,
)
from pipeline.types import Box, Face, TrackedFace, TrackId

_AGREEMENT_IOU = 0.5
"""Detector and landmarks mean the same face; jumping between the two would only add noise."""
_COLLISION_IOU = 0.5
"""Two tracks this close may be sitting on one face."""
_CLEARLY_BETTER, _CLEARLY_BETTER_IF_NEW = 0.25, 0.4
"""Sides of distance (or e-folds of size) by which a match must beat its rival."""
_STAY_BONUS = math.log(1.5)
"""A newcomer must be half as large again to push out a face that keeps its place."""
_TURNING_SHARE = 5
"""One place in so many goes round the faces that would have none: the most that those who keep
theirs can spare, and a crowd of 50 with ten places is through in two minutes."""
_SPEED_MEMORY_S = 0.3


@dataclass(slots=True)
class _Track:
    """The mutable side of a tracked face."""

    track_id: TrackId
    face: Face
    first_seen_s: float
    last_seen_s: float
    detected_s: float
    waits_since_s: float
    """When it was last under analysis or held; else when it came."""
    detections: int = 1
    speed: tuple[float, float] = (0.0, 0.0)
    contested: bool = False
    kept: bool = False
    """It has a place until a larger face comes."""
    turn_ends_s: float = -math.inf
    """It has a place until then, as one of those that take turns."""
    chosen: bool = False
    """It has a place, of either kind."""

    def predicted(self, time_s: float) -> Box:
        """Where the face should be now, walking on as it walked."""
        dt = time_s - self.last_seen_s
        return shift(self.face.box, self.speed[0] * dt, self.speed[1] * dt)

    @property
    def doubt(self) -> float:
        """By how much another story may be worse than the likeliest and still be believed."""
        return _CLEARLY_BETTER if self.detections > 1 else _CLEARLY_BETTER_IF_NEW

    def see(self, face: Face, time_s: float) -> None:
        """Take a new position; the speed forgets in `_SPEED_MEMORY_S`."""
        dt = time_s - self.last_seen_s
        if dt > 0:
            (x0, y0), (x1, y1) = center(self.face.box), center(face.box)
            weight = 1 - math.exp(-dt / _SPEED_MEMORY_S)
            self.speed = (
                self.speed[0] + weight * ((x1 - x0) / dt - self.speed[0]),
                self.speed[1] + weight * ((y1 - y0) / dt - self.speed[1]),
            )
        self.face = face
        self.last_seen_s = time_s

    def confirm(self, found: Face, time_s: float) -> None:
        """Take a detection. Where landmarks led to the same place, they know it better."""
        followed = self.last_seen_s > self.detected_s
        if followed and iou(self.face.box, found.box) >= _AGREEMENT_IOU:
            self.face = replace(self.face, score_prob=found.score_prob)
            self.last_seen_s = time_s
        else:
            self.see(found, time_s)
        self.detected_s = time_s
        self.detections += 1

    def tracked(self) -> TrackedFace:
        """The immutable view."""
        return TrackedFace(self.track_id, self.face, self.first_seen_s, self.last_seen_s)


class FaceTracker:
    """Faces of one stream, told apart by where they are, how big they are and how they move.

    Scores of two people must never flow into one window, so a match that a rival could claim
    almost as well is no match: both tracks end and the faces start anew. Ids are never reused.

    Where there are more faces than places the largest keep theirs, and a fifth of the places goes
    round the others, `turn_s` seconds each, whoever waits longest first: nobody can hide from the
    analysis in a crowd. A single place does not go round.
    """

    def __init__(
        self,
        *,
        max_faces: int = 10,
        iou_at_least: float = 0.3,
        lost_after_s: float = 1.0,
        confirm_detections: int = 1,
        turn_s: float = 5.0,
    ) -> None:
        self._max_faces = max_faces
        self._iou_at_least = iou_at_least
        self._lost_after_s = lost_after_s
        self._confirm_detections = confirm_detections
        self._turn_s = turn_s
        self._tracks: dict[TrackId, _Track] = {}
        self._next_id = 1
        self.skipped = 0
        """Faces in the picture that had no place at the last update."""

    def update(
        self,
        faces: Sequence[Face],
        time_s: float,
        *,
        places: int | None = None,
        held: AbstractSet[TrackId] = frozenset(),
    ) -> list[TrackedFace]:
        """Take a detection; return the faces to analyse.

        First come those in `held`, who lose their place to nobody who is not; then the largest
        and longest known; last those whose turn it is. `places` stands for a smaller `max_faces`,
        this time.
        """
        self._forget_lost(time_s)
        found = without_duplicates(faces)
        matches, doubtful = self._match(found, time_s)
        for track_id in doubtful:
            del self._tracks[track_id]
        matched = set(matches.values())
        for track_id, index in matches.items():
            track = self._tracks[track_id]
            track.confirm(found[index], time_s)
        new = [self._start(found[i], time_s) for i in range(len(found)) if i not in matched]
        self._drop_shadows([self._tracks[i] for i in matches] + new, time_s)
        self._choose(time_s, self._max_faces if places is None else places, held)
        return self.live(time_s)

    def move(self, track_id: TrackId, face: Face, time_s: float) -> TrackedFace:
        """Follow a face between detections; a jump onto another person's face is not followed.

        `face` is where the landmarks are: its box and keypoints.

        Raises:
            KeyError: the track does not live.
        """
        track = self._tracks[track_id]
        rivals = [
            other
            for other in self._tracks.values()
            if other is not track and iou(face.box, other.face.box) >= _COLLISION_IOU
        ]
        if rivals:
            self._contest(track, rivals, face.box)
            return track.tracked()
        track.see(face, time_s)
        return track.tracked()

    def drop(self, track_id: TrackId) -> None:
        """End a track; unknown ids are fine."""
        self._tracks.pop(track_id, None)

    def forget(self) -> None:
        """End all tracks (a new connection); ids go on where they were."""
        self._tracks.clear()
        self.skipped = 0

    def live(self, time_s: float) -> list[TrackedFace]:
        """The faces to analyse that are not lost at `time_s`, in the order of the last update.

        Two tracks on one face are left out until the detector has looked again.
        """
        return [
            track.tracked()
            for track in self._tracks.values()
            if track.chosen and not track.contested and not self._lost(track, time_s)
        ]

    def remembered(self, time_s: float, without_place_s: float) -> set[TrackId]:
        """The faces that are followed and have a place, or had one within `without_place_s`."""
        return {
            track.track_id
            for track in self._tracks.values()
            if not track.contested
            and not self._lost(track, time_s)
            and (track.chosen or time_s - track.waits_since_s <= without_place_s)
        }

    def _contest(self, mover: _Track, rivals: Sequence[_Track], box: Box) -> None:
        """Silence who moved onto another's face, and the other too unless it was a plain jump."""
        mover.contested = True
        stayed = iou(box, mover.face.box)
        for other in rivals:
            if iou(box, other.face.box) <= stayed:
                other.contested = True

    def _lost(self, track: _Track, time_s: float) -> bool:
        # A landmarker may cling to a poster or a hand: the detector must agree now and then.
        return (
            time_s - track.last_seen_s > self._lost_after_s
            or time_s - track.detected_s > 3 * self._lost_after_s
        )

    def _forget_lost(self, time_s: float) -> None:
        for track in [t for t in self._tracks.values() if self._lost(t, time_s)]:
            del self._tracks[track.track_id]

    def _start(self, face: Face, time_s: float) -> _Track:
        track = _Track(TrackId(self._next_id), face, time_s, time_s, time_s, time_s)
        self._next_id += 1
        self._tracks[track.track_id] = track
        return track

    def _match(
        self, found: Sequence[Face], time_s: float
    ) -> tuple[dict[TrackId, int], set[TrackId]]:
        """Faces by track, and the tracks whose face could as well be another's."""
        costs: Costs = {}
        claims: Costs = {}
        for track in self._tracks.values():
            expected, dt = track.predicted(time_s), time_s - track.last_seen_s
            speed = track.speed if track.detections > 1 else None
            for index, face in enumerate(found):
                cost = match_cost(expected, face.box, dt, self._iou_at_least)
                if cost is not None:
                    costs[track.track_id, index] = cost
                claim = claim_cost(track.face.box, speed, face.box, dt)
                if claim is not None:
                    claims[track.track_id, index] = claim - track.doubt
        matches = best_pairs(costs)
        doubtful = doubtful_tracks(matches, costs, claims)
        return {t: i for t, i in matches.items() if t not in doubtful}, doubtful

    def _drop_shadows(self, seen: Iterable[_Track], time_s: float) -> None:
        """End unseen tracks that coast onto a face that is somebody else's."""
        for track in seen:
            track.contested = False
        ids = {track.track_id for track in seen}
        for track in [t for t in self._tracks.values() if t.track_id not in ids]:
            box = track.predicted(time_s)
            if track.contested or any(
                iou(box, other.face.box) >= self._iou_at_least for other in seen
            ):
                del self._tracks[track.track_id]

    def _choose(self, time_s: float, places: int, held: AbstractSet[TrackId]) -> None:
        """Give the places away: most by size, a few in turns."""

        def rank(track: _Track) -> tuple[bool, float, float]:
            side = max(1.0, side_px(track.face.box))
            bonus = _STAY_BONUS if track.kept else 0.0
            return track.track_id not in held, -(2 * math.log(side) + bonus), track.first_seen_s

        confirmed = [t for t in self._tracks.values() if t.detections >= self._confirm_detections]
        confirmed.sort(key=rank)
        stay = places - self._turning(places, sum(t.track_id in held for t in confirmed))
        rest = sorted(confirmed[stay:], key=lambda t: (t.turn_ends_s <= time_s, t.waits_since_s))
        for place, track in enumerate((*confirmed[:stay], *rest)):
            track.kept, track.chosen = place < stay, place < places
            if track.chosen and not track.kept and track.turn_ends_s <= time_s:
                track.turn_ends_s = time_s + self._turn_s
            if track.chosen or track.track_id in held:
                track.waits_since_s = time_s
        new = [t for t in self._tracks.values() if t.detections < self._confirm_detections]
        self._tracks = {t.track_id: t for t in (*confirmed[:stay], *rest, *new)}
        self.skipped = sum(t.last_seen_s == time_s for t in confirmed if not t.chosen)

    @staticmethod
    def _turning(places: int, held: int) -> int:
        """How many of the places go round; those of people in `held` never do."""
        share = max(1, places // _TURNING_SHARE) if places > 1 else 0
        return max(0, min(share, places - held))
