import time

import pytest

from pipeline.errors import SourceError
from pipeline.types import StreamId
from stream_server.plugins import build, parse_config
from stream_server.streams.analyst import AnalystSettings
from stream_server.streams.runner import RunnerSettings
from stream_server.streams.status import StreamState
from tests.gst_camera import GstCamera
from tests.needs import find_free_port, wait_until
from tests.watched_stream import WatchedStream

PASSWORD = "p@ss%w/?#ord-1"
IN_URL = "p@ss%25w%2F%3F%23ord-1"


@pytest.mark.parametrize("transport", ["tcp", "udp"])
def test_a_camera_is_analysed_over(transport: str) -> None:
    with GstCamera() as camera, WatchedStream(camera.url(), transport=transport) as stream:
        stream.wait_for_analyses(20)
        status = stream.status
    assert status.state is StreamState.NO_FACE
    assert (status.width, status.height) == (320, 240)
    assert status.frames_decoded > status.frames_received  # 30 fps come, 15 are looked at
    assert status.frames_damaged == 0
    assert status.bitrate_bps is not None
    assert status.age_p95_ms is not None
    assert status.age_p95_ms < 400


@pytest.mark.fault("F40")
@pytest.mark.parametrize("auth", ["digest", "basic"])
def test_a_password_with_every_awkward_character_opens_a_camera_that_asks_for(auth: str) -> None:
    facts = {"user": "admin", "password": PASSWORD, "auth": auth}
    with (
        GstCamera(**facts) as camera,
        WatchedStream(camera.url(user_info=f"admin:{IN_URL}")) as stream,
    ):
        stream.wait_for_analyses(5)


@pytest.mark.fault("F05")
def test_a_wrong_password_is_tried_once_a_minute_and_shown_nowhere() -> None:
    with (
        GstCamera(user="admin", password=PASSWORD) as camera,
        WatchedStream(camera.url(user_info="admin:canary-7391")) as stream,
    ):
        wait_until(lambda: stream.status.last_error, 10, "an error")
        status = stream.status
        events = repr(stream.events)
    assert status.last_error == "auth_failed"
    assert status.retry_in_s is not None
    assert 55 < status.retry_in_s <= 72
    assert "canary" not in repr(status) + events


@pytest.mark.fault("F05")
def test_the_error_of_a_wrong_password_holds_no_password_and_chains_none() -> None:
    with GstCamera(user="admin", password=PASSWORD) as camera:
        facts = {"type": "av", "url": camera.url(user_info="admin:canary-7391")}
        source = build(parse_config("sources", facts), StreamId("x"), 1)
        with pytest.raises(SourceError) as caught:
            next(source.frames())
    error: BaseException | None = caught.value
    assert error is not None
    assert "canary" not in str(error) + repr(error)
    assert error.__cause__ is None
    assert error.__suppress_context__ or error.__context__ is None


@pytest.mark.fault("F01")
def test_a_camera_that_is_down_at_the_start_is_connected_when_it_comes() -> None:
    camera = GstCamera()
    camera.port = find_free_port()
    with WatchedStream(camera.url()) as stream:
        wait_until(lambda: stream.status.reconnects >= 1, 10, "a second try")
        assert stream.status.state is StreamState.CONNECTING
        assert stream.status.last_error == "refused"
        with camera:
            stream.wait_for_analyses(5)
            assert stream.status.last_error is None


@pytest.mark.fault("F02")
def test_a_killed_camera_is_noticed_at_once_and_analysed_soon_after_it_returns() -> None:
    with GstCamera() as camera, WatchedStream(camera.url()) as stream:
        stream.wait_for_analyses(15)
        killed_s = time.monotonic()
        camera.kill()
        stream.wait_for_state(StreamState.RECONNECTING, timeout_s=1.0)
        camera.start()
        returned_s = time.monotonic()
        seen = wait_until(lambda: stream.analyses(returned_s), 5.0, "a frame within 5 s")
        assert seen[0][1].analysis.epoch > 1
        assert stream.status.reconnects_by_code["ended"] == 1
        lost_s = stream.entered_s(StreamState.RECONNECTING, killed_s)
        assert lost_s is not None
        assert lost_s - killed_s < 1.0


@pytest.mark.fault("F04")
def test_a_camera_that_stops_sending_is_stalled_and_comes_back() -> None:
    with GstCamera() as camera, WatchedStream(camera.url()) as stream:
        stream.wait_for_analyses(15)
        camera.tell("stall", "/live")
        stalled_s = time.monotonic()
        stream.wait_for_state(StreamState.STALLED, timeout_s=6)
        assert time.monotonic() - stalled_s > 4
        stream.wait_for_state(StreamState.RECONNECTING, timeout_s=6)
        assert stream.status.reconnects_by_code == {"stalled": 1}
        camera.tell("resume", "/live")
        stream.wait_for_analyses(5, timeout_s=30)


@pytest.mark.fault("F11")
def test_a_change_of_resolution_neither_reconnects_nor_starts_a_new_epoch() -> None:
    with GstCamera() as camera, WatchedStream(camera.url()) as stream:
        stream.wait_for_analyses(10)
        for size in ((640, 480), (320, 240)):
            camera.tell("size", "/live", *size)
            wait_until(
                lambda size=size: (stream.status.width, stream.status.height) == size,
                10,
                f"pictures of {size}",
            )
        assert stream.status.reconnects == 0
        assert {epoch for epoch, *_ in stream.analyzer.frames} == {1}
        times = [time_s for _, _, time_s, *_ in stream.analyzer.frames]
        assert times == sorted(times)


@pytest.mark.fault("F07")
def test_a_frozen_picture_pauses_the_analysis_until_it_moves_again() -> None:
    settings = RunnerSettings(AnalystSettings(frozen_after_s=2.0))
    with (
        GstCamera({"/live": {"pattern": "checkers-8"}}) as camera,
        WatchedStream(camera.url(), settings) as stream,
    ):
        stream.wait_for_state(StreamState.FROZEN)
        analysed = stream.status.frames_analysed
        wait_until(lambda: stream.status.drops.get("frozen", 0) > 15, 5, "frozen frames")
        assert stream.status.frames_analysed == analysed
        camera.tell("pattern", "/live", "ball")
        stream.wait_for_state(StreamState.NO_FACE)
        stream.wait_for_analyses(10)


def test_eight_streams_at_once_all_keep_their_rate_while_a_ninth_fails() -> None:
    dead = f"rtsp://127.0.0.1:{find_free_port()}/nobody"
    with GstCamera() as camera:
        streams = [WatchedStream(camera.url()) for _ in range(8)]
        with WatchedStream(dead) as broken:
            try:
                for stream in streams:
                    stream.runner.start()
                for stream in streams:
                    wait_until(lambda s=stream: s.status.frames_analysed >= 45, 30, "45 frames")
                rates = [stream.status.fps_analysed for stream in streams]
                ages = [stream.status.age_p95_ms for stream in streams]
            finally:
                for stream in streams:
                    stream.runner.stop()
            assert broken.status.state is StreamState.CONNECTING
    assert min(rates) > 10
    assert all(age is not None and age < 400 for age in ages)
