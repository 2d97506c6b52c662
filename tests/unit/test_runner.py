import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import pytest

from pipeline.errors import SourceError, SourceLost, SourceRefused
from pipeline.types import (
    AlertChange,
    AlertId,
    AlertPhase,
    Analysis,
    Box,
    Frame,
    StreamId,
    TrackId,
)
from stream_server.live import LiveEvent
from stream_server.streams.analyst import AnalystSettings
from stream_server.streams.backoff import BackoffSettings
from stream_server.streams.runner import RunnerSettings
from stream_server.streams.status import StreamState
from stream_server.streams.watchdog import StallSettings
from tests.needs import wait_until
from tests.watched_stream import NobodyAnalyzer, WatchedStream

QUICK = RunnerSettings(
    stall=StallSettings(after_s=1.0, first_frame_s=5.0),
    backoff=BackoffSettings(shortest_s=0.02, longest_s=0.05, returning_longest_s=0.05),
)


class Frames:
    """Gives so many frames, then raises, returns, or hangs until it is closed."""

    def __init__(
        self, epoch: int, count: int = 10_000, then: SourceError | str = "return", fps: float = 200
    ) -> None:
        self.epoch, self.count, self.then, self.fps = epoch, count, then, fps
        self.closed = threading.Event()

    def frames(self) -> Iterator[Frame]:
        chance = np.random.default_rng(self.epoch)
        for index in range(self.count):
            if self.closed.wait(1 / self.fps):
                return
            image = chance.integers(0, 255, (8, 8, 3), dtype=np.uint8)
            yield Frame(StreamId("camera"), index, index / 30, self.epoch, image)
        if self.then == "hang":
            self.closed.wait(30)
        elif self.then == "crash":
            raise ZeroDivisionError
        elif isinstance(self.then, SourceError):
            raise self.then

    def close(self) -> None:
        self.closed.set()


def once_then_for_ever(then: SourceError | str) -> Callable[[int], Frames]:
    return lambda epoch: Frames(epoch, count=5, then=then) if epoch == 1 else Frames(epoch)


@pytest.mark.parametrize(
    ("then", "code"),
    [
        ("return", "ended"),
        (SourceLost("timeout", "x"), "timeout"),
        ("hang", "stalled"),
        ("crash", "internal"),
    ],
)
def test_a_lost_source_is_opened_again_whatever_ended_it(
    then: SourceError | str, code: str
) -> None:
    with WatchedStream(once_then_for_ever(then), QUICK) as stream:
        wait_until(
            lambda: any(epoch == 2 for epoch, *_ in stream.analyzer.frames), 10, "a new epoch"
        )
        assert stream.status.reconnects_by_code == {code: 1}
        lost = StreamState.STALLED if code == "stalled" else StreamState.RECONNECTING
        assert lost in stream.states


def test_a_refused_source_is_rejected_and_not_opened_again() -> None:
    opened: list[int] = []

    def refuse(epoch: int) -> Frames:
        opened.append(epoch)
        raise SourceRefused("codec_unsupported", "The codec is unknown.")

    with WatchedStream(refuse, QUICK) as stream:
        stream.wait_for_state(StreamState.REJECTED)
        wait_until(lambda: not stream.runner.is_running, 5, "the threads to end")
        assert stream.status.last_error == "codec_unsupported"
        assert opened == [1]


def test_an_error_s_text_is_shown_without_its_secrets() -> None:
    error = SourceLost("timeout", "No answer from rtsp://admin:canary@10.0.0.9/x.")
    with WatchedStream(lambda epoch: Frames(epoch, 0, error), QUICK) as stream:
        wait_until(lambda: stream.status.last_error_text, 5, "an error")
        assert "canary" not in repr(stream.status)
        assert "10.0.0.9" in str(stream.status.last_error_text)


class Crashing(NobodyAnalyzer):
    def __init__(self, bad: set[int]) -> None:
        super().__init__()
        self.calls, self.bad = 0, bad

    def __call__(self, frame: Frame, shed: int = 0) -> Analysis:
        self.calls += 1
        if self.calls in self.bad:
            raise ZeroDivisionError
        return super().__call__(frame, shed)


@pytest.mark.fault("F19")
def test_a_crash_of_the_analysis_costs_one_frame_and_is_said() -> None:
    stream = WatchedStream(Frames, QUICK)
    stream.analyzer = Crashing({5})
    with stream:
        stream.wait_for_analyses(20)
        assert StreamState.FAILED in stream.states or stream.status.drops["failed"] == 1
        assert stream.status.state is StreamState.NO_FACE


def test_an_analysis_that_always_crashes_is_restarted_a_few_times_a_minute_only() -> None:
    settings = RunnerSettings(AnalystSettings(restarts=3, restart_window_s=600))
    stream = WatchedStream(Frames, settings)
    crashing = Crashing(set(range(10_000)))
    stream.analyzer = crashing
    with stream:
        stream.wait_for_state(StreamState.FAILED)
        wait_until(lambda: stream.status.drops.get("failed", 0) > 50, 10, "frames left out")
        assert crashing.calls == 4
        assert stream.status.last_error == "internal"


class Alarmed(NobodyAnalyzer):
    """Has an alert open, which it closes at the end."""

    finished = 0

    def finish(self) -> tuple[AlertChange, ...]:
        self.finished += 1
        box = Box(0, 0, 1, 1)
        change = AlertChange(
            AlertId("a"), AlertPhase.CLOSED, TrackId(1), 1.0, 0.0, 0.9, 0.9, 0.8, (), box
        )
        return (change,)


class Hanging(Alarmed):
    """The third frame's analysis never comes back before it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.calls, self.let_go = 0, threading.Event()

    def __call__(self, frame: Frame, shed: int = 0) -> Analysis:
        self.calls += 1
        if self.calls == 3:
            self.let_go.wait(30)
        return super().__call__(frame, shed)


@pytest.mark.fault("F19")
def test_an_analysis_that_hangs_is_replaced_and_heard_no_more() -> None:
    settings = RunnerSettings(AnalystSettings(hung_after_s=0.4))
    stream = WatchedStream(Frames, settings)
    stream.analyzer = hanging = Hanging()
    with stream:
        wait_until(lambda: hanging.calls == 3, 10, "the call that hangs")

        def replaced() -> bool:
            stream.runner.watch(time.monotonic())
            return stream.status.frames_analysed > 20

        wait_until(replaced, 10, "frames after it")
        assert StreamState.FAILED in stream.states
        assert stream.status.drops["failed"] == 1
        assert any(event.analysis.alerts for _, event in stream.analyses()), "its alerts are closed"
        hanging.let_go.set()
        stream.wait_for_analyses(5)
    wait_until(lambda: not stream.runner._left_behind[0].is_alive(), 5, "the old thread to end")
    status = stream.status
    assert status.frames_received - status.frames_analysed - sum(status.drops.values()) in (0, 1)


def test_a_listener_that_raises_does_not_stop_the_analysis() -> None:
    stream = WatchedStream(Frames, QUICK)

    def disk_full(event: LiveEvent) -> None:
        raise OSError(28, "No space left on device")

    stream.runner._publish = disk_full
    with stream:
        stream.wait_for_analyses(20)
        assert stream.status.state is StreamState.NO_FACE


def test_stopping_a_stream_closes_its_alerts() -> None:
    stream = WatchedStream(Frames, QUICK)
    stream.analyzer = Alarmed()
    with stream:
        stream.wait_for_analyses(3)
    closing = stream.analyses()[-1][1].analysis
    assert [change.phase for change in closing.alerts] == [AlertPhase.CLOSED]
    assert closing.readings == ()
    assert stream.status.state is StreamState.ENDED
    assert stream.states[-1] is StreamState.ENDED


def test_alerts_are_closed_when_no_frame_comes_for_long() -> None:
    settings = RunnerSettings(AnalystSettings(finish_after_s=0.3))
    stream = WatchedStream(lambda epoch: Frames(epoch, 5, "hang"), settings)
    stream.analyzer = alarmed = Alarmed()
    with stream:
        wait_until(lambda: alarmed.finished == 1, 10, "the alert to be closed")
        assert stream.analyses()[-1][1].analysis.alerts


@pytest.mark.fault("F07")
def test_a_frozen_picture_is_no_evidence_so_its_alerts_are_closed() -> None:
    class Frozen(Frames):
        def frames(self) -> Iterator[Frame]:
            image = np.full((8, 8, 3), 99, np.uint8)
            for frame in super().frames():
                yield replace(frame, image=image)

    settings = RunnerSettings(AnalystSettings(frozen_after_s=0.5, finish_after_s=0.3))
    stream = WatchedStream(Frozen, settings)
    stream.analyzer = alarmed = Alarmed()
    with stream:
        stream.wait_for_state(StreamState.FROZEN)
        wait_until(lambda: alarmed.finished == 1, 10, "the alert to be closed")
        analysed = stream.status.frames_analysed
        wait_until(lambda: stream.status.drops["frozen"] > 100, 10, "frozen frames")
        assert stream.status.frames_analysed == analysed


def test_every_frame_of_a_file_is_analysed_and_then_the_stream_has_ended() -> None:
    class Slow(NobodyAnalyzer):
        def __call__(self, frame: Frame, shed: int = 0) -> Analysis:
            time.sleep(0.003)
            assert shed == 0
            return super().__call__(frame, shed)

    stream = WatchedStream(lambda epoch: Frames(epoch, 100, fps=5000), live=False)
    stream.analyzer = Slow()
    with stream:
        stream.wait_for_state(StreamState.ENDED)
        wait_until(lambda: not stream.runner.is_running, 5, "the threads to end")
    assert [index for _, index, *_ in stream.analyzer.frames] == list(range(100))
    assert not stream.status.drops


def test_a_stream_that_does_not_retry_ends_with_its_source() -> None:
    with WatchedStream(lambda epoch: Frames(epoch, 5), QUICK, retry=False) as stream:
        stream.wait_for_state(StreamState.ENDED)
        assert stream.status.reconnects == 0


def test_a_frame_older_than_the_budget_is_dropped_as_stale() -> None:
    settings = RunnerSettings(AnalystSettings(age_budget_s=0.0))
    with WatchedStream(Frames, settings) as stream:
        wait_until(lambda: stream.status.drops.get("stale", 0) > 5, 10, "stale frames")
        assert stream.status.frames_analysed == 0


def test_stopping_does_not_wait_for_a_source_that_hangs() -> None:
    class Deaf(Frames):
        def close(self) -> None:
            pass

    stream = WatchedStream(lambda epoch: Deaf(epoch, 1, "hang"))
    stream.runner.start()
    stream.wait_for_analyses(1)
    began_s = time.monotonic()
    stream.runner.stop(timeout_s=0.3)
    assert time.monotonic() - began_s < 3
    assert stream.status.state is StreamState.ENDED
    told = len(stream.events)
    stream.runner._supervisor._source.closed.set()  # type: ignore[union-attr]
    wait_until(lambda: not stream.runner.is_running, 5, "the reader to end")
    assert stream.status.state is StreamState.ENDED
    assert all(event.type != "analysis" for _, event in stream.events[told:])


def test_the_status_is_told_about_once_a_second_and_at_every_change() -> None:
    with WatchedStream(Frames, QUICK) as stream:
        wait_until(lambda: len(stream.analyses()) > 300, 20, "some seconds")
    told = [at_s for at_s, event in stream.events if event.type == "status"]
    seconds = told[-1] - told[0]
    assert seconds - 1 <= len(told) <= 2 * seconds + 6
