"""One file through the same pipeline as a live stream: every sampled frame, nothing dropped."""

import itertools
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from pipeline.analyzer import AnalyzerSettings, StreamAnalyzer
from pipeline.comparison import SeenFile, full_recorder
from pipeline.load import Models
from pipeline.media_file import MediaFile
from pipeline.preset_meter import verdict_by
from pipeline.reference import Enrolment
from pipeline.report import FileReport, Judge, ModelFacts, Timing
from pipeline.series import FileRecord
from pipeline.types import AlertId, Analysis, Frame, Reading, State, StreamId
from stream_server.reports.reference_file import fitting


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the analysis of a file has come."""

    done_s: float
    duration_s: float | None
    worst: State


@dataclass(frozen=True, slots=True)
class Watchers:
    """Who wants to see what while a file is analysed."""

    progress: Callable[[Progress], None] = field(default=lambda _progress: None)
    frame: Callable[[Frame, Analysis], None] = field(default=lambda _frame, _analysis: None)


def analyze_media(
    name: str,
    media: MediaFile,
    models: Models,
    settings: AnalyzerSettings,
    watchers: Watchers,
    reference: Enrolment | None = None,
) -> FileReport:
    """Judge an opened picture or video; with `settings.preset` only the verdict is that rule's.

    Raises:
        MediaError: no frame of it could be decoded.
        ReferenceRefused: the reference was enrolled at another picture size.
    """
    started_s = time.perf_counter()
    analyzer = _analyzer(models, _own(settings, media.kind), reference)
    judge, whole = Judge(models.classifier.card, media.kind, settings.fuse), full_recorder()
    analysed = 0
    for frame in fitting(media.frames(), reference):
        analysis = analyzer(frame)
        judge.add(analysis)
        analysis = _settled(analysis, judge) if media.kind == "image" else analysis
        if settings.preset:
            whole.add(analysis)
        analysed += 1
        watchers.frame(frame, analysis)
        watchers.progress(Progress(frame.time_s, media.duration_s, _worst(analysis.readings)))
    faces, rule = judge.faces(), settings.preset
    seen = _seen(media, whole.record(), models)
    return FileReport(
        input=name,
        kind=media.kind,
        duration_s=media.duration_s,
        verdict=verdict_by(rule, seen) if rule else judge.verdict(faces),
        faces=faces,
        model=model_facts(models),
        timing=_timing(media, analysed, time.perf_counter() - started_s),
        preset=rule,
    )


def _own(settings: AnalyzerSettings, kind: str) -> AnalyzerSettings:
    """What each frame is judged by; a picture is one frame, its only score all there will be."""
    own = replace(settings, preset=None)
    return replace(own, window_s=1.0, window_min_samples=1) if kind == "image" else own


def _settled(analysis: Analysis, judge: Judge) -> Analysis:
    """The states of a picture's faces as the report has them: nothing more will come."""
    states = {face.track_id: face.state for face in judge.faces()}
    return replace(
        analysis,
        readings=tuple(replace(one, state=states[one.track_id]) for one in analysis.readings),
    )


def _analyzer(
    models: Models, settings: AnalyzerSettings, reference: Enrolment | None
) -> StreamAnalyzer:
    serial = itertools.count(1)
    analyzer = StreamAnalyzer(
        StreamId("file"), models, lambda: AlertId(f"file-{next(serial)}"), settings
    )
    analyzer.reference = reference
    return analyzer


def _seen(media: MediaFile, record: FileRecord, models: Models) -> SeenFile:
    duration_s = 0.0 if media.kind == "image" else media.duration_s or record.observed_s
    return SeenFile(duration_s, record.faces, frames=models.classifier.card.frames)


def _timing(media: MediaFile, analysed: int, wall_s: float) -> Timing:
    return Timing(
        wall_s=round(wall_s, 3),
        realtime_factor=round(wall_s / media.duration_s, 4) if media.duration_s else None,
        frames_decoded=media.decoded_frames,
        frames_analysed=analysed,
        frames_damaged=media.damaged_frames,
    )


def model_facts(models: Models) -> ModelFacts:
    """Name, version, hash, licence and thresholds of the classifier that speaks."""
    card = models.classifier.card
    if card.thresholds is None:
        raise ValueError(f"{card.name} has no thresholds")
    return ModelFacts(
        name=card.name,
        version=card.version,
        sha256=card.sha256,
        licence=card.licence,
        raise_at=card.thresholds.raise_at,
        clear_at=card.thresholds.clear_at,
        provider=models.provider,
    )


def _worst(readings: tuple[Reading, ...]) -> State:
    order = (State.ALERT, State.SUSPECT, State.CLEAR)
    seen = {reading.state for reading in readings}
    return next((state for state in order if state in seen), State.INSUFFICIENT)
