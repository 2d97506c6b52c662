"""Metrics: what happened is counted, and a stream's series go with it."""

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from pipeline.load import Models
from pipeline.model_card import CropRule, ModelCard
from pipeline.types import (
    Alert,
    AlertId,
    AlertPhase,
    Analysis,
    Box,
    FrameScore,
    Quality,
    Reading,
    State,
    StreamId,
    TrackId,
    WindowScore,
)
from stream_server.live import LiveAnalysis
from stream_server.measured import measure_models
from stream_server.metrics import Metrics
from stream_server.streams.status import StreamState, StreamStatus
from stream_server.streams.stream_metrics import Sample, StreamCollector, Tally

AT = datetime(2026, 11, 20, tzinfo=UTC)
QUALITY = Quality(120, 50, 0.5, 0.0, damaged=False, usable=True, reason=None)


def status(stream="cam", state=StreamState.ANALYSING, **facts):
    values = {
        "fps_decoded": 30.0, "fps_analysed": 15.0, "drops": {}, "frames_received": 0,
        "frames_decoded": 0, "frames_analysed": 0, "frames_scored": 0, "frames_damaged": 0,
        "age_p50_ms": None, "age_p95_ms": None, "reconnects": 0, "reconnects_by_code": {},
        "last_error": None, "last_error_text": None, "bitrate_bps": None, "width": None,
        "height": None, "provider": "cpu", "shed": 0, "retry_in_s": None,
    }  # fmt: skip
    return StreamStatus(StreamId(stream), state, AT, AT, **{**values, **facts})


def reading(track, state=State.CLEAR, *, coverage=1.0, scored=False):
    window = WindowScore(0, 4, 8, coverage, 0.0, 0.5)
    return Reading(
        TrackId(track), Box(0, 0, 9, 9), state, QUALITY, None, window, None, None, (), 0.0, scored
    )


def analysis(*readings, time_s=1.0, skipped=0, stage_s=()):
    cam = StreamId("cam")
    return Analysis(cam, 1, 1, time_s, 640, 480, readings, (), skipped, stage_s)


def alert(phase, *, time_s=3.0, peak=0.97, track=1):
    return Alert(
        AlertId("a"), StreamId("cam"), "Cam", TrackId(track), phase, AT, AT, None,
        time_s, time_s, peak, peak, 0.8, (), "m", escalated=peak >= 0.9,
    )  # fmt: skip


class Scrape:
    """The streams of a test, and what a scrape says about them."""

    def __init__(self) -> None:
        self.samples: list[Sample] = []
        self.open: list[Alert] = []
        self.metrics = Metrics()
        self.collector = StreamCollector(
            lambda: self.samples, lambda: {"used": 1, "free": 2}, lambda: self.open
        )
        self.metrics.collect_from(self.collector)

    def value(self, name, **labels):
        return self.metrics.registry.get_sample_value(f"fakewatch_{name}", labels)


@pytest.fixture
def scrape():
    return Scrape()


def test_a_streams_counters_are_read_at_the_scrape(scrape):
    tally = Tally()
    tally.observe(analysis(reading(1), skipped=2))
    tally.observe(analysis(reading(1, coverage=0.5), reading(2), skipped=1))
    scrape.samples = [
        Sample(
            "cam",
            status(
                frames_received=90,
                frames_decoded=100,
                frames_damaged=4,
                drops={"stale": 3},
                reconnects_by_code={"timeout": 2},
            ),
            tally,
        )
    ]
    assert scrape.value("frames_received_total", stream="cam") == 90
    assert scrape.value("frames_decoded_total", stream="cam") == 100
    assert scrape.value("frames_corrupt_total", stream="cam") == 4
    assert scrape.value("frames_dropped_total", stream="cam", reason="stale") == 3
    assert scrape.value("stream_reconnects_total", stream="cam", code="timeout") == 2
    assert scrape.value("faces_tracked", stream="cam") == 2
    assert scrape.value("faces_skipped_total", stream="cam") == 3
    assert scrape.value("window_coverage_ratio", stream="cam") == 0.5
    assert scrape.value("stream_up", stream="cam") == 1
    assert scrape.value("streams", state="analysing") == 1
    assert scrape.value("streams", state="frozen") == 0
    assert scrape.value("slots", state="free") == 2


def test_a_stream_that_delivers_nothing_is_down(scrape):
    tally = Tally()
    tally.observe(analysis(reading(1)))
    scrape.samples = [Sample("cam", status(state=StreamState.RECONNECTING), tally)]
    assert scrape.value("stream_up", stream="cam") == 0
    assert scrape.value("faces_tracked", stream="cam") == 0
    assert scrape.value("window_coverage_ratio", stream="cam") is None


def test_the_series_of_a_stream_go_with_it(scrape):
    scrape.samples = [Sample("cam", status(frames_received=5), Tally())]
    assert b'stream="cam"' in scrape.metrics.page()
    scrape.collector.retire(scrape.samples.pop())
    assert b'stream="cam"' not in scrape.metrics.page()


def test_sessions_share_a_label_whose_counters_never_fall(scrape):
    first = Sample("webrtc", status("webrtc-1", frames_received=10), Tally())
    second = Sample("webrtc", status("webrtc-2", frames_received=7), Tally())
    scrape.samples = [first, second]
    assert scrape.value("frames_received_total", stream="webrtc") == 17
    assert scrape.value("stream_up", stream="webrtc") == 2
    scrape.samples = [second]
    scrape.collector.retire(first)
    assert scrape.value("frames_received_total", stream="webrtc") == 17
    scrape.samples = []
    scrape.collector.retire(second)
    assert scrape.value("frames_received_total", stream="webrtc") == 17


def test_alerts_are_counted_once_by_severity(scrape):
    tally = Tally()
    tally.count(alert(AlertPhase.OPENED, peak=0.97))
    tally.count(alert(AlertPhase.UPDATED))
    tally.count(alert(AlertPhase.OPENED, peak=0.85))
    tally.count(alert(AlertPhase.CLOSED))
    scrape.samples, scrape.open = [Sample("cam", status(), tally)], [alert(AlertPhase.OPENED)]
    assert scrape.value("alerts_total", stream="cam", severity="high") == 1
    assert scrape.value("alerts_total", stream="cam", severity="moderate") == 1
    assert scrape.value("alerts_open", severity="high") == 1
    assert scrape.value("alerts_open", severity="moderate") == 0


def test_the_time_to_an_alert_begins_with_the_first_suspicion():
    tally = Tally()
    for time_s, state in ((1.0, State.CLEAR), (1.5, State.SUSPECT), (3.0, State.ALERT)):
        tally.observe(analysis(reading(1, state), time_s=time_s))
    assert tally.count(alert(AlertPhase.OPENED, time_s=3.0)) == 1.5
    tally.observe(analysis(reading(1, State.CLEAR), time_s=4.0))
    tally.observe(analysis(reading(1, State.ALERT), time_s=9.0))
    assert tally.count(alert(AlertPhase.OPENED, time_s=9.0)) == 0.0


def test_ages_and_stages_of_frames_are_observed(scrape):
    stages = (("detect", 0.004), ("landmarks", 0.006))
    scored = analysis(reading(1, scored=True), stage_s=stages)
    for result in (scored, analysis(reading(1))):
        scrape.metrics.observe(LiveAnalysis(StreamId("cam"), result, 30.0, 0.0))
    assert scrape.value("frame_age_seconds_count", stage="analysed") == 2
    assert scrape.value("frame_age_seconds_count", stage="scored") == 1
    assert scrape.value("frame_age_seconds_sum", stage="scored") == pytest.approx(0.03)
    assert scrape.value("stage_duration_seconds_sum", stage="detect") == pytest.approx(0.004)


def card(name, task):
    return ModelCard(
        name, "1", task, "x", Path("x"), "0" * 64, "", "", "", "", crop=CropRule(32, 1.3)
    )


class Judge:
    """A classifier that has no answer for black crops."""

    card = card("judge", "deepfake")

    def __call__(self, crops):
        return [FrameScore(0.0, 0.5) if crop.any() else None for crop in crops]


@pytest.mark.fault("F21")
def test_calls_of_models_are_timed_and_bad_answers_counted(scrape):
    cards = (card("finder", "face_detection"), card("points", "face_landmarks"), Judge.card)
    plain = Models(lambda _: [], lambda _image, _face: None, Judge(), "cuda", cards)
    models = measure_models(plain, scrape.metrics)
    black = np.zeros((32, 32, 3), np.uint8)
    assert models.detector(black) == []
    assert models.landmarker(black, None) is None
    assert models.classifier([black, black + 1]) == [None, FrameScore(0.0, 0.5)]
    assert models.classifier.card is Judge.card
    assert scrape.value("inference_duration_seconds_count", model="finder", provider="cpu") == 1
    assert scrape.value("inference_duration_seconds_count", model="judge", provider="cuda") == 1
    assert scrape.value("inference_invalid_total", model="judge") == 1
    assert scrape.value("execution_provider_info", model="judge", provider="cuda") == 1


def test_two_services_of_one_process_count_apart():
    one, other = Metrics(), Metrics()
    one.dropped.inc()
    assert other.registry.get_sample_value("fakewatch_ws_dropped_total") == 0
