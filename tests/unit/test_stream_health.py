import numpy as np
import pytest

from pipeline.errors import SourceLost
from pipeline.types import Analysis, Frame, State, StreamId
from stream_server.streams.health import StreamHealth, Traffic
from stream_server.streams.status import StreamState


def analysis(frame: Frame, *states: State) -> Analysis:
    readings = tuple(_Reading(state) for state in states)
    return Analysis(frame.stream_id, frame.epoch, frame.index, frame.time_s, 8, 8, readings, ())  # type: ignore[arg-type]


class _Reading:
    def __init__(self, state: State) -> None:
        self.state, self.scored = state, state is not State.INSUFFICIENT


def health_after(seconds: float, *states: State, damaged: bool = False) -> StreamHealth:
    health = StreamHealth(StreamId("x"))
    for index in range(round(seconds * 15)):
        now_s = index / 15
        frame = Frame(StreamId("x"), index, now_s, 1, np.zeros((8, 8, 3), np.uint8), damaged)
        health.received(frame, None, now_s)
        health.analysed(frame, analysis(frame, *states), 0.05, now_s)
        health.refresh(now_s)
    return health


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        ((), StreamState.NO_FACE),
        ((State.INSUFFICIENT,), StreamState.INSUFFICIENT),
        ((State.INSUFFICIENT, State.CLEAR), StreamState.ANALYSING),
        ((State.ALERT,), StreamState.ANALYSING),
    ],
)
def test_the_state_says_what_can_be_judged(
    states: tuple[State, ...], expected: StreamState
) -> None:
    status = health_after(5, *states).status(5.0)
    assert status.state is expected
    assert status.frames_scored == (75 if expected is StreamState.ANALYSING else 0)
    assert status.fps_analysed == pytest.approx(15, abs=0.5)
    assert status.age_p50_ms == pytest.approx(50)


def test_many_damaged_frames_degrade_a_stream() -> None:
    assert health_after(5, State.CLEAR, damaged=True).status(5.0).state is StreamState.DEGRADED


def test_a_late_answer_from_a_lost_connection_does_not_revive_the_stream() -> None:
    health = health_after(2, State.CLEAR)
    health.lost(StreamState.RECONNECTING, SourceLost("ended", "x"))
    frame = Frame(StreamId("x"), 31, 2.1, 1, np.zeros((8, 8, 3), np.uint8))
    health.analysed(frame, analysis(frame, State.CLEAR), 0.05, 2.1)
    health.refresh(2.2)
    assert health.status(2.2).state is StreamState.RECONNECTING


def frame_at(now_s: float, epoch: int = 1) -> Frame:
    return Frame(StreamId("x"), 0, now_s, epoch, np.zeros((8, 8, 3), np.uint8))


def test_a_stream_that_never_gave_a_frame_is_still_connecting_after_a_failure() -> None:
    health = StreamHealth(StreamId("x"))
    health.lost(StreamState.RECONNECTING, SourceLost("refused", "x"))
    health.retrying("refused", 5.0)
    health.refresh(0.0)
    status = health.status(2.0)
    assert status.state is StreamState.CONNECTING
    assert (status.last_error, status.retry_in_s) == ("refused", 3.0)
    assert status.reconnects_by_code == {"refused": 1}


def test_what_a_source_counts_adds_up_over_its_connections() -> None:
    health = StreamHealth(StreamId("x"))
    for _ in range(2):
        health.connecting()
        health.received(frame_at(0.0), Traffic(10, 1, 1000), 0.0)
        health.received(frame_at(0.1), Traffic(20, 3, 2000), 0.1)
    status = health.status(0.1)
    assert (status.frames_decoded, status.frames_damaged) == (40, 6)
    assert status.frames_received == 4
    assert status.bitrate_bps == pytest.approx(8 * 4000)


def test_a_stalled_stream_is_reconnecting_once_it_is_tried_again() -> None:
    health = health_after(1, State.CLEAR)
    health.lost(StreamState.STALLED, SourceLost("stalled", "x"))
    health.refresh(1.0)
    assert health.status(1.0).state is StreamState.STALLED
    health.connecting()
    health.refresh(1.0)
    assert health.status(1.0).state is StreamState.RECONNECTING


def test_an_error_is_forgotten_when_frames_are_judged_again() -> None:
    health = health_after(1, State.CLEAR)
    health.lost(StreamState.RECONNECTING, SourceLost("ended", "x"))
    frame = frame_at(3.0, epoch=2)
    health.received(frame, None, 3.0)
    health.analysed(frame, analysis(frame, State.CLEAR), 0.05, 3.0)
    health.refresh(3.0)
    status = health.status(3.0)
    assert status.state is StreamState.ANALYSING
    assert status.last_error is None


def test_an_ended_stream_stays_ended() -> None:
    health = health_after(1, State.CLEAR)
    health.ended()
    health.lost(StreamState.RECONNECTING, SourceLost("ended", "x"))
    health.refresh(2.0)
    assert health.status(2.0).state is StreamState.ENDED
