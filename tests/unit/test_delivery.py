"""Delivery: at least once, in order, with patience, and no sink waits for another."""

import asyncio
import time

import pytest
from structlog.testing import capture_logs

from pipeline.errors import SinkError
from pipeline.types import StreamId
from stream_server.delivery import RETRY_AFTER_S, Dispatcher, retry_delay_s
from stream_server.metrics import Metrics
from stream_server.sinks import SinkGone
from stream_server.store import StorageError
from tests.alert_desk import CLOSED, OPENED, UPDATED, Desk

pytestmark = pytest.mark.usefixtures("each_database")

ALL = {f"alert-{number}" for number in range(30)}
ORDER = {phase.value: number for number, phase in enumerate((OPENED, UPDATED, CLOSED))}


class Sink:
    """Takes events, or fails as it is told."""

    def __init__(self) -> None:
        self.taken: list[tuple[str, str]] = []
        self.tries = 0
        self.error: Exception | None = None
        self.hangs = False
        self.closed = False

    async def send(self, event):
        self.tries += 1
        if self.hangs:
            await asyncio.Event().wait()
        if self.error:
            raise self.error
        self.taken.append((event.alert.alert_id, event.alert.phase.value))

    async def aclose(self):
        self.closed = True


class Post:
    """A desk with two sinks and their dispatcher."""

    def __init__(self, directory) -> None:
        self.desk = Desk(directory)
        self.sinks = {"log": Sink(), "hook": Sink()}
        self.metrics = Metrics()
        self.dispatcher = Dispatcher(self.desk.outbox, self.sinks, self.metrics)
        self.desk.book.on_change = self.dispatcher.wake

    def count(self, name, **labels):
        return self.metrics.registry.get_sample_value(f"fakewatch_{name}", labels)


@pytest.fixture
async def post(tmp_path):
    post = Post(tmp_path)
    await post.dispatcher.start()
    yield post
    await post.dispatcher.stop(flush_s=1)
    post.desk.store.close()


async def until(condition):
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - any condition, with a deadline
            await asyncio.sleep(0.01)


def test_the_waits_between_tries_grow_and_end():
    delays = [retry_delay_s(attempts, lambda: 0.5) for attempts in range(1, 8)]
    assert delays == [*RETRY_AFTER_S, None]


def test_waits_are_spread_so_that_receivers_are_not_stormed():
    assert (retry_delay_s(1, lambda: 0.0), retry_delay_s(1, lambda: 1.0)) == (4.0, 6.0)


async def test_every_sink_gets_every_event_in_order(post):
    for phase in (OPENED, CLOSED):
        await asyncio.to_thread(post.desk.apply, phase)
    await until(lambda: all(len(sink.taken) == 2 for sink in post.sinks.values()))
    assert post.sinks["hook"].taken == [("alert-1", "opened"), ("alert-1", "closed")]
    assert post.count("deliveries_total", sink="hook", result="delivered") == 2
    assert post.count("delivery_lag_seconds_count", sink="hook") == 2
    await until(lambda: post.count("outbox_pending", sink="hook") == 0)


async def test_a_sink_that_hangs_delays_no_other(post):
    post.sinks["hook"].hangs = True
    post.desk.apply(OPENED)
    await until(lambda: post.sinks["log"].taken)
    assert post.sinks["hook"].taken == []


async def test_a_failure_is_put_off_and_what_follows_waits_behind_it(post):
    post.sinks["hook"].error = SinkError("The webhook answers 500.")
    post.desk.apply(OPENED)
    await until(lambda: post.count("deliveries_total", sink="hook", result="retried") == 1)
    post.sinks["hook"].error = None
    post.desk.apply(CLOSED)
    post.desk.apply(OPENED, "alert-2")
    await until(lambda: post.sinks["hook"].taken)
    assert post.sinks["hook"].taken == [("alert-2", "opened")], "another alert does not wait"
    await until(lambda: post.desk.outbox.counts()["hook"] == (2, 0))


@pytest.mark.fault("F28")
async def test_thirty_streams_that_alert_together_lose_nothing(post, record_property):
    post.sinks["hook"].error = SinkError("The webhook answers 500.")

    def watch(number):
        for phase in (OPENED, UPDATED, CLOSED):
            post.desk.apply(phase, f"alert-{number}", stream=StreamId(f"cam-{number}"))

    began_s = time.monotonic()
    await asyncio.gather(*(asyncio.to_thread(watch, number) for number in range(30)))
    assert len(post.desk.book.recent(state="closed")) == 30
    await until(lambda: {one for one, phase in post.sinks["log"].taken if phase == "closed"} >= ALL)
    record_property("figure", f"30 alerts stored and sent in {time.monotonic() - began_s:.1f} s")
    for sink in ("log", "hook"):
        mine = [one for one in post.sinks[sink].taken if one[0] == "alert-7"]
        assert mine == sorted(mine, key=lambda one: ORDER[one[1]])
    await until(lambda: post.count("deliveries_total", sink="hook", result="retried") >= 30)
    waiting, dead = post.desk.outbox.counts()["hook"]
    assert (waiting, dead) == (60, 0), "an opening and a close of each: updates are replaced"


@pytest.mark.fault("F30")
async def test_a_receiver_that_is_gone_is_called_no_more_and_nothing_is_lost(post):
    """F30: 410, while one delivery waits for its next try."""
    hook = post.sinks["hook"]
    hook.error = SinkError("The webhook answers 500.")
    post.desk.apply(OPENED, "put off")
    await until(lambda: post.count("deliveries_total", sink="hook", result="retried") == 1)
    hook.error = SinkGone("Gone.")
    with capture_logs() as lines:
        for number in range(3):
            post.desk.apply(OPENED, f"alert-{number}")
            await until(lambda: post.count("outbox_dead", sink="hook") == number + 2)  # noqa: B023
    assert hook.tries == 2
    assert post.dispatcher.why_off("hook") == "Gone."
    assert [line["reason"] for line in lines if line["event"] == "disable_sink"] == ["Gone."]
    assert post.count("deliveries_total", sink="hook", result="dead") == 4
    assert post.desk.outbox.counts() == {"log": (0, 0), "hook": (0, 4)}
    assert len(post.sinks["log"].taken) == 4, "no other sink is switched off"

    hook.error = None
    await post.dispatcher.switch_on("hook")
    assert post.desk.outbox.revive("hook") == 4
    post.dispatcher.wake()
    await until(lambda: post.desk.outbox.counts()["hook"] == (0, 0))
    assert len(hook.taken) == 4


@pytest.mark.fault("F30")
async def test_a_test_that_is_taken_switches_a_sink_on_and_one_that_is_not_does_not(post):
    event, hook = post.desk.apply(OPENED), post.sinks["hook"]
    for error in (SinkGone("Gone."), SinkError("No.")):
        hook.error = error
        with pytest.raises(SinkError):
            await post.dispatcher.try_out("hook", event)
        assert post.dispatcher.why_off("hook") == "Gone."
    hook.error = None
    await post.dispatcher.try_out("hook", event)
    assert post.dispatcher.why_off("hook") is None


@pytest.mark.fault("F30")
async def test_a_changed_sink_is_on_again(post):
    post.sinks["hook"].error = SinkGone("Gone.")
    post.desk.apply(OPENED)
    await until(lambda: post.count("outbox_dead", sink="hook") == 1)
    anew = Sink()
    await post.dispatcher.replace({"hook": anew}, ["hook"])
    post.desk.apply(CLOSED)
    await until(lambda: anew.taken == [("alert-1", "closed")])
    assert post.dispatcher.why_off("hook") is None


async def test_what_was_sent_but_could_not_be_noted_is_not_sent_again_and_again(post, monkeypatch):
    """F32: the disk is full between sending and forgetting."""
    done, refused = post.desk.outbox.done, []

    def refuse(delivery):
        if len(refused) < 3:
            refused.append(delivery)
            raise StorageError("full")
        done(delivery)

    monkeypatch.setattr(post.desk.outbox, "done", refuse)
    monkeypatch.setattr("stream_server.delivery._LOOK_EVERY_S", 0.02)
    post.desk.apply(OPENED)
    await until(lambda: sum(map(sum, post.desk.outbox.counts().values())) == 0)
    assert [sink.tries for sink in post.sinks.values()] == [1, 1]


async def test_leftovers_of_an_earlier_run_are_sent_at_the_start(tmp_path):
    before = Desk(tmp_path)
    before.apply(OPENED)
    before.store.close()
    post = Post(tmp_path)
    await post.dispatcher.start()
    await until(lambda: post.sinks["log"].taken == [("alert-1", "opened")])
    await post.dispatcher.stop(flush_s=1)
    post.desk.store.close()


async def test_stopping_sends_what_is_due_and_closes_the_sinks(tmp_path):
    post = Post(tmp_path)
    await post.dispatcher.start()
    post.desk.book.on_change = lambda: None
    post.desk.apply(OPENED)
    await post.dispatcher.stop(flush_s=5)
    assert all(sink.taken and sink.closed for sink in post.sinks.values())
    post.desk.store.close()


async def test_stopping_waits_for_nobody_longer_than_it_may(tmp_path):
    post = Post(tmp_path)
    post.sinks["hook"].hangs = True
    post.desk.apply(OPENED)
    async with asyncio.timeout(5):
        await post.dispatcher.stop(flush_s=0.1)
    assert post.sinks["hook"].closed
    assert post.desk.outbox.counts()["hook"] == (1, 0), "it is delivered after the restart"
    post.desk.store.close()


async def test_a_dead_letter_is_tried_anew_when_somebody_asks(post):
    post.sinks["hook"].error = SinkGone("Gone.")
    post.desk.apply(OPENED)
    await until(lambda: post.desk.outbox.counts()["hook"] == (0, 1))
    (letter,) = post.desk.outbox.letters("dead", 10)
    assert (letter.sink, letter.phase, letter.error) == ("hook", "opened", "Gone.")
    post.sinks["hook"].error = None
    await post.dispatcher.switch_on("hook")
    assert post.desk.outbox.revive("hook", letter.delivery_id) == 1
    post.dispatcher.wake()
    await until(lambda: post.desk.outbox.counts()["hook"] == (0, 0))
    assert post.sinks["hook"].taken[-1][1] == "opened"
    assert post.desk.outbox.revive("hook") == 0


@pytest.mark.fault("F28")
async def test_an_alert_storm_reaches_a_sink_at_its_pace_and_nothing_is_lost(tmp_path):
    desk, sink = Desk(tmp_path), Sink()
    dispatcher = Dispatcher(desk.outbox, {"log": sink}, Metrics(), per_minute=10)
    for number in range(30):
        desk.apply(OPENED, f"alert-{number}")
    await dispatcher.start()
    await until(lambda: desk.outbox.counts()["log"] == (20, 0))
    assert len(sink.taken) == 10
    await dispatcher.stop(flush_s=1)
    desk.store.close()


async def test_people_get_one_message_about_all_that_waits(tmp_path):
    class People(Sink):
        async def send_group(self, events):
            self.taken.append(len(events))

    desk, sink = Desk(tmp_path), People()
    dispatcher = Dispatcher(desk.outbox, {"log": sink}, Metrics())
    for number in range(30):
        desk.apply(OPENED, f"alert-{number}")
    await dispatcher.start()
    await until(lambda: desk.outbox.counts()["log"] == (0, 0))
    assert sink.taken == [30]
    await dispatcher.stop(flush_s=1)
    desk.store.close()


async def test_a_sink_is_tried_out_past_the_outbox(post):
    post.sinks["hook"].error = SinkError("No.")
    event = post.desk.apply(OPENED)
    with pytest.raises(SinkError, match="No"):
        await post.dispatcher.try_out("hook", event)
