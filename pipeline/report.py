"""What a finished file says: analyses in, one verdict per face and one for the file out."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from pipeline.cues import STANDING_OUT
from pipeline.fuse import Fused, FuseSettings, fuse, trust
from pipeline.model_card import ModelCard, Thresholds
from pipeline.types import (
    AlertPhase,
    Analysis,
    BlinkStats,
    FrameScore,
    Quality,
    Reading,
    Reason,
    State,
    TrackId,
)
from pipeline.window import ScoreWindow

GLIMPSE_S = 0.3
"""Tracks shorter than this in a video are detector flicker, not people."""
MIN_SAMPLES = 8
"""Crops of a video below which nothing is said."""


@dataclass(frozen=True, slots=True)
class FaceReport:
    """What was found out about one face over the whole file."""

    track_id: TrackId
    first_s: float
    last_s: float
    fake_prob: float | None
    """Calibrated P(manipulated) over everything that could be judged; None if nothing could."""
    state: State
    reasons: tuple[Reason, ...]
    blink: BlinkStats | None
    samples: int = 0
    """Crops the classifier judged."""
    low_prob: float | None = None
    high_prob: float | None = None
    alerts: int = 0


@dataclass(frozen=True, slots=True)
class Verdict:
    """The careful last word on a file: signs of manipulation, never proof."""

    state: State
    fake_prob: float | None
    reasons: tuple[Reason, ...]
    text: str
    low_prob: float | None = None
    high_prob: float | None = None
    """A 90 % band around `fake_prob`; None for a picture, and where another rule judged."""


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """Which model spoke, at which thresholds."""

    name: str
    version: str
    sha256: str | None
    licence: str
    raise_at: float
    clear_at: float
    provider: str


@dataclass(frozen=True, slots=True)
class Timing:
    """How long the analysis took."""

    wall_s: float
    realtime_factor: float | None
    """Wall time over duration: below 1 is faster than real time; None for a picture."""
    frames_decoded: int
    frames_analysed: int
    frames_damaged: int


@dataclass(frozen=True, slots=True)
class FileReport:
    """One document per input."""

    input: str
    kind: str
    duration_s: float | None
    verdict: Verdict
    faces: tuple[FaceReport, ...]
    model: ModelFacts
    timing: Timing
    preset: str | None = None
    """The known system whose rule gave the verdict; the faces are fakewatch's own."""


@dataclass(slots=True)
class _Evidence:
    """Everything kept of one track while the file runs."""

    first_s: float
    scores: ScoreWindow
    last_s: float = 0.0
    samples: int = 0
    quality: Quality | None = None
    """Of the last crop that was judged."""
    last: Reading | None = None
    alerts: int = 0
    peak: Reading | None = None
    """The reading with the highest fused probability."""
    cues: dict[str, Reason] = field(default_factory=dict)
    """What stood out on the way beside classifier and blinks: the first of each kind."""
    references: list[Reason] = field(default_factory=list)
    """What each look says held against an enrolled reference."""


class Judge:
    """Collects the analyses of one file and judges at the end."""

    def __init__(self, card: ModelCard, kind: str, settings: FuseSettings | None = None) -> None:
        if card.thresholds is None:
            raise ValueError(f"{card.name} has no thresholds")
        self._thresholds: Thresholds = card.thresholds
        self._still = kind == "image"
        self._settings = settings or FuseSettings()
        self._tracks: dict[TrackId, _Evidence] = {}

    def add(self, analysis: Analysis) -> None:
        """Take in one frame."""
        for reading in analysis.readings:
            kept = self._tracks.get(reading.track_id)
            if kept is None:
                kept = self._tracks[reading.track_id] = self._meet(analysis.time_s)
            kept.last_s, kept.last = analysis.time_s, reading
            if reading.scored and reading.frame_fake_prob is not None:
                kept.samples += 1
                kept.quality = reading.quality
                weight = trust(reading.quality, self._settings)
                kept.scores.add(_score(reading.frame_fake_prob), analysis.time_s, weight)
            for reason in reading.reasons:
                if reason.cue in STANDING_OUT:
                    kept.cues.setdefault(reason.cue, reason)
                elif reason.cue == "reference" and reading.scored:
                    kept.references.append(reason)
            if kept.peak is None or _prob(reading) >= _prob(kept.peak):
                kept.peak = reading
        for change in analysis.alerts:
            if change.phase is AlertPhase.OPENED and change.track_id in self._tracks:
                self._tracks[change.track_id].alerts += 1

    def faces(self) -> tuple[FaceReport, ...]:
        """The faces, most suspicious first."""
        kept = [
            (track_id, seen)
            for track_id, seen in self._tracks.items()
            if self._still or seen.last_s - seen.first_s >= GLIMPSE_S
        ]
        reports = [self._face(track_id, seen) for track_id, seen in kept]
        return tuple(
            sorted(reports, key=lambda face: (_RANK[face.state], -(face.fake_prob or 0.0)))
        )

    def verdict(self, faces: Sequence[FaceReport]) -> Verdict:
        """The file is as suspicious as its first, most suspicious face, never their mean."""
        if not faces:
            return Verdict(State.INSUFFICIENT, None, (), "No face was found, so nothing is said.")
        worst = faces[0]
        return Verdict(
            worst.state,
            worst.fake_prob,
            worst.reasons,
            _text(worst),
            worst.low_prob,
            worst.high_prob,
        )

    def _meet(self, time_s: float) -> _Evidence:
        """All of a file is one window."""
        enough = 1 if self._still else MIN_SAMPLES
        return _Evidence(time_s, ScoreWindow(window_s=math.inf, min_samples=enough))

    def _face(self, track_id: TrackId, seen: _Evidence) -> FaceReport:
        """Pool all crops; where an alert was raised on the way, its window speaks instead."""
        score = seen.scores.score(seen.last_s)
        if self._still:
            score = replace(score, low_prob=None, high_prob=None)
        blink = seen.last.blink if seen.last and not self._still else None
        cues = (*seen.cues.values(), *_median(seen.references))
        said = Fused(None, None, ())
        if seen.quality is not None:
            said = fuse(score, blink, seen.quality, self._settings, cues)
        if seen.alerts and seen.peak is not None and _prob(seen.peak) > (said.fake_prob or 0.0):
            peak = seen.peak
            said = Fused(peak.fused_prob, None, peak.reasons, peak.low_prob, peak.high_prob)
        return FaceReport(
            track_id=track_id,
            first_s=seen.first_s,
            last_s=seen.last_s,
            fake_prob=said.fake_prob,
            state=self._state(said.fake_prob, seen.alerts),
            reasons=said.reasons,
            blink=blink,
            samples=seen.samples,
            low_prob=said.low_prob,
            high_prob=said.high_prob,
            alerts=seen.alerts,
        )

    def _state(self, fake_prob: float | None, alerts: int) -> State:
        if fake_prob is None:
            return State.INSUFFICIENT
        if alerts or fake_prob >= self._thresholds.raise_at:
            return State.ALERT
        return State.SUSPECT if fake_prob > self._thresholds.clear_at else State.CLEAR


_RANK = {State.ALERT: 0, State.SUSPECT: 1, State.CLEAR: 2, State.INSUFFICIENT: 3}
_TEXTS = {
    State.ALERT: "Strong signs of manipulation. Verify through another channel before you act.",
    State.SUSPECT: "Some signs of manipulation, not strong enough for an alert.",
    State.CLEAR: "No signs of manipulation stood out. That does not prove that it is genuine.",
    State.INSUFFICIENT: "Too little could be judged to say anything.",
}


def _text(face: FaceReport) -> str:
    """What is said of the worst face; what is odd about the picture is not passed over."""
    odd = [reason.text for reason in face.reasons if reason.cue in STANDING_OUT]
    if face.state is not State.CLEAR or not odd:
        return _TEXTS[face.state]
    return f"No signs of manipulation stood out in the face itself, but this did: {' '.join(odd)}"


def _score(fake_prob: float) -> FrameScore:
    bounded = min(1 - 1e-6, max(1e-6, fake_prob))
    return FrameScore(math.log(bounded / (1 - bounded)), fake_prob)


def _median(reasons: list[Reason]) -> tuple[Reason, ...]:
    """The middle one, if there are any: a moment of other light is not the whole file."""
    ordered = sorted(reasons, key=lambda reason: reason.llr)
    return tuple(ordered[len(ordered) // 2 :][:1])


def _prob(reading: Reading) -> float:
    return reading.fused_prob if reading.fused_prob is not None else -1.0
