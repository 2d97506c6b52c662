"""What is recorded of a file stays small, and loses neither a spike nor what was not seen."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.series import Recorder, Series
from pipeline.types import (
    AlertChange,
    AlertId,
    AlertPhase,
    Analysis,
    BlinkStats,
    Box,
    Quality,
    Reading,
    State,
    StreamId,
    TrackId,
    WindowScore,
)

BOX = Box(0, 0, 100, 100)
FINE = Quality(100, 50, 0.5, 0.0, damaged=False, usable=True, reason=None)
SMALL = Quality(20, 50, 0.5, 0.0, damaged=False, usable=False, reason="small")


def blink(ear, closed):
    return BlinkStats(
        window_s=60,
        observed_s=10,
        fps=15,
        blinks=0,
        rate_per_min=None,
        rate_low_per_min=None,
        rate_high_per_min=None,
        mean_closed_s=None,
        mean_interval_s=None,
        interval_cv=None,
        incomplete_share=None,
        since_last_s=None,
        ear=ear,
        baseline_ear=0.3,
        closed=closed,
        llr=0.0,
        sufficient=False,
        reason="short",
    )


def reading(track=1, prob=0.2, quality=FINE, closed=False, time_s=0.0):
    return Reading(
        track_id=TrackId(track),
        box=BOX,
        state=State.CLEAR,
        quality=quality,
        frame_fake_prob=prob,
        window=WindowScore(0, time_s, 8, 1.0, 0.0, prob, 0.1, 0.9),
        blink=blink(0.05 if closed else 0.3, closed),
        fused_prob=prob,
        reasons=(),
        first_seen_s=0.0,
        scored=True,
        low_prob=None if prob is None else 0.8 * prob,
        high_prob=None if prob is None else 1.1 * prob,
    )


def change(phase, time_s, opened_s=1.0, track=1):
    return AlertChange(
        AlertId("a"), phase, TrackId(track), time_s, opened_s, 0.9, 0.9, 0.8, (), BOX
    )


def analysis(time_s, *readings, alerts=(), skipped=0):
    return Analysis(
        StreamId("file"), 0, 0, time_s, 640, 480, readings, tuple(alerts), faces_skipped=skipped
    )


@given(st.integers(2, 40), st.lists(st.floats(0, 1), min_size=1, max_size=400))
def test_a_curve_stays_short_and_keeps_its_extremes(limit, values):
    series = Series(limit, step_s=0.1)
    for index, value in enumerate(values):
        series.add(index / 15, value)
    buckets = series.buckets()
    assert len(buckets) <= limit
    assert min(bucket.low for bucket in buckets) == min(values)
    assert max(bucket.high for bucket in buckets) == max(values)
    starts = [bucket.start_s for bucket in buckets]
    assert starts == sorted(set(starts))
    assert all(b.low - 1e-9 <= b.mean <= b.high + 1e-9 for b in buckets)


def test_four_hours_need_no_more_room_than_four_minutes():
    recorder = Recorder(points=100)
    for index in range(4 * 3600):
        recorder.add(analysis(index, reading(time_s=index)))
    (face,) = recorder.record().faces
    curves = (face.score, face.frames, face.ear, face.baseline, face.judged, face.band_low)
    assert all(50 <= len(curve) <= 100 for curve in curves)
    assert face.seen_s == pytest.approx(4 * 3600 - 1)


def test_what_was_not_judged_is_counted_by_reason():
    recorder = Recorder()
    for index in range(21):
        quality, prob = (SMALL, None) if index < 10 else (FINE, 0.3)
        recorder.add(analysis(index / 10, reading(quality=quality, prob=prob)))
    record = recorder.record()
    (face,) = record.faces
    assert dict(face.unjudged) == {"small": pytest.approx(0.9)}
    assert face.judged_s == pytest.approx(1.1)
    assert (record.face_s, record.judged_s) == (pytest.approx(2.0), pytest.approx(1.1))


def test_a_jump_in_time_is_not_observed_time():
    recorder = Recorder()
    recorder.add(analysis(0.0, reading()))
    recorder.add(analysis(3600.0, reading()))
    assert recorder.record().observed_s == 1.0


def test_an_alert_is_a_span_that_lasts_to_the_end_if_nobody_closes_it():
    recorder = Recorder()
    recorder.add(analysis(0.0, reading()))
    recorder.add(analysis(1.5, reading(), alerts=[change(AlertPhase.OPENED, 1.5)]))
    recorder.add(analysis(2.0, reading()))
    (span,) = recorder.record().faces[0].alerts
    assert (span.start_s, span.end_s) == (1.0, 2.0)
    recorder.add(analysis(3.0, reading(), alerts=[change(AlertPhase.CLOSED, 3.0)]))
    recorder.add(analysis(9.0, reading()))
    (span,) = recorder.record().faces[0].alerts
    assert (span.start_s, span.end_s) == (1.0, 3.0)


def test_a_blink_is_the_span_in_which_the_eyes_were_closed():
    recorder = Recorder()
    for index in range(10):
        recorder.add(analysis(index / 10, reading(closed=index in (3, 4))))
    (span,) = recorder.record().faces[0].blinks
    assert (span.start_s, span.end_s) == (pytest.approx(0.3), pytest.approx(0.5))


def test_of_too_many_faces_the_suspicious_ones_stay():
    recorder = Recorder(max_faces=3)
    for track in range(1, 21):
        prob = 0.95 if track == 2 else 0.1
        recorder.add(analysis(track, reading(track=track, prob=prob)))
    record = recorder.record()
    assert len(record.faces) == 3
    assert record.faces[0].track_id == 2
    assert record.faces_left_out == 17


def test_faces_beyond_the_limit_are_counted():
    recorder = Recorder()
    recorder.add(analysis(0.0, reading(1), reading(2), skipped=4))
    record = recorder.record()
    assert (record.most_faces, record.faces_skipped) == (6, 4)


def test_nobody_seen_is_nothing_judged():
    recorder = Recorder()
    for index in range(11):
        recorder.add(analysis(index / 10))
    record = recorder.record()
    assert (record.face_s, record.judged_s, record.faces) == (0.0, 0.0, ())
    assert record.observed_s == pytest.approx(1.0)
