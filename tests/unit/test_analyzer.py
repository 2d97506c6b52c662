"""The data path with plain callables for models: time, identity and evidence are the subject."""

from collections.abc import Sequence
from functools import cache
from itertools import count

import numpy as np
import pytest

from pipeline.analyzer import AnalyzerSettings, StreamAnalyzer
from pipeline.load import Models
from pipeline.model_card import CropRule, ModelCard, Thresholds
from pipeline.quality import QualityLimits
from pipeline.types import (
    AlertChange,
    AlertId,
    AlertPhase,
    Analysis,
    Box,
    Face,
    Frame,
    FrameScore,
    Image,
    Landmarks,
    Reading,
    State,
    StreamId,
)

CARD = ModelCard(
    name="brightness",
    version="1",
    task="deepfake",
    adapter="none",
    path=None,
    sha256=None,
    licence="Apache-2.0",
    source="this test",
    trained_on="nothing",
    limits="everything",
    crop=CropRule(16, 1.0),
    thresholds=Thresholds(0.8, 0.5),
)
FACE_BOX = Box(100, 60, 220, 180)
GENUINE, MANIPULATED = 60, 200


class FixedDetector:
    """Reports the boxes it was given, in every picture that is not black."""

    def __init__(self, *boxes: Box) -> None:
        self.boxes = boxes or (FACE_BOX,)
        self.calls = 0

    def __call__(self, image: Image) -> Sequence[Face]:
        self.calls += 1
        return [Face(box, 0.9) for box in self.boxes] if image.any() else []


class BlindLandmarker:
    """Never finds a point."""

    def __call__(self, image: Image, face: Face) -> Landmarks | None:
        return None


class BrightnessClassifier:
    """Calls bright crops manipulated: log-odds +5 or -5."""

    card = CARD

    def __init__(self) -> None:
        self.batches: list[int] = []

    def __call__(self, crops: Sequence[Image]) -> Sequence[FrameScore | None]:
        self.batches.append(len(crops))
        return [
            FrameScore(5.0, 0.993) if crop.mean() > 128 else FrameScore(-5.0, 0.007)
            for crop in crops
        ]


class SilentClassifier(BrightnessClassifier):
    """Has no finite answer."""

    def __call__(self, crops: Sequence[Image]) -> Sequence[FrameScore | None]:
        return [None for _ in crops]


def analyzer_with(
    detector: FixedDetector | None = None,
    classifier: BrightnessClassifier | None = None,
    **settings: float | str | QualityLimits,
) -> StreamAnalyzer:
    serial = count(1)
    models = Models(
        detector or FixedDetector(),
        BlindLandmarker(),
        classifier or BrightnessClassifier(),
        "cpu",
        (CARD,),
    )
    return StreamAnalyzer(
        StreamId("door"),
        models,
        lambda: AlertId(f"alert-{next(serial)}"),
        AnalyzerSettings(**settings),  # type: ignore[arg-type]
    )


@cache
def picture(level: int) -> Image:
    """A textured wall, small enough to be quick; black where there is nothing to see."""
    image = np.full((240, 320, 3), level, np.uint8)
    if level:
        noise = np.random.default_rng(1).integers(-40, 40, (240, 320, 1))
        image = np.clip(image + noise, 1, 255).astype(np.uint8)
    return image


def frame(time_s: float, level: int = GENUINE, *, epoch: int = 0, damaged: bool = False) -> Frame:
    return Frame(StreamId("door"), round(time_s * 30), time_s, epoch, picture(level), damaged)


def run(
    analyzer: StreamAnalyzer, start_s: float, end_s: float, level: int = GENUINE, **kinds: int
) -> list[Analysis]:
    steps = round((end_s - start_s) * 15)
    return [analyzer(frame(start_s + i / 15, level, **kinds)) for i in range(steps)]


def changes(analyses: list[Analysis]) -> list[AlertChange]:
    return [change for analysis in analyses for change in analysis.alerts]


def test_a_genuine_looking_face_becomes_clear_and_raises_nothing() -> None:
    analyses = run(analyzer_with(), 0, 10)
    assert analyses[0].readings[0].state is State.INSUFFICIENT
    assert analyses[-1].readings[0].state is State.CLEAR
    assert changes(analyses) == []


def test_a_manipulated_face_opens_one_alert_within_four_seconds_and_closes_it_later() -> None:
    analyzer = analyzer_with()
    run(analyzer, 0, 10)
    opened = changes(run(analyzer, 10, 20, MANIPULATED))
    assert [change.phase for change in opened][:1] == [AlertPhase.OPENED]
    assert opened[0].time_s - 10 <= 4
    closed = changes(run(analyzer, 20, 45))
    assert closed[-1].phase is AlertPhase.CLOSED
    assert {change.alert_id for change in opened + closed} == {AlertId("alert-1")}


def test_reasons_add_up_to_the_probability_shown() -> None:
    reading = run(analyzer_with(), 0, 8, MANIPULATED)[-1].readings[0]
    assert reading.fused_prob is not None
    logit = sum(reason.llr for reason in reading.reasons)
    assert 1 / (1 + np.exp(-logit)) == pytest.approx(reading.fused_prob, abs=1e-9)


def test_damaged_frames_are_never_judged() -> None:
    classifier = BrightnessClassifier()
    analyzer = analyzer_with(classifier=classifier)
    run(analyzer, 0, 1)
    before = sum(classifier.batches)
    for index in range(15):
        analysis = analyzer(frame(1 + index / 15, MANIPULATED, damaged=True))
        assert all(not reading.scored for reading in analysis.readings)
    assert sum(classifier.batches) == before


def test_a_lost_face_closes_its_alert_and_leaves_no_reading() -> None:
    analyzer = analyzer_with()
    run(analyzer, 0, 8, MANIPULATED)
    gone = run(analyzer, 8, 12, 0)
    assert [change.phase for change in changes(gone)] == [AlertPhase.CLOSED]
    assert gone[-1].readings == ()


def test_a_new_epoch_forgets_everything_and_goes_on_with_new_ids() -> None:
    analyzer = analyzer_with()
    before = run(analyzer, 0, 8, MANIPULATED)
    after = run(analyzer, 0, 1, epoch=1)
    assert [change.phase for change in after[0].alerts] == [AlertPhase.CLOSED]
    assert after[0].readings[0].track_id != before[-1].readings[0].track_id
    assert after[-1].readings[0].state is State.INSUFFICIENT


@pytest.mark.fault("F11")
def test_a_new_picture_size_resets_the_tracks_once() -> None:
    analyzer = analyzer_with()
    first = run(analyzer, 0, 1)[-1].readings[0].track_id
    small = [
        Frame(StreamId("door"), i, 1 + i / 15, 0, np.full((200, 300, 3), 90, np.uint8))
        for i in range(15)
    ]
    ids = {reading.track_id for item in small for reading in analyzer(item).readings}
    assert len(ids) == 1
    assert first not in ids


@pytest.mark.fault("F25")
def test_two_faces_have_windows_of_their_own() -> None:
    boxes = (Box(10, 60, 130, 180), Box(190, 60, 310, 180))
    analyzer = analyzer_with(FixedDetector(*boxes))
    last = None
    both = np.hstack([picture(GENUINE)[:, :160], picture(MANIPULATED)[:, 160:]])
    for index in range(150):
        last = analyzer(Frame(StreamId("door"), index, index / 15, 0, both))
    assert last is not None
    states = {round(reading.box.left): reading.state for reading in last.readings}
    assert states == {10: State.CLEAR, 190: State.ALERT}


@pytest.mark.fault("F21")
def test_no_answer_of_the_model_is_never_called_clear() -> None:
    analyses = run(analyzer_with(classifier=SilentClassifier()), 0, 10)
    assert {reading.state for item in analyses for reading in item.readings} == {State.INSUFFICIENT}


def test_the_classifier_keeps_its_beat_and_is_shed_first() -> None:
    counts = []
    for shed in range(4):
        classifier = BrightnessClassifier()
        analyzer = analyzer_with(classifier=classifier)
        for index in range(150):
            analyzer(frame(index / 15), shed)
        counts.append(len(classifier.batches))
    assert counts[0] == pytest.approx(40, abs=2)
    assert counts[1] == counts[2] == counts[3] == pytest.approx(25, abs=2)


@pytest.mark.parametrize("shed", [1, 2, 3])
def test_however_busy_the_machine_is_a_window_gets_the_looks_it_needs(shed) -> None:
    analyzer = analyzer_with()
    readings = [analyzer(frame(index / 15), shed).readings[0] for index in range(150)]
    assert {reading.state for reading in readings[75:]} == {State.CLEAR}


def test_a_classifier_with_windows_that_need_few_looks_is_stretched_fourfold() -> None:
    classifier = BrightnessClassifier()
    analyzer = analyzer_with(classifier=classifier, window_min_samples=2)
    for index in range(150):
        analyzer(frame(index / 15), 2)
    assert len(classifier.batches) == pytest.approx(10, abs=2)


def test_detection_runs_on_its_own_cadence() -> None:
    detector = FixedDetector()
    run(analyzer_with(detector), 0, 10)
    assert detector.calls == pytest.approx(20, abs=2)


@pytest.mark.fault("F24")
def test_faces_beyond_the_limit_are_counted_not_hidden() -> None:
    boxes = [Box(x, 60, x + 45, 105) for x in range(0, 300, 50)]
    analysis = run(analyzer_with(FixedDetector(*boxes), max_faces=4), 0, 1)[-1]
    assert len(analysis.readings) == 4
    assert analysis.faces_skipped == 2


def test_the_end_of_the_stream_closes_what_is_open() -> None:
    analyzer = analyzer_with()
    run(analyzer, 0, 8, MANIPULATED)
    assert [change.phase for change in analyzer.finish()] == [AlertPhase.CLOSED]
    assert analyzer.finish() == ()


def test_a_stream_with_a_preset_is_judged_by_its_rule_and_says_so() -> None:
    def last(level: int) -> Reading:
        return run(analyzer_with(preset="frame-mean"), 0, 10, level)[-1].readings[0]

    genuine, manipulated = last(GENUINE), last(MANIPULATED)
    assert (genuine.state, manipulated.state) == (State.CLEAR, State.ALERT)
    assert manipulated.fused_prob == pytest.approx(0.993)
    assert [reason.cue for reason in manipulated.reasons] == ["preset"]
    assert "frame-mean" in manipulated.reasons[0].text
