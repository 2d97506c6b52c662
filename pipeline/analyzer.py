"""The data path: one frame in, one analysis out, and all the state of one stream.

detect -> track -> landmarks -> quality -> classify -> window -.
                       `-> eyes -> blink ----------------------+-> fuse -> alert
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

from pipeline.absent import Absent
from pipeline.analyzer_settings import AnalyzerSettings as AnalyzerSettings
from pipeline.challenge_cue import ChallengeResult, challenge_cue
from pipeline.cues import cues_of
from pipeline.enrolling import Sighting
from pipeline.eyes import measure_eyes
from pipeline.fuse import fuse, trust
from pipeline.landmarkers.regions import face_box, keypoints_of
from pipeline.load import Models
from pipeline.look import Look
from pipeline.memory import StreamMemory
from pipeline.newcomer import newcomer
from pipeline.person import Person
from pipeline.preprocess import crop_face
from pipeline.quality import assess, yaw_of
from pipeline.reference import Enrolment, reference_cue
from pipeline.stopwatch import Stopwatch
from pipeline.track import FaceTracker
from pipeline.types import (
    AlertChange,
    AlertId,
    Analysis,
    Face,
    Frame,
    Landmarks,
    Reading,
    StreamId,
    TrackedFace,
    TrackId,
)

SHED_CLASSIFY = (1.0, 2.0, 4.0, 4.0)
"""By how much classification is stretched at each shedding level: it is shed first, but a window
gets as many looks as it needs, or a busy machine would have nothing to say for ever."""
SHED_FACES = (1.0, 1.0, 1.0, 0.3)
"""Which share of the face limit is kept at each level: shed next. Landmarks are shed last,
by the frames that never get here."""
TURN_WINDOWS = 1.25
"""So many score windows long does a face of a crowd keep a place that goes round: the whole window,
though the classifier runs at half its pace, and a quarter for crops that are not good enough."""


class StreamAnalyzer:
    """Analyses the frames of one stream, in order.

    The models are stateless and shared between streams; everything remembered lives here and is
    touched by one thread only, so nothing in the core needs a lock. A frame of a newer epoch
    voids all that is remembered.
    """

    def __init__(
        self,
        stream_id: StreamId,
        models: Models,
        new_alert_id: Callable[[], AlertId],
        settings: AnalyzerSettings | None = None,
        clock: Callable[[], float] | None = None,
    ) -> None:
        card = models.classifier.card
        if card.crop is None or card.thresholds is None:
            raise ValueError(f"{card.name} is no deepfake classifier")
        self._stream_id = stream_id
        self._models = models
        self._new_alert_id = new_alert_id
        self._settings = settings or AnalyzerSettings()
        self._card, self._crop, self._thresholds = card, card.crop, card.thresholds
        self._stopwatch = Stopwatch(clock)
        self._tracker = FaceTracker(
            lost_after_s=self._settings.lost_after_s,
            turn_s=TURN_WINDOWS * self._settings.window_s,
        )
        self._place: tuple[int, tuple[int, ...]] | None = None
        """Epoch and picture size for which all that is remembered holds."""
        self._people: dict[TrackId, Person] = {}
        self._absent = Absent(self._settings.alert.cooldown_s)
        self._last_s = 0.0
        self.reference: Enrolment | None = None
        """The genuine stretch that whoever is alone in the picture is held against."""
        self.sightings: tuple[Sighting, ...] = ()
        """The faces of the newest frame, for an enrolment and a challenge."""
        self.challenge: ChallengeResult | None = None
        """What a guided challenge of one of the faces gave."""
        self._forget()

    def __call__(self, frame: Frame, shed: int = 0) -> Analysis:
        """Analyse one frame; `shed` in 0..3 says how much work to leave out."""
        changes = self._begin(frame)
        tracks = self._find_faces(frame, shed)
        looks = [self._look(frame, tracked) for tracked in tracks]
        self._classify(frame, looks, shed)
        self.sightings = tuple(look.sighting() for look in looks)
        readings = tuple(self._read(frame, look, changes) for look in looks)
        self._bury(frame.time_s, changes)
        rows, columns = frame.image.shape[:2]
        return Analysis(
            stream_id=self._stream_id,
            epoch=frame.epoch,
            frame_index=frame.index,
            time_s=frame.time_s,
            width=columns,
            height=rows,
            readings=readings,
            alerts=tuple(changes),
            faces_skipped=self._tracker.skipped,
            stage_s=self._stopwatch.laps(),
        )

    def adjust(self, settings: AnalyzerSettings) -> None:
        """Go by other settings from now on; windows and blinks keep what they began with."""
        self._settings = settings
        for person in self._people.values():
            person.adjust(settings.alert)

    def finish(self) -> tuple[AlertChange, ...]:
        """Close what is open: the stream has ended."""
        changes: list[AlertChange] = []
        for track_id in list(self._people):
            self._close(track_id, self._last_s, changes)
        self._forget()
        return tuple(changes)

    @property
    def memory(self) -> StreamMemory | None:
        """What has to be known to go on after a restart; None before the first frame."""
        if self._place is None:
            return None
        height, width = self._place[1][:2]
        people = (person.memory for person in self._people.values())
        known = (*filter(None, people), *self._absent.known(self._last_s))
        return StreamMemory(self._last_s, (width, height), known)

    def recall(self, memory: StreamMemory, frame: Frame, age_s: float) -> None:
        """Let people go on where they were `age_s` before the first frame, which is `frame`."""
        if memory.picture == (frame.image.shape[1], frame.image.shape[0]):
            for person in memory.moved(frame.time_s - age_s - memory.time_s).people:
                self._absent.add(person)

    def _begin(self, frame: Frame) -> list[AlertChange]:
        """Notice a new epoch or a new picture size: then nothing remembered holds any more."""
        self._stopwatch.start()
        changes: list[AlertChange] = []
        place = (frame.epoch, frame.image.shape)
        if self._place not in (None, place):
            changes.extend(self.finish())
        self._place = place
        self._last_s = frame.time_s
        return changes

    def _forget(self) -> None:
        self._tracker.forget()
        self._people.clear()
        self._absent.forget()
        self._detect_at_s = float("-inf")

    def _find_faces(self, frame: Frame, shed: int) -> list[TrackedFace]:
        """Detect now and then, follow by landmarks in between."""
        if frame.time_s >= self._detect_at_s and not frame.damaged:
            self._detect_at_s = frame.time_s + self._settings.detect_every_s
            faces = self._models.detector(frame.image)
            self._stopwatch.lap("detect")
            places = max(1, round(self._settings.max_faces * SHED_FACES[shed]))
            held = {track_id for track_id, person in self._people.items() if person.is_held}
            self._tracker.update(faces, frame.time_s, places=places, held=held)
        tracks = self._tracker.live(frame.time_s)
        self._stopwatch.lap("track")
        return tracks

    def _look(self, frame: Frame, tracked: TrackedFace) -> Look:
        person = self._people.get(tracked.track_id)
        if person is None:
            person = self._people[tracked.track_id] = self._meet(tracked, frame.time_s)
        landmarks = None
        if not frame.damaged:
            landmarks = self._models.landmarker(frame.image, tracked.face)
            self._stopwatch.lap("landmarks")
            tracked = self._follow(tracked, landmarks, frame.time_s)
        yaw_deg = yaw_of(tracked.face, landmarks)
        quality = person.quality
        if quality is None or frame.damaged or person.due(frame.time_s):
            # Only a crop that is about to be judged has to be looked at this closely.
            quality = assess(
                frame.image,
                tracked.face,
                landmarks,
                damaged=frame.damaged,
                limits=self._settings.quality,
            )
        person.quality = quality = replace(quality, yaw_deg=yaw_deg)
        self._stopwatch.lap("quality")
        eyes = measure_eyes(landmarks, yaw_deg) if landmarks else None
        motion = person.head.update(eyes.head if eyes else None, frame.time_s)
        # A picture that stands still has no eyes that could have blinked.
        still = motion.still_s >= self._settings.cues.still_after_s
        blink = person.blink.update(None if still else eyes, frame.time_s)
        self._stopwatch.lap("blink")
        return Look(tracked, person, quality, blink, motion)

    def _meet(self, tracked: TrackedFace, time_s: float) -> Person:
        """Fresh memory for a new track."""
        known = self._absent.claim(tracked.face.box, time_s)
        return newcomer(self._settings, self._card, self._thresholds, self._new_alert_id, known)

    def _follow(
        self, tracked: TrackedFace, landmarks: Landmarks | None, time_s: float
    ) -> TrackedFace:
        """Let the box and the keypoints go where the landmarks went."""
        if landmarks is None:
            return tracked
        box = face_box(landmarks, tracked.face.box)
        face = Face(box, tracked.face.score_prob, keypoints_of(landmarks))
        return self._tracker.move(tracked.track_id, face, time_s)

    def _classify(self, frame: Frame, looks: Sequence[Look], shed: int) -> None:
        """Judge the crops that are due, all in one call."""
        due = [look for look in looks if look.quality.usable and look.person.due(frame.time_s)]
        if not due:
            return
        size_px, margin = self._crop.size_px, self._crop.margin
        clips = [
            look.person.clip.add(
                crop_face(frame.image, look.tracked.face.box, size_px, margin), frame.time_s
            )
            for look in due
        ]
        self._stopwatch.lap("crop")
        scores = iter(self._models.classifier([clip for clip in clips if clip is not None]))
        self._stopwatch.lap("classify")
        stretched_s = self._settings.classify_every_s * SHED_CLASSIFY[shed]
        pause_s = min(stretched_s, self._settings.longest_pause_s)
        for look, clip in zip(due, clips, strict=True):
            score = next(scores) if clip is not None else None
            weight = trust(look.quality, self._settings.fuse)
            look.person.take(score, frame.time_s, pause_s, weight)
            look.score = score

    def _read(self, frame: Frame, look: Look, changes: list[AlertChange]) -> Reading:
        person = look.person
        window = person.window.score(frame.time_s)
        # An enrolment is of one person: with two in the picture nobody knows whose it is.
        alone = len(self.sightings) + self._tracker.skipped == 1
        reference = self.reference if alone else None
        picture = (frame.image.shape[1], frame.image.shape[0])
        cues = (
            *cues_of(look.motion, look.blink, self._settings.cues),
            *reference_cue(self._card, reference, picture, window, person.likeness),
            *challenge_cue(self.challenge, look.tracked.track_id, frame.time_s),
        )
        fused = fuse(window, look.blink, look.quality, self._settings.fuse, cues)
        if person.rule is not None:
            looked = look.score.fake_prob if look.score is not None else None
            fused = person.rule(looked, look.blink.ear, frame.time_s)
        state, change = person.judge(look.tracked, fused, frame.time_s)
        if change is not None:
            changes.append(change)
        self._stopwatch.lap("fuse")
        return Reading(
            track_id=look.tracked.track_id,
            box=look.tracked.face.box,
            state=state,
            quality=look.quality,
            frame_fake_prob=person.frame_prob,
            window=window,
            blink=look.blink,
            fused_prob=fused.fake_prob,
            reasons=fused.reasons,
            first_seen_s=look.tracked.first_seen_s,
            scored=look.score is not None,
            low_prob=fused.low_prob,
            high_prob=fused.high_prob,
        )

    def _bury(self, time_s: float, changes: list[AlertChange]) -> None:
        """Forget people whose track is lost, closing their alerts.

        So are those without a place once their window is empty: seen twice a second only, they may
        be somebody else when it is their turn again, and then the evidence starts anew.
        """
        kept = self._tracker.remembered(time_s, self._settings.window_s)
        for track_id in [known for known in self._people if known not in kept]:
            self._close(track_id, time_s, changes)
        self._stopwatch.lap("track")

    def _close(self, track_id: TrackId, time_s: float, changes: list[AlertChange]) -> None:
        person = self._people.pop(track_id)
        change = person.close(time_s)
        if known := person.memory:
            self._absent.add(known.rested())
        if change is not None:
            changes.append(change)
