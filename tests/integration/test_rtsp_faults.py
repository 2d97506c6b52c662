import random
import time
from collections.abc import Callable
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from stream_server.streams.analyst import AnalystSettings
from stream_server.streams.runner import RunnerSettings
from stream_server.streams.status import StreamState
from stream_server.streams.watchdog import StallSettings
from tests.media import moving_person, plain_wall
from tests.needs import find_free_port, wait_until
from tests.scripted_camera import (
    AUDIO_SDP,
    UNKNOWN_CODEC_SDP,
    AccessUnit,
    Script,
    ScriptedCamera,
    encode,
)
from tests.watched_stream import WatchedStream


@cache
def person(gop: int = 15) -> tuple[AccessUnit, ...]:
    return tuple(encode(moving_person(2.0, width=320, height=240), gop=gop))


def shaken(seed: int, share: float) -> Callable[[list[bytes]], list[bytes]]:
    """Flips bits in the payload of a share of the packets."""
    chance = random.Random(seed)

    def mangle(packets: list[bytes]) -> list[bytes]:
        return [_flipped(p, chance) if chance.random() < share else p for p in packets]

    return mangle


def _flipped(packet: bytes, chance: random.Random) -> bytes:
    data = bytearray(packet)
    for _ in range(3):
        if len(data) > 20:
            data[chance.randrange(16, len(data))] ^= 1 << chance.randrange(8)
    return bytes(data)


@pytest.mark.fault("F03")
@pytest.mark.parametrize("method", ["OPTIONS", "DESCRIBE", "SETUP", "PLAY"])
def test_a_server_that_never_answers_costs_no_more_than_the_open_timeout(method: str) -> None:
    script = Script(hangs_at=method)
    with (
        ScriptedCamera(person(), script) as camera,
        WatchedStream(camera.url, open_timeout_s=1.5) as stream,
    ):
        began_s = time.monotonic()
        wait_until(lambda: stream.status.last_error, 5, "an error")
        assert time.monotonic() - began_s < 3
        assert stream.status.last_error == "timeout"
        assert stream.status.state is StreamState.CONNECTING


@pytest.mark.fault("F04")
def test_a_server_that_plays_but_sends_nothing_is_left_in_bounded_time() -> None:
    with (
        ScriptedCamera(person(), Script(units_sent=0)) as camera,
        WatchedStream(camera.url, open_timeout_s=1.5, read_timeout_s=1.5) as stream,
    ):
        wait_until(lambda: camera.connections >= 2, 10, "a second connection")
        assert stream.status.frames_received == 0


@pytest.mark.fault("F04")
def test_a_camera_that_falls_silent_is_stalled_even_while_the_read_hangs() -> None:
    # The library waits longer than the watchdog, which must speak first.
    settings = RunnerSettings(stall=StallSettings(after_s=1.0, intervals=5.0))
    with (
        ScriptedCamera(person(), Script(units_sent=20)) as camera,
        WatchedStream(camera.url, settings, read_timeout_s=6) as stream,
    ):
        stream.wait_for_state(StreamState.NO_FACE)
        stream.wait_for_state(StreamState.STALLED, timeout_s=5.5)
        wait_until(lambda: camera.connections >= 2, 10, "a new connection")
        assert stream.status.reconnects_by_code == {"stalled": 1}


@pytest.mark.fault("F06")
def test_a_sparse_camera_is_not_restarted_for_its_silence() -> None:
    settings = RunnerSettings(stall=StallSettings(after_s=0.25, intervals=0.5))
    with (
        ScriptedCamera(person(gop=1), Script(fps=1, pts=lambda i: 90_000 * i)) as camera,
        WatchedStream(camera.url, settings, read_timeout_s=0.5, expected_fps="sparse") as stream,
    ):
        wait_until(lambda: stream.status.frames_analysed >= 3, 15, "three frames")
        assert camera.connections == 1
        assert stream.status.reconnects == 0


@pytest.mark.fault("F08")
@pytest.mark.parametrize("share", [0.02, 0.1])
def test_flipped_bits_are_counted_and_neither_crash_nor_reconnect(share: float) -> None:
    with (
        ScriptedCamera(person(), Script(mangle=shaken(1, share))) as camera,
        WatchedStream(camera.url) as stream,
    ):
        stream.wait_for_analyses(40)
        assert stream.status.frames_damaged > 0
        assert stream.status.reconnects == 0
        assert any(damaged for *_, damaged in stream.analyzer.frames)


@pytest.mark.fault("F08")
def test_a_stream_with_much_damage_is_degraded() -> None:
    with (
        ScriptedCamera(person(), Script(mangle=shaken(2, 0.2))) as camera,
        WatchedStream(camera.url) as stream,
    ):
        stream.wait_for_state(StreamState.DEGRADED)


def test_lost_packets_mark_the_pictures_until_the_next_keyframe() -> None:
    chance = random.Random(3)
    script = Script(mangle=lambda packets: [] if chance.random() < 0.05 else packets)
    with (
        ScriptedCamera(person(), script) as camera,
        WatchedStream(camera.url, transport="udp") as stream,
    ):
        stream.wait_for_analyses(40)
        assert stream.status.frames_damaged > 0
        assert stream.status.reconnects == 0


@pytest.mark.fault("F10")
def test_jitter_duplicates_and_disorder_give_no_negative_age_and_no_reconnect() -> None:
    chance = random.Random(4)

    def disorder(packets: list[bytes]) -> list[bytes]:
        time.sleep(chance.random() * 0.2 * (chance.random() < 0.1))
        packets = [p for p in packets for _ in range(1 + (chance.random() < 0.2))]
        if len(packets) > 2 and chance.random() < 0.3:
            packets[0], packets[1] = packets[1], packets[0]
        return packets

    with (
        ScriptedCamera(person(), Script(mangle=disorder)) as camera,
        WatchedStream(camera.url, transport="udp") as stream,
    ):
        stream.wait_for_analyses(40)
        ages = [event.age_ms for _, event in stream.analyses()]
        assert min(ages) >= 0
        assert stream.status.reconnects == 0
        times = [time_s for _, _, time_s, *_ in stream.analyzer.frames]
        assert times == sorted(times)


@pytest.mark.fault("F12")
@pytest.mark.parametrize(
    ("sdp", "code"), [(AUDIO_SDP, "no_video"), (UNKNOWN_CODEC_SDP, "codec_unsupported")]
)
def test_a_stream_without_usable_video_is_rejected_and_not_tried_again(sdp: str, code: str) -> None:
    with (
        ScriptedCamera(person(), Script(sdp=sdp)) as camera,
        WatchedStream(camera.url, open_timeout_s=2) as stream,
    ):
        stream.wait_for_state(StreamState.REJECTED)
        status = stream.status
        assert status.last_error == code
        assert status.last_error_text
        assert status.retry_in_s is None or status.retry_in_s > 600
        time.sleep(0.5)
        assert camera.connections == 1


@pytest.mark.fault("F13")
def test_a_picture_of_sixteen_megapixels_is_rejected_before_it_is_converted() -> None:
    huge = encode([np.zeros((4096, 4096, 3), np.uint8)] * 3, gop=1)
    with ScriptedCamera(huge, Script(fps=5)) as camera, WatchedStream(camera.url) as stream:
        stream.wait_for_state(StreamState.REJECTED)
        assert stream.status.last_error == "too_large"
        assert stream.status.frames_received == 0


@pytest.mark.fault("F13")
def test_a_stream_that_grows_beyond_the_limit_is_rejected_while_it_runs() -> None:
    small = encode([plain_wall(320, 240)] * 40)
    huge = encode([np.zeros((4096, 4096, 3), np.uint8)] * 2, gop=1)
    with ScriptedCamera([*small, *huge]) as camera, WatchedStream(camera.url) as stream:
        stream.wait_for_state(StreamState.REJECTED)
        assert stream.status.last_error == "too_large"


@pytest.mark.fault("F15")
@pytest.mark.parametrize(
    "pts",
    [
        pytest.param(lambda i: 3000 * (i if i < 40 else i - 35), id="back"),
        pytest.param(lambda i: 3000 * (i // 2 * 2), id="repeated"),
        pytest.param(lambda i: 2**32 - 90_000 + 3000 * i, id="wrapped"),
        pytest.param(lambda i: 3000 * (i if i < 40 else i + 30_000), id="ahead"),
    ],
)
def test_media_time_goes_on_evenly_when_the_camera_s_timestamps_are(
    pts: Callable[[int], int],
) -> None:
    with (
        ScriptedCamera(person(), Script(pts=pts)) as camera,
        WatchedStream(camera.url, analyse_fps=60) as stream,
    ):
        wait_until(lambda: stream.status.frames_analysed >= 60, 15, "60 frames")
        frames = stream.analyzer.frames[-50:]
    times = [time_s for _, _, time_s, *_ in frames]
    assert times == sorted(times)
    indexes = [index for _, index, *_ in frames]
    rate = (times[-1] - times[0]) / ((indexes[-1] - indexes[0]) / 30)
    assert rate == pytest.approx(1, abs=0.05)


@pytest.mark.fault("F23")
def test_a_room_without_anybody_is_no_face_and_nothing_is_judged() -> None:
    grain = np.random.default_rng(0)
    room = [
        np.clip(plain_wall(320, 240) + grain.normal(0, 6, (240, 320, 1)), 0, 255).astype(np.uint8)
        for _ in range(30)
    ]
    with ScriptedCamera(encode(room)) as camera, WatchedStream(camera.url) as stream:
        stream.wait_for_state(StreamState.NO_FACE)
        stream.wait_for_analyses(20)
        assert stream.status.frames_scored == 0


@pytest.mark.fault("F18")
def test_a_slow_analysis_drops_frames_instead_of_falling_behind() -> None:
    settings = RunnerSettings(AnalystSettings(age_budget_s=0.2))
    with ScriptedCamera(person()) as camera:
        stream = WatchedStream(camera.url, settings)
        quick = stream.analyzer.__call__

        class Slow(type(stream.analyzer)):  # type: ignore[misc]
            def __call__(self, frame, shed=0):  # type: ignore[no-untyped-def]
                time.sleep(0.25)
                return quick(frame, shed)

        stream.analyzer = Slow()
        with stream:
            wait_until(lambda: stream.status.shed, 20, "load shedding")
            status = stream.status
            ages = [event.age_ms for _, event in stream.analyses()]
    assert status.drops["overwritten"] > 12
    assert max(ages) < 200 + 250 + 200


@pytest.mark.fault("F01")
def test_nobody_at_the_address_is_retried_with_growing_jittered_gaps() -> None:
    settings = RunnerSettings()
    settings = replace(settings, backoff=replace(settings.backoff, shortest_s=0.05, longest_s=0.4))
    url = f"rtsp://127.0.0.1:{find_free_port()}/live"
    with WatchedStream(url, settings) as stream:
        wait_until(lambda: stream.status.reconnects >= 6, 10, "six tries")
        assert stream.status.last_error == "refused"
        assert stream.status.state is StreamState.CONNECTING
