"""Live events: only the newest waits, alerts queue up to a bound, threads may publish."""

import asyncio
import json
import threading
from datetime import UTC, datetime

import numpy as np
import pytest

from pipeline.types import Alert, AlertId, AlertPhase, Analysis, StreamId, TrackId
from stream_server.live import ALERT_QUEUE_SIZE, EventHub, LiveAlert, LiveAnalysis, to_json

AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def analysis(index, stream="cam"):
    stream_id = StreamId(stream)
    result = Analysis(stream_id, 1, index, index / 10, 640, 480, (), ())
    return LiveAnalysis(stream_id, result, age_ms=12.5, received_at_ms=1e12)


def alert(seq, stream="cam"):
    stream_id = StreamId(stream)
    kept = Alert(
        AlertId("alert-1"), stream_id, "Cam", TrackId(1), AlertPhase.OPENED, AT, AT, None,
        1.0, 2.0, 0.9, 0.95, 0.8, (), "m@1@abc",
    )  # fmt: skip
    return LiveAlert(seq, kept)


@pytest.fixture
def hub():
    return EventHub()


async def next_events(events, count):
    async with asyncio.timeout(5):
        return [await anext(events) for _ in range(count)]


async def settle():
    for _ in range(3):
        await asyncio.sleep(0)


async def test_a_slow_listener_gets_the_newest_analysis_only(hub):
    hub.start()
    events = hub.subscribe()
    for index in range(100):
        hub.publish(analysis(index))
    await settle()
    (event,) = await next_events(events, 1)
    assert event.analysis.frame_index == 99


async def test_each_stream_has_a_newest_of_its_own(hub):
    hub.start()
    events = hub.subscribe()
    for index in range(3):
        hub.publish(analysis(index, "a"))
        hub.publish(analysis(index + 10, "b"))
    await settle()
    got = await next_events(events, 2)
    assert {(e.stream_id, e.analysis.frame_index) for e in got} == {("a", 2), ("b", 12)}


async def test_a_listener_of_one_stream_hears_of_no_other(hub):
    hub.start()
    events = hub.subscribe(StreamId("a"))
    hub.publish(analysis(1, "b"))
    hub.publish(alert(1, "b"))
    hub.publish(analysis(2, "a"))
    await settle()
    (event,) = await next_events(events, 1)
    assert event.stream_id == "a"


async def test_alerts_come_before_analyses_and_none_is_replaced(hub):
    hub.start()
    events = hub.subscribe()
    hub.publish(analysis(1))
    for seq in (1, 2, 3):
        hub.publish(alert(seq))
    await settle()
    got = await next_events(events, 4)
    assert [getattr(event, "seq", None) for event in got] == [1, 2, 3, None]


@pytest.mark.fault("F34")
async def test_too_many_unread_alerts_end_the_subscription(hub):
    hub.start()
    slow, quick = hub.subscribe(), hub.subscribe()
    for seq in range(ALERT_QUEUE_SIZE + 1):
        hub.publish(alert(seq))
        if seq % 100 == 0:
            await settle()
            while quick.mailbox.take():
                pass
    await settle()
    assert slow.overflowed
    assert not quick.overflowed
    assert [event async for event in slow] == []


async def test_threads_may_publish_while_the_loop_waits(hub):
    hub.start()
    events = hub.subscribe()
    threading.Thread(target=hub.publish, args=(alert(7),)).start()
    (event,) = await next_events(events, 1)
    assert event.seq == 7


async def test_what_waits_for_a_busy_loop_is_bounded(hub):
    """While the loop does not run, a thousand frames take the place of one."""
    hub.start()
    events = hub.subscribe()
    thread = threading.Thread(target=lambda: [hub.publish(analysis(i)) for i in range(1000)])
    thread.start()
    thread.join()
    await settle()
    (event,) = await next_events(events, 1)
    assert event.analysis.frame_index == 999


async def test_closing_the_hub_ends_every_subscription(hub):
    hub.start()
    waiting = asyncio.create_task(anext(hub.subscribe()))
    await settle()
    hub.close()
    with pytest.raises(StopAsyncIteration):
        await waiting
    with pytest.raises(StopAsyncIteration):
        await anext(hub.subscribe())
    hub.publish(alert(1))


def test_publishing_before_the_start_and_without_listeners_is_harmless(hub):
    hub.publish(analysis(1))


def test_an_event_is_written_as_plain_json():
    said = json.loads(to_json(alert(5)))
    assert (said["type"], said["v"], said["seq"]) == ("alert", 1, 5)
    assert said["alert"]["opened_at"] == "2026-01-02T03:04:05Z"
    said = json.loads(to_json(analysis(3)))
    assert said["analysis"]["frame_index"] == 3


def test_numpy_numbers_and_what_is_not_finite_can_be_written():
    event = LiveAnalysis(StreamId("a"), analysis(1).analysis, np.float32(1.5), float("nan"))
    said = json.loads(to_json(event))
    assert said["age_ms"] == 1.5
    assert said["received_at_ms"] is None
